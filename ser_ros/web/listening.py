"""Whole recordings judged for the page: every number that it shows of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ser_ros.audio import Samples
from ser_ros.baseline import VoiceBaseline
from ser_ros.bundle import Bundle
from ser_ros.classifier import Classifier, Estimate, decide
from ser_ros.errors.web import NobodySpeaks
from ser_ros.labels import NO_SPEECH
from ser_ros.web.pictures import Spectrograms, envelope

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1; what it raises ends the judging."""


class _Told(Classifier):
    """A classifier that tells how far it is with a recording."""

    def begin(self, windows: int, progress: Progress) -> None:
        self._windows, self._done, self._progress = windows, 0, progress

    def __call__(self, window: Samples) -> Estimate:
        estimate = super().__call__(window)
        self._done += 1
        self._progress(min(1.0, self._done / self._windows))
        return replace(estimate, image=None)  # of ten minutes they would be 100 MB


class Listener:
    """Judges recordings, one after the other; for one thread alone."""

    def __init__(self, bundle: Bundle, runtime: str = "auto", threads: int = 1) -> None:
        """Raises the errors of `Classifier`."""
        self.bundle = bundle
        self._classifier = _Told(bundle, runtime, threads)
        self._spectrograms = Spectrograms()

    @property
    def uncertain_below(self) -> float:
        return self._classifier.calibration.uncertain_below

    def learn(self, samples: Samples, progress: Progress) -> VoiceBaseline:
        """Return the baseline of ordinary speech. Raises `NoBaseline` or `NobodySpeaks`."""
        voice = VoiceBaseline(self.bundle)
        _, windows, _ = self._judge(samples, None, progress)
        logits = [window.logits for window in windows if window.logits is not None]
        if not logits:
            raise NobodySpeaks
        voice.enroll(np.stack(logits))
        return voice

    def listen(
        self, samples: Samples, voice: VoiceBaseline | None, progress: Progress
    ) -> dict[str, Any]:
        """Return all that is found in a recording, shape (n,), but its name and hash."""
        whole, windows, starts = self._judge(samples, voice, progress)
        rate = self.bundle.features.rate
        window_s = min(self._classifier.window, len(samples)) / rate
        return {
            "duration_s": round(len(samples) / rate, 3),
            "model": self.bundle.name,
            "labels": list(whole.labels),
            **_numbers(whole),
            "uncertain_below": self.uncertain_below,
            "windows": [
                {"start_s": round(start / rate, 3), "duration_s": window_s, **_numbers(window)}
                for start, window in zip(starts, windows, strict=True)
            ],
            "envelope": envelope(samples),
            "spectrogram": self._spectrograms(samples),
            "without": None if voice is None else self._without(windows),
        }

    def _judge(
        self, samples: Samples, voice: VoiceBaseline | None, progress: Progress
    ) -> tuple[Estimate, list[Estimate], list[int]]:
        """Return the whole, its windows and the samples that they begin at."""
        window = self._classifier.window
        hop = window // 2
        last = max(0, len(samples) - window)
        starts = [*range(0, last, hop), last]  # as `windows_of` cuts
        self._classifier.begin(len(starts), progress)
        self._classifier.voice = voice
        try:
            whole, windows = self._classifier.clip(samples, hop)
        finally:
            self._classifier.voice = None
        return whole, windows, starts

    def _without(self, windows: list[Estimate]) -> dict[str, Any]:
        """Return what would have been said without the voice's baseline."""
        logits = [window.logits for window in windows if window.logits is not None]
        labels = self._classifier.labels
        if not logits:
            return {"label": NO_SPEECH, "confidence": 0.0, "probabilities": [0.0] * len(labels)}
        mean = np.mean([self._classifier.probabilities(one) for one in logits], axis=0)
        return {
            "label": decide(labels, mean, self.uncertain_below),
            "confidence": round(float(mean.max()), 4),
            "probabilities": _rounded(mean),
        }


def _rounded(probabilities: Any) -> list[float]:
    return [round(float(p), 4) for p in probabilities]


def _numbers(estimate: Estimate) -> dict[str, Any]:
    return {
        "label": estimate.label,
        "confidence": round(estimate.confidence, 4),
        "probabilities": _rounded(estimate.probabilities),
        "speech_ratio": round(estimate.speech_ratio, 3),
        "level_dbfs": round(estimate.level_dbfs, 1),
    }
