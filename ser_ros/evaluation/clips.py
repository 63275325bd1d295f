"""Judge labelled recordings with a classifier, and score what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser_ros import audio
from ser_ros.classifier import Classifier, Probabilities
from ser_ros.corpora import Clip
from ser_ros.evaluation.metrics import Scores, score


@dataclass(frozen=True)
class Judged:
    """A clip, the index of its emotion among the model's labels, and what the model says."""

    clip: Clip
    truth: int
    probabilities: Probabilities


def judge(classifier: Classifier, clip: Clip) -> Judged | None:
    """Judge a clip; None for an emotion that the model's labels leave out.

    Raises `AudioError` for a clip that cannot be read.
    """
    truth = classifier.bundle.labels.index(clip.emotion)
    if truth is None:
        return None
    mean, _ = classifier.clip(audio.load(clip.path, classifier.bundle.features.rate))
    return Judged(clip, truth, mean.probabilities)


def scores_of(classifier: Classifier, judged: Sequence[Judged]) -> Scores:
    return score(
        classifier.labels,
        np.array([j.truth for j in judged], np.int64),
        np.stack([j.probabilities for j in judged]),
        classifier.calibration.uncertain_below,
    )


def scores_by_corpus(classifier: Classifier, judged: Sequence[Judged]) -> dict[str, Scores]:
    """Return the scores of each corpus that the manifest names."""
    corpora = sorted({j.clip.corpus for j in judged if j.clip.corpus})
    return {c: scores_of(classifier, [j for j in judged if j.clip.corpus == c]) for c in corpora}
