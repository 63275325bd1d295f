"""Voices: enrolled, kept and loaded by name, as services on a real graph."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from graph import Graph, Process
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ser_ros.msg import Emotion
from ser_ros.srv import Voice

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.nodes import topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"


@pytest.fixture(scope="module")
def neutral() -> Samples:
    """15 s of a man's neutral speech."""
    return np.resize(audio.load(RECORDINGS / "03a05Nd.flac"), 240_000)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A stand-in that knows what neutral speech is: everybody else's logits are 0."""
    tiny.bundle(slope=5.0, neutral_logits=[0.0] * 4).save(tmp_path / "tiny")
    return tmp_path / "tiny"


class Robot:
    """An inference node that is spoken to, and its services."""

    def __init__(self, graph: Graph, folder: Path, **parameters: object) -> None:
        self._graph, self._folder = graph, folder
        self._stamp_ns = time.time_ns() - 600 * 10**9
        self.emotions = graph.collect(Emotion, topics.EMOTION)
        self.process = self.start(**parameters)

    def start(self, **parameters: object) -> Process:
        told = {"voices_folder": self._folder / "voices", "max_age": 60.0, **parameters}
        return self._graph.start("inference", **told)

    def hears(self, samples: Samples) -> np.ndarray:
        """Return the probabilities of the first window of what is said after a pause."""
        self.emotions.clear()
        self._stamp_ns = self._graph.speak(samples, stamp_ns=self._stamp_ns) + 5 * 10**9
        count = (len(samples) - 40_000) // 20_000 + 1
        self._graph.until(lambda: len(self.emotions) == count, f"{count} windows")
        assert self.emotions[0].speech_ratio > 0.5
        return np.asarray(self.emotions[0].probabilities)

    def ask(self, service: str, name: str = "") -> Any:
        return self._graph.ask(Voice, f"/inference/{service}", Voice.Request(name=name))

    def call(self, service: str, name: str = "") -> tuple[bool, str]:
        future = self.ask(service, name)
        self._graph.until(future.done, f"an answer of {service}")
        return future.result().success, future.result().message

    def begin(self, name: str = "") -> Any:
        """Begin an enrolment, and return the future of its end."""
        before = self.process.output.count("speak normally")
        future = self.ask("enroll", name)
        self._graph.until(
            lambda: self.process.output.count("speak normally") > before, "the begin of it"
        )
        assert not future.done()
        return future


def set_parameter(graph: Graph, name: str, value: object) -> tuple[bool, str]:
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    result = graph.call(SetParameters, "/inference/set_parameters", request).results[0]
    return result.successful, result.reason


def test_a_voice_is_enrolled_kept_reset_and_loaded(
    graph: Graph, tmp_path: Path, neutral: Samples
) -> None:
    carried = Bundle.load(find_bundle())
    replace(carried, neutral_logits=(0.0,) * 4).save(tmp_path / "model")
    robot = Robot(graph, tmp_path, model=tmp_path / "model")
    diagnostics = graph.diagnostics("inference")
    future = robot.begin("anna")
    unknown = robot.hears(neutral)
    graph.until(future.done, "the end of the enrolment")
    assert future.result().success, future.result().message
    assert "It is kept as 'anna'" in future.result().message
    assert (tmp_path / "voices" / "anna.json").is_file()
    known = robot.hears(neutral)
    assert np.abs(known - unknown).max() > 0.02
    graph.until(lambda: diagnostics().get("voice") == "anna", "the voice in the diagnostics")
    found = diagnostics()
    assert found["baseline"] == "enroll"
    assert found["enrolment"] == "none"
    assert float(found["voice windows"]) >= 8
    assert found["voice shift"].startswith("angry ")

    assert robot.call("save_voice", "ben") == (True, "The voice is kept as 'ben'.")
    success, message = robot.call("reset_voice")
    assert success, message
    assert robot.hears(neutral) == pytest.approx(unknown, abs=1e-6)
    graph.until(lambda: diagnostics()["voice"] == "unknown", "nobody in the diagnostics")
    success, message = robot.call("load_voice", "ben")
    assert success, message
    assert robot.hears(neutral) == pytest.approx(known, abs=1e-6)
    assert robot.call("forget_voice", "ben")[0]
    assert robot.hears(neutral) == pytest.approx(unknown, abs=1e-6)
    assert [path.name for path in (tmp_path / "voices").iterdir()] == ["anna.json"]

    assert robot.process.end() == 0
    robot.process = robot.start(model=tmp_path / "model", voice="anna")
    graph.until(lambda: "The voice 'anna' is loaded" in robot.process.output, "the kept voice")
    assert robot.hears(neutral) == pytest.approx(known, abs=1e-6)
    assert set_parameter(graph, "baseline", "none") == (True, "")
    assert robot.hears(neutral) == pytest.approx(unknown, abs=1e-6)


