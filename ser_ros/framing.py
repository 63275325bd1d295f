"""Framing: blocks of any size in, frames of one size out. It knows no clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ser_ros.audio import Samples
from ser_ros.errors.config import BadValue


class Framer:
    """Cut a stream of samples, which may come in blocks of any size, into frames.

    Frame k holds the samples [k * hop, k * hop + size). With `hop == size`, the frames and the
    rest that `flush` gives, one after the other, are the input.
    """

    def __init__(self, size: int, hop: int) -> None:
        if size < 1 or hop < 1:
            raise BadValue("size and hop", (size, hop), "at least one sample each")
        self.size = size
        self.hop = hop
        self._kept: list[Samples] = []
        self._length = 0
        self._start = 0
        self._skip = 0

    def push(self, samples: Samples) -> list[tuple[int, Samples]]:
        """Add samples, shape (n, ...); return pairs of (index of its first sample, frame)."""
        # A hop longer than a frame reaches beyond what had come; that part is left out.
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        self._kept.append(samples[skipped:])
        self._length += len(samples) - skipped
        if self._length < self.size:
            return []
        joined = np.concatenate(self._kept)
        starts = range(0, self._length - self.size + 1, self.hop)
        frames = [(self._start + s, joined[s : s + self.size].copy()) for s in starts]
        end = starts[-1] + self.hop
        self._skip = max(0, end - self._length)
        self._kept = [joined[end:].copy()]
        self._length = len(self._kept[0])
        self._start += end
        return frames

    @property
    def unheard(self) -> int:
        """Samples that have come and are in no frame yet."""
        return self._length - (max(0, self.size - self.hop) if self._start else 0)

    def flush(self) -> tuple[int, Samples] | None:
        """Return the samples that fill no frame, if there are any, and start afresh."""
        rest, start = self._kept, self._start
        empty = self._length == 0
        self._kept, self._length, self._start, self._skip = [], 0, 0, 0
        return None if empty else (start, np.concatenate(rest))


def windows_of(samples: Samples, size: int, hop: int) -> Iterator[Samples]:
    """Cut a whole clip, shape (n,), into windows: one every hop, and one that ends with the clip.

    A clip shorter than a window is followed by silence.
    """
    if len(samples) <= size:
        yield np.pad(samples, (0, size - len(samples)))
        return
    starts = list(range(0, len(samples) - size + 1, hop))
    if starts[-1] + size < len(samples):
        starts.append(len(samples) - size)
    for start in starts:
        yield samples[start : start + size]
