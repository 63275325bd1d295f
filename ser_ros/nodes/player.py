"""The player: a bag's messages, published again in their timing. `bag play` has it.

With `/clock` the other nodes live in the time of the bag: they take `use_sim_time` and hear at any
rate what they would have heard on the robot.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage

from ser_ros.bags import types
from ser_ros.bags.reading import Bag, Message, Topic
from ser_ros.clock import SECOND
from ser_ros.errors.bags import NothingToPlay, TypeDiffers
from ser_ros.nodes import messages
from ser_ros.nodes.process import Crew, spin_crew

ANSWERS = (types.EMOTION, types.EMOTION_STATE)
"""What a node said when the bag was recorded; another one is to say it now."""

_TICK_S = 0.01
"""Seconds from look to look at what is due, and from `/clock` to `/clock`."""

_SETTLE_S = 2.0
"""Seconds between the discovery of who listens and the first message: it is mutual."""

_DEPTH = 200
"""Messages that are kept for a reader that is slow at a high rate, or that comes late."""

_ONE = (types.AUDIO_INFO, types.EMOTION_STATE)
"""Of what is latched, that of which only the newest message holds. Of `/tf_static` all do."""

_AHEAD_NS, _BACK_NS = 3_600 * SECOND, SECOND
"""Steps from message to message from which on the robot's clock was set: nobody waits for years."""

_ACKNOWLEDGED_S = 5.0

_CLOCK = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@dataclass(frozen=True)
class Playing:
    """How a bag is played."""

    rate: float = 1.0
    clock: bool = False
    """Whether `/clock` tells the time of the bag."""
    loop: bool = False
    topics: Sequence[str] = ()
    """Which topics; none for all but the answers of a model."""
    wait_s: float = 5.0
    """Seconds to wait until somebody listens to the sound."""


