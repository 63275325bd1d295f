"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from ser_ros.runtime import CHOICES


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="", help="name of a carried model bundle or path of one (densenet121)"
    )
    parser.add_argument(
        "--runtime", default="auto", choices=CHOICES, help="what computes the network (auto)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="threads of the network (1)")


def add_storage_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--storage", default="mcap", choices=("mcap", "sqlite3"), help="format of the bag (mcap)"
    )


def add_ros_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ros-args", nargs=argparse.REMAINDER, default=[], help="what follows is for ROS"
    )


def ros_args_of(options: argparse.Namespace) -> list[str]:
    """Return what ROS is started with."""
    return ["--ros-args", *options.ros_args] if options.ros_args else []


def typed(words: Iterable[object]) -> str:
    """Return a command as a page tells it, for a shell; where things lie is the reader's."""
    return shlex.join(_told(str(word)) for word in words)


_KEY = re.compile(r"[\w.]+=")
_IN_LIST = re.compile(r"""([\[{,:]\s*['"]?)(?:/|~|\.\./)([^,\]}'"]*)""")


def _told(word: str) -> str:
    """Leave folders out: of a word that is a path from elsewhere, KEY=VALUE's value, or in a list.

    What lies below the folder that the command is typed in is told as it is.
    """
    key = found[0] if (found := _KEY.match(word)) else ""
    value = word.removeprefix(key)
    if value.startswith(("/", "~", "../")):
        return f"{key}PATH/{Path(value).name}"
    return key + _IN_LIST.sub(lambda m: f"{m[1]}PATH/{Path(m[2]).name}", value)


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """Read what random numbers begin with: a whole number of at least 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of at least {least}")
    return value