def test_running_it_follows_the_voice(
    graph: Graph, tmp_path: Path, model: Path, neutral: Samples
) -> None:
    # Its bias says neutral whatever it hears, so that it learns.
    tiny.bundle(bias=[0, 15, 0, 0], slope=5.0, neutral_logits=[0, 15, 0, 0]).save(model)
    robot = Robot(graph, tmp_path, model=model, baseline="running")
    diagnostics = graph.diagnostics("inference")
    robot.hears(neutral)
    graph.until(lambda: float(diagnostics().get("voice windows", 0)) > 9, "windows of the voice")
    assert diagnostics()["voice"] == "unknown"
    assert set_parameter(graph, "baseline", "enroll") == (True, "")
    graph.until(lambda: diagnostics()["voice windows"] == "0.0", "what nobody enrolled is dropped")


def test_what_cannot_be_is_a_sentence(graph: Graph, tmp_path: Path, model: Path) -> None:
    robot = Robot(graph, tmp_path, model=model)
    for service in ("enroll", "save_voice", "load_voice", "forget_voice"):
        success, message = robot.call(service, "../anna")
        assert not success
        assert "letters, digits" in message or "Nothing is known" in message
    for service, sentence in (
        ("load_voice", "No voice of the name 'anna' is kept"),
        ("forget_voice", "No voice of the name 'anna' is kept"),
        ("save_voice", "Nothing is known of the voice"),
        ("reset_voice", "'anna' is not the voice that is listened to"),
    ):
        success, message = robot.call(service, "anna")
        assert not success
        assert sentence in message
    assert not (tmp_path / "voices").exists()
    assert set_parameter(graph, "enroll_limit", 5.0)[0] is False
    assert set_parameter(graph, "baseline", "always")[0] is False
    assert set_parameter(graph, "baseline", "none") == (True, "")
    success, message = robot.call("enroll", "anna")
    assert not success
    assert "set it to enroll or running" in message
    assert robot.process.end() == 0
    assert "Traceback" not in robot.process.output


def test_a_model_without_a_baseline_works_and_says_so(
    graph: Graph, tmp_path: Path, neutral: Samples
) -> None:
    tiny.bundle().save(tmp_path / "old")
    robot = Robot(graph, tmp_path, model=tmp_path / "old", baseline="running")
    robot.hears(neutral)
    assert "can follow no voice" in robot.process.output
    success, message = robot.call("enroll")
    assert not success
    assert "does not know what neutral speech is" in message


def test_one_enrolment_at_a_time_and_reset_ends_it(
    graph: Graph, tmp_path: Path, model: Path, neutral: Samples
) -> None:
    robot = Robot(graph, tmp_path, model=model)
    first = robot.begin("anna")
    robot.hears(neutral[:80_000])  # messages go on
    success, message = robot.call("enroll", "ben")
    assert not success
    assert "An enrolment is going on" in message
    assert not first.done()
    assert robot.call("reset_voice")[0]
    graph.until(first.done, "an answer to who began it")
    assert not first.result().success
    assert "the voice was reset" in first.result().message
    assert not list((tmp_path / "voices").iterdir())
    again = robot.begin("anna")
    robot.hears(neutral)
    graph.until(again.done, "the end of another")
    assert again.result().success


def test_without_speech_it_ends_with_a_sentence(
    graph: Graph, tmp_path: Path, model: Path, neutral: Samples
) -> None:
    robot = Robot(graph, tmp_path, model=model, enroll_seconds=3.0, enroll_limit=3.0)
    future = robot.begin("anna")
    graph.speak(np.zeros(80_000, np.float32))
    graph.until(future.done, "an end of it")
    assert not future.result().success
    assert "0.0 of 3 s of speech" in future.result().message
    assert set_parameter(graph, "enroll_limit", 60.0) == (True, "")
    future = robot.begin("anna")
    robot.hears(neutral)
    graph.until(future.done, "one that succeeds")
    assert future.result().success


