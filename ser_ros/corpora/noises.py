"""Recordings of noise: which are trained with, and which are kept for the figures in noise."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from ser_ros.errors.config import BadValue

_FILES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3"})

_HELD_OUT = 5
"""One in so many recordings of a folder is never trained with."""


def recordings_in(folder: Path) -> list[Path]:
    """Return the recordings under a folder, by name. Raises `BadValue` where there is none."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _FILES)
    if not found:
        raise BadValue("The folder of noises", str(folder), "a folder that holds recordings")
    return found


def split_noises(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the recordings to train with and those to measure with.

    The last fifth of each inner folder, by name, is held out: takes of one source have names that
    follow one another, and in ESC-10 and ESC-50 it is a fold that shares no source with the others.
    Where no inner folder has that many, it is the last fifth of them all; of a single recording
    nothing is held out. Raises `BadValue` for a folder without recordings.
    """
    inner: dict[Path, list[Path]] = defaultdict(list)
    for path in recordings_in(folder):
        inner[path.parent].append(path)
    training, held = [], []
    for paths in inner.values():
        kept = len(paths) - len(paths) // _HELD_OUT
        training += paths[:kept]
        held += paths[kept:]
    if not held and len(training) > 1:
        kept = len(training) - max(1, len(training) // _HELD_OUT)
        training, held = training[:kept], training[kept:]
    return training, held
