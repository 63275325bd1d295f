"""`bag evaluate`: bags heard again, offline, and a report of it."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ser_ros.bundle import Bundle, Calibration, find_bundle
from ser_ros.cli.options import add_model_arguments, positive, seed
from ser_ros.errors.bags import NoBagHeard
from ser_ros.errors.config import BadValue
from ser_ros.hearing import HearingConfig
from ser_ros.runtime import chosen

if TYPE_CHECKING:
    from ser_ros.evaluation.judged import Source
    from ser_ros.fleet import Job, Outcome

HELP = "hear bags again, as the nodes would, and say how right it was"
EXAMPLE = """  python -m ser_ros bag evaluate monday
  python -m ser_ros bag evaluate week/* --jobs 2 --report reports/week
  python -m ser_ros bag evaluate monday --labels monday.txt --report reports/monday"""

TRACKS = (".csv", ".txt", ".tsv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="a folder or a file")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="TRACK",
        help="what is true, in the place of the bag's own ground truth: a CSV with start,end,label "
        "or Audacity's labels; for several bags a folder of such, each named as its bag",
    )
    parser.add_argument("--audio", default="", metavar="TOPIC", help="which topic is the sound")
    parser.add_argument(
        "--hop", type=float, default=1.25, help="seconds from window to window (1.25)"
    )
    parser.add_argument(
        "--uncertain-below", type=float, metavar="P", help="in the place of the model's own"
    )
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="write a report there")
    parser.add_argument("--json", action="store_true", help="all figures, on standard output")
    parser.add_argument("--jobs", type=positive, default=1, help="bags side by side (1)")
    parser.add_argument(
        "--dask",
        default="",
        metavar="ADDRESS",
        help="hear them on a Dask cluster whose workers see the same files",
    )
    parser.add_argument(
        "--work",
        type=Path,
        metavar="FOLDER",
        help="keep here what was heard, and go on from it (FOLDER.work beside the report, until "
        "that is written)",
    )
    parser.add_argument("--seed", type=seed, default=0, help="of the intervals (0)")
    add_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluate every bag; 1 if one could not be heard, the others are reported all the same."""
    # Only here: the help is there also where rosbags is not.
    from ser_ros.evaluation.provenance import origin
    from ser_ros.evaluation.results import finite
    from ser_ros.fleet import Failure, forget, hear_all
    from ser_ros.report.figures import figures
    from ser_ros.report.folder import PAGE, check_place
    from ser_ros.report.words import lead
    from ser_ros.report.writing import model_facts, named_apart, write_report

    if options.report:
        check_place(options.report)
    bundle = _bundle(options)
    jobs = _jobs(options)
    work = options.work or _beside(options.report)
    outcomes = hear_all(jobs, work, options.jobs, options.dask, _told)
    failures = [o.sentence for o in outcomes if isinstance(o, Failure)]
    sources = [_with_sound(o, job, bundle) for o, job in zip(outcomes, jobs, strict=True)
               if not isinstance(o, Failure)]  # fmt: skip
    if not sources:
        raise NoBagHeard(len(jobs))
    command = shlex.join(["python", "-m", "ser_ros", *sys.argv[1:]])
    about = origin(command, options.seed, jobs[0].runtime)
    if options.report:
        content = write_report(sources, bundle, about, options.report, failures)
        if options.work is None and work is not None:
            forget(work)
    else:
        found = figures(named_apart(sources), bundle, options.seed)
        content = finite({"model": model_facts(bundle), **found})
    if options.json:
        print(json.dumps(content, ensure_ascii=False))
    else:
        print("\n".join(lead(content)))
        if options.report:
            print(f"The report is {options.report / PAGE}.")
    return 1 if failures else 0


def _bundle(options: argparse.Namespace) -> Bundle:
    """Return the model with the threshold that is asked for."""
    bundle = Bundle.load(find_bundle(options.model))
    below = options.uncertain_below
    if below is None:
        return bundle
    if not 0 <= below <= 1:
        raise BadValue("--uncertain-below", below, "0 to 1")
    return replace(bundle, calibration=Calibration(bundle.calibration.temperature, below))


def _jobs(options: argparse.Namespace) -> list[Job]:
    from ser_ros.fleet import Job
    from ser_ros.replay import Replay

    hearing, model = HearingConfig(hop_s=options.hop), find_bundle(options.model)
    return [
        Job(
            Replay(bag, _track(options.labels, bag, len(options.bags)), options.audio, hearing),
            model,
            chosen(options.runtime),
            options.threads,
            uncertain_below=options.uncertain_below,
        )
        for bag in options.bags
    ]


def _track(labels: Path | None, bag: Path, bags: int) -> Path | None:
    """Return the labels of a bag."""
    if labels is None:
        return None
    if not labels.is_dir():
        if bags > 1:
            expected = f"for {bags} bags a folder with a file of labels for each"
            raise BadValue("--labels", str(labels), expected)
        return labels
    name = bag.resolve().name
    found = [labels / f"{stem}{end}" for stem in (name, Path(name).stem) for end in TRACKS]
    track = next((path for path in found if path.is_file()), None)
    if track is None:
        expected = f"a file of labels for the bag '{name}', such as {name}.csv"
        raise BadValue("--labels", str(labels), expected)
    return track


def _beside(report: Path | None) -> Path | None:
    return report.parent / f"{report.name}.work" if report else None


def _told(job: Job, outcome: Outcome) -> None:
    """Say of each bag, as it is done, what a person should know."""
    from ser_ros.fleet import Failure

    if isinstance(outcome, Failure):
        print(f"bag: {outcome.sentence}", file=sys.stderr)
        return
    for remark in outcome.remarks:
        print(f"bag: {job.wanted.bag}: {remark}", file=sys.stderr)


def _with_sound(source: Source, job: Job, bundle: Bundle) -> Source:
    from ser_ros.bags.sound import sound_of
    from ser_ros.clock import SECOND

    if not source.windows:
        return source
    first = source.windows[0]
    begin_ns = first.stamp_ns - round(first.start_s * SECOND)
    sound = sound_of(job.wanted.bag, job.wanted.audio, begin_ns, bundle.features.rate)
    return replace(source, sound=sound)
