"""How far a training is: a bar on a terminal, a line per epoch in the log everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from ser_ros.training.loop import Progress as Step


@contextmanager
def shown() -> Iterator[Callable[[Step], None]]:
    """Give what to call after each batch; without a terminal it shows nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("starting", left="")

        def report(step: Step) -> None:
            minutes, seconds = divmod(int(step.seconds_left), 60)
            progress.update(
                task,
                description=f"epoch {step.epoch + 1}, loss {step.loss:.3f}",
                completed=step.batch,
                total=step.batches,
                left=f"{minutes}:{seconds:02} left",
            )

        yield report