def test_deactivated_it_answers_and_is_ready_for_another(
    graph: Graph, tmp_path: Path, model: Path
) -> None:
    def change(transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return graph.call(ChangeState, "/inference/change_state", request).success

    robot = Robot(graph, tmp_path, model=model)
    future = robot.begin()
    assert change(Transition.TRANSITION_DEACTIVATE)
    graph.until(future.done, "an answer")
    assert "the node was deactivated" in future.result().message
    assert robot.call("enroll")[1].startswith("The node is not active")
    assert change(Transition.TRANSITION_CLEANUP)
    assert robot.call("load_voice", "anna")[1].startswith("The node is not configured")
    assert change(Transition.TRANSITION_CONFIGURE)
    assert change(Transition.TRANSITION_ACTIVATE)
    assert not robot.begin().done()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ended_during_an_enrolment(
    graph: Graph, tmp_path: Path, model: Path, how: signal.Signals
) -> None:
    robot = Robot(graph, tmp_path, model=model)
    robot.begin("anna")
    assert robot.process.end(how) == 0
    assert "Traceback" not in robot.process.output
    assert "Exception" not in robot.process.output


@pytest.mark.parametrize(
    ("kept", "sentence"),
    [
        (None, "No voice of the name 'anna' is kept"),
        ('{"schema": 1}', "cannot be read"),
        (
            '{"schema": 1, "model_sha256": "", "neutral_logits": [0, 0, 0, 0], "windows": 9}',
            "was enrolled with another model",
        ),
    ],
    ids=["forgotten", "damaged", "of another model"],
)
def test_a_start_voice_that_is_none_is_told_and_the_robot_hears(
    graph: Graph, tmp_path: Path, model: Path, neutral: Samples, kept: str | None, sentence: str
) -> None:
    if kept is not None:
        (tmp_path / "voices").mkdir()
        (tmp_path / "voices" / "anna.json").write_text(kept)
    robot = Robot(graph, tmp_path, model=model, voice="anna", enroll_seconds=3.0)
    diagnostics = graph.diagnostics("inference")
    robot.hears(neutral[:80_000])
    told = "The parameter voice has no effect"
    graph.until(lambda: told in diagnostics().get("message", ""), "the warning")
    assert diagnostics()["level"] == "1"
    assert diagnostics()["voice"] == "unknown"
    assert sentence in diagnostics()["message"]
    assert sentence in robot.process.output
    future = robot.begin("anna")
    robot.hears(neutral)
    graph.until(future.done, "the end of the enrolment")
    graph.until(lambda: told not in diagnostics()["message"], "no warning any more")
    assert diagnostics()["voice"] == "anna"


def test_a_start_voice_of_a_model_without_a_baseline(
    graph: Graph, tmp_path: Path, neutral: Samples
) -> None:
    tiny.bundle().save(tmp_path / "old")
    robot = Robot(graph, tmp_path, model=tmp_path / "old", voice="anna")
    robot.hears(neutral)
    assert "The parameter voice has no effect: The model" in robot.process.output


def test_a_start_voice_with_a_name_that_none_can_have_is_refused(graph: Graph, model: Path) -> None:
    process = graph.start("inference", model=model, voice="../anna")
    assert process.wait() == 1
    assert "letters, digits" in process.output


def test_who_wants_to_be_forgotten_is_not_enrolled(
    graph: Graph, tmp_path: Path, model: Path, neutral: Samples
) -> None:
    robot = Robot(graph, tmp_path, model=model)
    again = robot.begin("anna")
    assert robot.call("forget_voice", "anna")[0], "before anything is kept, too"
    graph.until(again.done, "an answer to who began it")
    assert not again.result().success
    first = robot.begin("anna")
    robot.hears(neutral)
    graph.until(first.done, "anna's voice")
    future = robot.begin("anna")
    assert not robot.call("forget_voice", "ben")[0]
    assert not robot.call("forget_voice", "")[0]
    assert "An enrolment is going on" in robot.call("enroll", "ben")[1]
    assert robot.call("forget_voice", "anna")[0]
    graph.until(future.done, "an answer to who began it")
    assert not future.result().success
    assert "its voice shall be forgotten" in future.result().message
    robot.hears(neutral)
    assert not list((tmp_path / "voices").iterdir())
