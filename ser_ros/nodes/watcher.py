"""The watcher: what the other nodes say, on a terminal. `python -m ser_ros watch` has it."""

from __future__ import annotations

import os
import time

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile

from ser_ros.clock import SECOND
from ser_ros.msg import Emotion, EmotionState
from ser_ros.nodes import messages, topics
from ser_ros.nodes.process import Crew, spin_crew
from ser_ros.watching.board import LEVELS, Board, EmotionSaid, StateSaid, StatusSaid
from ser_ros.watching.show import TICK_S, Shown

_DIAGNOSTICS = QoSProfile(depth=32)
"""Many nodes of a robot speak at the same moment, once a second."""


class Watcher(Node):
    """Listen to `emotion`, `emotion_state` and `/diagnostics`, never to `audio`."""

    def __init__(self, shown: Shown, namespace: str | None = None) -> None:
        super().__init__(
            f"watcher_{os.getpid()}",  # several people may watch
            namespace=namespace,
            start_parameter_services=False,
            enable_rosout=False,
        )
        self._shown = shown
        # Best effort: who watches over a slow line shall hold nobody up.
        emotions = self.create_subscription(
            Emotion, topics.EMOTION, self._hear_emotion, topics.STREAM_BEST_EFFORT
        )
        self.create_subscription(
            EmotionState, topics.EMOTION_STATE, self._hear_state, topics.LATCHED_SERIES
        )
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._hear_diagnostics, _DIAGNOSTICS
        )
        self._topic = emotions.topic_name
        self._board = Board(self._topic, time.monotonic(), self.get_namespace())
        self.create_timer(TICK_S, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _hear_emotion(self, message: Emotion) -> None:
        said = EmotionSaid(
            message.label,
            message.confidence,
            message.labels,
            message.probabilities,
            message.speech_ratio,
            message.level,
            message.samples_lost,
            message.latency,
            message.model,
        )
        self._board.hear_emotion(said, time.monotonic())

    def _hear_state(self, message: EmotionState) -> None:
        stamp_ns = messages.ns_of(message.header.stamp)
        stood_s = (stamp_ns - messages.ns_of(message.since)) / SECOND
        age_s = (self.get_clock().now().nanoseconds - stamp_ns) / SECOND
        said = StateSaid(message.label, message.confidence, stood_s, age_s)
        self._board.hear_state(said, time.monotonic())

    def _hear_diagnostics(self, message: DiagnosticArray) -> None:
        now_s = time.monotonic()
        for status in message.status:
            self._board.hear_status(_said(status), now_s)

    def _look(self) -> None:
        self._shown.look(self._board, time.monotonic(), self._publishing)

    def _publishing(self) -> int:
        return int(self.count_publishers(self._topic))


def watch(shown: Shown, namespace: str | None, ros_args: list[str]) -> int:
    """Show what the nodes of a namespace say until Ctrl-C; return the exit code, see `spin_crew`.

    The namespace of `ros_args` holds where none is given.
    """
    try:
        return spin_crew(lambda: Crew([], [Watcher(shown, namespace)]), ros_args)
    finally:
        shown.close()


def _said(status: DiagnosticStatus) -> StatusSaid:
    # Only of ours are the values looked at; a robot has hundreds of others.
    level = min(status.level[0], len(LEVELS) - 1)
    values = {value.key: value.value for value in status.values}
    return StatusSaid(status.name, level, status.message, values)
