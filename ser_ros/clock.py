"""The time of samples: from a sound card's clock to ROS time, and through a resampler."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ser_ros import audio
from ser_ros.audio import Resampler, Samples
from ser_ros.errors.audio import UnsupportedFormat

SECOND = 1_000_000_000
"""Nanoseconds."""


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


class Shaper:
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
