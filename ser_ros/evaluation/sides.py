"""A split at work: its model, what that heard, and the temperature of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Bundle
from ser_ros.evaluation.calibration import cross_fitted, even_weights, fit_temperature
from ser_ros.evaluation.clips import Heard, Item, corpora_of, speakers_of, truth_of
from ser_ros.evaluation.seen import fitted_on
from ser_ros.evaluation.splits import FOLD, Split


@dataclass
class Side:
    """A split at work."""

    split: Split
    bundle: Bundle
    items: list[Item]
    heard: list[Heard]
    validation: list[Heard]
    temperatures: npt.NDArray[np.float64]
    """Of each clip that was heard, shape (clips,)."""
    temperature: float
    """For recordings that are nobody's."""

    def of(self, heard: Sequence[Heard]) -> npt.NDArray[np.float64]:
        """Return the temperature of each of some clips: that of its speaker."""
        known = dict(zip(speakers_of(self.heard), self.temperatures.tolist(), strict=True))
        return np.array([known[s] for s in speakers_of(heard)])


def set_temperature(side: Side, alike: Sequence[Side]) -> None:
    """Give a side a temperature to which none of its own held-out voices contributed.

    It is fitted on the validation speakers where there are some; else it is the geometric mean of
    those that fit the models of the other folds (of the same corpora) or of the other corpora left
    out, each on what that model has not heard. A split that is alone gets what its model brings;
    where that was fitted on these voices a fold is cross-fitted by speakers, and a corpus gets 1.
    """
    split, heard = side.split, side.heard
    others = _others(side, alike)
    if side.validation:
        side.temperature = _fit(side.validation)
    elif others:
        side.temperature = float(np.exp(np.mean([np.log(_fit(s.heard)) for s in others])))
    elif brings_calibration(side, alike):
        side.temperature = side.bundle.calibration.temperature
    elif split.kind == FOLD:
        truth = truth_of(heard)
        logits = [h.logits for h in heard]
        side.temperature = _fit(heard)
        side.temperatures = cross_fitted(logits, truth, speakers_of(heard), corpora_of(heard))
        return
    side.temperatures = np.full(len(heard), side.temperature)


def brings_calibration(side: Side, alike: Sequence[Side]) -> bool:
    """Whether a side is measured with the temperature and threshold of its bundle, as it ships."""
    return not (side.validation or _others(side, alike) or _fitted_on(side))


def strangers_to(side: Side, alike: Sequence[Side]) -> list[Heard] | None:
    """Return clips of voices that their model has not heard, for the population of a side's voices.

    They are those that give its temperature: validation voices, or other sides. A split that is
    alone has None, for what its model brings; where that is of itself a fold has its own clips, and
    a corpus nothing.
    """
    if side.validation:
        return side.validation
    others = _others(side, alike)
    if others:
        return [h for other in others for h in other.heard]
    if brings_calibration(side, alike):
        return None
    return side.heard if side.split.kind == FOLD else []


def _others(side: Side, alike: Sequence[Side]) -> list[Side]:
    """Return the other folds of the same corpora, or the other corpora left out."""
    others = [s for s in alike if s is not side]
    if side.split.kind == FOLD:
        others = [s for s in others if set(corpora_of(s.heard)) & set(corpora_of(side.heard))]
    return others


def _fitted_on(side: Side) -> bool:
    """Whether the temperature in the bundle was fitted on clips that are scored here."""
    speakers = fitted_on(side.bundle, [h.clip for h in side.heard])
    corpus = side.bundle.training.get("settings", {}).get("held_out_corpus")
    return bool(speakers) or (bool(corpus) and corpus in corpora_of(side.heard))


def _fit(heard: Sequence[Heard]) -> float:
    weight = even_weights(corpora_of(heard))
    return fit_temperature([h.logits for h in heard], truth_of(heard), weight)
