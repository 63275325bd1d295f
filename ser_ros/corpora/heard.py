"""What a recording is like: its length, its level, what is clipped; measured block by block."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser_ros import audio
from ser_ros.corpora.clips import Clip
from ser_ros.errors.audio import AudioError

SILENT_DBFS = -70.0
"""RMS of a clip below which nobody is heard; RAVDESS, a quiet corpus, goes down to -64."""

CLIPPED_RUN = 3
"""Samples at full scale in a row that a microphone does not make: a peak touches it once."""

CLIPPED_SHARE = 0.001
"""Share of such samples from which a clip counts as clipped."""

_FULL_SCALE = np.float32(32767 / 32768)

_STREAMED = 0x7FFFFF00
"""A length in a WAV's header from which it stands for "not known yet": what writes into a pipe puts
0xFFFFFFFF there, or about 0x7FFFFFFF."""

_BLOCK_S = 10.0
"""Seconds that are decoded at a time: an hour in one file must not fill the memory."""


@dataclass(frozen=True)
class Heard:
    """What a recording is like, without its samples."""

    clip: Clip
    seconds: float = 0.0
    rate: int = 0
    """Hz."""
    channels: int = 0
    level: float = audio.SILENCE_DBFS
    """RMS in dBFS."""
    clipped: float = 0.0
    """Share of the samples that lie at full scale in runs of at least `CLIPPED_RUN`, 0 to 1."""
    repaired: int = 0
    """Samples that are no finite numbers."""
    cut_short: bool = False
    """Whether the file promises more than it holds."""
    digest: str = ""
    """SHA-256 of the decoded samples: the same for a wav and the flac made from it."""
    error: str = ""
    """Why it cannot be read; then nothing else is known."""

    @property
    def silent(self) -> bool:
        return not self.error and self.level < SILENT_DBFS

    @property
    def is_clipped(self) -> bool:
        return self.clipped >= CLIPPED_SHARE


def in_runs(samples: audio.Samples, run: int = CLIPPED_RUN) -> int:
    """Count the samples, shape (frames, channels), at full scale in runs of at least `run`."""
    full: npt.NDArray[np.bool_] = np.abs(samples) >= _FULL_SCALE
    starts = len(full) - run + 1
    if starts < 1 or not full.any():
        return 0
    begins = np.logical_and.reduce([full[k : k + starts] for k in range(run)])
    inside = np.zeros_like(full)
    for k in range(run):
        inside[k : k + starts] |= begins
    return int(np.count_nonzero(inside))


def listen(clip: Clip) -> Heard:
    """Decode a recording and measure it; what cannot be read is told, not raised."""
    frames = rate = channels = clipped = repaired = 0
    power = 0.0
    digest = hashlib.sha256()
    try:
        for block, rate in audio.blocks_of(clip.path, _BLOCK_S):  # noqa: B007 - of the file
            block, bad = audio.repair(block)
            repaired += bad
            frames += len(block)
            channels = block.shape[1]
            power += float(np.sum(np.square(block, dtype=np.float64)))
            clipped += in_runs(block)
            digest.update((block + np.float32(0)).tobytes())  # a float file may hold -0
    except AudioError as error:
        return Heard(clip, error=str(error))
    digest.update(f"{rate} {channels}".encode())
    level = audio.level_dbfs(np.array([np.sqrt(power / (frames * channels))], np.float32))
    share = clipped / (frames * channels)
    return Heard(
        clip,
        frames / rate,
        rate,
        channels,
        level,
        share,
        repaired,
        _cut_short(clip.path),
        digest.hexdigest(),
    )


def _cut_short(path: Path) -> bool:
    """Return whether a WAV ends before its header says; one of a stream tells no length."""
    try:
        with path.open("rb") as file:
            name, size = struct.unpack("<4sI", file.read(8))
            return name == b"RIFF" and file.tell() + size > path.stat().st_size and size < _STREAMED
    except (OSError, struct.error):
        return False
