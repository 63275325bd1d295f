"""What microphones, rooms and moods of a day do to a voice, by audiomentations."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser_ros.audio import Samples
from ser_ros.errors.machine import CannotWrite, MissingExtra
from ser_ros.features import Image
from ser_ros.training.config import AugmentConfig

if TYPE_CHECKING:
    import audiomentations

_TELEPHONE_RATE = 8000


def waveform_augmentation(
    config: AugmentConfig, noises: Path | None, rooms: Path | None
) -> audiomentations.Compose:
    """Return what turns (samples, rate) into changed samples; it draws from `random` and numpy.

    The order is that of the world: the voice, the room, its noises, the microphone, the line.
    `noises` and `rooms` are folders of recordings and of room responses.
    """
    try:
        import audiomentations as am
    except ImportError as error:
        raise MissingExtra("audiomentations", "train") from error

    steps = [
        am.PitchShift(-config.pitch_semitones, config.pitch_semitones, p=config.pitch),
        am.TimeStretch(
            1 / config.stretch_ratio,
            config.stretch_ratio,
            leave_length_unchanged=False,
            p=config.stretch,
        ),
    ]
    if rooms is not None:
        steps.append(am.ApplyImpulseResponse(str(rooms), p=config.room, lru_cache_size=16))
    if noises is not None:
        low, high = config.noise_snr_db
        steps.append(am.AddBackgroundNoise(str(noises), low, high, p=config.noise))
    steps += [
        am.SevenBandParametricEQ(-config.equaliser_db, config.equaliser_db, p=config.equaliser),
        am.BandPassFilter(
            min_center_freq=1000.0,
            max_center_freq=2500.0,
            min_bandwidth_fraction=1.0,
            max_bandwidth_fraction=1.9,
            p=config.band_limit,
        ),
        am.AddGaussianSNR(*config.hiss_snr_db, p=config.hiss),
        am.Compose(
            [
                am.Gain(-config.gain_db, config.gain_db, p=1.0),
                am.Lambda(_converted, p=1.0),  # a microphone turned too far up clips
            ],
            p=config.gain,
        ),
        am.ClippingDistortion(0, 10, p=config.clipping),
        am.Lambda(coded, p=config.codec),
    ]
    return am.Compose(steps)


def faster(samples: Samples, ratio: float) -> Samples:
    """Return the samples as if played `ratio` times as fast: shorter, and higher in pitch."""
    return np.asarray(soxr.resample(samples, ratio, 1.0, quality="MQ"), np.float32)


def _converted(samples: Samples, sample_rate: int) -> Samples:
    """Return what a converter of 16 bits makes of samples: full scale, and steps between."""
    return np.asarray(np.rint(np.clip(samples, -1, 1) * 32767) / 32767, np.float32)


_CODECS = (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("WAV", "GSM610"), ("WAV", "ULAW"))


def coded(samples: Samples, sample_rate: int, codec: int | None = None) -> Samples:
    """Return samples that went through a codec at its lowest rate; GSM and mu-law at 8 kHz.

    `codec` is an index of those known; one is drawn from numpy's global generator otherwise. The
    length stays.
    """
    container, subtype = _CODECS[np.random.randint(len(_CODECS)) if codec is None else codec]
    narrow = container == "WAV"
    rate = _TELEPHONE_RATE if narrow else sample_rate
    sent = soxr.resample(samples, sample_rate, rate) if narrow else samples
    file = io.BytesIO()
    quality = None if narrow else 0.9
    soundfile.write(
        file, np.clip(sent, -1, 1), rate, subtype, format=container, compression_level=quality
    )
    file.seek(0)
    received = soundfile.read(file, dtype="float32")[0]
    if narrow:
        received = soxr.resample(received, rate, sample_rate)
    return np.asarray(np.resize(received, len(samples)), np.float32)


def room_responses(count: int, rate: int, seed: int) -> list[Samples]:
    """Return the responses of `count` rooms of 3 to 8 m with a talker 0.3 to 3 m away.

    Reverberation takes 0.15 to 0.7 s; images to the 12th order, each aligned to its direct sound.
    """
    try:
        import pyroomacoustics as pra
    except ImportError as error:
        raise MissingExtra("pyroomacoustics", "train") from error
    random = np.random.default_rng(seed)
    responses: list[Samples] = []
    while len(responses) < count:
        size = random.uniform([3.0, 3.0, 2.3], [8.0, 7.0, 3.5])
        try:
            absorption, order = pra.inverse_sabine(random.uniform(0.15, 0.7), size)
        except ValueError:  # no wall absorbs enough for so short a reverberation in that room
            continue
        talker = random.uniform([0.5, 0.5, 1.0], size - 0.5)
        direction = random.normal(size=3) * [1, 1, 0.2]
        distance = random.uniform(0.3, 3.0)
        robot = talker + direction / np.linalg.norm(direction) * distance
        if np.any(robot < 0.2) or np.any(robot > size - 0.2):
            continue
        room = pra.ShoeBox(
            size, fs=rate, materials=pra.Material(absorption), max_order=min(order, 12)
        )
        room.add_source(talker)
        room.add_microphone(robot)
        room.compute_rir()
        response = np.asarray(room.rir[0][0], np.float32)
        direct = int(np.argmax(np.abs(response)))
        response = response[max(0, direct - 16) :]
        responses.append(response / np.abs(response).max())
    return responses


def write_sounds(folder: Path, sounds: Iterable[Samples], rate: int) -> None:
    """Keep sounds as WAV files, quick to read; they appear in the folder all or none.

    Raises `CannotWrite`.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as aside:
            inner = Path(aside, "sounds")
            inner.mkdir()
            for index, sound in enumerate(sounds):
                # To memory first: libsndfile does not tell that a disk is full.
                file = io.BytesIO()
                soundfile.write(file, sound, rate, "FLOAT", format="WAV")
                (inner / f"{index:05}.wav").write_bytes(file.getbuffer())
            try:
                inner.rename(folder)
            except OSError:
                if not folder.is_dir():  # another training was quicker
                    raise
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error


