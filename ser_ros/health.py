"""How a process is doing: rates, latencies, a watchdog and remarks, on time from outside."""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


class Level(enum.IntEnum):
    """The levels of `diagnostic_msgs/DiagnosticStatus` that a process can say of itself."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass
class Report:
    """One line of diagnostics: how bad it is, in a sentence, with the values behind it."""

    name: str
    level: Level = Level.OK
    message: str = "OK"
    values: dict[str, str] = field(default_factory=dict)

    def add(self, level: Level, message: str) -> None:
        """Raise the level; messages of problems join, a worse one before the others."""
        if level is Level.OK:
            return
        if self.level is Level.OK:
            self.message = message
        elif level > self.level:
            self.message = f"{message} {self.message}"
        else:
            self.message = f"{self.message} {message}"
        self.level = max(self.level, level)


THROTTLE_S = 5.0
"""Seconds for which a remark of one kind is not told again; it is counted all the same."""


class Throttle:
    """Lets a remark of each kind through every few seconds, and counts those between."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}

    def __call__(self, kind: str, sentence: str, now_s: float) -> str:
        """Return what is to be told now, with how many were held back; empty for nothing."""
        last_s, held_back = self._told.get(kind, (-math.inf, 0))
        if now_s - last_s < THROTTLE_S:
            self._told[kind] = (last_s, held_back + 1)
            return ""
        self._told[kind] = (now_s, 0)
        more = f" ({held_back} more of this kind since the last time)" if held_back else ""
        return sentence + more


class Latencies:
    """The newest durations, in seconds, and their percentiles."""

    def __init__(self, keep: int = 512) -> None:
        self._newest: deque[float] = deque(maxlen=keep)

    def add(self, seconds: float) -> None:
        self._newest.append(seconds)

    def percentile(self, q: float) -> float:
        """Return the q-th percentile, 0 to 100, in seconds; NaN before the first."""
        return float(np.percentile(list(self._newest), q)) if self._newest else float("nan")


class Rate:
    """Events per second over the last `span_s` seconds."""

    def __init__(self, span_s: float = 10.0) -> None:
        self._span_s = span_s
        self._times: deque[float] = deque()

    def add(self, now_s: float) -> None:
        self._times.append(now_s)
        self._forget(now_s)

    def per_second(self, now_s: float) -> float:
        self._forget(now_s)
        return len(self._times) / self._span_s

    def _forget(self, now_s: float) -> None:
        while self._times and now_s - self._times[0] > self._span_s:
            self._times.popleft()


class Growth:
    """By how much a count has grown in the last `span_s` seconds.

    A count that starts afresh, as with a new stream, has grown by what it has come to since.
    """

    def __init__(self, span_s: float) -> None:
        self._span_s = span_s
        self._total: int | None = None
        self._steps: deque[tuple[float, int]] = deque()

    def __call__(self, total: int, now_s: float) -> int:
        step = total - (self._total or 0)
        if self._total is not None and step < 0:
            step = total
        self._total = total
        if step:
            self._steps.append((now_s, step))
        while self._steps and now_s - self._steps[0][0] > self._span_s:
            self._steps.popleft()
        return sum(step for _, step in self._steps)


class Losses:
    """Counts that should stand still: a report warns for a while after one of them has grown.

    A total alone would warn for ever, or for a second that nobody sees.
    """

    def __init__(self, remedies: Mapping[str, str], span_s: float = 30.0) -> None:
        """`remedies` says for the key of each count why it grows, and what to do."""
        self._remedies = remedies
        self._span_s = span_s
        self._growths = {key: Growth(span_s) for key in remedies}

    def judge(self, report: Report, now_s: float) -> None:
        """Add a warning to the report for each of its counts that has grown lately."""
        for key, remedy in self._remedies.items():
            grown = self._growths[key](int(report.values[key]), now_s)
            if grown:
                report.add(
                    Level.WARN, f"{key}: {grown} in the last {self._span_s:.0f} s; {remedy}."
                )


class Watchdog:
    """Tells for how long nothing has come."""

    def __init__(self, limit_s: float, now_s: float) -> None:
        self.limit_s = limit_s
        self._last_s = now_s

    def feed(self, now_s: float) -> None:
        self._last_s = now_s

    def silent_s(self, now_s: float) -> float:
        return max(0.0, now_s - self._last_s)

    def expired(self, now_s: float) -> bool:
        return self.silent_s(now_s) > self.limit_s
