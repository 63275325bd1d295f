"""Parameters as data: each with a description, a range, and a sentence of refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from ser_ros.errors.config import BadValue


@dataclass(frozen=True)
class Spec:
    """One parameter of a node."""

    name: str
    default: Any
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    """Whether a change takes effect at once; others take effect at the next `configure`."""

    def descriptor(self) -> ParameterDescriptor:
        when = "Changes take effect at once." if self.live else "Takes effect at `configure`."
        descriptor = ParameterDescriptor(name=self.name, description=f"{self.description} {when}")
        if self.choices:
            descriptor.additional_constraints = f"One of: {', '.join(self.choices)}."
        if self.low is not None and self.high is not None:
            if isinstance(self.default, float):
                span = FloatingPointRange(from_value=float(self.low), to_value=float(self.high))
                descriptor.floating_point_range = [span]
            else:
                span = IntegerRange(from_value=int(self.low), to_value=int(self.high), step=1)
                descriptor.integer_range = [span]
        return descriptor

    def check(self, value: Any) -> None:
        """Raise `BadValue`, which says what was expected."""
        kind = type(self.default)
        if kind is list:
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise BadValue(f"The parameter {self.name}", value, "a list")
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise BadValue(f"The parameter {self.name}", value, f"a value of type {kind.__name__}")
        if self.choices and value not in self.choices:
            expected = f"one of {', '.join(self.choices)}"
            raise BadValue(f"The parameter {self.name}", value, expected)
        if self.low is not None and self.high is not None and not self.low <= value <= self.high:
            expected = f"{self.low:g} to {self.high:g}"
            raise BadValue(f"The parameter {self.name}", value, expected)
