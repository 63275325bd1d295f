"""A ROS graph for one test: processes of the package's nodes, and a probe that talks to them."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import rclpy
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from ser_ros.audio import AudioFormat, Samples, encode
from ser_ros.nodes import messages, topics

ROOT = Path(__file__).resolve().parents[2]
_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
TRANSPORT = {
    "ROS_AUTOMATIC_DISCOVERY_RANGE": "SYSTEM_DEFAULT",  # LOCALHOST insists on shared memory
    **dict.fromkeys(_PROFILES, str(Path(__file__).with_name("loopback.xml"))),
}
"""How a graph talks: on this machine alone; the file says why not by shared memory."""
NODE = "import sys; from ser_ros.nodes.{name} import main; sys.exit(main())"
LONG_S = 30.0
"""A busy machine may take long; a test that waits so long has failed."""

# Above 101 a domain's ports would meet those of ordinary programs.
_domains = itertools.cycle(random.sample(range(1, 101), 100))


class Process:
    """A program whose output is kept, and which never outlives its test."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("w") as file:
            self._process = subprocess.Popen(
                arguments, stdout=file, stderr=subprocess.STDOUT, env=environment, cwd=ROOT
            )

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait(self, timeout_s: float = LONG_S) -> int:
        return self._process.wait(timeout_s)

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return self._process.wait(LONG_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


class Graph:
    """Nodes as processes on a domain of their own, and a probe node in this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.domain = next(_domains)
        self.environment = {
            **os.environ,
            "ROS_DOMAIN_ID": str(self.domain),
            **TRANSPORT,
            "PYTHONUNBUFFERED": "1",
            "XDG_STATE_HOME": str(folder / "state"),  # a token of a test is nobody's
        }
        self._processes: list[Process] = []
        self._context = Context()
        os.environ.update(TRANSPORT)
        rclpy.init(context=self._context, domain_id=self.domain)
        self.probe = Node("probe", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.probe)
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}

    def start(self, name: str, *arguments: str, **parameters: object) -> Process:
        """Start a node of the package as a process, with parameters as on a command line."""
        told = [word for key, value in parameters.items() for word in ("-p", f"{key}:={value}")]
        return self.run(
            [sys.executable, "-c", NODE.format(name=name), "--ros-args", *arguments, *told]
        )

    def run(self, command: list[str]) -> Process:
        log = self._folder / f"process-{len(self._processes)}.log"
        self._processes.append(Process(command, self.environment, log))
        return self._processes[-1]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        self._executor.shutdown()
        self.probe.destroy_node()
        rclpy.shutdown(context=self._context)

    # ── the probe ─────────────────────────────────────────────────────────────────────────────

    def until(self, condition: Callable[[], object], what: str, limit_s: float = LONG_S) -> None:
        """Let messages come until the condition holds; fail, with all output, if it never does."""
        end = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > end:
                outputs = "\n".join(p.output for p in self._processes)
                raise AssertionError(f"waited {limit_s:g} s in vain for {what}; output:\n{outputs}")
            self._executor.spin_once(timeout_sec=0.05)

    def pause(self, seconds: float) -> None:
        """Let messages come for a while."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=min(left, 0.05))

    def collect(self, kind: type, topic: str, qos: Any = topics.STREAM) -> list[Any]:
        """Subscribe, and return the list that the messages are put into."""
        received: list[Any] = []
        self.probe.create_subscription(kind, topic, received.append, qos)
        return received

    def publisher(self, kind: type, topic: str, qos: Any = topics.STREAM) -> Any:
        """Return a publisher that has a subscriber."""
        if topic not in self._publishers:
            self._publishers[topic] = self.probe.create_publisher(kind, topic, qos)
        publisher = self._publishers[topic]
        self.until(publisher.get_subscription_count, f"a subscriber of {topic}")
        return publisher

    def ask(self, kind: type, name: str, request: Any) -> Any:
        """Send a request, and return the future of its answer."""
        if name not in self._clients:
            self._clients[name] = self.probe.create_client(kind, name)
            self.until(self._clients[name].service_is_ready, f"the service {name}")
            # The node must have found the client too, or its answer has nowhere to go.
            self.pause(0.3)
        return self._clients[name].call_async(request)

    def call(self, kind: type, name: str, request: Any) -> Any:
        future = self.ask(kind, name, request)
        self.until(future.done, f"an answer of {name}")
        return future.result()

    def tell_format(self, fmt: AudioFormat) -> None:
        self.publisher(AudioInfo, topics.AUDIO_INFO, topics.LATCHED).publish(
            messages.audio_info(fmt)
        )

    def speak(
        self,
        samples: Samples,
        fmt: AudioFormat | None = None,
        stamp_ns: int | None = None,
        chunk: int | None = None,
        stamped: bool = True,
        pause_s: float = 0.02,
    ) -> int:
        """Publish samples in chunks, as one unbroken stretch; return the stamp that follows.

        There are ten unless told otherwise: as many wait for a node on a busy machine.
        """
        chunk = chunk or -(-len(samples) // topics.STREAM.depth)
        fmt = fmt or AudioFormat()
        kind = AudioDataStamped if stamped else AudioData
        publisher = self.publisher(kind, topics.AUDIO)
        stamp_ns = (
            time.time_ns() - len(samples) * 10**9 // fmt.rate if stamp_ns is None else stamp_ns
        )
        for start in range(0, len(samples), chunk):
            pcm = encode(samples[start : start + chunk], fmt.sample_format)
            message = messages.audio_chunk(pcm, stamp_ns + start * 10**9 // fmt.rate, "head")
            publisher.publish(message if stamped else message.audio)
            self.pause(pause_s)
        return stamp_ns + len(samples) * 10**9 // fmt.rate

    def diagnostics(self, node: str) -> Callable[[], dict[str, str]]:
        """Return what gives the newest diagnostics of a node as a dictionary, empty before."""
        arrays = self.collect(DiagnosticArray, topics.DIAGNOSTICS)

        def newest() -> dict[str, str]:
            for array in reversed(arrays):
                for status in array.status:
                    if status.name.startswith(f"{node}:"):
                        level = {"level": str(status.level[0]), "message": status.message}
                        return level | {value.key: value.value for value in status.values}
            return {}

        return newest


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    made = Graph(tmp_path)
    yield made
    made.close()
