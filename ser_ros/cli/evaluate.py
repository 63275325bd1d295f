"""`evaluate`: how often a model is right on labelled recordings, and how sure that figure is."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ser_ros.bundle import Bundle
from ser_ros.cli.evaluate_model import Evaluation
from ser_ros.cli.evaluate_text import (
    Found,
    print_baseline,
    print_conditions,
    print_no_speech,
    print_scores,
)
from ser_ros.cli.options import add_model_arguments, positive, seed, typed
from ser_ros.corpora import Clip, read_manifest
from ser_ros.corpora.noises import recordings_in
from ser_ros.errors.config import BadManifest, BadValue, NothingToScore
from ser_ros.evaluation import baseline
from ser_ros.evaluation.clips import Item, items_of
from ser_ros.evaluation.conditions import CONDITIONS, NOISES, Condition, conditions
from ser_ros.evaluation.judging import HeardClips, Task
from ser_ros.evaluation.measure import measure
from ser_ros.evaluation.provenance import origin
from ser_ros.evaluation.results import PICTURES, finite
from ser_ros.evaluation.seen import acquaintance, knows_noises, strangers
from ser_ros.evaluation.splits import FOLD, Split
from ser_ros.evaluation.tables import summaries, summary
from ser_ros.files import check_file, make_folder, write_text
from ser_ros.report.files import report_files
from ser_ros.report.folder import PAGE, check_place
from ser_ros.voices import MODES, NONE

HELP = "score a model on labelled recordings"
EXAMPLE = """  python -m ser_ros evaluate recordings/manifest.csv --json scores.json
  python -m ser_ros evaluate manifest.csv --fold 0 --conditions --noise-folder noises --jobs 2"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest",
        help="CSV with the columns path and emotion, optionally speaker, corpus, gender, "
        "language, fold",
    )
    parser.add_argument("--json", metavar="OUT", help="write the figures to this file too")
    parser.add_argument("--fold", type=int, help="score only the clips of this fold")
    parser.add_argument(
        "--baseline",
        choices=MODES,
        help="fit the model to each voice: enroll, by its first neutral clips, or running, as it "
        "goes on; all ways are compared on the same clips, without those",
    )
    parser.add_argument(
        "--condition",
        action="append",
        default=[],
        metavar="NAME",
        help=f"hear the clips so, too; may be repeated: {', '.join(CONDITIONS)}",
    )
    parser.add_argument(
        "--conditions",
        action="store_true",
        help="all of these; those in noise only with --noise-folder",
    )
    parser.add_argument(
        "--noise-folder", type=Path, metavar="FOLDER", help="recordings for the noise conditions"
    )
    parser.add_argument(
        "--no-speech",
        type=Path,
        metavar="FOLDER",
        help="recordings in which nobody speaks: how often is an emotion claimed?",
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="measure everything of a model that has heard none of these speakers, and write "
        "RESULTS.md with pictures",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FOLDER",
        help="write what was heard window by window, and a page to read, to this folder",
    )
    parser.add_argument("--jobs", type=positive, default=1, help="processes that listen (1)")
    parser.add_argument("--seed", type=seed, default=0, help="of the intervals and the noise (0)")
    parser.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep here what was heard, and go on from it"
    )
    add_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Score every clip that can be read; 1 if some could not."""
    clips = _clips(options)
    if options.report:
        check_place(options.report)
    if options.json:
        check_file(Path(options.json))
    evaluation = Evaluation(options)
    task, bundle = evaluation.task, evaluation.classifier.bundle
    changed = _conditions(options, bundle)
    if options.no_speech:
        recordings_in(options.no_speech)
    items = items_of(clips, bundle.labels)
    if options.results:  # before anybody waits
        strangers(bundle, clips)
        make_folder(options.results / PICTURES)
    judged = _heard(options, evaluation, items)

    found: Found = {}
    clean = evaluation.opinions(judged.heard)
    if options.baseline:
        clean, found["baseline"] = evaluation.baselines(judged.heard, options.baseline)
    uncertain_below = bundle.calibration.uncertain_below
    scores = summary(clean, uncertain_below)
    groups = {
        name: summaries(clean, column, uncertain_below)
        for name, column in (
            ("corpora", "corpus"),
            ("languages", "language"),
            ("genders", "gender"),
        )
    }
    told = {
        "remark": acquaintance(bundle, [h.clip for h in judged.heard]).sentence,
        "left_out": len(clips) - len(items),
        "unreadable": len(judged.unreadable),
    }
    mode = options.baseline or NONE
    heard_so = "" if mode == NONE else f", voice baseline {mode}"
    print(
        f"model {bundle.name}{heard_so}, {scores['n']} clips of {scores['speakers']} speakers "
        f"({told['left_out']} of other emotions, {told['unreadable']} unreadable)"
    )
    if told["remark"]:
        print(told["remark"])
    print_scores(scores, groups)
    if options.baseline:
        print_baseline(found["baseline"])
    if changed:
        found["conditions"] = evaluation.conditions(judged.heard, items, changed)
        print_conditions(found["conditions"])
    if options.no_speech:
        found["no_speech"] = evaluation.no_speech(options.no_speech)
        _print_unreadable(found["no_speech"]["unreadable"])
        print_no_speech(found["no_speech"])
    if options.json:
        how = {
            "model": bundle.name,
            "model_sha256": bundle.sha256,
            "mode": mode,
            "runtime": evaluation.classifier.runtime.name,
            "manifest": os.fspath(options.manifest),
            "seed": options.seed,
        }
        content = finite({**scores, **how, **told, **groups, **found})
        write_text(Path(options.json), json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    if options.report:
        _write_report(options, task, items)
    if options.results:
        _write_results(options, task, clips)
    return 1 if judged.unreadable or found.get("no_speech", {}).get("unreadable") else 0


def _print_unreadable(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        print(f"evaluate: {sentence}", file=sys.stderr)


def _clips(options: argparse.Namespace) -> list[Clip]:
    """Return the clips to score. Raises `ManifestError`, or `BadValue` for an empty fold."""
    clips = read_manifest(options.manifest)
    if options.fold is None:
        return clips
    inside = [clip for clip in clips if clip.fold == options.fold]
    if not inside:
        raise BadValue("--fold", options.fold, f"a fold that '{options.manifest}' names")
    return inside


def _conditions(options: argparse.Namespace, bundle: Bundle) -> list[Condition]:
    """Return the conditions that are asked for; of noises, those that the model has not heard."""
    folder = options.noise_folder
    names = list(dict.fromkeys(options.condition))
    if options.conditions:
        left_out = () if folder else NOISES
        names = [name for name in CONDITIONS if name in names or name not in left_out]
    known = folder is not None and knows_noises(bundle, folder)
    return conditions(names, folder, options.seed, held_out=known)


def _heard(
    options: argparse.Namespace, evaluation: Evaluation, items: Sequence[Item]
) -> HeardClips:
    """Hear the clips, and say which cannot be read. Raises `ManifestError` or `VoiceError`."""
    if options.baseline and items:  # before anybody waits; what is heard tells it again
        evaluation.check_baseline(items, options.baseline)
    judged = evaluation.judge(evaluation.task, items) if items else HeardClips([], [])
    _print_unreadable(judged.unreadable)
    unreadable = len(judged.unreadable)
    if options.results and unreadable:
        why = f"{unreadable} recordings cannot be read; a figure must not hang on what is missing"
        raise BadManifest(options.manifest, why)
    if not judged.heard and unreadable:
        raise BadManifest(options.manifest, f"none of {unreadable} recordings can be read")
    if not judged.heard:
        raise NothingToScore(options.manifest, evaluation.classifier.labels)
    return judged


def _write_results(options: argparse.Namespace, task: Task, clips: list[Clip]) -> None:
    name = "all" if options.fold is None else f"fold-{options.fold}"
    words = ["python", "-m", "ser_ros", "evaluate", options.manifest]
    unless = {"fold": None, "model": "", "noise_folder": None, "seed": 0, "results": None}
    for option, default in unless.items():
        value = getattr(options, option)
        if value != default:
            words += [f"--{option.replace('_', '-')}", value]
    words += ["--runtime", task.runtime]
    with ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        measure(
            [Split(name, FOLD, task.bundle, clips)],
            options.noise_folder,
            work,
            options.results,
            options.jobs,
            options.seed,
            typed(words),
            make_adapter=baseline.make_adapter,
            runtime=task.runtime,
        )
    print(f"\nThe figures are in {options.results / 'RESULTS.md'}.")


def _write_report(options: argparse.Namespace, task: Task, items: Sequence[Item]) -> None:
    command = shlex.join(["python", "-m", "ser_ros", *sys.argv[1:]])
    told = origin(command, options.seed, task.runtime)
    scored = [item.clip for item in items]
    report_files(task, scored, Path(options.manifest), told, options.report, options.jobs)
    as_it_is = ", of the model without a voice baseline" if options.baseline else ""
    print(f"\nThe report is {options.report / PAGE}{as_it_is}.")
