"""Telling men's voices from women's along: what it teaches, and what the bundle has of it."""

from __future__ import annotations

from dataclasses import replace
from math import log
from pathlib import Path

import pytest
from trainings import config_of, rewrite, tiny_training

from ser_ros.corpora import read_manifest
from ser_ros.errors.config import BadValue
from ser_ros.training import loop
from ser_ros.training.blend import gender_loss
from ser_ros.training.config import SHARES, TrainConfig
from ser_ros.training.data import GENDERS, UNTOLD
from ser_ros.training.recordings import Recording, recordings_of
from ser_ros.training.run import run
from ser_ros.training.start import begin, origin

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    return config_of(tiny_training(tmp_path), held_out_fold=None, gender=1.0)


def both_voices(folder: Path, config: TrainConfig) -> list[Recording]:
    clips = read_manifest(folder / "manifest.csv")
    return recordings_of(clips, config.label_set, config.features.rate)


def test_who_does_not_tell_has_no_say():
    logits, other = torch.tensor([2.0, -2.0, 50.0]), torch.tensor([1, 0, 2])
    told = torch.tensor([GENDERS["female"], GENDERS["male"], UNTOLD])
    right = log(1 + 2.718281828**-2)
    assert gender_loss(logits, told, other, 1.0).item() == pytest.approx(right)
    half = gender_loss(logits, told, other, 0.5).item()
    assert half == pytest.approx(0.5 * right + 0.5 * (right + 2)), "half of each is the other's"
    assert gender_loss(logits, torch.full((3,), UNTOLD), other, 0.5).item() == 0


@pytest.mark.slow
def test_it_is_learned(tmp_path, config, monkeypatch):
    plain = {share: 0.0 for share in SHARES if share != "partial_least"}
    augment = replace(config.augment, masks=0, mixup=0.0, **plain)
    config = replace(config, epochs=3, batch=8, windows_per_epoch=80, dropout=0.0, augment=augment)
    recordings = both_voices(tmp_path, config)
    assert {recording.clip.gender for recording in recordings} == {"male", "female"}
    losses: list[float] = []

    def spied(*told) -> torch.Tensor:
        loss = gender_loss(*told)
        losses.append(loss.item())
        return loss

    monkeypatch.setattr(loop, "gender_loss", spied)
    loop.train(config, recordings, tmp_path / "run")
    assert sum(losses[:4]) / 4 > 0.45, "chance is 0.69"
    assert sum(losses[-6:]) / 6 < 0.35


@pytest.mark.slow
@pytest.mark.parametrize("known_voices", [0.0, 1.0])
def test_the_bundle_tells_emotions_alone_and_teaches_on(tmp_path, config, known_voices):
    augment = replace(config.augment, mixup=0.0)
    config = replace(config, epochs=1, known_voices=known_voices, augment=augment)
    bundle = run(config, tmp_path / "run", tmp_path / "bundle")
    assert len(bundle.labels) == 4
    assert bundle.training["settings"]["gender"] == 1.0
    again = replace(config, weights=str(tmp_path / "bundle"))
    network = begin(again, origin(again)).network
    layer = network.classifier[-1]
    assert layer.out_features == 5
    learned = loop.train(config, both_voices(tmp_path, config), tmp_path / "run").network
    kept = learned.classifier[-1].weight[:4]
    assert torch.allclose(layer.weight[:4], kept, atol=1e-4)  # 16 bits
    assert not torch.allclose(layer.weight[4:], learned.classifier[-1].weight[4:])


@pytest.mark.parametrize("genders", ["none", "one"])
def test_where_nobody_tells_it_is_refused(tmp_path, config, genders):
    known = "" if genders == "none" else "male"
    for told in ("female", "male"):
        rewrite(tmp_path, lambda row, told=told: row.replace(f",{told},", f",{known},"))
    with pytest.raises(BadValue, match=r"gender is 1\.0, expected 0 where the manifest does not"):
        run(config, tmp_path / "run", tmp_path / "bundle")


def test_a_weight_beyond_its_range(tmp_path, config):
    with pytest.raises(BadValue, match=r"gender is 1\.5"):
        replace(config, gender=1.5)
