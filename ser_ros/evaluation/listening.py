"""How long must one listen? The first seconds of the same voice, in one mood.

The clips of a corpus are shorter than 10 s, so that clips of the same speaker and emotion are heard
one after the other, without the silence at their ends: as a person who goes on speaking.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ser_ros import audio
from ser_ros.errors.audio import AudioError
from ser_ros.evaluation.clips import Item
from ser_ros.evaluation.conditions import without_ends

LENGTHS_S = (1.0, 2.5, 5.0, 10.0)
"""1 s is heard as the beginning of a window, with silence after it."""


def voices(
    items: Sequence[Item], seed: int, seconds: float = LENGTHS_S[-1], limit: int = 0
) -> list[Item]:
    """Return voices of at least `seconds`, each made of clips that no other has.

    In an order drawn by the seed; where a `limit` is given, at most so many of each speaker and
    emotion. Clips that are left over, or cannot be read, are left out.
    """
    random = np.random.default_rng(seed)
    by_voice: dict[tuple[str, str, int], list[Item]] = defaultdict(list)
    for item in items:
        if item.clip.speaker:
            by_voice[item.clip.corpus, item.clip.speaker, item.truth].append(item)
    found = []
    for key in sorted(by_voice):
        own = by_voice[key]
        made: list[Item] = []
        parts: list[Item] = []
        length = 0.0
        for index in random.permutation(len(own)):
            if limit and len(made) == limit:
                break
            heard_s = _length_s(own[index])
            if not heard_s:
                continue
            parts.append(own[index])
            length += heard_s
            if length >= seconds:
                made.append(replace(parts[0], parts=tuple(p.clip.path for p in parts)))
                parts, length = [], 0.0
        found += made
    return found


def first(items: Sequence[Item], seconds: float) -> list[Item]:
    """Return the first seconds of each voice."""
    return [replace(item, seconds=seconds) for item in items]


def _length_s(item: Item) -> float:
    """Return how long a clip is without the silence at its ends; 0 where it cannot be read."""
    try:
        return len(without_ends(audio.load(item.clip.path))) / audio.NETWORK_RATE
    except AudioError:
        return 0.0
