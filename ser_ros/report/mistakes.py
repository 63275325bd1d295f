"""The mistakes that a model was surest of, with what it saw and what there is to hear."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile

from ser_ros.audio import SampleFormat, Samples, encode
from ser_ros.errors import SerError
from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.features import FeatureConfig, ImageMaker
from ser_ros.report.units import utterances_of

SHOWN = 10


@dataclass(frozen=True)
class Mistake:
    window: Judged
    heard_as: str
    """The likeliest of the labels, be the window's label `uncertain` or not."""


def mistakes(
    sources: Sequence[Source], labels: tuple[str, ...], count: int = SHOWN
) -> list[Mistake]:
    """Return the most confident mistakes, the surest first, one of each utterance."""
    found = []
    for utterance in utterances_of(sources):
        wrong = [
            Mistake(window, labels[int(np.argmax(window.probabilities))])
            for window in utterance.windows
            if any(window.probabilities)
        ]
        wrong = [mistake for mistake in wrong if mistake.heard_as != mistake.window.truth]
        found += sorted(wrong, key=lambda mistake: -mistake.window.confidence)[:1]
    return sorted(found, key=lambda mistake: -mistake.window.confidence)[:count]


@dataclass(frozen=True)
class Evidence:
    """What a page shows of a window: data URIs."""

    spectrogram: str
    sound: str


def evidence(source: Source, window: Judged, features: FeatureConfig) -> Evidence | None:
    """Return what was heard in a window; None where the source gives no sound (any more).

    Raises `MissingExtra`.
    """
    if source.sound is None:
        return None
    try:
        samples = source.sound(window.start_s, window.duration_s)
    except (SerError, OSError):
        return None
    if not len(samples):
        return None
    return Evidence(_spectrogram(samples, features), _flac(samples, features.rate))


def _spectrogram(samples: Samples, features: FeatureConfig) -> str:
    """Return the log-mel spectrogram as a PNG, low tones at the bottom."""
    try:
        from matplotlib.image import imsave
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    decibels = ImageMaker(features).decibels(samples)
    loudest = float(decibels.max())
    file = io.BytesIO()
    imsave(
        file,
        decibels,
        vmin=loudest - features.range_db,
        vmax=loudest,
        cmap="magma",
        origin="lower",
        format="png",
    )
    return _data_uri("image/png", file.getvalue())


def _flac(samples: Samples, rate: int) -> str:
    """Return the sound, which every browser plays, in half the bytes of a WAV."""
    file = io.BytesIO()
    pcm = np.frombuffer(encode(samples, SampleFormat.S16LE), "<i2")
    soundfile.write(file, pcm, rate, format="FLAC", subtype="PCM_16")
    return _data_uri("audio/flac", file.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
