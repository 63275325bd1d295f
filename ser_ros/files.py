"""Files and folders that are whole or not there: written aside, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser_ros.errors.machine import CannotWrite

PUBLIC, PRIVATE = 0o644, 0o600
"""Who may read a file: everybody, or its owner alone."""


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it, where it is not there yet. Raises `CannotWrite`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error


def check_file(path: Path) -> None:
    """Hold that `written_aside` can write a file, before anybody waits. Raises `CannotWrite`."""
    place = path.resolve()
    if place.exists() and not place.is_file():
        raise CannotWrite(path, "it is no regular file")
    if not place.parent.is_dir():
        raise CannotWrite(path, f"there is no folder '{path.parent}'")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise CannotWrite(path, "Permission denied")


@contextmanager
def written_aside(path: Path, mode: int = PUBLIC) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` once the block has ended well.

    Raises `CannotWrite` for a folder that is missing or closed, for a full disk, and for what is no
    file: a device or a pipe would be replaced by one. A link stays, and what it names is replaced.
    """
    told, path = path, path.resolve()
    if path.exists() and not path.is_file():
        raise CannotWrite(told, "it is no regular file")
    aside: Path | None = None
    try:
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
        os.close(handle)
        aside = Path(name)
        yield aside
        aside.chmod(mode)
        aside.replace(path)
    except OSError as error:
        raise CannotWrite(told, error.strerror or str(error)) from error
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


@contextmanager
def folder_aside(folder: Path) -> Iterator[Path]:
    """Give a new folder to write to; it takes the place of `folder` once the block has ended well.

    Raises `CannotWrite`, and leaves the folder that was there before. A link stays, and what it
    names is replaced.
    """
    place = folder.resolve()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as aside:
            new, old = Path(aside, "new"), Path(aside, "old")
            new.mkdir()
            yield new
            if place.exists():
                place.rename(old)
            try:
                new.rename(place)
            except OSError:
                if old.exists():
                    old.rename(place)
                raise
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error


def write_text(path: Path, text: str, mode: int = PUBLIC) -> None:
    """Raises `CannotWrite`."""
    with written_aside(path, mode) as aside:
        aside.write_text(text, encoding="utf-8")
