"""Which clips are judged, what each of them is made of, and what the model heard in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ser_ros.corpora import Clip
from ser_ros.evaluation.metrics import Truth
from ser_ros.labels import LabelSet

NOT_SPEECH = -1
"""The truth of a recording in which nobody speaks."""


@dataclass(frozen=True)
class Item:
    """A clip to judge."""

    clip: Clip
    truth: int
    """The index of its emotion among the model's labels, or `NOT_SPEECH`."""
    parts: tuple[Path, ...] = ()
    """Recordings of the same voice and emotion that are heard one after the other, each without
    the silence at its ends; none: the clip's own recording as it is."""
    seconds: float | None = None
    """How much of it is heard, from its beginning; None: all."""


@dataclass(frozen=True)
class Heard:
    """What the network said of a clip, before temperature and threshold."""

    clip: Clip
    truth: int
    logits: npt.NDArray[np.float32]
    """Of the windows in which somebody speaks, shape (spoken, labels)."""
    ratios: npt.NDArray[np.float32]
    """Share of speech of every window, shape (windows,)."""


Of = TypeVar("Of", Item, Heard)


def items_of(clips: Sequence[Clip], labels: LabelSet) -> list[Item]:
    """Return the clips whose emotion the model tells apart."""
    found = [(clip, labels.index(clip.emotion)) for clip in clips]
    return [Item(clip, truth) for clip, truth in found if truth is not None]


def subset(items: Sequence[Of], limit: int, seed: int) -> list[Of]:
    """Return at most `limit` items of each corpus, in their order.

    Speakers and emotions stay as evenly present as they can: each (speaker, emotion) gives one
    item in turn, in an order that the seed draws.
    """
    random = np.random.default_rng(seed)
    rank = random.permutation(len(items))
    by_corpus: dict[str, dict[tuple[str, int], list[int]]] = defaultdict(lambda: defaultdict(list))
    for i in np.argsort(rank):
        clip = items[i].clip
        by_corpus[clip.corpus][clip.speaker, items[i].truth].append(int(i))
    kept: list[int] = []
    for cells in by_corpus.values():
        # The k-th of every cell comes before the k+1-th of any.
        turns = sorted((k, rank[i], i) for cell in cells.values() for k, i in enumerate(cell))
        kept += [i for _, _, i in turns[:limit]]
    return [items[i] for i in sorted(kept)]


def truth_of(heard: Sequence[Of]) -> Truth:
    return np.array([h.truth for h in heard], np.int64)


def speakers_of(heard: Sequence[Of]) -> list[str]:
    return [h.clip.speaker for h in heard]


def corpora_of(heard: Sequence[Of]) -> list[str]:
    return [h.clip.corpus for h in heard]


def groups_of(heard: Sequence[Of], column: str) -> dict[str, list[int]]:
    """Return the indices of the clips by a column of the manifest (`language`, `gender`, ...)."""
    found: dict[str, list[int]] = defaultdict(list)
    for i, h in enumerate(heard):
        name = str(getattr(h.clip, column))
        if name:
            found[name].append(i)
    return dict(sorted(found.items()))
