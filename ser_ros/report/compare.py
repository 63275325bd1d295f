"""What changed from one report to another: two models, or two versions, over the same windows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros.errors.machine import MissingExtra
from ser_ros.errors.reports import NothingInCommon, UnreadableReport
from ser_ros.evaluation import bootstrap
from ser_ros.evaluation.judged import Judged
from ser_ros.evaluation.metrics import score
from ser_ros.evaluation.tables import Opinions
from ser_ros.report import table
from ser_ros.report.folder import CSV, JSON, read_figures
from ser_ros.report.units import Unit, opinions_of, utterances_in

Found = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """A report that was written."""

    folder: Path
    figures: Found
    windows: list[Judged]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.figures["model"]["labels"])


def read_report(path: Path) -> Report:
    """Read a report, given by its folder or its `report.json`. Raises `UnreadableReport`."""
    folder = path.parent if path.name == JSON else path
    figures = read_figures(folder)
    try:
        labels = tuple(str(label) for label in figures["model"]["labels"])
        words = [figures["model"]["sha256"]]
        for source in figures["sources"]:
            words += [source["name"], source["sha256"]]
    except (KeyError, TypeError) as error:
        raise UnreadableReport(folder / JSON, f"it lacks {error}") from error
    if strange := [word for word in words if not isinstance(word, str)]:
        raise UnreadableReport(folder / JSON, f"a name or a hash is {strange[0]!r}")
    windows = table.read(folder / CSV, labels)
    unknown = sorted({window.truth for window in windows} - {*labels, ""})
    if unknown:
        raise UnreadableReport(folder / CSV, f"the truth '{unknown[0]}' is none of its labels")
    return Report(folder, figures, windows)


# ── which windows are the same ────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Common:
    """The windows that are in both reports, in the order of the second."""

    pairs: list[tuple[Judged, Judged]]
    sources: int
    other_content: int
    """Of these sources, those of the same name that are not the same, byte by byte."""


def common(first: Report, second: Report) -> Common:
    """Pair the windows by source and stamp.

    A source is the same by its SHA-256, or, where none has that, by its name.
    """
    renamed, other_content = _same_sources(first, second)
    there = {key: window for key, window in _keyed(first.windows)}
    pairs = []
    for (source, stamp, turn), window in _keyed(second.windows):
        before = there.get((renamed.get(source, ""), stamp, turn))
        if before is not None:
            pairs.append((before, window))
    sources = {after.source for _, after in pairs}
    return Common(pairs, len(sources), len(sources & other_content))


def _same_sources(first: Report, second: Report) -> tuple[dict[str, str], set[str]]:
    """Return the name in the first of each source of the second, and which are so by name only."""
    by_hash: dict[str, list[str]] = defaultdict(list)
    for source in first.figures["sources"]:
        by_hash[source["sha256"]].append(source["name"])
    renamed: dict[str, str] = {}
    for source in second.figures["sources"]:
        same = by_hash[source["sha256"]]
        if same:
            name = source["name"] if source["name"] in same else same[0]
            same.remove(name)
            renamed[source["name"]] = name
    left = {name for names in by_hash.values() for name in names}
    by_name = {source["name"] for source in second.figures["sources"]} - set(renamed)
    only_by_name = left & by_name
    return renamed | {name: name for name in only_by_name}, only_by_name


def _keyed(windows: Sequence[Judged]) -> Iterator[tuple[tuple[str, int, int], Judged]]:
    """Yield windows with their key; after a jump back in time a stamp may come again."""
    turns: Counter[tuple[str, int]] = Counter()
    for window in windows:
        place = (window.source, window.stamp_ns)
        yield (*place, turns[place]), window
        turns[place] += 1


# ── what changed ──────────────────────────────────────────────────────────────────────────────


def compare(first: Report, second: Report, seed: int = 0) -> Found:
    """Return what changed; `scored` is None where no window in common has a truth.

    Raises `NothingInCommon` or `MissingExtra`.
    """
    found = common(first, second)
    if not found.pairs:
        raise NothingInCommon(first.folder, second.folder)
    labels = tuple(dict.fromkeys((*first.labels, *second.labels)))
    before, after = [], []
    disagreed = 0
    for one, other in found.pairs:
        truth = other.truth if one.truth == other.truth else ""
        disagreed += one.truth != other.truth
        told = replace(other, truth=truth)
        after.append(_relabelled(told, other, second.labels, labels))
        before.append(_relabelled(told, one, first.labels, labels))
    scored = [i for i, window in enumerate(after) if window.truth]
    content: Found = {
        "first": _facts(first),
        "second": _facts(second),
        "common": {
            "windows": len(found.pairs),
            "sources": found.sources,
            "other_content": found.other_content,
            "scored": len(scored),
            "truth_differs": disagreed,
        },
        "labels": _labels_changed(found.pairs),
        "latency_p50_ms": [
            float(np.median([pair[k].latency_s for pair in found.pairs])) * 1e3 for k in (0, 1)
        ],
        "scored": None,
    }
    if scored:
        windows = [before[i] for i in scored], [after[i] for i in scored]
        utterances = utterances_in(before), utterances_in(after)
        content["scored"] = {
            "windows": _changed(*windows, labels, seed),
            "utterances": _changed(*utterances, labels, seed),
        }
    return content


def _relabelled(
    told: Judged, said: Judged, own: tuple[str, ...], labels: tuple[str, ...]
) -> Judged:
    """Return what was said in the order of the labels of both models, of the window `told`."""
    probability = dict(zip(own, said.probabilities, strict=True))
    return replace(told, probabilities=tuple(probability.get(label, 0.0) for label in labels))


def _changed(
    before: Sequence[Unit], after: Sequence[Unit], labels: tuple[str, ...], seed: int
) -> Found:
    one, other = opinions_of(before, labels, seed), opinions_of(after, labels, seed)
    figures = {
        "uar": (one.uar, other.uar),
        "accuracy": (bootstrap.mean(one.correct), bootstrap.mean(other.correct)),
    }
    recalls = [_recalls(opinions) for opinions in (one, other)]
    return {
        "n": len(before),
        "voices": len({h.clip.speaker for h in one.heard}),
        **{
            name: {
                "first": one.interval(first).to_dict(),
                "second": one.interval(second).to_dict(),
                "difference": one.interval(bootstrap.difference(second, first)).to_dict(),
            }
            for name, (first, second) in figures.items()
        },
        "recall": {label: [recall[label] for recall in recalls] for label in labels},
        "mcnemar": _mcnemar(one, other),
    }


def _recalls(opinions: Opinions) -> dict[str, float | None]:
    return score(opinions.labels, opinions.truth, opinions.probabilities, 0.0).per_class_recall


def _mcnemar(one: Opinions, other: Opinions) -> Found:
    """Return the exact test of McNemar: are the two right in different places equally often?"""
    try:
        from scipy.stats import binomtest
    except ImportError as error:
        raise MissingExtra("scipy", "train") from error
    lost = int(np.count_nonzero(one.correct & ~other.correct))
    won = int(np.count_nonzero(~one.correct & other.correct))
    p = float(binomtest(won, won + lost).pvalue) if won + lost else 1.0
    return {"only_first": lost, "only_second": won, "p": p}


def _labels_changed(pairs: Sequence[tuple[Judged, Judged]]) -> Found:
    changes = Counter((one.label, other.label) for one, other in pairs if one.label != other.label)
    return {
        "changed": changes.total(),
        "share": changes.total() / len(pairs),
        "changes": [
            {"first": first, "second": second, "windows": count}
            for (first, second), count in changes.most_common()
        ],
    }


def _facts(report: Report) -> Found:
    model = report.figures["model"]
    return {
        "report": str(report.folder),
        "model": model.get("name", ""),
        "sha256": model.get("sha256", ""),
        "windows": len(report.windows),
        "sources": len(report.figures["sources"]),
    }
