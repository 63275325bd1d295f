"""Trainings that cannot start or go on."""

from __future__ import annotations

from pathlib import Path

from ser_ros.errors import SerError


class TrainingError(SerError):
    """A training cannot start or go on."""


class EmptyClass(TrainingError):
    def __init__(self, label: str, where: str) -> None:
        super().__init__(
            f"There is no clip of '{label}' in {where}; add recordings, or take the emotion out "
            "of the labels."
        )


class NonFiniteLoss(TrainingError):
    def __init__(self, epoch: int, checkpoint: Path | str) -> None:
        super().__init__(
            f"The loss of epoch {epoch} is not a finite number; begin afresh by --force with a "
            f"lower learning_rate. Until then '{checkpoint}' keeps the epochs before it."
        )


class CheckpointDamaged(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The checkpoint '{path}' cannot be read ({why}); delete it to train from the start."
        )


class NonFiniteStart(TrainingError):
    def __init__(self) -> None:
        super().__init__(
            "The loss of the first epoch is not a finite number; lower the learning rate. Nothing "
            "was learnt yet."
        )


class CheckpointThere(TrainingError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"There is a training already, '{path}'; go on with it by --resume, give another "
            "folder with --run, or begin afresh in its place by --force."
        )


class FolderBusy(TrainingError):
    def __init__(self, folder: Path | str) -> None:
        super().__init__(
            f"Another training is at work in '{folder}'; wait for its end, or give this one "
            "another folder with --run."
        )


class CheckpointMismatch(TrainingError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The checkpoint '{path}' is of another training: its {what} is {found}, here it is "
            f"{expected}; give what it was begun with, another folder with --run, or --force "
            "without --resume to begin afresh."
        )


class NoVoiceToHold(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' {why}, so no voice can be kept out of the training; tell who speaks in the "
            "column speaker, or set `split: random` for figures of voices that were trained on, "
            "or `held_out_fold: null` for no figures."
        )


class NobodyToKnow(TrainingError):
    def __init__(self, path: Path | str, voices: int) -> None:
        super().__init__(
            f"'{path}' names {voices} speaker(s) of neutral clips to train on, and known_voices "
            "needs two or more to compare; tell who speaks in the column speaker, or set "
            "`known_voices: 0`."
        )


class ClipChanged(TrainingError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"The recording '{path}' was changed after the training had begun; begin again with "
            "the recordings as they are to be, and leave them alone until it is done."
        )


class ViewDamaged(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The view '{path}' cannot be read ({why}); delete it, and begin again: it is made "
            "anew."
        )
