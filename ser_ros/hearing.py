"""Hearing: chunks in, estimates and states out, with what a busy robot needs in between.

It is the inference node without ROS: it decides which windows are judged, and which are not because
the robot itself was talking, or because they have become too old. The node only passes messages.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from ser_ros.audio import AudioFormat
from ser_ros.classifier import Classifier, Estimate
from ser_ros.clock import SECOND
from ser_ros.errors.config import BadValue
from ser_ros.stream import ABSENCE_NS, AudioStream, Remark, Window
from ser_ros.tracking import State, Tracker, TrackingConfig
from ser_ros.voices import Voices

MOST_WAITING = 128
"""Windows that may wait at most on a robot: 20 MB."""

HOP_S = (0.05, 60.0)
"""The least and the most seconds from window to window."""


@dataclass(frozen=True)
class HearingConfig:
    hop_s: float = 1.25
    """Seconds from window to window."""
    max_age_s: float = 2.0
    """Seconds that a window may wait after its last chunk came; an older one is dropped."""
    mute_tail_s: float = 0.5
    """Seconds for which the robot's own voice still hangs in the room."""
    mute_limit_s: float = 30.0
    """Seconds after which the robot is taken to have stopped talking, should nobody say so."""
    channel: int | None = None
    """Which channel to hear, from 0; None for the mean of all."""

    def __post_init__(self) -> None:
        least, most = HOP_S
        if not least <= self.hop_s <= most:
            raise BadValue("hop_s", self.hop_s, f"{least:g} to {most:g} s")
        if not 0 < self.max_age_s < math.inf:
            raise BadValue("max_age_s", self.max_age_s, "a positive number of seconds")
        for name in ("mute_tail_s", "mute_limit_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise BadValue(name, getattr(self, name), "seconds, not negative")


@dataclass(frozen=True)
class Heard:
    """A window, what it sounds like, and what that makes of the state."""

    window: Window
    estimate: Estimate
    state: State
    lost: int
    """Samples, at the network's rate, that were lost since the one before."""
    latency_s: float
    """Seconds from the arrival of the window's last chunk to now."""


class Mute:
    """The stretches of time in which the robot itself talked."""

    def __init__(self, tail_s: float, limit_s: float) -> None:
        self.adjust(tail_s, limit_s)
        self._stretches: deque[tuple[int, int]] = deque(maxlen=64)
        """From the beginning to the end of the echo; the newest may end in the future."""
        self._talking = False

    def say(self, speaking: bool, now_ns: int) -> None:
        """Take in what the robot says of itself at `now_ns`. Saying `true` again prolongs it."""
        if self._stretches and now_ns < self._stretches[-1][0]:
            self.reset()  # the clock was set back
        begin_ns, end_ns = self._stretches[-1] if self._stretches else (now_ns, now_ns)
        goes_on = self._talking and begin_ns <= now_ns < end_ns
        if speaking:
            if goes_on:
                self._stretches.pop()
            until_ns = now_ns + self._limit_ns + self._tail_ns
            self._stretches.append((begin_ns if goes_on else now_ns, until_ns))
        elif goes_on:
            self._stretches[-1] = (begin_ns, min(end_ns, now_ns + self._tail_ns))
        self._talking = speaking

    def forget_after(self, now_ns: int) -> None:
        """Forget what is to begin later than now: it was said before the clock was set back."""
        while self._stretches and self._stretches[-1][0] > now_ns + SECOND:
            self._stretches.pop()
            self._talking = False

    def reset(self) -> None:
        """Forget it all."""
        self._stretches.clear()
        self._talking = False

    def adjust(self, tail_s: float, limit_s: float) -> None:
        """Take other lengths from the next word on."""
        self._tail_ns = int(tail_s * SECOND)
        self._limit_ns = int(limit_s * SECOND)

    def overdue(self, now_ns: int) -> bool:
        """Whether the robot should long have said that it stopped."""
        return self._talking and now_ns >= self._stretches[-1][1]

    def covers(self, start_ns: int, end_ns: int) -> bool:
        """Whether any of the time from start to end is the robot's own voice."""
        return any(start_ns < end and begin < end_ns for begin, end in self._stretches)


class Hearing:
    """From chunks to states, one window at a time."""

    def __init__(
        self,
        classifier: Classifier,
        config: HearingConfig,
        tracking: TrackingConfig,
        monotonic: Callable[[], float],
        voices: Voices | None = None,
        most_waiting: int | None = MOST_WAITING,
    ) -> None:
        """`monotonic` gives seconds that never go back; latencies are measured with it.

        `voices` are told of every window that is judged, to learn from it. Of more than
        `most_waiting` windows the oldest are dropped; None where nobody waits for the newest.
        """
        rate = classifier.bundle.features.rate
        hop = max(1, round(config.hop_s * rate))
        self.classifier = classifier
        self.config = config
        self.voices = voices
        self.tracker = Tracker(classifier.labels, tracking)
        self.stream = AudioStream(classifier.window, hop, rate, config.channel)
        self.mute = Mute(config.mute_tail_s, config.mute_limit_s)
        self.counts: Counter[str] = Counter()
        self._hop = hop
        self._most_waiting = most_waiting
        self._window_ns = classifier.window * SECOND // rate
        self._monotonic = monotonic
        self._waiting: deque[tuple[float, Window]] = deque()
        self._lost = 0
        """Samples, before the oldest window that waits, that no window told of."""

    @property
    def waiting(self) -> int:
        """Windows that have not been judged yet."""
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """Samples, at the network's rate, that were lost and that no estimate has told of yet."""
        return self._lost + sum(window.lost for _, window in self._waiting) + self.stream.lost

    def chunk(
        self, data: bytes | bytearray | memoryview, fmt: AudioFormat, stamp_ns: int, now_ns: int
    ) -> list[Remark]:
        """Take in a chunk of PCM, see `AudioStream.push`; return what is odd about it."""
        arrived = self._monotonic()
        self.mute.forget_after(now_ns)
        windows, remarks = self.stream.push(data, fmt, stamp_ns, now_ns)
        self.counts["chunks"] += 1
        self._waiting.extend((arrived, window) for window in windows)
        if self._most_waiting is not None:
            excess = len(self._waiting) - self._most_waiting
            remarks += self._drop(excess, f"more than {self._most_waiting} windows waited")
        return remarks

    def refuse(self, passed_s: float) -> None:
        """Count a chunk of an unknown format.

        How long it is nobody can tell; it came `passed_s` after the one before it, and counts for
        as long unless nobody listened meanwhile.
        """
        self.counts["refused"] += 1
        self.stream.refuse(max(0.0, min(passed_s, ABSENCE_NS / SECOND)))

    def drop_old(self) -> list[Remark]:
        """Drop the windows that came too long ago: newest wins."""
        now, limit_s = self._monotonic(), self.config.max_age_s
        old = sum(now - arrived > limit_s for arrived, _ in self._waiting)
        return self._drop(old, f"they waited longer than {limit_s:g} s")

    def _drop(self, count: int, why: str) -> list[Remark]:
        """Drop the `count` oldest windows."""
        if count <= 0:
            return []
        for _ in range(count):
            _, window = self._waiting.popleft()
            self._lost += window.lost + self._hop
        self.counts["dropped"] += count
        sentence = (
            f"{count} window(s) were dropped, for {why}; the machine is too slow for this hop. "
            "Raise the hop, or install OpenVINO."
        )
        return [Remark("dropped", sentence)]

    def next(self) -> Heard | None:
        """Judge the next window without the robot's own voice; None where none waits."""
        while self._waiting:
            arrived, window = self._waiting.popleft()
            # Asked only now, for word of the robot's own voice may come after the sound of it.
            if not self.mute.covers(window.stamp_ns, window.stamp_ns + self._window_ns):
                return self._judge(arrived, window)
            self._lost += window.lost
            self.counts["muted"] += 1
        return None

    def _judge(self, arrived: float, window: Window) -> Heard:
        estimate = self.classifier(window.samples)
        if self.voices is not None:
            self.voices.hear(estimate)
        state = self.tracker.update(estimate, window.stamp_ns + self._window_ns)
        lost, self._lost = self._lost + window.lost, 0
        self.counts["windows"] += 1
        return Heard(window, estimate, state, lost, self._monotonic() - arrived)

    def adjust(self, config: HearingConfig, tracking: TrackingConfig) -> None:
        """Take other settings from now on; hop and channel belong to the stream and stay."""
        self.config = config
        self.tracker.config = tracking
        self.mute.adjust(config.mute_tail_s, config.mute_limit_s)

    def restart(self) -> None:
        """Forget what was heard so far, as when the node was inactive."""
        self.stream.restart()
        self.tracker.reset()
        self.mute.reset()
        self._lost += sum(window.lost for _, window in self._waiting)
        self._waiting.clear()
