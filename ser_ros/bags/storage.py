"""The files of a bag: each opened as well as it can be, whole or not."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from shutil import copyfile
from typing import Any, Protocol, cast
from urllib.parse import quote

import apsw
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)
from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from ser_ros.bags.mending import MendedFile
from ser_ros.bags.zstandard import unpack, zstd
from ser_ros.errors.bags import BagUnreadable
from ser_ros.errors.machine import CannotWrite

SUFFIXES = (".mcap", ".db3", ".mcap.zstd", ".db3.zstd")
"""How the files of a bag end."""

UNREADABLE = (
    ReaderError,
    zstd.ZstdError,
    apsw.Error,
    sqlite3.Error,
    struct.error,
    AssertionError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What reading damaged bytes raises, in rosbags and below it: it trusts what it reads."""

Found = tuple[Connection, int, bytes]
"""Whose message it is, when it was received in ns, and its bytes as they were written."""


class Storage(Protocol):
    """One file of a bag."""

    connections: list[Connection]

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Iterator[Found]:
        """Yield what was received from `start` on and before `stop`, in ns."""

    def close(self) -> None: ...


class _Mcap(McapReader):
    """An MCAP file in the order in which it was written, which is that of receipt.

    Sorted by time, two stretches of sound would lie one within the other after a clock was set back
    in the middle of a recording.
    """

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Any:
        chunks = sorted(self.chunks, key=lambda chunk: chunk.chunk_start_offset)
        # Some writers give each topic chunks of its own.
        by_topic = any(
            b.message_start_time < a.message_end_time
            and not a.channel_count.keys() & b.channel_count.keys()
            for a, b in pairwise(chunks)
        )
        read = super().messages if by_topic else self.messages_scan
        return read(connections, start, stop)


class _Sqlite(Sqlite3Reader):
    """An SQLite file in the order in which it was written, as `_Mcap`."""

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Any:
        assert self.dbconn
        wanted = {connection.id: connection for connection in connections}
        numbers = ",".join(map(str, wanted))
        query = f"SELECT topic_id, timestamp, data FROM messages WHERE topic_id IN ({numbers})"
        for sign, limit in ((">=", start), ("<", stop)):
            query += f" AND timestamp {sign} {limit}" if limit is not None else ""
        for topic, received_ns, data in cast(Any, self.dbconn.execute(f"{query} ORDER BY id")):
            if not (isinstance(received_ns, int) and isinstance(data, bytes)):
                raise ReaderError("a row of it is damaged")
            yield wanted[topic], received_ns, data


def open_storage(path: Path, spare: Path) -> tuple[Storage, str]:
    """Open a file of a bag; return with it what is wrong with it, or an empty text.

    `spare` is an empty folder for what has to be unpacked. Raises `BagUnreadable` where nothing of
    the file can be read, `CannotWrite` where there is no room to unpack it.
    """
    fault = ""
    try:
        if path.suffix == ".zstd":
            unpacked = spare / path.stem
            if not _with_room(spare, lambda: unpack(path, unpacked)):
                fault = "is cut off"
            path = unpacked
        storage, found = _open_mcap(path) if path.suffix == ".mcap" else _open_sqlite(path, spare)
        for topic in storage.connections:
            if not (isinstance(topic.topic, str) and isinstance(topic.msgtype, str)):
                raise ReaderError("the name or the type of a topic is damaged")
        return storage, found or fault
    except UNREADABLE as error:
        raise BagUnreadable(path, _why(error)) from error


def _why(error: BaseException) -> str:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(why).rstrip(".")


def _with_room(spare: Path, work: Any) -> Any:
    try:
        return work()
    except OSError as error:
        if error.filename is not None and not str(error.filename).startswith(str(spare)):
            raise
        raise CannotWrite(spare, f"{_why(error)}; TMPDIR names another place") from error


def _open_mcap(path: Path) -> tuple[Storage, str]:
    reader = _Mcap(path)
    try:
        reader.open()
        return cast(Storage, reader), ""
    except UNREADABLE:
        if path.stat().st_size == 0:
            raise ValueError("it is empty") from None
    mended = _Mcap(cast(Any, MendedFile(path)))
    mended.open()
    return cast(Storage, mended), "is cut off"


