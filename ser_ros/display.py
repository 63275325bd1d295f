"""What a terminal shows: bars for probabilities, progress where something takes long."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ser_ros.classifier import Probabilities

T = TypeVar("T")

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR = 8
"""Characters of a full bar."""

_COLUMN = 10
"""Characters of a bar in a column of its own."""

_PATIENCE_S = 2.0
"""Seconds after which a person wants to see how far it is."""


def bar(share: float, width: int = _BAR) -> str:
    """Draw 0 to 1 as a bar of fixed width, to an eighth of a character."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[part] if part else "")).ljust(width)


def bars(labels: Sequence[str], probabilities: Sequence[float] | Probabilities) -> str:
    """Draw each label with its bar and its share in percent."""
    pairs = zip(labels, probabilities, strict=True)
    return "  ".join(f"{label} {bar(float(p))} {float(p):4.0%}" for label, p in pairs)


def file_heading(path: Path, more: str | None = None) -> str:
    """Return what stands above the lines of a file."""
    return f"\n{path.name}" + (f" · {more}" if more else "")


def offset(seconds: float) -> str:
    """Write a time within a file: `0:01.25`."""
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes:.0f}:{seconds:05.2f}"


def columns(labels: Sequence[str]) -> str:
    """Return the heading of the lines that `line` writes."""
    names = " ".join(f"{label:<{_COLUMN}.{_COLUMN}}" for label in labels)
    return f"{'time':>8}  {'label':<9} sure  {names}  latency"


def line(
    when: str, label: str, confidence: float, probabilities: Sequence[float], latency_s: float
) -> str:
    """Write an estimate as a line of 80 columns; the latency is written in milliseconds."""
    shown = " ".join(bar(p, _COLUMN) for p in probabilities)
    sure = f"{confidence:4.0%}" if any(probabilities) else "   -"
    return f"{when:>8}  {label:<9} {sure}  {shown} {latency_s * 1e3:5.0f} ms"


def progress(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield the items, with a progress bar on a terminal's stderr once it takes long."""
    if not sys.stderr.isatty() or len(items) < 2:
        yield from items
        return
    yield from _with_bar(items, what)


def _with_bar(items: Sequence[T], what: str) -> Iterable[T]:
    from time import monotonic

    from rich.console import Console
    from rich.progress import Progress

    started = monotonic()
    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what, total=len(items), visible=False)
        for item in items:
            yield item
            shown.update(task, advance=1, visible=monotonic() - started > _PATIENCE_S)
