"""A bag played to the live nodes says what it says offline, at any rate."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
import tiny
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from bagged import sound, write, write_foreign
from graph import Graph
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rosgraph_msgs.msg import Clock
from ser_ros.msg import Emotion, EmotionState, GroundTruth
from std_msgs.msg import Bool

from ser_ros.bags.making import Making, make_bag
from ser_ros.bags.types import AUDIO_INFO, BOOL, GROUND_TRUTH
from ser_ros.bags.writing import BagWriter, quality
from ser_ros.bundle import Bundle
from ser_ros.classifier import Classifier
from ser_ros.clock import SECOND
from ser_ros.corpora import read_manifest
from ser_ros.evaluation.judged import Judged
from ser_ros.hearing import HearingConfig
from ser_ros.nodes import messages, topics
from ser_ros.replay import Replay, replay

pytestmark = [pytest.mark.ros, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
HOP_S = 1.25
CLOCK = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
EVERY_STATE = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four carried recordings, in chunks that are neither a window nor a hop."""
    out = tmp_path_factory.mktemp("bags") / "four"
    clips = read_manifest(ROOT / "recordings" / "manifest.csv")[:4]
    make_bag(clips, out, Making(chunk_s=0.7))
    return out


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network so small that a busy machine keeps up at any rate; the speech gate is the real one.

    What it says hangs on the mean of the image, so no two windows get the same.
    """
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.bundle(bias=(0.0, 0.5, 0.2, 1.6), slope=1.0).save(folder)
    return folder


@pytest.fixture(scope="module")
def offline(bag: Path, model: Path) -> tuple[Judged, ...]:
    classifier = Classifier(Bundle.load(model), "onnxruntime")
    windows = replay(classifier, Replay(bag, hearing=HearingConfig(hop_s=HOP_S))).windows
    assert len(windows) > 8
    assert len({window.probabilities for window in windows}) > 8
    return windows


def listen(graph: Graph, model: Path, **parameters: object) -> list[Emotion]:
    """Start the node, and return the list of what it says."""
    told = {"model": model, "runtime": "onnxruntime", "hop": HOP_S, "max_age": 30.0}
    graph.start("inference", **told, **parameters)
    live = graph.collect(Emotion, topics.EMOTION)
    graph.until(lambda: graph.probe.count_publishers(topics.EMOTION), "the node")
    graph.pause(0.5)  # the node must have found the probe too
    return live


def play(graph: Graph, bag: Path, *arguments: str):
    return graph.run(
        [sys.executable, "-m", "ser_ros", "bag", "play", str(bag), "--wait", "30", *arguments]
    )


def same(live: list[Emotion], offline: tuple[Judged, ...]) -> None:
    assert [messages.ns_of(m.header.stamp) for m in live] == [w.stamp_ns for w in offline]
    assert [m.label for m in live] == [w.label for w in offline]
    for message, window in zip(live, offline, strict=True):
        # The same code, on arrays that lie elsewhere in memory: the last bit of a float32 may move.
        assert message.probabilities == pytest.approx(window.probabilities, abs=1e-6)
        assert message.samples_lost == window.lost == 0


@pytest.mark.parametrize("rate", [1, 5])
def test_live_and_offline_agree_window_by_window(
    graph: Graph, bag: Path, model: Path, offline: tuple[Judged, ...], rate: int
) -> None:
    live = listen(graph, model, use_sim_time=True)
    states = graph.collect(EmotionState, topics.EMOTION_STATE, EVERY_STATE)
    truths = graph.collect(GroundTruth, topics.GROUND_TRUTH)
    clock = graph.collect(Clock, "/clock", CLOCK)
    player = play(graph, bag, "--clock", "--rate", str(rate))
    graph.until(lambda: len(live) == len(offline), "every window", 60)
    assert player.wait() == 0
    same(live, offline)
    graph.until(lambda: len(truths) == 4, "the ground truth")
    assert {t.label for t in truths} <= {"angry", "neutral", "sad", "happy"}
    times = [messages.ns_of(c.clock) for c in clock]
    assert times == sorted(times)
    graph.until(lambda: len(states) == len(live), "a state for each window")
    assert messages.ns_of(states[-1].header.stamp) <= times[-1] + SECOND


def test_what_is_due_at_once_waits_too_until_all_are_found(graph: Graph, bag: Path) -> None:
    clock = graph.collect(Clock, "/clock", CLOCK)
    truths = graph.collect(GroundTruth, topics.GROUND_TRUTH)
    player = play(graph, bag, "--clock", "--rate", "5")
    graph.until(lambda: clock, "the player")
    graph.collect(AudioDataStamped, topics.AUDIO)
    before = len(clock)
    graph.until(lambda: truths, "the first ground truth")
    assert len(clock) - before > 50  # a hundred in a second
    assert player.end(signal.SIGINT) == 0


def test_a_loop_is_a_jump_back_and_is_heard_anew(
    graph: Graph, bag: Path, model: Path, offline: tuple[Judged, ...]
) -> None:
    live = listen(graph, model, use_sim_time=True)
    states = graph.collect(EmotionState, topics.EMOTION_STATE, EVERY_STATE)
    diagnostics = graph.diagnostics("inference")
    player = play(graph, bag, "--clock", "--rate", "5", "--loop")
    twice = 2 * len(offline)
    graph.until(lambda: len(live) >= twice, "every window, twice", 60)
    graph.until(lambda: int(diagnostics().get("jumps back in time", 0)) >= 1, "word of the jump")
    assert player.end(signal.SIGINT) == 0
    same(live[: len(offline)], offline)
    same(live[len(offline) : twice], offline)
    # The state of the second time rests on nothing of the first.
    first, second = states[0], states[len(offline)]
    assert (second.label, second.since) == (first.label, first.since)
    assert "Traceback" not in player.output


def test_without_a_clock_the_stamps_are_those_of_the_bag(
    graph: Graph, bag: Path, model: Path, offline: tuple[Judged, ...]
) -> None:
    live = listen(graph, model)
    clock = graph.collect(Clock, "/clock", CLOCK)
    player = play(graph, bag, "--rate", "5")
    graph.until(lambda: len(live) == len(offline), "every window", 60)
    assert player.wait() == 0
    same(live, offline)
    assert clock == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rate", "0"], "expected more than 0"),
        (["--topics", "nothing"], "has no topic nothing"),
        (["--wait", "-1"], "0 for none"),
    ],
)
def test_what_it_cannot_play_it_says(
    graph: Graph, bag: Path, arguments: list[str], sentence: str
) -> None:
    player = play(graph, bag, *arguments)
    assert player.wait() == 1
    assert sentence in player.output
    assert "Traceback" not in player.output


def test_bytes_of_another_layout_are_not_published(graph: Graph, tmp_path: Path) -> None:
    old = write_foreign(
        tmp_path / "old", "/ground_truth", GROUND_TRUTH, "string label", label="sad"
    )
    player = play(graph, old)
    assert player.wait() == 1
    assert "/ground_truth is not played: the bag has another layout" in player.output
    assert "Traceback" not in player.output


def test_nobody_waits_for_a_clock_that_was_set(graph: Graph, tmp_path: Path) -> None:
    times = [0, 1, 800_000_000, 800_000_001, 800_000_000 - 500, 800_000_001 - 500]
    said = [("/audio", 1000 + s * SECOND, sound(s * SECOND)) for s in times]
    set_twice = write(tmp_path / "a", *said)
    clock = graph.collect(Clock, "/clock", CLOCK)
    heard = graph.collect(AudioDataStamped, "/audio")
    player = play(graph, set_twice, "--clock")

    def told() -> list[int]:
        return list(dict.fromkeys(messages.ns_of(c.clock) // SECOND for c in clock))

    graph.until(lambda: len(heard) == len(times) and told()[-1:] == times[-1:], "every message")
    assert player.wait() == 0
    assert player.output.count("The clock of the bag was set by +799,999,999 s") == 1
    assert player.output.count("was set") == 1
    assert told() == times


def test_what_is_latched_by_several_is_there_for_who_comes_late(
    graph: Graph, tmp_path: Path
) -> None:
    with BagWriter(tmp_path / "a") as writer:
        latched = [quality(latched=True, depth=1)]
        for topic, kind in (("/frames", BOOL), ("/audio_info", AUDIO_INFO)):
            writer.add_topic(topic, kind, latched)
        writer.add_topic("/speaks", BOOL)
        for on in (True, False):
            writer.write("/frames", 1, serialize_message(Bool(data=on)))
            writer.write("/audio_info", 1, serialize_message(AudioInfo(sample_rate=8_000 + on)))
        writer.write("/speaks", 20 * SECOND, serialize_message(Bool()))
    player = play(graph, tmp_path / "a", "--wait", "0")
    graph.until(lambda: graph.probe.count_publishers("/frames"), "the player")
    graph.pause(0.5)
    keep = QoSProfile(depth=9, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    frames = graph.collect(Bool, "/frames", keep)
    formats = graph.collect(AudioInfo, "/audio_info", keep)
    graph.until(lambda: len(frames) == 2 and formats, "what was latched")
    assert [f.data for f in frames] == [True, False]
    assert [f.sample_rate for f in formats] == [8_000]
    assert player.end(signal.SIGINT) == 0


def test_nobody_listens_and_it_plays_all_the_same(graph: Graph, bag: Path) -> None:
    command = [sys.executable, "-m", "ser_ros", "bag", "play", str(bag)]
    player = graph.run([*command, "--wait", "0.2", "--rate", "50"])
    assert player.wait() == 0
    assert "Nobody listens to /audio" in player.output
    assert "messages of" in player.output
