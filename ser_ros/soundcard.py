"""PortAudio, kept at arm's length: its devices, its calls that may hang, its callback's queue."""

from __future__ import annotations

import atexit
import math
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ser_ros.audio import Samples
from ser_ros.errors.audio import (
    AmbiguousDevice,
    DeviceNotFound,
    DeviceRefused,
    MicrophoneUnavailable,
)

T = TypeVar("T")

OPEN_S = 5.0
"""How long a device may take to open before it is given up."""

CLOSE_S = 2.0

LATENCY_S = 0.1
"""How much sound PortAudio keeps for us: what a busy robot may be late without a loss."""


@dataclass(frozen=True)
class Device:
    """An input device as PortAudio lists it."""

    index: int
    name: str
    host_api: str
    channels: int
    """The most that it has."""
    rate: int
    """Hz that it runs at unless asked for another."""
    default: bool = False

    @property
    def model(self) -> tuple[str, str]:
        """Name and host API, without the numbers that ALSA gives a card when it is plugged in."""
        return re.sub(r" \(hw:\d+,\d+\)$", "", self.name), self.host_api

    def __str__(self) -> str:
        return (
            f"{self.index}: {self.name} ({self.host_api}, {self.channels} channel(s), "
            f"{self.rate} Hz{', the default' if self.default else ''})"
        )


def find_device(wanted: int | str | None, devices: Sequence[Device]) -> Device:
    """Choose a device: by index, by name, by a unique part of the name in any case, or the default.

    Nothing (None or an empty word) asks for the default. Raises `DeviceNotFound` or
    `AmbiguousDevice`; never chooses another one than was asked for.
    """
    word = "" if wanted is None else str(wanted).strip()
    if not word:
        found = [d for d in devices if d.default]
        if not found:
            raise DeviceNotFound("the default", map(str, devices))
        return found[0]
    for fits in (
        lambda d: d.name == word,
        lambda d: word.isdecimal() and d.index == int(word),
        lambda d: word.casefold() in d.name.casefold(),
    ):
        found = [d for d in devices if fits(d)]
        if len(found) == 1:
            return found[0]
        if found:
            raise AmbiguousDevice(word, map(str, found))
    raise DeviceNotFound(word, map(str, devices))


@dataclass(frozen=True, eq=False)
class Heard:
    """What the callback saw; it is made sense of later, elsewhere."""

    samples: Samples
    """Shape (n, channels of the device)."""
    adc_s: float
    """The card's time of the first sample; 0 or nonsense on some systems."""
    stream_s: float
    """The card's time now ..."""
    now_ns: int
    """... and ROS time, and ..."""
    steady_s: float
    """... a clock that nobody sets."""
    overflow: bool
    dropped: int
    """Samples that the queue had no room for, before these."""


class Feed:
    """The bounded queue between PortAudio's thread and ours; one for each stream."""

    def __init__(self, limit: int, now_ns: Callable[[], int], steady: Callable[[], float]) -> None:
        self.limit = limit
        """Samples."""
        self.clock: Callable[[], float] = lambda: 0.0
        self.failure: BaseException | None = None
        self.finished = False
        self._now_ns = now_ns
        self._steady = steady
        self._kept: deque[Heard] = deque()
        self._length = 0
        self._dropped = 0
        self._overflow = False
        self._news = threading.Condition()

    def heard(self, samples: Samples, frames: int, times: Any, status: Any) -> None:
        """Take what PortAudio hands over; called on its thread, which must never wait for long.

        An exception that leaves the callback would end the stream without a word.
        """
        try:
            now_ns, steady_s = self._now_ns(), self._steady()
            try:
                stream_s = self.clock()
            except Exception:  # a sound system that cannot tell the time; the arrival will do
                stream_s = math.nan
            copy = samples.copy()
            with self._news:
                # The flag is told with the next block that is kept, even if this one is not.
                self._overflow |= bool(status.input_overflow)
                if self._length + frames > self.limit:
                    self._dropped += frames
                    return
                self._length += frames
                self._kept.append(
                    Heard(
                        copy,
                        float(times.inputBufferAdcTime),
                        stream_s,
                        now_ns,
                        steady_s,
                        self._overflow,
                        self._dropped,
                    )
                )
                self._overflow, self._dropped = False, 0
                self._news.notify()
        except BaseException as error:
            with self._news:
                self.failure = error
                self._news.notify()

    def finish(self) -> None:
        """Note that PortAudio has ended the stream, as it does when the device is gone."""
        with self._news:
            self.finished = True
            self._news.notify()

    def take(self, timeout_s: float) -> Heard | None:
        """Return the oldest block, waiting for one if need be."""
        with self._news:
            self._news.wait_for(
                lambda: bool(self._kept) or self.finished or self.failure is not None, timeout_s
            )
            if not self._kept:
                return None
            heard = self._kept.popleft()
            self._length -= len(heard.samples)
            return heard


