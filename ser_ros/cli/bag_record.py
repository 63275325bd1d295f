"""`bag record`: what passes on the topics, into a bag."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_ros.cli.options import add_ros_arguments, add_storage_argument, ros_args_of
from ser_ros.cli.run import check_ros
from ser_ros.clock import SECOND
from ser_ros.errors import SerError
from ser_ros.errors.bags import NothingRecorded
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotWrite

if TYPE_CHECKING:
    from ser_ros.bags.recording import Recording

HELP = "record what the robot hears and says, until Ctrl-C"
EXAMPLE = """  python -m ser_ros bag record monday
  python -m ser_ros bag record lab --seconds 60 --ros-args -r __ns:=/head
  python -m ser_ros bag record feelings --no-audio      # no sound is kept
  python -m ser_ros bag record sound --topics audio audio_info
  python -m ser_ros bag record ring --keep-seconds 600  # the last ten minutes

With --keep-seconds or --keep-mb, OUT is a folder of bags, each whole in itself:
  python -m ser_ros bag info ring/*"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s OUT [option ...]"  # after --topics it would be one of these
    parser.add_argument("out", type=Path, metavar="OUT", help="the bag, a folder not yet there")
    parser.add_argument("--seconds", type=float, metavar="N", help="how long (until Ctrl-C)")
    parser.add_argument(
        "--topics",
        nargs="+",
        metavar="TOPIC",
        help="instead of audio, audio_info, emotion, emotion_state, ground_truth, robot_speaking",
    )
    parser.add_argument("--no-audio", action="store_true", help="record no sound at all")
    add_storage_argument(parser)
    parser.add_argument("--max-mb", type=float, metavar="MB", help="end when it is that large")
    parser.add_argument(
        "--keep-seconds", type=float, metavar="N", help="go on, and delete what is older"
    )
    parser.add_argument(
        "--keep-mb", type=float, metavar="MB", help="go on, and delete the oldest beyond that"
    )
    add_ros_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Record; 1 if it could not go on. Ctrl-C is an ordinary end."""
    check_ros()
    for name in ("seconds", "max_mb", "keep_seconds", "keep_mb"):
        value = getattr(options, name)
        if value is not None and not 0 < value < float("inf"):
            raise BadValue(f"--{name.replace('_', '-')}", value, "more than 0")
    from ser_ros.bags.recording import Limits, Recording
    from ser_ros.nodes.recorder import AUDIO, SPEECHLESS, record

    names = options.topics or [*(() if options.no_audio else AUDIO), *SPEECHLESS]
    limits = Limits(options.seconds, options.max_mb, options.keep_seconds, options.keep_mb)
    recording = Recording(options.out, options.storage, limits, time.monotonic)
    teller = _Teller(recording, options.storage, not options.no_audio)
    failure: SerError | None = None
    try:
        outcome = record(recording, names, not options.no_audio, teller, ros_args_of(options))
        failure = outcome.failure
    finally:
        teller.clear()
        try:
            recording.close()
        except CannotWrite as error:
            failure = failure or error
    if failure is not None:
        print(f"bag: {failure}", file=sys.stderr)
        print(f"bag: {_kept(recording)}", file=sys.stderr)
        return 1
    if outcome.code == 0:
        if not recording.counts:
            raise NothingRecorded(options.out, outcome.topics)
        teller.end(outcome.topics, outcome.over)
    return outcome.code


class _Teller:
    """Say on stderr how the recording goes, and on stdout what came of it."""

    def __init__(self, recording: Recording, storage: str, audio: bool) -> None:
        self._recording = recording
        self._storage = storage
        self._audio = audio
        self._live = sys.stderr.isatty()

    def begin(self, topics: Sequence[str]) -> None:
        sound = "yes" if self._audio else "no"
        print(
            f"Recording to '{self._recording.out}' ({self._storage}), audio included: {sound}. "
            f"Ctrl-C ends it.\n  {' '.join(topics)}",
            file=sys.stderr,
            flush=True,
        )

    def tell(self, sentence: str) -> None:
        self.clear()
        print(f"bag: {sentence}", file=sys.stderr, flush=True)

    def beat(self) -> None:
        if self._live:
            room = shutil.get_terminal_size().columns - 1
            print(f"\r\x1b[K{self._line()[:room]}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def end(self, topics: Sequence[str], over: str) -> None:
        print(f"{self._recording.out}: {self._line()}{f'; ended {over}' if over else ''}.")
        silent = [topic for topic in topics if not self._recording.counts[topic]]
        if silent:
            print(f"Nothing came on {', '.join(silent)}.")

    def _line(self) -> str:
        counts = ", ".join(f"{topic} {n:,}" for topic, n in sorted(self._recording.counts.items()))
        size = self._recording.size / 1e6
        return f"{self._recording.seconds:,.0f} s, {size:,.1f} MB: {counts or 'nothing yet'}"


def _kept(recording: Recording) -> str:
    """Say what can be read of a recording that could not go on, after reading it."""
    from ser_ros.bags.reading import open_bag

    messages = 0
    times: list[int] = []
    for path in recording.bags:
        try:
            with open_bag(path) as bag:
                for message in bag.messages():
                    messages += 1
                    times = [min([message.log_ns, *times]), max([message.log_ns, *times])]
        except SerError:
            continue
    seconds = (times[1] - times[0]) / SECOND if times else 0.0
    return f"{messages:,} messages of {seconds:,.1f} s are kept and can be read."
