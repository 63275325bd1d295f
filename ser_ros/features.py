"""A window of speech as an image: the log-mel spectrogram, as an array.

Numpy alone computes it, so that a robot needs neither librosa nor its compiler; the filter bank
and the spectrogram equal librosa's, and a test holds them together. The configuration travels with
the model, for a network is worth nothing on images that it was not trained on.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.errors.config import BadValue, UnknownKey

Image = npt.NDArray[np.float32]
"""float32 of shape (channels, bands, frames)."""

_POWER_FLOOR = 1e-14
"""Keeps the logarithm finite; far below the noise of a 16-bit converter."""

_DELTA_WIDTH = 9
"""Frames over which a slope is taken; librosa's default."""

_DELTA_SCALE = 10.0
"""Brings slopes, some hundredths of the image's range per frame, to the range of the image."""


@dataclass(frozen=True)
class FeatureConfig:
    """How a window becomes an image. The defaults give 3 x 128 x 157 for 2.5 s."""

    rate: int = NETWORK_RATE
    """Hz."""
    window: int = 40_000
    """Samples of a window: 2.5 s."""
    n_fft: int = 1024
    """Samples of a frame, under a Hann window: 64 ms, long enough to resolve a voice's pitch."""
    hop: int = 256
    """Samples from frame to frame: 16 ms."""
    bands: int = 128
    """Mel bands."""
    fmin: float = 50.0
    """Hz, the lower edge of the first band."""
    fmax: float = 8000.0
    """Hz, the upper edge of the last band."""
    range_db: float = 70.0
    """dB below the loudest point of the window at which the image is cut off.

    Counting from the loudest point makes the image the same at every gain; the cut keeps a quiet
    studio's noise floor from telling one corpus from another.
    """
    deltas: int = 2
    """How many of the slopes follow the spectrogram as further channels: 0, 1 or 2."""
    cepstra: int = 0
    """Coefficients of an MFCC image, which then takes the place of the bands; 0: log-mel bands."""

    def __post_init__(self) -> None:
        if not 0 <= self.fmin < self.fmax <= self.rate / 2:
            raise BadValue("features.fmax", self.fmax, f"between fmin and {self.rate / 2:g} Hz")
        for name in ("rate", "window", "n_fft", "hop", "bands", "range_db"):
            if not 0 < getattr(self, name) < math.inf:
                raise BadValue(f"features.{name}", getattr(self, name), "a positive number")
        if self.n_fft % 2:
            raise BadValue("features.n_fft", self.n_fft, "an even number")
        if self.deltas not in (0, 1, 2):
            raise BadValue("features.deltas", self.deltas, "0, 1 or 2")
        if not 0 <= self.cepstra <= self.bands:
            raise BadValue("features.cepstra", self.cepstra, f"0 to the {self.bands} bands")
        if self.window < _DELTA_WIDTH * self.hop:
            raise BadValue("features.window", self.window, f"at least {_DELTA_WIDTH} hops")

    @property
    def frames(self) -> int:
        """Frames of an image; each is centred on its time, as in librosa."""
        return 1 + self.window // self.hop

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, bands (or cepstral coefficients), frames of an image."""
        return (1 + self.deltas, self.cepstra or self.bands, self.frames)

    @property
    def window_s(self) -> float:
        return self.window / self.rate

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FeatureConfig:
        """Raises `UnknownKey` or `BadValue`."""
        types: dict[str, type] = {f.name: type(f.default) for f in fields(cls)}
        for key, value in values.items():
            if key not in types:
                raise UnknownKey("The feature configuration", key, types)
            if isinstance(value, bool) or not isinstance(value, int | types[key]):
                raise BadValue(f"features.{key}", value, f"a number ({types[key].__name__})")
        return cls(**{key: types[key](value) for key, value in values.items()})


def hz_to_mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, logarithmic above."""
    hz = np.asarray(hz, np.float64)
    linear = hz / (200.0 / 3)
    logarithmic = 15.0 + np.log(np.maximum(hz, 1e-9) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hz < 1000.0, linear, logarithmic)


