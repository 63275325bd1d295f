"""`bag info`: what is in bags, and what is wrong with them."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ser_ros.clock import SECOND
from ser_ros.errors import SerError
from ser_ros.report.words import many
from ser_ros.report.writing import printable

if TYPE_CHECKING:
    from ser_ros.bags.summary import Sound, Summary

HELP = (
    "say what is in bags: topics, seconds of sound, gaps, ground truth, and whether one is cut off"
)
EXAMPLE = """  python -m ser_ros bag info monday
  python -m ser_ros bag info week/* --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bags", nargs="+", type=Path, metavar="BAG", help="a folder or a file")
    parser.add_argument("--audio", default="", metavar="TOPIC", help="which topic is the sound")
    parser.add_argument("--json", action="store_true", help="one line of JSON per bag")


def run(options: argparse.Namespace) -> int:
    """Tell of each bag; 1 if one cannot be read, the others are told all the same."""
    from ser_ros.bags.reading import open_bag
    from ser_ros.bags.summary import summarise

    failed = False
    for number, path in enumerate(options.bags):
        try:
            with open_bag(path) as bag:
                summary = summarise(bag, options.audio)
        except SerError as error:
            sys.stdout.flush()
            print(f"bag: {error}", file=sys.stderr)
            failed = True
            continue
        if options.json:
            print(json.dumps(summary.to_dict(), ensure_ascii=False), flush=True)
            continue
        if number:
            print()
        for line in lines(summary):
            print(printable(line))
    return 1 if failed else 0


def lines(summary: Summary) -> Iterator[str]:
    """Write a summary for a terminal of 80 columns."""
    told = [many(summary.files, "file"), f"{summary.bytes / 1e6:,.1f} MB"]
    if summary.begin_ns:
        begin = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(summary.begin_ns / SECOND))
        told.append(f"{(summary.end_ns - summary.begin_ns) / SECOND:,.1f} s from {begin}")
    yield f"{summary.path}: {', '.join(told)}"
    width = max((len(topic["name"]) for topic in summary.topics), default=0)
    for topic in summary.topics:
        yield f"  {topic['name']:{width}}  {topic['count']:>8,}  {topic['type']}"
    yield from _sound(summary.sound, summary.cut)
    if summary.truth:
        told = [
            f"{label} {of['stretches']:,} ({of['seconds']:,.1f} s)"
            for label, of in summary.truth.items()
        ]
        yield f"  truth: {', '.join(told)}"
        people = [many(len(summary.speakers), "speaker")] if summary.speakers else []
        said_by = [f"said by {', '.join(summary.annotators)}"] if summary.annotators else []
        if people or said_by:
            yield f"         {', '.join(people + said_by)}"
    if summary.said:
        yield f"  said:  {', '.join(f'{label} {n:,}' for label, n in summary.said.items())}"
    for remark in summary.remarks:
        yield f"  {remark}"


def _sound(sound: Sound | None, cut: bool) -> Iterator[str]:
    if sound is None:
        yield "  sound: none"
        return
    heard, messages = f"{sound.seconds:,.1f} s", f"in {many(sound.messages, 'message')}"
    if cut:
        yield f"  cut off; {heard} of sound {messages} can be read"
    else:
        yield f"  sound: {heard} {messages}"
    odd = ", ".join(f"{kind.replace('_', ' ')}: {n:,}" for kind, n in sound.odd.items()) or "no gap"
    yield f"         {sound.format or 'no word of its format'}, {odd}"
