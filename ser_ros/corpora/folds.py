"""Folds: parts of a corpus that share no speaker, for figures about voices never heard before."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ser_ros.corpora.clips import Clip
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra


def assign_folds(clips: Sequence[Clip], folds: int = 5) -> list[Clip]:
    """Give each clip the fold of its speaker; the same clips always get the same folds.

    Every fold has about as many clips of each emotion, gender and corpus as the others. With fewer
    speakers than folds there are as many folds as speakers. A clip whose speaker nobody told has no
    fold, and neither has the only speaker: no part of them could stand for unseen voices.

    Raises `MissingExtra` or `BadValue`.
    """
    if folds < 2:
        raise BadValue("folds", folds, "at least 2: one to hold out, one to train on")
    told = [index for index, clip in enumerate(clips) if clip.speaker]
    speakers = sorted({clips[index].speaker for index in told})
    of_clip: dict[int, int] = {}
    if len(speakers) > 1:
        found = _split([clips[index] for index in told], min(folds, len(speakers)))
        of_clip = dict(zip(told, found, strict=True))
    return [replace(clip, fold=of_clip.get(index)) for index, clip in enumerate(clips)]


def complete_folds(clips: Sequence[Clip]) -> list[Clip]:
    """Give a fold to those that have none, and leave the others where they are.

    A speaker who has one keeps it; each further speaker, those with most clips first, goes where
    fewest clips of that corpus are, and of these where fewest are at all. A clip whose speaker
    nobody told has no fold. Where nobody has one, five are made. Raises `BadValue` for a speaker in
    two folds, or `MissingExtra`.
    """
    of_speaker: dict[str, int] = {}
    for clip in clips:
        if clip.fold is None or not clip.speaker:
            continue
        if of_speaker.setdefault(clip.speaker, clip.fold) != clip.fold:
            found = f"{of_speaker[clip.speaker]} and {clip.fold}"
            expected = "one for all clips of a speaker, or new ones (--folds)"
            raise BadValue(f"The fold of '{clip.speaker}'", found, expected)
    if not of_speaker:
        return assign_folds(clips)
    further: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.speaker and clip.speaker not in of_speaker:
            further.setdefault(clip.speaker, []).append(clip)
    folds = sorted(set(of_speaker.values()))
    sizes = Counter(of_speaker[c.speaker] for c in clips if c.speaker in of_speaker)
    own = Counter((c.corpus, of_speaker[c.speaker]) for c in clips if c.speaker in of_speaker)
    for speaker in sorted(further, key=lambda name: (-len(further[name]), name)):
        corpus, count = further[speaker][0].corpus, len(further[speaker])
        fold = min(folds, key=lambda fold: (own[corpus, fold], sizes[fold], fold))
        of_speaker[speaker] = fold
        own[corpus, fold] += count
        sizes[fold] += count
    return [replace(clip, fold=of_speaker.get(clip.speaker)) for clip in clips]


def _split(clips: Sequence[Clip], folds: int) -> list[int]:
    try:
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold
    except ImportError as error:
        raise MissingExtra(error.name or "sklearn", "train") from error
    speakers = np.array([clip.speaker for clip in clips])
    strata = np.array([f"{clip.corpus} {clip.gender} {clip.emotion}" for clip in clips])
    try:
        with warnings.catch_warnings():
            # A stratum of few clips cannot be in every fold; that is no one's fault.
            warnings.simplefilter("ignore", UserWarning)
            parts = list(StratifiedGroupKFold(folds).split(strata, strata, speakers))
    except ValueError:  # every stratum is smaller than the number of folds
        parts = []
    if not parts or not all(len(part) for _, part in parts):
        parts = list(GroupKFold(folds).split(strata, strata, speakers))
    fold_of = np.zeros(len(clips), int)
    for fold, (_, part) in enumerate(parts):
        fold_of[part] = fold
    return [int(fold) for fold in fold_of]
