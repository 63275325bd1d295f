"""From a window to an estimate: the one path that node, evaluation and command line all use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.baseline import VoiceBaseline
from ser_ros.bundle import Bundle, Calibration
from ser_ros.features import Image, ImageMaker
from ser_ros.framing import windows_of
from ser_ros.labels import NO_SPEECH, UNCERTAIN
from ser_ros.runtime import Logits, open_runtime
from ser_ros.speech import SpeechGate

Probabilities = npt.NDArray[np.float32]
"""float32 of shape (labels,), sum 1."""

MIN_SPEECH_RATIO = 0.3
"""Share of a window that must be speech, 0.75 s of 2.5 s.

Of windows of everyday noises (ESC-10) 0.2 % reach it; of clips of speech by held-out speakers 0.1 %
have no window that does. With less speech than this, then silence, the first model was right in
45 % of the windows and yet 60 % sure; with more, 62 % and more."""


@dataclass(frozen=True)
class Estimate:
    """What one window sounds like."""

    label: str
    """One of `labels`, or `uncertain`, or `no_speech`."""
    confidence: float
    """Calibrated probability of the likeliest emotion, 0 to 1; 0 where nobody speaks."""
    labels: tuple[str, ...]
    probabilities: Probabilities
    """In the order of `labels`; all 0 where nobody speaks, for the network was not asked."""
    speech_ratio: float
    """Share of the window that is speech, 0 to 1."""
    level_dbfs: float
    """RMS level relative to full scale, -120 to about 0."""
    image: Image | None = field(default=None, repr=False, compare=False)
    """What the network saw; None where it was not asked."""
    logits: Logits | None = field(default=None, repr=False, compare=False)
    """What the network said, before any baseline; None where it was not asked."""


def softmax(logits: Logits, temperature: float) -> Probabilities:
    scaled = logits.astype(np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max())
    return (exponentials / exponentials.sum()).astype(np.float32)


def decide(labels: Sequence[str], probabilities: Probabilities, uncertain_below: float) -> str:
    """Return the likeliest label, or `uncertain` where it is not likely enough."""
    best = int(np.argmax(probabilities))
    return labels[best] if probabilities[best] >= uncertain_below else UNCERTAIN


class Classifier:
    """A bundle at work: speech gate, image, network, calibration."""

    def __init__(
        self,
        bundle: Bundle,
        runtime: str = "auto",
        threads: int = 1,
        min_speech_ratio: float = MIN_SPEECH_RATIO,
        uncertain_below: float | None = None,
    ) -> None:
        """Load everything that a window needs.

        `uncertain_below` takes the place of the bundle's own threshold. Raises the errors of
        `runtime.open_runtime` and `speech.SpeechGate`.
        """
        self.bundle = bundle
        self.gate = SpeechGate(threads=threads)
        self.image = ImageMaker(bundle.features)
        self.runtime = open_runtime(bundle, runtime, threads)
        self.min_speech_ratio = min_speech_ratio
        self.voice: VoiceBaseline | None = None
        """The voice that is listened to, where it is known or followed."""
        self.following = False
        """Whether `voice` goes on learning from what is heard."""
        self.calibration = (
            bundle.calibration
            if uncertain_below is None
            else Calibration(bundle.calibration.temperature, uncertain_below)
        )

    @property
    def labels(self) -> tuple[str, ...]:
        return self.bundle.labels.labels

    @property
    def window(self) -> int:
        """Samples of a window."""
        return self.bundle.features.window

    def __call__(self, window: Samples) -> Estimate:
        """Judge mono samples of shape (window,) at the network's rate."""
        ratio = self.gate.ratio(window)
        level = audio.level_dbfs(window)
        if ratio < self.min_speech_ratio:
            return self._no_speech(ratio, level)
        image = self.image(window)
        logits = self.runtime(image)
        estimate = self._estimate(self.probabilities(logits), ratio, level, image, logits)
        if self.voice is not None and self.following:
            self.voice.follow(logits)
        return estimate

    def probabilities(self, logits: Logits) -> Probabilities:
        """Return what a window's logits mean, for the voice that is listened to."""
        adapted = logits if self.voice is None else self.voice(logits)
        return softmax(adapted, self.calibration.temperature)

    def clip(self, samples: Samples, hop: int | None = None) -> tuple[Estimate, list[Estimate]]:
        """Judge a whole recording of shape (n,): (the mean of its windows, the windows).

        A window every `hop` samples, half a window unless told otherwise. Windows in which nobody
        speaks have no say.
        """
        windows = [self(w) for w in windows_of(samples, self.window, hop or self.window // 2)]
        spoken = [w.probabilities for w in windows if w.label != NO_SPEECH]
        ratio = float(np.mean([w.speech_ratio for w in windows]))
        level = audio.level_dbfs(samples)
        if not spoken:
            return self._no_speech(ratio, level), windows
        mean = np.asarray(np.mean(spoken, axis=0, dtype=np.float64), np.float32)
        return self._estimate(mean, ratio, level), windows

    def _estimate(
        self,
        probabilities: Probabilities,
        ratio: float,
        level: float,
        image: Image | None = None,
        logits: Logits | None = None,
    ) -> Estimate:
        label = decide(self.labels, probabilities, self.calibration.uncertain_below)
        confidence = float(probabilities.max())
        return Estimate(label, confidence, self.labels, probabilities, ratio, level, image, logits)

    def _no_speech(self, ratio: float, level: float) -> Estimate:
        nothing = np.zeros(len(self.labels), np.float32)
        return Estimate(NO_SPEECH, 0.0, self.labels, nothing, ratio, level)
