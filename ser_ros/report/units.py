"""What is scored: windows, and utterances, the labelled stretches that they lie in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np

from ser_ros.corpora import Clip
from ser_ros.evaluation.clips import Heard
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.evaluation.tables import Opinions


class Unit(Protocol):
    """A window or an utterance."""

    @property
    def source(self) -> str: ...
    @property
    def truth(self) -> str: ...
    @property
    def speaker(self) -> str: ...
    @property
    def probabilities(self) -> tuple[float, ...]: ...


@dataclass(frozen=True)
class Utterance:
    """A labelled stretch of a source: a clip, or what a bag's ground truth names."""

    windows: tuple[Judged, ...]
    """In their order; at least one."""

    @property
    def source(self) -> str:
        return self.windows[0].source

    @property
    def truth(self) -> str:
        return self.windows[0].truth

    @property
    def speaker(self) -> str:
        return self.windows[0].speaker

    @property
    def probabilities(self) -> tuple[float, ...]:
        """The mean over the windows in which somebody speaks, as `Classifier.clip` takes it."""
        spoken = [w.probabilities for w in self.windows if any(w.probabilities)]
        if not spoken:
            return (0.0,) * len(self.windows[0].probabilities)
        return tuple(np.array(spoken, np.float64).mean(axis=0).tolist())


def windows_of(sources: Sequence[Source]) -> list[Judged]:
    """Return the windows whose truth is known."""
    return [window for source in sources for window in source.windows if window.truth]


def utterances_of(sources: Sequence[Source]) -> list[Utterance]:
    """Return the labelled stretches of all sources."""
    return utterances_in([window for source in sources for window in source.windows])


def utterances_in(windows: Sequence[Judged]) -> list[Utterance]:
    """Return the labelled stretches that windows, in their order, lie in.

    Where windows do not say which, those that follow one another with the same truth and speaker
    are one.
    """
    stretches = [tuple(inside) for _, inside in groupby(windows, _stretch)]
    return [Utterance(stretch) for stretch in stretches if stretch[0].truth]


def _stretch(window: Judged) -> tuple[str, str, str, int]:
    return (window.source, window.truth, window.speaker, window.utterance)


def voice_of(unit: Unit) -> str:
    """Return whose voice a unit counts as; a source that names nobody is a voice of its own.

    Its windows are not independent, and to draw them one by one would make an interval too narrow.
    """
    return unit.speaker or f"(whoever speaks in {unit.source})"


def clip_of(unit: Unit) -> Clip:
    """Return a unit as a clip; its corpus is what the name of its speaker begins with."""
    return Clip(Path(unit.source), unit.truth, unit.speaker, unit.speaker.rpartition("/")[0])


def opinions_of(units: Sequence[Unit], labels: tuple[str, ...], seed: int = 0) -> Opinions:
    """Return what was said of the units, as the figures of `evaluation` take it."""
    no_logits, no_ratios = np.zeros((0, len(labels)), np.float32), np.zeros(0, np.float32)
    heard = []
    for unit in units:
        clip = replace(clip_of(unit), speaker=voice_of(unit))
        heard.append(Heard(clip, labels.index(unit.truth), no_logits, no_ratios))
    probabilities = np.array([unit.probabilities for unit in units], np.float32)
    return Opinions(labels, heard, probabilities.reshape(len(units), len(labels)), seed)


def by_speaker(units: Sequence[Unit]) -> Iterator[tuple[str, list[int]]]:
    """Yield each speaker that is named, and the indices of what is theirs."""
    for speaker in sorted({unit.speaker for unit in units} - {""}):
        yield speaker, [i for i, unit in enumerate(units) if unit.speaker == speaker]
