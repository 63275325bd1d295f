"""Who and what was in the training? Figures of voices that a model knows are none of others.

It is read from what the manifest of a bundle tells of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip

NO_NOISES = "none"
"""What the manifest tells where no noises were heard."""

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
    """Compare the speakers of clips with those that the bundle was trained on.

    A manifest names these (`speakers`), or those of its corpora that it was not trained on
    (`held_out_speakers`); of a corpus that it does not name it has heard nobody.
    """
    training = bundle.training
    speakers = {clip.speaker for clip in clips if clip.speaker}
    nameless = any(not clip.speaker for clip in clips)
    if not training:
        return Acquaintance([], True)
    held = training.get("held_out_speakers")
    fitted = bool(speakers & {*calibrated_on(bundle)})
    if isinstance(training.get("speakers"), list):
        chose_the_epoch = training.get("validation_speakers", [])
        known = {*training["speakers"], *chose_the_epoch}
        return Acquaintance(sorted(speakers & known), nameless, fitted)
    corpora = training.get("corpora")
    if not isinstance(corpora, Mapping | list) or not isinstance(held, list):
        return Acquaintance([], True)
    of_corpora = {clip.speaker for clip in clips if clip.corpus in corpora} - {""}
    settings = training.get("settings")
    if isinstance(settings, Mapping) and settings.get("split") == "random":
        held = []  # other clips of these speakers were trained on
    return Acquaintance(sorted(of_corpora - set(held)), nameless, fitted)


def calibrated_on(bundle: Bundle) -> list[str]:
    """Return the speakers that gave the bundle its temperature, as far as that is told."""
    told = bundle.training.get("calibrated_on", bundle.training.get("held_out_speakers"))
    return told if isinstance(told, list) else []


def noises_of(bundle: Bundle) -> list[str]:
    """Return the folders of noises that the bundle was trained with, each with its licence."""
    told = str(bundle.training.get("noises", NO_NOISES)).split(", ")
    return [name for name in told if name not in ("", NO_NOISES)]


def knows_noises(bundle: Bundle, folder: Path) -> bool:
    """Whether a folder's noises were trained with, all but those that are kept for figures."""
    return folder.resolve().name in {name.partition(" (")[0] for name in noises_of(bundle)}
