"""The real nodes, as processes on a ROS graph of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_ros.benchmark.clock import resident_mb
from ser_ros.benchmark.task import SPEECH_FILE, Result, Task
from ser_ros.errors import SerError

NEEDED = ("rclpy", "audio_common_msgs", "ser_ros.msg")

_WINDOWS = 20
"""Windows that an inference node judges before its memory is read."""

_CHUNKS = 3
"""Chunks that a capture node publishes before its memory is read."""

_PAUSE_S = 0.5
"""Seconds between windows: a robot's processor does other things between them."""

_PATIENCE_S = 30.0
"""Seconds after which a node that says nothing is given up."""


_OFTEN_ANNOUNCED = """<dds><profiles xmlns="http://www.eprosima.com">
<participant profile_name="probe" is_default_profile="true"><rtps><builtin><discovery_config>
<leaseAnnouncement><sec>0</sec><nanosec>50000000</nanosec></leaseAnnouncement>
</discovery_config></builtin></rtps></participant></profiles></dds>"""
"""For Fast DDS: the probe announces itself every 50 ms. By default it is every 3 s, and a node that
missed its first words would seem to take that much longer to be ready."""

_PROFILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")


def environment(folder: str) -> dict[str, str]:
    """Return variables that keep the nodes to themselves: no other machine, domain or log."""
    return {
        "ROS_DOMAIN_ID": str(1 + os.getpid() % 100),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "ROS_LOG_DIR": folder,
    }


def start_ros(folder: str) -> dict[str, str]:
    """Start ROS in this process, and return the environment of the nodes."""
    # Only the process that measures loads ROS.
    import rclpy

    os.environ.update(environment(folder))
    theirs = dict(os.environ)
    profile = Path(folder, "probe.xml")
    profile.write_text(_OFTEN_ANNOUNCED)
    os.environ.update(dict.fromkeys(_PROFILES, str(profile)))
    rclpy.init()
    return theirs


def measure(task: Task) -> Result:
    """Start a node and measure it.

    `ready_s` is from the start of its process to its answer that it is active; it answers only once
    it spins. Raises `SerError` where it stays silent.
    """
    theirs = start_ros(task.folder)
    import rclpy
    from rclpy.utilities import try_shutdown

    probe = rclpy.create_node("probe")
    name, _, runtime = task.name.partition(" ")
    try:
        if name == "inference":
            return _inference(probe, task, theirs, runtime)
        return _capture(probe, task, theirs)
    finally:
        probe.destroy_node()
        try_shutdown()


def _inference(probe: Any, task: Task, theirs: dict[str, str], runtime: str) -> Result:
    """Publish windows one by one; `latency` is what the node's messages say, in ms."""
    from audio_common_msgs.msg import AudioDataStamped

    from ser_ros.benchmark.windows import Windows
    from ser_ros.bundle import Bundle
    from ser_ros.clock import SECOND
    from ser_ros.msg import Emotion
    from ser_ros.nodes import messages, topics

    features = Bundle.load(Path(task.bundle)).features
    windows = Windows(task.windows, features.window)
    latencies: list[float] = []
    probe.create_subscription(
        Emotion, topics.EMOTION, lambda m: latencies.append(m.latency * 1e3), topics.STREAM
    )
    audio = probe.create_publisher(AudioDataStamped, topics.AUDIO, topics.STREAM)
    given = {
        "model": task.bundle,
        "runtime": runtime,
        "rate": features.rate,
        "hop": features.window_s,
        "min_speech_ratio": 0.0,
    }
    asked = client(probe, "inference")
    with node(task.folder, theirs, "inference", given) as running:
        ready_s = ready(probe, asked, running)
        until(probe, running, "a subscription", lambda: audio.get_subscription_count() > 0)
        window_ns = round(features.window_s * SECOND)
        count = min(_WINDOWS, len(windows))
        stamp_ns = time.time_ns() - (count + 1) * window_ns
        for index in range(count):
            audio.publish(messages.audio_chunk(windows[index], stamp_ns, "microphone"))
            stamp_ns += window_ns
            until(probe, running, "an emotion", lambda n=index: len(latencies) > n)  # type: ignore[misc]
            time.sleep(_PAUSE_S)
        figures = {"ready_s": ready_s, "rss_mb": resident_mb(running.process.pid)}
    return Result({"latency": latencies}, figures)


