"""Epochs and checkpoints: the same curve however often a training is interrupted."""

from __future__ import annotations

import csv
import io
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rich.progress
import soundfile
from programs import ROOT
from rich.console import Console
from threadpoolctl import threadpool_info, threadpool_limits
from trainings import config_of, no_file_beyond, recordings_of, tiny_training

from ser_ros.corpora import read_manifest
from ser_ros.errors.machine import CannotWrite, GpuFull, ProcessLost
from ser_ros.errors.training import (
    CheckpointMismatch,
    FolderBusy,
    NonFiniteLoss,
    NonFiniteStart,
    TrainingError,
    ViewDamaged,
)
from ser_ros.training import loop
from ser_ros.training.checkpoint import CHECKPOINT, Epoch, found_in
from ser_ros.training.config import AugmentConfig
from ser_ros.training.data import Draw, TrainingImages, batch_of
from ser_ros.training.history import draw_curves, keep_history
from ser_ros.training.progress import COLUMNS, Bars, duration
from ser_ros.training.recordings import recordings_of as of_clips
from ser_ros.training.run import _alone_in, run
from ser_ros.training.validation import Validation
from ser_ros.training.views import Views

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train


@pytest.fixture
def folder(tmp_path):
    return tiny_training(tmp_path)


class Interrupted(Exception):
    pass


def curve(into: list, stop: tuple[int, int] | None = None):
    def report(step: loop.Progress) -> None:
        if stop == (step.epoch, step.batch):
            raise Interrupted
        into.append((step.epoch, step.batch, step.loss))

    return report


def assert_same(one: torch.nn.Module, other: torch.nn.Module) -> None:
    found = other.state_dict()
    for name, weight in one.state_dict().items():
        assert torch.equal(found[name], weight), name


@pytest.mark.slow
def test_a_resumed_training_is_the_same_as_one_in_one_go_with_any_number_of_workers(folder):
    config = config_of(folder, epochs=3)
    recordings = recordings_of(folder, config)
    whole: list = []
    expected = loop.train(config, recordings, folder / "whole", curve(whole)).network
    torch.rand(7)  # what else drew random numbers must not matter
    np.random.rand(7)

    parts: list = []
    with pytest.raises(Interrupted):
        loop.train(config, recordings, folder / "parts", curve(parts, stop=(1, 2)))
    parts = [step for step in parts if step[0] == 0]  # epoch 1 was not finished
    config = replace(config, workers=2)
    found = loop.train(config, recordings, folder / "parts", curve(parts)).network
    assert parts == whole
    assert_same(expected, found)


