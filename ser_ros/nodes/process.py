"""Nodes as a process: started, run until they are done or somebody ends them, and cleaned up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import rclpy
from rclpy.exceptions import NameValidationException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.utilities import ok as rclpy_ok
from rclpy.utilities import try_shutdown

from ser_ros.errors import SerError
from ser_ros.errors.ros import RosRefused
from ser_ros.nodes.managed import ManagedNode

_OVER_S = 0.1
"""Seconds after which a process looks again whether its work is done."""

_REFUSALS = (
    rclpy_implementation.RCLError,
    rclpy_implementation.UnknownROSArgsError,
    NameValidationException,
)
"""What ROS raises for arguments that it cannot take."""


@dataclass(frozen=True)
class Crew:
    """The nodes of one process."""

    managed: Sequence[ManagedNode]
    plain: Sequence[Node] = ()
    """Nodes without a lifecycle."""
    over: Callable[[], bool] | None = None
    """Whether the work is done; None where it never is."""


def spin(make: Callable[[], ManagedNode]) -> int:
    """Run one node in this process, see `spin_crew`."""
    return spin_crew(lambda: Crew([make()]))


def spin_crew(make: Callable[[], Crew], args: list[str] | None = None) -> int:
    """Run nodes in this process until they are done, Ctrl-C, a termination or a shutdown.

    Returns the exit code: 0 after every ordinary end; 1, with the reason logged, where a node could
    not start. `args` are for ROS; None takes those of the command line.
    """
    try:
        rclpy.init(args=args)
    except _REFUSALS as error:
        return _refused(RosRefused(str(error)))
    crew = Crew([])
    try:
        crew = _made(make)
        if not _work(crew) and rclpy_ok():
            return 1
    except SerError as error:
        return _refused(error)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # A signal ends the context at any moment, also in the middle of a call, which then fails.
        if rclpy_ok():
            raise
    finally:
        for managed in crew.managed:
            managed.release()
        for node in (*crew.managed, *crew.plain):
            node.destroy_node()
        try_shutdown()
    return 0


def _made(make: Callable[[], Crew]) -> Crew:
    """Raises `RosRefused` for arguments that ROS cannot take, and what `make` raises."""
    try:
        return make()
    except _REFUSALS as error:
        if not rclpy_ok():
            raise
        raise RosRefused(str(error)) from error


def _work(crew: Crew) -> bool:
    """Start the nodes and run them until they are done; False where one could not start."""
    executor = SingleThreadedExecutor()
    for node in (*crew.managed, *crew.plain):
        executor.add_node(node)
    if not all(managed.autostart() for managed in crew.managed):
        return False
    if crew.over is None:
        executor.spin()
    while crew.over is not None and not crew.over():
        executor.spin_once(timeout_sec=_OVER_S)
    return True


def _refused(error: SerError) -> int:
    print(error, file=sys.stderr)
    return 1
