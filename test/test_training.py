# ruff: noqa: E402 - whether there is anything to import comes first
"""The training: a real one, tiny, on the carried recordings; and what it refuses, in a sentence."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from programs import python

# Not imported to find out: torchvision alone cannot be, beside a torch without CUDA.
for _module in ("torch", "torchvision", "audiomentations", "scipy", "onnx"):
    if find_spec(_module) is None:
        pytest.skip(f"{_module} is in the extra train", allow_module_level=True)

import soundfile
import torch

from ser_ros import audio
from ser_ros.__main__ import main
from ser_ros.bundle import Bundle
from ser_ros.carried import config_folder, recordings_folder
from ser_ros.classifier import Classifier, softmax
from ser_ros.corpora import read_manifest
from ser_ros.errors import BadValue, ConfigError, EmptyClass, NonFiniteLoss, SerError, TrainingError
from ser_ros.features import FeatureConfig
from ser_ros.labels import FOUR
from ser_ros.training import loop
from ser_ros.training.augment import mask, place, waveform_augmentation
from ser_ros.training.calibrate import fit_temperature, mean_probabilities
from ser_ros.training.config import AugmentConfig, TrainConfig, read_train_config
from ser_ros.training.data import balanced_sampler, load_recordings
from ser_ros.training.run import run

pytestmark = pytest.mark.train

CONFIG = """
name: tiny
manifest: manifest.csv
epochs: 2
batch: 4
windows_per_epoch: 8
workers: 0
threads: 1
held_out_fold: 0
features: {bands: 32, hop: 1024, deltas: 0}
augment: {noise: 0.0}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """The carried recordings with a manifest in which one speaker is held out."""
    for path in recordings_folder().glob("*.flac"):
        shutil.copy(path, tmp_path)
    rows = (recordings_folder() / "manifest.csv").read_text().splitlines()
    folds = [rows[0] + ",fold"] + [row + ("," + str(int(",08," in row))) for row in rows[1:]]
    (tmp_path / "manifest.csv").write_text("\n".join(folds) + "\n")
    (tmp_path / "tiny.yaml").write_text(CONFIG)
    return tmp_path


def config_of(folder: Path, **changes: object) -> TrainConfig:
    return replace(read_train_config(folder / "tiny.yaml"), **changes)


def recordings_of(folder: Path, config: TrainConfig):
    clips = [clip for clip in read_manifest(folder / "manifest.csv") if clip.fold == 1]
    return load_recordings(clips, config.label_set, config.features.rate)


# ── a whole training ──────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_command_makes_a_bundle_that_loads_and_predicts(
    folder, ser_ros, voices, capsys, caplog
):
    (folder / "noises").mkdir()
    noise = np.random.default_rng(1).uniform(-0.1, 0.1, 48_000).astype(np.float32)
    soundfile.write(folder / "noises" / "hiss.wav", noise, 16_000)
    words = ["train", folder / "tiny.yaml", "--run", folder / "run", "--out", folder / "bundle"]
    words += ["--set", f"noise_folder={folder / 'noises'}", "--set", "augment={noise: 1.0}"]
    done = ser_ros(*words)
    assert done.returncode == 0, done.stderr
    assert "epoch 2 of 2" in done.stderr
    assert "uar" in done.stdout

    bundle = Bundle.load(folder / "bundle")
    assert bundle.name == "tiny"
    assert bundle.labels == FOUR
    assert bundle.features == FeatureConfig(bands=32, hop=1024, deltas=0)
    figures = bundle.about["metrics"]["held_out"]
    assert figures["all"]["n"] == figures["emodb"]["n"] == 4
    assert bundle.about["training"]["corpora"]["emodb"] == {
        "clips": 4,
        "speakers": 1,
        "licence": "CC0 1.0",
    }
    assert bundle.about["training"]["held_out_speakers"] == ["emodb/03"]
    assert bundle.about["licence"] == "CC0 1.0"
    json.dumps(bundle.manifest())

    whole, _ = Classifier(bundle, "onnxruntime").clip(voices[0])
    assert whole.probabilities.sum() == pytest.approx(1, abs=1e-5)
    torch_says, _ = Classifier(bundle, "torch").clip(voices[0])
    np.testing.assert_allclose(whole.probabilities, torch_says.probabilities, atol=1e-3)

    words = [str(word) for word in words]
    assert main(words) == 1
    assert capsys.readouterr().err.startswith("train: --out is ")
    caplog.set_level("INFO")
    assert main([*words, "--force"]) == 0  # after the last epoch nothing is trained anew
    assert "Going on after epoch 2" in caplog.text
    assert Bundle.load(folder / "bundle").sha256 == bundle.sha256


