"""The view: a board as rows of text that fit a terminal, whatever its size, with or without colour.

Nothing is told by colour alone: levels and states are words or letters first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from ser_ros.display import bar
from ser_ros.labels import NO_SPEECH, UNCERTAIN
from ser_ros.watching.board import LEVELS, STRIP_S, Board, StatusSaid
from ser_ros.watching.words import (
    duration,
    letters,
    milliseconds,
    percent,
    printable,
    spaced,
    wrapped,
)

_HUES = ("red", "cyan", "bright_blue", "yellow", "magenta", "green")
"""Of the labels, in the model's order."""

_LEVEL_HUES = ("green", "yellow", "bold red", "magenta")

_QUIETEST_DBFS = -60.0
"""Where the level meter begins; a quiet room is about here."""

_HEAD = 9
"""Characters of the word before a row."""

_TAIL = 10
"""Characters behind a bar: ` -31 dBFS`."""

_LAST = ("(heard last)", "")
"""What stands beside a state that is not, or is, of now."""

_TALL = 18
"""Rows from which on the state has a block of its own."""

# How much a row matters; where the terminal is low, those that matter least go first.
_BLANK, _LEGEND, _MORE, _DEVICE, _WELL, _LATENCY, _LOSSES = range(7)
_SPEECH, _LEVEL, _STRIP, _HEADER, _CLASS, _ILL, _STATE, _NOTICE = range(7, 15)


@dataclass(frozen=True)
class Moment:
    """When, where and how large a board is looked at."""

    now_s: float
    """Of the board's clock."""
    wall_s: float
    """Seconds since 1970."""
    width: int = 80
    height: int = 24
    ascii_only: bool = False
    publishers: int | None = None
    """Nodes that publish `emotion`, if that is known."""

    def clock(self, ago_s: float = 0.0) -> str:
        return time.strftime("%H:%M:%S", time.localtime(self.wall_s - ago_s))


Row = tuple[int, Text]
"""How much it matters, and what it says."""


def rows(board: Board, at: Moment) -> list[Text]:
    """Return at most `at.height` rows of at most `at.width` columns."""
    groups = [
        _header(board, at),
        _notice(board, at),
        _state(board, at),
        _classes(board, at),
        _meters(board, at),
        _strip(board, at),
        _figures(board, at),
        _diagnostics(board, at),
    ]
    found: list[Row] = []
    for group in groups:
        if group and found:
            found.append((_BLANK, Text()))
        found += group
    while len(found) > max(1, at.height):
        # Of the rows that matter least, the last.
        found.pop(min(range(len(found)), key=lambda index: (found[index][0], -index)))
    return [_fit(text, at) for _, text in found]


def line(board: Board, at: Moment) -> str:
    """Return the board as one line, for where there is no terminal."""
    said, words = board.emotion, [at.clock()]
    if board.state:
        about = ", ".join(word for word in (_sure(board), _since(board, at)) if word)
        words.append(f"{board.state.label.upper()} ({about}) |")
    if said:
        pairs = zip(said.labels, said.probabilities, strict=False)
        words += [f"{label} {p:.2f}" for label, p in pairs]
        words.append(f"| speech {said.speech_ratio:.2f}, {said.level_dbfs:.0f} dBFS,")
        words.append(f"{said.latency_s * 1e3:.0f} ms, lost {board.samples_lost}")
    return printable(" ".join(words))


def status_line(said: StatusSaid, at: Moment) -> str:
    """Return a status as one line."""
    return printable(f"{at.clock()} {LEVELS[said.level]} {said.node}: {said.message}")


# ── the rows ──────────────────────────────────────────────────────────────────────────────────


def _header(board: Board, at: Moment) -> list[Row]:
    runtime = board.values("inference", at.now_s).get("runtime")
    model = f"  {board.emotion.model}" if board.emotion else ""
    model += f" on {runtime}" if model and runtime else ""
    left = Text.assemble((f"{board.topic}", "bold"), model)
    heard = f"heard {board.silent_s(at.now_s):.1f} s ago  " if board.emotion else ""
    right = f"{heard}{at.clock()}"
    room = at.width - len(right) - 1
    if room >= 12:
        left.truncate(room, overflow="crop" if at.ascii_only else "ellipsis", pad=True)
        left.append(f" {right}")
    return [(_HEADER, left)]


def _notice(board: Board, at: Moment) -> list[Row]:
    sentence = board.notice(at.now_s, at.publishers)
    return [(_NOTICE, row) for row in wrapped(sentence, at.width, "bold")] if sentence else []


def _state(board: Board, at: Moment) -> list[Row]:
    state = board.state
    live = board.live(at.now_s)
    if state is None:
        return [(_STATE, Text("No state yet.", "dim"))]
    word = f"  {spaced(state.label, at.width // 2 - 4)}  "
    style = f"bold reverse {_hue(state.label, board)}" if live else "dim"
    sure = _sure(board)
    if at.height < _TALL:
        details = "  ".join(word for word in (sure, _since(board, at), _LAST[live]) if word)
        return [(_STATE, Text.assemble((word, style), f"  {details}"))]
    blank = " " * cell_len(word)
    texts = zip((blank, word, blank), (sure, _since(board, at), _LAST[live]), strict=True)
    return [
        (_STATE if text == word else _MORE, Text.assemble((text, style), f"   {detail}"))
        for text, detail in texts
    ]


