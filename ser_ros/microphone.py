"""The microphone as a source."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ser_ros import audio, soundcard
from ser_ros.audio import NETWORK_RATE, AudioFormat, Samples
from ser_ros.clock import SECOND, Shaper, StreamClock
from ser_ros.errors.audio import (
    DeviceFailed,
    DeviceLost,
    DeviceNotFound,
    DeviceRefused,
    UnsupportedFormat,
)
from ser_ros.soundcard import Device, Feed, Heard, find_device
from ser_ros.sources import Block

QUEUE_S = 5.0
"""How much sound waits for `Microphone.read` at the most."""


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
        self._has_twin = False
        """Whether another of its model was ever there too."""
        self._stale = False
        self._stream: Any = None
        self._feed: Feed | None = None
        self._ready: deque[Block] = deque()
        self._heard_s = 0.0

    def check(self) -> Device:
        """Tell which device would be opened.

        Raises `MicrophoneUnavailable`, `DeviceNotFound` or `AmbiguousDevice`.
        """
        return self._choose(soundcard.library.devices(self.name, afresh=True))

    def open(self) -> None:
        """Begin to listen, at the device's own rate and channels where it refuses others."""
        if self._stream is not None:
            return
        # The first time the list is new anyway.
        found = soundcard.library.devices(self.name, afresh=self._stale)
        self._stale = True
        device = self._choose(found)
        channels = self.channels if self._channel is None else self._channel + 1
        options = [
            {"samplerate": r, "channels": c}
            for r in dict.fromkeys((self.rate, device.rate))
            for c in dict.fromkeys((channels, max(channels, device.channels)))
        ]
        feed = Feed(round(QUEUE_S * max(self.rate, device.rate)), self._now_ns, self._steady)
        self._stream, option = soundcard.library.start(device, options, feed)
        self._feed = feed
        self._known = device
        self._has_twin |= sum(d.model == device.model for d in found) > 1
        self.name = device.name
        self.device_rate = option["samplerate"]
        self._shaper = Shaper(self.device_rate, self.rate, self.channels, self._channel)
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
            soundcard.library.stop(self.name, stream)

    def _choose(self, found: Sequence[Device]) -> Device:
        """Find what is wanted, and after the first time the same device, whatever its index."""
        known = self._known
        if known is None or self._wanted in (None, ""):
            return find_device(self._wanted, found)
        same = [d for d in found if (d.name, d.host_api) == (known.name, known.host_api)]
        if not same and not self._has_twin:
            same = [d for d in found if d.model == known.model]
        if len(same) > 1:
            same = [d for d in same if d.index == known.index]
        if not same:
            raise DeviceNotFound(known.name, map(str, found))
        return same[0]

    def _digest(self, heard: Heard) -> None:
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
