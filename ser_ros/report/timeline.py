"""A source over time: its waveform, what was true, and what was heard in each window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_ros.audio import Samples
from ser_ros.errors import SerError
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.evaluation.pictures import BLUE, GREY, ORANGE
from ser_ros.labels import NO_SPEECH, UNCERTAIN
from ser_ros.report.charts import INK, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW_S = 60.0
"""Seconds that a row shows."""

_WIDTH_IN = 9.0
_POINTS = 400
"""Points of a waveform's outline."""


def minutes(source: Source) -> list[int]:
    """Return which rows a source has: those in which something was heard.

    A robot's clock may be set in the middle of a bag, and between two rows then lie years.
    """
    heard = {
        row
        for _, start, end in _spans(source.windows)
        for row in range(int(max(start, 0.0) // ROW_S), int(np.ceil(end / ROW_S - 1e-9)))
    }
    return sorted(heard) or list(range(max(1, int(np.ceil(source.duration_s / ROW_S - 1e-9)))))


def rows(source: Source, labels: tuple[str, ...], number: int) -> Iterator[str]:
    """Yield the rows of a source, each a minute or less, as SVG.

    `number` tells the sources of a page apart.
    """
    spans = _spans(source.windows)
    # A clip shorter than a window ends before it; a bag with gaps, after its seconds of sound.
    ends = [w.start_s + w.duration_s for w in source.windows if w.start_s > 0]
    end = max(source.duration_s, 0.1, *ends)
    for row in minutes(source):
        first, last = row * ROW_S, min((row + 1) * ROW_S, end)
        inside = [(w, max(a, first), min(b, last)) for w, a, b in spans if a < last and b > first]
        wave = _waveform(source, first, last)
        told = f"{first:g} to {last:.1f} s of {source.name}: {_told(inside)}"
        yield svg(
            f"timeline-{number}-{row}",
            told,
            _painter(inside, wave, labels, (first, last)),
            (_WIDTH_IN, 0.75 + 0.2 * len(labels) + (0.55 if wave is not None else 0)),
        )


def _told(inside: Sequence[tuple[Judged, float, float]]) -> str:
    if not inside:
        return "no window."
    right = sum(bool(w.truth) and w.label == w.truth for w, _, _ in inside)
    known = sum(bool(w.truth) for w, _, _ in inside)
    return f"{len(inside)} windows, {known} with a known truth, of which {right} have its label."


def _spans(windows: Sequence[Judged]) -> list[tuple[Judged, float, float]]:
    """Return each window with the seconds that it is drawn over.

    Windows overlap; each has the stretch about its middle, as far as half-way to its neighbours.
    """
    middles = np.array([w.start_s + w.duration_s / 2 for w in windows])
    spans = []
    for i, window in enumerate(windows):
        half = window.duration_s / 2
        before = min((middles[i] - middles[i - 1]) / 2, half) if i else half
        after = min((middles[i + 1] - middles[i]) / 2, half) if i + 1 < len(windows) else half
        # After a jump back in time the next window lies before this one.
        before, after = (half if d <= 0 else d for d in (before, after))
        spans.append((window, float(middles[i] - before), float(middles[i] + after)))
    return spans


Outline = tuple[Samples, Samples]
"""The least and the greatest sample of each of the points of a row, -1 to 1."""


def _waveform(source: Source, first: float, last: float) -> Outline | None:
    if source.sound is None:
        return None
    try:
        samples: Samples = source.sound(first, last - first)
    except (SerError, OSError):  # what was heard is known even where the file has gone since
        return None
    if len(samples) < 2:
        return None
    samples = samples / np.float32(max(float(np.abs(samples).max()), 1e-4))
    edges = np.linspace(0, len(samples), min(_POINTS, len(samples)), endpoint=False).astype(int)
    return np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)


def _painter(
    inside: Sequence[tuple[Judged, float, float]],
    wave: Outline | None,
    labels: tuple[str, ...],
    ends: tuple[float, float],
) -> Callable[[Figure], None]:
    def paint(figure: Figure) -> None:
        if wave is None:
            lanes = figure.subplots()
        else:
            heights = (0.5, 0.2 * len(labels) + 0.1)
            above, lanes = figure.subplots(2, 1, sharex=True, height_ratios=heights)
            _paint_wave(above, wave, ends)
        _paint_lanes(lanes, inside, labels)
        lanes.set_xlim(*ends)
        lanes.set_xlabel("seconds")

    return paint


def _paint_wave(axes: Axes, wave: Outline, ends: tuple[float, float]) -> None:
    x = np.linspace(*ends, len(wave[0]))
    axes.fill_between(x, wave[0], wave[1], color=GREY, linewidth=0.3)
    axes.set_ylim(-1, 1)
    axes.axis("off")


def _paint_lanes(
    axes: Axes, inside: Sequence[tuple[Judged, float, float]], labels: tuple[str, ...]
) -> None:
    """A lane per label: shaded by probability, a dot for what was said, a bar for what was true."""
    from matplotlib.colors import to_rgba

    for k, label in enumerate(labels):
        lane = len(labels) - 1 - k
        spans = [(start, end - start) for _, start, end in inside]
        shades = [to_rgba(BLUE, 0.85 * window.probabilities[k]) for window, _, _ in inside]
        axes.broken_barh(spans, (lane - 0.5, 1), facecolors=shades, linewidth=0)
        true = [(start, end - start) for w, start, end in inside if w.truth == label]
        axes.broken_barh(true, (lane - 0.5, 0.16), facecolors=ORANGE, linewidth=0)
    for mark, style in _MARKS.items():
        there = [(w, (start + end) / 2) for w, start, end in inside if _mark(w) == mark]
        places = [_lane(w, len(labels)) for w, _ in there]
        axes.plot([x for _, x in there], places, linestyle="none", **style)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_yticks(range(len(labels))[::-1], labels)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


_RING: dict[str, Any] = {"markersize": 5, "markeredgecolor": INK, "markeredgewidth": 0.9}

_MARKS: dict[str, dict[str, Any]] = {
    "said": {"marker": "o", "markerfacecolor": "white", **_RING},
    UNCERTAIN: {"marker": "o", "markerfacecolor": "none", **_RING, "alpha": 0.6},
    NO_SPEECH: {"marker": "x", "markersize": 4, "color": GREY},
}


def _mark(window: Judged) -> str:
    return window.label if window.label in _MARKS else "said"


def _lane(window: Judged, count: int) -> float:
    """Return the height of a window's mark: the lane of the likeliest label, or the middle."""
    if not any(window.probabilities):
        return (count - 1) / 2
    return count - 1 - int(np.argmax(window.probabilities))