class Player(Node):
    """Publish what a bag holds, each message when it is due."""

    def __init__(
        self, bag: Bag, playing: Playing, tell: Callable[[str], None], **options: Any
    ) -> None:
        """`tell` is given sentences. Raises `NothingToPlay` or `TopicUnknown`."""
        super().__init__("player", **options)
        self.ended = False
        self.played = 0
        """Messages."""
        self._bag, self._playing, self._tell = bag, playing, tell
        self._publishers_of = {t.name: self._publisher(t) for t in self._chosen()}
        if not any(self._publishers_of.values()):
            raise NothingToPlay(bag.path, [t.name for t in bag.topics])
        self._clock_out = self.create_publisher(ClockMessage, "/clock", _CLOCK)
        self._messages: Iterator[Message] = iter(())
        self._next: Message | None = None
        self._begin_ns = self._last_ns = 0
        self._steps_told = False
        self._rewind()
        self._since_s = time.monotonic()
        self._started_s: float | None = None
        """When the bag's first message was due; None while nobody listens yet."""
        # Not the node's own clock: that is what it makes.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_TICK_S, self._tick, clock=steady)

    def _chosen(self) -> list[Topic]:
        if self._playing.topics:
            return [self._bag.topic(name) for name in self._playing.topics]
        return [t for t in self._bag.topics if t.type not in ANSWERS and t.name != "/clock"]

    def _publisher(self, topic: Topic) -> Publisher | None:
        package, _, name = topic.type.partition("/msg/")
        try:
            kind = getattr(import_module(f"{package}.msg"), name)
        except (ImportError, AttributeError):
            self._tell(f"{topic.name} is not played: {topic.type} is not installed here.")
            return None
        try:
            types.check_definition(topic.type, topic.definition)
        except TypeDiffers:
            # Bytes of another layout would be read as something that nobody said.
            self._tell(f"{topic.name} is not played: the bag has another layout of {topic.type}.")
            return None
        latched = topic.type == types.AUDIO_INFO or any(
            qos.durability.name == "TRANSIENT_LOCAL" for qos in topic.qos
        )
        # Reliable whatever was recorded: a reader of either kind takes it.
        qos = QoSProfile(
            depth=1 if latched and topic.type in _ONE else _DEPTH,
            history=HistoryPolicy.KEEP_LAST,
            reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
        return self.create_publisher(kind, topic.name, qos)

    # ── in time ───────────────────────────────────────────────────────────────────────────────

    def _rewind(self) -> None:
        wanted: Collection[str] = {name for name, p in self._publishers_of.items() if p}
        self._messages = self._bag.messages(wanted)
        self._next = next(self._messages, None)
        if self._next is None:
            raise NothingToPlay(self._bag.path, sorted(wanted))
        self._begin_ns = self._last_ns = self._next.log_ns

    def _tick(self) -> None:
        if self.ended:
            return
        now_s = time.monotonic()
        if self._started_s is None:
            self._say_time(self._begin_ns)
            self._await(now_s)
            return
        if now_s < self._started_s:  # what is due at once, too, waits until all have found it
            self._say_time(self._begin_ns)
            return
        passed_s = (now_s - self._started_s) * self._playing.rate
        now_ns = self._begin_ns + round(passed_s * SECOND)
        while self._next is not None:
            due_ns = self._next.log_ns
            if not -_BACK_NS <= due_ns - self._last_ns <= _AHEAD_NS:
                self._tell_step(due_ns - self._last_ns)
                self._begin_ns = now_ns = due_ns
                self._started_s = now_s
            elif due_ns > now_ns:
                break
            # A message comes when the clock says that it did.
            self._say_time(due_ns)
            self._publish(self._next)
            self._last_ns = due_ns
            self._next = next(self._messages, None)
        if self._next is not None:
            self._say_time(now_ns)
        elif self._playing.loop:
            self._rewind()
            self._started_s = now_s
        else:
            self.ended = True

    def _tell_step(self, step_ns: int) -> None:
        if not self._steps_told:
            self._tell(
                f"The clock of the bag was set by {step_ns / SECOND:+,.0f} s between two messages; "
                "the later is played at once."
            )
        self._steps_told = True

    def _await(self, now_s: float) -> None:
        """Begin once every topic of sound has a reader, or nobody came for a while."""
        sound = [
            p for name, p in self._publishers_of.items()
            if p and self._bag.topic(name).type in types.AUDIO_TYPES
        ]  # fmt: skip
        heard = all(p.get_subscription_count() for p in sound)
        waited_s = now_s - self._since_s
        if not heard and waited_s < self._playing.wait_s:
            return
        if not heard:
            names = ", ".join(p.topic_name for p in sound if not p.get_subscription_count())
            self._tell(f"Nobody listens to {names}; it is played all the same.")
        settle_s = _SETTLE_S if self._playing.wait_s else 0.0
        self._started_s = now_s + settle_s

    def _say_time(self, now_ns: int) -> None:
        if self._playing.clock:
            self._clock_out.publish(ClockMessage(clock=messages.time_of(now_ns)))

    def _publish(self, message: Message) -> None:
        publisher = self._publishers_of[message.topic]
        if publisher is not None:
            publisher.publish(message.data)
            self.played += 1

    def finish(self) -> None:
        """Wait until the reliable readers have everything."""
        for publisher in self._publishers_of.values():
            if publisher is not None:
                publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGED_S))


def play(
    bag: Bag, playing: Playing, tell: Callable[[str], None], ros_args: list[str]
) -> tuple[int, int]:
    """Play a bag until its end, Ctrl-C or a termination; return (exit code, messages played)."""
    made: list[Player] = []

    def make() -> Crew:
        player = Player(bag, playing, tell)
        made.append(player)
        return Crew([], [player], over)

    def over() -> bool:
        if made[0].ended:
            made[0].finish()
        return made[0].ended

    code = spin_crew(make, ros_args)
    return code, made[0].played if made else 0