def _classes(board: Board, at: Moment) -> list[Row]:
    """Return a bar for each class of the newest window."""
    said = board.emotion
    if said is None:
        return []
    widest = min(max((cell_len(label) for label in said.labels), default=0), at.width // 3)
    head = max(_HEAD, widest + 1)
    found = []
    for label, p in zip(said.labels, said.probabilities, strict=False):
        marks = "<" if label == said.label else " "
        row = Text(set_cell_size(label, head - 1) + " ")
        row.append(_bar(p, at.width - head - _TAIL, at), _hue(label, board))
        row.append(f" {percent(p)} {marks}")
        found.append((_CLASS, row))
    return found


def _meters(board: Board, at: Moment) -> list[Row]:
    said = board.emotion
    if said is None:
        return []
    width = at.width - _HEAD - _TAIL
    loud = 1.0 - said.level_dbfs / _QUIETEST_DBFS
    level, speech = Text("level".ljust(_HEAD)), Text("speech".ljust(_HEAD))
    level.append(_bar(loud, width, at), "green" if said.level_dbfs < -3 else "red")
    level.append(f" {said.level_dbfs:4.0f} dBFS")
    speech.append(_bar(said.speech_ratio, width, at))
    speech.append(f" {percent(said.speech_ratio)}")
    return [(_LEVEL, level), (_SPEECH, speech)]


def _strip(board: Board, at: Moment) -> list[Row]:
    """Return the last minute as a letter for each second, or for some of them."""
    columns = max(1, min(int(STRIP_S), at.width - _HEAD - 4))
    states = board.strip(at.now_s, columns)
    given = letters((*_labels(board), *(state for state in states if state)))
    strip = Text("minute".ljust(_HEAD))
    for state in states:
        if state is None:
            strip.append(" ")
        else:
            strip.append(given[state], f"bold {_hue(state, board)}" if given[state] != "." else "")
    strip.append(" now", "dim")
    words = "  ".join(f"{letter} {label}" for label, letter in sorted(given.items(), key=_legend))
    return [(_STRIP, strip), (_LEGEND, Text(" " * _HEAD + words, "dim"))]


def _legend(item: tuple[str, str]) -> bool:
    """Let the labels that are no emotions come last."""
    return item[0] in (UNCERTAIN, NO_SPEECH)


def _figures(board: Board, at: Moment) -> list[Row]:
    inference, capture = (board.values(about, at.now_s) for about in ("inference", "capture"))
    p50, p99 = (milliseconds(board.latency_s(q)) for q in (50, 99))
    latency = f"{'latency':<{_HEAD}}p50 {p50}  p99 {p99}"
    windows = f"  windows {board.emotions}, {board.rate(at.now_s):.2f} per s"
    counted = {
        "windows dropped": inference.get("windows dropped", "-"),
        "gaps": inference.get("gaps", "-"),
        "chunks refused": inference.get("chunks refused", "-"),
        "samples": str(board.samples_lost),
    }
    losses = Text("lost".ljust(_HEAD))
    for key, value in counted.items():
        losses.append(f"{key} {value}  ", "" if value in ("0", "-") else "bold yellow")
    found = [(_LATENCY, Text(latency + windows)), (_LOSSES, losses)]
    if capture:
        rate = capture.get("device rate (Hz)", "0")
        words = [capture.get("state", ""), f"{rate} Hz" if rate != "0" else ""]
        # Last, for it may be long.
        words.append(capture.get("device", ""))
        device = ", ".join(word for word in words if word) or "-"
        found.append((_DEVICE, Text(f"{'device':<{_HEAD}}{device}")))
    return found


def _diagnostics(board: Board, at: Moment) -> list[Row]:
    statuses = board.statuses(at.now_s)
    widest = min(max((cell_len(said.node) for said in statuses), default=0), at.width // 3)
    found: list[Row] = []
    for said in statuses:
        first = Text.assemble(
            (f"{LEVELS[said.level]:<6}", _LEVEL_HUES[said.level]),
            set_cell_size(said.node, widest),
            "  ",
        )
        indent = cell_len(first.plain)
        message = wrapped(said.message, max(8, at.width - indent))
        found.append((_ILL if said.level else _WELL, first.append_text(message[0])))
        found += [(_MORE, Text(" " * indent).append_text(more)) for more in message[1:]]
    return found


# ── bars and what is said of a state ─────────────────────────────────────────────────────────────


def _fit(text: Text, at: Moment) -> Text:
    text.plain = printable(text.plain)
    text.truncate(at.width, overflow="crop" if at.ascii_only else "ellipsis")
    text.no_wrap = True
    return text


def _bar(share: float, width: int, at: Moment) -> str:
    width = max(1, width)
    share = share if math.isfinite(share) else 0.0
    if at.ascii_only:
        return ("#" * round(min(max(share, 0.0), 1.0) * width)).ljust(width)
    return bar(share, width)


def _sure(board: Board) -> str:
    """Return how sure the state is; nothing while nobody speaks."""
    state = board.state
    if state is None or state.label == NO_SPEECH:
        return ""
    if state.label == UNCERTAIN:
        return f"likeliest {state.confidence:.0%}"
    return f"{state.confidence:.0%} sure"


def _since(board: Board, at: Moment) -> str:
    stood_s = board.state_for_s(at.now_s)
    return f"for {duration(stood_s)}, since {at.clock(stood_s)}"


def _labels(board: Board) -> Sequence[str]:
    return board.emotion.labels if board.emotion else ()


def _hue(label: str, board: Board) -> str:
    labels = list(_labels(board))
    return _HUES[labels.index(label) % len(_HUES)] if label in labels else "default"
