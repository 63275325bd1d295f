"""What a bundle says of clips once it is trained: its calibration and its figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Bundle, Calibration
from ser_ros.classifier import Classifier
from ser_ros.corpora import Clip
from ser_ros.evaluation.baseline import population
from ser_ros.evaluation.calibration import (
    calibrated,
    choose_threshold,
    cross_fitted,
    even_weights,
    fit_temperature,
    kept,
)
from ser_ros.evaluation.clips import Heard, corpora_of, items_of, speakers_of, truth_of
from ser_ros.evaluation.judging import hear, load
from ser_ros.evaluation.metrics import score
from ser_ros.labels import NEUTRAL

_NEUTRAL_CLIPS = 300
"""Clips of neutral speech that tell what the population sounds like."""


def calibrate(heard: Sequence[Heard]) -> Calibration:
    """Return the temperature of speakers that the network did not learn, and their threshold.

    The threshold is chosen under temperatures that no speaker helped to fit for itself, where there
    are several.
    """
    even = even_weights(corpora_of(heard))
    temperature = fit_temperature([h.logits for h in heard], truth_of(heard), even)
    alone = len(set(speakers_of(heard))) < 2
    found = _probabilities(heard, temperature if alone else None)
    return kept(temperature, choose_threshold(found.max(axis=1), weight=even))


def figures(
    bundle: Bundle, held: Sequence[Heard], temperature: float | None
) -> dict[str, dict[str, Any]]:
    """Return the figures of the held-out speakers: of all, and by corpus.

    Without a `temperature`, which others gave, each speaker's figures are made with one that is
    fitted on all the other held-out speakers: no voice is judged with one that it helped to choose.
    """
    truth, corpora = truth_of(held), corpora_of(held)
    found = _probabilities(held, temperature)
    labels, threshold = bundle.labels.labels, bundle.calibration.uncertain_below
    metrics = {"all": score(labels, truth, found, threshold).to_dict()}
    for corpus in sorted(set(corpora) - {""}):
        inside = np.array([name == corpus for name in corpora])
        metrics[corpus] = score(labels, truth[inside], found[inside], threshold).to_dict()
    return metrics


def _probabilities(heard: Sequence[Heard], temperature: float | None) -> npt.NDArray[np.float32]:
    logits = [h.logits for h in heard]
    if temperature is None:
        found = cross_fitted(logits, truth_of(heard), speakers_of(heard), corpora_of(heard))
    else:
        found = np.full(len(heard), temperature)
    return calibrated(logits, found)


def neutral_logits(
    classifier: Classifier, heard: Sequence[Heard], clips: Sequence[Clip], seed: int
) -> tuple[float, ...] | None:
    """Return what the network says of neutral speech; None where there is none.

    It is that of voices that it did not learn, where some were `heard`: of its own, of `clips`, a
    network is surer than of anybody whom it will meet.
    """
    labels = classifier.bundle.labels
    found = population(heard, labels.index(NEUTRAL))
    if found is not None:
        return found
    neutral = [clip for clip in clips if labels.name(clip.emotion) == NEUTRAL]
    drawn = np.random.default_rng(seed).permutation(len(neutral))[:_NEUTRAL_CLIPS]
    own = listen(classifier, [neutral[i] for i in drawn])
    return population(own, labels.index(NEUTRAL))


def listen(classifier: Classifier, clips: Sequence[Clip]) -> list[Heard]:
    """Hear clips as the node does."""
    rate, labels = classifier.bundle.features.rate, classifier.bundle.labels
    return [hear(classifier, load(item, rate), item) for item in items_of(clips, labels)]
