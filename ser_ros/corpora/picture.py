"""A report as a picture: how many, how long, how loud, and one recording of each class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.corpora.check import Report
from ser_ros.corpora.heard import SILENT_DBFS, Heard
from ser_ros.errors.machine import MissingExtra
from ser_ros.features import FeatureConfig, ImageMaker, hz_to_mel
from ser_ros.files import written_aside

_COLOURS = (
    *("#c8553d", "#7f8c8d", "#3d6fb4", "#e0a526", "#7d5ba6", "#5b8c5a", "#d98cb3"),
    *("#2a9d8f", "#8c5a3c", "#33415c", "#a8b545", "#7fc4e8"),
)
"""One for each class: anger is warm, sadness cold; told apart also by who sees few colours."""

_INK = "#333333"
_PALE = "#e4e4e4"
_WHITE = "#ffffff"

_DPI = 130

_TITLE = 90
"""Characters that fit on a line."""

_LONGEST_S = 10.0
"""Seconds up to which durations are drawn; what is longer is counted into the last bar."""


def draw(report: Report, path: Path, title: str) -> None:
    """Write the picture as a PNG. Raises `MissingExtra` or `CannotWrite`."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra(error.name or "matplotlib", "train") from error

    labels = report.labels.labels
    columns = len(labels)
    figure: Any = Figure(figsize=(max(12.0, 2.1 * columns + 1.2), 9.0), facecolor=_WHITE)
    FigureCanvasAgg(figure)  # without a display, and without matplotlib's global state
    title = shorten(_drawable(title), _TITLE, placeholder=" ...") or "recordings"
    figure.text(
        0.06,
        0.962,
        title,
        parse_math=False,
        fontsize=15,
        fontweight="bold",
        color=_INK,
        va="center",
    )
    figure.text(0.06, 0.929, _summary(report), fontsize=10, color="#666666", va="center")
    colours = {label: _COLOURS[k % len(_COLOURS)] for k, label in enumerate(labels)}

    top = figure.add_gridspec(1, 3, left=0.10, right=0.975, top=0.84, bottom=0.57, wspace=0.3)
    _counts(figure.add_subplot(top[0]), report, colours)
    _durations(figure.add_subplot(top[1]), report, colours)
    _levels(figure.add_subplot(top[2]), report, colours)

    below = figure.add_gridspec(
        2,
        columns,
        left=0.10,
        right=0.975,
        top=0.44,
        bottom=0.075,
        height_ratios=(1, 2.1),
        hspace=0.09,
        wspace=0.1,
    )
    config = FeatureConfig()
    maker = ImageMaker(config)
    for column, label in enumerate(labels):
        wave = figure.add_subplot(below[0, column])
        image = figure.add_subplot(below[1, column])
        example = _typical(report.of_label(label))
        window = None if example is None else _window(example, config)
        _waveform(wave, window, example, label, colours[label], first=column == 0)
        _image(image, window, maker, first=column == 0)

    with written_aside(path) as aside:
        figure.savefig(aside, format="png", dpi=_DPI)


def _drawable(text: str) -> str:
    """Return the characters that the font which matplotlib brings has."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    return "".join(each for each in text if font.get_char_index(ord(each))).strip()


def _summary(report: Report) -> str:
    readable = report.readable
    hours = sum(h.seconds for h in readable) / 3600
    speakers = len({h.clip.speaker for h in readable} - {""})
    spoiling = sum(problem.spoils for problem in report.problems)
    troubles = "1 problem" if spoiling == 1 else f"{spoiling} problems"
    words = (
        f"{len(readable):,} recordings",
        f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes",
        f"{speakers:,} speakers" if speakers else "speakers not known",
        f"{troubles} that would spoil a training" if spoiling else "fit for training",
    )
    return "  ·  ".join(words)


def _plain(axes: Any, heading: str) -> None:
    axes.set_title(heading, fontsize=11, color=_INK, loc="left", pad=20)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#bbbbbb")


def _rows(axes: Any, report: Report) -> None:
    """Give each class a row, the first on top; all three panels share them."""
    labels = report.labels.labels
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _counts(axes: Any, report: Report, colours: dict[str, str]) -> None:
    _plain(axes, "clips per class")
    rows = report.by_label()
    axes.barh(range(len(rows)), [row.clips for row in rows], 0.62, color=list(colours.values()))
    most = max([1, *(row.clips for row in rows)])
    for k, row in enumerate(rows):
        axes.text(row.clips + most * 0.02, k, f"{row.clips:,}", va="center", fontsize=9, color=_INK)
    axes.set_xlim(0, most * 1.2)
    _rows(axes, report)
    left = sum(row.clips for row in report.left_out())
    axes.set_xlabel(
        f"clips; {left:,} of other emotions left out" if left else "clips", fontsize=9, color=_INK
    )
    axes.locator_params(axis="x", nbins=5)
    axes.grid(axis="x", color=_PALE, linewidth=0.8)
    axes.set_axisbelow(True)


def _durations(axes: Any, report: Report, colours: dict[str, str]) -> None:
    _plain(axes, "duration of a clip")
    longest = max([1.0, *(h.seconds for h in report.readable)])
    edges = np.linspace(0, min(longest, _LONGEST_S), 41)
    _ridges(axes, report, colours, edges, lambda heard: heard.seconds)
    beyond = f"; longest {longest:.0f} s" if longest > _LONGEST_S else ""
    axes.set_xlabel(f"seconds; a tick is the median{beyond}", fontsize=9, color=_INK)
    window = FeatureConfig().window_s
    if window < edges[-1]:
        axes.axvline(window, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        _mark(axes, window, f"window {window:g} s")


def _levels(axes: Any, report: Report, colours: dict[str, str]) -> None:
    _plain(axes, "level of a clip")
    quietest = min([-40.0, *(h.level for h in report.readable)])
    low = max(quietest, SILENT_DBFS - 10) - 2
    _ridges(axes, report, colours, np.linspace(low, 0, 41), lambda heard: heard.level)
    axes.set_xlabel("RMS in dBFS; a tick is the median", fontsize=9, color=_INK)
    if low < SILENT_DBFS:
        axes.axvline(SILENT_DBFS, color=_INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        _mark(axes, SILENT_DBFS, f"silent below {SILENT_DBFS:g}")


def _mark(axes: Any, x: float, words: str) -> None:
    """Say beside a line, above the first row, what it is."""
    axes.annotate(
        words,
        (x, 1.0),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        fontsize=8,
        color="#666666",
        va="bottom",
        ha="center",
        annotation_clip=False,
    )


def _ridges(
    axes: Any,
    report: Report,
    colours: dict[str, str],
    edges: Any,
    of: Callable[[Heard], float],
) -> None:
    """Draw a histogram for each class on a row of its own, as high as the row allows."""
    for k, label in enumerate(report.labels.labels):
        values = [of(heard) for heard in report.of_label(label)]
        axes.axhline(k + 0.31, color=_PALE, linewidth=0.8, zorder=0)
        if not values:
            continue
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        heights = counts / counts.max() * 0.78
        axes.stairs(
            k + 0.31 - heights, edges, baseline=k + 0.31, fill=True, color=colours[label], alpha=0.9
        )
        median = float(np.clip(np.median(values), edges[0], edges[-1]))
        axes.plot([median, median], [k + 0.31, k + 0.41], color=_INK, linewidth=1.4)
    axes.set_xlim(edges[0], edges[-1])
    _rows(axes, report)


def _typical(heard: Sequence[Heard]) -> Heard | None:
    """Choose the clip that is nearest to its class's median in duration and level."""
    audible = [h for h in heard if not h.silent]
    if not audible:
        return None
    seconds = np.array([h.seconds for h in audible])
    levels = np.array([h.level for h in audible])
    away = np.abs(seconds - np.median(seconds)) / (np.std(seconds) + 0.1)
    away += np.abs(levels - np.median(levels)) / (np.std(levels) + 1.0)
    return audible[int(np.argmin(away))]


