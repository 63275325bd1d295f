"""Options that several commands share."""

from __future__ import annotations

import argparse

from ser_ros.runtime import CHOICES


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="", help="name of a carried model bundle or path of one (densenet121)"
    )
    parser.add_argument(
        "--runtime", default="auto", choices=CHOICES, help="what computes the network (auto)"
    )
    parser.add_argument("--threads", type=positive, default=1, help="threads of the network (1)")


def add_bag_writing_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--storage", default="mcap", choices=("mcap", "sqlite3"), help="format of the bag (mcap)"
    )
    parser.add_argument(
        "--compression",
        default="none",
        choices=("none", "message", "file"),
        help="with zstd, each message or the whole file (none)",
    )


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of at least 1")
    return value
