"""Where viewers are measured: the nodes, what is heard on their graph, and the viewers' process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from ser_ros.benchmark import graph
from ser_ros.benchmark.clock import cpu_seconds
from ser_ros.benchmark.graph import Running
from ser_ros.benchmark.task import SPEECH_FILE
from ser_ros.errors import SerError

CHUNK_S, HOP_S = 0.25, 0.5
"""From chunk to chunk and from window to window: a robot that says soon and often what it hears."""

NODES = ("capture", "inference", "dashboard")
VIEWERS = "viewers"
"""The process of the viewers, beside the nodes."""

_WARM = 4
"""Windows that are judged before anything is measured."""


class Ears:
    """What is heard on the graph, with its time in seconds of the monotonic clock."""

    def __init__(self, probe: Any) -> None:
        from diagnostic_msgs.msg import DiagnosticArray

        from ser_ros.msg import Emotion, EmotionState
        from ser_ros.nodes import topics

        self.latencies: list[tuple[float, float]] = []
        """(time, ms) of each window, as the inference node says it."""
        self.lost = 0
        """Samples, at 16 kHz, that were lost so far."""
        self.told: list[tuple[str, float, float]] = []
        """(type, stamp, time) of each message that the page is told too."""
        self._health: dict[str, tuple[float, dict[str, str]]] = {}
        subscribe = probe.create_subscription
        subscribe(Emotion, topics.EMOTION, self._hear_emotion, topics.STREAM)
        subscribe(EmotionState, topics.EMOTION_STATE, self._hear_state, topics.LATCHED)
        subscribe(DiagnosticArray, topics.DIAGNOSTICS, self._hear_health, 32)

    def says(self, node: str, key: str, since_s: float = 0.0) -> str | None:
        """Return what a node said of itself last, or None where that was before `since_s`."""
        said_s, values = self._health.get(node, (0.0, {}))
        return values.get(key) if said_s > since_s else None

    def _hear_emotion(self, message: Any) -> None:
        now_s = time.monotonic()
        self.latencies.append((now_s, message.latency * 1e3))
        self.lost += message.samples_lost
        self.told.append(("window", _seconds(message), now_s))

    def _hear_state(self, message: Any) -> None:
        self.told.append(("state", _seconds(message), time.monotonic()))

    def _hear_health(self, message: Any) -> None:
        now_s = time.monotonic()
        for status in message.status:
            node = status.name.rpartition(": ")[2]
            self._health[node] = (now_s, {value.key: value.value for value in status.values})


def _seconds(message: Any) -> float:
    """Return a stamp as the page is told it."""
    from ser_ros.clock import SECOND
    from ser_ros.nodes import messages

    return messages.ns_of(message.header.stamp) / SECOND


class Stage:
    """The nodes as processes, and a probe that hears them."""

    def __init__(self, probe: Any) -> None:
        self._probe = probe
        self._nodes: list[Running] = []
        self.ears = Ears(probe)

    def start(self, stack: ExitStack, name: str, theirs: dict[str, str], **given: Any) -> None:
        """Start a node, and wait until it is active; the stack ends it."""
        asked = graph.client(self._probe, name)
        folder = theirs["ROS_LOG_DIR"]
        running = stack.enter_context(graph.node(folder, theirs, name, given))
        graph.ready(self._probe, asked, running)
        self._nodes.append(running)

    def until(self, what: str, done: Callable[[], bool]) -> None:
        """Let messages come until it is done. Raises `SerError` where a node fails."""
        *others, newest = self._nodes
        graph.until(self._probe, newest, what, done, *others)

    def pause(self, seconds: float) -> None:
        """Let messages come for a while. Raises `SerError` where a node fails."""
        end_s = time.monotonic() + seconds
        self.until("time", lambda: time.monotonic() >= end_s)

    def until_says(self, node: str, key: str, expected: str | None = None) -> str:
        """Wait for what a node says of itself from now on; return it."""
        since_s = time.monotonic()

        def come() -> bool:
            said = self.ears.says(node, key, since_s)
            return said is not None and expected in (None, said)

        self.until(f"'{key}'" + (f" as {expected}" if expected else ""), come)
        return self.ears.says(node, key) or ""

    def cpu_seconds(self) -> dict[str, float]:
        return {node.name: cpu_seconds(node.process.pid) for node in self._nodes}


@contextmanager
def nodes(bundle: str, folder: str) -> Iterator[Stage]:
    """Run the nodes on a graph of their own: they hear the speech in `folder` for ever.

    The folder takes their logs too. Raises `SerError`, with its last words, where one fails.
    """
    theirs = graph.start_ros(folder)
    for number in (signal.SIGINT, signal.SIGTERM):  # either ends the nodes first
        signal.signal(number, signal.default_int_handler)
    import rclpy
    from rclpy.utilities import try_shutdown

    probe = rclpy.create_node("probe")
    try:
        with ExitStack() as stack:
            stage = Stage(probe)
            stage.start(stack, "dashboard", theirs, host="127.0.0.1", port=0, model=bundle)
            stage.start(stack, "inference", theirs, model=bundle, hop=HOP_S, min_speech_ratio=0.0)
            speech = f"[{Path(folder, SPEECH_FILE)}]"
            stage.start(
                stack, "capture", theirs, source="file", files=speech, loop="true", chunk=CHUNK_S
            )
            stage.until("a window", lambda: len(stage.ears.latencies) >= _WARM)
            yield stage
    finally:
        probe.destroy_node()
        try_shutdown()


class Audience:
    """The process of the viewers, see `audience`."""

    def __init__(self, stage: Stage, process: subprocess.Popen[str], log: Path) -> None:
        self._stage = stage
        self._process = process
        self._log = log
        self._reader = ThreadPoolExecutor(1)

    def ask(self, words: str) -> Any:
        """Return its answer; messages come meanwhile. Raises `SerError` where it has none."""
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):  # it said why
            print(words, file=self._process.stdin, flush=True)
        answer = self._reader.submit(self._process.stdout.readline)
        self._stage.until("its viewers", answer.done)
        if not answer.result():
            said = self._log.read_text(errors="replace").strip().splitlines()
            raise SerError(f"The viewers cannot look on. They said: {(said or ['nothing'])[-1]}")
        return json.loads(answer.result())

    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid)

    def close(self) -> None:
        assert self._process.stdin
        with suppress(BrokenPipeError):  # it has ended, and left something unread
            self._process.stdin.close()  # its sign to end
        graph.end(self._process)
        self._reader.shutdown()


@contextmanager
def audience(stage: Stage, address: str, folder: str) -> Iterator[Audience]:
    """Run the process of the viewers of a page."""
    log = Path(folder, f"{VIEWERS}.log")
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "ser_ros.benchmark.viewers.audience", address],
            env=os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    made = Audience(stage, process, log)
    try:
        made.ask("here")  # it is quiet once it has loaded what it needs
        yield made
    finally:
        made.close()
