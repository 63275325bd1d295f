"""What must hold before a training begins, so that nobody waits for it in vain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip
from ser_ros.corpora.noises import recordings_in
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.config import BadManifest, BadValue, NothingToScore, SpeakersInTraining
from ser_ros.errors.training import EmptyClass
from ser_ros.evaluation.seen import acquaintance, trained_on
from ser_ros.training.config import RANDOM, TrainConfig
from ser_ros.training.data import GENDERS
from ser_ros.training.known_voices import check_voices
from ser_ros.training.split import Parts, split
from ser_ros.training.start import tells_whom_it_heard

_MAYBE = " (if the model begun with had not learned them: it does not tell)"
_MAYBE_SOME = ", some of which the model begun with may have learned"


def checked(config: TrainConfig, clips: Sequence[Clip], began: Bundle | None, name: str) -> Parts:
    """Part the clips as the configuration says, where a training can do with the parts.

    `began` is the model begun with; `name` is what an error calls the training. Raises
    `TrainingError`, `ConfigError`, `ManifestError` or `UnreadableFile`.
    """
    parts = split(config, clips)
    labels = config.label_set
    there = {labels.name(clip.emotion) for clip in parts.training}
    for label in labels.labels:
        if label not in there:
            raise EmptyClass(label, f"what '{name}' would learn")
    check_voices(config, parts.training)
    if config.gender and len({clip.gender for clip in parts.training} & set(GENDERS)) < 2:
        expected = "0 where the manifest does not tell men's clips from women's"
        raise BadValue("gender", config.gender, expected)
    for which, unheard in (
        (f"that choose the epoch of '{name}'", parts.validation),
        (f"that '{name}' holds out", parts.held),
    ):
        known = [clip for clip in unheard if labels.index(clip.emotion) is not None]
        if unheard and not known:
            raise NothingToScore(config.manifest, labels.labels, which)
        for clip in known:
            if not clip.path.is_file():
                raise UnreadableFile(clip.path, "No such file")
    if config.validation_fold is not None and not parts.validation:
        expected = "null, where there are too few clips of each emotion to keep any apart"
        raise BadValue("validation_fold", config.validation_fold, expected)
    check_apart(config, parts)
    if began is not None:
        doubt = check_beginning(config, parts, began)
        parts = replace(parts, described=f"{parts.described}{doubt}")
    elif not tells_whom_it_heard(config, began) and (parts.held or parts.validation):
        doubt = _MAYBE_SOME if config.split == RANDOM else _MAYBE
        parts = replace(parts, described=f"{parts.described}{doubt}")
    for needed in (*config.noise_folders, *filter(None, [config.room_folder])):
        recordings_in(needed)
    return parts


def check_apart(config: TrainConfig, parts: Parts) -> None:
    """Raises `BadManifest` where a recording is both learned and held out, or validation."""
    learned = {clip.path.resolve() for clip in parts.training}
    for clip in (*parts.validation, *parts.held):
        if clip.path.resolve() in learned:
            why = f"'{clip.path}' would be learned and is also kept apart from the training"
            raise BadManifest(config.path(config.manifest), why)


def check_beginning(config: TrainConfig, parts: Parts, began: Bundle) -> str:
    """Return what makes the figures doubtful, or nothing: whom the model begun with may know.

    Raises `SpeakersInTraining` where it has heard who is held out, or chooses the epoch.
    """
    learned = [trained_on(began, part) for part in (parts.held, parts.validation) if part]
    if config.split == RANDOM:
        if learned and (learned[0] is None or learned[0]):
            return _MAYBE_SOME
        return ""
    known = {*acquaintance(began, parts.held).seen}.union(*(names or () for names in learned))
    if known:
        raise SpeakersInTraining(began.folder or began.name, sorted(known))
    if None in learned:
        return _MAYBE
    return ""
