"""Lifecycle, shutdown and the behaviours, as processes on a real graph."""

from __future__ import annotations

import signal
import time
from pathlib import Path

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


def test_a_state_of_an_hour_ago_moves_nobody(graph: Graph) -> None:
    publisher = graph.probe.create_publisher(EmotionState, topics.EMOTION_STATE, topics.LATCHED)
    stamp = messages.header(time.time_ns() - 3600 * 10**9, "")
    publisher.publish(EmotionState(header=stamp, label="angry", confidence=0.9))
    graph.start("behavior")
    shown = graph.collect(String, topics.BEHAVIOR, topics.LATCHED)
    graph.until(publisher.get_subscription_count, "the node")
    graph.pause(2.5)
    assert [message.data for message in shown] == ["rest"]


def test_a_table_with_a_mistake_is_refused(graph: Graph, tmp_path: Path) -> None:
    table = tmp_path / "table.yaml"
    table.write_text("rules: [{label: angry, behaviour: run}]")
    process = graph.start("behavior", table=table)
    assert process.wait() == 1
    assert "unknown key 'behaviour'" in process.output