def _window(heard: Heard, config: FeatureConfig) -> Samples:
    """Return the middle of a clip, as long as what the network sees; silence around a short one."""
    samples = audio.load(heard.clip.path, config.rate)
    spare = len(samples) - config.window
    if spare >= 0:
        return samples[spare // 2 : spare // 2 + config.window]
    return np.pad(samples, (-spare // 2, -spare - -spare // 2))


def _waveform(
    axes: Any, window: Samples | None, heard: Heard | None, label: str, colour: str, first: bool
) -> None:
    axes.set_title(label, fontsize=11, color=colour, fontweight="bold", loc="left", pad=16)
    axes.set_xticks([])
    axes.set_yticks([-1, 0, 1] if first else [])
    axes.tick_params(colors=_INK, labelsize=8, length=0)
    for side in axes.spines.values():
        side.set_color(_PALE)
    axes.set_ylim(-1.1, 1.1)
    if first:
        axes.set_ylabel("waveform,\nof its peak", fontsize=9, color=_INK)
    if window is None or heard is None:
        axes.text(
            0.5,
            0.5,
            "no clip",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=9,
            color="#777777",
        )
        return
    # A column of a small picture shows many samples: their extremes are what can be seen.
    blocks = window[: len(window) // 400 * 400].reshape(400, -1)
    peak = max(float(np.abs(window).max()), 1e-9)
    times = np.linspace(0, 1, 400)
    axes.fill_between(
        times, blocks.min(1) / peak, blocks.max(1) / peak, color=colour, linewidth=0.4
    )
    axes.set_xlim(0, 1)
    axes.annotate(
        _caption(heard),
        (0, 1),
        (0, 3),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=7,
        color="#777777",
        va="bottom",
    )


def _caption(heard: Heard) -> str:
    """Name the clip, where the fonts that matplotlib brings can write it."""
    name = heard.clip.path.stem
    if _drawable(name) != name:
        name = _drawable(heard.clip.corpus)
    name = name if len(name) <= 22 else f"{name[:21]}..."
    return f"{name}  {heard.level:.0f} dBFS".replace("$", r"\$").strip()


def _image(axes: Any, window: Samples | None, maker: ImageMaker, first: bool) -> None:
    config = maker.config
    axes.tick_params(colors=_INK, labelsize=8, length=2)
    for side in axes.spines.values():
        side.set_color(_PALE)
    bands = config.bands
    if first:
        low, high = hz_to_mel(config.fmin), hz_to_mel(config.fmax)
        hertz = [hz for hz in (100, 300, 1000, 2000, 4000, 8000) if config.fmin < hz <= config.fmax]
        places = (hz_to_mel(hertz) - low) / (high - low) * bands
        names = [f"{hz / 1000:g} k" if hz >= 1000 else f"{hz}" for hz in hertz]
        axes.set_yticks(places, names)
        axes.set_ylabel("log-mel image, Hz", fontsize=9, color=_INK)
    else:
        axes.set_yticks([])
    seconds = config.window_s
    axes.set_xticks(np.arange(0, seconds, 1.0))
    axes.set_xlabel("seconds", fontsize=8, color=_INK)
    if window is not None:
        axes.imshow(
            maker(window)[0],
            origin="lower",
            aspect="auto",
            cmap="magma",
            vmin=-1,
            vmax=1,
            extent=(0, seconds, 0, bands),
            interpolation="nearest",
        )
    axes.set_xlim(0, seconds)
    axes.set_ylim(0, bands)
