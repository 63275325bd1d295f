"""Calibration: the temperature that makes probabilities worth their word, and what it leaves.

No voice is judged with a temperature that it helped to choose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Calibration
from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.metrics import BINS, Truth, bin_of

ClipLogits = npt.NDArray[np.float32]
"""The logits of a clip's windows in which somebody speaks, shape (windows, labels)."""

COVERAGE = 0.7
"""Share of the clips that gets an emotion as its label, unless told otherwise."""

_RANGE = (0.2, 5.0)
"""Temperatures outside would tell of a network that has learnt nothing."""


def mean_probabilities(logits: Sequence[ClipLogits], temperature: float) -> ClipLogits:
    """Return the mean over each clip's windows, shape (clips, labels).

    A clip without a window, in which nobody was heard, has a row of zeros.
    """
    sizes = np.array([len(clip) for clip in logits])
    scaled = np.concatenate(list(logits)).astype(np.float64) / temperature
    if not len(scaled):
        return np.zeros((len(logits), scaled.shape[1]), np.float32)
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    each = exponentials / exponentials.sum(axis=1, keepdims=True)
    starts = np.cumsum(sizes) - sizes
    means = np.zeros((len(logits), scaled.shape[1]))
    heard = sizes > 0
    means[heard] = np.add.reduceat(each, starts[heard]) / sizes[heard, None]
    return means.astype(np.float32)


def fit_temperature(
    logits: Sequence[ClipLogits], truth: Truth, weight: npt.NDArray[np.float64]
) -> float:
    """Return the temperature under which the truth of the clips is likeliest.

    `weight` (clips,) lets a small corpus speak as loudly as a large one. Raises `MissingExtra`.
    """
    try:
        from scipy.optimize import minimize_scalar
    except ImportError as error:
        raise MissingExtra("scipy", "train") from error
    heard = [i for i, clip in enumerate(logits) if len(clip)]
    if not heard:
        return 1.0
    spoken, of_heard, rows = [logits[i] for i in heard], weight[heard], np.arange(len(heard))

    def loss(log_temperature: float) -> float:
        found = mean_probabilities(spoken, float(np.exp(log_temperature)))
        return float(-np.average(np.log(found[rows, truth[heard]] + 1e-9), weights=of_heard))

    low, high = np.log(_RANGE)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def even_weights(groups: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return a weight per clip under which every group (corpus) weighs the same."""
    count = {name: groups.count(name) for name in set(groups)}
    return np.array([1.0 / count[name] for name in groups])


def cross_fitted(
    logits: Sequence[ClipLogits], truth: Truth, speakers: Sequence[str], corpora: Sequence[str]
) -> npt.NDArray[np.float64]:
    """Return a temperature per clip, fitted on all the other speakers, shape (clips,).

    All are speakers that the network has not heard in its training. Where there is no other
    speaker the temperature is 1. Clips without a speaker count as one voice.
    """
    found = np.ones(len(logits))
    for speaker in set(speakers):
        own = np.array([s == speaker for s in speakers])
        others = np.flatnonzero(~own).tolist()
        if others:
            weight = even_weights([corpora[i] for i in others])
            found[own] = fit_temperature([logits[i] for i in others], truth[others], weight)
    return found


def calibrated(logits: Sequence[ClipLogits], temperatures: npt.NDArray[np.float64]) -> ClipLogits:
    """Return each clip's mean probabilities under its own temperature, shape (clips, labels)."""
    found = np.zeros((len(logits), logits[0].shape[1]), np.float32)
    for temperature in np.unique(temperatures):
        own = np.flatnonzero(temperatures == temperature).tolist()
        found[own] = mean_probabilities([logits[i] for i in own], float(temperature))
    return found


# ── confidence and accuracy ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bin:
    """What became of the clips whose confidence lay from `low` to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    """The mean of what was said."""
    accuracy: float
    """The share that was right."""

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def reliability(
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = BINS
) -> list[Bin]:
    """Return the bins that are not empty; a calibrated model's accuracy is its confidence."""
    index = bin_of(confidence, bins)
    return [
        Bin(
            b / bins,
            (b + 1) / bins,
            int(np.count_nonzero(index == b)),
            float(confidence[index == b].mean()),
            float(correct[index == b].mean()),
        )
        for b in np.unique(index).tolist()
    ]


@dataclass(frozen=True)
class RiskCoverage:
    """Answering only the surest clips: the share that is answered, and how much of it is wrong."""

    coverage: list[float]
    """Rising to 1; one value per distinct confidence."""
    risk: list[float]
    """1 - accuracy of what is answered."""
    area: float
    """The area under the curve (AURC): the mean risk over all coverages."""

    def risk_at(self, coverage: float) -> float:
        """Return the risk when at least that share is answered, and no clip more than needed."""
        reached = np.searchsorted(self.coverage, coverage - 1e-9)
        return self.risk[min(int(reached), len(self.risk) - 1)]


def risk_coverage(
    confidence: npt.NDArray[np.floating],
    correct: npt.NDArray[np.bool_],
    weight: npt.NDArray[np.float64] | None = None,
) -> RiskCoverage:
    """Return the curve over all thresholds. Equally sure clips are answered together."""
    weight = np.ones(len(confidence)) if weight is None else weight
    order = np.argsort(-confidence, kind="stable")
    answered = np.cumsum(weight[order])
    wrong = np.cumsum(weight[order] * ~correct[order])
    last = np.append(np.diff(confidence[order]) != 0, True)
    coverage, risk = answered[last] / answered[-1], wrong[last] / answered[last]
    steps = np.diff(coverage, prepend=0.0)
    return RiskCoverage(coverage.tolist(), risk.tolist(), float(np.sum(steps * risk)))


def kept(temperature: float, uncertain_below: float) -> Calibration:
    """Return both as a bundle keeps them: rounded, the threshold never up.

    At the threshold itself an answer is given, so that one rounded up would refuse those that
    chose it.
    """
    return Calibration(round(temperature, 4), math.floor(uncertain_below * 1e4) / 1e4)


def choose_threshold(
    confidence: npt.NDArray[np.floating],
    coverage: float = COVERAGE,
    weight: npt.NDArray[np.float64] | None = None,
) -> float:
    """Choose `uncertain_below`, from clips of speakers that the network has not heard.

    The largest threshold that still answers the share `coverage` of the clips. A clip in which
    nobody was heard (confidence 0) is never answered; where nobody was heard in any, nothing can
    be chosen and it stays what it was.
    """
    if not np.any(confidence > 0):
        return Calibration().uncertain_below
    weight = np.ones(len(confidence)) if weight is None else weight
    order = np.argsort(-confidence, kind="stable")
    answered = np.cumsum(weight[order]) / weight.sum()
    enough = int(np.searchsorted(answered, coverage - 1e-9))
    return float(confidence[order][min(enough, int(np.count_nonzero(confidence)) - 1)])
