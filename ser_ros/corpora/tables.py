"""A report as text: plain lines, the same on a terminal, in a file and in a mail."""

from __future__ import annotations

from collections.abc import Iterator

from ser_ros.corpora.check import Report, Row
from ser_ros.corpora.clips import Clip

_SPEAKERS = 60
"""Speakers that are listed; the JSON has them all."""


def lines(report: Report) -> Iterator[str]:
    """Write what was found: per corpus, per emotion, per speaker, and what is wrong."""
    yield from _corpora(report)
    yield ""
    yield from _emotions(report)
    yield ""
    yield from _per_speaker(report)
    yield ""
    yield from _problems(report)


def _corpora(report: Report) -> Iterator[str]:
    rows = report.by_corpus()
    wide = max([6, *(len(row.name) for row, _, _ in rows)])
    yield f"{'corpus':{wide}} {'clips':>7} {'speakers':>8} {'hours':>6}  language  licence"
    for row, languages, licences in rows:
        shown = f"{row.minutes / 60:6.2f}"
        told = f"{languages or '-':8}  {licences or 'not known'}"
        speakers = row.speakers or "-"
        yield f"{row.name or '-':{wide}} {row.clips:7,} {speakers:>8} {shown}  {told}"


def _triple(values: tuple[float, float, float] | None, form: str) -> str:
    return " ".join(f"{value:{form}}" if values else f"{'-':>6}" for value in values or (0.0,) * 3)


def _emotions(report: Report) -> Iterator[str]:
    left = report.left_out()
    wide = max([len("left out:"), *(len(row.name) + 2 for row in (*report.by_label(), *left))])
    head = f"{'':{wide}} {'clips':>7} {'speakers':>8} {'minutes':>7}"
    yield f"{head} | {'seconds':^20} | {'level in dBFS':^20} |"
    said = f"{'emotion':{wide}} {'':7} {'':8} {'':7}"
    yield (
        f"{said} | {'least':>6} {'median':>6} {'most':>6} | {'5 %':>6} {'median':>6} {'95 %':>6} "
        f"| {'clipped':>7} {'silent':>6}"
    )
    for row in report.by_label():
        yield _emotion(row, row.name, wide)
    if left:
        yield "left out:"
        for row in left:
            yield _emotion(row, f"  {row.name}", wide)


def _emotion(row: Row, name: str, wide: int) -> str:
    seconds, level = _triple(row.seconds, "6.2f"), _triple(row.level, "6.1f")
    return (
        f"{name:{wide}} {row.clips:7,} {row.speakers or '-':>8} {row.minutes:7.1f} | {seconds} "
        f"| {level} | {row.clipped:7} {row.silent:6}"
    )


def _per_speaker(report: Report) -> Iterator[str]:
    told = [(row, counts) for row, counts in report.by_speaker() if row.name]
    if not told:
        yield "speakers: not known"
        return
    columns = [*report.labels.labels, ""]
    if not report.left_out():
        columns.pop()
    first: dict[str, Clip] = {}
    for h in report.readable:
        first.setdefault(h.clip.speaker, h.clip)
    folded = any(clip.fold is not None for clip in first.values())
    wide = max([7, *(len(row.name) for row, _ in told)])
    heads = " ".join(f"{column or 'left out':>8}" for column in columns)
    said = f"{'speaker':{wide}} {'gender':6} {'fold ' if folded else ''}{heads} {'all':>7}"
    yield f"{said} {'minutes':>7} {'dBFS':>6}"
    for row, counts in told[:_SPEAKERS]:
        clip = first[row.name]
        fold = f"{'-' if clip.fold is None else clip.fold:>4} " if folded else ""
        numbers = " ".join(f"{counts[column]:8,}" for column in columns)
        level = f"{row.level[1]:6.1f}" if row.level else f"{'-':>6}"
        figures = f"{row.clips:7,} {row.minutes:7.1f} {level}"
        yield f"{row.name:{wide}} {clip.gender or '-':6} {fold}{numbers} {figures}"
    if len(told) > _SPEAKERS:
        yield f"and {len(told) - _SPEAKERS} more speakers; --json lists them all"


def _problems(report: Report) -> Iterator[str]:
    for problem in report.problems:
        yield f"{'PROBLEM' if problem.spoils else 'note':7}  {problem.says}"
    if not report.spoilt:
        yield "fine     nothing here would spoil a training"
