"""What microphones, rooms and moods of a day do to a voice, by audiomentations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_ros.audio import Samples
from ser_ros.errors import MissingExtra
from ser_ros.features import Image
from ser_ros.training.config import AugmentConfig

if TYPE_CHECKING:
    import audiomentations


def waveform_augmentation(config: AugmentConfig, noises: Path | None) -> audiomentations.Compose:
    """Return what turns (samples, rate) into changed samples; it draws from `random` and numpy.

    The order is that of the world: the voice, then the room and its noises, then the microphone.
    """
    try:
        import audiomentations as am
    except ImportError as error:
        raise MissingExtra("audiomentations", "train") from error

    steps = [
        am.PitchShift(-config.pitch_semitones, config.pitch_semitones, p=config.pitch),
        am.TimeStretch(1 / config.stretch_ratio, config.stretch_ratio, p=config.stretch),
    ]
    if noises is not None:
        low, high = config.noise_snr_db
        steps.append(am.AddBackgroundNoise(str(noises), low, high, p=config.noise))
    steps += [
        am.SevenBandParametricEQ(-10.0, 10.0, p=config.equaliser),
        am.BandPassFilter(
            min_center_freq=1000.0,
            max_center_freq=2500.0,
            min_bandwidth_fraction=1.0,
            max_bandwidth_fraction=1.9,
            p=config.band_limit,
        ),
        am.AddGaussianSNR(*config.hiss_snr_db, p=config.hiss),
        am.ClippingDistortion(0, 10, p=config.clipping),
    ]
    return am.Compose(steps)


def mask(image: Image, config: AugmentConfig, random: np.random.Generator) -> Image:
    """SpecAugment: blank out some bands and some frames, in place, with the image's mean."""
    _, bands, frames = image.shape
    mean = image.mean(axis=(1, 2), keepdims=True)
    for _ in range(config.masks):
        width = int(random.integers(0, min(config.mask_bands, bands) + 1))
        start = int(random.integers(0, bands - width + 1))
        image[:, start : start + width] = mean
        width = int(random.integers(0, min(config.mask_frames, frames) + 1))
        start = int(random.integers(0, frames - width + 1))
        image[:, :, start : start + width] = mean
    return image


def place(samples: Samples, length: int, random: np.random.Generator) -> Samples:
    """Return `length` samples: a part from anywhere in the clip, or the clip anywhere in silence.

    A robot's window begins when it begins; speech may start anywhere in it.
    """
    spare = len(samples) - length
    if spare >= 0:
        start = int(random.integers(0, spare + 1))
        return samples[start : start + length]
    start = int(random.integers(0, -spare + 1))
    return np.pad(samples, (start, -spare - start))
