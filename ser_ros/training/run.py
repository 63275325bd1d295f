"""A whole training: read, train, export, calibrate, score, save the bundle."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from ser_ros.bundle import Bundle, Calibration
from ser_ros.classifier import Classifier
from ser_ros.corpora import Clip, read_manifest
from ser_ros.errors.config import BadValue
from ser_ros.errors.training import FolderBusy
from ser_ros.evaluation.clips import Heard
from ser_ros.files import make_folder
from ser_ros.training.about import about
from ser_ros.training.before import with_calibration_of
from ser_ros.training.checkpoint import Epoch, State
from ser_ros.training.checks import checked
from ser_ros.training.config import TrainConfig
from ser_ros.training.export import only, to_onnx
from ser_ros.training.history import TensorBoard, keep_history
from ser_ros.training.loop import train
from ser_ros.training.progress import shown
from ser_ros.training.recordings import check_readable, recordings_of
from ser_ros.training.scoring import calibrate, figures, listen, neutral_logits
from ser_ros.training.split import Parts, chosen
from ser_ros.training.start import origin
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
    began = origin(config)
    parts = checked(config, clips_of(config), began, config.name)
    make_folder(folder)
    check_readable([*parts.held, *parts.validation], config.label_set, config.features.rate)
    with _alone_in(folder):
        trained = _trained(config, parts, folder, views, resume)
    tell = partial(about, config, parts, began, trained.began_with)
    bundle = Bundle(
        config.name,
        config.label_set,
        config.features,
        Calibration(),
        to_onnx(only(trained.network, len(config.label_set)), config.features),
        tell({}),
    )
    threads = config.threads or os.cpu_count() or 1
    classifier = Classifier(bundle, runtime="onnxruntime", threads=threads)
    held, validation = (listen(classifier, part) for part in (parts.held, parts.validation))
    bundle = _calibrated(bundle, classifier, parts, validation or held, began, config.seed)
    if held:
        _log.info("Scoring: %s.", parts.described)
        given = bundle.calibration.temperature if validation else None
        bundle = replace(bundle, about=tell(figures(bundle, held, given)))
    bundle.save(out)
    return bundle


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a run folder: each would replace the other's checkpoint.

    Raises `FolderBusy`. The lock ends with the process, however that does.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise FolderBusy(folder) from error
    try:
        yield
    finally:
        os.close(handle)


def _calibrated(
    bundle: Bundle,
    classifier: Classifier,
    parts: Parts,
    heard: Sequence[Heard],
    began: Bundle | None,
    seed: int,
) -> Bundle:
    """Return the bundle with its calibration and the population of its voices.

    `heard` is what it said of `parts.calibrating`; without any, both are of the model begun with.
    """
    if heard:
        whom = "of the validation fold" if parts.validation else "held out"
        _log.info("Calibrating on the clips %s.", whom)
        bundle = replace(bundle, calibration=calibrate(heard))
    else:
        before = with_calibration_of(began, bundle)
        own = (before or bundle).calibration
        _log.warning(
            "Nobody is left to calibrate on: temperature %g, `uncertain` below %g%s.",
            own.temperature,
            own.uncertain_below,
            ", as the model begun with has them" if before else "",
        )
        if before is not None:
            return before
    neutral = neutral_logits(classifier, heard, parts.training, seed)
    return replace(bundle, neutral_logits=neutral)


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
    recordings = recordings_of(clips, config.learned, config.features.rate)
    with shown() as bars:
        Views(config, folder).make(recordings, bars.prepared)


def _trained(
    config: TrainConfig, parts: Parts, folder: Path, views: Path | None, resume: bool
) -> State:
    rate = config.features.rate
    recordings = recordings_of(parts.training, config.learned, rate)
    speakers = len({recording.clip.speaker for recording in recordings} - {""})
    told = f"{speakers} speaker{'s' * (speakers != 1)}" if speakers else "speakers nobody told"
    _log.info("Training on %d clips of %s.", len(recordings), told)
    validate, apart = None, recordings_of(parts.validation, config.label_set, rate)
    if apart:
        validate = Validation(apart, config)
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
            apart,
        )
