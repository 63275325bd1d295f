"""Who and what was in the training? Figures of voices that a model knows are none of others.

It is read from what the manifest of a bundle tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip
from ser_ros.errors.config import NobodyTold, SpeakersInTraining

UNNAMED = "unnamed"
"""What a manifest calls the clips of no corpus."""

_SHOWN = 6
"""Speakers that a sentence names."""


@dataclass(frozen=True)
class Acquaintance:
    """Which of the scored speakers the manifest of a bundle places in its training."""

    seen: list[str]
    untold: bool
    """The manifest does not say who was in the training, or some clips do not say who speaks."""
    fitted: bool = False
    """The temperature of the bundle was fitted on some of them."""

    @property
    def sentence(self) -> str:
        """What a reader of the figures must know; empty where every voice is new."""
        if self.seen:
            names = ", ".join(self.seen[:_SHOWN])
            more = len(self.seen) - _SHOWN
            return (
                "These speakers were in the training: not figures for unseen speakers: "
                f"{names}{f' and {more} more' if more > 0 else ''}."
            )
        if self.untold:
            return "It is not told who was in the training: maybe not figures for unseen speakers."
        if self.fitted:
            return (
                "The model's temperature was fitted on some of these speakers, so its ECE is "
                "flattered; `evaluate --results` measures it without them."
            )
        return ""


def acquaintance(bundle: Bundle, clips: Sequence[Clip]) -> Acquaintance:
    """Compare the speakers of clips with those that the bundle was trained on."""
    nameless = any(not clip.speaker for clip in clips)
    learned = trained_on(bundle, clips)
    if learned is None:
        return Acquaintance([], True)
    seen = learned | {clip.speaker for clip in clips} & {*chose_the_epoch(bundle)} - {""}
    return Acquaintance(sorted(seen), nameless, bool(fitted_on(bundle, clips)))


def strangers(bundle: Bundle, clips: Sequence[Clip]) -> Acquaintance:
    """Compare them likewise, for figures of strangers alone.

    Raises `SpeakersInTraining` where the bundle learned one of them, and `NobodyTold` for clips
    without a speaker of a corpus that it learned.
    """
    found, name = acquaintance(bundle, clips), bundle.folder or bundle.name
    if found.seen:
        raise SpeakersInTraining(name, found.seen)
    learned = {*(bundle.training.get("corpora") or ())}
    nameless = {clip.corpus or UNNAMED for clip in clips if not clip.speaker} & learned
    if nameless:
        raise NobodyTold(name, nameless)
    return found


def trained_on(bundle: Bundle, clips: Sequence[Clip]) -> set[str] | None:
    """Return the speakers of clips whom the bundle learned; None where its manifest does not tell.

    A manifest names these (`speakers`), or those of its corpora that it was not trained on
    (`held_out_speakers`); of a corpus that it does not name it has heard nobody. Of a corpus of
    which it learned clips without a speaker, it does not tell.
    """
    known = _named(bundle, clips)
    if not known and nameless_in(bundle) & {clip.corpus or UNNAMED for clip in clips}:
        return None
    return known


def _named(bundle: Bundle, clips: Sequence[Clip]) -> set[str] | None:
    training = bundle.training
    if isinstance(training.get("speakers"), list):
        return {clip.speaker for clip in clips} & {*training["speakers"]} - {""}
    corpora, held = training.get("corpora"), training.get("held_out_speakers")
    if not isinstance(corpora, Mapping | list) or not isinstance(held, list):
        return None
    settings = training.get("settings")
    if isinstance(settings, Mapping) and settings.get("split") == "random":
        held = []  # other clips of these speakers were trained on
    return {clip.speaker for clip in clips if clip.corpus in corpora} - {"", *held}


def nameless_in(bundle: Bundle) -> set[str]:
    """Return the corpora of which the bundle learned clips without a speaker."""
    told = bundle.training.get("nameless_in")
    return {*told} if isinstance(told, list) else set()


def chose_the_epoch(bundle: Bundle) -> list[str]:
    """Return the speakers that chose the bundle's epoch, or that of one it began with."""
    told = bundle.training.get("validation_speakers")
    return told if isinstance(told, list) else []


def calibrated_on(bundle: Bundle) -> list[str]:
    """Return who gave the bundle its temperature and its population, as far as that is told."""
    told = bundle.training.get("calibrated_on", bundle.training.get("held_out_speakers"))
    return told if isinstance(told, list) else []


def fitted_on(bundle: Bundle, clips: Iterable[Clip]) -> set[str]:
    """Return the speakers of clips who gave the bundle its temperature and its population."""
    return {clip.speaker for clip in clips} & {*calibrated_on(bundle)} - {""}


def noises_of(bundle: Bundle) -> list[str]:
    """Return the folders of noises that the bundle was trained with, each with its licence."""
    told = bundle.training.get("noises") or []
    if isinstance(told, str):  # as manifests told it first
        told = [name for name in told.split(", ") if name != "none"]
    return [str(name) for name in told] if isinstance(told, list) else []


def knows_noises(bundle: Bundle, folder: Path) -> bool:
    """Whether a folder's noises were trained with, all but those that are kept for figures."""
    name = folder.resolve().name
    return any(told == name or told.startswith(f"{name} (") for told in noises_of(bundle))