# ── going on ──────────────────────────────────────────────────────────────────────────────────


class Interrupted(Exception):
    pass


@pytest.mark.slow
def test_a_resumed_training_is_the_same_as_one_in_one_go(folder):
    config = config_of(folder, epochs=3)
    recordings = recordings_of(folder, config)

    def curve(into: list[float], stop: tuple[int, int] | None = None):
        def report(step: loop.Progress) -> None:
            if stop == (step.epoch, step.batch):
                raise Interrupted
            into.append((step.epoch, step.batch, step.loss))

        return report

    whole: list = []
    expected = loop.train(config, recordings, folder / "whole", curve(whole)).state_dict()
    torch.rand(7)  # what else drew random numbers must not matter
    np.random.rand(7)

    parts: list = []
    with pytest.raises(Interrupted):
        loop.train(config, recordings, folder / "parts", curve(parts, stop=(1, 2)))
    parts = [step for step in parts if step[0] == 0]  # epoch 1 was not finished
    found = loop.train(config, recordings, folder / "parts", curve(parts)).state_dict()
    assert parts == whole
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name


@pytest.mark.slow
def test_two_seeds_differ_and_a_checkpoint_of_another_configuration_is_left_alone(folder, caplog):
    config = config_of(folder, epochs=1)
    recordings = recordings_of(folder, config)
    one = loop.train(config, recordings, folder / "run").state_dict()
    other = loop.train(replace(config, seed=2), recordings, folder / "run").state_dict()
    assert "of another configuration" in caplog.text
    assert not torch.equal(one["features.conv0.weight"], other["features.conv0.weight"])


def test_a_damaged_checkpoint_is_told(folder):
    config = config_of(folder)
    (folder / "run").mkdir()
    for content in (b"", b"no checkpoint", bytes(1000)):
        (folder / "run" / loop.CHECKPOINT).write_bytes(content)
        with pytest.raises(TrainingError, match=loop.CHECKPOINT) as caught:
            loop.train(config, recordings_of(folder, config), folder / "run")
        assert "\n" not in str(caught.value)


# ── what goes wrong ───────────────────────────────────────────────────────────────────────────


def test_a_loss_that_is_no_number_stops_the_training(folder, monkeypatch):
    config = config_of(folder)
    monkeypatch.setattr(loop, "_loss", lambda *_: torch.tensor(float("nan")))
    with pytest.raises(NonFiniteLoss, match=r"loss of epoch 1 .*learning rate"):
        loop.train(config, recordings_of(folder, config), folder / "run")
    assert not (folder / "run" / loop.CHECKPOINT).exists()


def test_weights_that_are_no_numbers_are_never_kept(folder, monkeypatch):
    config = config_of(folder, windows_per_epoch=4)  # one batch: no other would notice
    real = loop._loss

    def steep(network, *rest):
        loss = real(network, *rest)
        # A finite loss whose slope is not: the square root at 0.
        return loss + torch.sqrt(sum(p.sum() for p in network.parameters()) * 0)

    monkeypatch.setattr(loop, "_loss", steep)
    with pytest.raises(NonFiniteLoss):
        loop.train(config, recordings_of(folder, config), folder / "run")
    assert not (folder / "run" / loop.CHECKPOINT).exists()


def rewrite(folder: Path, change) -> None:
    path = folder / "manifest.csv"
    rows = path.read_text().splitlines()
    path.write_text("\n".join([rows[0], *filter(None, map(change, rows[1:]))]) + "\n")


