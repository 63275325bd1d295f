"""The pictures of a study, as small PNGs: the same figures give the same bytes.

Colours are those of Okabe and Ito, which people with any colour vision tell apart; what colours
say, markers or numbers say too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.conditions import GAINS, GAINS_DB, NOISES, SNRS_DB
from ser_ros.files import make_folder, written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

_DPI = 110
_PANEL_IN = (3.6, 3.2)
"""Width and height of a panel, in inches."""

_ROOMY = 4
"""Labels whose names fit beside one another on a panel."""

_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # it comes with matplotlib
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.edgecolor": GREY,
    "legend.frameon": False,
}

Results = Mapping[str, Any]
Draw = Callable[["Figure", Results], None]


def draw(results: Results, folder: Path) -> dict[str, Path]:
    """Write the pictures of whatever was measured; return them by name.

    Raises `MissingExtra`, or `CannotWrite`.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib", "train") from error
    make_folder(folder)
    drawn = {}
    for name, (needed, panels, paint) in PICTURES.items():
        if not needed(results):
            continue
        with matplotlib.rc_context(_STYLE):
            width, height = _PANEL_IN
            figure = Figure((width * panels(results), height), _DPI, layout="constrained")
            FigureCanvasAgg(figure)
            paint(figure, results)
            path = folder / f"{name}.png"
            with written_aside(path) as aside:
                # The version of what drew it is no part of a picture.
                figure.savefig(aside, format="png", metadata={"Software": None})
        drawn[name] = path
    return drawn


def paint_reliability(axes: Axes, bins: Sequence[Results], what: str = "clips") -> None:
    """Draw what is right against what was claimed, and how often each was claimed."""
    said = [b["confidence"] for b in bins]
    right = [b["accuracy"] for b in bins]
    share = np.array([b["n"] for b in bins]) / sum(b["n"] for b in bins)
    width = bins[0]["high"] - bins[0]["low"]
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="as sure as right")
    left = [b["low"] for b in bins]
    axes.bar(left, share, width, align="edge", color="#cfe3f1", label=f"share of {what}")
    axes.plot(said, right, color=BLUE, marker="o", markersize=4, label="measured")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy")
    axes.legend(loc="upper left")


def _reliability(figure: Figure, results: Results) -> None:
    axes = figure.subplots()
    paint_reliability(axes, results["calibration"]["bins"])
    axes.set_title(f"Reliability, ECE {_value(results['calibration']['ece_pooled'])}")


def _risk_coverage(figure: Figure, results: Results) -> None:
    found = results["risk_coverage"]
    axes = figure.subplots()
    axes.plot(found["coverage"], found["risk"], color=BLUE)
    everything, chosen = found["risk"][-1], int(np.searchsorted(found["coverage"], 0.7 - 1e-9))
    x, y = found["coverage"][chosen], found["risk"][chosen]
    axes.plot([x], [y], color=ORANGE, marker="o", linestyle="none")
    axes.annotate(
        f"uncertain below {found['uncertain_below']:.2f}:\n{y:.0%} wrong, not {everything:.0%}",
        (x, y),
        xytext=(-8, 14),
        textcoords="offset points",
        ha="right",
        color=ORANGE,
    )
    top = max(found["risk"]) * 1.25 + 0.02
    axes.set(xlim=(0, 1), ylim=(0, top), xlabel="share answered", ylabel="share of it wrong")
    axes.set_title(f"Risk and coverage, AURC {found['area']:.3f}")


