"""The inference node, as a process, on a real graph."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from graph import Graph
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from ser_ros.msg import Emotion, EmotionState
from std_msgs.msg import Bool

from ser_ros.audio import AudioFormat, SampleFormat, Samples
from ser_ros.clock import SECOND
from ser_ros.nodes import messages, topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

HOP_NS = SECOND * 5 // 4
FILE = Path(__file__).resolve().parents[2] / "recordings" / "03a05Wa.flac"


def test_speech_becomes_well_formed_messages(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    began_ns = time.time_ns() - 10 * SECOND
    graph.speak(long_speech, stamp_ns=began_ns)
    graph.until(lambda: len(emotions) == 7, "seven windows of ten seconds")
    for index, message in enumerate(emotions):
        assert messages.ns_of(message.header.stamp) == pytest.approx(
            began_ns + index * HOP_NS, abs=SECOND // 100
        )
        assert message.header.frame_id == "head"
        assert (message.duration.sec, message.duration.nanosec) == (2, 500_000_000)
        assert message.labels == ["angry", "neutral", "sad", "happy"]
        assert len(message.probabilities) == 4
        assert sum(message.probabilities) == pytest.approx(1, abs=1e-5)
        assert message.confidence == max(message.probabilities)
        assert message.label in (*message.labels, Emotion.UNCERTAIN)
        assert 0.5 < message.speech_ratio <= 1
        assert -40 < message.level < 0
        assert message.samples_lost == 0
        assert 0 < message.latency < 30
        assert message.model == "densenet121"


def test_who_comes_late_still_learns_the_state(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    end_ns = graph.speak(long_speech)
    graph.until(lambda: len(emotions) == 7, "seven windows")
    states = graph.collect(EmotionState, topics.EMOTION_STATE, topics.LATCHED)
    graph.until(lambda: states, "the latched state")
    assert states[0].label in (*states[0].labels, Emotion.UNCERTAIN)
    assert sum(states[0].probabilities) == pytest.approx(1, abs=1e-5)
    assert messages.ns_of(states[0].header.stamp) == pytest.approx(end_ns, abs=SECOND)
    assert messages.ns_of(states[0].since) <= messages.ns_of(states[0].header.stamp)


def test_silence_is_no_speech(graph: Graph) -> None:
    graph.start("inference")
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.speak(np.zeros(80_000, np.float32))
    graph.until(lambda: len(emotions) == 3, "three windows")
    for message in emotions:
        assert message.label == Emotion.NO_SPEECH
        assert message.level == -120
        assert list(message.probabilities) == [0, 0, 0, 0]
        assert message.confidence == 0


@pytest.mark.parametrize(
    "fmt",
    [
        AudioFormat(8_000, 1, SampleFormat.S16BE),
        AudioFormat(44_100, 2, SampleFormat.S32LE),
        AudioFormat(48_000, 4, SampleFormat.F32LE),
    ],
    ids=str,
)
def test_any_format_that_audio_info_names(graph: Graph, speech: Samples, fmt: AudioFormat) -> None:
    import soxr

    graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.tell_format(fmt)
    graph.pause(0.5)
    resampled = np.asarray(soxr.resample(np.tile(speech, 2), 16_000, fmt.rate), np.float32)
    graph.speak(np.repeat(resampled[:, None], fmt.channels, axis=1), fmt)
    graph.until(lambda: len(emotions) >= 3, "three windows")
    assert all(message.speech_ratio > 0.5 for message in emotions)
    assert all(message.samples_lost == 0 for message in emotions)


def test_unstamped_audio_by_parameter(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", stamped="false", frame_id="ear", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.speak(long_speech, stamped=False)
    graph.until(lambda: len(emotions) == 7, "seven windows")
    assert all(message.header.frame_id == "ear" for message in emotions)
    assert messages.ns_of(emotions[0].header.stamp) == pytest.approx(
        time.time_ns(), abs=30 * SECOND
    )


def chunk(data: bytes, stamp_ns: int) -> AudioDataStamped:
    return messages.audio_chunk(data, stamp_ns, "head")


def test_bad_input_is_counted_and_the_node_goes_on(graph: Graph, long_speech: Samples) -> None:
    node = graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    diagnostics = graph.diagnostics("inference")
    publisher = graph.publisher(AudioDataStamped, topics.AUDIO)
    now_ns = time.time_ns()
    second = np.zeros(16_000, "<i2").tobytes()
    for bad in (
        chunk(b"", now_ns),
        chunk(second[:-1], now_ns),
        chunk(second, now_ns),  # the same stamp again
        chunk(second, now_ns - 60 * SECOND),  # back in time
        chunk(second, now_ns - 40 * SECOND),  # a gap
        chunk(second, now_ns + 3600 * SECOND),  # an absence, and from the future
        chunk(b"\0" * 100_000_000, now_ns),
    ):
        publisher.publish(bad)
        graph.pause(0.3)
    graph.until(lambda: diagnostics().get("chunks refused") == "2", "two refusals", 60)
    found = diagnostics()
    assert found["chunks cut short"] == "1"
    assert found["repeated stamps"] == "1"
    assert found["jumps back in time"] == "1"
    assert found["gaps"] == "1"
    assert found["absences"] == "1"
    assert found["stamps in the future"] == "1"

    not_finite = np.full(16_000, np.nan, np.float32)
    fmt = AudioFormat(sample_format=SampleFormat.F32LE)
    graph.tell_format(fmt)
    graph.pause(0.5)
    publisher.publish(chunk(not_finite.tobytes(), time.time_ns() - 20 * SECOND))
    graph.until(lambda: diagnostics()["chunks with non-finite samples"] == "1", "a count of it")
    wrong = AudioInfo(channels=1, sample_rate=16_000, sample_format="opus")
    graph.publisher(AudioInfo, topics.AUDIO_INFO, topics.LATCHED).publish(wrong)
    graph.until(lambda: diagnostics()["level"] == "2", "an error about the format")

    emotions.clear()
    graph.tell_format(AudioFormat())
    graph.pause(0.5)
    graph.speak(long_speech)
    graph.until(lambda: len(emotions) == 7, "seven windows after all of this")
    assert emotions[0].samples_lost > 0
    assert all(message.samples_lost == 0 for message in emotions[1:])
    assert "Traceback" not in node.output


def test_a_gap_starts_the_framing_afresh(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", max_age=60.0)
    emotions = graph.collect(Emotion, topics.EMOTION)
    end_ns = graph.speak(long_speech[:64_000], stamp_ns=time.time_ns() - 20 * SECOND)
    graph.until(lambda: len(emotions) == 2, "two windows before the gap")
    graph.speak(long_speech[:64_000], stamp_ns=end_ns + SECOND)
    graph.until(lambda: len(emotions) == 4, "two windows before the gap and two after it")
    # Of the first 4 s, two windows hear 3.75 s.
    assert [message.samples_lost for message in emotions] == [0, 0, 4_000 + 16_000, 0]
    after = messages.ns_of(emotions[2].header.stamp)
    assert after == pytest.approx(end_ns + SECOND, abs=SECOND // 100)


def test_sound_that_never_fills_a_window_is_told_as_lost(graph: Graph) -> None:
    graph.start("inference")
    diagnostics = graph.diagnostics("inference")
    stamp_ns = time.time_ns() - 20 * SECOND
    for _ in range(4):
        stamp_ns = graph.speak(np.zeros(32_000, np.float32), stamp_ns=stamp_ns, chunk=16_000)
        stamp_ns += SECOND  # a gap
    graph.until(lambda: diagnostics().get("gaps") == "3", "the gaps")
    assert diagnostics()["windows judged"] == "0"
    assert diagnostics()["samples lost"] == str(3 * 48_000)


def test_small_chunks_wait_while_a_window_is_judged(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", hop=0.05, max_age=60.0)
    diagnostics = graph.diagnostics("inference")
    # As many as wait for the node may wait for the network: only the node can lose one here.
    graph.publisher(AudioDataStamped, topics.AUDIO, topics.HEARD)
    end_ns = graph.speak(long_speech[:56_000], chunk=56_000)  # 21 windows to judge
    graph.speak(long_speech[:28_800], stamp_ns=end_ns, chunk=320, pause_s=0.0)  # 90 at once
    graph.until(lambda: diagnostics().get("windows judged") == "57", "all windows")
    assert diagnostics()["gaps"] == "0"


@pytest.mark.parametrize("chunk", [160_000, 8_000], ids=["one long chunk", "short chunks"])
def test_overload_drops_the_oldest_and_counts_them(
    graph: Graph, long_speech: Samples, chunk: int
) -> None:
    # Ten windows are due every 0.05 s, more than a core judges; no more than ten chunks wait.
    graph.start("inference", hop=0.05, max_age=0.1)
    emotions = graph.collect(Emotion, topics.EMOTION)
    diagnostics = graph.diagnostics("inference")
    graph.speak(long_speech, chunk=chunk, pause_s=0.05)
    graph.until(lambda: diagnostics().get("windows dropped", "0") != "0", "dropped windows")
    graph.until(lambda: diagnostics()["windows waiting"] == "0", "an empty queue")
    judged, dropped = int(diagnostics()["windows judged"]), int(diagnostics()["windows dropped"])
    assert judged + dropped == 151  # windows of 2.5 s in 10 s, one every 0.05 s
    assert diagnostics()["gaps"] == "0"
    graph.speak(long_speech[:48_000])
    graph.until(lambda: any(m.samples_lost for m in emotions), "the loss in a message")


def test_the_robots_own_voice_is_not_judged(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", mute_tail=0.2)
    emotions = graph.collect(Emotion, topics.EMOTION)
    diagnostics = graph.diagnostics("inference")
    speaking = graph.publisher(Bool, topics.ROBOT_SPEAKING, 10)
    speaking.publish(Bool(data=True))
    graph.pause(0.3)
    graph.speak(long_speech[:48_000], stamp_ns=time.time_ns())
    graph.until(lambda: diagnostics().get("windows muted") == "1", "a muted window")
    assert not emotions
    speaking.publish(Bool(data=False))
    graph.pause(0.5)
    graph.speak(long_speech[:48_000], stamp_ns=time.time_ns() + 5 * SECOND)
    graph.until(lambda: len(emotions) == 1, "a window after the robot stopped")


def test_a_spectrogram_only_while_somebody_looks(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference")
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.speak(long_speech[:48_000])
    graph.until(lambda: emotions, "a window")
    graph.pause(0.5)  # its picture would come after it
    pictures = graph.collect(Image, "inference/spectrogram", topics.PICTURE)
    graph.pause(1.0)
    assert not pictures
    graph.speak(long_speech[:48_000], stamp_ns=time.time_ns() + 5 * SECOND)
    graph.until(lambda: pictures, "a picture")
    picture = pictures[0]
    assert (picture.height, picture.width, picture.encoding) == (128, 157, "mono8")
    assert len(picture.data) == 128 * 157
    assert np.frombuffer(picture.data, np.uint8).max() == 255


def test_killed_and_started_again_only_the_time_between_is_lost(graph: Graph) -> None:
    capture = graph.start(
        "capture", source="file", files=f"['{FILE}']", loop="true", chunk=0.25, wait="false"
    )
    emotions = graph.collect(Emotion, topics.EMOTION)
    first = graph.start("inference", hop=0.5, max_age=60.0)
    graph.until(lambda: len(emotions) >= 3, "windows")
    first.kill()
    graph.pause(0.5)
    emotions.clear()
    killed_ns = time.time_ns()
    graph.start("inference", hop=0.5, max_age=60.0)
    graph.until(lambda: len(emotions) >= 3, "windows of the second")
    assert all(message.samples_lost == 0 for message in emotions)
    starts = [messages.ns_of(message.header.stamp) for message in emotions]
    assert starts[0] < killed_ns + 15 * SECOND
    assert all(b - a == pytest.approx(SECOND / 2, abs=2e7) for a, b in pairwise(starts))

    capture.kill()
    killed_ns = time.time_ns()
    graph.pause(1.0)
    graph.start(
        "capture", source="file", files=f"['{FILE}']", loop="true", chunk=0.25, wait="false"
    )

    def of_second() -> list[Emotion]:
        return [m for m in emotions if messages.ns_of(m.header.stamp) > killed_ns]

    graph.until(lambda: len(of_second()) >= 3, "windows of the second capture")
    first_of_second, *others = of_second()
    between_s = (messages.ns_of(first_of_second.header.stamp) - starts[-1]) / SECOND
    assert 1.0 < first_of_second.samples_lost / 16_000 < between_s
    assert all(message.samples_lost == 0 for message in others)


def set_parameter(graph: Graph, name: str, value: object) -> tuple[bool, str]:
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    result = graph.call(SetParameters, "/inference/set_parameters", request).results[0]
    return result.successful, result.reason


def test_parameters_live_and_refused(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference")
    emotions = graph.collect(Emotion, topics.EMOTION)
    graph.speak(long_speech[:48_000])
    graph.until(lambda: emotions, "a window")
    assert set_parameter(graph, "min_speech_ratio", 1.0) == (True, "")
    graph.speak(long_speech[:48_000], stamp_ns=time.time_ns() + 5 * SECOND)
    graph.until(lambda: len(emotions) == 2, "another window")
    assert emotions[1].label == Emotion.NO_SPEECH

    assert set_parameter(graph, "min_speech_ratio", 0.1) == (True, "")
    assert set_parameter(graph, "uncertain_below", 1.0) == (True, "")
    graph.speak(long_speech[:48_000], stamp_ns=time.time_ns() + 10 * SECOND)
    graph.until(lambda: len(emotions) == 3, "a third window")
    assert emotions[2].label == Emotion.UNCERTAIN

    done, reason = set_parameter(graph, "hop", 0.5)
    assert not done
    assert "takes effect at `configure`" in reason
    done, reason = set_parameter(graph, "min_speech_ratio", 7.0)
    assert not done
    assert reason
    request = DescribeParameters.Request(names=["hop", "runtime"])
    hop, runtime = graph.call(
        DescribeParameters, "/inference/describe_parameters", request
    ).descriptors
    assert hop.floating_point_range[0].to_value == 60.0
    assert "Seconds" in hop.description
    assert "onnxruntime" in runtime.additional_constraints


def test_the_plain_type_on_the_stamped_topic_is_not_heard(graph: Graph) -> None:
    """A mismatch of types never reaches the node; the diagnostics say that nothing comes."""
    graph.start("inference")
    diagnostics = graph.diagnostics("inference")
    graph.until(diagnostics, "diagnostics")
    publisher = graph.probe.create_publisher(AudioData, topics.AUDIO, topics.STREAM)
    publisher.publish(AudioData())
    graph.until(lambda: "No audio for" in diagnostics()["message"], "a warning")
    assert "has it the type" in diagnostics()["message"]
