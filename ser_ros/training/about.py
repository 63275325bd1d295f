"""What the manifest of a trained bundle tells: whose voices it heard, which sounds, whose terms."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ser_ros import __version__
from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip
from ser_ros.corpora.clips import LICENCES
from ser_ros.evaluation.seen import UNNAMED, chose_the_epoch, nameless_in, noises_of
from ser_ros.training.config import RANDOM, TrainConfig
from ser_ros.training.split import Parts
from ser_ros.training.start import tells_whom_it_heard


def about(
    config: TrainConfig,
    parts: Parts,
    began: Bundle | None,
    began_with: str,
    metrics: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return what a bundle tells of itself: its terms, its training, and its figures if any.

    `began` is the model begun with, `began_with` what `Beginning` tells, `metrics` the figures of
    the clips held out, of all and by corpus.
    """
    used = [clip for clip in parts.training if config.learned.index(clip.emotion) is not None]
    corpora: dict[str, dict[str, Any]] = {
        name or UNNAMED: {
            "clips": sum(clip.corpus == name for clip in used),
            "speakers": len({clip.speaker for clip in used if clip.corpus == name} - {""}),
            "licence": _licence_of([clip for clip in used if clip.corpus == name]),
        }
        for name in sorted({clip.corpus for clip in used})
    }
    licences = {entry["licence"] for entry in corpora.values()}
    if began is not None:  # what it learned under which terms stays in the weights
        licences.add(str(began.about.get("licence", "not known here")))
    elif not tells_whom_it_heard(config, began):
        licences.add("not known here")
    told: dict[str, Any] = {
        "description": config.description,
        "licence": licence_of_weights(licences),
        "training": {
            "corpora": corpora,
            "noises": noises_told(config, began),
            **_voices(_speakers(used), parts, config, began),
            "nameless_in": _nameless(used, began),
            "began_with": began_with,
            "validation_speakers": _choosers(parts, began),
            "calibrated_on": _speakers(_known(config, parts.calibrating)),
            "settings": config.deciding(),
            "ser_ros": __version__,
        },
    }
    if metrics:
        told["metrics"] = {
            "split": (
                f"{parts.described}; mean of the windows of a clip; ece with a temperature fitted "
                f"{_fitted_on(config, parts)}"
            ),
            "seed": config.seed,
            "held_out": metrics,
        }
    return told


def _voices(
    speakers: list[str], parts: Parts, config: TrainConfig, began: Bundle | None
) -> dict[str, list[str]]:
    """Return who was heard and who was not; nothing where the model begun with does not tell."""
    if not tells_whom_it_heard(config, began):
        return {}
    if began is not None:
        told = began.training.get("speakers")
        if not isinstance(told, list):
            return {}
        speakers = sorted({*speakers, *told})
    held = [] if config.split == RANDOM else _speakers(parts.held)
    return {"speakers": speakers, "held_out_speakers": held}


def _nameless(used: Sequence[Clip], began: Bundle | None) -> list[str]:
    """Return the corpora of which it learned, here or in a training before, who has no name."""
    told = set() if began is None else nameless_in(began)
    return sorted({*(clip.corpus or UNNAMED for clip in used if not clip.speaker), *told})


def _choosers(parts: Parts, began: Bundle | None) -> list[str]:
    """Return whose voices chose the epoch, here or in a training before."""
    told = [] if began is None else chose_the_epoch(began)
    return sorted({*_speakers(parts.validation), *told})


def _known(config: TrainConfig, clips: Sequence[Clip]) -> list[Clip]:
    return [clip for clip in clips if config.label_set.index(clip.emotion) is not None]


def _speakers(clips: Sequence[Clip]) -> list[str]:
    return sorted({clip.speaker for clip in clips} - {""})


def _fitted_on(config: TrainConfig, parts: Parts) -> str:
    if parts.validation:
        return "on the validation clips"
    # The nameless are one, as for all figures.
    if len({clip.speaker for clip in _known(config, parts.held)}) > 1:
        return "on the other held-out speakers"
    return "on nobody (1): there is no other held-out speaker"


def noises_told(config: TrainConfig, began: Bundle | None) -> list[str]:
    """Return which noises a model has heard, as its manifest tells it, each with its licence."""
    names = [folder.resolve().name for folder in config.noise_folders]
    told = [f"{name} ({LICENCES[name]})" if name in LICENCES else name for name in names]
    return [*dict.fromkeys([*told, *(noises_of(began) if began is not None else [])])]


def _licence_of(clips: Sequence[Clip]) -> str:
    """Return what the clips of one corpus may be used for."""
    told = {clip.licence for clip in clips} - {""}
    return "; ".join(sorted(told)) or "not known here, ask where the recordings came from"


def licence_of_weights(of_data: set[str]) -> str:
    """Weights carry the licences of what they were trained on; NC-SA holds those that ask less."""
    told = {licence for several in of_data for licence in several.split("; ")}
    if "CC BY-NC-SA 4.0" in told:
        told = {licence for licence in told if not re.fullmatch(r"CC0 1\.0|CC BY [34]\.0", licence)}
    return "; ".join(sorted(told))
