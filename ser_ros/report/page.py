"""The page that a person reads: self-contained, without a script, from any place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_ros import __version__
from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.judged import Source
from ser_ros.features import FeatureConfig
from ser_ros.labels import NO_SPEECH, UNCERTAIN
from ser_ros.report import charts, timeline, words
from ser_ros.report.mistakes import Evidence, Mistake, evidence

Found = Mapping[str, Any]

OPEN = 4
"""Timelines that are seen at once; the others are folded."""

TIMELINES_BYTES = 4_000_000
"""What the timelines may add to the page; a browser on a telephone must open it."""

ROWS_SHOWN = 200
"""Rows of a table; the JSON has them all."""


@dataclass(frozen=True)
class Timeline:
    source: Source
    rows: list[str]
    """SVG; fewer than the source has where the page is full."""
    whole: bool
    told: str
    """How much of it was heard right, in a few words."""


def page(
    content: Found,
    sources: Sequence[Source],
    wrong: Sequence[Mistake],
    features: FeatureConfig,
) -> str:
    """Return the page. What was not measured has no section. Raises `MissingExtra`."""
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtra("jinja2", "train") from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # names of files, of speakers and of labels are anybody's
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": lambda share: unbroken(words.percent(share)),
        "seconds": lambda value: unbroken(words.seconds(value)),
        "interval": words.interval,
        "many": words.many,
    }
    labels = tuple(content["model"]["labels"])
    shown = _timelines(sources, labels)
    return environment.get_template("page.html").render(
        content,
        lead=[unbroken(sentence) for sentence in words.lead(content)],
        chart=_charts(content, labels),
        cards=[(mistake, _evidence(mistake, sources, features)) for mistake in wrong],
        timelines=shown,
        open=OPEN,
        undrawn=len(sources) - len(shown),
        rows_shown=ROWS_SHOWN,
        megabytes=TIMELINES_BYTES // 1_000_000,
        version=__version__,
    )


def unbroken(text: str) -> str:
    """Keep a number and its unit on one line."""
    return re.sub(r"(?<=\d) (?=%|(?:s|min|h)\b)", "\N{NO-BREAK SPACE}", text)


def _charts(content: Found, labels: tuple[str, ...]) -> dict[str, str]:
    found = {"shares": charts.shares(content["heard"], (*labels, UNCERTAIN, NO_SPEECH))}
    if content["latency"]:
        found["latency"] = charts.latency(content["latency"])
    scored = content["scored"]
    if scored and scored["windows"]["reliability"]:
        found["reliability"] = charts.reliability(scored["windows"], "windows")
        found["risk_coverage"] = charts.risk_coverage(scored["windows"], "windows")
    return found


def _evidence(
    mistake: Mistake, sources: Sequence[Source], features: FeatureConfig
) -> Evidence | None:
    (source,) = [source for source in sources if source.name == mistake.window.source]
    return evidence(source, mistake.window, features)


def _timelines(sources: Sequence[Source], labels: tuple[str, ...]) -> list[Timeline]:
    """Draw the sources in their order, until the page is full."""
    left = TIMELINES_BYTES
    found = []
    for number, source in enumerate(sources):
        if left <= 0:
            break
        rows = []
        for row in timeline.rows(source, labels, number):
            rows.append(row)
            left -= len(row)
            if left <= 0:
                break
        whole = len(rows) == len(timeline.minutes(source))
        found.append(Timeline(source, rows, whole, words.hits(source, labels)))
    return found