def no_sad_in_training(row: str) -> str:
    return "" if ",sad," in row and ",08," in row else row


def only_fear_held_out(row: str) -> str:
    if ",03," not in row:
        return row
    cells = row.split(",")
    return ",".join([cells[0], "fear", *cells[2:]])


def speaker_in_two_folds(row: str) -> str:
    return row[:-1] + "0" if row.startswith("08a05Wa") else row


def no_folds(row: str) -> str:
    return row[:-1]


def missing_clip(row: str) -> str:
    return row.replace("08a05Wa.flac", "gone.flac")


@pytest.mark.parametrize(
    ("change", "settings", "error", "named"),
    [
        (no_sad_in_training, {}, EmptyClass, "'sad'"),
        (only_fear_held_out, {}, SerError, "emotion that the model knows"),
        (speaker_in_two_folds, {}, BadValue, "emodb/08"),
        (no_folds, {}, BadValue, "fold"),
        (missing_clip, {}, SerError, "gone.flac"),
        (None, {"held_out_fold": 7}, BadValue, "held_out_fold is 7"),
        (None, {"corpora": ("emodb", "nemo")}, BadValue, "nemo"),
        (None, {"corpora": ("emo-db",)}, BadValue, "emo-db"),
        (None, {"manifest": "nowhere.csv"}, SerError, "nowhere.csv"),
        (None, {"noise_folder": "nowhere"}, SerError, "noise_folder"),
    ],
    ids=lambda v: getattr(v, "__name__", None) or (str(v) if isinstance(v, dict) else None),
)
def test_a_training_that_cannot_start_says_why(folder, monkeypatch, change, settings, error, named):
    def started(*_, **__):
        raise AssertionError("it began to train")

    monkeypatch.setattr(loop, "_loss", started)
    if change:
        rewrite(folder, change)
    with pytest.raises(error, match=named) as caught:
        run(config_of(folder, **settings), folder / "run", folder / "bundle")
    assert "\n" not in str(caught.value)
    assert not (folder / "bundle").exists()


# ── the configuration ─────────────────────────────────────────────────────────────────────────


def test_the_carried_configuration_is_understood():
    config = read_train_config(config_folder() / "train" / "densenet121.yaml")
    assert config.label_set == FOUR
    assert config.features.shape == (3, 128, 157)
    assert config.held_out_fold == 0


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("epoch: 3", ConfigError),
        ("epochs: 0", BadValue),
        ("epochs: many", BadValue),
        ("batch: -1", BadValue),
        ("learning_rate: 0", BadValue),
        ("learning_rate: .nan", BadValue),
        ("weight_decay: -1", BadValue),
        ("workers: -1", BadValue),
        ("threads: -1", BadValue),
        ("windows_per_epoch: -1", BadValue),
        ("label_smoothing: 1.5", BadValue),
        ("dropout: -0.1", BadValue),
        ("labels: [angry]", SerError),
        ("labels: [angry, meh]", SerError),
        ("merged: {meh: sad}", SerError),
        ("features: {mels: 3}", ConfigError),
        ("features: {fmax: 9000}", BadValue),
        ("augment: {nois: 1}", ConfigError),
        ("augment: {noise: 1.1}", BadValue),
        ("augment: {stretch_ratio: 0.9}", BadValue),
        ("augment: {pitch_semitones: -1}", BadValue),
        ("augment: {masks: -1}", BadValue),
        ("augment: {mask_bands: -1}", BadValue),
        ("augment: {mixup: -0.1}", BadValue),
        ("augment: {noise_snr_db: [5]}", BadValue),
        ("augment: {noise_snr_db: [20, 5]}", BadValue),
        ("augment: {hiss_snr_db: [20, 5]}", BadValue),
    ],
)
def test_a_configuration_without_meaning_is_refused(tmp_path, line, error):
    file = tmp_path / "bad.yaml"
    file.write_text(f"name: x\nmanifest: m.csv\n{line}\n")
    with pytest.raises(error) as caught:
        read_train_config(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--set", "epoch=3"), "'epoch'"),
        (("--set", "epochs"), "KEY=VALUE"),
        (("--set", "epochs=many"), "epochs"),
        (("--set", "labels=[angry"), "--set"),
        (("--set", "name=a: b: c"), "--set"),
        (("--set", "root=/tmp"), "'root'"),
    ],
)
def test_the_command_refuses_in_a_sentence(folder, capsys, words, named):
    assert main(["train", str(folder / "tiny.yaml"), *words]) == 1
    said = capsys.readouterr().err
    assert named in said
    assert len(said.splitlines()) == 1


