"""`bag record` on a real graph: what it keeps, what it refuses to keep, and how it ends."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from bagged import make, messages
from builtin_interfaces.msg import Time
from graph import Graph, Process
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from ser_ros.msg import Emotion, EmotionState, GroundTruth
from std_msgs.msg import Bool, Int16MultiArray, String

from ser_ros.audio import AudioFormat, Samples
from ser_ros.bags import types
from ser_ros.bags.reading import open_bag
from ser_ros.bags.records import Chunk, Format, Muted, Said
from ser_ros.nodes import messages as ros
from ser_ros.nodes import topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]


def begin(graph: Graph, out: Path, *options: str) -> Process:
    """Start a recording, and wait until it has begun."""
    process = graph.run([sys.executable, "-m", "ser_ros", "bag", "record", str(out), *options])
    graph.until(lambda: "Recording to" in process.output, "the recording")
    return process


def emotion(label: str) -> Emotion:
    return Emotion(
        header=ros.header(5, "head"), label=label, labels=["sad", "happy"], probabilities=[0.5, 0.5]
    )


def say(graph: Graph, kind: type, topic: str, message: Any, qos: Any = topics.STREAM) -> Any:
    """Publish a message to a subscriber, and return it."""
    graph.publisher(kind, topic, qos).publish(message)
    graph.pause(0.1)
    return message


def recorded(path: Path, *kinds: type) -> list[Any]:
    """Return the messages of a bag, which are of these types in this order.

    Not compared as bytes: between the fields ROS leaves what happened to be in memory.
    """
    found = messages(path)
    return [deserialize_message(m.data, kind) for m, kind in zip(found, kinds, strict=True)]


def test_what_is_published_is_recorded(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    process = begin(graph, out)
    sent = [
        say(graph, AudioInfo, "audio_info", ros.audio_info(AudioFormat()), topics.LATCHED),
        say(graph, AudioDataStamped, "audio", ros.audio_chunk(b"\1\2\3\4", 7, "head")),
        say(graph, Emotion, "emotion", emotion("sad")),
        say(graph, EmotionState, "emotion_state", EmotionState(label="sad"), topics.LATCHED),
        say(graph, GroundTruth, "ground_truth", GroundTruth(label="happy", speaker="ann")),
        say(graph, Bool, "robot_speaking", Bool(data=True)),
    ]
    graph.pause(1.0)
    assert process.end(signal.SIGINT) == 0
    assert "audio included: yes" in process.output
    assert (
        "/audio 1, /audio_info 1, /emotion 1, /emotion_state 1, /ground_truth 1" in process.output
    )
    assert recorded(out, *map(type, sent)) == sent
    with open_bag(out) as bag:
        assert not bag.cut
        assert bag.remarks == []
        latched = {t.name for t in bag.topics if t.qos[0].durability.name == "TRANSIENT_LOCAL"}
        assert latched == {"/audio_info", "/emotion_state"}
        kinds = [type(record) for record in bag.records("/audio")]
    assert [kind for kind in kinds if kind in (Format, Chunk, Said, Muted)] == [
        Format,
        Chunk,
        Said,
        Muted,
    ]


def test_a_best_effort_publisher_and_other_names_are_recorded(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    names = ["--topics", "audio", "words", "--ros-args", "-r", "__ns:=/head", "-r", "audio:=ear"]
    process = begin(graph, out, *names)
    offered = topics.STREAM_BEST_EFFORT
    plain = AudioData()
    plain.data.frombytes(b"\5\6")
    sound = say(graph, AudioData, "/head/ear", plain, offered)
    words = say(graph, String, "/head/words", String(data="hello"))
    graph.pause(0.5)
    assert process.end(signal.SIGTERM) == 0
    assert [m.topic for m in messages(out)] == ["/head/ear", "/head/words"]
    assert recorded(out, AudioData, String) == [sound, words]


def test_without_sound_there_is_none_however_it_is_called(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    kinds = {"audio": AudioDataStamped, "ear": AudioData, "mic": Int16MultiArray, "image": Image}
    process = begin(graph, out, "--no-audio", "--topics", *kinds, "emotion")
    assert "audio included: no" in process.output
    for topic, kind in kinds.items():
        graph.probe.create_publisher(kind, topic, topics.STREAM)
    graph.until(lambda: process.output.count("can hold sound") == len(kinds), "a word on each")
    say(graph, Emotion, "emotion", emotion("happy"))
    graph.pause(0.5)
    assert process.end(signal.SIGINT) == 0
    assert {m.topic for m in messages(out)} == {"/emotion"}
    with open_bag(out) as bag:
        assert [t.name for t in bag.topics] == ["/emotion"]


def test_in_simulated_time_the_receipt_is_in_that_time(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    clock = graph.probe.create_publisher(Clock, "/clock", QoSProfile(depth=1))
    process = begin(graph, out, "--ros-args", "-p", "use_sim_time:=true")
    graph.until(clock.get_subscription_count, "a reader of the clock")
    graph.pause(0.5)
    for second in (1000, 1001, 1000):
        clock.publish(Clock(clock=Time(sec=second)))
        graph.pause(0.3)
        say(graph, Emotion, "emotion", emotion("sad"))
        graph.pause(0.3)
    assert process.end(signal.SIGINT) == 0
    assert [m.log_ns for m in messages(out)] == [s * 10**9 for s in (1000, 1001, 1000)]


def test_a_recording_that_is_killed_can_be_read_to_its_last_second(
    graph: Graph, tmp_path: Path, long_speech: Samples
) -> None:
    out = tmp_path / "bag"
    process = begin(graph, out)
    graph.tell_format(AudioFormat())
    graph.speak(long_speech)
    graph.pause(2.5)  # flushed once a second
    process.kill()
    assert not (out / "metadata.yaml").exists()
    with open_bag(out) as bag:
        assert bag.cut
        found = list(bag.records("/audio"))
    chunks = [record for record in found if isinstance(record, Chunk)]
    assert sum(len(chunk.data) for chunk in chunks) == 2 * len(long_speech)
    told = graph.run([sys.executable, "-m", "ser_ros", "bag", "info", str(out)])
    assert told.wait() == 0
    assert "cut off; 10.0 s of sound in 10 messages can be read" in told.output


def test_what_the_nodes_say_is_recorded_as_they_say_it(graph: Graph, tmp_path: Path) -> None:
    out = tmp_path / "bag"
    process = begin(graph, out)
    said = graph.collect(Emotion, "emotion")
    speech = str(Path(__file__).resolve().parents[2] / "recordings" / "03a05Wa.flac")
    run = graph.run([sys.executable, "-m", "ser_ros", "run", speech, "--quiet"])
    assert run.wait() == 0
    graph.pause(1.0)
    assert process.end(signal.SIGINT) == 0
    with open_bag(out) as bag:
        found = [record for record in bag.records("/audio") if isinstance(record, Said)]
    assert len(found) == len(said) > 0
    for record, message in zip(found, said, strict=True):
        assert record.stamp_ns == ros.ns_of(message.header.stamp)
        assert (record.label, record.model) == (message.label, message.model)
        assert record.probabilities == tuple(message.probabilities)
        assert record.latency_s == message.latency


def test_it_ends_after_the_seconds_it_is_told(graph: Graph, tmp_path: Path) -> None:
    latched = graph.probe.create_publisher(AudioInfo, "audio_info", topics.LATCHED)
    latched.publish(ros.audio_info(AudioFormat()))
    process = begin(graph, tmp_path / "bag", "--seconds", "6")
    assert process.wait() == 0
    assert "/audio_info 1; ended after 6 s" in process.output
    assert "Nothing came on /audio, /emotion" in process.output
    with open_bag(tmp_path / "bag") as bag:
        assert not bag.cut


def test_it_ends_at_the_size_it_is_told(graph: Graph, tmp_path: Path, long_speech: Samples) -> None:
    process = begin(graph, tmp_path / "bag", "--max-mb", "0.1")
    graph.speak(long_speech)
    assert process.wait() == 0
    assert "; ended at the limit of 0.1 MB" in process.output
    with open_bag(tmp_path / "bag") as bag:
        assert not bag.cut


def test_a_ring_keeps_the_newest(graph: Graph, tmp_path: Path, long_speech: Samples) -> None:
    process = begin(graph, tmp_path / "ring", "--keep-mb", "0.5")
    graph.tell_format(AudioFormat())
    for _ in range(4):
        graph.speak(np.tile(long_speech, 1), chunk=8_000)
        graph.pause(1.1)

    def size() -> int:
        return sum(f.stat().st_size for f in (tmp_path / "ring").rglob("*") if f.is_file())

    def kept() -> bool:
        try:
            return not (tmp_path / "ring" / "ring_00001").exists() and size() <= 600_000
        except FileNotFoundError:  # it is tidied at this moment
            return False

    graph.until(kept, "no more than it is to keep")
    assert process.end(signal.SIGINT) == 0
    bags = sorted((tmp_path / "ring").iterdir())
    assert len(bags) > 1
    assert bags[0].name != "ring_00001"
    assert size() <= 600_000
    assert all(messages(bag)[0].topic == "/audio_info" for bag in bags)


def test_where_nothing_comes_nothing_is_left(graph: Graph, tmp_path: Path) -> None:
    process = begin(graph, tmp_path / "bag", "--seconds", "1")
    assert process.wait() == 1
    assert "Nothing came on /audio, /audio_info" in process.output
    assert not (tmp_path / "bag").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--seconds", "0"], "--seconds is 0.0, expected more than 0"),
        (["--keep-mb", "nan"], "--keep-mb is nan, expected more than 0"),
        (["--ros-args", "-r", "nonsense"], "ROS cannot start with these arguments"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    graph: Graph, tmp_path: Path, options: list[str], sentence: str
) -> None:
    out = tmp_path / "bag"
    process = graph.run([sys.executable, "-m", "ser_ros", "bag", "record", str(out), *options])
    assert process.wait() == 1
    assert sentence in process.output
    assert "Traceback" not in process.output
    assert not out.exists()


def test_ros_reads_what_a_made_bag_says(tmp_path: Path) -> None:
    out = make(tmp_path / "bag", 0)
    kinds = {"/audio": AudioDataStamped, "/audio_info": AudioInfo, "/ground_truth": GroundTruth}
    read = recorded(out, *(kinds[m.topic] for m in messages(out)))
    store = types.typestore()
    for message, heard in zip(messages(out), read, strict=True):
        # And rosbags reads what ROS writes of it as the same message.
        again = store.deserialize_cdr(serialize_message(heard), message.type)
        assert bytes(store.serialize_cdr(again, message.type)) == message.data
