"""`benchmark`: how fast it is here, and how much memory it takes."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ser_ros.benchmark import contest, machine, report, tables
from ser_ros.benchmark.tables import Table
from ser_ros.benchmark.task import SPEECH_FILE, WINDOWS_FILE, Task
from ser_ros.benchmark.viewers import blocks, cost, nodes
from ser_ros.benchmark.windows import carried_files, joined, write_wav, write_windows
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.cli.options import positive
from ser_ros.cli.run import check_ros
from ser_ros.cli.web import check_web
from ser_ros.display import progress
from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue
from ser_ros.files import check_file, write_text

HELP = "measure every stage on this machine, and compare with the usual way"
EXAMPLE = """  python -m ser_ros benchmark
  python -m ser_ros benchmark --json figures.json --markdown speech.wav
  python -m ser_ros benchmark --viewers 20 --seconds 300   # what viewers of the page cost"""

WINDOWS, ROUNDS, SECONDS = 200, 3, 300

_BLOCK_S = 30
"""Seconds that viewers look, before nobody does for as long."""

_VERSIONS = ("numpy", "onnxruntime", "openvino", "aiohttp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="speech to judge (the carried recordings)"
    )
    parser.add_argument("--json", metavar="OUT", help="write the figures to this file too")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument(
        "--windows", type=positive, help=f"windows that each contestant judges ({WINDOWS})"
    )
    parser.add_argument(
        "--rounds",
        type=positive,
        help=f"how often contestants take turns ({ROUNDS}; with --viewers one per {_BLOCK_S} s)",
    )
    parser.add_argument(
        "--viewers",
        type=positive,
        help="measure this instead: the nodes without and with so many viewers of the page",
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        help=f"how long the viewers look, and as long nobody does ({SECONDS})",
    )
    parser.add_argument(
        "--model", default="", help="name of a carried model bundle or path of one (densenet121)"
    )


def run(options: argparse.Namespace) -> int:
    """Measure what is installed here; 1 where some of it failed.

    Raises a `SerError` without a bundle or a runtime, or for a FILE that cannot be read.
    """
    out = Path(options.json) if options.json else None
    if out is not None:  # told now, and not after minutes
        check_file(out)
    if options.viewers:
        return _run_viewers(options, out)
    if options.seconds:
        raise SerError("--seconds is for how long viewers look; give --viewers too.")
    bundle = Bundle.load(find_bundle(options.model))
    with tempfile.TemporaryDirectory(prefix="ser_ros-benchmark-") as folder:
        task = Task("", "", str(bundle.folder), folder, 0, 1)
        tasks = contest.contestants(task)
        speech = write_windows(
            Path(folder, WINDOWS_FILE),
            Path(folder, SPEECH_FILE),
            options.files or carried_files(),
            options.windows or WINDOWS,
            bundle.features,
        )
        found: dict[str, Any] = {"machine": machine.describe()}
        # More rounds than windows would leave some contestants with nothing to do.
        rounds = min(options.rounds or ROUNDS, speech["windows"])
        turns = progress(contest.order(tasks, rounds), "measuring")
        results, failures = contest.run(turns, speech["windows"])
    pooled = {task.name: report.pool(results[task.name]) for task in tasks if task.name in results}
    speech["without_speech"] = pooled.get("onnxruntime", {}).get("without_speech")
    found |= {
        "model": {"name": bundle.name, "sha256": bundle.sha256},
        "speech": speech,
        "rounds": rounds,
        "threads": 1,
        "contestants": pooled,
        "ratios": report.ratios(pooled),
        "differences_from_torch": report.differences(results, "torch"),
        "aims": [aim.to_dict() for aim in report.aims(pooled)],
        "failures": failures,
        "not_installed": contest.left_out(tasks),
    }
    _tell(found, tables.preface(found), tables.tables(found), options.markdown, out)
    return 1 if failures else 0


def _run_viewers(options: argparse.Namespace, out: Path | None) -> int:
    """Measure the nodes without and with viewers.

    Raises a `SerError` without ROS, the extra web or a bundle, or where one of the nodes fails.
    """
    if options.windows:
        raise SerError("--windows and --viewers exclude each other; give one of them.")
    check_ros()
    check_web()
    if options.viewers > blocks.MOST:
        expected = f"{blocks.MOST} at most, for the page has no room for more and one that is slow"
        raise BadValue("--viewers", options.viewers, expected)
    bundle = Bundle.load(find_bundle(options.model))
    seconds = options.seconds or SECONDS
    rounds = options.rounds or max(2, round(seconds / _BLOCK_S))
    found: dict[str, Any] = {
        "machine": machine.describe(_VERSIONS),
        "model": {"name": bundle.name, "sha256": bundle.sha256},
    }
    with tempfile.TemporaryDirectory(prefix="ser_ros-benchmark-") as folder:
        speech = joined(options.files or carried_files(), bundle.features.rate)
        write_wav(Path(folder, SPEECH_FILE), speech, bundle.features.rate)
        setting = blocks.Setting(str(bundle.folder), folder, options.viewers, seconds / rounds)
        turns = progress(blocks.order(rounds), "measuring")
        measured, runtime = blocks.measure(setting, turns)
    found["setting"] = {
        "viewers": setting.viewers,
        "rounds": rounds,
        "block_s": setting.block_s,
        "chunk_s": nodes.CHUNK_S,
        "hop_s": nodes.HOP_S,
        "runtime": runtime,
    }
    found |= cost.figures(measured)
    _tell(found, cost.preface(found), cost.tables(found), options.markdown, out)
    return 0


def _tell(
    found: dict[str, Any],
    sentences: Sequence[str],
    shown: Sequence[Table],
    as_markdown: bool,
    out: Path | None,
) -> None:
    if as_markdown:
        print(tables.markdown(sentences, shown))
    else:
        tables.show(sentences, shown)
    if out is not None:
        write_text(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
