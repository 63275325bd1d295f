"""Every figure of a report, as plain values: what `report.json` holds and the page shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ser_ros.bundle import Bundle
from ser_ros.evaluation.calibration import reliability, risk_coverage
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.evaluation.metrics import UNHEARD, score
from ser_ros.evaluation.seen import acquaintance
from ser_ros.evaluation.tables import Opinions, summary
from ser_ros.labels import NO_SPEECH, UNCERTAIN
from ser_ros.report.units import (
    Unit,
    by_speaker,
    clip_of,
    opinions_of,
    utterances_of,
    windows_of,
)

Found = dict[str, Any]

_POINTS = 400
"""Points of the curve of risk against coverage that are kept."""

_LATENCY_EDGES_MS = np.geomspace(0.5, 5000, 41)
"""Ten bins per factor of ten."""


def figures(sources: Sequence[Source], bundle: Bundle, seed: int = 0) -> Found:
    """Measure what there is to measure; `scored` is None where no truth is known."""
    labels, below = bundle.labels.labels, bundle.calibration.uncertain_below
    everything = [window for source in sources for window in source.windows]
    windows, utterances = windows_of(sources), utterances_of(sources)
    found: Found = {
        "heard": heard(everything, labels),
        "latency": latency(everything),
        "sources": [source_row(source, labels, below) for source in sources],
        "scored": None,
    }
    if not windows:
        return found
    of_windows = opinions_of(windows, labels, seed)
    of_utterances = opinions_of(utterances, labels, seed)
    found["scored"] = {
        "windows": scores(of_windows, below),
        "utterances": scores(of_utterances, below),
        "same": len(utterances) == len(windows),
        "voices": len({h.clip.speaker for h in of_windows.heard}),
        "nameless": sum(not window.speaker for window in windows),
        "speakers": [
            speaker_row(speaker, of_windows.take(inside), below)
            | {"utterances": sum(u.speaker == speaker for u in utterances)}
            for speaker, inside in by_speaker(windows)
        ],
        "remark": acquaintance(bundle, [clip_of(w) for w in windows]).sentence,
    }
    return found


def scores(opinions: Opinions, uncertain_below: float) -> Found:
    """Return the figures of windows or utterances, their intervals, and their curves."""
    found = summary(opinions, uncertain_below)
    said = opinions.guess != UNHEARD
    curve = risk_coverage(opinions.confidence, opinions.correct)
    kept = np.unique(np.linspace(0, len(curve.risk) - 1, _POINTS).round().astype(int)).tolist()
    return found | {
        "reliability": [
            b.to_dict() for b in reliability(opinions.confidence[said], opinions.correct[said])
        ],
        "risk_coverage": {
            "coverage": [curve.coverage[i] for i in kept],
            "risk": [curve.risk[i] for i in kept],
            "area": curve.area,
            "uncertain_below": uncertain_below,
        },
    }


def heard(windows: Sequence[Judged], labels: Sequence[str]) -> Found:
    """Count what was said, whether or not it is known to be true."""
    count = Counter(window.label for window in windows)
    return {
        "windows": len(windows),
        "with_truth": sum(bool(window.truth) for window in windows),
        "lost": sum(window.lost for window in windows),
        "labels": {label: count[label] for label in (*labels, UNCERTAIN, NO_SPEECH)},
    }


def latency(windows: Sequence[Judged]) -> Found | None:
    """Return what a window took to be judged, in milliseconds; None without a window."""
    if not windows:
        return None
    ms = np.array([window.latency_s for window in windows]) * 1e3
    within = np.clip(ms, _LATENCY_EDGES_MS[0], _LATENCY_EDGES_MS[-1])
    counts, edges = np.histogram(within, _LATENCY_EDGES_MS)
    p50, p90, p99 = np.percentile(ms, (50, 90, 99)).tolist()
    return {
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": float(ms.max()),
        "edges_ms": edges.tolist(),
        "counts": counts.tolist(),
    }


def source_row(source: Source, labels: tuple[str, ...], uncertain_below: float) -> Found:
    windows = windows_of([source])
    found: Found = {
        "name": source.name,
        "path": source.path,
        "sha256": source.sha256,
        "duration_s": source.duration_s,
        "counts": source.counts,
        "remarks": list(source.remarks),
        "heard": heard(source.windows, labels),
        "truths": dict(Counter(window.truth for window in windows)),
        "utterances": len(utterances_of([source])),
        "latency_p50_ms": (latency(source.windows) or {}).get("p50_ms"),
        "accuracy": None,
        "uar": None,
    }
    return found | (_plain(windows, labels, uncertain_below) if windows else {})


def speaker_row(speaker: str, opinions: Opinions, uncertain_below: float) -> Found:
    scored = score(opinions.labels, opinions.truth, opinions.probabilities, uncertain_below)
    return {
        "speaker": speaker,
        "windows": scored.n,
        "uar": scored.uar,
        "accuracy": scored.accuracy,
        "per_class_recall": scored.per_class_recall,
        "no_speech": scored.no_speech,
        "uncertain": scored.uncertain,
    }


def _plain(units: Sequence[Unit], labels: tuple[str, ...], uncertain_below: float) -> Found:
    opinions = opinions_of(units, labels)
    scored = score(labels, opinions.truth, opinions.probabilities, uncertain_below)
    return {"accuracy": scored.accuracy, "uar": scored.uar}
