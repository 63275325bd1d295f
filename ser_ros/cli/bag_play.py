"""`bag play`: a bag's messages, published again in their timing."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from ser_ros.cli.options import add_ros_arguments, ros_args_of
from ser_ros.cli.run import check_ros
from ser_ros.errors.config import BadValue

HELP = "publish a bag's messages again in their timing, with /clock if asked for"
EXAMPLE = """  python -m ser_ros bag play monday
  python -m ser_ros bag play monday --topics audio audio_info
  python -m ser_ros bag play monday --clock --rate 5 &
  python -m ser_ros watch --ros-args -p use_sim_time:=true"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s BAG [option ...]"  # after --topics it would be one of these
    parser.add_argument("bag", type=Path, metavar="BAG", help="a folder or a file")
    parser.add_argument("--rate", type=float, default=1.0, help="how many times as fast (1)")
    parser.add_argument(
        "--clock",
        action="store_true",
        help="tell the time of the bag on /clock, for nodes with use_sim_time",
    )
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument(
        "--topics",
        nargs="+",
        default=[],
        metavar="TOPIC",
        help="only these (all but what a model said: emotion and emotion_state)",
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=5.0,
        metavar="SECONDS",
        help="how long to wait until somebody listens to the sound (5)",
    )
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Play the bag to its end; Ctrl-C ends it with 0."""
    if not 0 < options.rate < math.inf:
        raise BadValue("--rate", options.rate, "more than 0")
    if not 0 <= options.wait < math.inf:
        raise BadValue("--wait", options.wait, "seconds, 0 for none")
    check_ros()
    from ser_ros.bags.reading import open_bag
    from ser_ros.nodes.player import Playing, play

    playing = Playing(options.rate, options.clock, options.loop, options.topics, options.wait)
    with open_bag(options.bag) as bag:
        code, played = play(bag, playing, _tell, ros_args_of(options))
        for remark in bag.remarks:
            _tell(remark)
    if code == 0:
        print(f"{played} messages of '{options.bag}' were played.")
    return code


def _tell(sentence: str) -> None:
    print(f"bag: {sentence}", file=sys.stderr, flush=True)
