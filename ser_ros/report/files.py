"""The report of a manifest's audio files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ser_ros.corpora import Clip
from ser_ros.evaluation.files import judge_files
from ser_ros.evaluation.judging import Task, classifier_of
from ser_ros.report.writing import write_report


def report_files(
    task: Task,
    clips: Sequence[Clip],
    manifest: Path,
    provenance: Mapping[str, Any],
    folder: Path,
    jobs: int = 1,
) -> dict[str, Any]:
    """Judge clips window by window, and write their report; return its figures.

    Raises what `judge_files` and `write_report` do.
    """
    root = _root([clip.path.absolute() for clip in clips], manifest.absolute().parent)
    sources, unreadable = judge_files(task, clips, root, jobs)
    return write_report(sources, classifier_of(task).bundle, provenance, folder, unreadable)


def _root(paths: Sequence[Path], beside: Path) -> Path:
    """Return what the names of files begin below: the manifest's folder, if all lie there."""
    if all(path.is_relative_to(beside) for path in paths):
        return beside
    return Path(os.path.commonpath([path.parent for path in paths]))
