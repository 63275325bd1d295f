"""What a robot's audio needs around the framing: chunks in, windows with their time out.

Formats that change, stamps that jump, data that is broken, sound that was lost.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, AudioFormat, Resampler, Samples
from ser_ros.clock import SECOND
from ser_ros.errors.audio import AudioError, PartialFrame, UnsupportedFormat
from ser_ros.framing import Framer

GAP_TOLERANCE_NS = SECOND // 10
"""How far a stamp may lie from where the samples before it end.

Publishers that stamp a chunk when Python woke up jitter by some tens of milliseconds.
"""

FUTURE_TOLERANCE_NS = SECOND
"""How far ahead of this machine's clock a chunk may end before it is counted as odd."""

ABSENCE_NS = 30 * SECOND
"""A gap from which on nobody is taken to have listened meanwhile, so that nothing was lost: push to
talk, or a clock that was set."""

PAUSE_NS = SECOND
"""How much later than it should a chunk without a stamp may come before a pause lies between, and
how much earlier before it is one of many that had waited."""

_CLIPPED_PEAKS = 3
_CLIPPED_SHARE = 1e-3
"""Share of samples at full scale above which a chunk counts as clipped; a few peaks do no harm."""

_FOLLOW = 0.05
"""Share of a tolerated deviation that the stream's time takes over with each chunk.

A sound card's clock and ROS time drift apart by up to some 0.1 ms a second; without this the
difference would add up to a gap.
"""


def followed(late_ns: int, duration_ns: int) -> int:
    """Return what a stream's time takes over of a deviation, with one chunk.

    No more than a hundredth of the chunk's length: a sound card's clock is never that far off, and
    chunks that were lost one by one would pass for drift.
    """
    most = duration_ns // 100
    return max(-most, min(most, int(late_ns * _FOLLOW)))


@dataclass(frozen=True)
class Window:
    """A stretch of speech, or of silence, that one estimate is made of."""

    samples: Samples
    """Mono at the network's rate, shape (size,)."""
    stamp_ns: int
    """The time of its first sample, in nanoseconds."""
    lost: int
    """Samples, at the network's rate, that were lost since the window before it, with those that
    were heard before a gap or a refused chunk and came into no window for it."""


@dataclass(frozen=True)
class Remark:
    """Something about a stream that a person should hear of."""

    kind: str
    """A word to count by, such as `gap`."""
    sentence: str


