"""Clips with their probabilities, and the tables that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros.evaluation import bootstrap
from ser_ros.evaluation.bootstrap import Figure, Interval, Weights
from ser_ros.evaluation.calibration import COVERAGE, even_weights
from ser_ros.evaluation.clips import Heard, corpora_of, groups_of, speakers_of, truth_of
from ser_ros.evaluation.metrics import UNHEARD, Truth, guesses, score

GROUPS = ("corpus", "language", "gender")


@dataclass(frozen=True)
class Opinions:
    """What one or several models say of clips, each clip once."""

    labels: tuple[str, ...]
    heard: Sequence[Heard]
    probabilities: npt.NDArray[np.float32]
    """Shape (clips, labels); a row of zeros where nobody was heard."""
    seed: int = 0

    @cached_property
    def truth(self) -> Truth:
        return truth_of(self.heard)

    @cached_property
    def guess(self) -> npt.NDArray[np.int64]:
        return guesses(self.probabilities)

    @cached_property
    def correct(self) -> npt.NDArray[np.bool_]:
        return self.guess == self.truth

    @cached_property
    def confidence(self) -> npt.NDArray[np.float64]:
        return self.probabilities.max(axis=1).astype(np.float64)

    @cached_property
    def corpora(self) -> list[str]:
        return corpora_of(self.heard)

    def take(self, indices: Sequence[int]) -> Opinions:
        heard = [self.heard[i] for i in indices]
        return Opinions(self.labels, heard, self.probabilities[list(indices)], self.seed)

    def interval(self, figure: Figure) -> Interval:
        return bootstrap.interval(figure, speakers_of(self.heard), self.corpora, self.seed)

    # ── figures over these clips ──

    @property
    def uar(self) -> Figure:
        return bootstrap.uar(self.truth, self.guess)

    @property
    def uar_of_corpora(self) -> Figure:
        """The mean of the corpora's UARs: a large corpus weighs no more than a small one."""
        return bootstrap.within(
            lambda inside: bootstrap.uar(self.truth[inside], self.guess[inside]), self.corpora
        )

    @property
    def ece(self) -> Figure:
        return bootstrap.ece(self.truth, self.guess, self.confidence)

    @property
    def ece_of_corpora(self) -> Figure:
        """The mean of the corpora's ECEs.

        To be too sure of one corpus does not make up for being too shy of another.
        """
        return bootstrap.within(
            lambda inside: bootstrap.ece(
                self.truth[inside], self.guess[inside], self.confidence[inside]
            ),
            self.corpora,
        )

    def accuracy_gained(self, coverage: float = COVERAGE) -> Figure:
        """What the accuracy gains when only the surest clips are answered; corpora weigh evenly."""
        order = np.argsort(-self.confidence, kind="stable")
        even, correct = even_weights(self.corpora)[order], self.correct[order].astype(np.float64)

        def figure(weights: Weights) -> npt.NDArray[np.float64]:
            ordered = weights[:, order] * even
            answered = np.cumsum(ordered, axis=1)
            right = np.cumsum(ordered * correct, axis=1)
            reached = np.argmax(answered >= coverage * answered[:, -1:] - 1e-9, axis=1)[:, None]
            sure = np.take_along_axis(right, reached, 1) / np.take_along_axis(answered, reached, 1)
            return (sure - right[:, -1:] / answered[:, -1:])[:, 0]

        return figure


def summary(opinions: Opinions, uncertain_below: float) -> dict[str, Any]:
    """Return the scores, the number of speakers, and the intervals of UAR, accuracy and ECE."""
    scores = score(opinions.labels, opinions.truth, opinions.probabilities, uncertain_below)
    figures = {"uar": opinions.uar, "accuracy": bootstrap.mean(opinions.correct)}
    if scores.ece is not None:
        figures["ece"] = opinions.ece
    intervals = {name: opinions.interval(figure).to_dict() for name, figure in figures.items()}
    speakers = {h.clip.speaker for h in opinions.heard} - {""}
    return scores.to_dict() | {"speakers": len(speakers), "intervals": intervals}


def summaries(opinions: Opinions, column: str, uncertain_below: float) -> dict[str, Any]:
    """Return a summary for each value of a column of the manifest that names one."""
    return {
        name: summary(opinions.take(inside), uncertain_below)
        for name, inside in groups_of(opinions.heard, column).items()
    }


def lost_in(clean: Opinions, found: Opinions) -> dict[str, Any]:
    """Return the mean UAR of the corpora, what it lost, and the clips in which nobody was heard."""
    return {
        "uar": found.interval(found.uar_of_corpora).to_dict(),
        "lost": clean.interval(
            bootstrap.difference(clean.uar_of_corpora, found.uar_of_corpora)
        ).to_dict(),
        "no_speech": int(np.count_nonzero(found.guess == UNHEARD)),
        "n": len(found.heard),
    }


def gained_in(none: Opinions, found: Opinions) -> dict[str, Any]:
    """Return the mean UAR of the corpora, and what it gained."""
    lost = lost_in(none, found)
    gained = found.interval(bootstrap.difference(found.uar_of_corpora, none.uar_of_corpora))
    return {"uar": lost["uar"], "gained": gained.to_dict(), "n": lost["n"]}
