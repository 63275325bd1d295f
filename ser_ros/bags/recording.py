"""A recording that goes on: one bag, or a ring of them of which only the newest are kept."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rosbags.interfaces import Qos, QosDurability

from ser_ros.bags.writing import BagWriter
from ser_ros.errors.bags import BagThere
from ser_ros.errors.machine import CannotWrite

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
        self.complaint = ""
        """What could not be deleted at the last `tick`, in a sentence, or an empty text."""
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
        # At once, so that a place that takes no bag is told before anything is heard.
        self._writer: BagWriter | None = None
        self._begin()

    def start(self) -> None:
        """Count the seconds from now on: ROS may have taken some to start."""
        self._begun_s = self._now()

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return self._now() - self._begun_s

    @property
    def size(self) -> int:
        """Bytes on the disk; exact after a `tick`."""
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
        if self._writer is not None:
            self._writer.add_topic(name, kind, qos)
        self._topics[name] = _Topic(kind, qos)

    def write(self, topic: str, log_ns: int, data: bytes) -> None:
        """Raises `CannotWrite`."""
        if self._limits.ring and self._writer is not None and self._full(self._parts[-1]):
            self._end()
        writer = self._writer or self._begin(log_ns)
        if not self.counts:
            self._parts[-1].begun_s = self._now()
        writer.write(topic, log_ns, data)
        self._parts[-1].size += len(data)
        self.counts[topic] += 1
        if self._topics[topic].latched:
            self._latched[topic] = data

    def tick(self) -> None:
        """Bring everything to the disk, and delete what is too old or too much.

        Call it about once a second: what came since is lost in a power cut. Raises `CannotWrite`.
        """
        if self._writer is not None:
            self._writer.flush()
            self._parts[-1].size = self._writer.size
            # Also where nothing comes any more: what is here grows old.
            if self._limits.ring and self._writer.counts and self._full(self._parts[-1]):
                self._end()
        ended = self._parts if self._writer is None else self._parts[:-1]
        self.complaint = ""
        for part in list(ended):
            if not self._too_much(part):
                break
            try:
                shutil.rmtree(part.path)
            except FileNotFoundError:
                pass
            except OSError as error:
                self.complaint = (
                    f"'{part.path}' is to be kept no longer and cannot be deleted "
                    f"({error.strerror or error}); this is tried again every second."
                )
                continue
            self._parts.remove(part)

    def close(self) -> None:
        """End the bag; where nothing came there is none. Raises `CannotWrite`."""
        if self._writer is not None:
            self._end()
        if not self.counts:
            shutil.rmtree(self.out, ignore_errors=True)
            self._parts.clear()

    def _begin(self, log_ns: int | None = None) -> BagWriter:
        """Begin a bag; in a ring, with what is latched."""
        path = self.out
        if self._limits.ring:
            self._number += 1
            path = self.out / f"{self.out.name}_{self._number:05d}"
        self._writer = BagWriter(path, self._storage)
        self._parts.append(_Part(path, self._now()))
        for name, topic in self._topics.items():
            self._writer.add_topic(name, topic.kind, topic.qos)
        if log_ns is not None:
            for name, data in self._latched.items():
                self._writer.write(name, log_ns, data)
        return self._writer

    def _end(self) -> None:
        """End a bag; the next begins when there is something to put into it."""
        if self._writer is not None:
            self._writer.close()
            self._parts[-1].size = self._writer.size
            self._writer = None

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
