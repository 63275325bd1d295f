"""Estimates to state: smoothed over time, with hysteresis, so that a behaviour does not flicker."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ser_ros.classifier import Estimate, Probabilities
from ser_ros.clock import SECOND
from ser_ros.errors.config import BadValue
from ser_ros.labels import NO_SPEECH, UNCERTAIN


@dataclass(frozen=True)
class TrackingConfig:
    time_constant_s: float = 2.0
    """Seconds after which an old estimate has lost 63 % of its weight."""
    uncertain_below: float = 0.5
    """Smoothed probability below which the state is `uncertain`."""
    margin: float = 0.1
    """By how much another emotion must be likelier, for two estimates running, to take the place of
    the one that stands."""
    silence_s: float = 3.0
    """Seconds without speech after which the state is `no_speech`; a pause for breath is not."""

    def __post_init__(self) -> None:
        if not self.time_constant_s > 0 or not self.silence_s >= 0:  # NaN is neither
            raise BadValue("time_constant and silence", self, "positive seconds")
        if not 0 <= self.margin <= 1 or not 0 <= self.uncertain_below <= 1:
            raise BadValue("margin and uncertain_below", self, "0 to 1")


@dataclass(frozen=True)
class State:
    """What a voice has sounded like lately."""

    label: str
    """One of the labels, or `uncertain`, or `no_speech`."""
    confidence: float
    """Smoothed probability of the label (of the likeliest one while `uncertain`)."""
    probabilities: Probabilities
    """Smoothed over time; all 0 while nobody speaks."""
    since_ns: int
    """When the label became what it is."""


class Tracker:
    """Fold estimates, in the order of their time, into a state."""

    def __init__(self, labels: tuple[str, ...], config: TrackingConfig) -> None:
        self._labels = labels
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a jump in time."""
        self._smoothed: Probabilities | None = None
        self._challenger: str | None = None
        self._label = NO_SPEECH
        self._since_ns: int | None = None
        self._last_ns: int | None = None
        self._spoken_ns: int | None = None

    def update(self, estimate: Estimate, now_ns: int) -> State:
        """Take in the estimate of the window that ended at `now_ns`; time going back resets."""
        if self._last_ns is not None and now_ns < self._last_ns:
            self.reset()
        self._last_ns = now_ns
        if estimate.label != NO_SPEECH:
            self._smooth(estimate.probabilities, now_ns)
            self._spoken_ns = now_ns
        silent_ns = now_ns - self._spoken_ns if self._spoken_ns is not None else math.inf
        if silent_ns >= self.config.silence_s * SECOND and estimate.label == NO_SPEECH:
            self._smoothed = None
        label = self._decide()
        if label != self._label or self._since_ns is None:
            self._label, self._since_ns = label, now_ns
        return self._state(label, self._since_ns)

    def _state(self, label: str, since_ns: int) -> State:
        if self._smoothed is None:
            return State(label, 0.0, np.zeros(len(self._labels), np.float32), since_ns)
        confidence = (
            self._smoothed[self._labels.index(label)]
            if label in self._labels
            else self._smoothed.max()
        )
        return State(label, float(confidence), self._smoothed.copy(), since_ns)

    def _smooth(self, probabilities: Probabilities, now_ns: int) -> None:
        if self._smoothed is None or self._spoken_ns is None:
            self._smoothed = probabilities.astype(np.float32)
            return
        elapsed_s = (now_ns - self._spoken_ns) / SECOND
        kept = math.exp(-elapsed_s / self.config.time_constant_s)
        self._smoothed = (kept * self._smoothed + (1 - kept) * probabilities).astype(np.float32)

    def _decide(self) -> str:
        if self._smoothed is None:
            return NO_SPEECH
        threshold, margin = self.config.uncertain_below, self.config.margin
        best = int(np.argmax(self._smoothed))
        likeliest = self._labels[best]
        if self._label not in self._labels:
            self._challenger = None
            # Out of silence the threshold decides; out of doubt a little more is asked.
            needed = threshold + (margin if self._label == UNCERTAIN else 0.0)
            return likeliest if self._smoothed[best] >= min(needed, 1.0) else UNCERTAIN
        standing = self._smoothed[self._labels.index(self._label)]
        leads = likeliest != self._label and self._smoothed[best] >= max(
            standing + margin, threshold
        )
        before, self._challenger = self._challenger, likeliest if leads else None
        if leads:
            # Estimates that alternate take the lead by turns, and none of them twice running.
            return likeliest if before == likeliest else self._label
        return self._label if standing >= threshold - margin else UNCERTAIN
