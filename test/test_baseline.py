"""A voice: learned on purpose or followed, kept by name, and never a bout of anger."""

from __future__ import annotations

import json
import math
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny

from ser_ros.baseline import LARGEST_SHIFT, VoiceBaseline
from ser_ros.bundle import Bundle
from ser_ros.classifier import Estimate
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.models import (
    BadVoiceName,
    BaselineOff,
    EnrolmentGoesOn,
    NoBaseline,
    VoiceMismatch,
    VoiceNotKept,
    VoiceNotKnown,
    VoiceNotListened,
    VoiceUnreadable,
)
from ser_ros.evaluation.baseline import make_adapter
from ser_ros.voices import ENROLL, NONE, RUNNING, Enrolment, Voices, default_folder

POPULATION = np.array([-1.0, 2.0, 0.0, -0.5])
"""Of neutral speech: angry, neutral, sad, happy."""
ANGRY = np.array([4.0, 0.5, -1.0, 0.5])
HOP_S = 1.25
TEN_MINUTES = round(600 / HOP_S)


def voiced(**off: float) -> np.ndarray:
    """Return what the network says of the neutral speech of a voice that is off by so much."""
    return POPULATION + [off.get(label, 0.0) for label in ("angry", "neutral", "sad", "happy")]


SAD = voiced(sad=1.0)
"""A voice that sounds sadder than others when it is not."""


@pytest.fixture
def bundle() -> Bundle:
    return tiny.bundle(neutral_logits=POPULATION.tolist())


@pytest.fixture
def voice(bundle: Bundle) -> VoiceBaseline:
    return VoiceBaseline(bundle)


def windows(center: np.ndarray, count: int, seed: int = 0, noise: float = 0.7) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (center + noise * random.normal(size=(count, 4))).astype(np.float32)


def follow(voice: VoiceBaseline, logits: np.ndarray) -> None:
    for window in logits:
        voice.follow(window)


def heard_as(voice: VoiceBaseline, logits: np.ndarray) -> int:
    return int(np.argmax(voice(logits.astype(np.float32))))


# ── what is learned ───────────────────────────────────────────────────────────────────────────


def test_an_unknown_voice_is_the_populations(voice):
    assert voice.windows == 0
    assert (voice.shift == 0).all()
    assert (voice(ANGRY.astype(np.float32)) == ANGRY.astype(np.float32)).all()


def test_a_voice_that_is_off_is_learned_from_an_enrolment(voice):
    off = np.array([0.0, 0.0, 1.0, 0.0])
    voice.enroll(windows(POPULATION + off, 200))
    assert voice.shift == pytest.approx(off, abs=0.15)
    assert voice((POPULATION + off).astype(np.float32)) == pytest.approx(POPULATION, abs=0.15)


def test_the_less_was_heard_the_less_is_taken_out(bundle):
    found = []
    for count in (1, 4, 16, 128):
        voice = VoiceBaseline(bundle)
        voice.enroll(np.tile(SAD, (count, 1)))
        found.append(voice.shift[2])
    assert found == sorted(found)
    assert 0 < found[0] < 0.5
    assert 0.9 < found[-1] < 1


def test_windows_that_overlap_more_count_less(bundle):
    speech = SAD
    near, far = VoiceBaseline(bundle), VoiceBaseline(bundle)
    near.step = 0.1
    near.enroll(np.tile(speech, (80, 1)))
    far.enroll(np.tile(speech, (8, 1)))
    assert near.windows == pytest.approx(far.windows)
    assert near.shift == pytest.approx(far.shift)


def test_what_is_taken_out_has_a_limit(voice):
    voice.enroll(windows(voiced(angry=9, happy=-9), 100))
    assert voice.shift.max() == LARGEST_SHIFT
    assert voice.shift.min() == -LARGEST_SHIFT


def test_what_is_no_number_teaches_nothing(voice):
    voice.enroll(np.array([[math.nan, 0, 0, 0], [0, math.inf, 0, 0]], np.float32))
    voice.follow(np.array([0, math.nan, 0, 0], np.float32))
    assert voice.windows == 0
    assert (voice.shift == 0).all()


@pytest.mark.parametrize("label", range(4))
def test_following_learns_a_voice_whose_neutral_is_off_by_one(voice, label):
    off = np.zeros(4)
    off[label] = 0.7 if label == 1 else 1.0
    follow(voice, windows(POPULATION + off, TEN_MINUTES))
    assert voice.shift[label] == pytest.approx(off[label], abs=0.45)
    assert voice.shift[label] > 0.4
    assert heard_as(voice, POPULATION + off) == 1


