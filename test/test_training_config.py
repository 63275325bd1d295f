"""What a training is told, and who is trained on whom."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
import trainings  # noqa: F401 - skips where there is no training
import yaml

from ser_ros.carried import config_folder
from ser_ros.corpora import Clip
from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue, ConfigError
from ser_ros.errors.training import NoVoiceToHold
from ser_ros.features import FeatureConfig
from ser_ros.labels import FOUR, SEVEN
from ser_ros.training.config import AugmentConfig, TrainConfig, read_train_config
from ser_ros.training.split import split

pytestmark = pytest.mark.train


def clips(folds: bool = False, speakers: int = 6, told: bool = True) -> list[Clip]:
    from pathlib import Path

    return [
        Clip(
            Path(f"{voice}-{emotion}-{take}.wav"),
            emotion,
            f"c/{voice}" if told else "",
            "c" if voice % 2 else "d",
            fold=voice % 3 if folds else None,
        )
        for voice in range(speakers)
        for emotion in ("angry", "sad")
        for take in range(3)
    ]


def speakers_of(part: list[Clip]) -> set[str]:
    return {clip.speaker for clip in part}


def parts_of(given: list[Clip], **settings: object):
    return split(TrainConfig("x", "m.csv", **settings), given)


def test_folds_of_the_manifest_part_the_voices():
    parts = parts_of(clips(folds=True), held_out_fold=1, validation_fold=2)
    assert speakers_of(parts.held) == {"c/1", "c/4"}
    assert speakers_of(parts.validation) == {"c/2", "c/5"}
    assert speakers_of(parts.training) == {"c/0", "c/3"}
    assert parts.described == "unseen speakers, fold 1 held out"


def test_where_there_are_no_folds_they_are_made_of_the_speakers(caplog):
    caplog.set_level("INFO")
    given = clips()
    parts = parts_of(given, held_out_fold=1, validation_fold=2)
    sides = [speakers_of(part) for part in (parts.training, parts.validation, parts.held)]
    assert all(sides)
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert set.union(*sides) == speakers_of(given)
    assert "unseen speakers" in parts.described
    assert "no folds" in caplog.text
    assert parts == parts_of(clips(), held_out_fold=1, validation_fold=2)


def test_nobody_is_held_out_without_knowing_who_speaks():
    for given, why in ((clips(told=False), "36 of 36"), (clips(speakers=1), "one speaker")):
        with pytest.raises(NoVoiceToHold, match=why):
            parts_of(given)
        assert parts_of(given, held_out_fold=None).training == given
        assert parts_of(given, split="random").held
    folded = [replace(clip, speaker="") for clip in clips(folds=True)]
    with pytest.raises(NoVoiceToHold, match="36 of 36"):
        parts_of(folded)
    with pytest.raises(NoVoiceToHold, match="18 of 18"):
        parts_of(folded, held_out_corpus="c", validation_fold=0)
    assert parts_of(folded, held_out_corpus="c").held, "nobody of one corpus speaks in another"


def test_a_random_split_holds_no_corpus_out():
    with pytest.raises(BadValue, match="held_out_corpus is 'c', expected empty"):
        parts_of(clips(), split="random", held_out_corpus="c")


def test_the_configuration_to_begin_with_holds_every_key():
    told = yaml.safe_load((config_folder() / "train" / "yours.yaml").read_text())
    own = {f.name for f in fields(TrainConfig)} - {"root"}
    assert told.keys() == own
    assert told["augment"].keys() == {f.name for f in fields(AugmentConfig)}
    assert told["features"].keys() == {f.name for f in fields(FeatureConfig)} - {"rate"}


def test_a_random_split_draws_from_every_emotion_and_says_so():
    given = clips(told=False)
    parts = parts_of(given, split="random", validation_fold=1)
    assert len(parts.held) == len(parts.validation) == 8  # a fifth of 18 of each, rounded
    for part in (parts.training, parts.validation, parts.held):
        assert {clip.emotion for clip in part} == {"angry", "sad"}
    paths = [clip.path for part in (parts.training, parts.validation, parts.held) for clip in part]
    assert sorted(paths) == sorted(clip.path for clip in given)
    assert "random" in parts.described
    assert parts == parts_of(given, split="random", validation_fold=1)
    assert parts.held != parts_of(given, split="random", validation_fold=1, seed=2).held
    assert not parts_of(given, split="random", held_out_fold=None).held


def test_a_whole_corpus_can_be_held_out():
    parts = parts_of(clips(folds=True), held_out_corpus="c", validation_fold=0)
    assert {clip.corpus for clip in parts.held} == {"c"}
    assert {clip.corpus for clip in parts.training + parts.validation} == {"d"}
    assert parts.validation
    assert parts.described == "unseen corpus, c held out"


def test_the_carried_configurations_are_understood():
    folder = config_folder() / "train"
    configs = {path.stem: read_train_config(path) for path in folder.glob("*.yaml")}
    assert configs.keys() == {"densenet121", "study", "study-small", "yours"}
    assert all(config.label_set == FOUR for config in configs.values())
    # The carried model's last stage goes on from a model for the same images.
    carried = configs["densenet121"]
    assert (carried.features, carried.weights) == (configs["study"].features, "densenet121")
    assert carried.held_out_fold is None


@pytest.mark.parametrize(
    ("labels", "expected"), [("four", FOUR), ("seven", SEVEN), (("Anger", "joy"), None)]
)
def test_labels_are_a_name_or_a_list(labels, expected):
    found = TrainConfig("x", "m.csv", labels=labels).label_set
    assert found == expected if expected else found.labels == ("angry", "happy")


def test_a_label_is_not_merged_into_another():
    own = TrainConfig("x", "m.csv", labels=("calm", "neutral", "sad")).label_set
    assert own.index("calm") == 0


def test_what_decides_nothing_is_left_out_of_what_decides():
    config = TrainConfig("x", "m.csv")
    assert not {"tensorboard", "name", "workers", "root"} & config.deciding().keys()
    other = TrainConfig("y", "n.csv", tensorboard=True, workers=0, noise_folder=("a", "b"))
    assert other.deciding() == config.deciding()
    assert TrainConfig("x", "m.csv", seed=2).deciding() != config.deciding()


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
        ("known_voices: 1.5", BadValue),
        ("known_voices: 0.5", BadValue),  # beside the mixup that there is unless told otherwise
        ("known_voices: 0.5\nlabels: [angry, sad]\naugment: {mixup: 0}", BadValue),
        ("dropout: -0.1", BadValue),
        ("tensorboard: 3", BadValue),
        ("split: voices", BadValue),
        ("patience: 3", BadValue),
        ("validation_fold: 0", BadValue),
        ("labels: [angry]", SerError),
        ("labels: [angry, meh]", SerError),
        ("labels: 4", BadValue),
        ("auxiliary: [meh]", SerError),
        ("auxiliary: [angry]", SerError),
        ("auxiliary: [calm]", BadValue),
        ("merged: {meh: sad}", SerError),
        ("features: {mels: 3}", ConfigError),
        ("features: {fmax: 9000}", BadValue),
        ("features: {rate: 8000, fmax: 4000}", BadValue),
        ("features: {cepstra: 13}", BadValue),
        ("features: {bands: 28}", BadValue),
        ("features: {hop: 2048}", BadValue),
        ("augment: {nois: 1}", ConfigError),
        ("augment: {noise: 1.1}", BadValue),
        ("augment: {views: 0}", BadValue),
        ("augment: {speed_ratio: 0.9}", BadValue),
        ("augment: {stretch_ratio: 0.9}", BadValue),
        ("augment: {pitch_semitones: -1}", BadValue),
        ("augment: {pitch_semitones: 30}", BadValue),
        ("augment: {stretch_ratio: 11}", BadValue),
        ("augment: {gain_db: .inf}", BadValue),
        ("augment: {equaliser_db: .nan}", BadValue),
        ("augment: {noise_snr_db: [0, .inf]}", BadValue),
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
