"""Chunks to states on a busy robot: newest wins, its own voice is left out, losses count."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tiny

from ser_ros import audio, hearing
from ser_ros.audio import AudioFormat, SampleFormat, Samples
from ser_ros.baseline import PRIOR_WINDOWS
from ser_ros.classifier import Classifier, Estimate
from ser_ros.clock import SECOND
from ser_ros.errors.config import BadValue
from ser_ros.hearing import Heard, Hearing, HearingConfig, Mute
from ser_ros.tracking import TrackingConfig
from ser_ros.voices import ENROLL, Voices

RATE = 16_000
MONO = AudioFormat()
T0 = 1_700_000_000 * SECOND
WINDOW_NS = 2_500_000_000


class Judge:
    """A classifier of which only the answer counts; the time it takes is told, not taken."""

    def __init__(self) -> None:
        self.bundle = tiny.bundle(neutral_logits=[0.0, 0.0, 0.0, 0.0])
        self.labels = self.bundle.labels.labels
        self.window = 40_000
        self.judged: list[Samples] = []
        self.voice, self.following = None, False

    def __call__(self, window: Samples) -> Estimate:
        self.judged.append(window)
        found = np.array([0.9, 0.1, 0, 0], np.float32)
        logits = np.array([1, 0, 0, 0], np.float32)
        return Estimate("angry", 0.9, self.labels, found, 0.8, -20.0, logits=logits)


class Robot:
    """A hearing on a clock of its own."""

    def __init__(self, **config: float) -> None:
        self.seconds = 0.0
        self.judge = Judge()
        settings = HearingConfig(**config)
        voices = Voices(self.judge, Path("nowhere"), settings.hop_s)  # type: ignore[arg-type]
        self.hearing = Hearing(
            self.judge,  # type: ignore[arg-type]
            settings,
            TrackingConfig(),
            lambda: self.seconds,
            voices,
        )

    @property
    def now_ns(self) -> int:
        return T0 + round(self.seconds * SECOND)

    def hear(self, seconds: float, level: float = 0.1) -> list[str]:
        """Live through `seconds` of sound, published when they are over."""
        start = self.now_ns
        self.seconds += seconds
        sound = np.full(round(seconds * RATE), level, np.float32)
        data = audio.encode(sound, SampleFormat.S16LE)
        return [r.kind for r in self.hearing.chunk(data, MONO, start, self.now_ns)]

    def judge_all(self) -> list[Heard]:
        found = []
        while (heard := self.hearing.next()) is not None:
            found.append(heard)
        return found


def test_a_window_every_hop_with_its_time_and_state():
    robot = Robot(hop_s=1.25)
    for _ in range(8):
        assert robot.hear(1.0) == []
    found = robot.judge_all()
    assert [h.window.stamp_ns - T0 for h in found] == [k * SECOND * 5 // 4 for k in range(5)]
    assert {h.state.label for h in found} == {"angry"}
    assert found[0].state.since_ns == T0 + WINDOW_NS, "a state begins where its window ends"
    assert [h.lost for h in found] == [0] * 5
    assert robot.hearing.counts == {"chunks": 8, "windows": 5}
    assert robot.hearing.waiting == 0
    assert robot.hearing.next() is None


def test_a_gap_is_told_by_the_first_window_behind_it():
    """However late the windows before it are judged."""
    robot = Robot(hop_s=1.25)
    robot.hear(4)
    robot.seconds += 1  # the gap
    robot.hear(4)
    found = robot.judge_all()
    rest = RATE // 4  # of the first 4 s, two windows hear 3.75 s
    assert [h.lost for h in found] == [0, 0, rest + RATE, 0]


def test_what_is_lost_is_known_before_a_window_tells_of_it():
    robot = Robot(hop_s=1.25)
    for _ in range(6):
        robot.hear(2.4)
        robot.seconds += 0.5  # a gap, always before a window is full
    assert robot.judge_all() == []
    known = 5 * round(2.9 * RATE)
    assert robot.hearing.lost == pytest.approx(known, abs=5)
    robot.hear(2.5)
    told = known + round(2.9 * RATE)
    assert robot.hearing.lost == pytest.approx(told, abs=5), "the window that tells still waits"
    robot.seconds += 10
    robot.hearing.drop_old()
    told += round(1.25 * RATE)
    assert robot.hearing.lost == pytest.approx(told, abs=5)
    robot.hear(2.5)
    (heard,) = robot.judge_all()
    assert heard.lost >= told
    assert robot.hearing.lost == 0


def test_the_latency_runs_from_the_arrival_of_the_last_chunk():
    robot = Robot()
    robot.hear(2.5)
    robot.seconds += 0.75
    assert robot.hearing.next().latency_s == pytest.approx(0.75)


def test_windows_that_waited_too_long_are_dropped_and_counted_newest_wins():
    robot = Robot(hop_s=2.5, max_age_s=2.0)
    for _ in range(4):
        robot.hear(2.5)
    # Those of 2.5, 5.0 and 7.5 s are more than 2 s old.
    (remark,) = robot.hearing.drop_old()
    assert remark.kind == "dropped"
    assert remark.sentence.startswith("3 window(s)")
    assert robot.hearing.counts["dropped"] == 3
    (heard,) = robot.judge_all()
    assert heard.window.stamp_ns == T0 + 3 * WINDOW_NS
    assert heard.lost == 3 * 40_000
    assert robot.hearing.drop_old() == []
    robot.hear(2.5)
    assert robot.hearing.next().lost == 0, "a loss is told once"


def test_at_the_age_limit_a_window_is_judged():
    robot = Robot(max_age_s=2.0)
    robot.hear(2.5)
    robot.seconds += 2.0
    assert robot.hearing.drop_old() == []
    robot.seconds += 0.01
    assert len(robot.hearing.drop_old()) == 1


def test_a_machine_that_is_ten_times_too_slow_stays_near_the_present():
    robot = Robot(hop_s=0.25, max_age_s=2.0)
    judged = 0
    for _ in range(400):
        robot.hear(0.25)
        if robot.seconds % 2.5 < 0.25:  # one judgement takes as long as ten hops
            robot.hearing.drop_old()
            heard = robot.hearing.next()
            if heard is not None:
                judged += 1
                assert heard.latency_s <= 2.0
        assert robot.hearing.waiting <= 20
    assert judged >= 35
    counts = robot.hearing.counts
    assert counts["windows"] + counts["dropped"] + robot.hearing.waiting == (400 - 10) + 1


def test_memory_is_bounded_even_if_nobody_judges():
    robot = Robot(hop_s=0.05, max_age_s=60.0)
    robot.hear(2.45)
    lost_before = 0
    for _ in range(300):
        robot.hear(0.05)
        assert robot.hearing.waiting <= hearing.MOST_WAITING
    assert robot.hearing.counts["dropped"] == 300 - hearing.MOST_WAITING
    found = robot.judge_all()
    assert len(found) == hearing.MOST_WAITING
    assert sum(h.lost for h in found) == lost_before + (300 - hearing.MOST_WAITING) * 800
    assert found[-1].window.stamp_ns + WINDOW_NS == pytest.approx(robot.now_ns, abs=1e6)


def test_one_long_chunk_does_not_fill_the_memory():
    robot = Robot(hop_s=0.05, max_age_s=60.0)
    kinds = robot.hear(60.0)
    assert robot.hearing.waiting <= hearing.MOST_WAITING
    assert kinds == ["dropped"]
    total = (60 * RATE - 40_000) // 800 + 1
    assert robot.hearing.counts["dropped"] == total - hearing.MOST_WAITING


def test_a_gap_and_a_drop_are_each_counted_once():
    robot = Robot(hop_s=2.5, max_age_s=2.0)
    robot.hear(2.5)
    robot.seconds += 1.0  # nothing is heard for a second
    assert robot.hear(2.5) == ["gap"]
    robot.hearing.drop_old()
    (heard,) = robot.judge_all()
    assert heard.lost == RATE + 40_000
    robot.hear(2.5)
    assert [h.lost for h in robot.judge_all()] == [0]


def test_losses_in_a_muted_window_are_told_later_and_its_samples_are_no_loss():
    robot = Robot(hop_s=2.5)
    robot.hear(2.5)
    robot.judge_all()
    robot.seconds += 1.0
    robot.hearing.mute.say(True, robot.now_ns)
    robot.hear(2.5)
    robot.hearing.mute.say(False, robot.now_ns)
    assert robot.judge_all() == []
    assert robot.hearing.counts["muted"] == 1
    robot.hear(2.5)  # the tail
    robot.hear(2.5)
    assert [h.lost for h in robot.judge_all()] == [RATE]


def test_restart_forgets_what_waits_and_the_robots_own_voice():
    robot = Robot()
    robot.hearing.mute.say(True, robot.now_ns + 3600 * SECOND)
    robot.hear(2.5)
    assert robot.hearing.waiting
    robot.hearing.restart()
    assert robot.hearing.waiting == 0
    robot.seconds += 3600
    assert robot.hear(2.5) == []
    assert len(robot.judge_all()) == 1


def test_with_the_real_gate_silence_is_no_speech(voices):
    real = Hearing(
        Classifier(tiny.bundle(bias=[9, 0, 0, 0]), "onnxruntime"),
        HearingConfig(),
        TrackingConfig(silence_s=0.0),
        lambda: 0.0,
    )
    sound = np.concatenate([np.resize(voices[0], 40_000), np.zeros(40_000, np.float32)])
    real.chunk(audio.encode(sound, SampleFormat.S16LE), MONO, T0, T0 + 5 * SECOND)
    labels = []
    while (heard := real.next()) is not None:
        labels.append((heard.estimate.label, heard.state.label))
    assert labels[0] == ("angry", "angry")
    assert labels[-1] == ("no_speech", "no_speech")


@pytest.mark.parametrize(
    "bad",
    [
        {"hop_s": 0.0},
        {"hop_s": math.nan},
        {"hop_s": math.inf},
        {"max_age_s": -1.0},
        {"max_age_s": math.nan},
        {"mute_tail_s": -0.1},
        {"mute_limit_s": -1.0},
        {"mute_limit_s": math.nan},
    ],
    ids=str,
)
def test_a_configuration_without_meaning_is_refused(bad):
    with pytest.raises(BadValue):
        HearingConfig(**bad)


# ── the robot's own voice ─────────────────────────────────────────────────────────────────────


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND)


def covered(mute: Mute, seconds: float) -> bool:
    return mute.covers(at(seconds), at(seconds) + 1)


def test_a_window_is_muted_when_any_of_it_is_the_robots_voice_or_its_tail():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    mute.say(True, at(10))
    mute.say(False, at(12))
    assert not mute.covers(at(7), at(10))
    assert mute.covers(at(7.5), at(10.1))
    assert mute.covers(at(10.5), at(11))
    assert mute.covers(at(12.4), at(15))
    assert not mute.covers(at(12.5), at(15))
    assert mute.covers(at(5), at(20))


def test_while_it_talks_all_is_muted_until_the_limit():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    mute.say(True, at(0))
    assert covered(mute, 29.9)
    assert covered(mute, 30.4)
    assert not covered(mute, 30.5)
    assert not mute.overdue(at(30.4))
    assert mute.overdue(at(30.5)), "the false never came"
    mute.say(False, at(100))
    assert not mute.overdue(at(100))
    assert not covered(mute, 99)
    assert not covered(mute, 100.2)


def test_true_again_prolongs_it():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    for second in range(0, 100, 10):
        mute.say(True, at(second))
    assert not mute.overdue(at(120))
    assert all(covered(mute, s) for s in range(121))
    assert not covered(mute, 120.5)
    mute.say(False, at(95))
    assert not covered(mute, 95.5)
    assert covered(mute, 0.1), "what has been said stays said"


def test_true_after_the_limit_begins_anew():
    mute = Mute(tail_s=0.5, limit_s=3.0)
    mute.say(True, at(0))
    mute.say(True, at(10))
    assert covered(mute, 10.1)
    assert not covered(mute, 5)


def test_false_without_true_and_false_twice_change_nothing():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    mute.say(False, at(0))
    assert not covered(mute, 0.1)
    mute.say(True, at(1))
    mute.say(False, at(2))
    mute.say(False, at(9))
    assert not covered(mute, 3)
    assert not covered(mute, 9.1)


def test_short_words_one_after_the_other():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    for k in range(1000):
        mute.say(True, at(2 * k))
        mute.say(False, at(2 * k + 1))
    assert covered(mute, 1998.5)
    assert covered(mute, 1999.4)
    assert not covered(mute, 1997.7)
    assert len(mute._stretches) <= 64


def test_what_was_said_before_a_simulation_began_anew_mutes_nothing():
    mute = Mute(tail_s=0.5, limit_s=30.0)
    mute.say(True, at(100))
    mute.say(False, at(105))
    mute.say(True, at(110))
    mute.forget_after(at(109.5))  # clocks of two machines differ by a little
    assert covered(mute, 111) and covered(mute, 103)
    mute.forget_after(at(3))
    assert not covered(mute, 103)
    mute.say(True, at(4))
    assert covered(mute, 5)


def test_sound_that_cannot_be_understood_is_lost():
    robot = Robot()
    robot.hear(1.0)
    robot.hearing.refuse(20.0)
    assert robot.hearing.counts["refused"] == 1
    assert robot.hearing.lost == 21 * RATE, "with the second that came into no window for it"
    robot.hearing.refuse(40.0)
    assert robot.hearing.lost == 51 * RATE, "before the last 30 s nobody listened"
    robot.hearing.refuse(-5.0)
    assert (robot.hearing.lost, robot.hearing.counts["refused"]) == (51 * RATE, 3)


def test_hearing_goes_on_after_the_robot_has_spoken():
    robot = Robot(hop_s=1.25, mute_tail_s=0.5)
    robot.hear(2.5)
    robot.hearing.mute.say(True, robot.now_ns)
    robot.hear(2.5)
    robot.hearing.mute.say(False, robot.now_ns)
    robot.hear(5.0)
    starts = [(h.window.stamp_ns - T0) / SECOND for h in robot.judge_all()]
    assert starts == [0.0, 6.25, 7.5]
    assert robot.hearing.counts["muted"] == 4


def test_word_of_the_robots_own_voice_may_come_after_the_sound_of_it():
    robot = Robot(hop_s=2.5)
    spoke_ns = robot.now_ns
    robot.hear(2.5)
    robot.hearing.mute.say(True, spoke_ns)
    assert robot.judge_all() == []
    assert robot.hearing.counts["muted"] == 1


# ── enrolment ─────────────────────────────────────────────────────────────────────────────────


def test_an_enrolment_hears_what_is_judged_and_nothing_of_the_robot():
    robot = Robot(hop_s=1.25, mute_tail_s=0.0)
    voices = robot.hearing.voices
    voices.listen(ENROLL)
    robot.hear(2.5)
    robot.judge_all()
    enrolment = voices.begin("", 3.0)
    robot.hearing.mute.say(True, robot.now_ns)
    robot.hear(10.0)
    robot.hearing.mute.say(False, robot.now_ns)
    assert robot.judge_all() == []
    assert enrolment.heard_s == 0
    robot.hear(2.5)
    assert len(robot.judge_all()) == 1, "messages go on meanwhile"
    assert enrolment.heard_s == pytest.approx(0.8 * 1.25)
    robot.hear(2.5)
    assert len(robot.judge_all()) == 2
    assert enrolment.done
    voices.finish()
    assert robot.judge.voice.shift == pytest.approx([3 / (3 + PRIOR_WINDOWS), 0, 0, 0])
