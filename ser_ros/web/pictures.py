"""Sound as pictures that a page can draw: the outline of its wave, and its log-mel spectrogram."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.audio import Samples
from ser_ros.features import FeatureConfig, ImageMaker

POINTS = 1200
"""Points of an outline, and frames of a spectrogram, at most: about the pixels of a wide screen."""

_CONFIG = FeatureConfig(bands=64, deltas=0)
_BLOCK_FRAMES = 3750
"""Frames that are computed at a time, a minute: ten at once would take half a gigabyte."""

_CONTEXT = _CONFIG.n_fft // 2 // _CONFIG.hop
"""Frames at each end of a block that reach beyond it."""


def envelope(samples: Samples, points: int = POINTS) -> dict[str, list[int]]:
    """Return the least and the greatest sample of each stretch, -127 to 127.

    Shape (n,) in; at most `points` numbers each in `low` and `high`.
    """
    if not len(samples):
        return {"low": [], "high": []}
    edges = np.linspace(0, len(samples), min(points, len(samples)), endpoint=False).astype(int)
    low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
    return {
        name: np.rint(np.clip(found, -1, 1) * 127).astype(int).tolist()
        for name, found in (("low", low), ("high", high))
    }


class Spectrograms:
    """Make spectrograms; the filters are made once."""

    def __init__(self) -> None:
        self._maker = ImageMaker(_CONFIG)

    def __call__(
        self, samples: Samples, frames: int = POINTS, loudest_db: float | None = None
    ) -> dict[str, Any]:
        """Return `bands`, `frames` and `data`: uint8 in rows, low tones first, as base64.

        255 is the loudest point, or `loudest_db` where pieces of one sound are to look alike; 0 is
        70 dB below it or less. What is longer than `frames` frames shows the loudest of each
        stretch.
        """
        decibels = self._decibels(samples)
        if decibels.shape[1] > frames:
            edges = np.linspace(0, decibels.shape[1], frames, endpoint=False).astype(int)
            decibels = np.maximum.reduceat(decibels, edges, axis=1)
        top_db = decibels.max() if loudest_db is None else loudest_db
        relative = (decibels - top_db) / np.float32(_CONFIG.range_db) + np.float32(1)
        levels = np.rint(np.clip(relative, 0, 1) * 255).astype(np.uint8)
        data = base64.b64encode(levels.tobytes()).decode("ascii")
        return {"bands": levels.shape[0], "frames": levels.shape[1], "data": data}

    def _decibels(self, samples: Samples) -> npt.NDArray[np.float32]:
        hop, parts = _CONFIG.hop, []
        for first in range(0, 1 + len(samples) // hop, _BLOCK_FRAMES):
            start = max(0, first - _CONTEXT)
            end = (first + _BLOCK_FRAMES + _CONTEXT) * hop
            block = self._maker.decibels(samples[start * hop : end])
            parts.append(block[:, first - start :][:, :_BLOCK_FRAMES])
        return np.concatenate(parts, axis=1)
