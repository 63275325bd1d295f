"""The training itself: epochs, checkpoints, and what is said while it runs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import DataLoader

from ser_ros.errors import CheckpointDamaged, NonFiniteLoss
from ser_ros.network import build_network
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import (
    Recording,
    TrainingImages,
    balanced_sampler,
    seed_worker,
)

_log = logging.getLogger(__name__)

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Progress:
    """What is known after each batch."""

    epoch: int
    batch: int
    batches: int
    loss: float
    seconds_left: float


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(
    config: TrainConfig,
    recordings: list[Recording],
    folder: Path,
    report: Callable[[Progress], None] = lambda _: None,
) -> torch.nn.Module:
    """Train on `recordings` and return the network in evaluation mode, on the CPU.

    A checkpoint is kept in `folder` after each epoch; a training that finds one with the same
    configuration goes on from it. Raises `NonFiniteLoss`.
    """
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    where = device()
    network = build_network(config.features, len(config.labels), config.dropout)
    network.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    count = config.windows_per_epoch or len(recordings)
    batches = max(1, count // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * batches, pct_start=0.15
    )
    images = TrainingImages(recordings, config)

    checkpoint = folder / CHECKPOINT
    first = _resume(checkpoint, config, network, optimiser, schedule)
    started, done = time.monotonic(), 0
    for epoch in range(first, config.epochs):
        network.train()
        # Dropout and augmentation without workers draw from these.
        torch.manual_seed(config.seed * 1000 + epoch)
        images.reseed(config.seed * 1000 + epoch)
        # Each epoch draws from a generator of its own, so that a resumed one draws the same.
        generator = torch.Generator().manual_seed(config.seed * 1000 + epoch)
        mixer = np.random.default_rng(config.seed * 1000 + epoch)
        loader = DataLoader(
            images,
            config.batch,
            sampler=balanced_sampler(recordings, batches * config.batch, generator),
            num_workers=config.workers,
            worker_init_fn=seed_worker,
            generator=generator,
            drop_last=True,
        )
        losses = []
        for batch, (inputs, labels) in enumerate(loader):
            loss = _loss(network, inputs, labels, config, mixer, where)
            if not torch.isfinite(loss):
                raise NonFiniteLoss(epoch + 1, checkpoint)
            optimiser.zero_grad()
            loss.backward()
            slope = torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            if not torch.isfinite(slope):  # a step along it would make every weight NaN
                raise NonFiniteLoss(epoch + 1, checkpoint)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            done += 1
            left = (
                (time.monotonic() - started)
                / done
                * ((config.epochs - epoch) * batches - batch - 1)
            )
            report(Progress(epoch, batch + 1, batches, float(np.mean(losses)), left))
        _save(checkpoint, config, epoch + 1, network, optimiser, schedule)
        _log.info("epoch %d of %d: loss %.4f", epoch + 1, config.epochs, np.mean(losses))
    return network.eval().to("cpu")


def _loss(
    network: torch.nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    config: TrainConfig,
    mixer: np.random.Generator,
    where: torch.device,
) -> torch.Tensor:
    """Cross entropy with label smoothing under mixup: each image is a blend of two."""
    inputs = inputs.to(where, memory_format=torch.channels_last)
    labels = labels.to(where)
    alpha = config.augment.mixup
    share = float(mixer.beta(alpha, alpha)) if alpha else 1.0
    other = torch.from_numpy(mixer.permutation(len(labels))).to(where)
    inputs = share * inputs + (1 - share) * inputs[other]
    with torch.autocast(where.type, dtype=torch.bfloat16):
        logits = network(inputs)
    logits = logits.float()
    smoothing = config.label_smoothing
    loss = share * functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    if alpha:
        mixed = functional.cross_entropy(logits, labels[other], label_smoothing=smoothing)
        loss = loss + (1 - share) * mixed
    return loss


def _save(
    path: Path,
    config: TrainConfig,
    epoch: int,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> None:
    """Write aside, then rename: a kill or a full disk leaves the last good checkpoint."""
    state: dict[str, Any] = {
        "config": config.deciding(),
        "epoch": epoch,
        "network": network.state_dict(),
        "optimiser": optimiser.state_dict(),
        "schedule": schedule.state_dict(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".partial")
    torch.save(state, aside)
    aside.replace(path)


def _resume(
    path: Path,
    config: TrainConfig,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
) -> int:
    """Load a checkpoint of the same configuration; return the epoch to go on with."""
    if not path.is_file():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        config_of_state = state["config"]
    except Exception as error:  # pickle's, zip's, torch's: they share no base class
        raise CheckpointDamaged(path, type(error).__name__) from error
    if config_of_state != config.deciding():
        _log.warning("The checkpoint '%s' is of another configuration; it is not used.", path)
        return 0
    network.load_state_dict(state["network"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    _log.info("Going on after epoch %d from '%s'.", state["epoch"], path)
    return int(state["epoch"])
