"""`watch`, as a process, on a real graph."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import pytest
from graph import LONG_S, ROOT, Graph
from ser_ros.msg import Emotion, EmotionState
from std_msgs.msg import Header

from ser_ros.audio import Samples
from ser_ros.nodes import messages, topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SILENT = "is the inference node running on this topic?"


def watch(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ser_ros", "watch", *arguments]


class Terminal:
    """A terminal with `watch` in it."""

    def __init__(self, graph: Graph, width: int, height: int, **environment: str) -> None:
        self._main, side = pty.openpty()
        self.resize(width, height)
        kept = {k: v for k, v in graph.environment.items() if k not in ("NO_COLOR", "COLUMNS")}
        self.process = subprocess.Popen(
            watch(),
            stdin=side,
            stdout=side,
            stderr=side,
            env={**kept, "TERM": "xterm-256color", **environment},
            cwd=ROOT,
        )
        os.close(side)
        self.raw = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._main, 65536):
                self.raw += data.decode(errors="replace")
        except OSError:  # so a terminal tells that nobody writes any more
            pass

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._main, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    @property
    def screen(self) -> list[str]:
        """The rows of the last screen that was drawn to its end; a new one comes each second."""
        drawn = self.raw.split("\x1b[H")[-2:][0]
        return CODES.sub("", drawn).replace("\r", "").split("\n")

    def shows(self, words: str) -> bool:
        return words in " ".join(" ".join(self.screen).split())

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(LONG_S)
        self._reader.join(LONG_S)
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._main)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_a_screen_from_the_first_message_to_ctrl_c(
    graph: Graph, terminals: list[Terminal], long_speech: Samples
) -> None:
    terminal = Terminal(graph, 80, 24)
    terminals.append(terminal)
    graph.until(lambda: terminal.shows("Waiting for messages on /emotion."), "a screen")
    inference = graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.until(lambda: terminal.shows("OK inference OK"), "the node's health")
    end_ns = graph.speak(long_speech)
    graph.until(lambda: len(emotions) == 7, "seven windows")
    graph.until(lambda: terminal.shows("windows 7,"), "all of them on the screen")
    newest = emotions[-1]
    for label, probability in zip(newest.labels, newest.probabilities, strict=True):
        row = next(row for row in terminal.screen if row.startswith(f"{label} "))
        assert f"{probability:.0%}" in row
    assert terminal.shows(f"{newest.level:.0f} dBFS")
    assert len(terminal.screen) <= 24
    assert all(len(row) <= 80 for row in terminal.screen)

    inference.kill()
    graph.until(lambda: terminal.shows(SILENT), "the silence")
    graph.until(lambda: terminal.shows("STALE inference"), "that the node has gone")
    terminal.resize(60, 15)
    graph.until(lambda: max(map(len, terminal.screen)) <= 60, "the new size")
    assert len(terminal.screen) <= 15
    graph.start("inference")
    graph.pause(1.0)
    graph.speak(long_speech, stamp_ns=end_ns + 10**9)
    graph.until(lambda: terminal.shows("OK inference"), "the node that came back")
    graph.until(lambda: not terminal.shows(SILENT), "its messages")

    listeners = graph.probe.get_subscriptions_info_by_topic("/audio")
    assert [found.node_name for found in listeners] == ["inference"]
    assert terminal.end() == 0
    assert terminal.raw.count("\x1b[?1049h") == terminal.raw.count("\x1b[?1049l") == 1
    assert terminal.raw.rindex("\x1b[?25h") > terminal.raw.rindex("\x1b[?25l")
    assert "Traceback" not in terminal.raw


def test_no_color_is_obeyed(graph: Graph, terminals: list[Terminal]) -> None:
    coloured, bare = Terminal(graph, 80, 24), Terminal(graph, 80, 24, NO_COLOR="1")
    terminals += [coloured, bare]
    publisher = graph.publisher(Emotion, topics.EMOTION)
    message = Emotion(label="sad", labels=["sad"], probabilities=[1.0], level=-20.0)

    def shown() -> bool:
        publisher.publish(message)
        return all(terminal.shows("sad ███") for terminal in terminals)

    graph.until(shown, "a bar on both")
    assert "\x1b[32m" in coloured.raw
    assert not re.search(r"\x1b\[(3[0-7]|9[0-7]|38;)", bare.raw)


def test_lines_where_there_is_no_terminal(graph: Graph, long_speech: Samples) -> None:
    process = graph.run(watch("--namespace", "/head"))
    graph.start("inference", "-r", "__ns:=/head")
    graph.until(lambda: "No messages for" in process.output, "that nothing comes")
    assert "/head/emotion" in process.output
    state = EmotionState(label="sad", confidence=0.8)
    state.header = Header(stamp=messages.time_of(20 * 10**9))
    state.since = messages.time_of(8 * 10**9)
    states = graph.publisher(EmotionState, "/head/emotion_state", topics.LATCHED)
    emotions = graph.publisher(Emotion, "/head/emotion")

    def heard() -> bool:  # who reads at best effort may miss the first
        emotions.publish(Emotion(labels=["sad"], probabilities=[0.75]))
        return "lost 0" in process.output

    graph.until(heard, "that it hears")
    for _ in range(3):
        emotions.publish(Emotion(labels=["sad"], probabilities=[0.75], samples_lost=100))
        states.publish(state)
        graph.pause(0.5)
    graph.until(lambda: "SAD (80% sure, for 12 s" in process.output, "the state")
    graph.until(lambda: "lost 300" in process.output, "the sum of what was lost")
    assert "\x1b" not in process.output
    assert process.end(signal.SIGINT) == 0
    assert "Traceback" not in process.output


@pytest.mark.parametrize("arguments", [["--namespace", "a b"], ["--ros-args", "-r", "__ns:=a b"]])
def test_what_ros_refuses_is_a_sentence(graph: Graph, arguments: list[str]) -> None:
    process = graph.run(watch(*arguments))
    assert process.wait() == 1
    assert "ROS cannot start with these arguments" in process.output
    assert "Traceback" not in process.output
