"""The field's figures for a classifier, from true labels and probabilities, by scikit-learn.

scikit-learn is in the extra `train`: a robot that only listens needs none of this.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.errors.machine import MissingExtra

Truth = npt.NDArray[np.int64]
"""The index of each clip's emotion among the labels, shape (clips,)."""

BINS = 15
"""Bins of the expected calibration error (Guo et al., 2017)."""

UNHEARD = -1
"""What stands for the guess about a clip in which no speech was heard."""


@dataclass(frozen=True)
class Scores:
    """Figures over n clips. A clip in which no speech was heard counts as a miss."""

    uar: float
    """Unweighted average recall, 0 to 1: the mean of the recalls of the classes that occur."""
    accuracy: float
    per_class_recall: dict[str, float | None]
    """None for a class that does not occur."""
    per_class_precision: dict[str, float | None]
    """Of what was said to be of a class, the share that is; None for one that was never said."""
    n_per_class: dict[str, int]
    """Clips of each class, with those in which no speech was heard."""
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
    confidence: npt.NDArray[np.floating], correct: npt.NDArray[np.bool_], bins: int = BINS
) -> float:
    """Return the mean distance of confidence and accuracy over equally wide bins, by weight."""
    index = bin_of(confidence, bins)
    surplus = np.bincount(index, np.asarray(confidence, np.float64) - correct, bins)
    return float(np.abs(surplus).sum() / len(confidence))


def bin_of(confidence: npt.NDArray[np.floating], bins: int = BINS) -> npt.NDArray[np.int64]:
    """Return the bin of each confidence, 0 to 1; the last bin holds 1 itself."""
    return np.minimum((np.asarray(confidence, np.float64) * bins).astype(np.int64), bins - 1)


def guesses(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Return the likeliest label of each row, or `UNHEARD` for a row of zeros."""
    return np.where(probabilities.sum(axis=1) > 0, probabilities.argmax(axis=1), UNHEARD)


def unweighted_average_recall(truth: Truth, guess: npt.NDArray[np.integer]) -> float:
    """Return the mean recall, 0 to 1, of the classes that occur. Raises `MissingExtra`."""
    try:
        from sklearn.metrics import recall_score
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    occur = np.unique(truth)
    return float(recall_score(truth, guess, labels=occur, average="macro", zero_division=0))


def score(
    labels: tuple[str, ...],
    truth: Truth,
    probabilities: npt.NDArray[np.floating],
    uncertain_below: float,
) -> Scores:
    """Score n clips: `truth` of shape (n,), `probabilities` of shape (n, labels).

    A row of zeros is a clip in which no speech was heard. Raises `MissingExtra`.
    """
    try:
        from sklearn.metrics import accuracy_score, confusion_matrix, precision_score, recall_score
    except ImportError as error:
        raise MissingExtra("scikit-learn", "train") from error
    guess = guesses(probabilities)
    heard = guess != UNHEARD
    confidence = probabilities.max(axis=1).astype(np.float64)
    correct = guess == truth
    certain = heard & (confidence >= uncertain_below)
    count = len(labels)
    occur = np.unique(truth)
    confusion = np.zeros((count, count), np.int64)
    if heard.any():  # it refuses to count nothing
        confusion = confusion_matrix(truth[heard], guess[heard], labels=range(count))
    recalls = recall_score(truth, guess, labels=occur, average=None, zero_division=0)
    recall = {labels[i]: float(r) for i, r in zip(occur, recalls, strict=True)}
    said = np.unique(guess[heard])
    precision: dict[str, float] = {}
    if len(said):
        of_said = precision_score(truth, guess, labels=said, average=None, zero_division=0)
        precision = {labels[i]: float(p) for i, p in zip(said, of_said, strict=True)}
    return Scores(
        uar=unweighted_average_recall(truth, guess),
        accuracy=float(accuracy_score(truth, guess)),
        per_class_recall={label: recall.get(label) for label in labels},
        per_class_precision={label: precision.get(label) for label in labels},
        n_per_class={label: int(np.count_nonzero(truth == i)) for i, label in enumerate(labels)},
        confusion=confusion.tolist(),
        labels=list(labels),
        n=len(truth),
        ece=expected_calibration_error(confidence[heard], correct[heard]) if heard.any() else None,
        no_speech=int(np.count_nonzero(~heard)),
        uncertain=int(np.count_nonzero(heard & ~certain)),
        accuracy_when_certain=float(correct[certain].mean()) if certain.any() else None,
    )
