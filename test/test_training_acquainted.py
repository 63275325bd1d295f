"""What a training takes off the logits of a voice that it knows is what the nodes take off."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import tiny
from trainings import config_of, recordings_of, tiny_training

from ser_ros.baseline import PRIOR_WINDOWS, VoiceBaseline
from ser_ros.training import loop
from ser_ros.training.acquainted import MEMORY_WINDOWS, Acquaintance
from ser_ros.training.data import NOBODY

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

NEUTRAL = 1


def met(voices: int = 2, outputs: int = 4) -> Acquaintance:
    return Acquaintance(voices, outputs, NEUTRAL, torch.device("cpu"))


def learn(acquaintance: Acquaintance, voice: int, *windows: list[float]) -> None:
    for window in windows:
        acquaintance.learn(torch.tensor([window]), torch.tensor([NEUTRAL]), torch.tensor([voice]))


def test_it_takes_off_what_a_voice_baseline_takes_off():
    bundle = replace(tiny.bundle(), neutral_logits=(0.0, 1.0, 0.5, -0.5))
    own = [[2.0, 0.0, 1.0, -1.0], [1.0, 1.0, 0.0, -2.0]]
    baseline = VoiceBaseline(bundle)
    baseline.enroll(np.asarray(own, np.float32))
    acquaintance = met()
    learn(acquaintance, 0, *own)
    # The other voice lies as far on the other side, so that the population is the bundle's.
    other = 2 * np.asarray(bundle.neutral_logits) - np.mean(own, axis=0)
    learn(acquaintance, 1, other.tolist())
    trust = torch.tensor([2 / (2 + PRIOR_WINDOWS)])
    found = acquaintance.shift(torch.tensor([0]), trust)[0]
    np.testing.assert_allclose(found, baseline.shift, atol=1e-6)


def test_who_is_not_known_is_taken_as_everybody():
    acquaintance, one = met(), torch.ones(3)
    voices = torch.tensor([0, 1, NOBODY])
    assert not acquaintance.shift(voices, one).any()
    learn(acquaintance, 0, [1.0, 0.0, 0.0, 0.0])
    assert not acquaintance.shift(voices, one).any()  # it is the whole population
    learn(acquaintance, NOBODY, [9.0, 0.0, 0.0, 0.0])
    learn(acquaintance, 1, [3.0, 0.0, 0.0, 0.0])
    assert acquaintance.shift(voices, one)[:, 0].tolist() == [-1.0, 1.0, 0.0]
    assert acquaintance.shift(voices, 0.5 * one)[:, 0].tolist() == [-0.5, 0.5, 0.0]


def test_neutral_windows_alone_teach_and_old_ones_fade():
    acquaintance = met(voices=1)
    acquaintance.learn(torch.full((3, 4), 7.0), torch.tensor([0, 2, 3]), torch.zeros(3, dtype=int))
    assert acquaintance.windows.tolist() == [0.0]
    learn(acquaintance, 0, *[[4.0] * 4] * 3, *[[1.0] * 4] * 3)
    assert acquaintance.means[0].tolist() == pytest.approx([2.5] * 4)
    learn(acquaintance, 0, *[[-1.0] * 4] * 100)
    assert acquaintance.windows.tolist() == [MEMORY_WINDOWS]
    assert acquaintance.means[0].tolist() == pytest.approx([-1.0] * 4, abs=1e-3)
    assert not acquaintance.means.requires_grad


def test_a_training_gets_to_know_its_voices(tmp_path):
    config = config_of(tiny_training(tmp_path), epochs=1)
    config = replace(config, known_voices=1.0, augment=replace(config.augment, mixup=0.0))
    curves = []
    for settings in (config, replace(config, known_voices=0.0)):
        losses: list[float] = []
        where = tmp_path / str(settings.known_voices)
        loop.train(
            settings,
            recordings_of(tmp_path, settings),
            where,
            lambda p, to=losses: to.append(p.loss),
        )
        kept = torch.load(where / "checkpoint.pt", weights_only=True)["acquaintance"]
        assert bool(kept["windows"].sum()) == bool(settings.known_voices)
        assert all(map(math.isfinite, losses))
        curves.append(losses)
    # One voice is the whole population: nothing is taken off, and nothing else is drawn before.
    assert curves[0][0] == curves[1][0]
