"""A whole training: read, train, export, calibrate, score, save the bundle."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ser_ros import __version__
from ser_ros.bundle import Bundle, Calibration
from ser_ros.corpora import Clip, read_manifest
from ser_ros.corpora.clips import LICENCES
from ser_ros.corpora.noises import recordings_in
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.config import BadValue, NothingToScore, SpeakersInTraining
from ser_ros.errors.machine import CannotWrite
from ser_ros.evaluation.seen import NO_NOISES, acquaintance, noises_of
from ser_ros.training.checkpoint import CHECKPOINT, Epoch
from ser_ros.training.config import RANDOM, TrainConfig
from ser_ros.training.data import load_recordings
from ser_ros.training.export import only, to_onnx
from ser_ros.training.history import TensorBoard, keep_history
from ser_ros.training.known_voices import check_voices
from ser_ros.training.loop import train
from ser_ros.training.progress import shown
from ser_ros.training.scoring import calibrate, figures, listen, neutral_logits
from ser_ros.training.split import Parts, chosen, split
from ser_ros.training.start import origin, settled
from ser_ros.training.validation import Validation
from ser_ros.training.views import Views

_log = logging.getLogger(__name__)


def run(
    config: TrainConfig, folder: Path, out: Path, views: Path | None = None, resume: bool = True
) -> Bundle:
    """Train as `config` says, with a checkpoint in `folder`, and save the bundle as `out`.

    With `resume` it goes on from a checkpoint that is there. Views of the clips are kept in `views`
    (`folder/views`). Raises `TrainingError`, `ManifestError`, `AudioError`, `ConfigError` or
    `CannotWrite`.
    """
    config = settled(config, folder / CHECKPOINT if resume else None)
    parts = split(config, clips_of(config))
    check_voices(config, parts.training)
    if parts.held and all(config.label_set.index(clip.emotion) is None for clip in parts.held):
        raise NothingToScore(config.manifest, config.labels)
    began = origin(config)
    if began is not None:
        check_beginning(config, parts, began)
    # Before anybody waits for the clips.
    for clip in parts.held:
        if config.label_set.index(clip.emotion) is not None and not clip.path.is_file():
            raise UnreadableFile(clip.path, "No such file")
    for needed in (*config.noise_folders, *filter(None, [config.room_folder])):
        recordings_in(needed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error
    network = _trained(config, parts, folder, views, resume)
    bundle = Bundle(
        config.name,
        config.label_set,
        config.features,
        Calibration(),
        to_onnx(only(network, len(config.label_set)), config.features),
        _about(config, parts, began, {}),
    )
    bundle = replace(bundle, neutral_logits=neutral_logits(bundle, parts.training, config.seed))
    held = listen(bundle, parts.held)
    if parts.validation or held:
        _log.info("Calibrating on what was not learned, and scoring: %s.", parts.described)
        calibrating = listen(bundle, parts.validation) if parts.validation else held
        bundle = replace(bundle, calibration=calibrate(calibrating))
    else:
        _log.warning("Nobody is left to calibrate on: temperature 1, `uncertain` below 0.5.")
    if held:
        given = bundle.calibration.temperature if parts.validation else None
        found = figures(bundle, held, given)
        bundle = replace(bundle, about=_about(config, parts, began, found))
    bundle.save(out)
    return bundle


def check_beginning(config: TrainConfig, parts: Parts, began: Bundle) -> None:
    """Raises `SpeakersInTraining` where a model has heard who is held out, or chooses the epoch."""
    known = set(acquaintance(began, parts.held).seen)
    known |= {clip.speaker for clip in parts.validation} & {*(began.training.get("speakers") or [])}
    if known and config.split != RANDOM:
        raise SpeakersInTraining(began.folder or began.name, sorted(known))


def clips_of(config: TrainConfig) -> list[Clip]:
    """Return the clips of the corpora that a training may see. Raises `BadValue`."""
    clips = read_manifest(config.path(config.manifest))
    named = {clip.corpus for clip in clips}
    for corpus in config.corpora:
        if corpus not in named:
            known = ", ".join(sorted(named - {""})) or "none"
            raise BadValue("corpora", corpus, f"one that the manifest has (it has {known})")
    return chosen(config, clips)


def make_views(config: TrainConfig, clips: Sequence[Clip], folder: Path) -> None:
    """Make the views of all clips, for the trainings that will share them."""
    recordings = load_recordings(clips, config.learned, config.features.rate, needed=0)
    with shown() as bars:
        samples = [recording.samples for recording in recordings]
        Views(config, folder).make(samples, bars.prepared)


def _trained(
    config: TrainConfig, parts: Parts, folder: Path, views: Path | None, resume: bool
) -> torch.nn.Module:
    rate, own = config.features.rate, len(config.label_set)
    recordings = load_recordings(parts.training, config.learned, rate, needed=own)
    speakers = len({recording.clip.speaker for recording in recordings} - {""})
    told = f"{speakers} speakers" if speakers else "speakers that nobody told"
    _log.info("Training on %d clips of %s.", len(recordings), told)
    validate = None
    if config.validation_fold is not None:
        validate = Validation(load_recordings(parts.validation, config.label_set, rate, 0), config)
    keepers: list[Callable[[list[Epoch]], None]] = [partial(keep_history, folder=folder)]
    if config.tensorboard:
        keepers.append(TensorBoard(folder))

    def ended(history: list[Epoch]) -> None:
        for keep in keepers:
            keep(history)

    with shown() as bars:
        return train(
            config,
            recordings,
            folder,
            bars.trained,
            validate,
            ended,
            views,
            bars.prepared,
            resume,
        )


def _about(
    config: TrainConfig, parts: Parts, began: Bundle | None, metrics: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    used = [clip for clip in parts.training if config.learned.index(clip.emotion) is not None]
    corpora: dict[str, dict[str, Any]] = {
        name or "unnamed": {
            "clips": sum(clip.corpus == name for clip in used),
            "speakers": len({clip.speaker for clip in used if clip.corpus == name} - {""}),
            "licence": _licence_of([clip for clip in used if clip.corpus == name]),
        }
        for name in sorted({clip.corpus for clip in used})
    }
    licences = {entry["licence"] for entry in corpora.values()}
    if began is not None:  # what it learned under which terms stays in the weights
        licences.add(str(began.about.get("licence", "not known here")))
    about: dict[str, Any] = {
        "description": config.description,
        "licence": licence_of_weights(licences),
        "training": {
            "corpora": corpora,
            "noises": noises_told(config, began),
            **_voices(_speakers(used), parts, config, began),
            "began_with": _began_with(config, began),
            "validation_speakers": _choosers(parts, began),
            "calibrated_on": _speakers(parts.validation or parts.held),
            "settings": config.deciding(),
            "ser_ros": __version__,
        },
    }
    if metrics:
        about["metrics"] = {
            "split": (
                f"{parts.described}; mean of the windows of a clip; ece with a temperature fitted "
                f"{_fitted_on(parts)}"
            ),
            "seed": config.seed,
            "held_out": metrics,
        }
    return about


def _began_with(config: TrainConfig, began: Bundle | None) -> str:
    if began is not None:
        return f"the model '{began.name}', SHA-256 {began.sha256}"
    return Path(config.weights).name or "random weights"


def _voices(
    speakers: list[str], parts: Parts, config: TrainConfig, began: Bundle | None
) -> dict[str, list[str]]:
    """Return who was heard and who was not; nothing where the model begun with does not tell."""
    if began is not None:
        told = began.training.get("speakers")
        if not isinstance(told, list):
            return {}
        speakers = sorted({*speakers, *told})
    held = [] if config.split == RANDOM else _speakers(parts.held)
    return {"speakers": speakers, "held_out_speakers": held}


def _choosers(parts: Parts, began: Bundle | None) -> list[str]:
    """Return whose voices chose the epoch, here or in a training before."""
    told = [] if began is None else began.training.get("validation_speakers") or []
    return sorted({*_speakers(parts.validation), *told})


def _speakers(clips: Sequence[Clip]) -> list[str]:
    return sorted({clip.speaker for clip in clips} - {""})


def _fitted_on(parts: Parts) -> str:
    if parts.validation:
        return "on the validation clips"
    if len(_speakers(parts.held)) > 1:
        return "on the other held-out speakers"
    return "on nobody (1): there is no other held-out speaker"


def noises_told(config: TrainConfig, began: Bundle | None) -> str:
    """Return which noises a model has heard, as its manifest tells it."""
    names = [folder.resolve().name for folder in config.noise_folders]
    told = [f"{name} ({LICENCES[name]})" if name in LICENCES else name for name in names]
    if began is not None:
        told += noises_of(began)
    return ", ".join(dict.fromkeys(told)) or NO_NOISES


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
