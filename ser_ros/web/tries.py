"""Recordings on their way to an answer: waiting, decoded, listened to, remembered for a while.

All of it is kept in memory alone, and little of it for long.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import IO, Any, TypeVar

from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.baseline import VoiceBaseline
from ser_ros.errors import SerError
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.web import (
    BaselineNotRemembered,
    NotHeardYet,
    NotRemembered,
    NotSaved,
    SavingOff,
    TooManyAtOnce,
)
from ser_ros.web.decoding import decode
from ser_ros.web.limits import Limits
from ser_ros.web.listening import Listener, Progress
from ser_ros.web.saving import SavingFolder

log = logging.getLogger(__name__)

Found = TypeVar("Found")

_GIVE_WAY = 10
"""Niceness of the listening thread: the robot's own hearing goes first."""

_MB = 1 << 20


class Forgotten(Exception):
    """Ends, in the listening thread, what nobody waits for any more."""


@dataclass
class Try:
    """One recording, and what became of it."""

    id: str
    name: str
    sha256: str
    learn: bool
    """Whether it is a voice's baseline, rather than to be judged."""
    baseline: Try | None
    """The voice that it is judged by."""
    state: str = "waiting"
    share: float = 0.0
    """Of the state that it is in, 0 to 1."""
    error: SerError | None = None
    answer: dict[str, Any] | None = None
    voice: VoiceBaseline | None = None
    samples: Samples | None = None
    """Kept only where it may be saved."""
    asked: float = 0.0
    """When it was last asked for, on the monotonic clock."""
    size: int = 0
    """Bytes that remembering it takes."""
    dropped: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] | None = None

    @property
    def done(self) -> bool:
        return self.state in ("done", "failed")

    def tell(self, share: float) -> None:
        """Take note of progress, in the listening thread. Raises `Forgotten`."""
        if self.dropped.is_set():
            raise Forgotten
        self.share = share


class Tries:
    """All recordings; for one event loop."""

    def __init__(
        self,
        listener: Listener,
        limits: Limits,
        saving: SavingFolder | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.saving = saving
        self._listener = listener
        self._now = now
        self._tries: dict[str, Try] = {}
        self._arriving = 0
        # On Linux each thread has a niceness of its own.
        self._thread = ThreadPoolExecutor(1, "listening", _give_way)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the few places while a file arrives. Raises `TooManyAtOnce`."""
        busy = self._arriving + sum(not one.done for one in self._tries.values())
        if busy >= self.limits.at_once:
            raise TooManyAtOnce(self.limits.at_once)
        self._arriving += 1
        try:
            yield
        finally:
            self._arriving -= 1

    def baseline(self, id_: str) -> Try:
        """Return the recording of a voice. Raises `BaselineNotRemembered`."""
        try:
            one = self.get(id_)
        except NotRemembered:
            raise BaselineNotRemembered from None
        if one.voice is None:
            raise BaselineNotRemembered
        return one

    def begin(
        self, file: IO[bytes], name: str, sha256: str, baseline: Try | None, learn: bool
    ) -> Try:
        """Go on with an open file, which is closed in the end; `get` tells how it goes."""
        one = Try(token_urlsafe(12), name, sha256, learn, baseline, asked=self._now())
        self._tries[one.id] = one
        one.task = asyncio.create_task(self._run(one, file))
        return one

    def get(self, id_: str) -> Try:
        """Raises `NotRemembered`."""
        self.forget_old()
        one = self._tries.get(id_)
        if one is None:
            raise NotRemembered
        one.asked = self._now()
        return one

    def answer(self, id_: str) -> dict[str, Any]:
        """Raises `NotRemembered` or `NotHeardYet`."""
        one = self.get(id_)
        if one.answer is None or one.learn:
            raise NotHeardYet(one.state)
        return one.answer

    def forget(self, id_: str) -> None:
        """Raises `NotRemembered`."""
        one = self.get(id_)
        del self._tries[one.id]
        one.dropped.set()
        if one.task is not None:
            one.task.cancel()

    def forget_old(self) -> None:
        """Forget what nobody asked for in a while, and the oldest where they are too many."""
        ended = sorted((t for t in self._tries.values() if t.done), key=lambda t: t.asked)
        total = sum(one.size for one in ended)
        for k, one in enumerate(ended):
            # The newest stays however large it is: somebody waits for it.
            crowded = total > self.limits.remember_mb * _MB and k < len(ended) - 1
            if crowded or self._now() - one.asked > self.limits.remember_s:
                total -= one.size
                del self._tries[one.id]

    async def save(self, id_: str) -> str:
        """Raises `SavingOff`, `NotRemembered`, `NotHeardYet` or `NotSaved`."""
        if self.saving is None:
            raise SavingOff
        answer, samples = self.answer(id_), self.get(id_).samples
        assert samples is not None  # kept with each answer, where there is a folder to save to
        try:
            return await asyncio.to_thread(self.saving.save, samples, answer)
        except CannotWrite as error:
            log.warning("%s", error)  # where the folder lies is no business of a stranger's
            raise NotSaved from error

    async def close(self) -> None:
        """End what goes on, and forget all."""
        tasks = [one.task for one in self._tries.values() if one.task is not None]
        for one in self._tries.values():
            one.dropped.set()
            if one.task is not None:
                one.task.cancel()
        self._tries.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def _run(self, one: Try, file: IO[bytes]) -> None:
        try:
            with file:
                one.state = "decoding"
                samples = await decode(file, self.limits)
            one.state = "listening"
            if one.learn:
                one.voice = await self._aside(self._listener.learn, samples, one.tell)
                one.answer = {"seconds": round(len(samples) / NETWORK_RATE, 1)}
            else:
                await self._listen(one, samples)
            one.share, one.state = 1.0, "done"
        except SerError as error:
            one.error, one.state = error, "failed"
        except Exception as error:  # whatever it is: a person shall not wait for ever
            log.exception("A recording could not be judged.")
            one.error = SerError(f"The server failed over this recording ({error!r}); report this.")
            one.state = "failed"
        finally:
            file.close()  # also where it was cancelled before it began
            one.baseline = None

    async def _listen(self, one: Try, samples: Samples) -> None:
        voice = one.baseline.voice if one.baseline else None

        def listen(samples: Samples, tell: Progress) -> dict[str, Any]:
            return self._listener.listen(samples, voice, tell)

        found = await self._aside(listen, samples, one.tell)
        without = found.pop("without")
        baseline = None
        if one.baseline is not None:
            assert one.baseline.answer is not None
            baseline = {"id": one.baseline.id, **one.baseline.answer, "without": without}
        one.answer = {"name": one.name, "sha256": one.sha256, **found, "baseline": baseline}
        one.size = len(json.dumps(one.answer))
        if self.saving is not None:
            one.samples = samples
            one.size += samples.nbytes

    async def _aside(
        self, work: Callable[[Samples, Progress], Found], samples: Samples, tell: Progress
    ) -> Found:
        """Let the listening thread do it, for the loop has others to serve."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, work, samples, tell)


def _give_way() -> None:
    os.nice(_GIVE_WAY)
