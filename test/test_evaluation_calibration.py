"""Intervals, temperatures and thresholds, against calculations by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ser_ros.bundle import Calibration
from ser_ros.classifier import softmax
from ser_ros.evaluation import bootstrap
from ser_ros.evaluation.calibration import (
    calibrated,
    choose_threshold,
    cross_fitted,
    even_weights,
    fit_temperature,
    kept,
    mean_probabilities,
    reliability,
    risk_coverage,
)
from ser_ros.evaluation.metrics import expected_calibration_error, score

pytest.importorskip("scipy", reason="scipy is in the extra train")

LABELS = ("angry", "neutral", "sad", "happy")
RANDOM = np.random.default_rng(5)


def accuracy_of(correct: np.ndarray) -> bootstrap.Figure:
    return bootstrap.mean(np.asarray(correct, bool))


# ── the bootstrap ─────────────────────────────────────────────────────────────────────────────


def test_interval_of_independent_clips_is_that_of_the_binomial():
    correct = np.arange(400) % 4 != 0  # 300 of 400
    found = bootstrap.interval(accuracy_of(correct), [""] * 400, draws=4000)
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found.value == 0.75
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)


def test_clips_of_one_voice_are_not_independent():
    """Ten speakers who are each understood always or never: forty clips are worth ten."""
    correct = np.repeat([True] * 7 + [False] * 3, 40)
    speakers = [f"s{i // 40}" for i in range(400)]
    found = bootstrap.interval(accuracy_of(correct), speakers)
    assert found.value == pytest.approx(0.7)
    assert (found.low, found.high) == pytest.approx((0.4, 1.0), abs=0.11)
    alone = bootstrap.interval(accuracy_of(correct), [""] * 400)
    assert found.high - found.low > 4 * (alone.high - alone.low)


def test_speakers_are_drawn_within_each_corpus():
    """One corpus is always right, the other never: while both keep their size, nothing swings."""
    correct = np.repeat([True, False], 50)
    speakers, corpora = [f"s{i // 5}" for i in range(100)], ["a"] * 50 + ["b"] * 50
    found = bootstrap.interval(accuracy_of(correct), speakers, corpora)
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    mixed = bootstrap.interval(accuracy_of(correct), speakers)
    assert mixed.high - mixed.low > 0.2


def test_one_speaker_tells_nothing_of_others():
    found = bootstrap.interval(accuracy_of(np.array([True, False])), ["s", "s"])
    assert found.value == 0.5
    assert np.isnan([found.low, found.high]).all()
    # Nor do the others of another corpus tell how the voices of this one differ.
    correct, corpora = np.array([True, False, True]), ["x", "x", "y"]
    found = bootstrap.interval(accuracy_of(correct), ["a", "b", "c"], corpora)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(("speakers", "holds"), [(2, 0.5), (3, 0.7), (6, 0.86)])
def test_what_an_interval_over_few_speakers_is_worth(speakers, holds):
    """The page says it: so often it holds the truth, here 0, of voices that differ normally."""
    random, held = np.random.default_rng(0), []
    for trial in range(1000):
        values = random.standard_normal(speakers)
        names = [str(k) for k in range(speakers)]
        found = bootstrap.interval(bootstrap.mean(values), names, seed=trial, draws=200)
        held.append(found.low <= 0 <= found.high)
    assert np.mean(held) == pytest.approx(holds, abs=0.03)


def test_figures_over_weights_are_the_scores_of_repeated_clips():
    truth = RANDOM.integers(0, 4, 60)
    probabilities = RANDOM.dirichlet(np.ones(4), 60).astype(np.float32)
    probabilities[:5] = 0
    guess = np.where(probabilities.sum(axis=1) > 0, probabilities.argmax(axis=1), -1)
    confidence = probabilities.max(axis=1)
    times = RANDOM.integers(0, 3, 60)
    again = np.repeat(np.arange(60), times)
    expected = score(LABELS, truth[again], probabilities[again], 0.5)
    weights = times[None].astype(float)
    assert bootstrap.uar(truth, guess)(weights)[0] == pytest.approx(expected.uar)
    assert bootstrap.mean(guess == truth)(weights)[0] == pytest.approx(expected.accuracy)
    assert bootstrap.ece(truth, guess, confidence)(weights)[0] == pytest.approx(expected.ece)


def test_a_draw_that_lacks_a_class_has_no_say():
    figure = bootstrap.uar(np.array([0, 0, 1]), np.array([0, 1, 0]))
    np.testing.assert_allclose(
        figure(np.array([[1.0, 1, 1], [1, 1, 0], [0, 0, 1]])), [0.25, np.nan, np.nan]
    )
    # The other speaker's class is always missed; without him the figure would be 1.
    truth, guess = np.array([0, 0, 1]), np.array([0, 0, 0])
    found = bootstrap.interval(bootstrap.uar(truth, guess), ["a", "b", "b"])
    assert (found.value, found.high) == (0.5, 0.5)


def test_corpora_weigh_the_same():
    correct, corpora = np.array([True, True, True, False]), ["a", "a", "a", "b"]
    figure = bootstrap.within(lambda inside: bootstrap.mean(correct[inside]), corpora)
    assert figure(np.ones((1, 4)))[0] == 0.5
    less = bootstrap.difference(bootstrap.mean(correct), figure)
    assert less(np.ones((1, 4)))[0] == 0.25


# ── temperature ───────────────────────────────────────────────────────────────────────────────


def clips(n: int, true_temperature: float, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw truths from what the logits say once they are divided by a temperature."""
    random = np.random.default_rng(seed)
    logits = (random.standard_normal((n, 1, 4)) * 3).astype(np.float32)
    truth = [
        random.choice(
            4,
            p=softmax(w[0], true_temperature).astype(float)
            / softmax(w[0], true_temperature).astype(float).sum(),
        )
        for w in logits
    ]
    return list(logits), np.array(truth)


