"""What viewers of the page cost the robot: blocks without and with them, in turn.

    capture ─▶ inference ─▶ dashboard ─▶ N viewers, and one that is stuck
                   └──────▶ this process

What else the machine does hits blocks of both kinds alike, for they alternate.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ser_ros.benchmark.viewers.nodes import NODES, VIEWERS, Audience, Stage, audience, nodes
from ser_ros.web.limits import Limits

MOST = Limits().viewers - 1
"""Viewers beside the one that is stuck."""

_LATE_S = 1.0
"""Seconds for which a viewer is waited for after a block; what has not come then is missing."""

_SEEN_S = 1.5
"""Seconds after which the dashboard, which says it once a second, has counted a new view."""


@dataclass(frozen=True)
class Setting:
    bundle: str
    """Folder of the model bundle."""
    folder: str
    """Folder of the speech, and for logs."""
    viewers: int
    block_s: float


@dataclass
class Block:
    """What was measured in one go."""

    viewers: int
    seconds: float = 0.0
    latencies_ms: list[float] = field(default_factory=list)
    """Of each window, as the inference node says it."""
    dropped: int = 0
    """Windows that the inference node dropped; what went before the block included."""
    lost: int = 0
    """Samples, at 16 kHz, likewise."""
    cpu: dict[str, float] = field(default_factory=dict)
    """Seconds of computing per second, by process."""
    told: list[tuple[str, float, float]] = field(default_factory=list)
    """(type, stamp, time) of each message that was heard on the graph and belongs on the page."""
    views: list[dict[str, Any]] = field(default_factory=list)
    """What each viewer saw, as `audience.View`."""
    stuck: list[dict[str, Any]] = field(default_factory=list)
    """What each stuck view was, as `audience.Stuck.close` says; `held_s`: for how long it was open;
    `cut`: whether the dashboard gave it up before that."""


def order(rounds: int) -> list[bool]:
    """Return whether there are viewers, block by block; each time the other kind begins."""
    return [with_them for turn in range(rounds) for with_them in (turn % 2 > 0, turn % 2 == 0)]


def measure(setting: Setting, turns: Iterable[bool]) -> tuple[list[Block], str]:
    """Return the blocks, and the runtime of the inference node.

    Raises `SerError` where a node or the viewers fail.
    """
    with nodes(setting.bundle, setting.folder) as stage:
        address = stage.until_says("dashboard", "address")
        with audience(stage, address, setting.folder) as them:
            meter = _Meter(stage, them)
            blocks = [
                meter.block(setting.viewers if looking else 0, setting.block_s) for looking in turns
            ]
        return blocks, stage.until_says("inference", "runtime")


class _Meter:
    def __init__(self, stage: Stage, them: Audience) -> None:
        self._stage = stage
        self._ears = stage.ears
        self._them = them
        self._dropped = self._lost = 0
        self._stuck_since_s = 0.0

    def block(self, viewers: int, seconds: float) -> Block:
        block = Block(viewers)
        if viewers:
            self._stuck_since_s = self._them.ask(f"open {viewers}")
        count = viewers + 1 if viewers else 0
        self._stage.until_says("dashboard", "viewers", str(count))
        before, began_s = self._cpu_seconds(), time.monotonic()
        while time.monotonic() < began_s + seconds:
            self._stage.pause(min(0.2, began_s + seconds - time.monotonic()))
            if viewers and self._cut(count):
                self._replace(block)
        after, ended_s = self._cpu_seconds(), time.monotonic()
        block.seconds = ended_s - began_s
        block.cpu = {name: (after[name] - before[name]) / block.seconds for name in after}
        block.latencies_ms = [ms for at, ms in self._ears.latencies if began_s <= at <= ended_s]
        if viewers:
            self._stage.pause(_LATE_S)
            block.told = [one for one in self._ears.told if began_s <= one[2] <= ended_s]
            self._close(block, count)
        self._count(block)
        return block

    def _cpu_seconds(self) -> dict[str, float]:
        return {**self._stage.cpu_seconds(), VIEWERS: self._them.cpu_seconds()}

    def _cut(self, count: int) -> bool:
        """Whether the dashboard gave the stuck view up."""
        said = self._ears.says("dashboard", "viewers", self._stuck_since_s + _SEEN_S)
        return said is not None and int(said) < count

    def _replace(self, block: Block) -> None:
        """Open another stuck view, for there shall always be one."""
        held_s = time.monotonic() - self._stuck_since_s
        found, self._stuck_since_s = self._them.ask("stuck")
        block.stuck.append({**found, "held_s": held_s, "cut": True})

    def _close(self, block: Block, count: int) -> None:
        cut, held_s = self._cut(count), time.monotonic() - self._stuck_since_s
        found = self._them.ask("close")
        block.views = found["views"]
        block.stuck.append({**found["stuck"], "held_s": held_s, "cut": cut})

    def _count(self, block: Block) -> None:
        dropped = int(self._stage.until_says("inference", "windows dropped"))
        block.dropped, self._dropped = dropped - self._dropped, dropped
        block.lost, self._lost = self._ears.lost - self._lost, self._ears.lost


def processes(blocks: Sequence[Block]) -> list[str]:
    """Return the processes in the order of the way of the sound."""
    return [name for name in (*NODES, VIEWERS) if any(name in block.cpu for block in blocks)]
