"""`windows.csv`: a row per window, written and read back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ser_ros.errors.reports import UnreadableReport
from ser_ros.evaluation.judged import Judged, Source

_SECOND_NS = 1_000_000_000

_BEFORE = ("source", "time", "start_s", "duration_s", "utterance", "speaker", "truth", "label")
_AFTER = ("confidence", "speech_ratio", "level_dbfs", "latency_ms", "lost")
_PREFIX = "p_"
"""Before the name of an emotion: the column of its probability."""


def written(sources: Sequence[Source], labels: Sequence[str]) -> str:
    """Return the table. `time` is the stamp in seconds, with all its nine digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*_BEFORE, *(f"{_PREFIX}{label}" for label in labels), *_AFTER))
    for source in sources:
        writer.writerows(_row(source.name, window) for window in source.windows)
    return text.getvalue()


def _row(source: str, window: Judged) -> Iterator[str]:
    yield source
    yield f"{window.stamp_ns // _SECOND_NS}.{window.stamp_ns % _SECOND_NS:09d}"
    yield f"{window.start_s:.4f}"
    yield f"{window.duration_s:g}"
    yield str(window.utterance) if window.utterance >= 0 else ""
    yield window.speaker
    yield window.truth
    yield window.label
    for p in window.probabilities:
        yield f"{p:.9g}"  # enough digits for a float32 to come back as it was
    yield f"{window.confidence:.9g}"
    yield f"{window.speech_ratio:.4f}"
    yield f"{window.level_dbfs:.2f}"
    yield f"{window.latency_s * 1e3:.3f}"
    yield str(window.lost)


def read(path: Path, labels: Sequence[str]) -> list[Judged]:
    """Read a table back. Raises `UnreadableReport`, which names the line."""
    found: list[Judged] = []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                try:
                    found.append(_window(row, labels))
                except (KeyError, TypeError, ValueError) as error:
                    raise UnreadableReport(path, f"line {reader.line_num}: {error!r}") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnreadableReport(path, getattr(error, "strerror", None) or str(error)) from error
    return found


def _window(row: dict[str, str], labels: Sequence[str]) -> Judged:
    seconds, _, nanoseconds = row["time"].partition(".")
    return Judged(
        source=row["source"],
        stamp_ns=int(seconds) * _SECOND_NS + int(f"{nanoseconds:0<9}"[:9]),
        start_s=float(row["start_s"]),
        duration_s=float(row["duration_s"]),
        label=row["label"],
        confidence=_share(row["confidence"]),
        probabilities=tuple(_share(row[f"{_PREFIX}{label}"]) for label in labels),
        speech_ratio=float(row["speech_ratio"]),
        level_dbfs=float(row["level_dbfs"]),
        latency_s=float(row["latency_ms"]) / 1e3,
        lost=int(row["lost"]),
        truth=row["truth"],
        speaker=row["speaker"],
        utterance=int(row["utterance"] or -1),
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1 + 1e-6:  # rounded when it was written
        raise ValueError(f"'{text}' is no number from 0 to 1")
    return value
