"""From a source's blocks to chunks, for as long as somebody wants to listen.

`Capture` opens the source, cuts what it hears, and opens it again, with growing pauses, whenever
it fails or falls silent for good. It runs on a thread of its own, or step by step in a test.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ser_ros import audio
from ser_ros.audio import SampleFormat, Samples
from ser_ros.clock import SECOND
from ser_ros.errors import SerError
from ser_ros.errors.audio import AudioError, DeviceLost
from ser_ros.errors.config import BadValue
from ser_ros.framing import Framer
from ser_ros.health import Throttle
from ser_ros.sources import Block, Ended, Source

State = Literal["closed", "opening", "listening", "reopening", "ended"]
"""`opening`: waiting for the first sound; `ended`: the source had no more, or cannot be read."""

CHUNK_S = 2.5

STALLED_S = 2.0
"""How long an open source may give nothing. A loss shall be seen within 3 s."""

FIRST_BLOCK_S = 2.8
"""The same for the first block: a PulseAudio monitor that slept takes 2 s to wake up."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Before the first, second, ... attempt to open the source again; the last for all others."""

STEADY_S = 10.0
"""How long a source must have given sound before the pauses begin with the shortest again."""

MUTED_S = 3.0
"""Of exact zeros, which no open microphone gives; a microphone that is switched off does."""

_POLL_S = 0.2
"""How long a step may take where nothing happens, and so how soon `stop` is heeded."""

_STOP_S = 8.0
"""How long `stop` waits for a source to open or close, one after the other, at the most."""


class Log(Protocol):
    """What takes a sentence: a logger of `logging`, or of ROS."""

    def info(self, message: str) -> object:
        """Tell how it goes."""

    def warning(self, message: str) -> object:
        """Tell what went wrong and is dealt with."""

    def error(self, message: str) -> object:
        """Tell what went wrong and stays so."""


@dataclass(frozen=True)
class Chunk:
    """A stretch of sound without a gap, ready for a message."""

    data: bytes
    """PCM, channels interleaved."""
    stamp_ns: int
    """The time of its first sample, in nanoseconds of ROS time."""
    frames: int
    """Samples of each channel; fewer than usual before a gap and at the end."""
    lost: int
    """Samples that were lost between the chunk before it and this one."""


@dataclass(frozen=True)
class Status:
    """How the capture goes, in plain values. All counts are since it was made."""

    state: State
    device: str
    device_rate: int
    """Hz at which the device really runs; 0 before it was opened."""
    blocks: int
    chunks: int
    overflows: int
    """Times that the sound system had no room."""
    drops: int
    """Times that our own queue had no room."""
    gaps: int
    """Times that sound was missing without a report."""
    lost: int
    """Samples at the delivered rate, of all of these and of the time while it was reopened."""
    reopenings: int
    """Attempts to open the source again."""
    handler_errors: int
    """Chunks that could not be handed over, because an exception was raised."""
    last_error: str
    """The newest sentence, also when all is well again; empty if there was none."""
    failed: bool
    """Whether it ended because the source cannot be read, and `last_error` says why."""
    hangs: bool
    """Whether the source did not close when it was told to."""
    since_last_block_s: float | None
    """None before the first."""
    silent_s: float
    """Length of the exact digital silence that was heard last."""

    @property
    def muted(self) -> bool:
        """Whether the microphone seems to be switched off."""
        return self.state == "listening" and self.silent_s >= MUTED_S


