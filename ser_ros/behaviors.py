"""From states to behaviours: which named behaviour a robot should show, by a table.

It is a worked example of what to do with an emotion: not flicker, not act on doubt, rest when
nobody speaks and when nothing more is heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ser_ros.clock import SECOND
from ser_ros.config import build, read_yaml
from ser_ros.errors.config import BadValue
from ser_ros.labels import NO_SPEECH, UNCERTAIN, canonical


@dataclass(frozen=True)
class Rule:
    """When a behaviour begins."""

    label: str
    """The emotion; synonyms are understood."""
    behavior: str
    min_confidence: float = 0.5
    """Smoothed probability, 0 to 1."""
    min_duration_s: float = 1.0
    """For how long the voice must have sounded so, without a break."""
    cooldown_s: float = 5.0
    """How long after its end the same behaviour does not begin again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", canonical(self.label))
        if not self.behavior:
            raise BadValue(f"The behavior for '{self.label}'", self.behavior, "a name")
        if not 0 <= self.min_confidence <= 1:
            raise BadValue("min_confidence", self.min_confidence, "0 to 1")
        if self.min_duration_s < 0 or self.cooldown_s < 0:
            raise BadValue("min_duration_s and cooldown_s", self, "seconds, not negative")


@dataclass(frozen=True)
class BehaviorTable:
    rules: tuple[Rule, ...]
    resting: str = "rest"
    """The behaviour while nobody speaks, and when no states come any more."""
    silence_s: float = 2.0
    """How long the state must have been `no_speech`, which comes after a silence of its own."""
    timeout_s: float = 5.0
    """After how long without a state the robot rests."""

    def __post_init__(self) -> None:
        labels = [rule.label for rule in self.rules]
        if len(set(labels)) != len(labels):
            raise BadValue("rules", labels, "one rule for each label")
        if not self.resting:
            raise BadValue("resting", self.resting, "the name of a behavior")
        if self.silence_s < 0 or self.timeout_s <= 0:
            raise BadValue("silence_s and timeout_s", self, "positive seconds")


def read_table(path: Path | str) -> BehaviorTable:
    """Raises `UnreadableConfig`, `UnknownKey`, `BadValue` or `UnknownLabel`."""
    return build(BehaviorTable, read_yaml(path), str(path))


@dataclass
class Selector:
    """Choose a behaviour from the states that come in and the time that passes."""

    table: BehaviorTable
    current: str = field(init=False)
    _label: str = field(init=False, default=NO_SPEECH)
    _confidence: float = field(init=False, default=0.0)
    _since_ns: int | None = field(init=False, default=None)
    _last_ns: int | None = field(init=False, default=None)
    _ended_ns: dict[str, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.current = self.table.resting

    def state(self, label: str, confidence: float, now_ns: int) -> str:
        """Take in a state that came at `now_ns`; return the behaviour that holds from now on."""
        if self._last_ns is not None and now_ns < self._last_ns:
            self._since_ns, self._ended_ns = None, {}  # time went back: a bag was started again
        elif self._late(now_ns):
            self._since_ns = None  # nobody knows what was in between
        if label != self._label or self._since_ns is None:
            self._label, self._since_ns = label, now_ns
        self._confidence, self._last_ns = confidence, now_ns
        return self.tick(now_ns)

    def tick(self, now_ns: int) -> str:
        """Let time pass; return the behaviour that holds from now on."""
        chosen = self._choose(now_ns)
        if chosen != self.current:
            self._ended_ns[self.current] = now_ns
            self.current = chosen
        return self.current

    def _late(self, now_ns: int) -> bool:
        """Whether states have stopped coming; also after time went back, for they are of before.

        A clock that is set right goes back by less than a second.
        """
        age_ns = None if self._last_ns is None else now_ns - self._last_ns
        return age_ns is None or not -SECOND <= age_ns <= self.table.timeout_s * SECOND

    def _choose(self, now_ns: int) -> str:
        if self._since_ns is None or self._late(now_ns):
            return self.table.resting
        stood_ns = now_ns - self._since_ns
        if self._label == NO_SPEECH:
            rests = stood_ns >= self.table.silence_s * SECOND
            return self.table.resting if rests else self.current
        if self._label == UNCERTAIN:
            return self.current
        rule = next((r for r in self.table.rules if r.label == self._label), None)
        if rule is None or rule.behavior == self.current:
            return self.current
        ended_ns = self._ended_ns.get(rule.behavior)
        cooled = ended_ns is None or now_ns - ended_ns >= rule.cooldown_s * SECOND
        ready = stood_ns >= rule.min_duration_s * SECOND
        begins = cooled and ready and self._confidence >= rule.min_confidence
        return rule.behavior if begins else self.current