def _open_sqlite(path: Path, spare: Path) -> tuple[Storage, str]:
    fault = ""
    with path.open("rb") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise ValueError("it does not begin as SQLite does")
    left = [name for name in (f"{path}-wal", f"{path}-journal") if _size(Path(name))]
    if left:
        # A writer that was killed left these; SQLite puts things right, in a copy.
        copy = spare / path.name
        for name in (str(path), *left):
            target = copy.with_name(copy.name + name.removeprefix(str(path)))
            if target != Path(name):
                _with_room(spare, lambda name=name, target=target: copyfile(name, target))
        fault, path = "was not ended", copy
        with closing(sqlite3.connect(path)) as database:
            database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    elif set("?#%") & set(str(path)):
        link = spare / "bag.db3"  # for rosbags makes a URI of the name as it is
        link.symlink_to(path.resolve())
        path = link
    reader = _Sqlite(path)
    try:
        reader.open()
        return cast(Storage, reader), fault or ("is cut off" if _is_short(path) else "")
    except UNREADABLE:
        return _Salvaged(path), "is cut off"


def _is_short(path: Path) -> bool:
    """Whether an SQLite file has fewer pages than its head says: rows or their index may lack."""
    with path.open("rb") as file:
        head = file.read(100)
    page = int.from_bytes(head[16:18])
    page = 1 << 16 if page == 1 else page  # which has no room there
    return head[24:28] == head[92:96] and path.stat().st_size < page * int.from_bytes(head[28:32])


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _Salvaged:
    """A damaged SQLite bag, read row by row until there is none that is whole."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(f"file:{quote(str(path))}?immutable=1", uri=True)
        # Otherwise SQLite refuses a file that is shorter than its head says.
        self._database.execute("PRAGMA writable_schema=ON")
        try:
            self.connections = self._topics()
            counts = dict.fromkeys((topic.id for topic in self.connections), 0)
            for topic, _, _ in self._rows():
                if topic in counts:
                    counts[topic] += 1
        except BaseException:
            self.close()
            raise
        self.connections = [topic._replace(msgcount=counts[topic.id]) for topic in self.connections]

    def messages(
        self, connections: Collection[Connection], start: int | None = None, stop: int | None = None
    ) -> Iterator[Found]:
        wanted = {connection.id: connection for connection in connections}
        for topic, received_ns, data in self._rows():
            early = start is not None and received_ns < start
            late = stop is not None and received_ns >= stop
            if topic in wanted and not (early or late):
                yield wanted[topic], received_ns, data

    def close(self) -> None:
        self._database.close()

    def _rows(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (topic, ns, message) in the order of writing."""
        query = "SELECT topic_id, timestamp, data FROM messages NOT INDEXED ORDER BY id"
        try:
            for topic, received_ns, data in self._database.execute(query):
                if isinstance(received_ns, int) and isinstance(data, bytes):
                    yield topic, received_ns, data
        except sqlite3.Error:
            return

    def _topics(self) -> list[Connection]:
        definitions = self._definitions()
        none = MessageDefinition(MessageDefinitionFormat.NONE, "")
        rows = self._database.execute("SELECT id, name, type FROM topics ORDER BY id")
        return [
            Connection(
                number,
                name,
                kind,
                definitions.get(kind, none),
                "",
                0,
                ConnectionExtRosbag2("cdr", []),
                self,
            )
            for number, name, kind in rows
        ]

    def _definitions(self) -> dict[str, MessageDefinition]:
        query = "SELECT topic_type, encoding, encoded_message_definition FROM message_definitions"
        formats = {"ros2msg": MessageDefinitionFormat.MSG, "ros2idl": MessageDefinitionFormat.IDL}
        try:
            rows: Sequence[tuple[str, str, str]] = self._database.execute(query).fetchall()
        except sqlite3.Error:  # bags before Iron have no such table
            return {}
        return {
            kind: MessageDefinition(formats[form], text)
            for kind, form, text in rows
            if form in formats
        }
