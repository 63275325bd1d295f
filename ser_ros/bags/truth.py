"""What is true of a bag's sound: said in the bag, or by a label track beside it."""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ser_ros.bags.records import Truth
from ser_ros.clock import SECOND
from ser_ros.errors.bags import BadTrack
from ser_ros.errors.config import BadValue
from ser_ros.errors.models import LabelError
from ser_ros.labels import canonical

EPOCH_S = 1e9
"""Seconds from which on a time is one since 1970; a bag is not 31 years long."""

_LATEST_S = 1e10
"""In the year 2286: what lies further away is no time."""

_OUTSIDE_NS = SECOND // 2
"""How far a label may reach beyond the sound: people do not hit its end exactly."""

_SHARE = 0.5
"""Share of a window from which on what is true of that part is true of the window."""


@dataclass(frozen=True)
class Span:
    """A stretch of the sound and what is true of it."""

    start_ns: int
    end_ns: int
    label: str
    """One of `labels.VOCABULARY`."""
    speaker: str = ""


class Truths:
    """All that is true of a bag's sound."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self.spans: Sequence[Span] = sorted(spans, key=lambda span: span.start_ns)
        self._starts = [span.start_ns for span in self.spans]
        self._longest_ns = max((s.end_ns - s.start_ns for s in self.spans), default=0)

    @classmethod
    def of(cls, said: Iterable[Truth], where: str) -> Truths:
        """Gather what a bag says; `where` names it in an error.

        Raises `BadValue` for a label that is none.
        """
        spans = []
        for truth in said:
            try:
                label = canonical(truth.label)
            except LabelError as error:
                raise BadValue(f"A label of '{where}'", truth.label, str(error)) from error
            end_ns = truth.start_ns + truth.duration_ns
            spans.append(Span(truth.start_ns, end_ns, label, truth.speaker))
        return cls(spans)

    def __len__(self) -> int:
        return len(self.spans)

    def at(self, start_ns: int, end_ns: int) -> tuple[str, str, int]:
        """Return the label, the speaker and the stretch of at least half a window.

        Stretches of the same label and speaker count together, and the index is that of the one
        that covers the most. Two empty texts and -1 where nothing covers half of it.
        """
        covered: dict[tuple[str, str], int] = defaultdict(int)
        longest: dict[tuple[str, str], tuple[int, int]] = {}
        for index, common_ns in self._within(start_ns, end_ns):
            key = (self.spans[index].label, self.spans[index].speaker)
            covered[key] += common_ns
            longest[key] = max(longest.get(key, (0, 0)), (common_ns, -index))
        most = max(covered, key=lambda key: covered[key], default=None)
        if most is None or covered[most] < _SHARE * (end_ns - start_ns):
            return "", "", -1
        return *most, -longest[most][1]

    def _within(self, start_ns: int, end_ns: int) -> Iterator[tuple[int, int]]:
        """Yield each stretch that reaches into a window, as its index and the common time."""
        first = bisect_left(self._starts, start_ns - self._longest_ns)
        for index in range(first, bisect_left(self._starts, end_ns)):
            span = self.spans[index]
            common_ns = min(end_ns, span.end_ns) - max(start_ns, span.start_ns)
            if common_ns > 0:
                yield index, common_ns


# ── label tracks ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class _Line:
    number: int
    start_s: float
    end_s: float
    label: str
    speaker: str


class Track:
    """A file of labels, in seconds from the first sample of the sound, or since 1970."""

    def __init__(self, path: Path | str) -> None:
        """Read a CSV with `start,end,label[,speaker]`, or what Audacity exports.

        Raises `BadTrack`, which names the lines: a label that is none, stretches that overlap.
        """
        self.path = Path(path)
        try:
            text = self.path.read_text(encoding="utf-8-sig")
            rows = list(_audacity(text) if _is_audacity(text) else _csv(text))
            lines = sorted((_line(*row) for row in rows), key=lambda line: line.start_s)
        except (OSError, UnicodeDecodeError, csv.Error, ValueError, LabelError) as error:
            raise BadTrack(path, getattr(error, "strerror", None) or _bare(error)) from error
        if not lines:
            raise BadTrack(path, "it has no labels")
        for before, after in pairwise(lines):
            if after.start_s < before.end_s:
                numbers = sorted((before.number, after.number))
                raise BadTrack(path, f"the lines {numbers[0]} and {numbers[1]} overlap")
        self.absolute = lines[0].start_s > EPOCH_S
        """Whether its times are since 1970."""
        self._lines = lines

    def placed(self, begin_ns: int, end_ns: int) -> Truths:
        """Return what is true of sound that begins and ends at these times.

        Raises `BadTrack` for a label that lies outside of it.
        """
        origin_ns = 0 if self.absolute else begin_ns
        spans = []
        for line in self._lines:
            span = Span(
                origin_ns + round(line.start_s * SECOND),
                origin_ns + round(line.end_s * SECOND),
                line.label,
                line.speaker,
            )
            if span.start_ns < begin_ns - _OUTSIDE_NS or span.end_ns > end_ns + _OUTSIDE_NS:
                low, high = ((ns - origin_ns) / SECOND for ns in (begin_ns, end_ns))
                raise BadTrack(
                    self.path,
                    f"line {line.number} is {line.start_s:.2f} to {line.end_s:.2f} s, and the "
                    f"sound {low:.2f} to {high:.2f} s",
                )
            spans.append(span)
        return Truths(spans)


def _bare(error: BaseException) -> str:
    return str(error).rstrip(".")


_Row = tuple[int, str, str, str, str]
"""Number of the line, start, end, label, speaker."""


def _is_audacity(text: str) -> bool:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return "\t" in first and not first.strip().lower().startswith("start")


def _audacity(text: str) -> Iterator[_Row]:
    for number, line in enumerate(text.splitlines(), 1):
        # A line that begins so tells the frequencies of the label before it.
        if line.strip() and not line.startswith("\\"):
            start, end, label, *_ = [*line.split("\t"), "", ""]
            yield number, start, end, label, ""


def _csv(text: str) -> Iterator[_Row]:
    reader = csv.DictReader(
        text.splitlines(), dialect="excel-tab" if "\t" in text[:99] else "excel"
    )
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    missing = [name for name in ("start", "end", "label") if name not in reader.fieldnames]
    if missing:
        raise ValueError(f"it has no column {' and no column '.join(missing)}")
    for row in reader:
        told = (row[name] or "" for name in ("start", "end", "label"))
        yield (reader.line_num, *told, row.get("speaker") or "")  # type: ignore[misc]


def _line(number: int, start: str, end: str, label: str, speaker: str) -> _Line:
    try:
        start_s, end_s = float(start), float(end)
        if not (abs(start_s) <= _LATEST_S and abs(end_s) <= _LATEST_S):
            raise ValueError
    except ValueError:
        raise ValueError(f"line {number}: '{start}' or '{end}' is no number of seconds") from None
    if end_s <= start_s:
        raise ValueError(f"line {number} ends at {end_s:g} s, and begins at {start_s:g} s")
    try:
        return _Line(number, start_s, end_s, canonical(label), speaker.strip())
    except LabelError as error:
        raise ValueError(f"line {number}: {_bare(error)}") from error