def mel_to_hz(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The inverse of `hz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    return np.where(mel < 15.0, mel * (200.0 / 3), 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27))


def mel_filter_bank(config: FeatureConfig) -> Samples:
    """Triangles on the mel scale, each of area 1 (Slaney): shape (bands, 1 + n_fft / 2)."""
    bins = np.fft.rfftfreq(config.n_fft, 1.0 / config.rate)
    edges = mel_to_hz(np.linspace(hz_to_mel(config.fmin), hz_to_mel(config.fmax), config.bands + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (centre - low)
    falling = (high - bins) / (high - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (high - low)).astype(np.float32)


def slope_matrix(frames: int, width: int = _DELTA_WIDTH) -> Samples:
    """Return the slope over `width` frames as a matrix M, shape (n, n), for `image @ M`.

    It is the least-squares line through the frames around each frame; near the ends, where half of
    them are missing, it is the line through the first or last `width` frames, as in librosa.
    """
    half = width // 2
    weights = np.arange(-half, half + 1) / np.sum(np.arange(-half, half + 1) ** 2)
    matrix = np.zeros((frames, frames), np.float32)
    for frame in range(frames):
        start = min(max(frame - half, 0), frames - width)
        matrix[start : start + width, frame] = weights
    return matrix


def cosine_matrix(cepstra: int, bands: int) -> Samples:
    """Return the orthonormal DCT-II as a matrix M, shape (cepstra, bands), for `M @ log_mel`."""
    angle = np.pi * np.arange(cepstra)[:, None] * (np.arange(bands) + 0.5) / bands
    matrix = np.cos(angle) * np.sqrt(2.0 / bands)
    matrix[0] /= np.sqrt(2.0)
    return matrix.astype(np.float32)


class ImageMaker:
    """Make images from windows; everything that does not depend on the samples is made once."""

    def __init__(self, config: FeatureConfig) -> None:
        self.config = config
        self._filters = mel_filter_bank(config)
        # The periodic Hann window, as an analysis by FFT wants it (scipy's sym=False).
        self._taper = np.hanning(config.n_fft + 1)[:-1].astype(np.float32)

    @cached_property
    def _slopes(self) -> Samples:
        return slope_matrix(self.config.frames) * np.float32(_DELTA_SCALE)

    @cached_property
    def _cosines(self) -> Samples:
        # Divided so that the image of a constant stays within -1 to 1.
        return cosine_matrix(self.config.cepstra, self.config.bands) / np.float32(
            np.sqrt(self.config.bands)
        )

    def mel_power(self, samples: Samples) -> Samples:
        """Return the mel power spectrogram, shape (bands, 1 + n / hop), of samples of shape (n,).

        Equal to `librosa.feature.melspectrogram` with its defaults.
        """
        config = self.config
        padded = np.pad(samples, config.n_fft // 2)
        framed = np.lib.stride_tricks.sliding_window_view(padded, config.n_fft)[:: config.hop]
        spectrum = np.fft.rfft(framed * self._taper, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        return np.asarray(self._filters @ power.astype(np.float32, copy=False).T, np.float32)

    def decibels(self, samples: Samples) -> Samples:
        """Return the mel power of samples of shape (n,) in dB, shape (bands, 1 + n / hop)."""
        power = np.maximum(self.mel_power(samples), np.float32(_POWER_FLOOR))
        return np.asarray(10.0 * np.log10(power), np.float32)

    def of_decibels(self, decibels: Samples) -> Image:
        """Return the image of a window from its mel powers in dB, shape (bands, frames)."""
        config = self.config
        relative = np.maximum(decibels - decibels.max(), -config.range_db)
        first = relative * np.float32(2.0 / config.range_db) + np.float32(1.0)
        channels = [self._cosines @ first if config.cepstra else first]
        for _ in range(config.deltas):
            channels.append(channels[-1] @ self._slopes)
        return np.stack(channels).astype(np.float32, copy=False)

    def __call__(self, window: Samples) -> Image:
        """Return the network's input of samples of shape (window,).

        Log-mel: -1 (quiet) to 1 (the loudest point), or its cepstrum; then the slopes.
        """
        if window.shape != (self.config.window,):
            raise BadValue("the window's shape", window.shape, f"({self.config.window},)")
        return self.of_decibels(self.decibels(window))
