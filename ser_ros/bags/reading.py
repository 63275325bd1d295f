"""A bag that is read: its topics, and its messages in the order in which they were received."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Self

import yaml
from rosbags.interfaces import Connection, MessageDefinition, Qos

from ser_ros.bags import types
from ser_ros.bags.records import READERS, Record
from ser_ros.bags.storage import SUFFIXES, UNREADABLE, Storage, open_storage
from ser_ros.bags.zstandard import MAGIC, zstd
from ser_ros.errors.bags import (
    AudioTypeUnknown,
    BagMissing,
    BagOfBags,
    BagUnreadable,
    MessageUnreadable,
    NoAudioTopic,
    SeveralAudioTopics,
    TopicUnknown,
)

METADATA = "metadata.yaml"

_COMPANIONS = {
    types.AUDIO_INFO: "audio_info",
    types.GROUND_TRUTH: "ground_truth",
    types.EMOTION: "emotion",
    types.BOOL: "robot_speaking",
}
"""What belongs to a topic of sound: the type, and the name that our nodes give it."""


@dataclass(frozen=True)
class Topic:
    """One topic of a bag."""

    name: str
    type: str
    """Such as `ser_ros/msg/Emotion`."""
    count: int
    definition: MessageDefinition
    """The type's, as it is in the bag; of format NONE where the bag has none."""
    qos: tuple[Qos, ...] = ()
    """What its publishers offered; empty where the bag does not tell."""


@dataclass(frozen=True)
class Message:
    """One message, as it was published."""

    topic: str
    type: str
    log_ns: int
    """When it was received."""
    data: bytes
    """Serialised (CDR)."""


def open_bag(path: Path | str) -> Bag:
    """Open a bag: a folder of rosbag2, whole or not, or one file of it.

    Raises `BagMissing`, `BagOfBags`, `BagUnreadable`, or `CannotWrite` where a compressed file
    cannot be unpacked.
    """
    return Bag(Path(path))


