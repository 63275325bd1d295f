"""How far a figure would swing with other speakers: 95 % intervals by the bootstrap.

Clips of one voice are not independent, so whole speakers are drawn, with replacement and within
each corpus, and every clip of a speaker comes as often as the speaker was drawn. A figure is a
function of these weights, so that every figure, and every difference of two figures over the same
clips, gets its interval in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from ser_ros.evaluation.metrics import BINS, UNHEARD, Truth, bin_of

Weights = npt.NDArray[np.float64]
"""How much each clip counts in each draw, shape (draws, clips)."""

Figure = Callable[[Weights], npt.NDArray[np.float64]]
"""From weights to one number per draw, shape (draws,)."""

DRAWS = 1000
PERCENTILES = (2.5, 97.5)

_AT_ONCE = 100
"""Draws that are held in memory at a time."""


@dataclass(frozen=True)
class Interval:
    """A figure and the 95 % interval of its bootstrap over speakers."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def units_of(speakers: Sequence[str]) -> npt.NDArray[np.int64]:
    """Number the speakers, shape (clips,); a clip without a speaker is a unit of its own."""
    number: dict[tuple[str, int], int] = {}
    keys = [(speaker, -1 if speaker else i) for i, speaker in enumerate(speakers)]
    return np.array([number.setdefault(key, len(number)) for key in keys], np.int64)


def interval(
    figure: Figure,
    speakers: Sequence[str],
    strata: Sequence[str] | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> Interval:
    """Return a figure with its interval.

    `speakers` and `strata` (the corpora: as many speakers of each are drawn as there are) name
    those of each clip. A draw in which the figure has no value (NaN) has no say. Where a stratum
    has one speaker alone nothing is known of how its voices differ: the interval's ends are NaN.
    """
    unit = units_of(speakers)
    stratum = units_of([s or "-" for s in strata] if strata is not None else ["-"] * len(unit))
    random = np.random.default_rng(seed)
    groups = [np.unique(unit[stratum == s]) for s in np.unique(stratum)]
    value = float(figure(np.ones((1, len(unit))))[0])
    if any(len(group) < 2 for group in groups):
        return Interval(value, np.nan, np.nan)
    found = []
    for start in range(0, draws, _AT_ONCE):
        size = min(_AT_ONCE, draws - start)
        times = np.zeros((size, int(unit.max()) + 1))
        for group in groups:
            share = np.full(len(group), 1 / len(group))
            times[:, group] += random.multinomial(len(group), share, size)
        found.append(figure(times[:, unit]))
    drawn = np.concatenate(found)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.percentile(drawn, PERCENTILES) if len(drawn) else (np.nan, np.nan)
    return Interval(value, float(low), float(high))


# ── figures ───────────────────────────────────────────────────────────────────────────────────


def uar(truth: Truth, guess: npt.NDArray[np.int64]) -> Figure:
    """The mean recall of the classes; NaN in a draw that lacks one, and so is of other classes."""
    of_class = [truth == k for k in np.unique(truth)]
    hit = truth == guess

    def figure(weights: Weights) -> npt.NDArray[np.float64]:
        there = np.stack([weights[:, own].sum(axis=1) for own in of_class])
        hits = np.stack([weights[:, own & hit].sum(axis=1) for own in of_class])
        recall = np.divide(hits, there, out=np.full_like(hits, np.nan), where=there > 0)
        return np.asarray(recall.mean(axis=0))

    return figure


def mean(values: npt.NDArray[np.floating] | npt.NDArray[np.bool_]) -> Figure:
    """The mean over clips: of `correct` it is the accuracy."""

    def figure(weights: Weights) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            return (weights @ values.astype(np.float64)) / weights.sum(axis=1)

    return figure


def ece(
    truth: Truth,
    guess: npt.NDArray[np.int64],
    confidence: npt.NDArray[np.floating],
    bins: int = BINS,
) -> Figure:
    """The expected calibration error of the clips with speech."""
    heard = guess != UNHEARD
    index = bin_of(confidence, bins)
    surplus = np.zeros((len(truth), bins))
    surplus[np.arange(len(truth)), index] = np.where(heard, confidence - (guess == truth), 0.0)

    def figure(weights: Weights) -> npt.NDArray[np.float64]:
        with np.errstate(invalid="ignore"):
            return np.abs(weights @ surplus).sum(axis=1) / weights[:, heard].sum(axis=1)

    return figure


def within(figure_of: Callable[[npt.NDArray[np.int64]], Figure], groups: Sequence[str]) -> Figure:
    """The mean of a figure over groups of clips (the corpora), each weighing the same.

    `figure_of` is given the indices of a group's clips, and returns its figure over these.
    """
    names = np.array(groups)
    parts = []
    for name in sorted(set(groups)):
        indices = np.flatnonzero(names == name)
        parts.append((indices, figure_of(indices)))

    def figure(weights: Weights) -> npt.NDArray[np.float64]:
        return np.mean([part(weights[:, indices]) for indices, part in parts], axis=0)

    return figure


def difference(one: Figure, other: Figure) -> Figure:
    """The first less the second, over the same clips in every draw."""
    return lambda weights: one(weights) - other(weights)
