"""Audio as data: formats, PCM and float, levels, files.

Inside the project audio is float32 with full scale at ±1. PCM exists only at the two edges, in
messages and in files.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser_ros.errors.audio import (
    EmptyAudio,
    PartialFrame,
    UnknownSampleFormat,
    UnreadableFile,
    UnsupportedFormat,
)

Samples = npt.NDArray[np.float32]
"""float32, full scale ±1; shape (frames,) for mono, (frames, channels) otherwise."""

NETWORK_RATE = 16_000
"""Hz. Speech is heard at this rate by the gate and by every network of the project."""

RATES = (8_000, 96_000)
"""Hz, the lowest and the highest sample rate that is understood."""

CHANNELS = (1, 64)

SILENCE_DBFS = -120.0
"""What stands for digital silence, whose level in dB would be minus infinity."""

_UNCOMPRESSED = ("", "wave", "wav", "pcm", "raw")
"""What `audio_info` calls audio that is not compressed."""

_FILE_BLOCK_S = 0.1
"""Seconds of a file that are decoded at a time."""


class SampleFormat(enum.Enum):
    """How a sample lies in memory; the names are those of ALSA and GStreamer."""

    S16LE = "<i2"
    S16BE = ">i2"
    S32LE = "<i4"
    F32LE = "<f4"

    @classmethod
    def named(cls, name: str) -> SampleFormat:
        """Return the format of that name, in either case. Raises `UnknownSampleFormat`."""
        try:
            return cls[name.strip().upper()]
        except KeyError:
            raise UnknownSampleFormat(name, cls.__members__) from None

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.value)

    @property
    def full_scale(self) -> float:
        """The number that stands for amplitude 1: 32768 for 16 bits, 1 for floats."""
        return -float(np.iinfo(self.dtype).min) if self.dtype.kind == "i" else 1.0


@dataclass(frozen=True)
class AudioFormat:
    """What a stretch of bytes needs to be read as sound."""

    rate: int = NETWORK_RATE
    """Hz, 8000 to 96000."""
    channels: int = 1
    sample_format: SampleFormat = SampleFormat.S16LE

    def __post_init__(self) -> None:
        if not RATES[0] <= self.rate <= RATES[1]:
            raise UnsupportedFormat("sample rate in Hz", self.rate, *RATES)
        if not CHANNELS[0] <= self.channels <= CHANNELS[1]:
            raise UnsupportedFormat("number of channels", self.channels, *CHANNELS)

    @classmethod
    def told(cls, rate: int, channels: int, sample_format: str, coding: str) -> AudioFormat:
        """Return what `audio_info` says. Raises `UnknownSampleFormat` or `UnsupportedFormat`."""
        if coding.lower() not in _UNCOMPRESSED:
            raise UnknownSampleFormat(coding, SampleFormat.__members__)
        return cls(int(rate), int(channels), SampleFormat.named(sample_format))

    @property
    def bytes_per_frame(self) -> int:
        return self.channels * self.sample_format.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.sample_format.name}, {self.rate} Hz, {self.channels} channel(s)"


def decode(data: bytes | bytearray | memoryview, fmt: AudioFormat) -> Samples:
    """Read PCM bytes as float32 of shape (frames, channels).

    Raises `EmptyAudio`, or `PartialFrame` when the bytes end in the middle of a frame.
    """
    size = len(data)
    if size == 0:
        raise EmptyAudio("The audio message")
    if size % fmt.bytes_per_frame:
        raise PartialFrame(size, fmt.bytes_per_frame)
    raw = np.frombuffer(data, dtype=fmt.sample_format.dtype).reshape(-1, fmt.channels)
    return raw.astype(np.float32) * np.float32(1.0 / fmt.sample_format.full_scale)


def encode(samples: Samples, sample_format: SampleFormat) -> bytes:
    """Write float samples as PCM bytes; what lies beyond full scale is clipped, never wrapped."""
    if sample_format.dtype.kind == "f":
        return samples.astype(sample_format.dtype).tobytes()
    info = np.iinfo(sample_format.dtype)
    # float64, for float32 cannot hold 2**31 - 1.
    scaled = np.rint(samples.astype(np.float64) * sample_format.full_scale)
    return np.clip(scaled, info.min, info.max).astype(sample_format.dtype).tobytes()


def repair(samples: Samples) -> tuple[Samples, int]:
    """Replace samples that are not finite by 0, and count them.

    One NaN would stay in a resampler for good.
    """
    bad = ~np.isfinite(samples)
    count = int(np.count_nonzero(bad))
    return (np.where(bad, np.float32(0), samples) if count else samples), count


def clipped(samples: Samples) -> int:
    """Count the samples at or beyond full scale."""
    return int(np.count_nonzero(np.abs(samples) >= np.float32(32767 / 32768)))


def to_mono(samples: Samples, channel: int | None = None) -> Samples:
    """Bring (frames, channels) to (frames,): one channel, counted from 0, or the mean of all."""
    if samples.ndim == 1:
        return samples
    if channel is None:
        return samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    if not 0 <= channel < samples.shape[1]:
        raise UnsupportedFormat("channel asked for", channel, 0, samples.shape[1] - 1)
    return samples[:, channel]


def level_dbfs(samples: Samples) -> float:
    """Return the RMS level in dB relative to full scale, -120 (digital silence) to about 0."""
    if samples.size == 0:
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(SILENCE_DBFS, 10.0 * math.log10(power)) if power > 0 else SILENCE_DBFS


class Resampler:
    """Bring a stream from one rate to another, block by block, without a seam.

    Blocks have the shape (n,) with one channel, and (n, channels) with more. The filter looks
    ahead, so it holds back some milliseconds; `flush` gives them. Sample k of what comes out lies
    at the time k / rate_out of what went in.
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int = 1) -> None:
        self.rate_in = rate_in
        self.rate_out = rate_out
        self._nothing = np.zeros(0 if channels == 1 else (0, channels), np.float32)
        self._stream = (
            None
            if rate_in == rate_out
            else soxr.ResampleStream(rate_in, rate_out, num_channels=channels, dtype="float32")
        )

    def push(self, samples: Samples) -> Samples:
        """Add samples, and return those that are ready."""
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(samples)), np.float32)

    def flush(self) -> Samples:
        """End the stream, and return what was held back."""
        if self._stream is None:
            return self._nothing
        return np.asarray(self._stream.resample_chunk(self._nothing, last=True), np.float32)


