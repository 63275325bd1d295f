"""`bag`: what a robot heard, recorded and replayed; a file for each verb."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from ser_ros.cli import add_command
from ser_ros.errors.bags import RosbagsMissing

HELP = "bags of what a robot heard: record, make of clips, look into, play, evaluate, compare"
EXAMPLE = """  python -m ser_ros bag record monday --seconds 60
  python -m ser_ros bag make recordings/manifest.csv demo
  python -m ser_ros bag info monday demo"""

VERBS = (
    "record",
    "make",
    "info",
    "play",
    "evaluate",
    "compare",
)
"""Each is the module `bag_VERB` beside this one, made like a command. It imports `ser_ros.bags`
only when it runs: the help is there also where rosbags is not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in VERBS:
        add_command(verbs, name, f"bag_{name}", "verb_to_run")


def run(options: argparse.Namespace) -> int:
    if find_spec("rosbags") is None and options.verb != "compare":  # it reads reports alone
        raise RosbagsMissing
    return int(options.verb_to_run(options))
