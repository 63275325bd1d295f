"""`run`: the same nodes as `ros2 launch` starts, in one process, and what they say as text."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ser_ros.carried import recordings_folder
from ser_ros.cli.options import add_ros_arguments, ros_args_of
from ser_ros.corpora import read_manifest
from ser_ros.errors import SerError
from ser_ros.errors.ros import RosMissing

HELP = "listen, in one process: capture and inference node, and a line per message"
EXAMPLE = """  python -m ser_ros run                          # the microphone
  python -m ser_ros run --device USB --behavior  # another one, with the behaviours
  python -m ser_ros run speech.wav talk.mp3      # files, as if somebody spoke
  python -m ser_ros run --ros-args --params-file config/ser.yaml -r __ns:=/head"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", metavar="FILE", help="play these, then end")
    parser.add_argument("--microphone", action="store_true", help="the microphone (default)")
    parser.add_argument("--demo", action="store_true", help="without FILE: the carried recordings")
    parser.add_argument("--device", help="index or a unique part of the name of the microphone")
    parser.add_argument("--loop", action="store_true", help="begin again after the last file")
    parser.add_argument("--model", help="name of a carried model bundle or path of one")
    parser.add_argument("--runtime", help="auto, onnxruntime, openvino or torch")
    parser.add_argument(
        "--hop", type=float, help="seconds from message to message (1.25; 2.5 for files)"
    )
    parser.add_argument(
        "--voice",
        help="name of the kept voice to listen to at first; where there is none, a warning says so",
    )
    parser.add_argument("--baseline", help="what is taken out of a voice: none, enroll or running")
    parser.add_argument("--behavior", action="store_true", help="the behavior node too")
    parser.add_argument("--quiet", action="store_true", help="print no line per message")
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Listen until the files are over or Ctrl-C; 1 where a node could not start."""
    check_ros()
    for option in ("microphone", "device"):
        if getattr(options, option) and options.files:
            raise SerError(f"--{option} and FILE exclude each other; give one of them.")
    files = [Path(name) for name in options.files]
    headings: dict[Path, str] = {}
    if options.demo and not (files or options.microphone or options.device):
        files, headings = _carried()
    if options.loop and not files:
        raise SerError("--loop is for files, and there are none; give FILE too.")
    from ser_ros.nodes.together import listen

    capture: dict[str, Any] = {}
    if files:
        capture = {"source": "file", "files": [str(file) for file in files], "loop": options.loop}
    elif options.microphone or options.device:
        capture["source"] = "microphone"
        if options.device:
            capture["device"] = options.device
    if files and options.hop is None:
        # Files are padded to whole windows: with this hop no window hears two of them.
        options.hop = 2.5
    inference = {
        name: getattr(options, name) for name in ("model", "runtime", "hop", "voice", "baseline")
    }
    return listen(
        capture,
        {name: value for name, value in inference.items() if value is not None},
        headings,
        behavior=options.behavior,
        quiet=options.quiet,
        ros_args=ros_args_of(options),
    )


def check_ros() -> None:
    """Raise `RosMissing` where ROS or its messages are not found."""
    for module in ("rclpy", "audio_common_msgs", "ser_ros.msg", "ser_ros.srv"):
        if find_spec(module) is None:
            raise RosMissing(module)


def _carried() -> tuple[list[Path], dict[Path, str]]:
    """Return the carried recordings, in the order of their manifest, and what was acted."""
    clips = read_manifest(recordings_folder() / "manifest.csv")
    headings = {
        clip.path.resolve(): f"an actor ({clip.gender}, {clip.language}) plays: {clip.emotion}"
        for clip in clips
    }
    if sys.stdout.isatty():
        print("Recordings of acted German speech, played as if spoken to the robot (EMO-DB, CC0).")
    return [clip.path for clip in clips], headings