Mask = tuple[slice, slice]
"""The bands and the frames that one mask of SpecAugment blanks out."""


def draw_masks(
    shape: tuple[int, int, int], config: AugmentConfig, random: np.random.Generator
) -> list[Mask]:
    """Draw masks for an image of a shape (channels, bands, frames)."""
    _, bands, frames = shape
    masks: list[Mask] = []
    for _ in range(config.masks):
        width = int(random.integers(0, min(config.mask_bands, bands) + 1))
        start = int(random.integers(0, bands - width + 1))
        of_bands = slice(start, start + width)
        width = int(random.integers(0, min(config.mask_frames, frames) + 1))
        start = int(random.integers(0, frames - width + 1))
        masks.append((of_bands, slice(start, start + width)))
    return masks


def mask(image: Image, masks: Sequence[Mask]) -> Image:
    """SpecAugment: blank out some bands and some frames, in place, with the image's mean."""
    mean = image.mean(axis=(1, 2), keepdims=True)
    for of_bands, of_frames in masks:
        image[:, of_bands] = mean
        image[:, :, of_frames] = mean
    return image


def draw_spoken(frames: int, config: AugmentConfig, random: np.random.Generator) -> slice:
    """Draw the frames of a window in which somebody speaks: all, or those of a `partial` one."""
    if random.random() >= config.partial:
        return slice(0, frames)
    length = round(frames * random.uniform(config.partial_least, 1.0))
    return slice(0, length) if random.random() < 0.5 else slice(frames - length, frames)


_QUIET = 0.1
"""The share of a clip's frames, the quietest ones, that stand for its silence."""

_FAINTER_DB = 6.0
"""How much fainter than the rest, on average, the part may be that is kept as the spoken one."""


def silenced(
    decibels: npt.NDArray[np.float32], window: slice, spoken: slice
) -> npt.NDArray[np.float32]:
    """Return a window of a clip's mel powers, shape (bands, frames), quiet outside of `spoken`.

    What is put there are the clip's own quietest frames, in turn: the room's and the microphone's
    noise goes on where nobody speaks. `spoken` counts from the beginning of the window. A window
    stays whole where that part of it is a pause.
    """
    found = decibels[:, window].copy()
    outside = np.ones(found.shape[1], bool)
    outside[spoken] = False
    if outside.any() and found[:, spoken].mean() >= found[:, outside].mean() - _FAINTER_DB:
        count = max(1, int(decibels.shape[1] * _QUIET))
        quietest = np.sort(np.argsort(decibels.sum(axis=0))[:count])
        found[:, outside] = decibels[:, np.resize(quietest, int(outside.sum()))]
    return found


def place(samples: Samples, length: int, random: np.random.Generator) -> Samples:
    """Return at least `length` samples: the clip anywhere in silence where it is shorter.

    A robot's window begins when it begins; speech may start anywhere in it.
    """
    spare = length - len(samples)
    if spare <= 0:
        return samples
    start = int(random.integers(0, spare + 1))
    return np.pad(samples, (start, spare - start))