class AudioStream:
    """Chunks in, windows out; whatever is odd about a chunk is remarked upon, never raised.

    The framing starts afresh, and the remarks say so, at a gap in the stamps, at a jump back in
    time and when the format changes, so that no window spans sound that was not heard in one piece.
    """

    MAX_CHUNK_S = 60.0

    def __init__(
        self,
        size: int,
        hop: int,
        rate: int = NETWORK_RATE,
        channel: int | None = None,
        gap_tolerance_ns: int = GAP_TOLERANCE_NS,
    ) -> None:
        self._framer = Framer(size, hop)
        self._rate = rate
        self._channel = channel
        self._tolerance_ns = gap_tolerance_ns
        self._format: AudioFormat | None = None
        self._resampler: Resampler | None = None
        self._start_ns = 0
        """Time of the sample that the framer counts as 0."""
        self._heard_ns = 0
        """Length of what came since then, in nanoseconds."""
        self._last_stamp_ns: int | None = None
        self._last_now_ns = 0
        self._newest_ns: int | None = None
        """Time of the newest window of the stretch."""
        self._lost = 0
        self.counts: Counter[str] = Counter()

    @property
    def lost(self) -> int:
        """Samples, at the network's rate, that were lost since the newest window."""
        return self._lost

    @property
    def format(self) -> AudioFormat | None:
        """The format of the newest chunk."""
        return self._format

    def restart(self) -> None:
        """Forget what was heard: the next chunk begins a new stretch."""
        self._framer.flush()
        self._resampler = None
        self._last_stamp_ns = self._newest_ns = None

    def refuse(self, seconds: float) -> None:
        """Count sound that came and cannot be understood as lost; what follows is a new stretch."""
        self._lost += self._framer.unheard + int(seconds * self._rate)
        self.restart()

    def push(
        self, data: bytes | bytearray | memoryview, fmt: AudioFormat, stamp_ns: int, now_ns: int
    ) -> tuple[list[Window], list[Remark]]:
        """Add one chunk of PCM.

        `stamp_ns` is the time of its first sample, 0 where the publisher gave none: then it is
        taken to follow the chunk before it, at a time that follows this machine's clock, or to end
        now where there was none for a while. `now_ns` is this machine's clock.
        """
        remarks: list[Remark] = []
        samples = self._decode(data, fmt, remarks)
        for remark in remarks:
            self.counts[remark.kind] += 1
        if samples is None:
            return [], remarks
        before = len(remarks)
        duration_ns = len(samples) * SECOND // fmt.rate
        if stamp_ns == 0:
            now_start_ns = now_ns - duration_ns
            late_ns = now_start_ns - (self._start_ns + self._heard_ns)
            begins = self._last_stamp_ns is None or fmt != self._format
            if begins or late_ns > PAUSE_NS or now_ns < self._last_now_ns:
                stamp_ns = now_start_ns
            elif late_ns < -PAUSE_NS:
                self._start_ns += late_ns  # sound that had waited came all at once, in one piece
            else:
                self._start_ns += followed(late_ns, duration_ns)
        self._last_now_ns = now_ns
        self._follow(stamp_ns, duration_ns, now_ns, fmt, remarks)
        for remark in remarks[before:]:
            self.counts[remark.kind] += 1
        self._heard_ns += duration_ns
        if self._resampler is None:
            self._resampler = Resampler(fmt.rate, self._rate)
        windows = []
        for start, frame in self._framer.push(self._resampler.push(samples)):
            # What had waited and came all at once took the time back, and no window follows it.
            at_ns = self._start_ns + start * SECOND // self._rate
            self._newest_ns = at_ns if self._newest_ns is None else max(at_ns, self._newest_ns)
            windows.append(Window(frame, self._newest_ns, self._lost))
            self._lost = 0
        return windows, remarks

    def _decode(
        self, data: bytes | bytearray | memoryview, fmt: AudioFormat, remarks: list[Remark]
    ) -> Samples | None:
        """Return mono samples at the chunk's own rate, or None where there is nothing to hear."""
        frame = fmt.bytes_per_frame
        seconds = len(data) / frame / fmt.rate
        if seconds > self.MAX_CHUNK_S:
            self.refuse(seconds)
            too_long = UnsupportedFormat("length of a chunk in s", seconds, 0, self.MAX_CHUNK_S)
            remarks.append(Remark("refused", str(too_long)))
            return None
        rest = len(data) % frame
        if rest:
            remarks.append(Remark("partial_frame", str(PartialFrame(len(data), frame))))
            data = memoryview(data)[: len(data) - rest]
        try:
            samples = audio.to_mono(audio.decode(data, fmt), self._channel)
        except AudioError as error:
            if seconds:
                self.refuse(seconds)  # or the next stamp would tell of the same loss as a gap
            remarks.append(Remark("refused", str(error)))
            return None
        samples, bad = audio.repair(samples)
        if bad:
            sentence = (
                f"{bad} of {len(samples)} samples are not finite numbers; they are taken as "
                "silence. Check the program that publishes the audio."
            )
            remarks.append(Remark("not_finite", sentence))
        clipped = audio.clipped(samples)
        if clipped > max(_CLIPPED_PEAKS, _CLIPPED_SHARE * len(samples)):
            sentence = (
                f"{clipped} of {len(samples)} samples are at full scale, so the "
                "voice is distorted; lower the gain of the microphone."
            )
            remarks.append(Remark("clipped", sentence))
        return np.clip(samples, -1.0, 1.0)

    def _follow(
        self, stamp_ns: int, duration_ns: int, now_ns: int, fmt: AudioFormat, remarks: list[Remark]
    ) -> None:
        """Decide whether a chunk continues the stretch, and keep the stretch's time."""
        expected_ns = self._start_ns + self._heard_ns
        off_ns = stamp_ns - expected_ns
        if stamp_ns + duration_ns > now_ns + FUTURE_TOLERANCE_NS:
            sentence = (
                f"A chunk ends {(stamp_ns + duration_ns - now_ns) / SECOND:.1f} s in the future; "
                "the clocks of the two machines differ. Synchronise them (chrony), or set "
                "use_sim_time on both sides."
            )
            remarks.append(Remark("from_future", sentence))
        if self._last_stamp_ns is None:
            self._begin(stamp_ns, fmt)
        elif fmt != self._format:
            remarks.append(
                Remark("format_change", f"The audio is now {fmt}; the framing starts afresh.")
            )
            self._begin(stamp_ns, fmt)
        elif stamp_ns == 0 or stamp_ns == self._last_stamp_ns:
            if stamp_ns:
                sentence = (
                    "Two chunks carry the same stamp; they are heard one after the other. The "
                    "stamp should be the time of the first sample."
                )
                remarks.append(Remark("repeated_stamp", sentence))
        elif off_ns > self._tolerance_ns:
            if off_ns < ABSENCE_NS:
                self._lost += self._framer.unheard + off_ns * self._rate // SECOND
                sentence = f"{off_ns / SECOND:.3f} s of audio are missing; framing starts afresh."
                remarks.append(Remark("gap", sentence))
            else:
                sentence = f"No audio came for {off_ns / SECOND:.0f} s; the framing starts afresh."
                remarks.append(Remark("absence", sentence))
            self._begin(stamp_ns, fmt)
        elif off_ns < -self._tolerance_ns:
            sentence = (
                f"The time of the audio went back by {-off_ns / SECOND:.3f} s; the framing starts "
                "afresh."
            )
            remarks.append(Remark("time_went_back", sentence))
            self._begin(stamp_ns, fmt)
        else:
            self._start_ns += followed(off_ns, duration_ns)
        self._last_stamp_ns = stamp_ns

    def _begin(self, stamp_ns: int, fmt: AudioFormat) -> None:
        self.restart()
        self._format = fmt
        self._start_ns = stamp_ns
        self._heard_ns = 0
