"""The base of the nodes: lifecycle, parameters, diagnostics, and a clean way in and out."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import Any, ClassVar

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import (
    InvalidParameterException,
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterUninitializedException,
)
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter

from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue, UnknownKey
from ser_ros.errors.ros import NodeFailed
from ser_ros.health import Level, Report, Throttle
from ser_ros.nodes import messages, topics
from ser_ros.nodes.parameters import Spec

AUTOSTART = Spec(
    "autostart",
    True,
    "Whether the node configures and activates itself; turn it off where a lifecycle manager does.",
)

_OK = TransitionCallbackReturn.SUCCESS


class ManagedNode(LifecycleNode):
    """A lifecycle node that configures and activates itself unless told not to.

    A node derives from it, lists its parameters in `SPECS`, opens in `open` (configure) and
    `start` (activate), and closes in mirror order in `stop` and `close`. What goes wrong there is
    raised as a `SerError`; its sentence is logged and the transition fails, with the mirror step.
    """

    SPECS: ClassVar[tuple[Spec, ...]] = ()

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, **options)
        self._specs = {spec.name: spec for spec in (*self.SPECS, AUTOSTART)}
        self._declare()
        self._throttle = Throttle()
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 1)
        # Simulated time may stand still, or not be there yet; diagnostics say so all the same.
        self.steady = Clock(clock_type=ClockType.STEADY_TIME)
        self._beat = self.create_timer(1.0, self._publish_diagnostics, clock=self.steady)
        self._open = self._active = False
        self.failure: SerError | None = None
        """Why the last transition failed."""
        self.add_on_set_parameters_callback(self._check_parameters)
        # rclpy answers for a transition that is not possible now with the end of the process.
        self._change = self._service_change_state.callback
        self._service_change_state.callback = self._on_change_state

    # ── what a node fills in ──────────────────────────────────────────────────────────────────

    def open(self) -> None:
        """Make everything that is needed, from the parameters. May raise `SerError`."""

    def start(self) -> None:
        """Begin to work. May raise `SerError`."""

    def stop(self) -> None:
        """Stop to work; the counterpart of `start`. Never raises."""

    def close(self) -> None:
        """Let go of everything; the counterpart of `open`. Never raises."""

    def changed(self, values: dict[str, Any]) -> None:
        """Apply live parameters that have changed. May raise `SerError` to refuse them."""

    def diagnose(self) -> list[Report]:
        """Return how the node is doing; called once a second in every state."""
        return []

    # ── lifecycle ─────────────────────────────────────────────────────────────────────────────

    @property
    def active(self) -> bool:
        return self._active

    def _on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        machine, wish = self._state_machine, request.transition
        possible = {number: label for number, label, *_ in machine.available_transitions}
        if wish.label in possible.values() if wish.label else wish.id in possible:
            return self._change(request, response)
        names = {number: label for number, label, *_ in machine.transition_graph}
        self.get_logger().warning(
            f"The transition {wish.label or names.get(wish.id, wish.id)} is not possible in the "
            f"state {machine.current_state[1]}, which allows "
            f"{', '.join(possible.values()) or 'none any more'}; nothing was changed."
        )
        response.success = False
        return response

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        if not self._attempt("configure", self.open):
            self.close()
            return TransitionCallbackReturn.FAILURE
        self._open = True
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        result = super().on_activate(state)
        if not self._attempt("activate", self.start):
            self.stop()
            super().on_deactivate(state)
            return TransitionCallbackReturn.FAILURE
        self._active = True
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._active = False
        self.stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._open = False
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        self.release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """An exception in a transition lands here: let go of everything and begin anew."""
        self.release()
        return _OK

    def autostart(self) -> bool:
        """Configure and activate, unless told not to; False where that failed."""
        if not self.value("autostart"):
            return True
        return self.trigger_configure() == _OK and self.trigger_activate() == _OK

    def release(self) -> None:
        """Let go of everything, in whatever state the node is; safe to call again."""
        if self._active:
            self._active = False
            self.stop()
        if self._open:
            self._open = False
            self.close()

    def _attempt(self, what: str, step: Callable[[], None]) -> bool:
        self.failure = None
        try:
            step()
            return True
        except SerError as error:
            self.failure = error
        except Exception as error:  # rclpy would not say a word of it
            if not self.context.ok():
                return False  # a signal came in the middle of a call, which then fails
            self.failure = NodeFailed(what, error)
            self.get_logger().debug(traceback.format_exc())
        self.get_logger().error(str(self.failure))
        return False

    # ── parameters ────────────────────────────────────────────────────────────────────────────

    def value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _declare(self) -> None:
        """Declare the parameters. Raises `BadValue` or `UnknownKey` for what the user gave."""
        # rclpy has no public way to ask what the user gave; a misspelt name would pass in silence.
        given: dict[str, Parameter] = self._parameter_overrides
        for name, spec in self._specs.items():
            if name in given:
                value = given[name].value
                # `hop:=1` and `device:=3` mean a float and a name, whatever YAML makes of them.
                if type(value) is int and type(spec.default) in (float, str):
                    value = type(spec.default)(value)
                    given[name] = Parameter(name, value=value)
                spec.check(value)
            try:
                self.declare_parameter(name, spec.default, spec.descriptor())
            except (
                InvalidParameterException,
                InvalidParameterTypeException,
                InvalidParameterValueException,
                ParameterUninitializedException,
            ) as error:
                told = given[name].value if name in given else spec.default
                raise BadValue(f"The parameter {name}", told, str(error)) from error
        for name in given:
            if not self.has_parameter(name) and not name.startswith("qos_overrides."):
                raise UnknownKey(f"The node {self.get_name()}", name, self._specs)

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changed = {}
        try:
            for parameter in parameters:
                spec = self._specs.get(parameter.name)
                if spec is None:
                    continue
                spec.check(parameter.value)
                if spec.live:
                    changed[spec.name] = parameter.value
                elif self._open:
                    return SetParametersResult(
                        successful=False,
                        reason=f"The parameter {spec.name} takes effect at `configure`, and the "
                        "node is configured; deactivate and clean it up first.",
                    )
            if changed and self._open:
                self.changed(changed)
        except SerError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    # ── what it says ──────────────────────────────────────────────────────────────────────────

    def now_ns(self) -> int:
        """Return ROS time, which may be simulated, in nanoseconds."""
        return int(self.get_clock().now().nanoseconds)

    def remark(
        self, kind: str, sentence: str, severity: LoggingSeverity = LoggingSeverity.WARN
    ) -> None:
        """Log a sentence, but the same kind of it only every few seconds."""
        told = self._throttle(kind, sentence, time.monotonic())
        if told:
            self.get_logger().log(told, severity)

    def _publish_diagnostics(self) -> None:
        reports = self.diagnose()
        if self.failure is not None:
            for report in reports:
                report.add(Level.ERROR, str(self.failure))
        prefix = self.get_fully_qualified_name().lstrip("/")
        self._diagnostics.publish(messages.diagnostics(reports, prefix, self.now_ns()))
