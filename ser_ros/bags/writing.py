"""A bag that is written, so that what was written can be read whatever happens to the writer."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as RosbagWriter
from rosbags.rosbag2.errors import WriterError
from rosbags.rosbag2.storage_mcap import McapWriter
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Writer

from ser_ros.bags.types import know
from ser_ros.errors.bags import BagThere
from ser_ros.errors.machine import CannotWrite

_FOREVER = QosTime(0x7FFFFFFF, 0xFFFFFFFF)


def quality(reliable: bool = True, latched: bool = False, depth: int = 10) -> Qos:
    """Return the quality of service that a topic was offered with."""
    return Qos(
        QosHistory.KEEP_LAST,
        depth,
        QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        _FOREVER,
        _FOREVER,
        QosLiveliness.AUTOMATIC,
        _FOREVER,
        False,
    )


class BagWriter:
    """Write a bag under its final name; after `flush` everything before it is on the disk.

    Ended by `close`, or by the end of its block, also after an error: then it is as after a kill,
    without an index, and `reading` reads it all the same. Every method may raise `CannotWrite`.
    """

    def __init__(self, path: Path, storage: str = "mcap", compression: str = "none") -> None:
        """Raises `BagThere`: no bag is ever overwritten."""
        if storage == "sqlite3" and set("?#%") & set(str(path.absolute())):
            # rosbags makes a URI of it as it is, and would write elsewhere.
            raise CannotWrite(path, "a bag in SQLite cannot lie in a path with '?', '#' or '%'")
        self.path = path
        self.counts: Counter[str] = Counter()
        """Messages by topic."""
        self._topics: dict[str, Connection] = {}
        self._dirty = False
        try:
            self._writer: RosbagWriter | None = RosbagWriter(
                path, version=9, storage_plugin=StoragePlugin[storage.upper()]
            )
            mode = CompressionMode[compression.upper()]
            self._writer.set_compression(mode, CompressionFormat.ZSTD)
            self._writer.open()
        except WriterError as error:
            raise BagThere(path) from error
        except (OSError, sqlite3.Error) as error:
            raise _refusal(path, error) from error

    def add_topic(self, name: str, kind: str, qos: Sequence[Qos] = ()) -> None:
        """Make a topic known; a second time does nothing. Raises `TypeUnknown`."""
        if name in self._topics:
            return
        with self._guarded() as writer:
            self._topics[name] = writer.add_connection(
                name, kind, typestore=know(kind), offered_qos_profiles=qos
            )

    def write(self, topic: str, log_ns: int, data: bytes | memoryview) -> None:
        """Add a serialised message of a topic that is known."""
        with self._guarded() as writer:
            writer.write(self._topics[topic], log_ns, data)
        self.counts[topic] += 1
        self._dirty = True

    def flush(self) -> None:
        """Bring what was written to the disk, so that neither a kill nor a power cut takes it."""
        if not self._dirty:
            return
        with self._guarded() as writer:
            storage = writer.storage
            # rosbags keeps a megabyte, half a minute of speech, in memory.
            if isinstance(storage, McapWriter):
                storage.close_chunk()
                storage.bio.flush()
                os.fsync(storage.bio.fileno())
            elif isinstance(storage, Sqlite3Writer):
                storage.conn.commit()
        self._dirty = False

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        try:
            return sum(file.stat().st_size for file in self.path.iterdir() if file.is_file())
        except OSError as error:  # somebody took the folder away
            raise _refusal(self.path, error) from error

    def close(self) -> None:
        """End the bag with its index and metadata; a second time does nothing."""
        if self._writer is None:
            return
        self.flush()
        with self._guarded() as writer:
            writer.close()
        self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._abandon()

    @contextmanager
    def _guarded(self) -> Iterator[Any]:
        if self._writer is None:
            raise CannotWrite(self.path, "it was given up after an error")
        try:
            yield self._writer
        except (OSError, sqlite3.Error) as error:
            self._abandon()
            raise _refusal(self.path, error) from error

    def _abandon(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(OSError, sqlite3.Error):
                writer.abort()


def _refusal(path: Path, error: Exception) -> CannotWrite:
    return CannotWrite(path, getattr(error, "strerror", None) or str(error))


@contextmanager
def bag_aside(path: Path, storage: str, compression: str) -> Iterator[BagWriter]:
    """Give a bag to write; it gets its name once the block has ended well, and else is gone.

    Raises `BagThere` or `CannotWrite`.
    """
    if path.exists() or path.is_symlink():
        raise BagThere(path)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as aside:
            # Its last name, for the files within a bag bear it.
            with BagWriter(Path(aside, path.name), storage, compression) as writer:
                yield writer
            writer.path.rename(path)
    except OSError as error:
        raise _refusal(path, error) from error
