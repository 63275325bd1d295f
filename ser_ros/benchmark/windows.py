"""The speech that every contestant judges: recordings, joined and cut into windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ser_ros import audio
from ser_ros.audio import SampleFormat, Samples
from ser_ros.carried import recordings_folder
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.machine import CannotWrite
from ser_ros.features import FeatureConfig

BYTES_PER_SAMPLE = SampleFormat.S16LE.dtype.itemsize


def carried_files() -> list[Path]:
    """Return the recordings that the package carries. Raises `UnreadableFile` without them."""
    files = sorted(recordings_folder().glob("*.flac"))
    if not files:
        raise UnreadableFile(recordings_folder(), "no recording is in it")
    return files


def joined(files: Sequence[Path | str], rate: int) -> Samples:
    """Return recordings, one after the other. Raises the errors of `audio.load`."""
    return np.concatenate([audio.load(file, rate) for file in files])


def write_wav(path: Path, speech: Samples, rate: int) -> None:
    """Raises `CannotWrite`, as on a full disk."""
    try:
        soundfile.write(path, speech, rate)
    except (OSError, soundfile.LibsndfileError) as error:
        raise CannotWrite(path, str(error)) from error


def write_windows(
    path: Path, wav: Path, files: Sequence[Path | str], count: int, features: FeatureConfig
) -> dict[str, Any]:
    """Write the joined recordings, as a wav file, and up to `count` distinct windows of them.

    The windows are S16LE and mono, one after the other, spread evenly over the recordings; they
    may overlap. Returns what they are made of. Raises the errors of `audio.load`.
    """
    speech = joined(files, features.rate)
    size = features.window
    if len(speech) < size:
        speech = np.pad(speech, (0, size - len(speech)))
    starts = np.unique(np.linspace(0, len(speech) - size, count).astype(int))
    write_wav(wav, speech, features.rate)
    with path.open("wb") as file:
        for start in starts:
            file.write(audio.encode(speech[start : start + size], SampleFormat.S16LE))
    return {
        "files": len(files),
        "seconds": round(len(speech) / features.rate, 2),
        "windows": len(starts),
        "window_s": features.window_s,
        "hop_s": float(np.median(np.diff(starts))) / features.rate if len(starts) > 1 else None,
    }


@dataclass(frozen=True)
class Windows:
    """The windows in a file, read one by one so that they do not count as a contestant's memory."""

    path: Path
    size: int
    """Samples of a window."""

    def __len__(self) -> int:
        return self.path.stat().st_size // (self.size * BYTES_PER_SAMPLE)

    def __getitem__(self, index: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(index * self.size * BYTES_PER_SAMPLE)
            return file.read(self.size * BYTES_PER_SAMPLE)
