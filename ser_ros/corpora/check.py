"""What is wrong with a corpus, before anyone trains on it for an hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros.corpora.clips import Clip
from ser_ros.corpora.heard import CLIPPED_SHARE, SILENT_DBFS, Heard
from ser_ros.labels import LabelSet


@dataclass(frozen=True)
class Problem:
    """Something that a person should know before training."""

    kind: str
    says: str
    spoils: bool
    """Whether a training on this, or its figures, would be worth nothing or would not start."""
    files: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """The figures of a group of clips that can be read."""

    name: str
    clips: int
    speakers: int
    minutes: float
    seconds: tuple[float, float, float] | None
    """Shortest, median, longest; None without a clip."""
    level: tuple[float, float, float] | None
    """dBFS: what 5 % are below, the median, what 5 % are above."""
    clipped: int
    silent: int


def _spread(values: Sequence[float]) -> tuple[float, float, float]:
    low, median, high = np.percentile(values, (5, 50, 95))
    return float(low), float(median), float(high)


def _row(name: str, heard: Sequence[Heard]) -> Row:
    seconds = [h.seconds for h in heard]
    levels = [h.level for h in heard]
    return Row(
        name,
        len(heard),
        len({h.clip.speaker for h in heard} - {""}),
        sum(seconds) / 60,
        (min(seconds), float(np.median(seconds)), max(seconds)) if heard else None,
        _spread(levels) if heard else None,
        sum(h.is_clipped for h in heard),
        sum(h.silent for h in heard),
    )


@dataclass(frozen=True)
class Report:
    """Everything that was found, and what is wrong with it."""

    labels: LabelSet
    heard: Sequence[Heard]
    skipped: Sequence[tuple[Path, str]] = ()
    problems: Sequence[Problem] = field(default=())

    @property
    def spoilt(self) -> bool:
        return any(problem.spoils for problem in self.problems)

    @property
    def readable(self) -> list[Heard]:
        return [h for h in self.heard if not h.error]

    def label(self, clip: Clip) -> str:
        """Return the label that a clip counts as, or nothing where the label set leaves it out."""
        index = self.labels.index(clip.emotion)
        return "" if index is None else self.labels.labels[index]

    def of_label(self, label: str) -> list[Heard]:
        return [h for h in self.readable if self.label(h.clip) == label]

    def by_label(self) -> list[Row]:
        return [_row(label, self.of_label(label)) for label in self.labels.labels]

    def left_out(self) -> list[Row]:
        """Return the emotions that the label set has no place for."""
        outside = self.of_label("")
        names = sorted({h.clip.emotion for h in outside})
        return [_row(name, [h for h in outside if h.clip.emotion == name]) for name in names]

    def by_corpus(self) -> list[tuple[Row, str, str]]:
        """Return (figures, languages, licences) of each corpus."""
        groups: dict[str, list[Heard]] = defaultdict(list)
        for h in self.readable:
            groups[h.clip.corpus].append(h)
        return [
            (
                _row(name, groups[name]),
                ", ".join(sorted({h.clip.language for h in groups[name]} - {""})),
                "; ".join(sorted({h.clip.licence for h in groups[name]} - {""})),
            )
            for name in sorted(groups)
        ]

    def by_speaker(self) -> list[tuple[Row, Counter[str]]]:
        """Return (figures, clips of each label) of each speaker; "" counts what is left out."""
        groups: dict[str, list[Heard]] = defaultdict(list)
        for h in self.readable:
            groups[h.clip.speaker].append(h)
        return [
            (_row(name, groups[name]), Counter(self.label(h.clip) for h in groups[name]))
            for name in sorted(groups)
        ]

    def fit_for_training(self) -> list[Clip]:
        """Return the clips that can be trained on: readable, not silent, each recording once.

        Of equal ones one with a fold is kept, and one with a speaker, wherever they were named.
        Of a recording with two labels or two speakers nobody knows which is true: it is left out.
        """
        groups = _by_digest(self.heard)
        kept = []
        for h in self.heard:
            same = groups.get(h.digest, [h])
            emotions, speakers = (
                {getattr(o.clip, k) for o in same} for k in ("emotion", "speaker")
            )
            unclear = len(emotions) > 1 or len(speakers - {""}) > 1
            one = min(same, key=lambda o: (o.clip.fold is None, not o.clip.speaker))
            if not (h.error or h.silent or unclear) and one is h:
                kept.append(h.clip)
        return kept

    def to_dict(self) -> dict[str, Any]:
        rows = {row.name: row.__dict__ for row in (*self.by_label(), *self.left_out())}
        return {
            "labels": list(self.labels.labels),
            "clips": len(self.heard),
            "spoilt": self.spoilt,
            "problems": [
                {"kind": p.kind, "says": p.says, "spoils": p.spoils, "files": list(p.files)}
                for p in self.problems
            ],
            "skipped": [{"path": path.as_posix(), "why": why} for path, why in self.skipped],
            "emotions": rows,
            "corpora": {
                row.name: row.__dict__ | {"languages": languages, "licences": licences}
                for row, languages, licences in self.by_corpus()
            },
            "speakers": {
                row.name: row.__dict__
                | {"emotions": {label or "left_out": counts[label] for label in sorted(counts)}}
                for row, counts in self.by_speaker()
            },
        }


def _by_digest(heard: Iterable[Heard]) -> dict[str, list[Heard]]:
    """Group what can be heard by its samples; one silence is like another, and is told as that."""
    groups: dict[str, list[Heard]] = defaultdict(list)
    for h in heard:
        if not h.error and not h.silent:
            groups[h.digest].append(h)
    return groups


def examine(
    heard: Sequence[Heard], labels: LabelSet, skipped: Sequence[tuple[Path, str]] = ()
) -> Report:
    """Find what is wrong with recordings that have been listened to."""
    report = Report(labels, heard, skipped)
    problems = [
        *_unreadable(heard),
        *_duplicates(heard),
        *_folds(heard),
        *_empty(report),
        *_quality(heard),
        *_speakers(heard),
        *_names(skipped),
    ]
    problems.sort(key=lambda problem: not problem.spoils)
    return Report(labels, heard, skipped, problems)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _paths(heard: Iterable[Heard]) -> tuple[str, ...]:
    return tuple(h.clip.path.as_posix() for h in heard)


def _unreadable(heard: Sequence[Heard]) -> Iterable[Problem]:
    bad: dict[str, list[Heard]] = defaultdict(list)
    for h in heard:
        if h.error:
            bad[h.error.replace(str(h.clip.path), "")].append(h)
    for same in bad.values():
        says = f"{_count(len(same), 'file')} cannot be read: {same[0].error}"
        yield Problem("unreadable", says, True, _paths(same))


_DUPLICATES = (
    ("labels", "with different emotions", lambda c: c.emotion, True),
    ("folds", "in different folds", lambda c: c.fold, True),
    ("speakers", "under different speakers", lambda c: c.speaker, True),
)
"""(kind, words, what differs, whether it spoils a training), the worst first."""


def _duplicates(heard: Sequence[Heard]) -> Iterable[Problem]:
    groups: dict[str, list[list[Heard]]] = defaultdict(list)
    for same in _by_digest(heard).values():
        if len(same) > 1:
            # What has no fold yet is in no other one; a voice without a name may be any.
            told = {k: {of(h.clip) for h in same} - {None, ""} for k, _, of, _ in _DUPLICATES}
            groups[next((k for k in told if len(told[k]) > 1), "")].append(same)
    for kind, words, _, spoils in (*_DUPLICATES, ("", "", None, False)):
        if groups[kind]:
            files = [h for same in groups[kind] for h in same]
            pair = " and ".join(f"'{h.clip.path}'" for h in groups[kind][0][:2])
            where = f" {words}" if words else ""
            says = (
                f"{_count(len(groups[kind]), 'recording')} in several files{where}: {pair} hold "
                "the same samples"
            )
            yield Problem(f"duplicate_{kind}".rstrip("_"), says, spoils, _paths(files))


def _folds(heard: Sequence[Heard]) -> Iterable[Problem]:
    folds: dict[str, set[int]] = defaultdict(set)
    for h in heard:
        if h.clip.speaker and h.clip.fold is not None:
            folds[h.clip.speaker].add(h.clip.fold)
    torn = sorted(speaker for speaker, found in folds.items() if len(found) > 1)
    if torn:
        inside = [h for h in heard if h.clip.speaker in torn]
        says = (
            f"{_count(len(torn), 'speaker')} in more than one fold, so a figure would be about "
            f"voices that are known: {', '.join(torn[:5])}{' ...' if len(torn) > 5 else ''}"
        )
        yield Problem("speaker_in_several_folds", says, True, _paths(inside))


def _empty(report: Report) -> Iterable[Problem]:
    for label in report.labels.labels:
        if not any(not h.silent for h in report.of_label(label)):
            yield Problem("empty_class", f"no clip of '{label}' can be heard", True)


def _of_the_silent(heard: Sequence[Heard]) -> str:
    return f"below {SILENT_DBFS:g} dBFS, in which nobody is heard: '{heard[0].clip.path.name}'"


def _of_the_clipped(heard: Sequence[Heard]) -> str:
    worst = max(heard, key=lambda h: h.clipped)
    return (
        f"clipped, {CLIPPED_SHARE:.1%} or more of the samples in runs at full scale; "
        f"'{worst.clip.path.name}' most, {worst.clipped:.1%}"
    )


def _of_the_damaged(heard: Sequence[Heard]) -> str:
    first = heard[0]
    return (
        "with samples that are no numbers, taken as silence: "
        f"'{first.clip.path.name}' has {first.repaired:,}"
    )


def _of_the_short(heard: Sequence[Heard]) -> str:
    return (
        "shorter than the file itself says, as after a copy that was interrupted; copy again: "
        f"'{heard[0].clip.path.name}'"
    )


_QUALITY: tuple[tuple[str, Callable[[Heard], object], Callable[[Sequence[Heard]], str]], ...] = (
    ("silent", lambda h: h.silent, _of_the_silent),
    ("clipped", lambda h: h.is_clipped, _of_the_clipped),
    ("no_numbers", lambda h: h.repaired, _of_the_damaged),
    ("cut_short", lambda h: h.cut_short, _of_the_short),
)
"""(kind, whether a recording is so, what is said of those that are); none spoils a training."""


def _quality(heard: Sequence[Heard]) -> Iterable[Problem]:
    for kind, is_so, says in _QUALITY:
        found = [h for h in heard if is_so(h)]
        if found:
            yield Problem(kind, f"{_count(len(found), 'file')} {says(found)}", False, _paths(found))


def _speakers(heard: Sequence[Heard]) -> Iterable[Problem]:
    unknown = [h for h in heard if not h.clip.speaker]
    if unknown:
        says = (
            f"the speaker of {_count(len(unknown), 'clip')} is not known, so no fold can hold them "
            "and no figure for unseen speakers can be made; --speaker can take it from paths"
        )
        yield Problem("no_speaker", says, False, _paths(unknown))


def _names(skipped: Sequence[tuple[Path, str]]) -> Iterable[Problem]:
    reasons: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for path, why in skipped:
        reasons[why.partition(" (")[0]].append((path, why))
    for same in reasons.values():
        path, why = same[0]
        says = f"{_count(len(same), 'file')} skipped: '{path.name}': {why}"
        yield Problem("skipped", says, False, tuple(path.as_posix() for path, _ in same))
