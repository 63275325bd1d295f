"""What a training keeps after each epoch, to go on from after a kill."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.training import CheckpointDamaged, CheckpointMismatch
from ser_ros.training.config import TrainConfig
from ser_ros.training.known_voices import KnownVoices

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Epoch:
    """What is known after each epoch."""

    number: int
    """From 1."""
    loss: float
    learning_rate: float
    seconds: float
    uar: float | None = None
    """Unweighted average recall of the validation clips, where there are any."""


@dataclass
class State:
    """Everything that a checkpoint keeps."""

    network: torch.nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    history: list[Epoch] = field(default_factory=list)
    best: dict[str, torch.Tensor] | None = None
    """The weights of the best epoch, where validation tells which that is."""
    known: KnownVoices | None = None
    """What is known of the voices, where the network learns to hear known ones."""
    began_with: str = ""
    """As `start.Beginning` tells it."""
    views: str = ""
    """What the views that it is shown are called by: noises and rooms are a part of it."""


def save(path: Path, config: TrainConfig, state: State, clips: str) -> None:
    """Write aside, then rename: a kill or a full disk leaves the last good checkpoint."""
    content: dict[str, Any] = {
        "config": config.deciding(),
        "began_with": state.began_with,
        "clips": clips,
        "views": state.views,
        "history": [vars(epoch) for epoch in state.history],
        "network": state.network.state_dict(),
        "optimiser": state.optimiser.state_dict(),
        "schedule": state.schedule.state_dict(),
        "known": state.known and state.known.state_dict(),
        "best": state.best,
    }
    aside = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, RuntimeError) as error:  # torch wraps what the file system says
        aside.unlink(missing_ok=True)
        kept = ", the last good checkpoint is kept" if path.is_file() else ""
        raise CannotWrite(path, f"{_reason(error)}{kept}") from error


def _reason(error: BaseException) -> str:
    """Return what the file system said; torch's own complaint comes after it and tells nothing."""
    told: BaseException | None = error
    while told is not None:
        if isinstance(told, OSError) and told.strerror:
            return told.strerror
        told = told.__cause__ or told.__context__
    return str(error).partition("\n")[0]


def found_in(
    path: Path, config: TrainConfig, beginnings: Sequence[str], clips: str
) -> dict[str, Any] | None:
    """Return a checkpoint's content, if there is one.

    `beginnings` is what the training may have begun with, `clips` the hash of what is trained on.
    Raises `CheckpointDamaged`, or `CheckpointMismatch` for one of another training.
    """
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        settings, _ = content["config"], [Epoch(**values) for values in content["history"]]
    except Exception as error:  # pickle's, zip's, torch's: they share no base class
        raise CheckpointDamaged(path, type(error).__name__) from error
    began = content.get("began_with", "not told")
    if began not in beginnings:
        raise CheckpointMismatch(path, "beginning", began, " or ".join(beginnings))
    own = config.deciding()
    for key in sorted(own.keys() | settings.keys()):
        there, here = settings.get(key), own.get(key)
        if there != here:
            if isinstance(there, dict) and isinstance(here, dict):
                inner = min(k for k in there | here if there.get(k) != here.get(k))
                key, there, here = f"{key}.{inner}", there.get(inner), here.get(inner)
            raise CheckpointMismatch(path, key, repr(there), repr(here))
    if content.get("clips") != clips:
        # Their voices may be those that are held out here.
        raise CheckpointMismatch(path, "list of clips trained on", "another", "as in the manifest")
    return content


def check_views(path: Path, content: dict[str, Any], views: str) -> None:
    """Raises `CheckpointMismatch` for a checkpoint of other noises or rooms than `views` tells."""
    if content.get("views", views) != views:
        what = "list of noises or rooms"
        raise CheckpointMismatch(path, what, "another", "as in `noise_folder` and `room_folder`")
