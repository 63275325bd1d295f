"""The capture node, as a process, on a real graph, with files in the place of a microphone."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from graph import Graph
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from std_srvs.srv import SetBool

from ser_ros.audio import AudioFormat, SampleFormat, Samples, decode
from ser_ros.clock import SECOND
from ser_ros.nodes import messages, topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

FILE = Path(__file__).resolve().parents[2] / "recordings" / "03a05Wa.flac"


def test_a_file_becomes_chunks_in_real_time(graph: Graph, speech: Samples) -> None:
    process = graph.start("capture", source="file", files=f"['{FILE}']", frame_id="ear")
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    graph.until(lambda: len(chunks) == 2, "two chunks")
    arrived_ns = time.time_ns()
    infos = graph.collect(AudioInfo, topics.AUDIO_INFO, topics.LATCHED)
    graph.until(lambda: infos, "the latched format")
    assert messages.audio_format(infos[0]) == AudioFormat()
    assert all(chunk.header.frame_id == "ear" for chunk in chunks)
    first, second = (messages.ns_of(chunk.header.stamp) for chunk in chunks)
    assert second - first == pytest.approx(2.5 * SECOND, abs=SECOND // 50)
    assert second + 2.5 * SECOND == pytest.approx(arrived_ns, abs=SECOND)
    sound = np.concatenate([decode(chunk.audio.data.tobytes(), AudioFormat()) for chunk in chunks])
    assert len(sound) == 80_000
    np.testing.assert_allclose(sound[: len(speech), 0], speech, atol=1e-4)
    assert not sound[len(speech) :].any()
    graph.until(lambda: "All files have been played" in process.output, "its end")


def test_another_format_by_parameter(graph: Graph) -> None:
    told = {"rate": 48_000, "sample_format": "F32LE", "chunk": 0.5}
    graph.start("capture", source="file", files=f"['{FILE}']", **told)
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    infos = graph.collect(AudioInfo, topics.AUDIO_INFO, topics.LATCHED)
    graph.until(lambda: infos and chunks, "a chunk")
    fmt = messages.audio_format(infos[0])
    assert fmt == AudioFormat(48_000, 1, SampleFormat.F32LE)
    assert decode(chunks[0].audio.data.tobytes(), fmt).shape == (24_000, 1)


def test_listening_can_be_turned_off_and_on(graph: Graph) -> None:
    graph.start("capture", source="file", files=f"['{FILE}']", chunk=0.25, loop="true")
    diagnostics = graph.diagnostics("capture")
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    graph.until(lambda: len(chunks) > 2, "chunks")
    answer = graph.call(SetBool, "/capture/listen", SetBool.Request(data=False))
    assert answer.success
    assert "closed" in answer.message
    graph.pause(0.3)
    chunks.clear()
    graph.until(lambda: diagnostics().get("state") == "closed", "the closed state")
    assert "Not listening" in diagnostics()["message"]
    graph.pause(1.0)
    assert not chunks
    assert graph.call(SetBool, "/capture/listen", SetBool.Request(data=True)).success
    graph.until(lambda: len(chunks) > 2, "chunks again")


def test_turned_off_and_on_and_on_and_off_it_is_off(graph: Graph) -> None:
    graph.start("capture", source="file", files=f"['{FILE}']", chunk=0.25, loop="true")
    for listen in (True, True, False):  # nobody subscribes yet, so the file waits
        assert graph.call(SetBool, "/capture/listen", SetBool.Request(data=listen)).success
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    graph.pause(2.0)
    assert not chunks


def test_off_before_it_is_configured_stays_off(graph: Graph) -> None:
    told = {"source": "file", "files": f"['{FILE}']", "chunk": 0.25, "autostart": "false"}
    graph.start("capture", **told)
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    assert graph.call(SetBool, "/capture/listen", SetBool.Request(data=False)).success
    for transition in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, "/capture/change_state", request).success
    graph.pause(1.5)
    assert not chunks
    assert graph.call(SetBool, "/capture/listen", SetBool.Request(data=True)).success
    graph.until(lambda: chunks, "a chunk")


def test_without_a_clock_it_says_so_and_is_heard(graph: Graph) -> None:
    process = graph.start("capture", source="file", files=f"['{FILE}']", use_sim_time="true")
    diagnostics = graph.diagnostics("capture")
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    graph.until(lambda: chunks and diagnostics(), "a chunk and diagnostics")
    assert messages.ns_of(chunks[0].header.stamp) == 0
    assert "nobody publishes /clock" in process.output


def test_killed_and_started_again_it_goes_on(graph: Graph) -> None:
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    first = graph.start("capture", source="file", files=f"['{FILE}']", chunk=0.25, loop="true")
    graph.until(lambda: len(chunks) > 2, "chunks")
    first.kill()
    graph.pause(0.5)
    chunks.clear()
    graph.start("capture", source="file", files=f"['{FILE}']", chunk=0.25, loop="true")
    graph.until(lambda: len(chunks) > 2, "chunks again")


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"source": "file"}, "at least one file"),
        ({"source": "file", "files": "['/nowhere.wav']"}, "No such file"),
        ({"device": "no such microphone"}, "No input device is 'no such microphone'"),
        ({"source": "radio"}, "one of microphone, file"),
        ({"chunk": 1000}, "0.02 to 60"),
        ({"channels": 2, "channel": 0}, "-1 where channels is 2, or channels 1"),
        ({"channels": 2, "channel": 3, "source": "file", "files": f"['{FILE}']"}, "channel is 3"),
        ({"chunck": 2.5}, "unknown key 'chunck'"),
        ({"rate": "fast"}, "a value of type int"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_it_cannot_do_it_says_and_ends(
    graph: Graph, parameters: dict[str, object], sentence: str
) -> None:
    process = graph.start("capture", **parameters)
    assert process.wait() == 1
    assert sentence in process.output
    assert "Traceback" not in process.output