class Capture:
    """The loop from source to chunks."""

    def __init__(
        self,
        source: Source,
        on_chunk: Callable[[Chunk], object],
        chunk_s: float = CHUNK_S,
        sample_format: SampleFormat = SampleFormat.S16LE,
        on_end: Callable[[], object] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
        log: Log | None = None,
    ) -> None:
        """Describe what to do; nothing is opened yet.

        `on_chunk` and `on_end` (when the source has no more) are called on the loop's thread.
        `wait` sleeps for some seconds, or less when `stop` is called.
        """
        if not chunk_s * source.rate >= 1:
            raise BadValue("chunk_s", chunk_s, "at least one sample")
        self.source = source
        self.size = round(chunk_s * source.rate)
        """Samples of a whole chunk."""
        self._on_chunk = on_chunk
        self._on_end = on_end
        self._format = sample_format
        self._monotonic = monotonic
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._log: Log = log or logging.getLogger(__name__)
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last_error = ""
        self._state: State = "closed"
        self._framer = Framer(self.size, self.size)
        self._heard = 0
        """Samples pushed into the framer since its sample 0."""
        self._start_ns = 0
        """Time of the framer's sample 0, by the newest block."""
        self._pending_lost = 0
        self._failures = 0
        self._retry_s: float | None = None
        self._is_open = False
        self._opened_s = 0.0
        self._answers = False
        """Whether a block came since it was opened."""
        self._block_s: float | None = None
        self._failed = self._hangs = False
        self._throttle = Throttle()
        self._resumes = False
        """Whether what comes next follows a failure, so that the time between was lost."""
        self._silent = 0

    # ── for the other threads ─────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Begin to listen, on a thread; harmless when it listens already."""
        with self._guard:
            if self._thread is not None and self._thread.is_alive():
                if not self._stopping.is_set() and self._state != "ended":
                    return
                # It is about to end, unless an earlier stop had to leave a hanging device behind.
                self._thread.join(_STOP_S)
                if self._thread.is_alive():
                    raise DeviceLost(self.source.name, self._since_block() or 0.0)
            self._stopping.clear()
            # A daemon, so that a device that hangs does not keep the process.
            self._thread = threading.Thread(target=self.run, name="capture", daemon=True)
            self._thread.start()

    def stop(self) -> bool:
        """Stop listening and close the source; tell whether it is closed.

        What was heard before is handed out first, as a short chunk. False where a device hangs: it
        is closed as soon as it answers.
        """
        with self._guard:
            self._stopping.set()
            thread = self._thread
            if thread is not None and thread is not threading.current_thread():
                thread.join(_STOP_S)
                if thread.is_alive():
                    return False
            return not self._hangs

    def status(self) -> Status:
        """Tell how it goes."""
        return Status(
            state=self._state,
            device=self.source.name,
            device_rate=self.source.device_rate,
            blocks=self._counts["blocks"],
            chunks=self._counts["chunks"],
            overflows=self._counts["overflow"],
            drops=self._counts["dropped"],
            gaps=self._counts["gap"],
            lost=self._counts["lost"],
            reopenings=self._counts["reopenings"],
            handler_errors=self._counts["handler_errors"],
            last_error=self._last_error,
            failed=self._failed,
            hangs=self._hangs,
            since_last_block_s=self._since_block(),
            silent_s=self._silent / self.source.rate,
        )

    # ── the loop ──────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Listen until `stop`, or until the source has no more."""
        self.begin()
        try:
            while not self._stopping.is_set() and self._state != "ended":
                self.step()
        finally:
            self.finish()

    def begin(self) -> None:
        """Make ready for the first step; what was before is no loss."""
        self._state = "opening"
        self._failures, self._retry_s, self._resumes = 0, None, False
        self._block_s, self._failed = None, False

    def step(self) -> None:
        """Do the next thing: open the source, read a block, or wait a moment."""
        if self._retry_s is not None:
            left_s = self._retry_s - self._monotonic()
            if left_s > 0:
                self._wait(min(left_s, _POLL_S))
                return
            self._retry_s = None
            self._counts["reopenings"] += 1
            self._open()
        elif not self._is_open:
            self._open()
        else:
            self._read()

    def finish(self) -> None:
        """Hand out what was heard last, and close the source."""
        self._cut()
        self._close()
        self._pending_lost = 0
        self._retry_s = None
        if self._state != "ended":
            self._state = "closed"

    def _open(self) -> None:
        try:
            self.source.open()
        except AudioError as error:
            # A file: another attempt reads the same.
            self._end(str(error))
        except Exception as error:
            self._fail(error)
        else:
            self._is_open, self._answers, self._silent = True, False, 0
            self._opened_s = self._monotonic()

    def _read(self) -> None:
        try:
            block = self.source.read(_POLL_S)
        except Ended:
            self._end("")
            return
        except AudioError as error:
            # One file of several; the source goes on with the next, if there is any left.
            self._tell(str(error), "file")
            self._wait(_POLL_S)
            block = None
        except Exception as error:
            self._fail(error)
            return
        now_s = self._monotonic()
        if block is not None:
            self._take(block, now_s)
            return
        if self._answers and self._block_s is not None:
            silent_s, limit_s = now_s - self._block_s, STALLED_S
        else:
            silent_s, limit_s = now_s - self._opened_s, FIRST_BLOCK_S
        if silent_s >= limit_s:
            self._fail(DeviceLost(self.source.name, silent_s))

    def _take(self, block: Block, now_s: float) -> None:
        frames = len(block.samples)
        lost = block.lost
        if self._resumes and self._block_s is not None:
            # By the steady clock: ROS time may have been set meanwhile.
            lost = max(lost, round((now_s - self._block_s) * self.source.rate) - frames)
        if block.broken or self._resumes:
            self._cut()
        if self._state != "listening":
            self._log.info(
                f"Listening to '{self.source.name}', which runs at {self.source.device_rate} Hz."
            )
            self._state = "listening"
        if now_s - self._opened_s >= STEADY_S:
            self._failures = 0
        self._resumes, self._answers = False, True
        self._block_s = now_s
        self._counts["blocks"] += 1
        self._counts["lost"] += lost
        self._pending_lost += lost
        if block.broken:
            self._counts[block.broken] += 1
        if block.broken and (lost or block.broken != "gap"):
            sentence = _LOSSES.get(block.broken, block.broken).format(lost / self.source.rate)
            self._tell(sentence, block.broken)
        self._silent = 0 if np.any(block.samples) else self._silent + frames
        # The newest stamp is the best known, since the source's clock has had time to settle.
        self._start_ns = block.stamp_ns - self._heard * SECOND // self.source.rate
        self._heard += frames
        for start, samples in self._framer.push(block.samples):
            self._hand_out(start, samples)

    def _cut(self) -> None:
        """End the running chunk here, so that none spans a gap."""
        rest = self._framer.flush()
        if rest is not None:
            self._hand_out(*rest)
        self._heard = 0

    def _hand_out(self, start: int, samples: Samples) -> None:
        chunk = Chunk(
            audio.encode(samples, self._format),
            self._start_ns + start * SECOND // self.source.rate,
            len(samples),
            self._pending_lost,
        )
        self._pending_lost = 0
        self._counts["chunks"] += 1
        try:
            self._on_chunk(chunk)
        except Exception as error:
            self._counts["handler_errors"] += 1
            self._tell(
                f"A chunk was not handed over ({type(error).__name__}: {error}); the next ones are "
                "tried all the same. Report this.",
                "handler",
            )

    def _fail(self, error: Exception) -> None:
        """Close the source, and plan when to open it again."""
        pause_s = PAUSES_S[min(self._failures, len(PAUSES_S) - 1)]
        self._failures += 1
        sentence = (
            str(error)
            if isinstance(error, SerError)
            else f"The source '{self.source.name}' failed ({type(error).__name__}: {error}); it is "
            "opened again. Report this."
        )
        self._tell(sentence)
        # Before anything that takes time: it is a value that others look at.
        self._state = "reopening"
        self._resumes = self._resumes or self._block_s is not None
        self._cut()
        self._close()
        self._retry_s = self._monotonic() + pause_s

    def _end(self, sentence: str) -> None:
        if sentence:
            self._tell(sentence)
        self._cut()
        self._close()
        self._failed = bool(sentence)
        self._state = "ended"
        if not sentence:
            self._on_end()

    def _close(self) -> None:
        self._is_open = False
        try:
            self.source.close()
            self._hangs = False
        except Exception as error:
            self._hangs = True
            self._tell(str(error))

    def _since_block(self) -> float | None:
        return None if self._block_s is None else self._monotonic() - self._block_s

    def _tell(self, sentence: str, kind: str = "") -> None:
        """Keep a sentence, and log it unless it says what the one before it said.

        While it listens, where the same goes wrong with every block of a machine that is too busy,
        a kind is logged every few seconds at most.
        """
        again, self._last_error = sentence == self._last_error, sentence
        if self._state != "listening":
            if not again:
                self._log.warning(sentence)
            return
        told = self._throttle(kind, sentence, self._monotonic())
        if told:
            self._log.warning(told)


_LOSSES = {
    "overflow": "The sound system had no room and lost about {:.2f} s of sound; the machine is too "
    "busy.",
    "dropped": "Our own queue had no room and {:.2f} s of sound were dropped; whoever takes the "
    "chunks is too slow.",
    "gap": "{:.2f} s of sound are missing that nobody reported lost; the chunk ends before them.",
}
