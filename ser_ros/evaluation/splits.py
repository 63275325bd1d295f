"""Splits: a model, and the clips of speakers that it was not trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ser_ros.corpora import Clip
from ser_ros.errors.config import BadValue, SpeakersInTraining

FOLD, CORPUS = "fold", "corpus"


@dataclass(frozen=True)
class Split:
    """A model, and the clips of speakers that it was not trained on."""

    name: str
    kind: str
    """`fold`: other speakers of the same corpora. `corpus`: a corpus that it has never heard."""
    bundle_path: Path
    held: list[Clip] = field(repr=False)
    validation: list[Clip] = field(default_factory=list, repr=False)
    """Clips of speakers that are neither trained on nor scored; the temperature is fitted on them.

    Where there are none, others held out give it; see `evaluation.sides`.
    """


def check_splits(splits: Sequence[Split]) -> None:
    """Hold that every clip is scored once by each kind of split, and that none calibrates itself.

    Raises `BadValue` or `SpeakersInTraining`.
    """
    if not splits:
        raise BadValue("The study's splits", 0, "at least one")
    owner: dict[tuple[str, Path], str] = {}
    for split in splits:
        if split.kind not in (FOLD, CORPUS):
            raise BadValue(f"The kind of the split '{split.name}'", split.kind, "fold or corpus")
        shared = {c.speaker for c in split.held} & {c.speaker for c in split.validation} - {""}
        if shared:
            raise SpeakersInTraining(split.bundle_path, sorted(shared))
        for clip in split.held:
            other = owner.setdefault((split.kind, clip.path), split.name)
            if other != split.name:
                where = f"The split of '{clip.path.name}'"
                raise BadValue(where, f"{other} and {split.name}", "one of them")


def learned_in_turn(told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every fold's model had learned other corpora before it learned the fold's own alone.

    `told` is what `measure` says of the splits.
    """
    folds = [split for split in told if split["kind"] == FOLD]
    several = any(split["kind"] == CORPUS for split in told)
    return (
        several
        and bool(folds)
        and all(
            split["learned_last"] == split["corpora"] and split["learned_before"] for split in folds
        )
    )
