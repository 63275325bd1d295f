"""Where sound comes from, behind one small interface; files are one source, a microphone another.

A source gives blocks of samples with the time of their first sample. What was lost is said with
the block that follows the loss. Nothing here cuts chunks or tries again: `capture` does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import soundfile

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, AudioFormat, Samples
from ser_ros.clock import SECOND, Shaper, StreamClock
from ser_ros.errors.audio import AudioError, UnreadableFile
from ser_ros.errors.config import BadValue

Blocks: TypeAlias = Generator[tuple[Samples, int], None, None]


class Ended(Exception):
    """A source has given all that it had. That is no error."""


@dataclass(frozen=True, eq=False)
class Block:
    """A stretch of sound, heard in one piece."""

    samples: Samples
    """float32, full scale ±1, shape (n, channels)."""
    stamp_ns: int
    """The time of its first sample, in nanoseconds of ROS time."""
    lost: int = 0
    """Samples that were lost immediately before it; only estimated where the sound system does
    not count them."""
    broken: str = ""
    """Why the block does not follow the one before it, in a word to count by: `overflow` (the
    sound system had no room), `dropped` (our own queue had none), `gap` (samples are missing that
    nobody reported), or nothing where it does follow."""


class Source(Protocol):
    """What sound comes from. The same instance can be opened again after it was closed."""

    rate: int
    """Hz that the blocks have."""
    channels: int
    """Channels that the blocks have."""
    name: str
    """What a person calls it: a device, or the file that is being played."""
    device_rate: int
    """Hz at which the device or the file really runs; 0 before it is opened."""

    def open(self) -> None:
        """Begin to listen. Raises a `SerError` where that is not possible."""

    def read(self, timeout_s: float) -> Block | None:
        """Wait for the next block; None where none came in time.

        Raises `Ended` after the last block, and a `SerError` when the source has failed.
        """

    def close(self) -> None:
        """Stop listening, really; harmless when it is closed already."""


class AudioFile:
    """Files that play as if somebody spoke into a microphone: its twin."""

    BLOCK_S = 0.1
    """s, the longest block, and the longest time between two."""

    def __init__(
        self,
        paths: Path | str | Sequence[Path | str],
        rate: int = NETWORK_RATE,
        channels: int = 1,
        channel: int | None = None,
        pace: float = 1.0,
        loop: bool = False,
        pad_to: float = 2.5,
        on_file: Callable[[Path, int], None] | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        steady: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] = time.sleep,
    ) -> None:
        """Describe what to play; nothing is opened yet.

        `pace` 1 is real time, 2 twice as fast, 0 as fast as it can. Silence fills each file up to
        a whole number of `pad_to` seconds, since a microphone does not stop with the last word,
        and so that no window of that length holds sound of two files. `on_file` is told each
        file, and the time of its first sample in ns, when its first block is given.

        At pace 1 the stamps follow `now_ns`; at a lower pace they fall behind it; at a higher one
        they begin so far in the past that the last sample ends now. An endless sound at such a
        pace would come from the future, and is refused.
        """
        AudioFormat(rate, channels)
        self.paths = [Path(p) for p in ([paths] if isinstance(paths, Path | str) else paths)]
        if not self.paths:
            raise BadValue("The list of files", [], "at least one")
        if not (math.isfinite(pace) and pace >= 0):
            raise BadValue("pace", pace, "0 (as fast as it can) or more")
        if loop and not 0 < pace <= 1:
            raise BadValue("pace", pace, "more than 0 and at most 1 together with loop")
        if not (math.isfinite(pad_to) and pad_to >= 0):
            raise BadValue("pad_to", pad_to, "0 s (no silence) or more")
        self.rate = rate
        self.channels = channels
        self.name = str(self.paths[0])
        self.device_rate = 0
        self._channel = channel
        self._pace = pace
        self._loop = loop
        self._pad = round(pad_to * rate)
        self._on_file = on_file
        self._now_ns = now_ns
        self._steady = steady
        self._wait = wait
        self._played: Iterator[Samples] | None = None
        self._next: Samples | None = None
        self._index = 0
        """Of the file that the next block is of ..."""
        self._starts = False
        """... and whether that block is its first."""

    def check(self) -> int:
        """Look at every file, and return the samples that all will give, silence included.

        Raises `UnreadableFile`, `EmptyAudio` or `UnsupportedFormat`.
        """
        total = 0
        for path in self.paths:
            with closing(cast(Blocks, audio.blocks_of(path))) as blocks:
                block, rate = next(blocks)
            Shaper(rate, self.rate, self.channels, self._channel).push(block, 0)
            total += self._padded(math.ceil(_info(path).frames * self.rate / rate))
        return total

    def open(self) -> None:
        """Check every file, so that a wrong one is told before anything plays, and begin."""
        total_s = self.check() / self.rate
        self._played = self._play()
        self._next = None
        self._given = 0
        """Samples."""
        self._clock = StreamClock(self.rate)
        self._began_s: float | None = None
        self._broken = ""
        self._ahead_s = 0.0
        """How much more sound there will be than time to play it."""
        if self._pace == 0:
            self._ahead_s = total_s
        elif self._pace > 1:
            self._ahead_s = total_s * (1 - 1 / self._pace)

    def read(self, timeout_s: float) -> Block | None:
        """Wait until the next block would have been heard.

        Raises `Ended` after the last, and what `audio.blocks_of` raises for a file that breaks in
        the middle; then the next read goes on with the next file.
        """
        if self._played is None:
            raise Ended
        if self._next is None:
            try:
                self._next = next(self._played)
            except StopIteration:
                self.close()
                raise Ended from None
            except AudioError:
                self._played = self._play(self._index + 1)
                self._broken = "gap"
                raise
        frames = len(self._next)
        if self._began_s is None:
            self._began_s = self._steady()
            self._began_ns = self._now_ns() - round(self._ahead_s * SECOND)
        if self._pace > 0:
            due_s = self._began_s + (self._given + frames) / self.rate / self._pace
            left_s = due_s - self._steady()
            if left_s > timeout_s:
                self._wait(timeout_s)
                return None
            if left_s > 0:
                self._wait(left_s)
        stamp_ns = self._stamp(frames, self._began_s)
        samples, self._next = self._next, None
        self._given += frames
        if self._starts and self._on_file is not None:
            self._on_file(self.paths[self._index], stamp_ns)
        self._starts = False
        broken, self._broken = self._broken, ""
        return Block(samples, stamp_ns, broken=broken)

    def close(self) -> None:
        """Stop; the next `open` begins with the first file."""
        self._played = None
        self._next = None

    def _stamp(self, frames: int, began_s: float) -> int:
        if self._pace != 1:
            return self._began_ns + self._given * SECOND // self.rate
        # As if a sound card had told when the block was heard.
        steady_s = self._steady()
        age_s = steady_s - (began_s + self._given / self.rate)
        return self._clock.stamp(frames, [age_s], self._now_ns(), steady_s)[0]

    def _padded(self, samples: int) -> int:
        return math.ceil(samples / self._pad) * self._pad if self._pad else samples

    def _play(self, first: int = 0) -> Iterator[Samples]:
        """Yield blocks, shape (n, channels), of every file from the first on."""
        while True:
            for index in range(first, len(self.paths)):
                self._index, self._starts = index, True
                self.name = str(self.paths[index])
                yield from self._play_one(self.paths[index])
            if not self._loop:
                return
            first = 0

    def _play_one(self, path: Path) -> Iterator[Samples]:
        block_s = self.BLOCK_S * min(1.0, self._pace or 1.0)
        step = max(1, round(block_s * self.rate))
        shaper: Shaper | None = None
        count = 0
        for block, rate in audio.blocks_of(path, block_s):
            if shaper is None:
                self.device_rate = rate
                shaper = Shaper(rate, self.rate, self.channels, self._channel)
            samples, _ = shaper.push(block, 0)
            count += len(samples)
            yield from _pieces(samples, step)
        if shaper is None:
            return
        rest, _ = shaper.flush()
        count += len(rest)
        silence = np.zeros((self._padded(count) - count, self.channels), np.float32)
        yield from _pieces(np.concatenate([rest, silence]), step)


def _info(path: Path) -> Any:
    try:
        return soundfile.info(path)
    except (OSError, soundfile.LibsndfileError) as error:
        raise UnreadableFile(path, str(error)) from error


def _pieces(samples: Samples, step: int) -> Iterator[Samples]:
    for start in range(0, len(samples), step):
        yield samples[start : start + step]
