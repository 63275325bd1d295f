"""A bag heard offline: the windows, what was true, and what was odd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny
from bagged import SECOND, START, header, info, make, records, write

from ser_ros import audio
from ser_ros.audio import AudioFormat
from ser_ros.bags import types
from ser_ros.bags.reading import Bag
from ser_ros.bags.records import Chunk
from ser_ros.bags.sound import sound_of
from ser_ros.bundle import Bundle
from ser_ros.classifier import Classifier
from ser_ros.errors.bags import BadTrack, NoAudioTopic
from ser_ros.errors.config import BadValue
from ser_ros.hearing import MOST_WAITING, HearingConfig
from ser_ros.replay import Replay, replay
from ser_ros.report import timeline

RATE = 16_000


@pytest.fixture(scope="module")
def judge(tmp_path_factory) -> Classifier:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tiny.bundle(bias=(0.0, 0.5, 0.2, 1.6)).save(folder)
    return Classifier(Bundle.load(folder), "onnxruntime")


def chunk(samples: np.ndarray, ns: int):
    pcm = np.frombuffer(audio.encode(samples, AudioFormat().sample_format), np.uint8)
    data = types.typestore().types[types.AUDIO_PLAIN](data=pcm)
    return types.AUDIO_STAMPED, {"header": header(ns), "audio": data}


def spoken(samples: np.ndarray, *at: int, size: int = RATE):
    """Return chunks of `samples` whose first begins at each of these ns, one after the other."""
    said = []
    for begin in at:
        for i in range(0, len(samples), size):
            part = samples[i : i + size]
            ns = begin + i * SECOND // RATE
            said.append(("/audio", ns + len(part) * SECOND // RATE, chunk(part, ns)))
    return said


def truth(label: str, start_ns: int, seconds: int, speaker: str = "ann"):
    duration = types.typestore().types["builtin_interfaces/msg/Duration"](sec=seconds, nanosec=0)
    fields = {"header": header(start_ns), "duration": duration, "label": label}
    return types.GROUND_TRUTH, fields | {"speaker": speaker, "annotator": "me"}


def pcm_of(bag: Path) -> np.ndarray:
    """Return the sound of a bag as it was written."""
    pcm = b"".join(bytes(r.data) for r in records(bag) if isinstance(r, Chunk))
    return audio.decode(pcm, AudioFormat())[:, 0]


def test_every_window_is_judged_as_the_classifier_judges_it(tmp_path, judge):
    bag = make(tmp_path / "bag", 0, 1, gap_s=0.0, chunk_s=0.3)
    wanted = Replay(bag, hearing=HearingConfig(hop_s=0.5))
    source = replay(judge, wanted)
    samples = pcm_of(bag)
    starts = range(0, len(samples) - judge.window + 1, RATE // 2)
    assert len(source.windows) == len(starts) > 5
    for window, start in zip(source.windows, starts, strict=True):
        estimate = judge(samples[start : start + judge.window])
        assert window.start_s == pytest.approx(start / RATE, abs=1e-6)
        assert (window.label, window.duration_s) == (estimate.label, 2.5)
        assert window.probabilities == pytest.approx(estimate.probabilities, abs=1e-6)
        assert window.speech_ratio == pytest.approx(estimate.speech_ratio, abs=1e-6)
        assert window.level_dbfs == pytest.approx(estimate.level_dbfs, abs=1e-4)
        assert window.latency_s > 0
    assert source.duration_s == pytest.approx(len(samples) / RATE, abs=1e-6)
    assert source.remarks == ()
    again = replay(judge, wanted)
    assert again.sha256 == source.sha256 != replay(judge, Replay(make(tmp_path / "b", 2))).sha256
    assert [w.probabilities for w in again.windows] == [w.probabilities for w in source.windows]


def test_no_window_is_dropped_however_many_a_chunk_completes(tmp_path, judge):
    bag = make(tmp_path / "bag", gap_s=0.0, chunk_s=60.0)
    source = replay(judge, Replay(bag, hearing=HearingConfig(hop_s=0.05)))
    assert len(source.windows) > MOST_WAITING
    assert len(source.windows) == (len(pcm_of(bag)) - judge.window) // (RATE // 20) + 1
    assert source.remarks == ()


def test_a_window_has_the_truth_of_what_covers_half_of_it(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 12 * RATE]
    said = [("/truth", START, truth("anger", START, 4)),
            ("/truth", START + 6 * SECOND, truth("fear", START + 6 * SECOND, 3)),
            ("/truth", START + 9 * SECOND, truth("joy", START + 9 * SECOND, 3, "bob"))]  # fmt: skip
    bag = write(tmp_path / "bag", *spoken(samples, START), *said)
    source = replay(judge, Replay(bag, hearing=HearingConfig(hop_s=0.5)))
    told = {w.start_s: (w.truth, w.speaker, w.utterance) for w in source.windows}
    assert told[0.0] == told[2.5] == ("angry", "ann", 0)
    assert told[3.0] == ("", "", -1)
    assert told[6.0] == ("", "ann", -1)  # an emotion that this model does not tell apart
    assert told[9.5] == ("happy", "bob", 2)
    (remark,) = source.remarks
    assert "1 labelled stretch(es) of 'fear' are not scored" in remark
    assert "angry, neutral, sad, happy" in remark


def test_a_track_takes_the_place_of_what_the_bag_says(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 6 * RATE]
    bag = write(tmp_path / "bag", *spoken(samples, START), ("/t", START, truth("sad", START, 6)))
    track = tmp_path / "labels.txt"
    track.write_text("0.0\t3.0\tanger\n3.0\t6.0\tneutral\n")
    source = replay(judge, Replay(bag, track))
    assert [w.truth for w in source.windows] == ["angry", "angry", "neutral"]
    track.write_text("0.0\t30.0\tanger\n")
    with pytest.raises(
        BadTrack, match=r"line 1 is 0\.00 to 30\.00 s, and the sound 0\.00 to 6\.00 s"
    ):
        replay(judge, Replay(bag, track))


def test_a_label_that_is_none_is_an_error_with_those_that_are(tmp_path, judge, voices):
    said = [*spoken(voices[0], START), ("/t", START, truth("Wut", START, 2))]
    with pytest.raises(BadValue, match=r"'Wut'.*angry, neutral"):
        replay(judge, Replay(write(tmp_path / "bag", *said)))


def test_gaps_and_jumps_back_are_counted_told_and_split_no_window(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 4 * RATE]
    back, gap = START - 60 * SECOND, START + 10 * SECOND
    said = [*spoken(samples, START, gap), *spoken(samples, back)]
    # In the order of receipt, which is not that of the stamps.
    said = [(topic, START + n * SECOND, message) for n, (topic, _, message) in enumerate(said)]
    source = replay(judge, Replay(write(tmp_path / "bag", *said)))
    assert [w.stamp_ns for w in source.windows] == [
        begin + k * SECOND * 5 // 4 for begin in (START, gap, back) for k in (0, 1)
    ]
    assert source.counts["gap"] == source.counts["time_went_back"] == 1
    rest = RATE // 4  # of 4 s, two windows hear 3.75 s
    assert [w.lost for w in source.windows] == [0, 0, rest + 6 * RATE, 0, 0, 0]
    assert source.counts["samples_lost"] == 6 * RATE + rest
    told = "\n".join(source.remarks)
    assert "6.000 s of audio are missing" in told
    assert "went back by 74.000 s" in told
    # All from the same moment, so that the sound of each is found where it lies.
    assert [w.start_s for w in source.windows] == [60.0, 61.25, 70.0, 71.25, 0.0, 1.25]
    assert source.duration_s == 12
    sound = sound_of(tmp_path / "bag", "", back, RATE)
    for window in source.windows:
        at = round(window.start_s % 10 * RATE)
        heard = sound(window.start_s, window.duration_s)
        np.testing.assert_allclose(heard, samples[at : at + 40_000], atol=1e-4)


def test_a_clock_that_is_set_makes_no_years_of_sound(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 4 * RATE]
    bag = write(tmp_path / "bag", *spoken(samples, 100 * SECOND, START))
    source = replay(judge, Replay(bag))
    assert source.duration_s == 8
    assert len(source.windows) == 4
    drawn = list(timeline.rows(source, judge.labels, 0))
    assert len(drawn) == len(timeline.minutes(source)) == 2
    assert all("2 windows" in row for row in drawn)


def test_the_robots_own_voice_is_not_heard(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 10 * RATE]
    flag = [("/robot_speaking", START + at * SECOND, (types.BOOL, {"data": on}))
            for at, on in ((2, True), (4, False))]  # fmt: skip
    said = sorted([*spoken(samples, START), *flag], key=lambda one: one[1])
    source = replay(judge, Replay(write(tmp_path / "bag", *said)))
    # From 2 s to 4 s, and half a second of echo.
    assert [w.start_s for w in source.windows] == [5.0, 6.25, 7.5]
    assert source.counts["muted"] == 4


def test_a_format_that_is_not_understood_is_told_and_not_guessed(tmp_path, judge, voices):
    said = [("/audio_info", START, info(coding="mp3")), *spoken(voices[0], START)]
    source = replay(judge, Replay(write(tmp_path / "bag", *said)))
    assert source.windows == ()
    assert source.counts["refused"] == len(said) - 1
    assert "mp3" in source.remarks[0]


def test_sound_of_an_unknown_format_is_lost_and_no_gap(tmp_path, judge, voices):
    """As the node counts it: refused, and what follows begins anew."""
    chunks = [*spoken(np.concatenate(voices)[: 10 * RATE], START)]
    k = len(chunks) // 2
    until = chunks[k][1]
    said = [*chunks[:k], ("/audio_info", until, info(coding="mp3")), chunks[k]]
    said += [("/audio_info", chunks[k + 1][1], info()), *chunks[k + 1 :]]
    source = replay(judge, Replay(write(tmp_path / "bag", *said)))
    assert (source.counts["refused"], source.counts.get("gap", 0)) == (1, 0)
    assert sum(w.lost for w in source.windows) > 0


def test_a_bag_without_sound_is_refused(tmp_path, judge):
    bag = write(tmp_path / "bag", ("/t", START, truth("sad", START, 1)))
    with pytest.raises(NoAudioTopic):
        replay(judge, Replay(bag))


def test_the_sound_of_a_bag_is_found_where_a_window_lies(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 4 * RATE]
    gap = START + 6 * SECOND
    bag = write(tmp_path / "bag", *spoken(samples, START, gap, size=RATE * 7 // 10))
    sound = sound_of(bag, "", START, RATE)
    np.testing.assert_allclose(sound(1.05, 2.5), samples[16_800:56_800], atol=1e-4)
    np.testing.assert_allclose(sound(7.0, 1.0), samples[RATE : 2 * RATE], atol=1e-4)
    assert not sound(4.0, 2.0).any()  # nothing was heard then
    assert len(sound(9.5, 2.5)) == 40_000


@pytest.mark.parametrize("compression", ["none", "message", "file"])
def test_a_bag_is_not_read_anew_for_each_minute_of_its_sound(
    tmp_path, voices, monkeypatch, compression
):
    samples = np.concatenate(voices)[: 8 * RATE]
    times = [START + n * 200 * SECOND for n in range(4)]
    bag = write(tmp_path / "bag", *spoken(samples, *times), compression=compression)
    read = []
    decode = Bag.messages

    def counted(self, *told):
        for message in decode(self, *told):
            read.append(message)
            yield message

    monkeypatch.setattr(Bag, "messages", counted)
    sound = sound_of(bag, "", START, RATE)
    for n in range(4):
        np.testing.assert_allclose(sound(n * 200.0, 8.0), samples, atol=1e-4)
    assert len(read) == 2 * 4 * 8, "once to find the chunks, and once to hear them"
    np.testing.assert_allclose(sound(201.0, 1.0), samples[RATE : 2 * RATE], atol=1e-4)
    assert len(read) <= 2 * 4 * 8 + 8


def test_a_bag_in_which_no_stretch_fills_a_window_tells_what_was_lost(tmp_path, judge, voices):
    samples = np.concatenate(voices)[: 2 * RATE]
    said = spoken(samples, *(START + n * 3 * SECOND for n in range(4)))
    source = replay(judge, Replay(write(tmp_path / "bag", *said)))
    assert not source.windows
    assert source.counts["samples_lost"] == 3 * (2 + 1) * RATE


def test_what_was_refused_is_not_shown_as_sound(tmp_path, voices):
    samples = np.concatenate(voices)[: 4 * RATE]
    said = [*spoken(samples, START), ("/audio_info", START + 5 * SECOND, info(coding="mp3"))]
    said += [*spoken(samples, START + 6 * SECOND)]
    sound = sound_of(write(tmp_path / "bag", *said), "", START, RATE)
    np.testing.assert_allclose(sound(0.0, 4.0), samples, atol=1e-4)
    assert not sound(6.0, 4.0).any()


def test_sound_without_stamps_is_found_where_it_was_received(tmp_path, voices):
    samples = np.concatenate(voices)[: 8 * RATE]
    said = []
    for n in range(8):
        _, fields = chunk(samples[n * RATE : (n + 1) * RATE], 0)
        late_ns = n % 3 * SECOND // 50
        plain = (types.AUDIO_PLAIN, {"data": fields["audio"].data})
        said.append(("/ear", START + (n + 1) * SECOND + late_ns, plain))
    sound = sound_of(write(tmp_path / "bag", *said), "", START, RATE)
    np.testing.assert_allclose(sound(2.0, 4.0), samples[2 * RATE : 6 * RATE], atol=1e-4)


def test_sound_without_stamps_that_came_all_at_once_ends_when_it_came(tmp_path, voices):
    samples = np.concatenate(voices)[: 3 * RATE]
    said = []
    for n, came_s in enumerate((1, 9, 9, 9, 9, 12)):  # a stall of eight seconds
        _, fields = chunk(samples[n % 3 * RATE : (n % 3 + 1) * RATE], 0)
        plain = (types.AUDIO_PLAIN, {"data": fields["audio"].data})
        said.append(("/ear", START + came_s * SECOND + n, plain))
    sound = sound_of(write(tmp_path / "bag", *said), "", START, RATE)
    np.testing.assert_allclose(sound(11.0, 1.0), samples[2 * RATE :], atol=1e-4)
    assert not sound(10.0, 1.0).any(), "a second ahead at the most"
