"""The clock of a stream: stamps of samples from what a sound card says of its time."""

import math

import numpy as np
import pytest
from clocks import Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_ros.clock import SECOND, StreamClock

RATE = 16000


class Card:
    """A sound card: crystal, period, delay, and what its clock says."""

    def __init__(self, frames=400, crystal=0.0, jitter=0.0, delay=0.0, seed=0):
        self.clock = StreamClock(RATE)
        self.time = Clock()
        self.frames = frames
        self.crystal = crystal
        self.jitter = jitter
        self.delay = delay
        self.random = np.random.default_rng(seed)
        self.heard_s = self.time.s
        """When the next sample is heard, in truth."""

    def block(self, adc=True, late=0.0, anew=False):
        """Return (stamp, its error against the truth in s, missing)."""
        began_s = self.heard_s
        self.heard_s += self.frames / RATE * (1 + self.crystal)
        jitter = self.jitter * self.random.random()
        self.time.s = max(self.time.s, self.heard_s + self.delay + jitter + late)
        ages = [self.time.s - began_s + self.jitter * (self.random.random() - 0.5)] if adc else []
        if callable(adc):
            ages = [adc(ages[0])]
        stamp_ns, missing_ns = self.clock.stamp(
            self.frames,
            [*ages, self.frames / RATE],
            self.time.now_ns(),
            self.time.steady(),
            anew=anew,
        )
        true_ns = self.time.offset_ns + round(began_s * SECOND)
        return stamp_ns, (stamp_ns - true_ns) / SECOND, missing_ns


@settings(max_examples=40)
@given(
    frames=st.integers(100, 2000),
    crystal=st.floats(-2e-4, 2e-4),
    jitter=st.floats(0, 0.02),
    seed=st.integers(0, 999),
)
def test_stamps_neither_jitter_nor_drift(frames, crystal, jitter, seed):
    card = Card(frames, crystal, jitter, seed=seed)
    stamps, errors, missing = zip(*(card.block() for _ in range(60 * RATE // frames)), strict=True)
    steps = np.diff(np.array(stamps) - stamps[0]) / SECOND - frames / RATE
    assert np.abs(steps).max() < 1e-3
    # In the last half the loop has settled: what is left is far less than the jitter.
    assert np.abs(errors[len(errors) // 2 :]).max() < 0.002 + jitter / 2
    assert not any(missing)


def test_a_day_of_a_crystal_that_is_off_stays_in_time():
    card = Card(frames=1600, crystal=1e-4, jitter=0.01)
    errors = [card.block()[1] for _ in range(24 * 3600 * 10)]
    assert np.abs(errors[1000:]).max() < 0.01


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -1.7e9, 1.7e9, 0.73])
def test_a_card_without_a_sensible_clock_counts_from_the_arrival(nonsense):
    card = Card(delay=0.02, jitter=0.02)
    blocks = [card.block(adc=lambda age: nonsense) for _ in range(2000)]
    stamps = np.array([stamp for stamp, _, _ in blocks])
    assert np.abs(np.diff(stamps - stamps[0]) / SECOND - 400 / RATE).max() < 1e-3
    assert max(abs(error - 0.03) for _, error, _ in blocks) < 0.012
    assert not any(missing for _, _, missing in blocks)


def test_a_card_whose_clock_comes_to_its_senses_is_no_gap():
    """PulseAudio says 0.7 s of delay at first, less and less, and then the truth."""
    card = Card()
    blocks = [
        card.block(adc=lambda age, k=k: age + max(0.0, 0.73 - max(0, k - 40) * 0.02))
        for k in range(400)
    ]
    assert not any(missing for _, _, missing in blocks)
    assert max(abs(error) for _, error, _ in blocks) < 0.03


def test_blocks_that_are_caught_up_with_keep_their_time():
    card = Card()
    for _ in range(100):
        card.block()
    # A second long nobody was there to take a block; the time only stands while they are taken.
    late = [card.block(late=1.0 if k == 0 else 0.0) for k in range(60)]
    assert max(abs(error) for _, error, _ in late) < 0.002
    assert not any(missing for _, _, missing in late)


def test_samples_that_nobody_reported_lost_are_noticed():
    card = Card()
    for _ in range(100):
        card.block()
    card.heard_s += 0.3
    blocks = [card.block() for _ in range(60)]
    missing = [m for _, _, m in blocks if m]
    assert missing == [pytest.approx(0.3 * SECOND, abs=0.01 * SECOND)]
    # Within the hold, and right from then on.
    first = next(k for k, b in enumerate(blocks) if b[2])
    assert first * 400 / RATE < 0.6
    assert abs(blocks[-1][1]) < 0.002


def test_an_overflow_counts_at_once_and_time_never_goes_back():
    card = Card(jitter=0.01)
    for _ in range(100):
        before_ns, _, _ = card.block()
    card.heard_s += 0.05
    stamp_ns, error, missing_ns = card.block(anew=True)
    assert missing_ns == pytest.approx(0.05 * SECOND, abs=0.012 * SECOND)
    assert abs(error) < 0.012
    for _ in range(50):
        stamp_ns, _, missing_ns = card.block(anew=True)
        assert missing_ns >= 0
        assert stamp_ns > before_ns
        before_ns = stamp_ns


def test_known_losses_move_time_on():
    card = Card()
    first, _, _ = card.block()
    card.clock.skip(8000)
    card.heard_s += 0.5
    second, error, missing = card.block()
    assert (second - first) / SECOND == pytest.approx(0.525, abs=1e-3)
    assert abs(error) < 1e-3
    assert missing == 0


@pytest.mark.parametrize("step_s", [-1e9, -3600, -0.5, 0.5, 3600, 1e9])
def test_ros_time_that_is_set_moves_the_stamps_and_loses_nothing(step_s):
    card = Card()
    for _ in range(100):
        card.block()
    card.time.offset_ns += round(step_s * SECOND)
    for _ in range(100):
        _, error, missing = card.block()
        assert abs(error) < 1e-3
        assert missing == 0


def test_simulated_time_that_is_slow_is_followed_and_loses_nothing():
    card = Card()
    for _ in range(2000):
        card.time.offset_ns -= round(0.1 * 400 / RATE * SECOND)
        _, error, missing = card.block()
        assert missing == 0
        assert abs(error) < 0.15
