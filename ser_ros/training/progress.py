"""How far a training is: a bar on a terminal, a line per epoch in the log everywhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from ser_ros.training.loop import Progress as Step

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))


class Bars:
    """What to call as a training goes on; without a terminal it shows nothing."""

    def __init__(self, shown: Progress | None) -> None:
        self._shown = shown
        self._task: TaskID | None = None
        self._began = monotonic()

    def prepared(self, done: int, of: int) -> None:
        """Show how many clips have their views."""
        if not done:
            self._began = monotonic()
        left = (monotonic() - self._began) / done * (of - done) if done else None
        self._show(f"views of the clips, {done} of {of}", done, of, left)

    def trained(self, step: Step) -> None:
        """Show how far the epoch is, and the time left of the whole training."""
        told = f"epoch {step.epoch + 1}, loss {step.loss:.3f}"
        self._show(told, step.batch, step.batches, step.seconds_left)

    def _show(self, told: str, done: int, of: int, seconds_left: float | None) -> None:
        if self._shown is None:
            return
        if self._task is None:
            self._task = self._shown.add_task("", left="")
        left = "" if seconds_left is None else f"{duration(seconds_left)} left"
        self._shown.update(self._task, description=told, completed=done, total=of, left=left)


def duration(seconds: float) -> str:
    """Write seconds as `0:07`, `12:30` or `3:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def shown() -> Iterator[Bars]:
    """Give the bars of one training; lines of the log stand above them."""
    terminal = sys.stderr
    if not terminal.isatty():
        yield Bars(None)
        return
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is terminal
    ]
    with Progress(*COLUMNS, console=Console(stderr=True), transient=True) as progress:
        for handler in handlers:
            handler.setStream(sys.stderr)  # by now a stream that knows of the bar
        try:
            yield Bars(progress)
        finally:
            for handler in handlers:
                handler.setStream(terminal)
