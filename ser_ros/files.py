"""Files and folders that are whole or not there: written aside, then renamed."""

from __future__ import annotations

import os
import secrets
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

from ser_ros.errors.machine import CannotWrite

PUBLIC, PRIVATE = 0o666, 0o600
"""Who may use a file: whom the umask lets, or its owner alone."""

DAMAGED_ZIP = (BadZipFile, RuntimeError, zlib.error)
"""What comes of reading a damaged .npz, beside what any file raises. RuntimeError: it says that it
is encrypted, or packed in a way that nobody knows."""


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


def check_folder(folder: Path) -> None:
    """Hold that `folder_aside` can put a folder there, before anybody waits. Raises `CannotWrite`.

    A mount and the folder that a shell stands in cannot be replaced by another.
    """
    place = folder.resolve()
    if place.is_dir() and os.path.ismount(place):
        raise CannotWrite(folder, "something is mounted there; name a folder in it")
    try:
        if place == Path.cwd():
            raise CannotWrite(folder, "it is the folder you are in; name one in it")
        above = next(parent for parent in place.parents if parent.exists())
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error
    if not above.is_dir():
        raise CannotWrite(folder, f"'{above}' is no folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise CannotWrite(folder, "Permission denied")


@contextmanager
def written_aside(path: Path, mode: int = PUBLIC) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `path` once the block has ended well.

    A public file that is replaced keeps who may use it. Raises `CannotWrite` for a folder that is
    missing or closed, for a full disk, and for what is no file: a device or a pipe would be
    replaced by one. A link stays, and what it names is replaced.
    """
    told, path = path, path.resolve()
    if path.exists() and not path.is_file():
        raise CannotWrite(told, "it is no regular file")
    aside: Path | None = None
    try:
        before = path.stat().st_mode if path.exists() else None
        name = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
        # Until it is whole nobody else reads what may replace a private file.
        first = mode if before is None else PRIVATE
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, first))
        aside = name
        yield aside
        if before is not None and mode == PUBLIC:
            aside.chmod(stat.S_IMODE(before))
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
            if place.exists():
                new.chmod(stat.S_IMODE(place.stat().st_mode))
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
