"""`predict`: what recordings sound like."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ser_ros import audio
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.classifier import Classifier, Estimate
from ser_ros.cli.options import add_model_arguments
from ser_ros.display import bars, progress
from ser_ros.errors import SerError

HELP = "tell what recordings sound like"
EXAMPLE = """  python -m ser_ros predict recordings/03a05Wa.flac
  python -m ser_ros predict --json *.wav"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="wav, flac, ogg/opus or mp3")
    parser.add_argument("--json", action="store_true", help="one JSON object per line and file")
    add_model_arguments(parser)


def _record(path: str, whole: Estimate, windows: list[Estimate]) -> dict[str, Any]:
    return {
        "path": path,
        "label": whole.label,
        "confidence": round(whole.confidence, 4),
        "probabilities": {
            label: round(float(p), 4)
            for label, p in zip(whole.labels, whole.probabilities, strict=True)
        },
        "speech_ratio": round(whole.speech_ratio, 3),
        "level_dbfs": round(whole.level_dbfs, 1),
        "windows": [window.label for window in windows],
    }


def run(options: argparse.Namespace) -> int:
    """Judge each file; 1 if any could not be read, after all the others were judged."""
    bundle = Bundle.load(find_bundle(options.model))
    classifier = Classifier(bundle, options.runtime, options.threads)
    width = max(len(path) for path in options.files)
    failed = False
    for path in progress(options.files, "judging"):
        try:
            whole, windows = classifier.clip(audio.load(path, bundle.features.rate))
        except SerError as error:
            print(f"predict: {error}", file=sys.stderr)
            failed = True
            continue
        if options.json:
            print(json.dumps(_record(path, whole, windows), ensure_ascii=False), flush=True)
        else:
            shown = bars(whole.labels, whole.probabilities)
            print(f"{path:<{width}}  {whole.label:<9} {whole.confidence:4.0%}  {shown}", flush=True)
    return 1 if failed else 0
