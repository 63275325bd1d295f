"""From figures to `RESULTS.md`, which is written here and never by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from ser_ros.errors.machine import CannotWrite
from ser_ros.evaluation.pictures import draw
from ser_ros.evaluation.sections import SECTIONS, Results, head
from ser_ros.files import write_text

RESULTS, TRIED, PICTURES = "RESULTS.md", "TRIED.md", "results"

_WIDTH = 100


def write_results(results: Results, out: Path) -> None:
    """Write `RESULTS.md` and its pictures into a folder, from what `study.measure` returns.

    `TRIED.md`, kept by hand in the same folder, becomes a section of it. Raises `CannotWrite`.
    """
    results = finite(results)
    pictures = draw(results, out / PICTURES)
    tried = out / TRIED
    try:
        known = tried.read_text(encoding="utf-8") if tried.is_file() else ""
    except OSError as error:
        raise CannotWrite(out / RESULTS, f"{TRIED}: {error.strerror}") from error
    write_text(out / RESULTS, markdown(results, set(pictures), known))


def finite(content: Any) -> Any:
    """Return JSON's idea of figures: None for one that has no value."""
    if isinstance(content, Mapping):
        return {key: finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [finite(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def markdown(results: Results, pictures: set[str], tried: str = "") -> str:
    """Return the page. What was not measured has no section."""
    parts = [_wrapped(head(results))]
    for key, section in SECTIONS.items():
        if results.get(key):
            parts.append(_wrapped(section(results)))
            parts += [
                f"![{alt}]({PICTURES}/{name}.png)"
                for name, alt in _SHOWN.get(key, {}).items()
                if name in pictures
            ]
    if tried.strip():
        parts.append(f"## What was tried and did not help\n\n{tried.strip()}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


_SHOWN = {
    "folds": {"confusion": "What was acted and what was said, by corpus"},
    "conditions": {"conditions": "UAR against noise and against gain"},
    "calibration": {"reliability": "Accuracy against confidence"},
    "risk_coverage": {"risk-coverage": "Share of wrong answers against share of answers"},
    "listening": {"listening": "UAR against seconds of the same voice"},
}


def _wrapped(text: str) -> str:
    """Break the lines of paragraphs; tables and headings stay as they are."""
    blocks = text.strip().split("\n\n")
    return "\n\n".join(
        block if block[0] in "#|!" else fill(block, _WIDTH, break_on_hyphens=False)
        for block in blocks
    )
