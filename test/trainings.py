# ruff: noqa: E402 - whether there is anything to import comes first
"""Trainings so small that a test can wait for them. Importing this asks for the extra `train`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

# Not imported to find out: torchvision alone cannot be, beside a torch without CUDA.
for _module in ("torch", "torchvision", "audiomentations", "scipy", "sklearn", "onnx"):
    if find_spec(_module) is None:
        pytest.skip(f"{_module} is in the extra train", allow_module_level=True)

from ser_ros.carried import recordings_folder
from ser_ros.corpora import read_manifest
from ser_ros.training import recordings
from ser_ros.training.config import TrainConfig, read_train_config
from ser_ros.training.recordings import Recording

CONFIG = """
name: tiny
manifest: manifest.csv
epochs: 2
batch: 4
windows_per_epoch: 8
workers: 0
threads: 1
held_out_fold: 0
features: {bands: 32, hop: 1024, deltas: 0}
augment: {noise: 0.0, room: 0.0, views: 2}
"""


def tiny_training(folder: Path) -> Path:
    """Put the carried recordings there, with a manifest in which speaker 03 is fold 0."""
    for path in recordings_folder().glob("*.flac"):
        shutil.copy(path, folder)
    rows = (recordings_folder() / "manifest.csv").read_text().splitlines()
    folds = [rows[0] + ",fold"] + [row + ("," + str(int(",08," in row))) for row in rows[1:]]
    (folder / "manifest.csv").write_text("\n".join(folds) + "\n")
    (folder / "tiny.yaml").write_text(CONFIG)
    return folder


def config_of(folder: Path, **changes: object) -> TrainConfig:
    return replace(read_train_config(folder / "tiny.yaml"), **changes)


def recordings_of(folder: Path, config: TrainConfig) -> list[Recording]:
    """Return what the tiny configuration trains on."""
    clips = [clip for clip in read_manifest(folder / "manifest.csv") if clip.fold == 1]
    return recordings.recordings_of(clips, config.label_set, config.features.rate)


def rewrite(folder: Path, change) -> None:
    """Change every row of the manifest; an empty one goes."""
    path = folder / "manifest.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *filter(None, map(change, rows[1:]))]) + "\n")


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let writing a longer file fail, as on a disk that is full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
