"""Where sound comes from: a microphone, and files that are its twin, behind one small interface.

A source gives blocks of samples with the time of their first sample. What was lost is said with
the block that follows the loss. Nothing here cuts chunks or tries again: `capture` does.
"""

from __future__ import annotations

import atexit
import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import numpy as np
import soundfile

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, AudioFormat, Resampler, Samples
from ser_ros.errors import (
    AmbiguousDevice,
    AudioError,
    BadValue,
    DeviceError,
    DeviceLost,
    DeviceNotFound,
    DeviceRefused,
    MicrophoneUnavailable,
    UnreadableFile,
    UnsupportedFormat,
)
from ser_ros.framing import SECOND

T = TypeVar("T")

Blocks: TypeAlias = Generator[tuple[Samples, int], None, None]


class Ended(Exception):
    """A source has given all that it had. That is no error."""


class DeviceFailed(DeviceError):
    """A microphone stopped because something broke on our side of it."""

    def __init__(self, device: str, why: BaseException) -> None:
        super().__init__(
            f"The input device '{device}' was being heard when {type(why).__name__} was raised "
            f"({why}), expected its sound; it is opened again. Report this."
        )


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


# ── time ──────────────────────────────────────────────────────────────────────────────────────


class StreamClock:
    """The time of a stream's samples, in ROS time, without jitter and without drift.

    Each block brings a measurement of when it was heard, which jitters by the sound system's
    period and more. Predict each block's time from the one before it, and correct the prediction
    by a small share of what the measurement says: the delay-locked loop of F. Adriaensen, "Using a
    DLL to filter time", Linux Audio Conference 2005, without its second integrator. That one would
    remove a lag which is 0.3 ms for a crystal that is off by 100 ppm.
    """

    BANDWIDTH_HZ = 0.05
    """Of the loop: slow enough that blocks of 25 ms follow one another to well within 1 ms."""

    STRAY_NS = 60_000_000
    """How far a measurement may be off the prediction before it is disbelieved ..."""

    HOLD_S = 0.5
    """... and for how much sound, before it is the prediction that is disbelieved."""

    STEP_NS = 100_000_000
    """A change of ROS time against a clock that cannot be set: somebody set it, or simulates it."""

    TRUST_S = 0.25
    """How long a sound system may claim to have kept a block that is its first.

    PulseAudio says 0.7 s in the first second of a stream that has no such delay.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        """Hz of the samples that are counted."""
        self._origin_ns: int | None = None
        self._next_s = 0.0
        """Predicted time of the next block, after the origin."""
        self._strayed_s = 0.0
        self._offset_ns = 0
        """ROS time minus the steady clock, when the stream was last anchored."""

    def skip(self, samples: int) -> None:
        """Move on by samples that are known to have been lost."""
        self._next_s += samples / self.rate

    def stamp(
        self,
        frames: int,
        ages_s: Sequence[float],
        now_ns: int,
        steady_s: float,
        anew: bool = False,
    ) -> tuple[int, int]:
        """Tell when the first sample of the next block was heard, in ns of ROS time.

        `ages_s` says how long ago that was, by each way of knowing: the most exact first, the
        most robust last. `now_ns` and `steady_s` (s, of a clock that nobody sets) are that same
        moment. With `anew` the measurement counts at once, since samples were lost.

        The second number is how much sound, in ns, is missing before the block by what the
        measurements say.
        """
        duration_s = frames / self.rate
        plausible = [a for a in ages_s if math.isfinite(a) and a >= -0.01] or [duration_s]
        anchor_s = next((a for a in plausible if a <= duration_s + self.TRUST_S), duration_s)
        anchor_ns = now_ns - round(anchor_s * SECOND)
        moved_ns = now_ns - round(steady_s * SECOND) - self._offset_ns
        if self._origin_ns is None:
            return self._anchor(anchor_ns, moved_ns, duration_s), 0
        next_ns = self._origin_ns + round(self._next_s * SECOND)
        if abs(moved_ns) > self.STEP_NS:
            return self._anchor(anchor_ns, moved_ns, duration_s), 0
        # The most exact measurement that fits: while old blocks are caught up with only the card's
        # time is right, while the card's time is nonsense only the arrival is.
        errors_ns = [now_ns - round(age * SECOND) - next_ns for age in plausible]
        error_ns = next((e for e in errors_ns if abs(e) <= self.STRAY_NS), errors_ns[0])
        if anew:
            # Time does not go back because something was lost.
            missing_ns = max(0, anchor_ns - next_ns - moved_ns)
            return self._anchor(next_ns + missing_ns + moved_ns, moved_ns, duration_s), missing_ns
        if abs(error_ns) > self.STRAY_NS:
            self._strayed_s += duration_s
            if self._strayed_s >= self.HOLD_S:
                missing_ns = anchor_ns - next_ns - moved_ns
                stamp_ns = self._anchor(anchor_ns, moved_ns, duration_s)
                return stamp_ns, missing_ns if missing_ns > self.STRAY_NS else 0
            error_ns = 0
        else:
            self._strayed_s = 0.0
        share = min(1.0, 2 * math.pi * self.BANDWIDTH_HZ * duration_s)
        self._next_s += duration_s + share * error_ns / SECOND
        return next_ns, 0

    def _anchor(self, stamp_ns: int, moved_ns: int, duration_s: float) -> int:
        self._origin_ns = stamp_ns
        self._next_s = duration_s
        self._strayed_s = 0.0
        self._offset_ns += moved_ns
        return stamp_ns


# ── from what is heard to what is delivered ───────────────────────────────────────────────────


class _Shaper:
    """Bring blocks to the channels and the rate that are wanted, and keep their times true."""

    def __init__(self, rate_in: int, rate: int, channels: int, channel: int | None) -> None:
        self._rate_in = rate_in
        self._rate = rate
        self._channels = channels
        self._channel = channel
        self._resampler = Resampler(rate_in, rate, channels)
        self._pushed = 0
        """Frames that went in ..."""
        self._given = 0
        """... and came out."""
        self._start_ns = 0
        """Time of the first frame that went in, by the newest stamp."""

    def push(self, samples: Samples, stamp_ns: int) -> tuple[Samples, int]:
        """Add samples, shape (n, any); return those that are ready and the time of their first."""
        if self._channels == 1:
            wanted = audio.to_mono(samples, self._channel)
        elif samples.shape[1] >= self._channels:
            wanted = samples[:, : self._channels]
        else:
            raise UnsupportedFormat(
                "number of channels", samples.shape[1], self._channels, audio.CHANNELS[1]
            )
        # One NaN would stay in the resampler for good.
        wanted, _ = audio.repair(wanted)
        self._start_ns = stamp_ns - self._pushed * SECOND // self._rate_in
        self._pushed += len(samples)
        return self._give(self._resampler.push(wanted))

    def flush(self) -> tuple[Samples, int]:
        """End the stretch, and return what the resampler held back."""
        rest = self._give(self._resampler.flush())
        self._resampler = Resampler(self._rate_in, self._rate, self._channels)
        self._pushed = self._given = 0
        return rest

    def _give(self, samples: Samples) -> tuple[Samples, int]:
        stamp_ns = self._start_ns + self._given * SECOND // self._rate
        self._given += len(samples)
        return samples.reshape(-1, self._channels), stamp_ns


# ── the microphone ────────────────────────────────────────────────────────────────────────────


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


class _SoundLibrary:
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
                sd._terminate()
                sd._initialize()
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
        self, device: Device, options: Sequence[dict[str, Any]], feed: _Feed
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


OPEN_S = 5.0
"""How long a device may take to open before it is given up."""

CLOSE_S = 2.0

LATENCY_S = 0.1
"""How much sound PortAudio keeps for us: what a busy robot may be late without a loss."""

QUEUE_S = 5.0
"""How much sound waits for `Microphone.read` at the most."""

_library = _SoundLibrary()


def devices() -> list[Device]:
    """List the input devices. Raises `MicrophoneUnavailable` without PortAudio."""
    return _library.devices(afresh=True)


@dataclass(frozen=True, eq=False)
class _Heard:
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


class _Feed:
    """The bounded queue between PortAudio's thread and ours; one for each stream."""

    def __init__(self, limit: int, now_ns: Callable[[], int], steady: Callable[[], float]) -> None:
        self.limit = limit
        """Samples."""
        self.clock: Callable[[], float] = lambda: 0.0
        self.failure: BaseException | None = None
        self.finished = False
        self._now_ns = now_ns
        self._steady = steady
        self._kept: deque[_Heard] = deque()
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
                    _Heard(
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

    def take(self, timeout_s: float) -> _Heard | None:
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


class Microphone:
    """A microphone, by PortAudio."""

    def __init__(
        self,
        device: int | str | None = None,
        rate: int = NETWORK_RATE,
        channels: int = 1,
        channel: int | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """Describe what to listen to; nothing is opened yet.

        `device` is for `find_device`. With one channel, `channel` chooses which, counted from 0;
        without it all are mixed. `now_ns` tells ROS time; it is called on PortAudio's thread.
        """
        AudioFormat(rate, channels)
        if channel is not None and not 0 <= channel < audio.CHANNELS[1]:
            raise UnsupportedFormat("channel asked for", channel, 0, audio.CHANNELS[1] - 1)
        self.rate = rate
        self.channels = channels
        self.name = "default" if device in (None, "") else str(device)
        self.device_rate = 0
        self._wanted = device
        self._channel = channel
        self._now_ns = now_ns
        self._steady = steady
        self._known: Device | None = None
        self._stale = False
        self._stream: Any = None
        self._feed: _Feed | None = None
        self._ready: deque[Block] = deque()
        self._heard_s = 0.0

    def check(self) -> Device:
        """Tell which device would be opened.

        Raises `MicrophoneUnavailable`, `DeviceNotFound` or `AmbiguousDevice`.
        """
        return self._choose(_library.devices(self.name, afresh=True))

    def open(self) -> None:
        """Begin to listen, at the device's own rate and channels where it refuses others."""
        if self._stream is not None:
            return
        # The first time the list is new anyway.
        found = _library.devices(self.name, afresh=self._stale)
        self._stale = True
        device = self._choose(found)
        channels = self.channels if self._channel is None else self._channel + 1
        options = [
            {"samplerate": r, "channels": c}
            for r in dict.fromkeys((self.rate, device.rate))
            for c in dict.fromkeys((channels, max(channels, device.channels)))
        ]
        feed = _Feed(round(QUEUE_S * max(self.rate, device.rate)), self._now_ns, self._steady)
        self._stream, option = _library.start(device, options, feed)
        self._feed = feed
        self._known = device
        self.name = device.name
        self.device_rate = option["samplerate"]
        self._shaper = _Shaper(self.device_rate, self.rate, self.channels, self._channel)
        self._clock = StreamClock(self.device_rate)
        self._lost, self._broken = 0.0, ""
        self._ready.clear()
        self._heard_s = self._steady()

    def read(self, timeout_s: float) -> Block | None:
        """Wait for the next block. Raises `DeviceLost` or `DeviceFailed` when the stream ended."""
        feed = self._feed
        if feed is None:
            raise DeviceRefused(self.name, "it was not opened")
        # The resampler gives nothing for its first blocks.
        while not self._ready and (heard := feed.take(timeout_s)) is not None:
            self._heard_s = self._steady()
            self._digest(heard)
        if self._ready:
            return self._ready.popleft()
        if feed.failure is not None:
            raise DeviceFailed(self.name, feed.failure)
        if feed.finished:
            raise DeviceLost(self.name, self._steady() - self._heard_s)
        return None

    def close(self) -> None:
        """Close the device. Raises `DeviceRefused` where that hangs; nothing is heard any more."""
        stream, self._stream, self._feed = self._stream, None, None
        if stream is not None:
            _library.stop(self.name, stream)

    def _choose(self, found: Sequence[Device]) -> Device:
        """Find what is wanted, and after the first time the same device, whatever its index."""
        known = self._known
        if known is None or self._wanted in (None, ""):
            return find_device(self._wanted, found)
        same = [d for d in found if (d.name, d.host_api) == (known.name, known.host_api)]
        if len(same) > 1:
            same = [d for d in same if d.index == known.index]
        if not same:
            raise DeviceNotFound(known.name, map(str, found))
        return same[0]

    def _digest(self, heard: _Heard) -> None:
        """Give the block its time, and bring it into the form that is wanted."""
        broken = "overflow" if heard.overflow else "dropped" if heard.dropped else ""
        if heard.dropped:
            self._clock.skip(heard.dropped)
        frames = len(heard.samples)
        # Without the card's time: the block was heard to its end when it was handed over.
        ages_s = [heard.stream_s - heard.adc_s] if heard.adc_s > 0 else []
        stamp_ns, missing_ns = self._clock.stamp(
            frames,
            [*ages_s, frames / self.device_rate],
            heard.now_ns,
            heard.steady_s,
            anew=heard.overflow,
        )
        broken = broken or ("gap" if missing_ns else "")
        if broken:
            tail, tail_ns = self._shaper.flush()
            if len(tail):
                self._ready.append(self._block(tail, tail_ns))
            self._broken = broken
            self._lost += heard.dropped / self.device_rate + missing_ns / SECOND
        samples, stamp_ns = self._shaper.push(heard.samples, stamp_ns)
        if len(samples):
            self._ready.append(self._block(samples, stamp_ns))

    def _block(self, samples: Samples, stamp_ns: int) -> Block:
        block = Block(samples, stamp_ns, round(self._lost * self.rate), self._broken)
        self._lost, self._broken = 0.0, ""
        return block


# ── files ─────────────────────────────────────────────────────────────────────────────────────


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
            _Shaper(rate, self.rate, self.channels, self._channel).push(block, 0)
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
        # The decoder of mp3 loses what it carries from frame to frame when it is told to seek, as
        # soundfile does after each read: such a file is read in one.
        info = _info(path)
        read_s = info.duration + 1 if info.format == "MP3" else block_s
        shaper: _Shaper | None = None
        count = 0
        for block, rate in audio.blocks_of(path, read_s):
            if shaper is None:
                self.device_rate = rate
                shaper = _Shaper(rate, self.rate, self.channels, self._channel)
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
