"""The training itself: epochs, checkpoints, and what is said while it runs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch.utils.data import DataLoader

from ser_ros.errors.machine import GpuFull, ProcessLost
from ser_ros.errors.training import NonFiniteLoss, NonFiniteStart, ViewDamaged
from ser_ros.labels import NEUTRAL
from ser_ros.training.blend import blended_loss, colours_mixed, gender_loss, mixup
from ser_ros.training.checkpoint import CHECKPOINT, Epoch, State, check_views, found_in, save
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import (
    Draws,
    Shown,
    TrainingImages,
    balanced_sampler,
    batch_of,
)
from ser_ros.training.known_voices import KnownVoices
from ser_ros.training.recordings import Recording, digest
from ser_ros.training.start import Beginning, begin, beginnings, origin, resumed
from ser_ros.training.views import Views

_log = logging.getLogger(__name__)

Report = Callable[["Progress"], None]


@dataclass(frozen=True)
class Progress:
    """What is known after each batch."""

    epoch: int
    batch: int
    batches: int
    loss: float
    seconds_left: float


_NAMES = {"cpu": "processor", "cuda": "GPU"}


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _precision(where: torch.device) -> torch.dtype | None:
    """Return the 16-bit precision that the device computes faster than 32 bits, if any.

    Where there are no bfloat16 instructions (many a processor, a GPU before Ampere) torch emulates
    them, on a processor at a quarter of the speed.
    """
    if where.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if fast else None


def _one_thread(worker: int) -> None:
    """Let a process that reads views compute on one thread.

    Each with one per core for numpy's products took ten times as long and more: they wait for one
    another.
    """
    threadpool_limits(1)


def train(
    config: TrainConfig,
    recordings: Sequence[Recording],
    folder: Path,
    report: Report = lambda _: None,
    validate: Callable[[torch.nn.Module], float] | None = None,
    ended: Callable[[list[Epoch]], None] = lambda _: None,
    views: Path | None = None,
    preparing: Callable[[int, int], None] = lambda done, of: None,
    resume: bool = True,
    apart: Sequence[Recording] = (),
) -> State:
    """Train on `recordings`; at the end the network is in evaluation mode, on the CPU.

    A checkpoint is kept in `folder` after each epoch; with `resume` a training that finds one goes
    on from it, and otherwise begins afresh in its place. Views are kept in `views`
    (`folder/views`). `validate` gives the unweighted average recall of clips that are not trained
    on, `apart`: the best epoch is returned, and `config.patience` epochs without a better one end
    the training. `ended` is told the history after each epoch.

    Raises `TrainingError`, `CannotWrite`, `GpuFull` or `ProcessLost`.
    """
    checkpoint = folder / CHECKPOINT
    batches = max(1, (config.windows_per_epoch or len(recordings)) // config.batch)
    clips, bundle = digest([*recordings, *apart]), origin(config)
    may_begin_with = beginnings(config, bundle)
    found = found_in(checkpoint, config, may_begin_with, clips) if resume else None
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads or os.cpu_count() or 1)
    # What cannot be had is told before anybody waits for the views.
    beginning = begin(config, bundle) if found is None else resumed(config, found["began_with"])
    where = device()
    torch.backends.cudnn.deterministic = True  # the same seed, the same curve; only a GPU asks
    shown = Views(config, views or folder / "views")
    if found is not None:
        check_views(checkpoint, found, shown.key)
    paths = shown.make(recordings, preparing)
    images = TrainingImages(recordings, paths, config)
    state = _begin(config, beginning, where, batches, images.voices, found)
    state.views = shown.key
    if found is not None:
        _log.info("Going on after epoch %d from '%s'.", len(state.history), checkpoint)
        ended(state.history)  # a kill may have come before it was told
    bits = 16 if _precision(where) else 32
    _log.info("Training on the %s, in %d bits.", _NAMES.get(where.type, where.type), bits)
    while len(state.history) < config.epochs and not _tired(config, state.history):
        try:
            epoch = _epoch(config, recordings, images, state, where, batches, report, checkpoint)
        except torch.OutOfMemoryError as error:
            raise GpuFull(config.batch) from error
        if validate is not None:
            uar = validate(state.network.eval())
            if uar > max((e.uar or 0.0 for e in state.history), default=-1.0):
                state.best = {k: v.clone() for k, v in state.network.state_dict().items()}
            epoch = Epoch(epoch.number, epoch.loss, epoch.learning_rate, epoch.seconds, uar)
        state.history.append(epoch)
        save(checkpoint, config, state, clips)
        told = "" if epoch.uar is None else f", validation UAR {epoch.uar:.3f}"
        _log.info("epoch %d of %d: loss %.4f%s", epoch.number, config.epochs, epoch.loss, told)
        ended(state.history)
    if state.best is not None:
        state.network.load_state_dict(state.best)
    state.network.eval().to("cpu")
    return state


def _begin(
    config: TrainConfig,
    beginning: Beginning,
    where: torch.device,
    batches: int,
    voices: int,
    found: dict[str, Any] | None,
) -> State:
    """Return the state to train on from: new, or that of a checkpoint."""
    network = beginning.network
    network.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.learning_rate, total_steps=config.epochs * batches, pct_start=0.15
    )
    state = State(network, optimiser, schedule, began_with=beginning.told)
    if config.known_voices:
        neutral = config.label_set.labels.index(NEUTRAL)
        state.known = KnownVoices(voices, len(config.learned), neutral, where)
    if found is not None:
        network.load_state_dict(found["network"])
        optimiser.load_state_dict(found["optimiser"])
        schedule.load_state_dict(found["schedule"])
        if state.known is not None:
            state.known.load_state_dict(found["known"])
        state.history, state.best = [Epoch(**e) for e in found["history"]], found["best"]
    return state


def _tired(config: TrainConfig, history: Sequence[Epoch]) -> bool:
    """Return whether `patience` epochs have passed since the best one."""
    uars = [epoch.uar or 0.0 for epoch in history]
    if not config.patience or not uars or history[-1].uar is None:
        return False
    if len(uars) - 1 - int(np.argmax(uars)) < config.patience:
        return False
    _log.info("No better epoch for %d: stopping early.", config.patience)
    return True


def _epoch(
    config: TrainConfig,
    recordings: Sequence[Recording],
    images: TrainingImages,
    state: State,
    where: torch.device,
    batches: int,
    report: Report,
    checkpoint: Path,
) -> Epoch:
    number = len(state.history)
    # Each epoch has draws of its own, so that a resumed one draws the same.
    seed = config.seed * 1000 + number
    torch.manual_seed(seed)  # for dropout
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(
        images,
        config.batch,
        sampler=Draws(
            balanced_sampler(recordings, batches * config.batch, generator), images, seed
        ),
        num_workers=config.workers,
        collate_fn=batch_of,
        worker_init_fn=_one_thread,
        generator=generator,
        drop_last=True,
    )
    random = np.random.default_rng(seed)
    precision = _precision(where)
    started, losses = time.monotonic(), []
    state.network.train()
    for batch, shown in enumerate(_told(loader)):
        if isinstance(shown, ViewDamaged):
            raise shown
        loss = _loss(state, [each.to(where) for each in shown], config, random, precision)
        if not torch.isfinite(loss):
            raise _no_number(number, checkpoint)
        state.optimiser.zero_grad()
        loss.backward()
        slope = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
        if not torch.isfinite(slope):  # a step along it would make every weight NaN
            raise _no_number(number, checkpoint)
        state.optimiser.step()
        state.schedule.step()
        losses.append(loss.item())
        each = (time.monotonic() - started) / (batch + 1)
        left = each * ((config.epochs - number) * batches - batch - 1)
        report(Progress(number, batch + 1, batches, float(np.mean(losses)), left))
    rate = float(state.schedule.get_last_lr()[0])
    return Epoch(number + 1, float(np.mean(losses)), rate, time.monotonic() - started)


def _told(loader: DataLoader[Shown | ViewDamaged]) -> Iterator[list[torch.Tensor] | ViewDamaged]:
    """Yield what a loader does. Raises `ProcessLost` where a process of it died."""
    try:
        yield from loader
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise ProcessLost("read the views", "`workers`, by --resume") from error


def _no_number(epoch: int, checkpoint: Path) -> NonFiniteLoss | NonFiniteStart:
    return NonFiniteLoss(epoch + 1, checkpoint) if epoch else NonFiniteStart()


def _loss(
    state: State,
    shown: Sequence[torch.Tensor],
    config: TrainConfig,
    random: np.random.Generator,
    precision: torch.dtype | None,
) -> torch.Tensor:
    images, labels, voices, genders = shown
    if random.random() < config.augment.colours:
        images = colours_mixed(images, random)
    images, other, share = mixup(images, config.augment.mixup, random)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, dtype=precision, enabled=precision is not None):
        logits = state.network(images)
    emotions = len(config.learned)
    logits, gender = logits[:, :emotions].float(), logits[:, emotions:].float()
    if state.known is not None:
        known = random.random(len(images)) < config.known_voices
        trust = torch.from_numpy((known * random.random(len(images))).astype(np.float32))
        shift = state.known.shift(voices, trust.to(logits.device))
        state.known.learn(logits, labels, voices)
        logits = logits - shift
    loss = blended_loss(logits, labels, other, share, config.label_smoothing)
    if config.gender:
        loss = loss + config.gender * gender_loss(gender[:, 0], genders, other, share)
    return loss