# ── what is not learned ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize("emotion", [0, 2, 3])
def test_a_long_bout_of_an_emotion_is_not_the_new_normal(voice, emotion, noise):
    felt = np.array([-1.0, 0.5, -1.0, -0.5])
    felt[emotion] = 4.0
    follow(voice, windows(felt, TEN_MINUTES, noise=noise))
    assert np.abs(voice.shift).max() < 0.05
    assert heard_as(voice, POPULATION) == 1, "neutral is still neutral"
    assert heard_as(voice, felt) == emotion, "and the bout was heard to its end"


def test_a_day_of_anger_changes_nothing_either(voice):
    follow(voice, np.tile(ANGRY, (24 * 3600, 1)))
    assert (voice.shift == 0).all()


def test_anger_does_not_undo_a_voice_that_was_learned(voice):
    off = np.array([0.0, 0.0, 1.0, 0.0])
    follow(voice, windows(POPULATION + off, TEN_MINUTES))
    before = voice.shift
    follow(voice, windows(ANGRY + off, TEN_MINUTES, seed=1))
    assert voice.shift == pytest.approx(before, abs=0.05)
    assert heard_as(voice, POPULATION + off) == 1
    assert heard_as(voice, ANGRY + off) == 0


# ── kept in a file ────────────────────────────────────────────────────────────────────────────


def test_saved_and_loaded_it_is_the_same(voice, bundle, tmp_path):
    voice.enroll(windows(SAD, 8))
    voice.save(tmp_path / "anna.json")
    other = VoiceBaseline(bundle)
    other.load(tmp_path / "anna.json")
    assert other.windows == voice.windows
    assert other.shift == pytest.approx(voice.shift)
    other.reset()
    assert (other.shift == 0).all()


