"""What every reader of a folder shares: what it is given, and what it gives back."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ser_ros.corpora.clips import Clip

ENDINGS = frozenset({".wav", ".flac", ".ogg", ".opus", ".oga", ".mp3", ".aif", ".aiff", ".au"})
"""Endings of recordings, in lower case; all that libsndfile reads and that corpora come in."""

_UNREADABLE = frozenset({".m4a", ".aac", ".wma", ".amr", ".3gp", ".mp4", ".webm", ".caf"})
"""Endings of recordings that it does not read."""


@dataclass(frozen=True)
class Folder:
    """A folder of recordings, listed once for all readers."""

    root: Path
    recordings: Sequence[Path]
    """Sorted, so that nothing depends on the file system's order."""
    tables: Sequence[Path]
    """The CSV files, likewise."""
    left_out: Sequence[tuple[Path, str]] = ()
    """(path, why) of what may hold recordings, and cannot be listed or decoded."""

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


def list_folder(root: Path) -> Folder:
    """Walk a folder, through links too, for people link what is large."""
    recordings: list[Path] = []
    tables: list[Path] = []
    left_out: list[tuple[Path, str]] = []
    seen: set[str] = set()

    def closed(error: OSError) -> None:
        left_out.append((Path(error.filename), f"it cannot be listed: {error.strerror}"))

    for place, folders, files in os.walk(root, onerror=closed, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a folder above it
            folders.clear()
            continue
        seen.add(real)
        # Archives made on a Mac bring a `._x.wav` for each `x.wav`, which is no sound.
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        for name in sorted(files):
            if name.startswith("."):
                continue
            path = Path(place, name)
            ending = path.suffix.lower()
            if ending in ENDINGS and (path.is_file() or not path.exists()):
                recordings.append(path)
            elif ending == ".csv":
                tables.append(path)
            elif ending in ENDINGS:  # a pipe would be waited for
                left_out.append((path, "it is no regular file"))
            elif ending in _UNREADABLE:
                left_out.append((path, f"{ending} is not decoded here; make it a wav or flac"))
            elif path.is_symlink() and not path.exists():
                left_out.append((path, "it is a link to nothing"))
    return Folder(root, sorted(recordings), sorted(tables), left_out)
