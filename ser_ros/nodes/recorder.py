"""The recorder: what passes on topics, into a bag. `python -m ser_ros bag record` runs it.

No launch file starts it and no parameter does: nothing is recorded unless a person asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

from ser_ros.bags import types
from ser_ros.bags.recording import Recording
from ser_ros.bags.writing import quality
from ser_ros.errors.bags import TypeDiffers, TypeUnknown
from ser_ros.errors.machine import CannotWrite
from ser_ros.nodes import topics
from ser_ros.nodes.process import Crew, spin_crew

AUDIO = (topics.AUDIO, topics.AUDIO_INFO)
SPEECHLESS = (
    topics.EMOTION,
    topics.EMOTION_STATE,
    topics.GROUND_TRUTH,
    topics.ROBOT_SPEAKING,
)
"""What is recorded besides the sound."""

_SOUNDLESS = (
    types.AUDIO_INFO,
    types.EMOTION,
    types.EMOTION_STATE,
    types.GROUND_TRUTH,
    types.BOOL,
    "diagnostic_msgs/msg/DiagnosticArray",
    "geometry_msgs/msg/PoseStamped",
    "geometry_msgs/msg/Twist",
    "geometry_msgs/msg/TwistStamped",
    "lifecycle_msgs/msg/TransitionEvent",
    "nav_msgs/msg/Odometry",
    "rosgraph_msgs/msg/Clock",
    "sensor_msgs/msg/BatteryState",
    "sensor_msgs/msg/JointState",
    "std_msgs/msg/Empty",
    "tf2_msgs/msg/TFMessage",
)
"""What is recorded where no sound shall be. All else may hold some: an array of numbers, a text, or
the image of a spectrogram, from which speech can be made again."""

_LOOK_S = 0.2
"""Seconds after which publishers are looked for again."""

_FLUSH_S = 1.0

_DEPTH = 200
"""Messages that may wait while the disk is slow."""


class Teller(Protocol):
    """Who tells a person how the recording goes."""

    def begin(self, topics: Sequence[str]) -> None:
        """It begins; the topics are named as they are called on the graph."""

    def tell(self, sentence: str) -> None: ...

    def beat(self) -> None:
        """Called once a second."""


@dataclass(frozen=True)
class Outcome:
    """How a recording ended."""

    code: int
    """Exit code of the process, see `spin_crew`."""
    topics: Sequence[str] = ()
    over: str = ""
    """Why it ended; empty where somebody ended it."""
    failure: CannotWrite | None = None


class Recorder(Node):
    """Write what is published on some topics, as it is, with the time of its receipt."""

    def __init__(
        self,
        recording: Recording,
        names: Sequence[str],
        audio: bool,
        teller: Teller,
        **options: Any,
    ) -> None:
        """`audio` permits sound."""
        super().__init__("recorder", **options)
        self.failure: CannotWrite | None = None
        self.over = ""
        """Why it has come to its end, or an empty text."""
        self._recording = recording
        self._audio = audio
        self._teller = teller
        self._names = {self.resolve_topic_name(name): name for name in names}
        self._inputs: dict[str, tuple[QoSProfile, Any]] = {}
        self._refused: set[str] = set()
        self._complaint = ""
        # Simulated time may stand still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_LOOK_S, self._look, clock=steady)
        self.create_timer(_FLUSH_S, self._beat, clock=steady)

    @property
    def listened(self) -> list[str]:
        """The topics, as they are called on the graph."""
        return list(self._names)

    def _look(self) -> None:
        """Subscribe to what has a publisher, in the quality that all of its publishers offer."""
        if self._simulated() and not self.get_clock().now().nanoseconds:
            return  # nobody has told the time yet
        for topic, name in self._names.items():
            if topic in self._refused:
                continue
            offers = self.get_publishers_info_by_topic(topic)
            if not offers:
                continue
            best_effort = any(
                o.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT for o in offers
            )
            volatile = any(o.qos_profile.durability == DurabilityPolicy.VOLATILE for o in offers)
            wanted = QoSProfile(
                depth=_DEPTH,
                history=HistoryPolicy.KEEP_LAST,
                reliability=ReliabilityPolicy.BEST_EFFORT
                if best_effort
                else ReliabilityPolicy.RELIABLE,
                durability=DurabilityPolicy.VOLATILE
                if volatile
                else DurabilityPolicy.TRANSIENT_LOCAL,
            )
            before = self._inputs.get(topic)
            if before and before[0] == wanted:
                continue
            if before:  # a publisher that offers less has come, or has gone
                self.destroy_subscription(before[1])
            self._subscribe(topic, name, offers[0], wanted)

    def _subscribe(self, topic: str, name: str, offer: TopicEndpointInfo, qos: QoSProfile) -> None:
        kind = offer.topic_type
        if not self._audio and kind not in _SOUNDLESS:
            self._refuse(topic, f"{topic} is not recorded, for {kind} can hold sound.")
            return
        reliable = qos.reliability == ReliabilityPolicy.RELIABLE
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        package, _, message = kind.partition("/msg/")
        try:
            types.check(kind, str(offer.topic_type_hash))
            of_kind = getattr(import_module(f"{package}.msg"), message)
            self._recording.add_topic(topic, kind, [quality(reliable, latched)])
        except (ImportError, AttributeError) as error:
            self._refuse(topic, f"{topic} ({kind}) is not recorded: {error}.")
            return
        except (TypeDiffers, TypeUnknown) as error:
            self._refuse(topic, f"{topic} is not recorded. {error}")
            return
        except CannotWrite as error:
            self._fail(error)
            return
        hear = partial(self._hear, topic)
        subscription = self.create_subscription(of_kind, name, hear, qos, raw=True)
        self._inputs[topic] = (qos, subscription)

    def _refuse(self, topic: str, sentence: str) -> None:
        self._refused.add(topic)
        self._teller.tell(sentence)

    def _hear(self, topic: str, message: bytes, about: dict[str, int]) -> None:
        if self.over:
            return
        try:
            self._recording.write(topic, self._received_ns(about), message)
        except CannotWrite as error:
            self._fail(error)

    def _simulated(self) -> bool:
        return bool(self.get_parameter("use_sim_time").value)

    def _received_ns(self, about: dict[str, int]) -> int:
        if self._simulated():  # what is in `about` is the time of the machine
            return int(self.get_clock().now().nanoseconds)
        return about.get("received_timestamp") or time.time_ns()

    def _beat(self) -> None:
        if self.over:
            return
        try:
            self._recording.tick()
        except CannotWrite as error:
            self._fail(error)
        if self._recording.complaint not in ("", self._complaint):
            self._teller.tell(self._recording.complaint)
        self._complaint = self._recording.complaint
        self._teller.beat()

    def _fail(self, error: CannotWrite) -> None:
        self.failure = self.failure or error
        self.over = "because it could not go on"

    def ended(self) -> bool:
        """Whether the recording has come to its end."""
        self.over = self.over or self._recording.over
        return bool(self.over)


def record(
    recording: Recording, names: Sequence[str], audio: bool, teller: Teller, ros_args: list[str]
) -> Outcome:
    """Record until an end is reached, Ctrl-C or a termination."""
    made: list[Recorder] = []

    def make() -> Crew:
        recorder = Recorder(recording, names, audio, teller)
        made.append(recorder)
        recording.start()
        teller.begin(recorder.listened)
        return Crew([], [recorder], recorder.ended)

    code = spin_crew(make, ros_args)
    if not made:
        return Outcome(code)
    return Outcome(code, made[0].listened, made[0].over, made[0].failure)
