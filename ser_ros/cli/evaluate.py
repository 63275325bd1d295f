"""`evaluate`: how often a model is right on labelled recordings, and how sure that figure is."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ser_ros.bundle import Bundle, find_bundle
from ser_ros.cli.evaluate_text import (
    print_baseline,
    print_conditions,
    print_no_speech,
    print_scores,
)
from ser_ros.cli.options import add_model_arguments, positive, typed
from ser_ros.corpora import Clip, read_manifest
from ser_ros.errors.config import BadManifest, BadValue, NobodyToEnroll, NothingToScore
from ser_ros.errors.models import NoBaseline
from ser_ros.evaluation import baseline
from ser_ros.evaluation.calibration import mean_probabilities
from ser_ros.evaluation.clips import Heard, Item, items_of
from ser_ros.evaluation.conditions import CONDITIONS, NOISES, Condition, conditions
from ser_ros.evaluation.judging import HeardClips, Task, classifier_of, judge
from ser_ros.evaluation.measure import measure
from ser_ros.evaluation.provenance import origin
from ser_ros.evaluation.results import finite
from ser_ros.evaluation.seen import acquaintance, calibrated_on, knows_noises
from ser_ros.evaluation.silence import claimed, silent_items
from ser_ros.evaluation.splits import FOLD, Split
from ser_ros.evaluation.tables import Opinions, gained_in, lost_in, summaries, summary
from ser_ros.files import write_text
from ser_ros.labels import NEUTRAL
from ser_ros.report.files import report_files
from ser_ros.report.folder import PAGE, check_place
from ser_ros.runtime import chosen
from ser_ros.voices import ENROLL, MODES, NONE

HELP = "score a model on labelled recordings"
EXAMPLE = """  python -m ser_ros evaluate recordings/manifest.csv --json scores.json
  python -m ser_ros evaluate manifest.csv --fold 0 --conditions --noise-folder noises --jobs 2"""

Found = dict[str, Any]


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
    parser.add_argument("--conditions", action="store_true", help="all of these conditions")
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
    parser.add_argument("--seed", type=int, default=0, help="of the intervals and the noise (0)")
    parser.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep here what was heard, and go on from it"
    )
    add_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Score every clip that can be read; 1 if some could not."""
    clips = _clips(options)
    if options.report:
        check_place(options.report)
    evaluation = _Evaluation(options)
    task, bundle = evaluation.task, evaluation.classifier.bundle
    changed = _conditions(options, bundle)
    items = items_of(clips, bundle.labels)
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
    print(
        f"model {bundle.name}, {scores['n']} clips of {scores['speakers']} speakers "
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
        print_no_speech(found["no_speech"])
    if options.results:
        _write_results(options, task, clips)
    if options.report:
        _write_report(options, task, items)
    if options.json:
        how = {
            "model": bundle.name,
            "model_sha256": bundle.sha256,
            "runtime": evaluation.classifier.runtime.name,
            "manifest": os.fspath(options.manifest),
            "seed": options.seed,
        }
        content = finite({**scores, **how, **told, **groups, **found})
        write_text(Path(options.json), json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return 1 if judged.unreadable else 0


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
    options: argparse.Namespace, evaluation: _Evaluation, items: Sequence[Item]
) -> HeardClips:
    """Hear the clips, and say which cannot be read. Raises `ManifestError` or `VoiceError`."""
    if options.baseline and items:  # before anybody waits; what is heard tells it again
        evaluation.check_baseline(items, options.baseline)
    judged = evaluation.judge(evaluation.task, items) if items else HeardClips([], [])
    for sentence in judged.unreadable:
        print(f"evaluate: {sentence}", file=sys.stderr)
    unreadable = len(judged.unreadable)
    if not judged.heard and unreadable:
        raise BadManifest(options.manifest, f"none of {unreadable} recordings can be read")
    if not judged.heard:
        raise NothingToScore(options.manifest, evaluation.classifier.labels)
    return judged


def _write_results(options: argparse.Namespace, task: Task, clips: list[Clip]) -> None:
    name = "all" if options.fold is None else f"fold-{options.fold}"
    words = ["python", "-m", "ser_ros", "evaluate", options.manifest]
    for option in ("fold", "model", "noise_folder", "seed", "results"):
        value = getattr(options, option)
        if value not in (None, "", 0) or (option == "fold" and value is not None):
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
    print(f"\nThe report is {options.report / PAGE}.")


class _Evaluation:
    """A model, and how it is asked."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.task = task = Task(
            find_bundle(options.model), runtime=chosen(options.runtime), threads=options.threads
        )
        self.work = options.work
        self.jobs, self.seed = options.jobs, options.seed
        self.manifest = options.manifest
        self.classifier = classifier_of(task)
        self.neutral = self.classifier.bundle.labels.index(NEUTRAL)

    def judge(self, task: Task, items: Any) -> HeardClips:
        return judge(task, items, self.work, self.jobs, f"judging, {task.condition.name}")

    def opinions(self, heard: list[Heard]) -> Opinions:
        temperature = self.classifier.calibration.temperature
        said = mean_probabilities([h.logits for h in heard], temperature)
        return Opinions(self.classifier.labels, heard, said, self.seed)

    def check_baseline(self, items: Sequence[Item | Heard], wanted: str) -> None:
        """Raises `NoBaseline` or `NobodyToEnroll` for a mode that cannot be scored."""
        if wanted != NONE:
            baseline.make_adapter(self.classifier.bundle)
        if wanted == ENROLL and not baseline.enrolment(items, self.neutral):
            raise NobodyToEnroll(self.manifest)

    def baselines(self, heard: list[Heard], wanted: str) -> tuple[Opinions, Found]:
        """Return what is said in the mode that is wanted, and all modes on the same clips."""
        self.check_baseline(heard, wanted)  # again: no speech may have been heard
        bundle = self.classifier.bundle
        # Whom the bundle's own population is made of is compared with the others here.
        known = {h.clip.speaker for h in heard} & {*calibrated_on(bundle)}
        adapter_of: baseline.AdapterOf | None = None
        with suppress(NoBaseline):
            learned = {*acquaintance(bundle, [h.clip for h in heard]).seen}
            pool = [h for h in heard if h.clip.speaker not in learned] if known else None
            adapter_of = baseline.adapters_of(bundle, baseline.make_adapter, self.neutral, pool)
        enrolled = bool(baseline.enrolment(heard, self.neutral))
        said = {
            mode: self.opinions(baseline.adapted(heard, mode, adapter_of, self.neutral, self.seed))
            for mode in baseline.modes([adapter_of], enrolled)
        }
        return said[wanted], {m: gained_in(said[NONE], s) for m, s in said.items()}

    def conditions(
        self, heard: list[Heard], items: Sequence[Item], changed: Sequence[Condition]
    ) -> Found:
        """Return what is lost under each condition, on the clips that can be read."""
        clean = self.opinions(heard)
        found = {"clean": lost_in(clean, clean)}
        there = {h.clip.path for h in heard}
        same = [item for item in items if item.clip.path in there]
        for condition in changed:
            again = self.judge(replace(self.task, condition=condition), same)
            found[condition.name] = lost_in(clean, self.opinions(again.heard))
        return found

    def no_speech(self, folder: Path) -> Found:
        with ExitStack() as stack:
            made = self.work or stack.enter_context(tempfile.TemporaryDirectory())
            held_out = knows_noises(self.classifier.bundle, folder)
            items = silent_items(folder, Path(made) / "no-speech", self.seed, held_out)
            heard = self.judge(self.task, items).heard
        calibration = self.classifier.calibration
        said = (calibration.temperature, calibration.uncertain_below)
        return claimed(heard, [said] * len(heard), self.seed)
