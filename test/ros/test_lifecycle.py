"""Lifecycle, shutdown and the behaviours, as processes on a real graph."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest
from graph import Graph
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ser_ros.msg import Emotion, EmotionState
from std_msgs.msg import String

from ser_ros.audio import Samples
from ser_ros.nodes import messages, topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

FILE = Path(__file__).resolve().parents[2] / "recordings" / "03a05Wa.flac"
PARAMETERS = {
    "capture": {"source": "file", "files": f"['{FILE}']"},
    "inference": {},
    "behavior": {},
}


def state_of(graph: Graph, name: str) -> int:
    return graph.call(GetState, f"/{name}/get_state", GetState.Request()).current_state.id


def change(graph: Graph, name: str, transition: int) -> bool:
    request = ChangeState.Request(transition=Transition(id=transition))
    return graph.call(ChangeState, f"/{name}/change_state", request).success


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_manager_takes_it_through_its_life(graph: Graph, name: str) -> None:
    process = graph.start(name, autostart="false", **PARAMETERS[name])
    diagnostics = graph.diagnostics(name)
    graph.until(lambda: "Not configured" in diagnostics().get("message", ""), "diagnostics")
    assert state_of(graph, name) == State.PRIMARY_STATE_UNCONFIGURED
    for _ in range(2):  # it must be as good the second time
        assert change(graph, name, Transition.TRANSITION_CONFIGURE)
        assert state_of(graph, name) == State.PRIMARY_STATE_INACTIVE
        assert change(graph, name, Transition.TRANSITION_ACTIVATE)
        assert state_of(graph, name) == State.PRIMARY_STATE_ACTIVE
        assert change(graph, name, Transition.TRANSITION_DEACTIVATE)
        assert change(graph, name, Transition.TRANSITION_CLEANUP)
    assert change(graph, name, Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)
    assert state_of(graph, name) == State.PRIMARY_STATE_FINALIZED
    assert process.end() == 0
    assert "Traceback" not in process.output


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", PARAMETERS)
def test_it_ends_cleanly(graph: Graph, name: str, how: signal.Signals) -> None:
    process = graph.start(name, **PARAMETERS[name])
    graph.until(lambda: state_of(graph, name) == State.PRIMARY_STATE_ACTIVE, "activity")
    assert process.end(how) == 0
    assert "Traceback" not in process.output


def test_it_wakes_up_after_a_reconfiguration(graph: Graph, long_speech: Samples) -> None:
    """Some nodes are mute after one."""
    graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.until(lambda: state_of(graph, "inference") == State.PRIMARY_STATE_ACTIVE, "activity")
    for transition in (
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
    ):
        assert change(graph, "inference", transition)
    graph.pause(0.5)
    graph.speak(long_speech)
    graph.until(lambda: len(emotions) == 7, "seven windows")


def test_a_transition_that_is_not_possible_now_is_refused(graph: Graph) -> None:
    process = graph.start("behavior")
    graph.until(lambda: state_of(graph, "behavior") == State.PRIMARY_STATE_ACTIVE, "activity")
    assert not change(graph, "behavior", Transition.TRANSITION_CONFIGURE)
    assert not change(graph, "behavior", 99)
    request = ChangeState.Request(transition=Transition(label="cleanup"))
    assert not graph.call(ChangeState, "/behavior/change_state", request).success
    assert state_of(graph, "behavior") == State.PRIMARY_STATE_ACTIVE
    for wish in ("configure", "99", "cleanup"):
        told = f"The transition {wish} is not possible in the state active, which allows deactivate"
        assert told in process.output
    assert change(graph, "behavior", Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert not change(graph, "behavior", Transition.TRANSITION_CONFIGURE)
    assert "in the state finalized, which allows none any more" in process.output
    assert process.end() == 0


ODD = """
import sys
from rclpy.impl.implementation_singleton import rclpy_implementation
from ser_ros.nodes.managed import ManagedNode
from ser_ros.nodes.process import spin

class Odd(ManagedNode):
{body}

sys.exit(spin(lambda: Odd("odd")))
"""


def odd(body: str) -> list[str]:
    """Return the command of a node with this body."""
    return [sys.executable, "-c", ODD.format(body=indent(body, "    "))]


FAILS = """
def {step}(self):
    raise ZeroDivisionError("an odd\\nmachine")
def {mirror}(self):
    print("let go by {mirror}", flush=True)
def diagnose(self):
    from ser_ros.health import Report
    return [Report("odd")]
"""


@pytest.mark.parametrize(
    ("step", "mirror", "name"), [("open", "close", "configure"), ("start", "stop", "activate")]
)
def test_what_nobody_foresaw_is_told(graph: Graph, step: str, mirror: str, name: str) -> None:
    body = FAILS.format(step=step, mirror=mirror)
    sentence = f"The node could not {name}: ZeroDivisionError was raised (an odd machine)"
    by_itself = graph.run(odd(body))
    assert by_itself.wait() == 1
    assert sentence in by_itself.output
    assert f"let go by {mirror}" in by_itself.output
    assert "Traceback" not in by_itself.output

    told = ["--ros-args", "-p", "autostart:=false", "--log-level", "debug"]
    managed = graph.run([*odd(body), *told])
    diagnostics = graph.diagnostics("odd")
    done = change(graph, "odd", Transition.TRANSITION_CONFIGURE)
    if step == "start":
        assert done
        done = change(graph, "odd", Transition.TRANSITION_ACTIVATE)
    assert not done
    before = State.PRIMARY_STATE_INACTIVE if step == "start" else State.PRIMARY_STATE_UNCONFIGURED
    assert state_of(graph, "odd") == before
    graph.until(lambda: sentence in diagnostics().get("message", ""), "the reason")
    assert "Traceback" in managed.output


def test_an_error_of_ros_at_work_is_no_wrong_argument(graph: Graph) -> None:
    body = """