def _confusion(figure: Figure, results: Results) -> None:
    corpora = results["folds"]["corpora"]
    panels = np.atleast_1d(figure.subplots(1, len(corpora)))
    for axes, (name, found) in zip(panels, corpora.items(), strict=True):
        counts = np.array(found["confusion"], float)
        # Of all clips, also those in which no speech was heard: the diagonal is the recall.
        rows = np.array([found["n_per_class"][label] for label in found["labels"]], float)[:, None]
        share = np.divide(counts, rows, out=np.full_like(counts, np.nan), where=rows > 0)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (i, j), value in np.ndenumerate(share):
            if np.isnan(value):
                continue
            colour = "white" if value > 0.55 else "#222222"
            size = 9 if len(share) <= _ROOMY else 6
            where = {"ha": "center", "va": "center"}
            axes.text(j, i, f"{value:.0%}", color=colour, fontsize=size, **where)
        ticks = range(len(found["labels"]))
        if len(found["labels"]) > _ROOMY:
            axes.set_xticks(ticks, found["labels"], rotation=45, ha="right")
            axes.set_yticks(ticks, found["labels"])
        else:
            axes.set_xticks(ticks, found["labels"])
            axes.set_yticks(ticks, found["labels"], rotation=90, va="center")
        axes.grid(False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.set(xlabel="said", ylabel="acted")
        axes.set_title(f"{name}, UAR {_value(found['intervals']['uar'])}")


def _conditions(figure: Figure, results: Results) -> None:
    found = results["conditions"]
    left, right = figure.subplots(1, 2, sharey=True)
    clean = found["clean"]["uar"]
    for axes, names, values, title, label in (
        (left, NOISES, SNRS_DB, "Noise", "signal to noise, dB"),
        (right, GAINS, GAINS_DB, "Gain of the microphone", "gain, dB"),
    ):
        there = [
            (v, found["rows"][n]["uar"])
            for n, v in zip(names, values, strict=True)
            if n in found["rows"]
        ]
        if axes is right and there:
            there = sorted([*there, (0, clean)])
        _with_interval(axes, [v for v, _ in there], [uar for _, uar in there])
        axes.axhline(clean["value"], color=GREY, linewidth=1, linestyle="--")
        axes.set(xlabel=label)
        axes.set_title(title)
    left.invert_xaxis()
    left.set(ylim=(0, 1), ylabel="UAR")
    left.annotate(
        f"clean {clean['value']:.3f}",
        (0.02, clean["value"]),
        color=GREY,
        va="bottom",
        xycoords=("axes fraction", "data"),
        xytext=(0, 12),
        textcoords="offset points",
    )
    chance = 1 / len(results["labels"])
    left.axhline(chance, color=GREY, linewidth=0.8, linestyle=":")
    right.axhline(chance, color=GREY, linewidth=0.8, linestyle=":")
    left.annotate("chance", (0.02, chance + 0.005), xycoords=("axes fraction", "data"), color=GREY)


def _listening(figure: Figure, results: Results) -> None:
    rows = results["listening"]["rows"]
    axes = figure.subplots()
    lengths = [float(seconds) for seconds in rows]
    _with_interval(axes, lengths, [row["uar"] for row in rows.values()])
    axes.set_xscale("log")
    axes.set_xticks(lengths, [f"{length:g}" for length in lengths])
    axes.minorticks_off()
    axes.set(ylim=(0, 1), xlabel="seconds of the same voice", ylabel="UAR")
    axes.set_title("The length of listening")


def _with_interval(axes: Axes, x: Sequence[float], intervals: Sequence[Results]) -> None:
    value = [i["value"] for i in intervals]
    low = [i["value"] if i["low"] is None else i["low"] for i in intervals]
    high = [i["value"] if i["high"] is None else i["high"] for i in intervals]
    axes.fill_between(x, low, high, color=BLUE, alpha=0.15, linewidth=0)
    axes.plot(x, value, color=BLUE, marker="o", markersize=4)


def _value(interval: Results) -> str:
    return f"{interval['value']:.3f}"


def _one(_: Results) -> int:
    return 1


PICTURES: dict[str, tuple[Callable[[Results], Any], Callable[[Results], int], Draw]] = {
    "confusion": (
        lambda results: results.get("folds", {}).get("corpora"),
        lambda results: len(results["folds"]["corpora"]),
        _confusion,
    ),
    "conditions": (
        lambda results: results.get("conditions", {}).get("rows"),
        lambda _: 2,
        _conditions,
    ),
    "reliability": (lambda results: results.get("calibration", {}).get("bins"), _one, _reliability),
    "risk-coverage": (lambda results: results.get("risk_coverage"), _one, _risk_coverage),
    "listening": (lambda results: results.get("listening", {}).get("rows"), _one, _listening),
}
"""By name: what of the results it needs, how many panels wide it is, and what paints it."""
