"""Reports that tests are about: carried recordings, and a tiny model that is often wrong."""

from __future__ import annotations

from pathlib import Path

import tiny

from ser_ros.bundle import Bundle, Calibration
from ser_ros.carried import recordings_folder
from ser_ros.corpora import Clip, read_manifest
from ser_ros.evaluation.clips import items_of
from ser_ros.evaluation.files import judge_files
from ser_ros.evaluation.judged import Source
from ser_ros.evaluation.judging import Task

ABOUT = {"command": "python -m ser_ros evaluate m.csv", "commit": "0123abc", "seed": 3}


def model(shift: float = 0.0) -> Bundle:
    """The quieter a window is on average, the later its label comes among the four."""
    bias = [-2.0 * k * k + shift * k for k in range(4)]
    return tiny.bundle(bias, slope=-32, calibration=Calibration(uncertain_below=0.6))


def clips() -> list[Clip]:
    return read_manifest(recordings_folder() / "manifest.csv")


def judged(bundle: Bundle, folder: Path) -> list[Source]:
    """Judge the carried recordings with a model that is saved to a folder."""
    bundle.save(folder)
    task = Task(folder, runtime="onnxruntime")
    items = items_of(clips(), bundle.labels)
    sources, unreadable = judge_files(task, [i.clip for i in items], recordings_folder())
    assert unreadable == []
    return sources
