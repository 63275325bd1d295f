"""`evaluate`: how often a model is right on labelled recordings."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from ser_ros.bundle import Bundle, find_bundle
from ser_ros.classifier import Classifier
from ser_ros.cli.options import add_model_arguments
from ser_ros.corpora import read_manifest
from ser_ros.display import progress
from ser_ros.errors import AudioError, BadManifest, BadValue, NothingToScore
from ser_ros.evaluation.clips import Judged, judge, scores_by_corpus, scores_of
from ser_ros.evaluation.metrics import Scores
from ser_ros.files import write_text

HELP = "score a model on labelled recordings"
EXAMPLE = "  python -m ser_ros evaluate recordings/manifest.csv --json scores.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest", help="CSV with the columns path and emotion, optionally speaker, corpus, fold"
    )
    parser.add_argument("--json", metavar="OUT", help="write the figures to this file too")
    parser.add_argument("--fold", type=int, help="score only the clips of this fold")
    add_model_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Score every clip that can be read; 1 if some could not."""
    clips = read_manifest(options.manifest)
    if options.fold is not None:
        clips = [clip for clip in clips if clip.fold == options.fold]
        if not clips:
            raise BadValue("--fold", options.fold, f"a fold that '{options.manifest}' names")
    bundle = Bundle.load(find_bundle(options.model))
    classifier = Classifier(bundle, options.runtime, options.threads)
    judged: list[Judged] = []
    unreadable = 0
    for clip in progress(clips, "judging"):
        try:
            found = judge(classifier, clip)
        except AudioError as error:
            unreadable += 1
            print(f"evaluate: {error}", file=sys.stderr)
            continue
        if found is not None:
            judged.append(found)
    if not judged and unreadable:
        raise BadManifest(options.manifest, f"none of {unreadable} recordings can be read")
    if not judged:
        raise NothingToScore(options.manifest, classifier.labels)
    scores, by_corpus = scores_of(classifier, judged), scores_by_corpus(classifier, judged)
    left_out = len(clips) - len(judged) - unreadable
    _print(bundle.name, scores, by_corpus, left_out, unreadable)
    if options.json:
        content: dict[str, Any] = scores.to_dict() | {
            "model": bundle.name,
            "model_sha256": bundle.sha256,
            "runtime": classifier.runtime.name,
            "manifest": os.fspath(options.manifest),
            "left_out": left_out,
            "unreadable": unreadable,
            "corpora": {name: found.to_dict() for name, found in by_corpus.items()},
        }
        write_text(Path(options.json), json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return 1 if unreadable else 0


def _print(
    model: str, scores: Scores, by_corpus: dict[str, Scores], left_out: int, unreadable: int
) -> None:
    left = f"{left_out} of other emotions, {unreadable} unreadable"
    print(f"model {model}, {scores.n} clips ({left})")
    print(f"{'':12} {'n':>6} {'uar':>6} {'accuracy':>9} {'ece':>6}")
    for name, found in {"all": scores, **by_corpus}.items():
        ece = "-" if found.ece is None else f"{found.ece:.3f}"
        print(f"{name:12} {found.n:6} {found.uar:6.3f} {found.accuracy:9.3f} {ece:>6}")
    print()
    said = " ".join(f"{label:>8}" for label in scores.labels)
    print(f"{'truth, said:':12} {said}   recall")
    for label, row in zip(scores.labels, scores.confusion, strict=True):
        recall = scores.per_class_recall[label]
        shown = "      -" if recall is None else f"{recall:7.3f}"
        print(f"{label:12} " + " ".join(f"{count:8}" for count in row) + f"  {shown}")
    certain = scores.accuracy_when_certain
    print()
    print(
        f"no speech heard in {scores.no_speech}; uncertain about {scores.uncertain}; accuracy of "
        f"the others {'-' if certain is None else f'{certain:.3f}'}"
    )
