"""A clock for tests, whose time takes none."""

from ser_ros.clock import SECOND

EPOCH_NS = 1_700_000_000 * SECOND


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.s = 100.0
        self.offset_ns = EPOCH_NS

    def steady(self) -> float:
        return self.s

    def now_ns(self) -> int:
        return self.offset_ns + round(self.s * SECOND)

    def wait(self, seconds: float) -> None:
        self.s += seconds
