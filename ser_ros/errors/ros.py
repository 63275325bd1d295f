"""ROS itself."""

from __future__ import annotations

from ser_ros.errors import SerError


class RosError(SerError):
    """ROS is not as it should be."""


class RosMissing(RosError):
    def __init__(self, module: str) -> None:
        super().__init__(
            f"The Python module '{module}' is not found, expected ROS 2 and its messages; "
            "run scripts/setup and then `. scripts/env.sh`, or source your workspace."
        )


class RosRefused(RosError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"ROS cannot start with these arguments ({' '.join(why.split())}); check "
            "--params-file, remappings and the namespace."
        )


class NotReady(RosError):
    def __init__(self, state: str) -> None:
        super().__init__(f"The node is not {state}; bring it there first, then ask again.")


class NodeFailed(RosError):
    def __init__(self, step: str, why: BaseException) -> None:
        super().__init__(
            f"The node could not {step}: {type(why).__name__} was raised "
            f"({' '.join(str(why).split())}), expected nothing of the kind; check its parameters, "
            "or start it with `--log-level debug` and report what it logs."
        )
