"""The behavior node: `emotion_state` in, a behaviour's name out. Copy it for your own robot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rclpy.lifecycle import LifecyclePublisher
from std_msgs.msg import String

from ser_ros.behaviors import Selector, read_table
from ser_ros.carried import config_folder
from ser_ros.clock import SECOND
from ser_ros.health import Level, Losses, Report
from ser_ros.msg import EmotionState
from ser_ros.nodes import messages, topics
from ser_ros.nodes.managed import ManagedNode
from ser_ros.nodes.parameters import Spec
from ser_ros.nodes.process import spin

_TICK_S = 0.2
"""How often time alone may change the behaviour."""

_REMEDIES = {
    "states too old": "they are older than timeout_s when they come, or as far in the future, and "
    "the robot rests: set the machines' clocks alike (NTP), use_sim_time too; shorten a chunk of "
    "capture that is longer",
}


class BehaviorNode(ManagedNode):
    """Map how a voice sounds to what the robot does, by a table."""

    SPECS = (
        Spec("table", "", "Path of the YAML table; empty for the carried config/behavior.yaml."),
    )

    def __init__(self, **options: Any) -> None:
        super().__init__("behavior", **options)
        self._selector: Selector | None = None
        self._behaviors: LifecyclePublisher | None = None
        self._states: Any = None
        self._tick: Any = None
        self._shown = ""
        self._heard_any = False
        self._too_old = 0
        self._losses = Losses(_REMEDIES)

    def open(self) -> None:
        path = self.value("table") or config_folder() / "behavior.yaml"
        self._selector = Selector(read_table(Path(path).expanduser()))
        self._behaviors = self.create_lifecycle_publisher(String, topics.BEHAVIOR, topics.LATCHED)

    def start(self) -> None:
        assert self._selector
        self._selector = Selector(self._selector.table)  # what was so before is not so now
        self._heard_any = False
        self._states = self.create_subscription(
            EmotionState, topics.EMOTION_STATE, self._hear, topics.LATCHED
        )
        self._tick = self.create_timer(_TICK_S, self._pass_time)
        self._show(self._selector.current)

    def stop(self) -> None:
        self._shown = ""
        self.destroy_subscription(self._states)
        self.destroy_timer(self._tick)

    def close(self) -> None:
        if self._behaviors:
            self.destroy_lifecycle_publisher(self._behaviors)
        self._behaviors = self._selector = None

    def _hear(self, state: EmotionState) -> None:
        assert self._selector
        now_ns = self.now_ns()
        age_ns = now_ns - messages.ns_of(state.header.stamp)
        # One from the future is of the time before a simulated clock was set back.
        if abs(age_ns) <= self._selector.table.timeout_s * SECOND:
            self._show(self._selector.state(state.label, state.confidence, now_ns))
        elif self._heard_any:
            # Latched: the first that a late subscriber is given may well be of an hour ago.
            self._too_old += 1
        self._heard_any = True

    def _pass_time(self) -> None:
        assert self._selector
        self._show(self._selector.tick(self.now_ns()))

    def _show(self, behavior: str) -> None:
        assert self._behaviors
        if behavior != self._shown:
            self._shown = behavior
            self._behaviors.publish(String(data=behavior))
            self.get_logger().info(f"Behaviour: {behavior}")

    def diagnose(self) -> list[Report]:
        report = Report("behavior")
        if self._selector is None:
            report.add(Level.WARN, "Not configured.")
            return [report]
        report.values = {
            "behavior": self._selector.current,
            "states too old": str(self._too_old),
        }
        if not self.active:
            report.add(Level.WARN, "Not active.")
        elif not self.count_publishers(self._states.topic_name):
            report.add(
                Level.WARN,
                "Nobody publishes emotion_state; is the inference node running, and on this topic?",
            )
        self._losses.judge(report, time.monotonic())
        return [report]


def main() -> int:
    return spin(BehaviorNode)
