"""What a training takes off the logits of a voice that it knows is what the nodes take off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from trainings import config_of, tiny_training

from ser_ros.baseline import LARGEST_SHIFT, PRIOR_WINDOWS, VoiceBaseline
from ser_ros.corpora import read_manifest
from ser_ros.errors.training import NobodyToKnow
from ser_ros.training import loop
from ser_ros.training.checkpoint import CHECKPOINT
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import NOBODY
from ser_ros.training.known_voices import REMEMBERED, KnownVoices
from ser_ros.training.recordings import Recording, recordings_of
from ser_ros.training.run import run

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

NEUTRAL = 1


def met(voices: int = 2, outputs: int = 4) -> KnownVoices:
    return KnownVoices(voices, outputs, NEUTRAL, torch.device("cpu"))


def learn(known: KnownVoices, voice: int, *windows: list[float]) -> None:
    for window in windows:
        known.learn(torch.tensor([window]), torch.tensor([NEUTRAL]), torch.tensor([voice]))


def test_it_takes_off_what_a_voice_baseline_takes_off():
    bundle = replace(tiny.bundle(), neutral_logits=(0.0, 1.0, 0.5, -0.5))
    own = [[2.0, 0.0, 1.0, -1.0], [1.0, 1.0, 0.0, -2.0]]
    baseline = VoiceBaseline(bundle)
    baseline.enroll(np.asarray(own, np.float32))
    known = met()
    learn(known, 0, *own)
    # The other voice lies as far on the other side, so that the population is the bundle's.
    other = 2 * np.asarray(bundle.neutral_logits) - np.mean(own, axis=0)
    learn(known, 1, other.tolist())
    trust = torch.tensor([2 / (2 + PRIOR_WINDOWS)])
    found = known.shift(torch.tensor([0]), trust)[0]
    np.testing.assert_allclose(found, baseline.shift, atol=1e-6)


def test_who_is_not_known_is_taken_as_everybody():
    known, one = met(), torch.ones(3)
    voices = torch.tensor([0, 1, NOBODY])
    assert not known.shift(voices, one).any()
    learn(known, 0, [1.0, 0.0, 0.0, 0.0])
    assert not known.shift(voices, one).any()  # it is the whole population
    learn(known, NOBODY, [9.0, 0.0, 0.0, 0.0])
    learn(known, 1, [3.0, 0.0, 0.0, 0.0])
    assert known.shift(voices, one)[:, 0].tolist() == [-1.0, 1.0, 0.0]
    assert known.shift(voices, 0.5 * one)[:, 0].tolist() == [-0.5, 0.5, 0.0]


def test_neutral_windows_alone_teach_and_old_ones_fade():
    known = met(voices=1)
    known.learn(torch.full((3, 4), 7.0), torch.tensor([0, 2, 3]), torch.zeros(3, dtype=int))
    assert known.windows.tolist() == [0.0]
    learn(known, 0, *[[4.0] * 4] * 3, *[[1.0] * 4] * 3)
    assert known.means[0].tolist() == pytest.approx([2.5] * 4)
    learn(known, 0, *[[-1.0] * 4] * 100)
    assert known.windows.tolist() == [REMEMBERED]
    assert known.means[0].tolist() == pytest.approx([-1.0] * 4, abs=1e-3)
    assert not known.means.requires_grad


def test_no_more_is_taken_off_than_the_nodes_would():
    known = met()
    learn(known, 0, [9.0, 0.0, 0.0, -9.0])
    learn(known, 1, [-9.0, 0.0, 0.0, 9.0])
    found = known.shift(torch.tensor([0]), torch.ones(1))[0].tolist()
    assert found == [LARGEST_SHIFT, 0.0, 0.0, -LARGEST_SHIFT]


# ── in a training ─────────────────────────────────────────────────────────────────────────────


def both_voices(folder: Path, config: TrainConfig) -> list[Recording]:
    clips = read_manifest(folder / "manifest.csv")
    return recordings_of(clips, config.label_set, config.features.rate)


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    config = config_of(tiny_training(tmp_path), windows_per_epoch=40)
    return replace(config, known_voices=1.0, augment=replace(config.augment, mixup=0.0))


def losses(config: TrainConfig, folder: Path, run: str) -> list[float]:
    found: list[float] = []
    recordings = both_voices(folder, config)
    loop.train(config, recordings, folder / run, lambda step: found.append(step.loss))
    return found


def test_a_training_gets_to_know_its_voices(tmp_path, config, monkeypatch):
    config = replace(config, epochs=1)
    heard = losses(config, tmp_path, "known")
    kept = torch.load(tmp_path / "known" / CHECKPOINT, weights_only=True)["known"]
    assert kept["windows"].shape == (2,) and kept["windows"].all()
    assert kept["means"].shape == (2, 4) and kept["means"].any(dim=1).all()
    monkeypatch.setattr(KnownVoices, "shift", lambda self, voices, trust: torch.zeros(1))
    unheard = losses(config, tmp_path, "unknown")
    assert heard[0] == unheard[0], "nobody is known in the first batch"
    assert heard[-1] != unheard[-1]


def test_what_is_known_of_the_voices_is_resumed(tmp_path, config):
    whole = losses(config, tmp_path, "whole")

    def interrupted(step: loop.Progress) -> None:
        if step.epoch == 1:
            raise KeyboardInterrupt

    recordings = both_voices(tmp_path, config)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config, recordings, tmp_path / "parts", interrupted)
    assert losses(config, tmp_path, "parts") == whole[len(whole) // 2 :]


def test_one_voice_is_compared_with_nobody(tmp_path, config):
    with pytest.raises(NobodyToKnow, match=r"names 1 speaker\(s\)"):
        run(config, tmp_path / "run", tmp_path / "bundle")
    assert not (tmp_path / "run").exists()
