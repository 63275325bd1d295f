"""Everything measured by one command, and written down."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ser_ros.evaluation.baseline import MakeAdapter
from ser_ros.evaluation.clips import corpora_of, speakers_of
from ser_ros.evaluation.provenance import origin
from ser_ros.evaluation.results import finite, write_results
from ser_ros.evaluation.sides import Side
from ser_ros.evaluation.splits import Split
from ser_ros.evaluation.study import LIMIT, Study
from ser_ros.evaluation.targets import targets
from ser_ros.files import make_folder, write_text

_log = logging.getLogger(__name__)


def measure(
    splits: Sequence[Split],
    noise_folder: Path | None,
    work: Path,
    out: Path,
    jobs: int = 1,
    seed: int = 0,
    command: str = "",
    limit: int = LIMIT,
    make_adapter: MakeAdapter | None = None,
    runtime: str = "onnxruntime",
) -> dict[str, Any]:
    """Measure everything, write `RESULTS.md` and its pictures to `out`, and return the figures.

    `work` keeps what was heard, so that the same call goes on where it was interrupted, and
    `results.json`. `command` is what a reader types to get the same figures; `runtime`
    computes the network.
    """
    study = Study(splits, work, jobs, seed, runtime)
    results: dict[str, Any] = {
        "about": origin(command, seed, runtime),
        "labels": list(study.labels),
        "splits": [_told(side) for side in study.sides],
        "notes": study.notes,
    }
    sections: dict[str, Callable[[], dict[str, Any]]] = {}
    if study.folds:
        sections |= {
            "folds": study.unseen_speakers,
            "calibration": study.calibration,
            "risk_coverage": study.risk_coverage,
            "conditions": lambda: study.conditions(noise_folder, limit),
            "no_speech": lambda: study.no_speech(noise_folder),
            "listening": study.listening,
        }
    if study.corpora:
        sections["left_out"] = study.left_out
    sections["baseline"] = lambda: study.baseline(make_adapter)
    for name, section in sections.items():
        _log.info("Measuring: %s.", name.replace("_", " "))
        results[name] = section()
    results["targets"] = [target.to_dict() for target in targets(results)]
    results = finite(results)
    make_folder(work)
    write_text(work / "results.json", json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    write_results(results, out)
    return results


def _told(side: Side) -> dict[str, Any]:
    training = side.bundle.training
    last = sorted(training.get("corpora") or {})
    speakers = [str(speaker) for speaker in training.get("speakers") or []]
    before = {corpus for corpus, slash, _ in (s.partition("/") for s in speakers) if slash}
    return {
        "name": side.split.name,
        "kind": side.split.kind,
        "model": side.bundle.name,
        "sha256": side.bundle.sha256,
        "began_with": side.bundle.training.get("began_with", ""),
        "learned_last": last,
        "learned_before": sorted(before - {*last}),
        "corpora": sorted({*corpora_of(side.heard)} - {""}),
        "clips": len(side.heard),
        "speakers": len(set(speakers_of(side.heard)) - {""}),
        "temperature": round(side.temperature, 4),
        "neutral_logits": side.bundle.neutral_logits,
        "validation": bool(side.split.validation),
    }
