"""A recording that goes on: one bag, or a ring of them of which only the newest are kept."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Qos, QosDurability

from ser_ros.bags.writing import BagWriter
from ser_ros.errors import BagThere, CannotWrite

_PARTS = 10
"""Parts of a full ring: a tenth of what is kept goes at a time."""

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """How much is recorded, and how much of it is kept; None for no limit."""

    seconds: float | None = None
    """After which the recording ends."""
    megabytes: float | None = None
    """From which on the recording ends."""
    keep_seconds: float | None = None
    """Nothing older than this is kept."""
    keep_megabytes: float | None = None
    """No more than this is kept; the oldest goes first."""

    @property
    def ring(self) -> bool:
        return self.keep_seconds is not None or self.keep_megabytes is not None


@dataclass(frozen=True)
class _Topic:
    kind: str
    qos: Sequence[Qos]

    @property
    def latched(self) -> bool:
        return any(one.durability is QosDurability.TRANSIENT_LOCAL for one in self.qos)


@dataclass
class _Part:
    path: Path
    begun_s: float
    size: int = 0


class Recording:
    """Messages as they come, in bags.

    Without a limit on what is kept, `out` is a bag. With one it is a folder of bags, each whole in
    itself: a latched message, such as the format of the sound, is repeated at its beginning.
    """

    def __init__(self, out: Path, storage: str, limits: Limits, now: Callable[[], float]) -> None:
        """`now` is a steady clock in seconds. Raises `BagThere` or `CannotWrite`."""
        self.out = out
        self.counts: Counter[str] = Counter()
        """Messages by topic, also those that were not kept."""
        self._storage = storage
        self._limits = limits
        self._now = now
        self._begun_s = now()
        self._topics: dict[str, _Topic] = {}
        self._latched: dict[str, bytes] = {}
        self._parts: list[_Part] = []
        self._number = 0
        if out.exists() or out.is_symlink():
            raise BagThere(out)
        if limits.ring:
            try:
                out.mkdir(parents=True)
            except OSError as error:
                raise CannotWrite(out, error.strerror or str(error)) from error
        self._writer = self._begin()

    def start(self) -> None:
        """Count the seconds from now on: ROS may have taken some to start."""
        self._begun_s = self._parts[-1].begun_s = self._now()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self._now() - self._begun_s

    @property
    def size(self) -> int:
        """Bytes on the disk, after the last `tick`."""
        return sum(part.size for part in self._parts)

    @property
    def bags(self) -> list[Path]:
        """The bags that are kept, oldest first."""
        return [part.path for part in self._parts]

    @property
    def over(self) -> str:
        """Why the recording has reached its end, or an empty text."""
        limits = self._limits
        if limits.seconds is not None and self.seconds >= limits.seconds:
            return f"after {limits.seconds:g} s"
        if limits.megabytes is not None and self.size >= limits.megabytes * MEGABYTE:
            return f"at the limit of {limits.megabytes:g} MB"
        return ""

    def add_topic(self, name: str, kind: str, qos: Sequence[Qos]) -> None:
        """Raises `TypeUnknown` or `CannotWrite`."""
        self._writer.add_topic(name, kind, qos)
        self._topics[name] = _Topic(kind, qos)

    def write(self, topic: str, log_ns: int, data: bytes) -> None:
        """Raises `CannotWrite`."""
        if self._limits.ring and self._full(self._parts[-1]):
            self._turn(log_ns)
        self._writer.write(topic, log_ns, data)
        self.counts[topic] += 1
        if self._topics[topic].latched:
            self._latched[topic] = data

    def tick(self) -> None:
        """Bring everything to the disk, and let go of what is too old or too much.

        Call it about once a second: what came since is lost in a power cut. Raises `CannotWrite`.
        """
        self._writer.flush()
        self._parts[-1].size = self._writer.size
        while len(self._parts) > 1 and self._too_much(self._parts[0]):
            shutil.rmtree(self._parts.pop(0).path, ignore_errors=True)

    def close(self) -> None:
        """End the bag; where nothing came there is none. Raises `CannotWrite`."""
        self._writer.close()
        if self.counts:
            self._parts[-1].size = self._writer.size
        else:
            shutil.rmtree(self.out, ignore_errors=True)
            self._parts.clear()

    def _begin(self) -> BagWriter:
        path = self.out
        if self._limits.ring:
            self._number += 1
            path = self.out / f"{self.out.name}_{self._number:05d}"
        writer = BagWriter(path, self._storage)
        self._parts.append(_Part(path, self._now()))
        return writer

    def _turn(self, log_ns: int) -> None:
        """End a part of the ring and begin the next."""
        self._writer.close()
        self._parts[-1].size = self._writer.size
        self._writer = self._begin()
        for name, topic in self._topics.items():
            self._writer.add_topic(name, topic.kind, topic.qos)
        for name, data in self._latched.items():
            self._writer.write(name, log_ns, data)

    def _full(self, part: _Part) -> bool:
        limits = self._limits
        old = limits.keep_seconds is not None and (
            self._now() - part.begun_s >= limits.keep_seconds / _PARTS
        )
        large = limits.keep_megabytes is not None and (
            part.size >= limits.keep_megabytes * MEGABYTE / _PARTS
        )
        return old or large

    def _too_much(self, part: _Part) -> bool:
        limits = self._limits
        old = limits.keep_seconds is not None and (self._now() - part.begun_s > limits.keep_seconds)
        large = limits.keep_megabytes is not None and (self.size > limits.keep_megabytes * MEGABYTE)
        return old or large
