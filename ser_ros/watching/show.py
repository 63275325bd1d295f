"""Where a board is shown: on a terminal as one screen, and elsewhere as lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from ser_ros.watching.board import LEVELS, SILENT_S, Board
from ser_ros.watching.view import Moment, line, rows, status_line
from ser_ros.watching.words import printable

TICK_S = 0.25
"""How often somebody who shows a board shall look at it."""

_REDRAW_S = 1.0
"""Seconds after which the screen is drawn anew without news: ages grow."""

_REMIND_S = 10.0
"""Seconds after which a line repeats that nothing comes."""


class Shown(Protocol):
    """What shows a board."""

    def look(self, board: Board, now_s: float, publishers: Callable[[], int | None]) -> None:
        """Show what is new; called every `TICK_S`. `publishers` is asked only where it matters."""

    def close(self) -> None:
        """Leave the terminal as it was; safe to call again."""


def shown_on(console: Console, plain: bool = False) -> Shown:
    """Return a screen where the console is a terminal that can move its cursor, lines elsewhere."""
    if plain or not console.is_terminal or console.is_dumb_terminal:
        return Lines(console)
    return Screen(console)


class Screen:
    """The whole terminal, drawn when there is news and once a second."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._drawn: tuple[int, int, int] | None = None
        self._drawn_s = 0.0

    def look(self, board: Board, now_s: float, publishers: Callable[[], int | None]) -> None:
        width, height = self._console.size
        seen = (board.news, width, height)
        if seen == self._drawn and now_s - self._drawn_s < _REDRAW_S:
            return
        self._drawn, self._drawn_s = seen, now_s
        at = Moment(
            now_s,
            time.time(),
            width,
            height,
            self._console.options.ascii_only,
            None if board.live(now_s) else publishers(),
        )
        if self._live is None:
            # Only now, so that what goes wrong before is told on the terminal as it was.
            self._live = Live(console=self._console, screen=True, auto_refresh=False)
            self._live.start()
        self._live.update(Group(*rows(board, at)), refresh=True)

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None


class Lines:
    """A line for each message, and for each change of a node's level."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._emotions = 0
        self._levels: dict[str, int] = {}
        self._told_s: float | None = None

    def look(self, board: Board, now_s: float, publishers: Callable[[], int | None]) -> None:
        at = Moment(now_s, time.time())
        for said in sorted(board.statuses(now_s), key=lambda said: said.name):
            if self._levels.get(said.name, LEVELS.index("OK")) != said.level:
                self._print(status_line(said, at))
            self._levels[said.name] = said.level
        if board.emotions != self._emotions:
            self._emotions, self._told_s = board.emotions, None
            self._print(line(board, at))
        elif board.silent_s(now_s) > SILENT_S and self._due(now_s):
            self._told_s = now_s
            self._print(f"{at.clock()} {printable(board.notice(now_s, publishers()))}")

    def close(self) -> None:
        """Lines leave nothing behind."""

    def _due(self, now_s: float) -> bool:
        return self._told_s is None or now_s - self._told_s >= _REMIND_S

    def _print(self, text: str) -> None:
        # Not by rich, which would break the line at 80 columns.
        print(text, file=self._console.file, flush=True)
