"""Who is trained on, who chooses the epoch, and whose voice is kept for the figures."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ser_ros.corpora import Clip, held_out
from ser_ros.corpora.folds import assign_folds
from ser_ros.errors.config import BadValue
from ser_ros.errors.training import NoVoiceToHold
from ser_ros.training.config import RANDOM, TrainConfig

_log = logging.getLogger(__name__)

_FIFTH = 5
"""A random split holds out one clip of so many of each emotion."""


@dataclass(frozen=True)
class Parts:
    """Three parts of the clips; of the last two, either may be empty."""

    training: list[Clip]
    validation: list[Clip]
    held: list[Clip]
    described: str
    """What figures from `held` are figures of."""

    @property
    def calibrating(self) -> list[Clip]:
        """The clips that are calibrated on: those that no figure is of, where there are some."""
        return self.validation or self.held


def split(config: TrainConfig, clips: Sequence[Clip]) -> Parts:
    """Part the clips of the chosen corpora as the configuration says.

    No speaker is in two parts unless a random split was asked for. Raises `BadValue` or
    `NoVoiceToHold`.
    """
    clips = chosen(config, clips)
    if config.split == RANDOM:
        if config.held_out_corpus:
            expected = "empty with a random split, which draws from all corpora"
            raise BadValue("held_out_corpus", config.held_out_corpus, expected)
        return _random(config, clips)
    held: list[Clip] = []
    rest, described = list(clips), "no clip held out: there are no figures"
    if config.held_out_corpus:
        rest = [clip for clip in clips if clip.corpus != config.held_out_corpus]
        held = [clip for clip in clips if clip.corpus == config.held_out_corpus]
        if not held or not rest:
            named = ", ".join(sorted({clip.corpus for clip in clips} - {""})) or "none"
            expected = f"one of several corpora that the manifest names ({named})"
            raise BadValue("held_out_corpus", config.held_out_corpus, expected)
        described = f"unseen corpus, {config.held_out_corpus} held out"
    elif config.held_out_fold is not None:
        rest, held = _without(config, _folded(config, rest), "held_out_fold", config.held_out_fold)
        described = f"unseen speakers, fold {config.held_out_fold} held out"
    validation: list[Clip] = []
    if config.validation_fold is not None:
        folded = _folded(config, rest)
        rest, validation = _without(config, folded, "validation_fold", config.validation_fold)
    return Parts(rest, validation, held, described)


def chosen(config: TrainConfig, clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips of the corpora that the configuration names; of all where it names none."""
    return [clip for clip in clips if not config.corpora or clip.corpus in config.corpora]


def _folded(config: TrainConfig, clips: list[Clip]) -> list[Clip]:
    """Make folds of the speakers where the manifest has none at all.

    Raises `NoVoiceToHold` where nobody told who speaks: a fold keeps no voice apart then.
    """
    untold = sum(not clip.speaker for clip in clips)
    if untold:
        why = f"does not say who speaks in {untold} of {len(clips)} recordings"
        raise NoVoiceToHold(config.manifest, why)
    if any(clip.fold is not None for clip in clips):
        return clips
    found = assign_folds(clips)
    speakers = {clip.fold: set[str]() for clip in found}
    for clip in found:
        speakers[clip.fold].add(clip.speaker)
    if len(speakers) < 2:
        raise NoVoiceToHold(config.manifest, f"knows one speaker only, '{clips[0].speaker}'")
    told = "; ".join(
        f"{fold}: {', '.join(sorted(speakers[fold])[:6])}{' ...' * (len(speakers[fold]) > 6)}"
        for fold in sorted(speakers, key=lambda fold: fold or 0)
    )
    _log.info("The manifest has no folds; made of its speakers: %s.", told)
    return found


def _without(
    config: TrainConfig, clips: list[Clip], key: str, fold: int
) -> tuple[list[Clip], list[Clip]]:
    known = sorted({clip.fold for clip in clips if clip.fold is not None})
    if fold not in known or len(known) < 2:
        told = ", ".join(str(number) for number in known)
        raise BadValue(key, fold, f"one of several folds of '{config.manifest}' (it has {told})")
    return held_out(clips, fold)


def _random(config: TrainConfig, clips: Sequence[Clip]) -> Parts:
    """Draw a fifth of each emotion, whoever speaks; a further fifth if there is validation."""
    random = np.random.default_rng(config.seed)
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for emotion in sorted({clip.emotion for clip in clips}):
        own = random.permutation([i for i, clip in enumerate(clips) if clip.emotion == emotion])
        share = max(1, round(len(own) / _FIFTH)) if len(own) > 1 else 0
        held = share if config.held_out_fold is not None else 0
        chosen = held + (share if config.validation_fold is not None else 0)
        for part, drawn in zip(parts, (own[chosen:], own[held:chosen], own[:held]), strict=True):
            part += [int(i) for i in drawn]
    training, validation, kept = ([clips[i] for i in sorted(part)] for part in parts)
    described = "no clip held out: there are no figures"
    if kept:
        described = "random split, a fifth of the clips held out: voices that were trained on"
    return Parts(training, validation, kept, described)
