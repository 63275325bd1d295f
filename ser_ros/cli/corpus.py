"""`corpus check`: what recordings hold and what is wrong with them, before anyone trains."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ser_ros.cli.options import positive
from ser_ros.corpora.check import Report, examine
from ser_ros.corpora.clips import Clip, write_manifest
from ser_ros.corpora.folds import assign_folds, complete_folds
from ser_ros.corpora.found import Options
from ser_ros.corpora.heard import Heard, listen
from ser_ros.corpora.layouts import AUTO, CHOICES, described, find_clips
from ser_ros.corpora.tables import lines
from ser_ros.display import progress
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra
from ser_ros.files import check_file, write_text
from ser_ros.labels import LabelSet, label_set

HELP = "find out what recordings hold and what is wrong with them"
EXAMPLE = """  python -m ser_ros corpus check /data/ravdess /data/emodb --picture corpus.png \\
      --manifest /data/manifest.csv"""

_MOST_JOBS = 8
"""More threads than that wait for the disk."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    layouts = "\n".join(f"  {name:10} {looks_like}" for name, looks_like in described())
    check = verbs.add_parser(
        "check",
        help="list clips, speakers, durations and levels, and what would spoil a training",
        description=(
            "Lists clips, speakers, durations and levels, and what would spoil a training:\n"
            "unreadable files, one recording with two emotions, of two speakers or in two folds,\n"
            "a speaker in two folds, an empty class.\n"
            "The exit code is 1 if something would."
        ),
        epilog=f"layouts:\n{layouts}\n\nexample:\n{EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a folder or a manifest, or several"
    )
    check.add_argument(
        "--layout", default=AUTO, choices=CHOICES, metavar="LAYOUT", help="see below (auto)"
    )
    check.add_argument(
        "--labels",
        type=str,
        default="four",
        help="four, seven, or a list with commas: angry,calm,sad (four)",
    )
    check.add_argument(
        "--min-agreement",
        type=positive,
        default=Options.min_agreement,
        metavar="N",
        help="of AIHUB's five annotators, how many must agree (3); 5: only what is clear",
    )
    check.add_argument(
        "--speaker",
        default="",
        metavar="REGEX",
        help="take the speaker from the path: the first group of this expression",
    )
    check.add_argument("--picture", type=Path, metavar="PNG", help="draw it; needs the extra train")
    check.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    check.add_argument(
        "--manifest",
        type=Path,
        metavar="CSV",
        help="write what can be trained on, with folds that share no speaker; needs the extra "
        "train",
    )
    check.add_argument(
        "--folds",
        type=positive,
        metavar="N",
        help="make N new folds for the manifest (without it those that there are, or 5)",
    )
    check.add_argument("--jobs", type=positive, help="files that are read at a time")


def run(options: argparse.Namespace) -> int:
    """Check; 1 if something would spoil a training."""
    labels = label_set(options.labels)
    # Who waits for thousands of files should not learn only then that a package is missing.
    for asked, module in ((options.picture, "matplotlib"), (options.manifest, "sklearn")):
        if asked and find_spec(module) is None:
            raise MissingExtra(module, "train")
    for path in (options.picture, options.json, options.manifest):
        if path:
            check_file(path)
    if options.folds == 1:
        raise BadValue("--folds", options.folds, "2 or more, each with its own speakers")
    report = _check(options, labels)
    for line in lines(report):
        print(line)
    if options.json:
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False) + "\n"
        # A name that is no text becomes an escape that JSON has for it too.
        write_text(options.json, text.encode("utf-8", "backslashreplace").decode("utf-8"))
    if options.picture:
        from ser_ros.corpora.picture import draw

        draw(report, options.picture, ", ".join(_title(path) for path in options.paths))
    if options.manifest:
        _write(report, options.manifest, options.folds)
    return 1 if report.spoilt else 0


def _title(path: Path) -> str:
    """Name a corpus as its owner does: a folder, or a manifest within one."""
    path = path.resolve()
    return path.name if path.is_dir() else f"{path.parent.name}/{path.name}"


def _check(options: argparse.Namespace, labels: LabelSet) -> Report:
    clips: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    told = Options(options.min_agreement, options.speaker)
    for path in options.paths:
        found = find_clips(path, options.layout, told)
        left = f", {len(found.skipped):,} skipped" if found.skipped else ""
        print(f"{path}: {found.layout}, {len(found.clips):,} clips{left}")
        clips += found.clips
        skipped += found.skipped
    print(flush=True)
    return examine(_listen(clips, options.jobs), labels, skipped)


def _listen(clips: Sequence[Clip], jobs: int | None) -> list[Heard]:
    jobs = jobs or min(_MOST_JOBS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(jobs)
    try:
        results = pool.map(listen, clips)
        return [next(results) for _ in progress(clips, "listening")]
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for thousands of files


def _write(report: Report, path: Path, folds: int | None) -> None:
    """Write the clips that can be trained on, with the folds they have, or new ones."""
    clips: Sequence[Clip] = report.fit_for_training()
    told = sum(clip.fold is not None and bool(clip.speaker) for clip in clips)
    clips = complete_folds(clips) if folds is None else assign_folds(clips, folds)
    if folds is None and told:
        joined = sum(clip.fold is not None for clip in clips) - told
        if joined:
            print(f"clips without a fold that were given one of those that are there: {joined:,}")
    write_manifest(path, clips)
    made = sorted({clip.fold for clip in clips if clip.fold is not None})
    without = sum(clip.fold is None for clip in clips)
    out = len(report.heard) - len(clips)
    parts: dict[str, Any] = {
        f"{len(clips):,} clips": True,
        f"{len(made)} folds that share no speaker": made,
        f"{without:,} without a fold": without,
        f"{out:,} left out as unreadable, silent, doubled or unclear": out,
    }
    print(f"\n{path}: {', '.join(words for words, shown in parts.items() if shown)}")
    if not made:
        who = "one speaker alone" if any(clip.speaker for clip in clips) else "no speaker"
        print(
            f"corpus: {who} is known, so the manifest has no folds and no figure for unseen "
            "speakers can be made.",
            file=sys.stderr,
        )
