"""`bag make`: labelled clips as one bag."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from ser_ros.cli.options import add_storage_argument
from ser_ros.clock import SECOND
from ser_ros.corpora import read_manifest
from ser_ros.display import progress
from ser_ros.errors.config import BadValue
from ser_ros.stream import AudioStream

HELP = "make a bag with ground truth of labelled clips, as if a robot had heard them"
EXAMPLE = """  python -m ser_ros bag make recordings/manifest.csv demo
  python -m ser_ros bag make manifest.csv corpus --chunk 0.25 --compression message"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest", type=Path, metavar="MANIFEST.csv", help="a CSV with path,emotion[,speaker,...]"
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="the bag, a folder not yet there")
    add_storage_argument(parser)
    parser.add_argument(
        "--compression",
        default="none",
        choices=("none", "message", "file"),
        help="with zstd, each message or the whole file (none)",
    )
    parser.add_argument(
        "--gap", type=float, default=1.0, metavar="S", help="silence after each clip (1)"
    )
    parser.add_argument(
        "--chunk", type=float, default=2.5, metavar="S", help="sound per message (2.5)"
    )
    parser.add_argument(
        "--start",
        type=float,
        metavar="EPOCH",
        help="time of the first sample, in seconds since 1970 (1600000000, so that the same clips "
        "make the same bag)",
    )


def run(options: argparse.Namespace) -> int:
    """Make the bag; no half of one is left where that fails."""
    from ser_ros.bags.making import START_S, Making, make_bag

    if not 0 <= options.gap <= AudioStream.MAX_CHUNK_S:
        raise BadValue("--gap", options.gap, f"0 to {AudioStream.MAX_CHUNK_S:g} seconds")
    if not 0.01 <= options.chunk <= AudioStream.MAX_CHUNK_S:
        raise BadValue("--chunk", options.chunk, f"0.01 to {AudioStream.MAX_CHUNK_S:g} seconds")
    start_s = START_S if options.start is None else options.start
    if not (math.isfinite(start_s) and 0 < start_s < 1 << 31):
        raise BadValue("--start", options.start, "seconds since 1970, before 2038")
    clips = read_manifest(options.manifest)
    making = Making(
        options.storage, options.compression, options.chunk, options.gap, round(start_s * SECOND)
    )
    count, seconds = make_bag(progress(clips, "making"), options.out, making)
    size = sum(file.stat().st_size for file in options.out.iterdir())
    print(f"{options.out}: {count:,} clips, {seconds:,.1f} s of sound, {size / 1e6:,.1f} MB")
    return 0
