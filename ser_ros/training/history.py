"""What each epoch gave: as a table, as a picture of the learning curves, and for TensorBoard."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_ros.errors.machine import CannotWrite, MissingExtra
from ser_ros.files import write_text, written_aside
from ser_ros.training.checkpoint import Epoch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)

TABLE = "history.csv"
CURVES = "curves.png"
BOARD = "tensorboard"

_COLUMNS = ("epoch", "loss", "validation_uar", "learning_rate", "seconds")


def keep_history(history: Sequence[Epoch], folder: Path) -> None:
    """Write the table and the picture anew. Raises `CannotWrite`."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(_COLUMNS)
    for epoch in history:
        uar = "" if epoch.uar is None else f"{epoch.uar:.4f}"
        rate = f"{epoch.learning_rate:.3g}"
        table.writerow((epoch.number, f"{epoch.loss:.4f}", uar, rate, f"{epoch.seconds:.1f}"))
    write_text(folder / TABLE, text.getvalue())
    draw_curves(history, folder / CURVES)


def draw_curves(history: Sequence[Epoch], path: Path) -> None:
    """Draw loss and validation UAR over the epochs. Without matplotlib there is no picture."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return
    figure = Figure(figsize=(7, 4), layout="constrained")
    epochs = [epoch.number for epoch in history]
    loss = figure.add_subplot()
    loss.plot(epochs, [epoch.loss for epoch in history], color="#0072b2", marker=".")
    loss.set_xlabel("epoch")
    loss.set_ylabel("training loss", color="#0072b2")
    loss.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss.grid(alpha=0.3)
    validated = [epoch for epoch in history if epoch.uar is not None]
    if validated:
        uar = loss.twinx()
        numbers, uars = [e.number for e in validated], [e.uar or 0.0 for e in validated]
        uar.plot(numbers, uars, color="#d55e00", marker="s", markersize=4)
        uar.set_ylabel("validation UAR", color="#d55e00")
        best = max(range(len(uars)), key=uars.__getitem__)
        uar.annotate(
            f"{uars[best]:.3f}",
            (numbers[best], uars[best]),
            xytext=(0, 6),
            textcoords="offset points",
            ha="center",
        )
        uar.set_ylim(0, 1)
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=100)


class TensorBoard:
    """Writes each epoch's figures for `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: Path) -> None:
        """Raises `MissingExtra`."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtra("tensorboard", "train") from error
        self._make: Callable[[int], SummaryWriter] = lambda first: SummaryWriter(
            str(folder / BOARD), purge_step=first
        )
        self._writer: SummaryWriter | None = None

    def __call__(self, history: Sequence[Epoch]) -> None:
        """Add the newest epoch. Raises `CannotWrite`."""
        epoch = history[-1]
        try:
            if self._writer is None:
                # What an earlier training wrote from here on is no longer shown.
                self._writer = self._make(epoch.number)
            self._add(self._writer, epoch)
        except OSError as error:
            raise CannotWrite(BOARD, error.strerror or str(error)) from error

    def _add(self, writer: SummaryWriter, epoch: Epoch) -> None:
        writer.add_scalar("loss", epoch.loss, epoch.number)
        writer.add_scalar("learning_rate", epoch.learning_rate, epoch.number)
        if epoch.uar is not None:
            writer.add_scalar("validation_uar", epoch.uar, epoch.number)
        writer.flush()
