"""`watch`: what the running nodes say, live in a terminal; over ssh too."""

from __future__ import annotations

import argparse

from rich.console import Console

from ser_ros.cli.options import add_ros_arguments, ros_args_of
from ser_ros.cli.run import check_ros
from ser_ros.watching.show import shown_on

HELP = "watch the running nodes in a terminal: the state, level, bars, latency, losses, health"
EXAMPLE = """  python -m ser_ros watch                        # of nodes without a namespace
  python -m ser_ros watch --namespace /head      # of those in /head
  python -m ser_ros watch --plain | tee log.txt  # a line per message
  python -m ser_ros watch --ros-args -r emotion:=voice/emotion"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--namespace", help="watch the nodes of this namespace")
    parser.add_argument("--plain", action="store_true", help="lines in the place of a screen")
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Watch until Ctrl-C, which is its ordinary end: 0."""
    check_ros()
    from ser_ros.nodes.watcher import watch

    return watch(
        shown_on(Console(highlight=False), options.plain),
        options.namespace,
        ros_args_of(options),
    )
