"""What was to be reached, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ser_ros.evaluation.bootstrap import Interval
from ser_ros.labels import FOUR


@dataclass(frozen=True)
class Target:
    """A figure, what it should reach at least, what was aimed at, and what was measured."""

    figure: str
    least: float
    aim: float
    measured: Interval | None
    """None where it was not measured."""
    higher: bool = True
    """Whether more is better."""
    unit: str = ""
    """`%`, or `+` for a difference that shall be gained."""

    @property
    def met(self) -> str:
        """`aim`, `yes`, `no`, or `not measured`, by the figure itself and not by its interval."""
        if self.measured is None:
            return "not measured"
        sign = 1 if self.higher else -1
        if sign * self.measured.value >= sign * self.aim:
            return "aim"
        return "yes" if sign * self.measured.value >= sign * self.least else "no"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


CORPORA = (("RAVDESS", 0.75, 0.83), ("EMO-DB", 0.84, 0.92), ("nEMO", 0.65, 0.75))
"""Name, least and aim of the UAR over five folds."""


def targets(results: Mapping[str, Any]) -> list[Target]:
    """Hold results, as `study.measure` makes them, against what was to be reached.

    That is told of four emotions; of others there is nothing to be held against.
    """
    if tuple(results["labels"]) != FOUR.labels:
        return []

    def at(*keys: str) -> Interval | None:
        found: Any = results
        for key in keys:
            found = found.get(key) if isinstance(found, Mapping) else None
        return Interval(**found) if found else None

    def lost(condition: str) -> Interval | None:
        return at("conditions", "rows", condition, "lost")

    found = [
        Target(
            f"{name}, UAR",
            least,
            aim,
            at("folds", "corpora", name.lower().replace("-", ""), "intervals", "uar"),
        )
        for name, least, aim in CORPORA
    ]
    gains = [g for g in (lost("gain -20 dB"), lost("gain +20 dB")) if g is not None]
    worst = max(gains, key=lambda gain: gain.value) if len(gains) == 2 else None
    return [
        *found,
        Target("leave one corpus out, mean UAR", 0.47, 0.58, at("left_out", "uar_mean")),
        Target(
            "the same with a voice baseline (enroll), gained",
            0.05,
            0.12,
            at("baseline", "left_out", "enroll", "gained"),
            unit="+",
        ),
        Target("ECE, unseen speakers", 0.05, 0.03, at("calibration", "ece"), False),
        Target(
            "emotion claimed where nobody speaks",
            0.02,
            0.005,
            at("no_speech", "recorded", "share"),
            False,
            "%",
        ),
        Target("UAR lost at 10 dB SNR", 0.06, 0.03, lost("noise 10 dB"), False),
        Target("UAR lost at ±20 dB of gain, the worse", 0.01, 0.003, worst, False),
        Target(
            "accuracy gained by leaving out the least sure 30 %",
            0.08,
            0.12,
            at("risk_coverage", "gained"),
            unit="+",
        ),
    ]
