"""The board: what the nodes have said lately, kept by the time at which it was heard.

All times are seconds of a clock that never goes back. The stamps of the messages play no part, so
that a bag that is played, or a simulated clock, is watched like a microphone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ser_ros.health import Latencies, Rate

SILENT_S = 5.0
"""Seconds without a message after which something is wrong: with chunks of 2.5 s one comes at least
that often."""

STALE_S = 5.0
"""Seconds after which a node that says how it is every second has fallen silent."""

STRIP_S = 60.0
"""Seconds of states that are kept."""

LEVELS = ("OK", "WARN", "ERROR", "STALE")
"""The levels of a status, by their number."""

STALE = LEVELS.index("STALE")

OURS = ("capture", "inference", "behavior", "dashboard")
"""What a status of the package is about; its name is `node: one of these`."""


@dataclass(frozen=True)
class EmotionSaid:
    """What a message `emotion` says of a window."""

    label: str
    confidence: float
    labels: Sequence[str]
    probabilities: Sequence[float]
    speech_ratio: float
    """0 to 1."""
    level_dbfs: float
    samples_lost: int
    latency_s: float
    model: str


@dataclass(frozen=True)
class StateSaid:
    """What a message `emotion_state` says."""

    label: str
    confidence: float
    stood_s: float
    """Seconds for which the label had stood at the end of its newest window."""
    age_s: float = 0.0
    """Seconds from then until it was heard; much, where a latched message is of long ago."""


@dataclass(frozen=True)
class StatusSaid:
    """What a node says of itself in `/diagnostics`."""

    name: str
    """`node: what it is about`."""
    level: int
    """Index into `LEVELS`."""
    message: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def about(self) -> str:
        return self.name.rpartition(": ")[2]

    @property
    def node(self) -> str:
        return self.name.rpartition(": ")[0]


def silence(silent_s: float) -> str:
    """Return what is to be said of a node that has said nothing for a while; empty for less."""
    if silent_s <= STALE_S:
        return ""
    return f"Nothing was said for {silent_s:.0f} s; is the node still running?"


class Board:
    """What was said, and when."""

    def __init__(self, topic: str, now_s: float, namespace: str = "/") -> None:
        """Only the nodes of `namespace` are watched; `topic` is that of `emotion`, in words."""
        self.topic = topic
        self.emotion: EmotionSaid | None = None
        self.state: StateSaid | None = None
        self.emotions = 0
        """Messages `emotion` since the watching began."""
        self.samples_lost = 0
        """What these messages counted."""
        self.news = 0
        """Counts what somebody who looks wants to see at once."""
        self._namespace = namespace.strip("/")
        self._began_s = now_s
        self._emotion_s: float | None = None
        self._state_s = now_s
        self._latencies, self._rate = Latencies(), Rate()
        self._states: deque[tuple[float, str]] = deque()
        self._statuses: dict[str, tuple[float, StatusSaid]] = {}

    # ── in ────────────────────────────────────────────────────────────────────────────────────

    def hear_emotion(self, said: EmotionSaid, now_s: float) -> None:
        self.emotion, self._emotion_s = said, now_s
        self.emotions += 1
        self.news += 1
        self.samples_lost += said.samples_lost
        self._latencies.add(said.latency_s)
        self._rate.add(now_s)

    def hear_state(self, said: StateSaid, now_s: float) -> None:
        self.state, self._state_s = said, now_s
        self.news += 1
        # A latched state comes as soon as somebody listens, however old it is.
        if said.age_s <= SILENT_S or self.live(now_s):
            self._states.append((now_s, said.label))
        while self._states and now_s - self._states[0][0] > STRIP_S + SILENT_S:
            self._states.popleft()

    def hear_status(self, said: StatusSaid, now_s: float) -> None:
        """Take in the status of a node of this package; all others are left alone."""
        if said.about in OURS and said.node.strip("/").rpartition("/")[0] == self._namespace:
            _, before = self._statuses.get(said.name, (0.0, None))
            self.news += before is None or before.level != said.level
            self._statuses[said.name] = (now_s, said)

    # ── out ───────────────────────────────────────────────────────────────────────────────────

    def silent_s(self, now_s: float) -> float:
        """Return for how long no `emotion` has come."""
        return now_s - (self._began_s if self._emotion_s is None else self._emotion_s)

    def live(self, now_s: float) -> bool:
        return self._emotion_s is not None and self.silent_s(now_s) <= SILENT_S

    def state_for_s(self, now_s: float) -> float:
        """Return for how long the state has stood, as far as it is known."""
        if self.state is None:
            return 0.0
        # The age rests on two clocks that may have nothing in common while a bag is played.
        late_s = 0.0 if self.live(now_s) else self.state.age_s
        return max(0.0, self.state.stood_s + late_s + now_s - self._state_s)

    def latency_s(self, q: float) -> float:
        return self._latencies.percentile(q)

    def rate(self, now_s: float) -> float:
        """Return messages per second, of late."""
        return self._rate.per_second(now_s)

    def strip(self, now_s: float, columns: int) -> list[str | None]:
        """Return the state in each of `columns` equal parts of the last minute, the newest last.

        None where nothing was heard. A state holds until the next, but not for long without one.
        """
        part_s = STRIP_S / columns
        shown: list[str | None] = []
        states = list(self._states)
        for column in range(columns):
            end_s = now_s - (columns - 1 - column) * part_s
            before = [state for state in states if state[0] <= end_s]
            held = before and end_s - part_s - before[-1][0] <= SILENT_S
            shown.append(before[-1][1] if held else None)
        return shown

    def statuses(self, now_s: float) -> list[StatusSaid]:
        """Return the newest status of each node, the worst first; STALE where none comes."""
        shown = []
        for heard_s, said in self._statuses.values():
            sentence = silence(now_s - heard_s)
            if sentence:
                said = StatusSaid(said.name, STALE, sentence, said.values)
            shown.append(said)
        return sorted(shown, key=lambda said: (-said.level, said.name))

    def values(self, about: str, now_s: float) -> Mapping[str, str]:
        """Return the values of the newest status about `about`; none where none came lately."""
        found = [heard for heard in self._statuses.values() if heard[1].about == about]
        heard_s, said = max(found, key=lambda heard: heard[0], default=(0.0, None))
        return said.values if said and now_s - heard_s <= STALE_S else {}

    def notice(self, now_s: float, publishers: int | None = None) -> str:
        """Return what is wrong, or waited for, in a sentence; empty where all is well.

        `publishers` is how many nodes publish the topic, if that is known.
        """
        silent_s = self.silent_s(now_s)
        if silent_s <= SILENT_S:
            return "" if self._emotion_s is not None else f"Waiting for messages on {self.topic}."
        if publishers:
            return (
                f"No messages for {silent_s:.0f} s on {self.topic}, though it has a publisher; "
                "does the inference node hear audio? See the diagnostics."
            )
        return (
            f"No messages for {silent_s:.0f} s on {self.topic}; is the inference node running on "
            "this topic?"
        )
