"""The figures, against scikit-learn and against a calculation by hand."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_ros.evaluation.metrics import expected_calibration_error, score

LABELS = ("angry", "neutral", "sad", "happy")


def case(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, n)
    probabilities = random.dirichlet(np.ones(4), n)
    probabilities[np.arange(n), truth] += random.uniform(0, 1, n)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return truth, probabilities.astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [4, 3])
def test_figures_equal_scikit_learns(seed, classes):
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is in the extra train")
    truth, probabilities = case(seed)
    keep = truth < classes  # with three, a class does not occur
    truth, probabilities = truth[keep], probabilities[keep]
    found, guess = score(LABELS, truth, probabilities, 0.5), probabilities.argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks upon the class that does not occur
        assert found.uar == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(truth, guess))
    np.testing.assert_array_equal(
        found.confusion, metrics.confusion_matrix(truth, guess, labels=range(4))
    )
    recall = metrics.recall_score(truth, guess, labels=range(classes), average=None)
    assert [found.per_class_recall[label] for label in LABELS[:classes]] == pytest.approx(recall)
    precision = metrics.precision_score(truth, guess, labels=range(4), average=None)
    assert list(found.per_class_precision.values()) == pytest.approx(precision)
    assert found.n == len(truth)


def test_by_hand():
    truth = np.array([0, 0, 1, 3])
    probabilities = np.array(
        [[0.9, 0.1, 0, 0], [0.2, 0.45, 0.35, 0], [0.1, 0.8, 0.1, 0], [0, 0, 0, 0]], np.float32
    )
    found = score(LABELS, truth, probabilities, 0.5)
    assert found.confusion == [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.per_class_recall == {"angry": 0.5, "neutral": 1.0, "sad": None, "happy": 0.0}
    assert found.per_class_precision == {"angry": 1, "neutral": 0.5, "sad": None, "happy": None}
    assert found.uar == pytest.approx(0.5), "no speech is a miss; a class without clips has no say"
    assert found.accuracy == 0.5
    assert (found.no_speech, found.uncertain, found.n) == (1, 1, 4)
    assert found.accuracy_when_certain == 1.0
    # Bins of 1/15: 0.9, 0.45 and 0.8 lie in bins of their own.
    assert found.ece == pytest.approx((0.1 + 0.45 + 0.2) / 3, abs=1e-6)
    assert json.loads(json.dumps(found.to_dict()))["labels"] == list(LABELS)


def test_nobody_was_heard():
    found = score(LABELS, np.array([0, 1]), np.zeros((2, 4), np.float32), 0.5)
    assert (found.uar, found.accuracy, found.no_speech, found.uncertain) == (0, 0, 2, 0)
    assert found.ece is None
    assert found.accuracy_when_certain is None


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.97, 0.55, 0.52, 1.0])
    correct = np.array([True, False, True, True, True])
    # Ten bins: [0.9, 1] holds three, of which two are right; [0.5, 0.6) holds two, both right.
    upper, lower = abs((0.95 + 0.97 + 1.0) / 3 - 2 / 3), abs(0.535 - 1)
    assert expected_calibration_error(confidence, correct, 10) == pytest.approx(
        0.6 * upper + 0.4 * lower
    )
    assert expected_calibration_error(np.ones(3), np.ones(3, bool)) == 0


@given(st.integers(0, 2**16), st.integers(1, 60), st.integers(0, 60))
def test_figures_hold_together(seed, n, unheard):
    truth, probabilities = case(seed, n)
    probabilities[:unheard] = 0
    found = score(LABELS, truth, probabilities, 0.5)
    assert sum(map(sum, found.confusion)) + found.no_speech == n
    assert 0 <= found.uar <= 1
    assert found.accuracy == pytest.approx(np.trace(found.confusion) / n)
    assert found.ece is None or 0 <= found.ece <= 1
    assert found.uncertain + found.no_speech <= n
