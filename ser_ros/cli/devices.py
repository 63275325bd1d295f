"""`devices`: the microphones that this machine has."""

from __future__ import annotations

import argparse
import sys

from rich import box
from rich.console import Console
from rich.table import Table

from ser_ros.soundcard import devices

HELP = "list the microphones"
EXAMPLE = "  python -m ser_ros devices"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: there is nothing to choose."""


def run(options: argparse.Namespace) -> int:
    """Print one line for each input device; the index or a part of the name chooses it elsewhere.

    Raises `MicrophoneUnavailable` without PortAudio.
    """
    found = devices()
    if not found:
        print(
            "devices: No input device was found, expected at least one; plug in a microphone, and "
            "check that the sound server runs and that you may use it.",
            file=sys.stderr,
        )
        return 1
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, side in (
        ("index", "right"),
        ("name", "left"),
        ("host API", "left"),
        ("channels", "right"),
        ("rate (Hz)", "right"),
        ("", "left"),
    ):
        table.add_column(title, justify=side, no_wrap=title != "name")  # type: ignore[arg-type]
    for device in found:
        table.add_row(
            str(device.index),
            device.name,
            device.host_api,
            str(device.channels),
            str(device.rate),
            "default" if device.default else "",
        )
    Console(highlight=False).print(table)
    return 0
