"""A voice's baseline: how a person sounds when neutral, taken out of what the network says.

One voice is deep and flat, another bright and lively, and a network that knows neither hears the
first as sad and the second as happy. So what it says of a person's neutral speech, beyond what it
says of everybody's, is taken off the logits of all that this person says.

The baseline is one number per emotion. No voice can be rebuilt from it, and it belongs to the one
network whose logits it was made of.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Bundle
from ser_ros.errors.models import NoBaseline, VoiceMismatch, VoiceUnreadable
from ser_ros.files import PRIVATE, write_text
from ser_ros.labels import NEUTRAL

Logits = npt.NDArray[np.float32]

SCHEMA = 1
"""The version of a saved voice's layout."""

PRIOR_WINDOWS = 8.0
"""Windows of the population that a voice begins with: after as many of its own it counts half."""

MEMORY_WINDOWS = 40.0
"""Neutral windows that are remembered as a voice is followed; older ones fade."""

NEUTRAL_FROM = 0.5
"""Probability of neutral from which a followed window teaches.

Were a window that sounds like an emotion to teach ever so little, a bout that is long enough would
become the new normal: what it shifts makes the next window sound more neutral, and teach more."""

LARGEST_SHIFT = 3.0
"""What is taken off a logit at most, so that nothing that was learned can drown what is heard."""


class VoiceBaseline:
    """One voice under one network; it begins as the population's."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises `NoBaseline` for a bundle that tells nothing of the population."""
        if bundle.neutral_logits is None or NEUTRAL not in bundle.labels.labels:
            raise NoBaseline(bundle.name)
        self._bundle = bundle
        self._neutral = bundle.labels.labels.index(NEUTRAL)
        self._population = np.asarray(bundle.neutral_logits, np.float64)
        self.step = 1.0
        """How many windows one counts for: 1 where each begins half a window after the one before,
        less where they lie closer and say the same again."""
        self.reset()

    def reset(self) -> None:
        """Forget the voice."""
        self._mean = self._population.copy()
        self.windows = 0.0
        """Windows of neutral speech that the voice is known by; in fractions as it is followed."""

    @property
    def shift(self) -> npt.NDArray[np.float64]:
        """What is taken off the logits, shape (labels,); zeros for a voice that is not known."""
        trust = self.windows / (self.windows + PRIOR_WINDOWS)
        found = trust * (self._mean - self._population)
        return np.clip(found, -LARGEST_SHIFT, LARGEST_SHIFT)

    def __call__(self, logits: Logits) -> Logits:
        """Return logits, shape (labels,) or (windows, labels), as the voice has them."""
        return np.asarray(logits - self.shift, np.float32)

    def enroll(self, logits: Logits) -> None:
        """Take the logits of windows, shape (windows, labels), as this voice when neutral."""
        for window in logits:
            self._learn(window, self.step, math.inf)

    def follow(self, logits: Logits) -> None:
        """Learn from the logits of a window, shape (labels,), as far as it sounds neutral.

        What sounds like an emotion teaches nothing: a long bout of anger is not the new normal.
        """
        adapted = (logits - self.shift).astype(np.float64)
        likely = np.exp(adapted - adapted.max())
        neutral = float(likely[self._neutral] / likely.sum())
        if neutral >= NEUTRAL_FROM:
            self._learn(logits, self.step * neutral, MEMORY_WINDOWS)

    def _learn(self, logits: Logits, weight: float, memory: float) -> None:
        if weight <= 0 or not np.all(np.isfinite(logits)):
            return
        self.windows = min(self.windows + weight, max(memory, weight))
        self._mean = self._mean + min(1.0, weight / self.windows) * (logits - self._mean)

    # ── kept by name ──────────────────────────────────────────────────────────────────────────

    def save(self, path: Path) -> None:
        """Write the voice to a file that its owner alone can read. Raises `CannotWrite`."""
        content = {
            "schema": SCHEMA,
            "model": self._bundle.name,
            "model_sha256": self._bundle.sha256,
            "labels": list(self._bundle.labels.labels),
            "neutral_logits": self._mean.tolist(),
            "windows": self.windows,
        }
        write_text(path, json.dumps(content, indent=2) + "\n", PRIVATE)

    def load(self, path: Path) -> None:
        """Take the voice of a file. Raises `VoiceUnreadable` or `VoiceMismatch`, and stays."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            sha256, schema = content["model_sha256"], content["schema"]
            mean = np.asarray(content["neutral_logits"], np.float64)
            windows = float(content["windows"])
        except OSError as error:
            raise VoiceUnreadable(path, error.strerror or error) from error
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise VoiceUnreadable(path, f"it is no saved voice: {error!r}") from error
        if sha256 != self._bundle.sha256:
            raise VoiceMismatch(path, self._bundle.name)
        finite = np.all(np.isfinite(mean)) and 0 <= windows < math.inf
        if schema != SCHEMA or mean.shape != self._population.shape or not finite:
            raise VoiceUnreadable(path, "its numbers are not those of a voice")
        self._mean, self.windows = mean, windows
