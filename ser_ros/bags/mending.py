"""A cut-off MCAP file, seen so that its whole records can be read.

An MCAP file ends with an index and a footer; where the writer was killed or the disk was full they
are missing, and the last record may be torn. Nothing is written here: what is whole is shown as a
file of its own, followed by the footer of a file without an index.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lz4.frame import LZ4FrameDecompressor

from ser_ros.bags.zstandard import zstd

MAGIC = b"\x89MCAP0\r\n"

_FOOTER = b"\x02" + struct.pack("<QQQI", 20, 0, 0, 0) + MAGIC
_HEAD = 9
"""Bytes before each record: what it is, and its length."""
_CHUNK, _DATA_END = 0x06, 0x0F
_MOST_CHUNK = 1 << 28
"""Bytes. No writer makes chunks near 256 MiB; a larger one is damage."""


class MendedFile:
    """What is whole of an MCAP file, with as much of a path as rosbags asks for."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`, and `ValueError` where nothing is whole."""
        self._path = path
        self._length, self._rest = _whole(path)

    def open(self, _mode: str) -> BinaryIO:
        return io.BufferedReader(_Joined(self._path, self._length, self._rest + _FOOTER))

    def __str__(self) -> str:
        return str(self._path)


class _Joined(io.RawIOBase):
    """The first bytes of a file, and then some others."""

    def __init__(self, path: Path, length: int, rest: bytes) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._length = length
        self._rest = rest
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = (0, self._at, self._length + len(self._rest))[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._length:
            self._file.seek(self._at)
            part = self._file.read(min(len(buffer), self._length - self._at)) or b""
        else:
            begin = self._at - self._length
            part = self._rest[begin : begin + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None:
        self._file.close()
        super().close()


def _whole(path: Path) -> tuple[int, bytes]:
    """Return the length of what is whole, and the whole records of a chunk that is torn there."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError("it does not begin as MCAP does")
        whole = len(MAGIC)
        while whole + _HEAD <= size:
            file.seek(whole)
            kind, length = struct.unpack("<BQ", file.read(_HEAD))
            end = whole + _HEAD + length
            if kind in (0, _DATA_END) or (end > size and kind != _CHUNK):
                break
            if kind == _CHUNK:
                body, announced, crc = _chunk(file.read(min(length, _MOST_CHUNK)))
                inner = _records(body)
                # A chunk that is as long as it says can still hold nothing but zeros, or noise.
                if end > size or inner != announced:
                    return whole, body[:inner]
                if crc and zlib.crc32(body) != crc:  # somewhere in it; nobody knows where
                    return whole, b""
            whole = end
    if whole == len(MAGIC):
        raise ValueError("not one record of it is whole")
    return whole, b""


def _chunk(record: bytes) -> tuple[bytes, int, int]:
    """Return what is there of a chunk's content, and the length and the CRC that it should have."""
    try:
        _, _, announced, crc, width = struct.unpack_from("<QQQII", record)
        name = record[32 : 32 + width].decode()
    except (struct.error, UnicodeDecodeError):
        return b"", 0, 0
    packed = record[32 + width + 8 :]
    if announced > _MOST_CHUNK:
        return b"", announced, crc
    try:
        return _unpacked(packed, name, announced), announced, crc
    except (RuntimeError, ValueError, zstd.ZstdError):
        return b"", announced, crc


def _unpacked(packed: bytes, name: str, most: int) -> bytes:
    if name == "":
        return packed[:most]
    if name == "zstd":
        return zstd.ZstdDecompressor().decompress(packed, max_length=most)
    if name == "lz4":
        return bytes(LZ4FrameDecompressor().decompress(packed, max_length=most))
    raise ValueError(name)


def _records(body: bytes) -> int:
    """Return the length of the whole records at the beginning of a chunk."""
    end = 0
    for end in _ends(body):  # noqa: B007 - the last one counts
        pass
    return end


def _ends(body: bytes) -> Iterator[int]:
    at = 0
    while at + _HEAD <= len(body):
        kind, length = struct.unpack_from("<BQ", body, at)
        at += _HEAD + length
        if kind == 0 or at > len(body):
            return
        yield at
