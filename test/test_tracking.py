"""Estimates to state: smooth, steady, and silent when nobody speaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ser_ros.classifier import Estimate, decide
from ser_ros.clock import SECOND
from ser_ros.errors.config import BadValue
from ser_ros.tracking import State, Tracker, TrackingConfig

LABELS = ("angry", "neutral", "sad", "happy")
HOP = 1.25


def voice(*probabilities: float) -> Estimate:
    found = np.array(probabilities, np.float32)
    label = decide(LABELS, found, 0.5)
    return Estimate(label, float(found.max()), LABELS, found, 0.8, -20.0)


ANGRY, HAPPY = voice(0.9, 0.1, 0, 0), voice(0, 0.1, 0, 0.9)
DOUBT = voice(0.3, 0.3, 0.2, 0.2)
SILENCE = Estimate("no_speech", 0.0, LABELS, np.zeros(4, np.float32), 0.0, -120.0)


class Clock:
    def __init__(self, config: TrackingConfig | None = None) -> None:
        self.tracker = Tracker(LABELS, config or TrackingConfig())
        self.now = 0.0

    def __call__(self, estimate: Estimate, after: float = HOP) -> State:
        self.now += after
        return self.tracker.update(estimate, round(self.now * SECOND))


def test_it_begins_with_silence_and_speech_sets_the_state_at_once():
    clock = Clock()
    assert clock(SILENCE).label == "no_speech"
    state = clock(ANGRY)
    assert state.label == "angry"
    assert state.confidence == pytest.approx(0.9)
    assert state.since_ns == round(clock.now * SECOND)


def test_old_estimates_fade_with_the_time_constant():
    clock = Clock(TrackingConfig(time_constant_s=2.0))
    clock(ANGRY)
    state = clock(HAPPY, after=2.0)
    kept = math.exp(-1)
    np.testing.assert_allclose(
        state.probabilities, [0.9 * kept, 0.1, 0, 0.9 * (1 - kept)], atol=1e-6
    )
    assert state.probabilities.sum() == pytest.approx(1)


def test_the_smoothing_knows_time_and_not_the_number_of_estimates():
    often, seldom = Clock(), Clock()
    for clock in (often, seldom):
        clock(ANGRY)
    for _ in range(20):
        fast = often(HAPPY, after=0.1)
    slow = seldom(HAPPY, after=2.0)
    np.testing.assert_allclose(fast.probabilities, slow.probabilities, atol=1e-4)


def test_alternating_estimates_do_not_flicker():
    for hop in (0.1, HOP, 5.0):
        clock = Clock()
        for _ in range(100):
            assert clock(ANGRY, hop).label == "angry"
            assert clock(HAPPY, hop).label == "angry"


def test_a_change_of_mood_is_seen_with_the_second_estimate_that_leads():
    clock = Clock()
    for _ in range(20):
        clock(ANGRY)
    labels = [clock(HAPPY).label for _ in range(4)]
    assert labels == ["angry", "angry", "happy", "happy"]


def test_probabilities_around_the_threshold_do_not_flicker():
    clock = Clock(TrackingConfig(time_constant_s=0.01, uncertain_below=0.5, margin=0.1))
    clock(ANGRY)
    above, below = voice(0.53, 0.47, 0, 0), voice(0.46, 0.2, 0.2, 0.14)
    assert {clock(above if k % 2 else below).label for k in range(50)} == {"angry"}
    assert clock(voice(0.35, 0.3, 0.2, 0.15)).label == "uncertain"
    assert {clock(above if k % 2 else below).label for k in range(50)} == {"uncertain"}
    assert clock(voice(0.65, 0.35, 0, 0)).label == "angry"


def test_another_emotion_must_be_likelier_by_the_margin():
    clock = Clock(TrackingConfig(time_constant_s=0.01, uncertain_below=0.3, margin=0.1))
    clock(voice(0.5, 0.5, 0, 0))
    assert clock(voice(0.46, 0.54, 0, 0)).label == "angry"
    assert clock(voice(0.4, 0.6, 0, 0)).label == "angry"
    state = clock(voice(0.4, 0.6, 0, 0))
    assert state.label == "neutral"
    assert state.confidence == pytest.approx(0.6, abs=1e-4)


def test_a_change_of_mind_takes_place_and_since_tells_when():
    clock = Clock()
    for _ in range(5):
        clock(ANGRY)
    began = {}
    for _ in range(6):
        state = clock(HAPPY)
        began.setdefault(state.label, state.since_ns)
        assert state.since_ns == began[state.label]
    assert state.label == "happy"
    assert began["happy"] > began["angry"]


def test_a_pause_for_breath_is_no_silence_but_a_longer_one_is():
    clock = Clock(TrackingConfig(silence_s=3.0))
    spoken = clock(ANGRY)
    for _ in range(2):  # 2.5 s
        state = clock(SILENCE)
        assert state.label == "angry"
        assert state.since_ns == spoken.since_ns
        assert state.confidence == pytest.approx(0.9)
    state = clock(SILENCE)  # 3.75 s
    assert (state.label, state.confidence) == ("no_speech", 0.0)
    assert not state.probabilities.any()
    assert state.since_ns == round(clock.now * SECOND)
    assert clock(HAPPY).label == "happy", "what was before the silence is forgotten"


def test_no_patience_with_silence():
    clock = Clock(TrackingConfig(silence_s=0.0))
    clock(ANGRY)
    assert clock(SILENCE).label == "no_speech"


def test_doubt_out_of_silence_is_uncertain_with_the_likeliest_as_confidence():
    state = Clock()(DOUBT)
    assert state.label == "uncertain"
    assert state.confidence == pytest.approx(0.3)


def test_time_that_goes_back_resets():
    clock = Clock()
    for _ in range(10):
        clock(ANGRY)
    state = clock(HAPPY, after=-3600.0)
    assert state.label == "happy"
    assert state.since_ns == round(clock.now * SECOND)
    np.testing.assert_allclose(state.probabilities, HAPPY.probabilities)
    assert clock(HAPPY).label == "happy"


def test_the_same_time_twice_is_not_back():
    clock = Clock()
    since = clock(ANGRY).since_ns
    assert clock(ANGRY, after=0.0).since_ns == since


def test_a_day_of_silence():
    clock = Clock()
    clock(ANGRY)
    for _ in range(int(24 * 3600 / HOP)):
        state = clock(SILENCE)
    assert state.label == "no_speech"
    assert state.since_ns == pytest.approx(5 * SECOND)
    assert clock(HAPPY).label == "happy"


def test_an_hour_without_any_estimate():
    clock = Clock()
    clock(ANGRY)
    state = clock(HAPPY, after=3600.0)
    np.testing.assert_allclose(state.probabilities, HAPPY.probabilities, atol=1e-6)


def test_a_state_is_not_changed_by_what_follows():
    clock = Clock()
    state = clock(ANGRY)
    before = state.probabilities.copy()
    state.probabilities[:] = 0
    np.testing.assert_allclose(clock(ANGRY).probabilities, before, atol=1e-6)
    np.testing.assert_array_equal(ANGRY.probabilities, np.array([0.9, 0.1, 0, 0], np.float32))


@pytest.mark.parametrize(
    "bad",
    [
        {"time_constant_s": 0.0},
        {"time_constant_s": math.nan},
        {"silence_s": -1.0},
        {"silence_s": math.nan},
        {"margin": -0.1},
        {"margin": 1.1},
        {"uncertain_below": 1.1},
        {"uncertain_below": math.nan},
    ],
    ids=str,
)
def test_a_configuration_without_meaning_is_refused(bad):
    with pytest.raises(BadValue):
        TrackingConfig(**bad)