class Bag:
    """A bag that is open; leave it as a context manager, or `close` it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.resolve().name
        self.remarks: list[str] = []
        """What a person should know of it, in sentences; it grows while the bag is read."""
        self.cut = False
        """Whether it was not ended well, so that something may be missing at its end."""
        self._stack = ExitStack()
        self._storages: list[tuple[Path, Storage]] = []
        try:
            self.files = tuple(self._find())
        except OSError as error:  # a folder that is closed, a name that is too long
            raise BagUnreadable(path, error.strerror or error) from error
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    # ── opening ───────────────────────────────────────────────────────────────────────────────

    def _find(self) -> list[Path]:
        """Return the files of the bag, in order."""
        path = self.path
        if not path.is_dir():
            if not path.is_file() or not path.name.endswith(SUFFIXES):
                raise BagMissing(path)
            return [path]
        there = sorted((p for p in path.iterdir() if p.name.endswith(SUFFIXES)), key=_natural)
        try:
            told = yaml.safe_load((path / METADATA).read_text(encoding="utf-8"))
            # Old bags name their files with the folder before them.
            names = [
                PurePath(name).name
                for name in told["rosbag2_bagfile_information"]["relative_file_paths"]
            ]
        except (OSError, yaml.YAMLError, LookupError, TypeError, ValueError):
            if not there:
                bags = sorted({p.parent.name for p in path.glob("*/*") if _is_part(p)})
                raise BagOfBags(path, bags) if bags else BagMissing(path) from None
            self._cut(f"{METADATA} is missing or damaged, so the recording was not ended.")
            # A recorder that was killed while it compressed a file left both.
            plain = {p.name for p in there}
            return [p for p in there if p.suffix != ".zstd" or p.stem not in plain]
        for name in names:
            if not (path / name).is_file():
                self._cut(f"Its file {name} is missing.")
        found = [path / name for name in names if (path / name).is_file()]
        if not found:
            raise BagUnreadable(path, f"none of the files that {METADATA} names is there")
        return found

    def _open(self) -> None:
        failure: BagUnreadable | None = None
        spare = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ser_ros-bag-")))
        for number, file in enumerate(self.files):
            folder = spare / str(number)
            folder.mkdir()
            try:
                storage, fault = open_storage(file, folder)
            except BagUnreadable as error:
                failure = error
                self._cut(str(error))
                continue
            self._stack.callback(storage.close)
            self._storages.append((file, storage))
            if fault:
                self._cut(f"{file.name} {fault}; what is whole of it can be read.")
        if failure is not None and not self._storages:
            raise failure
        self.topics = self._topics()

    def _topics(self) -> tuple[Topic, ...]:
        found: dict[tuple[str, str], Topic] = {}
        for _, storage in self._storages:
            for one in storage.connections:
                key = (one.topic, one.msgtype)
                before = found.get(key) or Topic(*key, 0, one.msgdef, _offered(one))
                found[key] = replace(before, count=before.count + one.msgcount)
        return tuple(found[key] for key in sorted(found))

    def _cut(self, sentence: str) -> None:
        self.cut = True
        self._remark(sentence)

    def _remark(self, sentence: str) -> None:
        if sentence not in self.remarks:  # a bag may be read several times
            self.remarks.append(sentence)

    # ── choosing ──────────────────────────────────────────────────────────────────────────────

    def audio_topic(self, asked: str = "") -> str:
        """Return the topic of the sound: the one that is asked for, or the one there is.

        Among several, one whose name ends in `audio`. Raises `TopicUnknown`, `AudioTypeUnknown`,
        `NoAudioTopic` or `SeveralAudioTopics`.
        """
        names = [topic.name for topic in self.topics]
        if asked:
            named = [t for t in self.topics if t.name.strip("/") == asked.strip("/")]
            if not named:
                raise TopicUnknown(self.path, asked, names)
            heard = [t for t in named if t.type in types.AUDIO_TYPES]
            if not heard:
                raise AudioTypeUnknown(self.path, asked, named[0].type, types.AUDIO_TYPES)
            return heard[0].name
        heard = [t for t in self.topics if t.type in types.AUDIO_TYPES]
        heard = [t for t in heard if t.count] or heard
        if not heard:
            for topic in self.topics:
                if _last(topic.name) == "audio":
                    raise AudioTypeUnknown(self.path, topic.name, topic.type, types.AUDIO_TYPES)
            raise NoAudioTopic(self.path, names)
        if len(heard) > 1:
            heard = [t for t in heard if _last(t.name) == "audio"] or heard
        if len(heard) > 1:
            raise SeveralAudioTopics(self.path, [t.name for t in heard])
        return heard[0].name

    def topic(self, name: str) -> Topic:
        """Return a topic by its name, its first slash or not. Raises `TopicUnknown`."""
        for topic in self.topics:
            if topic.name.strip("/") == name.strip("/"):
                return topic
        raise TopicUnknown(self.path, name, [topic.name for topic in self.topics])

    def companions(self, audio: str | None) -> dict[str, str]:
        """Return the topics that belong to the sound, by type: its format, its truth, and so on.

        The one of our name beside the sound goes first, then the only one of its type.
        """
        beside = audio.rpartition("/")[0] if audio else None
        found = {}
        for kind, name in _COMPANIONS.items():
            of_type = [t.name for t in self.topics if t.type == kind]
            if kind == types.BOOL:  # other people's flags are of that type too
                of_type = [t for t in of_type if _last(t) == name]
            if beside is not None and f"{beside}/{name}" in of_type:
                found[kind] = f"{beside}/{name}"
            elif len(of_type) == 1:
                found[kind] = of_type[0]
        return found

    # ── reading ───────────────────────────────────────────────────────────────────────────────

    def messages(
        self,
        topics: Collection[str] | None = None,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Iterator[Message]:
        """Yield the messages of some topics, or of all, in the order of their receipt.

        With a start or a stop, only those that were received from then on, or before then. Where a
        file turns out to be damaged, its rest is left out and a remark says so.
        """
        for file, storage in self._storages:
            wanted = [c for c in storage.connections if topics is None or c.topic in topics]
            if not wanted:
                continue
            promised = sum(one.msgcount for one in wanted)
            try:
                for one, log_ns, data in storage.messages(wanted, start_ns, stop_ns):
                    promised -= 1
                    if data[:4] == MAGIC:
                        data = zstd.decompress(data)
                    yield Message(one.topic, one.msgtype, log_ns, data)
            except UNREADABLE as error:
                self._cut(f"{file.name} is damaged ({error}); what comes after that is not read.")
            else:
                if promised > 0 and start_ns is None and stop_ns is None:
                    self._cut(f"{file.name} is damaged; {promised} of its messages are not found.")

    def records(
        self, audio: str | None, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[Record]:
        """Yield the sound of a topic, and what belongs to it, as `messages` does.

        None leaves the sound out. A message that cannot be decoded is left out, and a remark at the
        end counts them. Raises `FieldMissing` for messages of a definition that lacks what is
        needed, `TypeUnknown` for one that cannot be understood.
        """
        wanted = set(self.companions(audio).values()) | ({audio} if audio else set())
        definitions = {(t.name, t.type): t.definition for t in self.topics}
        refused: Counter[str] = Counter()
        for message in self.messages(wanted, start_ns, stop_ns):
            read = READERS.get(message.type)
            if read is None:
                continue
            decode = types.decoder(message.type, definitions[message.topic, message.type])
            try:
                decoded: Any = decode(message.data)
            except MessageUnreadable:
                refused[message.topic] += 1
                continue
            yield read(decoded, message.log_ns, message.topic)
        for topic, count in refused.items():
            self._remark(f"{count} message(s) of {topic} cannot be decoded; left out.")


def _offered(connection: Connection) -> tuple[Qos, ...]:
    return tuple(getattr(connection.ext, "offered_qos_profiles", ()))


def _is_part(path: Path) -> bool:
    return path.name == METADATA or path.name.endswith(SUFFIXES)


def _last(topic: str) -> str:
    return topic.rpartition("/")[2]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort `bag_10` after `bag_9`."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
