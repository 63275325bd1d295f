"""Calibration: the temperature that makes probabilities worth their word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar

from ser_ros.classifier import softmax

_RANGE = (0.2, 5.0)


def mean_probabilities(
    logits: list[npt.NDArray[np.float32]], temperature: float
) -> npt.NDArray[np.float32]:
    """Return the mean over a clip's windows, shape (clips, labels), from (windows, labels) each."""
    return np.stack(
        [np.mean([softmax(w, temperature) for w in clip], axis=0) for clip in logits]
    ).astype(np.float32)


def fit_temperature(
    logits: list[npt.NDArray[np.float32]],
    truth: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float64],
) -> float:
    """Return the temperature under which the truth of the clips is likeliest.

    `weight` (clips,) lets a small corpus speak as loudly as a large one.
    """

    def loss(log_temperature: float) -> float:
        found = mean_probabilities(logits, float(np.exp(log_temperature)))
        likelihood = found[np.arange(len(truth)), truth]
        return float(-np.average(np.log(likelihood + 1e-9), weights=weight))

    low, high = np.log(_RANGE)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))