def test_without_the_extra_the_command_says_what_to_install(folder):
    """Python with nothing but what a robot has, as far as the command can tell."""
    code = (
        "import sys, importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *a: None if name == 'torch' else find(name, *a)\n"
        "from ser_ros.__main__ import main\n"
        f"sys.exit(main(['train', {str(folder / 'tiny.yaml')!r}]))"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert "'torch' is not installed; run scripts/setup --train" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# ── the parts ─────────────────────────────────────────────────────────────────────────────────


def test_place_keeps_what_fits():
    random = np.random.default_rng(1)
    clip = np.arange(1, 101, dtype=np.float32)
    for _ in range(50):
        part = place(clip, 30, random)
        assert len(part) == 30
        np.testing.assert_array_equal(np.diff(part), 1)
        padded = place(clip, 130, random)
        assert len(padded) == 130
        np.testing.assert_array_equal(padded[padded > 0], clip)
    np.testing.assert_array_equal(place(clip, 100, random), clip)


@pytest.mark.parametrize("shape", [(3, 128, 157), (1, 8, 11)])
def test_masks_of_any_width_fit_any_image(shape):
    random = np.random.default_rng(1)
    image = random.standard_normal(shape).astype(np.float32)
    masked = mask(image.copy(), AugmentConfig(masks=4), random)
    assert masked.shape == shape
    assert (masked != image).any()
    untouched = mask(image.copy(), AugmentConfig(masks=0), random)
    np.testing.assert_array_equal(untouched, image)


def test_augmentation_keeps_length_and_stays_a_number(voices):
    everything = AugmentConfig(
        **dict.fromkeys(("hiss", "equaliser", "band_limit", "clipping", "pitch", "stretch"), 1.0)
    )
    augment = waveform_augmentation(everything, None)
    for voice in voices[:2]:
        changed = augment(np.ascontiguousarray(voice[:40_000]), 16_000)
        assert np.isfinite(changed).all()
        assert changed.shape == (min(40_000, len(voice)),)


def test_the_sampler_is_fair_to_classes(folder):
    config = config_of(folder)
    one = recordings_of(folder, config)
    crowded = [*one, *[one[0]] * 9]  # ten clips of one class
    drawn = list(balanced_sampler(crowded, 4000, torch.Generator().manual_seed(1)))
    share = np.bincount([crowded[i].label for i in drawn], minlength=4) / 4000
    np.testing.assert_allclose(share, 0.25, atol=0.04)


def test_recordings_in_memory_are_the_files(folder):
    config = config_of(folder)
    for recording in recordings_of(folder, config):
        samples = audio.load(recording.clip.path)
        np.testing.assert_allclose(recording.floats(), samples, atol=1 / 32768)


def test_the_temperature_that_is_found_is_the_one_that_was_hidden():
    random = np.random.default_rng(1)
    logits = 2 * random.standard_normal((4000, 4))
    truth = np.array(
        [
            random.choice(4, p=softmax(row, 1.0) / softmax(row, 1.0).sum())
            for row in logits.astype(np.float32).astype(np.float64)
        ]
    )
    clips = [row[None].astype(np.float32) * 3 for row in logits]  # three times too sure
    found = fit_temperature(clips, truth, np.ones(4000))
    assert found == pytest.approx(3.0, rel=0.1)
    assert mean_probabilities(clips[:5], found).sum(axis=1) == pytest.approx(1, abs=1e-5)