class SoundLibrary:
    """PortAudio: one call at a time, none of which can hang its caller.

    A call that waits for a device that is dead may never return. It is made on a thread of its
    own, which is given up after a while; no other call is made until it comes back after all, for
    PortAudio is not made to be called from two threads.
    """

    def __init__(self) -> None:
        self._free = threading.Lock()
        self._since = 0.0
        self._streams = 0
        """How many are open."""

    def call(
        self,
        device: str,
        timeout_s: float,
        what: Callable[[Any], T],
        undo: Callable[[T], None] = lambda result: None,
    ) -> T:
        """Return what(sounddevice); `undo` its result should it come after the time is over.

        Raises `MicrophoneUnavailable` without the library, `DeviceRefused` where it hangs.
        """
        if not self._free.acquire(timeout=timeout_s):
            seconds = time.monotonic() - self._since
            raise DeviceRefused(device, f"the sound system has not answered for {seconds:.0f} s")
        self._since = time.monotonic()
        done = threading.Event()
        given_up = threading.Lock()
        late = False
        outcome: list[T] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                result = what(_sounddevice())
                with given_up:
                    if not late:
                        outcome.append(result)
                        done.set()
                        return
                undo(result)
            except BaseException as error:
                failure.append(error)
            finally:
                self._free.release()
                done.set()

        threading.Thread(target=work, name="portaudio", daemon=True).start()
        done.wait(timeout_s)
        with given_up:
            late = not done.is_set()
        if failure:
            raise failure[0]
        if outcome:
            return outcome[0]
        # When the process ends it would close the stream that hangs, and hang as well. The library
        # is not imported for that: its import may be what hangs.
        if (library := sys.modules.get("sounddevice")) is not None:
            atexit.unregister(library._exit_handler)
        raise DeviceRefused(device, f"the sound system has not answered for {timeout_s:g} s")

    def devices(self, wanted: str = "any", afresh: bool = False) -> list[Device]:
        """List the input devices, `afresh` with those that were plugged in since the last time."""

        def look(sd: Any) -> list[Device]:
            if afresh and self._streams == 0:
                # PortAudio looks for devices only when it starts, and ends every stream with it.
                try:
                    if sd._initialized:  # not where it failed to start the last time
                        sd._terminate()
                    sd._initialize()
                except sd.PortAudioError as error:
                    raise MicrophoneUnavailable(str(error.args[0])) from error
            default = sd.default.device[0]
            hosts = [host["name"] for host in sd.query_hostapis()]
            return [
                Device(
                    index,
                    str(found["name"]),
                    hosts[found["hostapi"]],
                    int(found["max_input_channels"]),
                    int(found["default_samplerate"]),
                    index == default,
                )
                for index, found in enumerate(sd.query_devices())
                if found["max_input_channels"] > 0
            ]

        return self.call(wanted, OPEN_S, look)

    def start(
        self, device: Device, options: Sequence[dict[str, Any]], feed: Feed
    ) -> tuple[Any, dict[str, Any]]:
        """Open a stream by the first of the options that the device takes."""

        def start(sd: Any) -> tuple[Any, dict[str, Any]]:
            refusals = []
            for option in options:
                try:
                    stream = sd.InputStream(
                        device=device.index,
                        dtype="float32",
                        latency=LATENCY_S,
                        callback=feed.heard,
                        finished_callback=feed.finish,
                        **option,
                    )
                except sd.PortAudioError as error:
                    refusals.append(str(error.args[0]).removeprefix("Error opening InputStream: "))
                    continue
                try:
                    feed.clock = partial(getattr, stream, "time")
                    stream.start()
                except BaseException as error:
                    stream.close()
                    if isinstance(error, sd.PortAudioError):
                        raise DeviceRefused(device.name, str(error.args[0])) from error
                    raise
                self._streams += 1
                return stream, option
            raise DeviceRefused(device.name, "; ".join(dict.fromkeys(refusals)))

        return self.call(device.name, OPEN_S, start, lambda opened: self._stop(opened[0]))

    def stop(self, device: str, stream: Any) -> None:
        """Close a stream. Raises `DeviceRefused` where it hangs; it is still being closed then."""
        self.call(device, CLOSE_S, lambda sd: self._stop(stream))

    def _stop(self, stream: Any) -> None:
        self._streams -= 1
        try:
            # Not stop(), which waits for a device that may be gone.
            stream.abort(ignore_errors=True)
        finally:
            stream.close(ignore_errors=True)


def _sounddevice() -> Any:
    """Import the library, which starts PortAudio, only when somebody wants to listen."""
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise MicrophoneUnavailable(str(error)) from error
    except Exception as error:  # its own error, when PortAudio does not start
        raise MicrophoneUnavailable(" ".join(str(error).split())) from error
    return sounddevice


library = SoundLibrary()


def devices() -> list[Device]:
    """List the input devices. Raises `MicrophoneUnavailable` without PortAudio."""
    return library.devices(afresh=True)
