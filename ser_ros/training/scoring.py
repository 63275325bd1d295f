"""What a bundle says of clips once it is trained: its calibration and its figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Bundle, Calibration
from ser_ros.classifier import Classifier
from ser_ros.corpora import Clip
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


def calibrate(
    bundle: Bundle, held: Sequence[Clip]
) -> tuple[Calibration, dict[str, dict[str, Any]]]:
    """Return temperature, threshold and figures, all from the held-out speakers.

    The figures of each speaker are made with a temperature fitted on all the other held-out
    speakers, so that no voice is judged with a temperature that it helped to choose.
    """
    heard = _listen(bundle, held)
    logits, truth, corpora = [h.logits for h in heard], truth_of(heard), corpora_of(heard)
    even = even_weights(corpora)
    temperature = fit_temperature(logits, truth, even)
    temperatures = cross_fitted(logits, truth, speakers_of(heard), corpora)
    found = calibrated(logits, temperatures)
    uncertain_below = choose_threshold(found.max(axis=1), weight=even)
    calibration = kept(temperature, uncertain_below)
    labels, threshold = bundle.labels.labels, calibration.uncertain_below
    metrics = {"all": score(labels, truth, found, threshold).to_dict()}
    for corpus in sorted(set(corpora) - {""}):
        inside = np.array([name == corpus for name in corpora])
        metrics[corpus] = score(labels, truth[inside], found[inside], threshold).to_dict()
    return calibration, metrics


def neutral_logits(bundle: Bundle, clips: Sequence[Clip], seed: int) -> tuple[float, ...] | None:
    """Return what the network says of neutral speech, every speaker alike.

    None where no clip is neutral, or none is heard.
    """
    neutral = [clip for clip in clips if bundle.labels.name(clip.emotion) == NEUTRAL]
    drawn = np.random.default_rng(seed).permutation(len(neutral))[:_NEUTRAL_CLIPS]
    by_speaker: dict[str, list[npt.NDArray[np.float32]]] = {}
    for heard in _listen(bundle, [neutral[i] for i in drawn]):
        if len(heard.logits):
            by_speaker.setdefault(heard.clip.speaker, []).append(heard.logits)
    if not by_speaker:
        return None
    means = [np.concatenate(logits).mean(axis=0) for logits in by_speaker.values()]
    return tuple(round(float(value), 4) for value in np.mean(means, axis=0))


def _listen(bundle: Bundle, clips: Sequence[Clip]) -> list[Heard]:
    """Hear clips as the node does."""
    classifier = Classifier(bundle, runtime="onnxruntime", threads=os.cpu_count() or 1)
    rate = bundle.features.rate
    return [hear(classifier, load(item, rate), item) for item in items_of(clips, bundle.labels)]
