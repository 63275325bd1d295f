"""The charts of a page, as SVG that stands within it and takes its text colour.

Colours are those of `evaluation.pictures`; what colours say, positions or marks say too.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.pictures import BLUE, ORANGE, paint_reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, _FAINT = "#010203", "#040506"
"""Colours that nothing painted has otherwise, in the place of those that the page gives."""

_CHART_IN = (4.2, 3.1)
"""Width and height of a chart, in inches."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold a dollar sign
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "xtick.color": _FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": _FAINT,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",  # text stays text: it can be found, read aloud and copied
}


def svg(
    name: str,
    described: str,
    paint: Callable[[Figure], None],
    size_in: tuple[float, float] = _CHART_IN,
) -> str:
    """Paint a figure and return it as an SVG element.

    `name` is unique within the page; `described` is what a person who does not see it hears.
    Raises `MissingExtra`.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    text = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(size_in, layout="constrained")
        paint(figure)
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(text, format="svg", metadata=nothing)
    return _within_html(text.getvalue(), described)


def _within_html(document: str, described: str) -> str:
    """Return the root element of an SVG document, for a page that holds several."""
    element = document[document.index("<svg") :]
    # The names of groups are the same in every document, and nothing refers to them.
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element)
    element = re.sub(r'(<svg [^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg [^>]*?) height="[^"]*"', r"\1", element, count=1)
    # A hundredth of a point is not seen, and half of the page is such digits.
    element = re.sub(r"(\d\.\d\d)\d+", r"\1", element)
    element = element.replace(INK, "currentColor").replace(_FAINT, "var(--faint)")
    told = f'<svg role="img" aria-label="{escape(described, quote=True)}" '
    return told + element.removeprefix("<svg ")


# ── charts ────────────────────────────────────────────────────────────────────────────────────


def reliability(found: Mapping[str, Any], what: str) -> str:
    bins = found["reliability"]
    wrong = f"expected calibration error {found['ece']:.3f}"

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        paint_reliability(axes, bins, what)
        for line in axes.lines:
            line.set_clip_on(False)  # a dot at 1 is whole
        for bar in axes.patches:
            bar.set(facecolor=BLUE, alpha=0.25)  # on a dark page too
        axes.legend(loc="upper left")
        axes.set(xlabel="confidence: what was claimed", ylabel="accuracy: what was right")

    return svg("reliability", f"Accuracy against confidence; {wrong}.", paint)


def risk_coverage(found: Mapping[str, Any], what: str) -> str:
    curve = found["risk_coverage"]
    coverage, right = curve["coverage"], [1 - risk for risk in curve["risk"]]
    share = 1 - (found["uncertain"] + found["no_speech"]) / found["n"]
    certain = found["accuracy_when_certain"]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(coverage, right, color=BLUE)
        if certain is not None:
            axes.plot([share], [certain], color=ORANGE, marker="o", linestyle="none")
            axes.annotate(
                f"as it is: {100 * share:.0f} % answered,\n{100 * certain:.0f} % of them right",
                (share, certain),
                xytext=(-6, -10) if certain > 0.35 else (-6, 10),
                textcoords="offset points",
                ha="right",
                va="top" if certain > 0.35 else "bottom",
            )
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), ylabel="accuracy of these")
        axes.set(xlabel=f"share of the {what} answered, surest first")

    said = (
        ""
        if certain is None
        else f" as it is, {share:.0%} are answered, {certain:.0%} of them right."
    )
    return svg("risk-coverage", f"Accuracy of what is answered against its share;{said}", paint)


def latency(found: Mapping[str, Any]) -> str:
    counts, edges = np.array(found["counts"]), np.array(found["edges_ms"])
    there = np.flatnonzero(counts)
    first, last = max(int(there[0]) - 2, 0), min(int(there[-1]) + 3, len(counts))

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        left = edges[first:last]
        width = edges[first + 1 : last + 1] - left
        axes.bar(left, counts[first:last], width, align="edge", color=BLUE, linewidth=0)
        axes.axvline(found["p50_ms"], color=ORANGE, linewidth=1.2)
        axes.annotate(
            f"median {found['p50_ms']:.1f} ms",
            (found["p50_ms"], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(5, 0),
            textcoords="offset points",
            va="top",
        )
        axes.set_xscale("log")
        _plain_ticks(axes, (edges[first], edges[last]))
        axes.set(xlabel="milliseconds for a window", ylabel="windows")
        axes.set_ylim(0, counts.max() * 1.18)

    told = f"Half of the windows took under {found['p50_ms']:.1f} ms, 99 % {found['p99_ms']:.1f}."
    return svg("latency", told, paint)


def _plain_ticks(axes: Axes, ends: tuple[float, float]) -> None:
    steps = [s * 10.0**power for power in range(-1, 5) for s in (1, 2, 5)]
    within = [step for step in steps if ends[0] <= step <= ends[1]]
    axes.set_xlim(*ends)
    axes.set_xticks(within, [f"{step:g}" for step in within])
    axes.minorticks_off()


def shares(found: Mapping[str, Any], labels: Sequence[str]) -> str:
    """Draw how often each label was said."""
    counts = [found["labels"][label] for label in labels]

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        places = range(len(labels))[::-1]
        axes.barh(places, counts, color=BLUE, height=0.6)
        for place, count in zip(places, counts, strict=True):
            axes.annotate(
                f"{count} ({100 * count / max(found['windows'], 1):.0f} %)",
                (count, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(places, labels)
        axes.tick_params(length=0)
        axes.set_xticks([])
        axes.spines[["bottom"]].set_visible(False)
        axes.set_xlim(0, max([*counts, 1]) * 1.3)

    told = ", ".join(f"{label} {count}" for label, count in zip(labels, counts, strict=True))
    return svg("shares", f"Windows by what was heard: {told}.", paint)
