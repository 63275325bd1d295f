"""The field's figures for a classifier, from true labels and probabilities.

They are a few lines on numpy, so that a robot can score its model without scikit-learn; a test
holds them to scikit-learn's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_BINS = 15
"""Bins of the expected calibration error (Guo et al., 2017)."""


@dataclass(frozen=True)
class Scores:
    """Figures over n clips. A clip in which no speech was heard counts as a miss."""

    uar: float
    """Unweighted average recall, 0 to 1: the mean of the recalls of the classes that occur."""
    accuracy: float
    per_class_recall: dict[str, float | None]
    """None for a class that does not occur."""
    confusion: list[list[int]]
    """Row: the truth. Column: the likeliest emotion. No column for `no_speech`."""
    labels: list[str]
    n: int
    ece: float | None
    """Expected calibration error, 0 to 1, of the clips with speech; None where there are none."""
    no_speech: int
    """Clips in which no speech was heard."""
    uncertain: int
    """Clips whose label was `uncertain`; the figures above take their likeliest emotion."""
    accuracy_when_certain: float | None
    """Accuracy over the clips that got an emotion as label."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def expected_calibration_error(
    confidence: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], bins: int = _BINS
) -> float:
    """Return the mean distance of confidence and accuracy over equally wide bins, by weight."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    distance = 0.0
    for b in range(bins):
        inside = index == b
        if inside.any():
            distance += inside.mean() * abs(confidence[inside].mean() - correct[inside].mean())
    return float(distance)


def score(
    labels: tuple[str, ...],
    truth: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float32],
    uncertain_below: float,
) -> Scores:
    """Score n clips: `truth` of shape (n,), `probabilities` of shape (n, labels).

    A row of zeros is a clip in which no speech was heard.
    """
    count = len(labels)
    heard = probabilities.sum(axis=1) > 0
    guess = np.where(heard, probabilities.argmax(axis=1), -1)
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = guess == truth
    certain = heard & (confidence >= uncertain_below)

    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (truth[heard], guess[heard]), 1)
    occurs = np.bincount(truth, minlength=count)
    recall = [float(confusion[i, i] / occurs[i]) if occurs[i] else None for i in range(count)]
    return Scores(
        uar=float(np.mean([r for r in recall if r is not None])),
        accuracy=float(correct.mean()),
        per_class_recall=dict(zip(labels, recall, strict=True)),
        confusion=confusion.tolist(),
        labels=list(labels),
        n=len(truth),
        ece=expected_calibration_error(confidence[heard], correct[heard]) if heard.any() else None,
        no_speech=int(np.count_nonzero(~heard)),
        uncertain=int(np.count_nonzero(heard & ~certain)),
        accuracy_when_certain=float(correct[certain].mean()) if certain.any() else None,
    )