@pytest.mark.slow
def test_a_killed_training_goes_on_to_the_same_curve(folder):
    settings = ["held_out_fold=null", "windows_per_epoch=20", "epochs=6"]
    words = [sys.executable, "-m", "ser_ros", "train", str(folder / "tiny.yaml")]
    words += ["--run", str(folder / "run"), *[w for text in settings for w in ("--set", text)]]
    table = folder / "run" / "history.csv"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(words, env=env, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not table.is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < until, "no epoch in 120 s"
        time.sleep(0.02)
    time.sleep(0.2)  # into the curves, or a further epoch
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    done = subprocess.run([*words, "--resume"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Going on after epoch [1-5]\b", done.stderr)

    config = config_of(folder, held_out_fold=None, windows_per_epoch=20, epochs=6)
    clips = read_manifest(folder / "manifest.csv")
    recordings = of_clips(clips, config.label_set, config.features.rate)
    history: list = []
    loop.train(config, recordings, folder / "whole", ended=history.extend)
    expected = [f"{epoch.loss:.4f}" for epoch in history[-6:]]
    with table.open(newline="") as file:
        assert [row["loss"] for row in csv.DictReader(file)] == expected


@pytest.mark.slow
def test_a_checkpoint_of_another_training_is_refused_and_left(folder):
    config = config_of(folder, epochs=1)
    recordings = recordings_of(folder, config)
    one = loop.train(config, recordings, folder / "run").network.state_dict()
    kept = (folder / "run" / CHECKPOINT).read_bytes()
    for other, named in (
        (replace(config, seed=2), "its seed is 1, here it is 2"),
        (replace(config, augment=replace(config.augment, mixup=0.5)), r"its augment\.mixup is 0.2"),
    ):
        with pytest.raises(CheckpointMismatch, match=named):
            loop.train(other, recordings, folder / "run")
    with pytest.raises(CheckpointMismatch, match="beginning is random weights, here it is a or b"):
        found_in(folder / "run" / CHECKPOINT, config, ("a", "b"), clips="")
    elsewhere = [replace(recordings[0], clip=replace(recordings[0].clip, speaker="x"))]
    told = [replace(recordings[0], clip=replace(recordings[0].clip, gender="other"))]
    for first in (elsewhere, told, []):
        others = [*first, *recordings[1:]]
        with pytest.raises(CheckpointMismatch, match="list of clips trained on"):
            loop.train(config, others, folder / "run")
    noises = folder / "noises"
    noises.mkdir()
    for name in "abcde":
        soundfile.write(noises / f"{name}.wav", np.full(16000, 0.1), 16000)
    heard = replace(config, augment=replace(config.augment, noise=0.5))
    noisy = loop.train(replace(heard, noise_folder=str(noises)), recordings, folder / "noisy")
    assert noisy.views
    with pytest.raises(CheckpointMismatch, match="list of noises or rooms"):
        loop.train(heard, recordings, folder / "noisy")
    assert (folder / "run" / CHECKPOINT).read_bytes() == kept
    aside = replace(config, name="other", workers=0, tensorboard=True, description="x")
    loop.train(aside, recordings, folder / "run")  # these decide nothing
    afresh = loop.train(replace(config, seed=2), recordings, folder / "run", resume=False)
    other = afresh.network.state_dict()
    assert not torch.equal(one["features.conv0.weight"], other["features.conv0.weight"])


def test_a_damaged_checkpoint_is_told(folder):
    config = config_of(folder)
    recordings = recordings_of(folder, config)
    (folder / "run").mkdir()
    for content in (b"", b"no checkpoint", bytes(1000)):
        (folder / "run" / CHECKPOINT).write_bytes(content)
        with pytest.raises(TrainingError, match=CHECKPOINT) as caught:
            loop.train(config, recordings, folder / "run")
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_full_disk_keeps_the_last_good_checkpoint(folder):
    config = config_of(folder, windows_per_epoch=4)
    recordings = recordings_of(folder, config)
    limits = []

    def full(history):
        limits.append(no_file_beyond(1 << 20))
        limits[0].__enter__()

    try:
        with pytest.raises(
            CannotWrite, match="File too large, the last good checkpoint is kept"
        ) as caught:
            loop.train(config, recordings, folder / "run", ended=full)
    finally:
        limits[0].__exit__(None, None, None)
    assert "\n" not in str(caught.value)
    assert [p.name for p in (folder / "run").iterdir() if p.is_file()] == [CHECKPOINT]
    told: list[list[int]] = []
    loop.train(
        config, recordings, folder / "run", ended=lambda h: told.append([e.number for e in h])
    )
    assert told == [[1], [1, 2]], "what it may have been ended before telling is told again"


def test_a_loss_that_is_no_number_stops_the_training(folder, monkeypatch):
    config = config_of(folder)
    recordings = recordings_of(folder, config)
    real = loop._loss
    monkeypatch.setattr(loop, "_loss", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(NonFiniteStart, match=r"first epoch .*learning rate"):
        loop.train(config, recordings, folder / "run")
    assert not (folder / "run" / CHECKPOINT).exists()

    seen = []

    def later(*arguments):
        seen.append(1)
        return real(*arguments) if len(seen) <= 2 else torch.tensor(float("nan"))

    monkeypatch.setattr(loop, "_loss", later)
    with pytest.raises(NonFiniteLoss, match=r"epoch 2 .*--force.*learning_rate.*checkpoint"):
        loop.train(config, recordings, folder / "run")
    assert (folder / "run" / CHECKPOINT).is_file()


def test_weights_that_are_no_numbers_are_never_kept(folder, monkeypatch):
    config = config_of(folder, windows_per_epoch=4)  # one batch: no other would notice
    real = loop._loss

    def steep(state, *rest):
        loss = real(state, *rest)
        # A finite loss whose slope is not: the square root at 0.
        return loss + torch.sqrt(sum(p.sum() for p in state.network.parameters()) * 0)

    monkeypatch.setattr(loop, "_loss", steep)
    with pytest.raises(NonFiniteStart):
        loop.train(config, recordings_of(folder, config), folder / "run")
    assert not (folder / "run" / CHECKPOINT).exists()


# ── validation ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_best_epoch_is_kept_and_no_better_one_for_long_ends_the_training(folder, caplog):
    caplog.set_level("INFO")
    config = config_of(folder, epochs=6, windows_per_epoch=4, validation_fold=1, patience=2)
    config = replace(config, augment=AugmentConfig(noise=0, room=0, views=2))
    recordings = recordings_of(folder, config)
    uars, weights, history = iter([0.3, 0.6, 0.5, 0.6, 0.9]), [], []

    def validate(network):
        weights.append({name: value.clone() for name, value in network.state_dict().items()})
        return next(uars)

    found = loop.train(
        config, recordings, folder / "run", validate=validate, ended=lambda h: history.append(h[-1])
    ).network
    assert [epoch.uar for epoch in history] == [0.3, 0.6, 0.5, 0.6]
    assert "stopping early" in caplog.text
    for name, value in found.state_dict().items():
        assert torch.equal(value, weights[1][name]), name
    again = loop.train(config, recordings, folder / "run", validate=validate)  # nothing is left
    assert_same(found, again.network)
    assert len(weights) == 4


class AlwaysFirst(torch.nn.Module):
    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.bias = torch.nn.Parameter(torch.eye(outputs)[0])

    def forward(self, images):
        return self.bias.expand(len(images), -1)


def test_validation_is_the_mean_recall_of_the_emotions_that_are_there(folder):
    config = config_of(folder)
    recordings = recordings_of(folder, config)
    assert Validation(recordings, config)(AlwaysFirst(4)) == 0.25
    assert Validation(recordings, config)(AlwaysFirst(6)) == 0.25  # two are learned along
    angry = [r for r in recordings if r.label == 0]
    sad = [r for r in recordings if r.label == 2]
    assert Validation([*angry, *angry, *sad], config)(AlwaysFirst(4)) == 0.5
    assert Validation(sad, config)(AlwaysFirst(4)) == 0.0


@pytest.mark.parametrize("workers", [0, 1])
def test_a_view_that_is_lost_while_training_is_named(folder, monkeypatch, workers):
    config = config_of(folder, workers=workers)
    recordings = recordings_of(folder, config)

    def lost(*_: object) -> list[Path]:
        return [folder / "lost.npz"] * len(recordings)

    def drawn(images: TrainingImages, clip: int, random: np.random.Generator) -> Draw:
        return Draw(clip, 0, 0, slice(0, 1), [])  # unseen by the process that draws

    monkeypatch.setattr(Views, "make", lost)
    monkeypatch.setattr(TrainingImages, "draw", drawn)
    with pytest.raises(ViewDamaged, match=r"lost\.npz' cannot be read \(No such file"):
        loop.train(config, recordings, folder / "run")


def read_by(monkeypatch, reading) -> None:
    """Let `reading` make the batches, in the process that reads the views."""
    monkeypatch.setattr(loop, "batch_of", reading)


def test_who_reads_views_computes_on_one_thread(folder, monkeypatch):
    config = config_of(folder, epochs=1, workers=1)

    def counted(shown):
        most = max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return ViewDamaged("threads", str(most)) if most > 1 else batch_of(shown)

    with threadpool_limits(2):  # also where there is one core
        read_by(monkeypatch, counted)
        loop.train(config, recordings_of(folder, config), folder / "run")


def test_a_process_that_is_lost_while_training_is_told(folder, monkeypatch):
    config = config_of(folder, workers=1)
    read_by(monkeypatch, lambda shown: os._exit(9))
    with pytest.raises(ProcessLost, match=r"read the views.*`workers`, by --resume"):
        loop.train(config, recordings_of(folder, config), folder / "run")


def test_a_gpu_that_is_full_is_told(folder, monkeypatch):
    config = config_of(folder)

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loop, "_loss", full)
    with pytest.raises(GpuFull, match="batches of 4"):
        loop.train(config, recordings_of(folder, config), folder / "run")


def test_two_trainings_do_not_share_a_folder(folder):
    config = config_of(folder)
    (folder / "run").mkdir()
    with _alone_in(folder / "run"), pytest.raises(FolderBusy, match="--run"):
        run(config, folder / "run", folder / "bundle")
    with _alone_in(folder / "run"):
        pass  # the lock ended with the block


def test_other_clips_that_choose_the_epoch_are_another_training(folder):
    config = config_of(folder, epochs=1)
    recordings = recordings_of(folder, config)
    loop.train(config, recordings[:2], folder / "run", apart=recordings[2:])
    loop.train(config, recordings[:2], folder / "run", apart=recordings[2:])
    with pytest.raises(CheckpointMismatch, match="list of clips"):
        loop.train(config, recordings[:2], folder / "run", apart=recordings[3:])


# ── what is shown ─────────────────────────────────────────────────────────────────────────────


def test_the_bar_tells_the_epoch_the_loss_and_the_time_left():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    with rich.progress.Progress(*COLUMNS, console=console, refresh_per_second=1) as shown:
        bars = Bars(shown)
        bars.prepared(0, 40)
        bars.trained(loop.Progress(2, 5, 10, 1.2345, 3725.0))
        shown.refresh()
    told = screen.getvalue()
    assert "epoch 3, loss 1.23" in told
    assert "1:02:05 left" in told
    assert "━━━━━" in told
    Bars(None).trained(loop.Progress(0, 1, 10, 1.0, 1.0))  # no terminal, nothing to show


def test_the_table_and_the_picture_of_a_history(tmp_path):
    history = [Epoch(1, 1.5, 1e-3, 2.0), Epoch(2, 1.25, 5e-4, 2.25)]
    keep_history(history, tmp_path)
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert rows[1:] == ["1,1.5000,,0.001,2.0", "2,1.2500,,0.0005,2.2"]
    without = (tmp_path / "curves.png").read_bytes()
    draw_curves([replace(epoch, uar=0.5) for epoch in history], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() != without
    with pytest.raises(CannotWrite, match=r"history\.csv"):
        keep_history(history, tmp_path / "gone")


@pytest.mark.parametrize(
    ("seconds", "written"), [(0.4, "0:00"), (59.6, "1:00"), (750, "12:30"), (11100, "3:05:00")]
)
def test_durations_are_written_for_people(seconds, written):
    assert duration(seconds) == written