def test_a_voice_of_another_model_is_refused(voice, tmp_path):
    voice.save(tmp_path / "anna.json")
    other = VoiceBaseline(tiny.bundle(slope=2.0, neutral_logits=POPULATION.tolist()))
    with pytest.raises(VoiceMismatch, match="enrol it again"):
        other.load(tmp_path / "anna.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": 2},
        {"neutral_logits": [0, 0, 0]},
        {"neutral_logits": ["a", 0, 0, 0]},
        {"neutral_logits": [math.nan, 0, 0, 0]},
        {"neutral_logits": [10**400, 0, 0, 0]},
        {"windows": -1},
        {"windows": math.inf},
        {"windows": 10**400},
        {"windows": None},
        {"windows": [1]},
    ],
    ids=str,
)
def test_a_file_that_is_no_voice_is_refused_and_changes_nothing(voice, tmp_path, changes):
    voice.enroll(windows(SAD, 8))
    path = tmp_path / "anna.json"
    voice.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    before = voice.shift
    with pytest.raises(VoiceUnreadable):
        voice.load(path)
    assert (voice.shift == before).all()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{}", b"3", b"[" * 100_000])
def test_any_other_file_is_refused(voice, tmp_path, content):
    path = tmp_path / "anna.json"
    path.write_bytes(content)
    with pytest.raises(VoiceUnreadable):
        voice.load(path)


# ── enrolment ─────────────────────────────────────────────────────────────────────────────────


def estimate(ratio: float = 1.0, logits: np.ndarray | None = SAD) -> Estimate:
    told = None if logits is None else logits.astype(np.float32)
    return Estimate("sad", 1.0, ("",) * 4, np.zeros(4, np.float32), ratio, -20.0, logits=told)


def test_seconds_of_speech_are_counted_once_though_windows_overlap():
    enrolment = Enrolment("", wanted_s=10.0, step_s=1.25)
    for count in range(1, 9):
        assert not enrolment.done
        enrolment.hear(estimate(ratio=1.0))
        assert enrolment.heard_s == 1.25 * count
    assert enrolment.done
    enrolment.hear(estimate())
    assert enrolment.logits.shape == (8, 4), "what comes after the end is not of it"


def test_half_a_window_of_speech_counts_half_and_silence_nothing():
    enrolment = Enrolment("", wanted_s=3.0, step_s=1.0)
    enrolment.hear(estimate(ratio=0.2, logits=None))
    assert enrolment.heard_s == 0
    for _ in range(6):
        enrolment.hear(estimate(ratio=0.5))
    assert enrolment.done
    assert enrolment.logits.shape == (6, 4)


class Listener:
    """A classifier of which only the bundle counts, and the voice that it is given."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.labels = bundle.labels.labels
        self.voice: VoiceBaseline | None = None
        self.following = False


def voices_of(bundle: Bundle, folder: Path, mode: str = ENROLL, hop_s: float = HOP_S) -> Voices:
    voices = Voices(Listener(bundle), folder, hop_s)  # type: ignore[arg-type]
    voices.listen(mode)
    return voices


@pytest.fixture
def voices(bundle: Bundle, tmp_path: Path) -> Voices:
    return voices_of(bundle, tmp_path / "ros" / "voices")


def enroll(voices: Voices, name: str = "", said: np.ndarray = SAD) -> None:
    enrolment = voices.begin(name, 10.0)
    while not enrolment.done:
        voices.hear(estimate(logits=said))
    voices.finish()


def test_an_enrolment_begins_at_a_reset_voice(voices):
    enroll(voices, said=voiced(angry=2))
    enroll(voices, said=SAD)
    assert voices.voice.shift[0] == 0
    assert voices.voice.shift[2] > 0.4
    assert voices.enrolment is None
    assert voices.shift == "angry +0.0, neutral +0.0, sad +0.5, happy +0.0"


@pytest.mark.parametrize("hop_s", [0.25, 1.25, 2.5, 5.0])
def test_the_hop_changes_neither_how_long_one_speaks_nor_what_it_counts(bundle, tmp_path, hop_s):
    voices = voices_of(bundle, tmp_path, hop_s=hop_s)
    enrolment = voices.begin("", 10.0)
    count = 0
    while not enrolment.done:
        voices.hear(estimate())
        count += 1
    voices.finish()
    assert count == 10 / min(hop_s, 2.5), "of windows that lie apart, only what was heard counts"
    assert voices.voice.windows == pytest.approx(8)


def test_one_at_a_time(voices):
    voices.begin("", 10.0)
    voices.hear(estimate())
    for act in (lambda: voices.begin("", 10.0), lambda: voices.save("a"), lambda: voices.load("a")):
        with pytest.raises(EnrolmentGoesOn, match=r"1\.2 of 10 s"):
            act()


# ── modes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_mode_says_what_the_classifier_takes_out(bundle, tmp_path):
    voices = voices_of(bundle, tmp_path)
    classifier = voices._classifier
    for mode, taken, following in ((RUNNING, 1, True), (NONE, 0, False), (ENROLL, 1, False)):
        voices.listen(mode)
        assert (classifier.voice is voices.voice) == bool(taken)
        assert (classifier.voice is None) == (not taken)
        assert classifier.following == following


def test_what_was_followed_is_lost_and_what_was_told_is_not(voices):
    enroll(voices, "anna")
    told = voices.voice.shift
    voices.listen(RUNNING)
    follow(voices.voice, windows(voiced(happy=1), 200))
    assert np.abs(voices.voice.shift - told).max() > 0.3
    voices.listen(NONE)
    voices.listen(ENROLL)
    assert (voices.voice.shift == told).all()
    assert voices.name == "anna"
    assert voices._classifier.voice is voices.voice


def test_to_set_a_mode_again_changes_nothing(voices):
    voices.listen(RUNNING)
    follow(voices.voice, windows(voiced(happy=1), 200))
    before = voices.voice.shift
    voices.listen(RUNNING)
    assert (voices.voice.shift == before).all()


def test_switched_off_every_service_says_so(voices):
    enroll(voices, "anna")
    voices.listen(NONE)
    for act in (
        lambda: voices.begin("", 10.0),
        lambda: voices.save("a"),
        lambda: voices.load("anna"),
        lambda: voices.check_listened(""),
        voices.reset,
    ):
        with pytest.raises(BaselineOff, match="set it to enroll or running"):
            act()
    voices.forget("anna")
    assert voices.kept == []


def test_a_model_without_a_baseline_says_so(tmp_path):
    voices = voices_of(tiny.bundle(), tmp_path)
    voices.listen(RUNNING)
    assert voices._classifier.voice is None
    assert voices.shift == ""
    voices.hear(estimate())
    for act in (lambda: voices.begin("", 10.0), lambda: voices.load("a"), voices.reset):
        with pytest.raises(NoBaseline, match="'tiny' does not know"):
            act()


# ── kept by name ──────────────────────────────────────────────────────────────────────────────


def test_kept_under_a_name_for_its_owner_alone(voices, bundle):
    enroll(voices, "anna")
    told = voices.voice.shift
    path = voices.folder / "anna.json"
    assert stat.S_IMODE(voices.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(json.loads(path.read_text())["neutral_logits"]) == 4
    voices.reset()
    assert voices.name == ""
    assert (voices.voice.shift == 0).all()
    assert voices.kept == ["anna"], "a reset deletes nothing"

    again = voices_of(bundle, voices.folder)
    again.load("anna")
    assert again.name == "anna"
    assert again.voice.shift == pytest.approx(told)
    assert again.save("") == "anna", "a voice keeps its name"


def test_without_a_name_nothing_is_written(voices):
    enroll(voices)
    assert not voices.folder.exists()
    with pytest.raises(BadVoiceName):
        voices.save("")
    assert voices.save("anna") == "anna"
    assert voices.kept == ["anna"]
    assert voices.name == "anna"


def test_nothing_is_kept_of_nobody(voices):
    with pytest.raises(VoiceNotKnown):
        voices.save("anna")
    assert not voices.folder.exists()


def test_forgotten_it_is_gone_from_the_disk_and_from_the_ear(voices):
    enroll(voices, "ben")
    enroll(voices, "anna")
    voices.forget("ben")
    assert voices.kept == ["anna"]
    assert voices.name == "anna"
    voices.forget("anna")
    assert list(voices.folder.iterdir()) == []
    assert (voices.voice.shift == 0).all()
    assert voices.name == ""
    with pytest.raises(VoiceNotKept):
        voices.forget("anna")


def test_what_is_not_kept_is_told_with_what_is(voices):
    with pytest.raises(VoiceNotKept, match="no other"):
        voices.load("anna")
    enroll(voices, "anna")
    with pytest.raises(VoiceNotKept, match="expected one of anna"):
        voices.load("ben")
    assert voices.name == "anna"


def test_of_a_folder_that_cannot_be_looked_into_no_voice_is_kept(bundle, tmp_path):
    with pytest.raises(VoiceNotKept):
        voices_of(bundle, tmp_path / ("v" * 300)).load("anna")


def test_only_the_voice_that_is_listened_to_is_reset(voices):
    enroll(voices, "anna")
    voices.check_listened("")
    voices.check_listened("anna")
    with pytest.raises(VoiceNotListened, match="forget_voice"):
        voices.check_listened("ben")


@pytest.mark.parametrize(
    "name",
    ["..", ".", ".a", "../a", "a/b", "/etc/passwd", "a b", "-a", "a\n", "ä", "a" * 65, "a\0"],
)
def test_a_name_is_no_path(voices, name, tmp_path):
    enroll(voices)
    for act in (
        lambda: voices.begin(name, 10.0),
        lambda: voices.save(name),
        lambda: voices.load(name),
        lambda: voices.forget(name),
    ):
        with pytest.raises(BadVoiceName, match="letters, digits"):
            act()
    assert list(tmp_path.rglob("*")) == []
    assert voices.enrolment is None


@pytest.mark.parametrize("name", ["a", "7", "Anna.B_c-d", "a" * 64])
def test_names_that_are_good(voices, name):
    enroll(voices, name)
    voices.load(name)
    assert voices.kept == [name]


def test_a_folder_that_cannot_be_is_told_before_anybody_speaks(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    voices = voices_of(bundle, tmp_path / "file" / "voices")
    with pytest.raises(CannotWrite):
        voices.begin("anna", 10.0)
    assert voices.enrolment is None
    enroll(voices)
    with pytest.raises(CannotWrite):
        voices.save("anna")


def test_a_disk_that_is_full_at_the_end_does_not_lose_the_voice(voices, monkeypatch):
    def full(self: VoiceBaseline, path: Path) -> None:
        raise CannotWrite(path, "No space left on device")

    monkeypatch.setattr(VoiceBaseline, "save", full)
    with pytest.raises(CannotWrite):
        enroll(voices, "anna")
    assert voices.enrolment is None
    assert voices.voice.shift[2] > 0.4


def test_another_model_refuses_a_kept_voice(voices, bundle):
    enroll(voices, "anna")
    other = voices_of(replace(bundle, network=bundle.network + b"\0"), voices.folder)
    with pytest.raises(VoiceMismatch):
        other.load("anna")
    assert other.name == ""


def test_where_voices_are_kept(monkeypatch):
    monkeypatch.setenv("HOME", "/home/robot")
    monkeypatch.delenv("ROS_HOME", raising=False)
    assert default_folder() == Path("/home/robot/.ros/ser_ros/voices")
    monkeypatch.setenv("ROS_HOME", "/data/ros")
    assert default_folder() == Path("/data/ros/ser_ros/voices")


# ── in the evaluation ─────────────────────────────────────────────────────────────────────────


def test_what_was_enrolled_is_not_followed(bundle):
    adapter = make_adapter(bundle)
    adapter.enroll(np.tile(SAD, (8, 1)).astype(np.float32))
    logits = windows(voiced(happy=1.0), 50)
    apart = [adapter.hear(window[None])[0] for window in logits]
    assert (adapter.hear(logits) == np.stack(apart)).all()
    assert (adapter.hear(logits) != logits).any()


def test_what_was_not_enrolled_is_followed_from_the_next_window_on(bundle):
    adapter = make_adapter(bundle)
    logits = windows(SAD, 50, noise=0.0)
    found = adapter.hear(logits)
    assert (found[0] == logits[0]).all()
    assert found[-1, 2] < logits[-1, 2] - 0.5
    again = make_adapter(bundle)
    assert (again.hear(logits[:10]) == found[:10]).all(), "nothing of what comes later"
    adapter.reset()
    assert (adapter.hear(logits) == found).all()


def test_a_model_without_neutral_speech_has_no_adapter():
    with pytest.raises(NoBaseline, match="neutral speech"):
        make_adapter(tiny.bundle())
