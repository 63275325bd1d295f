"""What every reader of a folder shares: what it is given, and what it gives back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ser_ros.corpora.clips import Clip

ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3"})
"""Endings of recordings, in lower case; all that libsndfile reads and that corpora come in."""


@dataclass(frozen=True)
class Folder:
    """A folder of recordings, listed once for all readers."""

    root: Path
    recordings: Sequence[Path]
    """Sorted, so that nothing depends on the file system's order."""
    tables: Sequence[Path]
    """The CSV files, likewise."""

    def within(self, path: Path) -> tuple[str, ...]:
        """Return the names of the folders between the root and a recording."""
        return path.relative_to(self.root).parent.parts


@dataclass(frozen=True)
class Options:
    """What a reader may be told."""

    min_agreement: int = 3
    """How many of AIHUB's five annotators must agree; three are a majority."""
    speaker: str = ""
    """A regular expression on the path within the folder; its first group is the speaker."""


@dataclass(frozen=True)
class Found:
    """The recordings of a folder that have an emotion, and those that have none and why."""

    layout: str
    clips: Sequence[Clip]
    skipped: Sequence[tuple[Path, str]] = field(default=())
    """(path, why): nothing is left out in silence."""


@dataclass(frozen=True)
class Layout:
    """A way in which people arrange recordings."""

    name: str
    looks_like: str
    """Half a line that stands in the help and in errors."""
    fits: Callable[[Folder], float]
    """Which share of the recordings speaks for this layout, 0 to 1."""
    read: Callable[[Folder, Options], Found]


GENDERS: Mapping[str, str] = {
    "male": "male",
    "m": "male",
    "남": "male",
    "남성": "male",
    "남자": "male",
    "female": "female",
    "f": "female",
    "여": "female",
    "여성": "female",
    "여자": "female",
}


def gender(word: str | None) -> str:
    """Return `male`, `female`, or nothing for any other word."""
    return GENDERS.get((word or "").strip().lower(), "")


def list_folder(root: Path) -> Folder:
    """Walk a folder, through links too, for people link what is large."""
    recordings: list[Path] = []
    tables: list[Path] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(real)
        # Archives made on a Mac bring a `._x.wav` for each `x.wav`, which is no sound.
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        for name in sorted(files):
            ending = os.path.splitext(name)[1].lower()
            if name.startswith(".") or ending not in {*ENDINGS, ".csv"}:
                continue
            (tables if ending == ".csv" else recordings).append(Path(place, name))
    return Folder(root, sorted(recordings), sorted(tables))