class _Forward(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forward.

    soundfile seeks after each read where it can, and the decoder of mp3 then loses what it carries
    from frame to frame.
    """

    def seekable(self) -> bool:
        return False


def blocks_of(path: Path | str, block_s: float = _FILE_BLOCK_S) -> Iterator[tuple[Samples, int]]:
    """Decode a file block by block: yields ((frames, channels) float32, rate in Hz).

    Raises `UnreadableFile` with the reason, also for a compressed file that ends in the middle.
    """
    try:
        # Opened here, so that a missing right or folder is told as what it is.
        with open(path, "rb") as raw, _Forward(raw) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise UnsupportedFormat("sample rate in Hz", file.samplerate, *RATES)
            frames = max(1, int(file.samplerate * block_s))
            yielded = False
            while len(block := file.read(frames, dtype="float32", always_2d=True)):
                yielded = True
                yield block, file.samplerate
            if not yielded:
                raise EmptyAudio(f"'{path}'")
    except OSError as error:
        raise UnreadableFile(path, error.strerror or str(error)) from error
    except soundfile.LibsndfileError as error:
        raise UnreadableFile(path, error.error_string.rstrip(".")) from error


def load(path: Path | str, rate: int = NETWORK_RATE, channel: int | None = None) -> Samples:
    """Read a whole file as mono float32 of shape (frames,) at `rate` Hz.

    Raises `UnreadableFile`, `EmptyAudio` or `UnsupportedFormat`.
    """
    parts: list[Samples] = []
    found = rate
    for block, found in blocks_of(path, block_s=10.0):  # noqa: B007 - the rate is of the file
        parts.append(to_mono(block, channel))
    samples, _ = repair(np.concatenate(parts))
    if found == rate:
        return samples
    return np.asarray(soxr.resample(samples, found, rate), np.float32)
