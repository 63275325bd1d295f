"""The nodes in one process: for a small robot, and for the demo."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rclpy.parameter import Parameter

from ser_ros.nodes.behavior import BehaviorNode
from ser_ros.nodes.capture import CaptureNode
from ser_ros.nodes.inference import InferenceNode
from ser_ros.nodes.listener import Listener
from ser_ros.nodes.process import Crew, spin_crew

_PATIENCE_S = 5.0
"""Seconds that the last message may take once the last file is over."""


def listen(
    capture: dict[str, Any],
    inference: dict[str, Any],
    headings: dict[Path, str],
    behavior: bool,
    quiet: bool,
    ros_args: list[str],
) -> int:
    """Run the nodes with these parameters until the files are over or somebody ends it.

    Returns the exit code, see `spin_crew`.
    """

    def make() -> Crew:
        listener = None if quiet else Listener(headings)
        hearing = InferenceNode(parameter_overrides=_overrides(inference))
        microphone = CaptureNode(
            listener.begin_file if listener else None, parameter_overrides=_overrides(capture)
        )
        nodes = [hearing, microphone, *([BehaviorNode()] if behavior else [])]
        over = _Over(microphone, hearing, listener)
        return Crew(nodes, [listener] if listener else [], over)

    return spin_crew(make, ros_args)


def _overrides(values: dict[str, Any]) -> list[Parameter]:
    return [Parameter(name, value=value) for name, value in values.items()]


class _Over:
    """Whether the files are over, and everything that was heard in them has been told."""

    def __init__(
        self, capture: CaptureNode, inference: InferenceNode, listener: Listener | None
    ) -> None:
        self._capture, self._inference, self._listener = capture, inference, listener
        self._since_s: float | None = None

    def __call__(self) -> bool:
        if not self._capture.ended:
            return False
        now = time.monotonic()
        self._since_s = self._since_s or now
        arrived = self._inference.chunks >= self._capture.chunks and not self._inference.waiting
        told = self._listener is None or self._listener.messages >= self._inference.windows
        return (arrived and told) or now - self._since_s > _PATIENCE_S
