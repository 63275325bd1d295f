"""An upload on its way in: counted while it comes, and never given a name on the disk."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import IO

from ser_ros.errors.web import UploadEmpty, UploadNoRoom, UploadTooLarge

_MB = 1 << 20


async def receive(pieces: AsyncIterator[bytes], limit_mb: int) -> tuple[IO[bytes], str]:
    """Write what comes to a file without a name; return it, open, and its SHA-256.

    However the server ends, nothing of it is left behind. Raises `UploadTooLarge` as soon as it is
    that, `UploadEmpty`, or `UploadNoRoom`.
    """
    size, digest = 0, sha256()
    file = _nameless()
    try:
        async for piece in pieces:
            size += len(piece)
            if size > limit_mb * _MB:
                raise UploadTooLarge(limit_mb)
            digest.update(piece)
            _write(file, piece)
        if size == 0:
            raise UploadEmpty
    except BaseException:
        file.close()
        raise
    return file, digest.hexdigest()


def _nameless() -> IO[bytes]:
    try:
        # Unbuffered: a full disk is told at the write, not at the close.
        return tempfile.TemporaryFile(buffering=0)
    except OSError as error:
        raise UploadNoRoom(error.strerror or str(error)) from error


def _write(file: IO[bytes], piece: bytes) -> None:
    rest = memoryview(piece)
    try:
        while rest:  # it may take less than all
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise UploadNoRoom(error.strerror or str(error)) from error