def _capture(probe: Any, task: Task, theirs: dict[str, str]) -> Result:
    """Let it play a file, for not every machine has a microphone."""
    from audio_common_msgs.msg import AudioDataStamped

    from ser_ros.nodes import topics

    chunks: list[Any] = []
    probe.create_subscription(AudioDataStamped, topics.AUDIO, chunks.append, topics.STREAM)
    given = {
        "source": "file",
        "files": f"[{Path(task.folder, SPEECH_FILE)}]",
        "loop": "true",
    }
    asked = client(probe, "capture")
    with node(task.folder, theirs, "capture", given) as running:
        ready_s = ready(probe, asked, running)
        until(probe, running, "a chunk", lambda: len(chunks) >= _CHUNKS)
        figures = {"ready_s": ready_s, "rss_mb": resident_mb(running.process.pid)}
    return Result({}, figures)


@dataclass(frozen=True)
class Running:
    """A node's process."""

    name: str
    process: subprocess.Popen[bytes]
    began: float
    """Its start, in seconds of the monotonic clock."""
    log: Path

    @property
    def last_words(self) -> str:
        return (self.log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]

    def check(self) -> None:
        """Raise `SerError`, with its last words, where it has ended."""
        if (code := self.process.poll()) is not None:
            raise SerError(
                f"The node {self.name} ended with exit code {code}. It said: {self.last_words}"
            )


@contextmanager
def node(
    folder: str, theirs: dict[str, str], name: str, given: dict[str, Any]
) -> Iterator[Running]:
    """Run a node as a process, and end it."""
    code = f"import sys; from ser_ros.nodes.{name} import main; sys.exit(main())"
    arguments = [word for key, value in given.items() for word in ("-p", f"{key}:={value}")]
    log = Path(folder, f"{name}.log")
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", code, "--ros-args", *arguments],
            env=theirs,
            stdout=output,
            stderr=output,
        )
    try:
        yield Running(name, process, began, log)
    finally:
        end(process)


def end(process: subprocess.Popen[Any], patience_s: float = 5.0) -> None:
    """End a process, by force where it does not obey, or where a person is impatient."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(patience_s)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as error:
        process.kill()
        process.wait()
        if isinstance(error, KeyboardInterrupt):
            raise


def client(probe: Any, name: str) -> Any:
    """Return what asks a node for its state; it is there before the node, as on a robot."""
    from lifecycle_msgs.srv import GetState

    return probe.create_client(GetState, f"{name}/get_state")


def ready(probe: Any, asked: Any, running: Running) -> float:
    """Wait until a node is active; return the seconds from its start."""
    from lifecycle_msgs.msg import State

    until(probe, running, "its service", asked.service_is_ready)
    while True:
        answer = asked.call_async(asked.srv_type.Request())
        until(probe, running, "its state", answer.done)
        if answer.result().current_state.id == State.PRIMARY_STATE_ACTIVE:
            return time.monotonic() - running.began


def until(
    probe: Any, running: Running, what: str, done: Callable[[], bool], *others: Running
) -> None:
    """Let messages come until it is done.

    Raises `SerError` where the node, or one of the others, ends, or where nothing comes of it.
    """
    import rclpy

    given_up = time.monotonic() + _PATIENCE_S
    while not done():
        for one in (running, *others):
            one.check()
        if time.monotonic() > given_up:
            raise SerError(
                f"The node {running.name} gave no sign of {what} within {_PATIENCE_S:g} s. "
                f"It said: {running.last_words}"
            )
        rclpy.spin_once(probe, timeout_sec=0.02)
