"""The commands of `python -m ser_ros`, one file each.

A command is a module with `HELP` (a line), `EXAMPLE` (what to type), `add_arguments(parser)` and
`run(arguments) -> exit code`. A module is imported only when its command is asked for, so that
`predict` loads no ROS and `devices` no network.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import Any

COMMANDS = (
    "predict",
    "evaluate",
    "corpus",
    "train",
    "study",
    "devices",
    "record",
    "run",
    "bag",
    "watch",
    "web",
    "benchmark",
)


def add_command(commands: Any, name: str, module: str, run_as: str) -> None:
    """Add the module `module` of this package to sub-parsers; its `run` is kept as `run_as`.

    No option may have that name: its value would take the place of the command.
    """
    made_of = import_module(f"{__name__}.{module}")
    command = commands.add_parser(
        name,
        help=made_of.HELP,
        description=made_of.HELP,
        epilog=f"example:\n{made_of.EXAMPLE}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made_of.add_arguments(command)
    command.set_defaults(**{run_as: made_of.run})