def start(self):
    self.create_timer(0.1, self.fail)
def fail(self):
    raise rclpy_implementation.RCLError("at work")
"""
    process = graph.run(odd(body))
    assert process.wait() == 1
    assert "RCLError: at work" in process.output
    assert "these arguments" not in process.output


def test_a_model_that_is_missing_fails_the_configuration(graph: Graph) -> None:
    process = graph.start("inference", model="no_such_model", autostart="false")
    assert not change(graph, "inference", Transition.TRANSITION_CONFIGURE)
    assert state_of(graph, "inference") == State.PRIMARY_STATE_UNCONFIGURED
    assert "has no readable manifest.json" in process.output
    assert graph.start("inference", "-r", "__node:=other", model="no_such_model").wait() == 1


def test_states_become_behaviours(graph: Graph) -> None:
    graph.start("behavior")
    shown = graph.collect(String, topics.BEHAVIOR, topics.LATCHED)
    graph.until(lambda: shown, "the resting behaviour")
    publisher = graph.publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)

    def say(label: str, count: int) -> None:
        for _ in range(count):
            stamp = messages.header(time.time_ns(), "")
            publisher.publish(EmotionState(header=stamp, label=label, confidence=0.9))
            graph.pause(0.25)

    def say_until(label: str, behavior: str) -> None:
        def said() -> bool:
            say(label, 1)
            return shown[-1].data == behavior

        graph.until(said, f"the behaviour {behavior}")

    say_until("angry", "give_room")
    for _ in range(6):  # alternating: too short for any behaviour
        say("happy", 1)
        say("angry", 1)
    say("uncertain", 2)
    assert [message.data for message in shown] == ["rest", "give_room"]
    say_until("no_speech", "rest")
    say_until("happy", "beam")
    graph.until(lambda: shown[-1].data == "rest", "rest when states stop", 10)
    assert [message.data for message in shown] == ["rest", "give_room", "rest", "beam", "rest"]


def test_a_behaviour_of_before_is_not_commanded_again(graph: Graph) -> None:
    graph.start("behavior")
    shown = graph.collect(String, topics.BEHAVIOR, topics.LATCHED)
    publisher = graph.publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)

    def angry() -> bool:
        stamp = messages.header(time.time_ns(), "")
        publisher.publish(EmotionState(header=stamp, label="angry", confidence=0.9))
        graph.pause(0.25)
        return bool(shown) and shown[-1].data == "give_room"

    graph.until(angry, "the behaviour give_room")
    assert change(graph, "behavior", Transition.TRANSITION_DEACTIVATE)
    before = len(shown)
    assert change(graph, "behavior", Transition.TRANSITION_ACTIVATE)
    graph.until(lambda: len(shown) > before, "its behaviour")
    assert [message.data for message in shown[before:]] == ["rest"]


def test_a_state_from_the_future_moves_nobody(graph: Graph) -> None:
    """It is of before a simulated clock was set back."""
    graph.start("behavior")
    diagnostics = graph.diagnostics("behavior")
    shown = graph.collect(String, topics.BEHAVIOR, topics.LATCHED)
    publisher = graph.publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)

    def counted() -> int:
        stamp = messages.header(time.time_ns() + 300 * 10**9, "")
        publisher.publish(EmotionState(header=stamp, label="angry", confidence=0.9))
        graph.pause(0.3)
        return int(diagnostics().get("states too old", 0))

    graph.until(lambda: counted() >= 5, "a count")
    assert [message.data for message in shown] == ["rest"]


def test_a_state_of_an_hour_ago_moves_nobody(graph: Graph) -> None:
    publisher = graph.probe.create_publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)
    stamp = messages.header(time.time_ns() - 3600 * 10**9, "")
    publisher.publish(EmotionState(header=stamp, label="angry", confidence=0.9))
    graph.start("behavior")
    diagnostics = graph.diagnostics("behavior")
    shown = graph.collect(String, topics.BEHAVIOR, topics.LATCHED)
    graph.until(publisher.get_subscription_count, "the node")
    graph.until(lambda: shown, "its behaviour")
    graph.pause(2.5)
    graph.until(lambda: "states too old" in diagnostics(), "its diagnostics")
    assert [message.data for message in shown] == ["rest"]
    assert diagnostics()["states too old"] == "0", "that one is latched"


def test_states_of_a_computer_whose_clock_is_behind_are_told(graph: Graph) -> None:
    graph.start("behavior")
    diagnostics = graph.diagnostics("behavior")
    publisher = graph.publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)

    def counted() -> int:
        stamp = messages.header(time.time_ns() - 6 * 10**9, "")
        publisher.publish(EmotionState(header=stamp, label="angry", confidence=0.9))
        graph.pause(0.3)
        return int(diagnostics().get("states too old", 0))

    graph.until(lambda: counted() >= 2, "a count")
    assert diagnostics()["level"] == "1"
    assert "clocks" in diagnostics()["message"]


def test_a_table_with_a_mistake_is_refused(graph: Graph, tmp_path: Path) -> None:
    table = tmp_path / "table.yaml"
    table.write_text("rules: [{label: angry, behaviour: run}]")
    process = graph.start("behavior", table=table)
    assert process.wait() == 1
    assert "unknown key 'behaviour'" in process.output
