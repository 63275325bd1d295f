"""What must hold before a training begins, and whom the model that it begins with may know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
from trainings import config_of, tiny_training

import ser_ros.training.run as training
from ser_ros.__main__ import main
from ser_ros.bundle import Bundle, Calibration
from ser_ros.corpora import Clip, read_manifest
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.config import BadManifest, BadValue, SpeakersInTraining
from ser_ros.features import FeatureConfig
from ser_ros.training.about import about
from ser_ros.training.before import with_calibration_of
from ser_ros.training.checks import check_beginning, checked
from ser_ros.training.data import balanced_sampler
from ser_ros.training.recordings import recordings_of
from ser_ros.training.run import run
from ser_ros.training.split import Parts

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train


@pytest.fixture
def folder(tmp_path):
    return tiny_training(tmp_path)


def clip_of(speaker: str, corpus: str = "emodb") -> Clip:
    return Clip(Path(f"{speaker or 'nobody'}.wav"), "angry", speaker, corpus)


def model(**told: object) -> Bundle:
    return replace(tiny.bundle(), about={"training": told})


# ── whom the model begun with knows ───────────────────────────────────────────────────────────


def test_a_model_that_does_not_tell_makes_the_figures_doubtful(folder):
    config = config_of(folder)
    parts = Parts([], [], [clip_of("emodb/03")], "unseen speakers")
    assert check_beginning(config, parts, model(speakers=["emodb/08"])) == ""
    assert "it does not tell" in check_beginning(config, parts, model())
    validated = Parts([], [clip_of("emodb/03")], [], "none held out")
    assert "it does not tell" in check_beginning(config, validated, model())
    # It reaches the figures.
    clips = read_manifest(folder / "manifest.csv")
    found = checked(config, clips, model(), "tiny").described
    assert found.startswith("unseen speakers, fold 0 held out (if the model begun with")


def test_a_file_of_weights_may_have_heard_anybody(folder):
    clips = read_manifest(folder / "manifest.csv")
    torch.save({}, folder / "weights.pth")
    config = config_of(folder, weights=str(folder / "weights.pth"))
    parts = checked(config, clips, None, "tiny")
    assert "if the model begun with had not learned them" in parts.described
    told = about(config, parts, None, "weights.pth", {})
    assert "speakers" not in told["training"]
    assert "held_out_speakers" not in told["training"]
    assert "not known" in told["licence"]
    imagenets = checked(replace(config, weights="imagenet"), clips, None, "tiny")
    assert imagenets.described == "unseen speakers, fold 0 held out"


def test_a_split_that_leaves_nobody_to_choose_the_epoch_is_refused(folder):
    config = config_of(folder, split="random", validation_fold=1)
    one = {clip.emotion: clip for clip in read_manifest(folder / "manifest.csv")}
    with pytest.raises(BadValue, match="validation_fold"):
        checked(config, [*one.values()], None, "tiny")


def test_who_learned_the_nameless_of_a_corpus_may_know_anybody_there(folder):
    config = config_of(folder)
    parts = Parts([clip_of("")], [], [clip_of("emodb/03")], "x")
    learned = about(config, parts, None, "", {})["training"]
    assert learned["nameless_in"] == ["emodb"]
    # A further stage on others forgets nobody.
    further = Parts([clip_of("b/1", "b")], [], [], "x")
    again = about(config, further, replace(model(), about={"training": learned}), "", {})
    began = replace(model(), about=again)
    assert again["training"]["nameless_in"] == ["emodb"]
    assert "it does not tell" in check_beginning(config, parts, began)
    elsewhere = Parts([], [], [clip_of("c/1", "c")], "x")
    assert check_beginning(config, elsewhere, began) == ""
    # Whom it names is known all the same.
    both = Parts([], [], [clip_of("emodb/03"), clip_of("b/1", "b")], "x")
    with pytest.raises(SpeakersInTraining, match="b/1"):
        check_beginning(config, both, began)


def test_a_random_split_after_another_training_says_so(folder):
    config = config_of(folder, split="random")
    parts = Parts([], [], [clip_of("emodb/03")], "random split")
    assert "may have learned" in check_beginning(config, parts, model(speakers=["emodb/03"]))
    assert "may have learned" in check_beginning(config, parts, model())
    assert check_beginning(config, parts, model(speakers=["emodb/08"])) == ""
    with pytest.raises(SpeakersInTraining):
        check_beginning(config_of(folder), parts, model(speakers=["emodb/03"]))


# ── recordings ────────────────────────────────────────────────────────────────────────────────


def test_a_recording_is_not_learned_and_held_out(folder):
    lines = (folder / "manifest.csv").read_text().splitlines()
    twice = next(line for line in lines if ",08," in line).replace(",08,", ",03,")[:-1] + "0"
    (folder / "manifest.csv").write_text("\n".join([*lines, f"./{twice}"]) + "\n")
    with pytest.raises(BadManifest, match=r"08a\w+\.flac' would be learned and is also kept apart"):
        checked(config_of(folder), read_manifest(folder / "manifest.csv"), None, "tiny")


def test_a_held_out_recording_that_cannot_be_read_is_told_before_the_training(folder, monkeypatch):
    (folder / "03a05Wa.flac").write_bytes(b"fLaC")
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("it began to train"))
    with pytest.raises(UnreadableFile, match=r"03a05Wa\.flac"):
        run(config_of(folder), folder / "run", folder / "bundle")


def test_a_bundle_replaces_nothing_but_a_bundle(folder, capsys):
    models = folder / "models"
    (models / "carried").mkdir(parents=True)
    assert main(["train", str(folder / "tiny.yaml"), "--out", str(models), "--force"]) == 1
    assert "a bundle to replace; this is neither" in capsys.readouterr().err
    words = ["study", str(folder / "tiny.yaml"), "--run", str(folder / "run")]
    assert main([*words, "--out", str(folder), "--set", "name=models"]) == 1
    assert "a bundle to replace; this is neither" in capsys.readouterr().err
    assert (models / "carried").is_dir()


@pytest.mark.parametrize(
    ("manifest", "other"),
    [('{"name": "my phone app"}', ""), ('{"schema": 1, "network": {}}', "thesis.txt"), ("[", "")],
)
def test_a_folder_with_a_manifest_of_its_own_is_no_bundle(folder, capsys, manifest, other):
    (folder / "app").mkdir()
    (folder / "app" / "manifest.json").write_text(manifest)
    if other:
        (folder / "app" / other).write_text("four years")
    assert main(["train", str(folder / "tiny.yaml"), "--out", f"{folder}/app", "--force"]) == 1
    assert "this is neither" in capsys.readouterr().err
    assert len(list((folder / "app").iterdir())) == 1 + bool(other)


def test_a_place_that_cannot_be_written_is_told_before_the_training(folder, capsys, monkeypatch):
    monkeypatch.setattr(training, "train", lambda *_: pytest.fail("it began to train"))
    for out in ("/dev/null/bundle", folder / "manifest.csv" / "bundle"):
        assert main(["train", str(folder / "tiny.yaml"), "--out", str(out)]) == 1
        assert "cannot be written" in capsys.readouterr().err


def test_a_corpus_is_drawn_by_its_size_and_not_by_how_many_emotions_it_has(folder):
    config = config_of(folder)
    clips = read_manifest(folder / "manifest.csv")
    recordings = recordings_of(clips, config.label_set, config.features.rate)
    one = [replace(r, clip=replace(r.clip, corpus="a")) for r in recordings[:4]]
    other = [replace(r, clip=replace(r.clip, corpus="b"), label=0) for r in recordings[4:]]
    assert len({r.label for r in one}) == 4 and len(one) == len(other) == 4
    drawn = balanced_sampler([*one, *other], 8, torch.Generator()).weights
    assert float(drawn[:4].sum()) == pytest.approx(float(drawn[4:].sum()))


# ── what a last stage keeps ───────────────────────────────────────────────────────────────────


def test_only_a_further_stage_of_the_same_training_keeps_the_calibration():
    told = {"corpora": {"emodb": {}}, "calibrated_on": ["emodb/03"]}
    began = replace(model(**told), calibration=Calibration(1.5, 0.6))
    whole = model(corpora={"emodb": {}}, speakers=["emodb/03", "emodb/08"])
    kept = with_calibration_of(began, whole)
    assert kept is not None and kept.calibration == began.calibration
    assert with_calibration_of(None, whole) is None
    assert with_calibration_of(model(corpora={"emodb": {}}), whole) is None, "of nobody"
    other = model(corpora={"mine": {}}, speakers=["emodb/03"])
    assert with_calibration_of(began, other) is None
    strangers = model(corpora={"emodb": {}}, speakers=["emodb/08"])
    assert with_calibration_of(began, strangers) is None, "they are others' recordings"
    drawn = model(**told, settings={"split": "random"})
    assert with_calibration_of(drawn, whole) is None, "it knew whom it was calibrated on"
    images = FeatureConfig(bands=32)
    assert with_calibration_of(began, replace(whole, features=images)) is None