@pytest.mark.parametrize("temperature", [0.6, 2.0])
def test_the_temperature_is_found_again(temperature):
    logits, truth = clips(3000, temperature)
    found = fit_temperature(logits, truth, np.ones(3000))
    assert found == pytest.approx(temperature, rel=0.1)
    said = mean_probabilities(logits, found)
    error = expected_calibration_error(said.max(axis=1), said.argmax(axis=1) == truth)
    assert error < 0.025


def test_the_mean_is_over_the_windows_of_a_clip():
    logits = [RANDOM.standard_normal((n, 4)).astype(np.float32) for n in (2, 0, 1, 3, 0)]
    found = mean_probabilities(logits, 1.7)
    for said, clip in zip(found, logits, strict=True):
        expected = np.mean([softmax(w, 1.7) for w in clip], axis=0) if len(clip) else np.zeros(4)
        np.testing.assert_allclose(said, expected, atol=1e-6)
    assert not mean_probabilities([logits[1]], 1.0).any()


def test_no_voice_is_judged_with_a_temperature_that_it_helped_to_choose():
    """Two speakers for whom opposite temperatures would be right: each gets the other's."""
    sure, sure_truth = clips(800, 0.5, seed=1)
    shy, shy_truth = clips(800, 3.0, seed=2)
    logits, truth = sure + shy, np.concatenate((sure_truth, shy_truth))
    speakers = ["a"] * 800 + ["b"] * 800
    found = cross_fitted(logits, truth, speakers, ["c"] * 1600)
    assert found[0] == pytest.approx(fit_temperature(shy, shy_truth, np.ones(800)))
    assert found[-1] == pytest.approx(fit_temperature(sure, sure_truth, np.ones(800)))
    assert (found[0], found[-1]) == pytest.approx((3.0, 0.5), rel=0.2)
    assert len(set(found)) == 2
    said = calibrated(logits, found)
    np.testing.assert_allclose(said[0], softmax(logits[0][0], found[0]), atol=1e-6)
    np.testing.assert_allclose(said[-1], softmax(logits[-1][0], found[-1]), atol=1e-6)
    assert (cross_fitted(sure, sure_truth, ["a"] * 800, ["c"] * 800) == 1).all(), "nobody else"


def test_a_small_corpus_speaks_as_loudly_as_a_large_one():
    assert even_weights(["a", "a", "b"]).tolist() == [0.5, 0.5, 1.0]


# ── confidence ────────────────────────────────────────────────────────────────────────────────

CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.5])
CORRECT = np.array([True, True, False, True, False, True])


def test_reliability_by_hand():
    bins = reliability(CONFIDENCE, CORRECT, bins=2)
    assert [(b.low, b.high, b.n) for b in bins] == [(0.5, 1.0, 6)]
    assert (bins[0].confidence, bins[0].accuracy) == pytest.approx((4 / 6, 4 / 6))
    fine = reliability(CONFIDENCE, CORRECT, bins=15)
    weights = np.array([b.n for b in fine]) / 6
    distance = [abs(b.confidence - b.accuracy) for b in fine]
    assert weights @ distance == pytest.approx(expected_calibration_error(CONFIDENCE, CORRECT))


def test_risk_and_coverage_by_hand():
    found = risk_coverage(CONFIDENCE, CORRECT)
    assert found.coverage == pytest.approx([1 / 6, 2 / 6, 3 / 6, 4 / 6, 1])
    assert found.risk == pytest.approx([0, 0, 1 / 3, 1 / 4, 2 / 6])
    assert found.area == pytest.approx((0 + 0 + 1 / 3 + 1 / 4 + 2 * 2 / 6) / 6)
    assert found.risk_at(0.5) == pytest.approx(1 / 3)
    assert found.risk_at(0.51) == pytest.approx(1 / 4)
    assert found.risk_at(1) == pytest.approx(1 / 3)


def test_the_threshold_answers_the_share_that_is_asked_for():
    assert choose_threshold(CONFIDENCE, coverage=0.5) == 0.7
    assert choose_threshold(CONFIDENCE, coverage=0.51) == 0.6
    assert choose_threshold(CONFIDENCE, coverage=1.0) == 0.5
    unheard = np.append(CONFIDENCE, np.zeros(6))
    found = choose_threshold(unheard, coverage=0.7)
    assert found == 0.5, "all who were heard, and no threshold that is none"
    assert choose_threshold(np.zeros(3)) == Calibration().uncertain_below
    assert kept(1.23456, 0.99999) == Calibration(1.2346, 0.9999)
    many = RANDOM.uniform(0.25, 1, 1000)
    chosen = choose_threshold(many)
    assert np.mean(many >= chosen) == pytest.approx(0.7, abs=0.001)
    # A corpus that weighs more moves it.
    weight = np.array([1.0, 1, 1, 1, 8, 8])
    assert choose_threshold(CONFIDENCE, coverage=0.5, weight=weight) == 0.5
