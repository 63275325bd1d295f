"""The listener: prints what the robot hears, a line per message. `python -m ser_ros run` has it."""

from __future__ import annotations

import time
from bisect import bisect_right
from pathlib import Path
from typing import Any

from rclpy.node import Node

from ser_ros import display
from ser_ros.clock import SECOND
from ser_ros.msg import Emotion
from ser_ros.nodes import messages, topics


class Listener(Node):
    """Print each `emotion`, under the name of the file that it was heard in, if there is one."""

    def __init__(self, headings: dict[Path, str] | None = None, **options: Any) -> None:
        """`headings` says more about a file, to stand beside its name."""
        super().__init__("listener", **options)
        self.messages = 0
        self._headings = headings or {}
        self._begins: list[tuple[int, Path]] = []
        self._told: Path | None = None
        self.create_subscription(Emotion, topics.EMOTION, self._hear, topics.STREAM)

    def begin_file(self, path: Path, stamp_ns: int) -> None:
        """Learn that the sound from `stamp_ns` on is of this file; called on another thread."""
        self._begins.append((stamp_ns, path))

    def _hear(self, message: Emotion) -> None:
        if not self.messages:
            print(display.columns(message.labels), flush=True)
        self.messages += 1
        stamp_ns = messages.ns_of(message.header.stamp)
        begins = list(self._begins)
        # The clock that stamps the sound may move by a hair after the file has begun.
        index = bisect_right(begins, stamp_ns + SECOND // 10, key=lambda begin: begin[0]) - 1
        if index >= 0:
            began_ns, path = begins[index]
            if path != self._told:
                self._told = path
                print(display.file_heading(path, self._headings.get(path.resolve())), flush=True)
            when = display.offset(max(0, stamp_ns - began_ns) / SECOND)
        else:
            when = time.strftime("%H:%M:%S", time.localtime(stamp_ns / SECOND))
        about = (message.label, message.confidence, message.probabilities, message.latency)
        print(display.line(when, *about), flush=True)
