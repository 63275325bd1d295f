"""`benchmark`: how fast it is here, and how much memory it takes."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from ser_ros.benchmark import contest, machine, report, tables
from ser_ros.benchmark.task import SPEECH_FILE, WINDOWS_FILE, Task
from ser_ros.benchmark.windows import carried_files, write_windows
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.cli.options import positive
from ser_ros.display import progress
from ser_ros.errors.machine import CannotWrite
from ser_ros.files import write_text

HELP = "measure every stage on this machine, and compare with the usual way"
EXAMPLE = """  python -m ser_ros benchmark
  python -m ser_ros benchmark --json figures.json --markdown speech.wav"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="speech to judge (the carried recordings)"
    )
    parser.add_argument("--json", metavar="OUT", help="write the figures to this file too")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument(
        "--windows", type=positive, default=200, help="windows that each contestant judges (200)"
    )
    parser.add_argument(
        "--rounds", type=positive, default=3, help="how often contestants take turns (3)"
    )
    parser.add_argument(
        "--model", default="", help="name of a carried model bundle or path of one (densenet121)"
    )


def run(options: argparse.Namespace) -> int:
    """Measure what is installed here; 1 where some of it failed.

    Raises a `SerError` without a bundle or a runtime, or for a FILE that cannot be read.
    """
    out = Path(options.json) if options.json else None
    if out is not None and not out.parent.is_dir():  # told now, and not after minutes
        raise CannotWrite(out, "its folder is not there")
    bundle = Bundle.load(find_bundle(options.model))
    with tempfile.TemporaryDirectory(prefix="ser_ros-benchmark-") as folder:
        task = Task("", "", str(bundle.folder), folder, 0, 1)
        tasks = contest.contestants(task)
        speech = write_windows(
            Path(folder, WINDOWS_FILE),
            Path(folder, SPEECH_FILE),
            options.files or carried_files(),
            options.windows,
            bundle.features,
        )
        found: dict[str, Any] = {"machine": machine.describe()}
        # More rounds than windows would leave some contestants with nothing to do.
        rounds = min(options.rounds, speech["windows"])
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
    if options.markdown:
        print(tables.as_markdown(found))
    else:
        tables.print_text(found)
    if out is not None:
        write_text(out, json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return 1 if failures else 0
