"""The whole study, on tiny models and the carried recordings."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny

from ser_ros.bundle import Bundle, Calibration
from ser_ros.carried import recordings_folder
from ser_ros.corpora import Clip, read_manifest
from ser_ros.errors.config import BadManifest, BadValue, NobodyTold, SpeakersInTraining
from ser_ros.errors.models import BundleMismatch
from ser_ros.evaluation import judging, silence
from ser_ros.evaluation.measure import measure
from ser_ros.evaluation.results import finite
from ser_ros.evaluation.sides import strangers_to
from ser_ros.evaluation.splits import CORPUS, FOLD, Split
from ser_ros.evaluation.study import Study
from ser_ros.labels import LabelSet

for name in ("sklearn", "scipy", "matplotlib", "pyroomacoustics"):
    pytest.importorskip(name, reason=f"{name} is in the extra train")


QUARTILES = (-0.22, -0.198, -0.161)
"""Of the recordings' mean brightness, which is all that the tiny network sees."""

SLOPE = 8.0
BIAS = -SLOPE * np.cumsum([0.0, *QUARTILES])
"""With these the tiny network says each of the emotions now and then: the brighter, the happier."""


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[Clip]:
    """Each carried recording five times, so that a voice lasts ten seconds."""
    folder = tmp_path_factory.mktemp("corpus")
    found = []
    for clip in read_manifest(recordings_folder() / "manifest.csv"):
        for again in range(5):
            path = folder / f"{clip.path.stem}-{again}.flac"
            shutil.copy(clip.path, path)
            found.append(replace(clip, path=path))
    return found


@pytest.fixture(scope="module")
def noises(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("noises")
    noise = np.random.default_rng(0).standard_normal(48_000) * 0.05
    soundfile.write(folder / "hiss.wav", noise, 16_000)
    return folder


def model(folder: Path, held_out: list[str], corpora: tuple[str, ...] = ("emodb",)) -> Path:
    training = {"corpora": {c: {} for c in corpora}, "held_out_speakers": held_out}
    about = {"training": training, "licence": "CC0 1.0"}
    bundle = replace(tiny.bundle(BIAS, SLOPE), about=about)
    bundle.save(folder)
    return folder


@pytest.fixture(scope="module")
def splits(clips, tmp_path_factory) -> list[Split]:
    folder = tmp_path_factory.mktemp("models")
    own = {s: [c for c in clips if c.speaker == f"emodb/{s}"] for s in ("03", "08")}
    return [
        Split("fold 0", FOLD, model(folder / "a", ["emodb/03"]), own["03"]),
        Split("fold 1", FOLD, model(folder / "b", ["emodb/08"]), own["08"]),
        Split("without emodb", CORPUS, model(folder / "c", [], ("nemo",)), clips[::5]),
    ]


class Shift:
    """A stand-in for a voice baseline: it takes the mean logits of the enrolment away."""

    def reset(self):
        self.mean = 0.0

    def enroll(self, logits):
        self.mean = logits.mean(axis=0)

    def hear(self, logits):
        return logits - self.mean


@pytest.mark.slow
def test_the_whole_study(splits, noises, tmp_path, monkeypatch):
    out, work = tmp_path / "models", tmp_path / "work"
    out.mkdir()
    command = "python -m ser_ros study"
    options = {"command": command, "limit": 8, "make_adapter": lambda bundle: Shift()}
    monkeypatch.setattr(silence, "_MADE_S", 5)
    found = measure(splits, noises, work, out, seed=3, **options)

    assert found["folds"]["all"]["n"] == 40
    assert found["folds"]["corpora"]["emodb"]["speakers"] == 2
    assert set(found["folds"]["genders"]) == {"male", "female"}
    assert found["left_out"]["all"]["n"] == 8
    assert found["conditions"]["n"] == 8
    assert len(found["conditions"]["rows"]) == 12
    assert found["conditions"]["clean"]["lost"]["value"] == 0
    for row in found["conditions"]["rows"].values():
        clean = found["conditions"]["clean"]["uar"]["value"]
        assert row["lost"]["value"] == pytest.approx(clean - row["uar"]["value"])
    assert found["no_speech"]["kinds"][noises.name]["n"] > 0
    assert set(found["listening"]["rows"]) == {"1", "2.5", "5", "10"}
    assert found["listening"]["voices"] == 8
    modes = found["baseline"]["folds"]
    assert list(modes) == ["none", "enroll", "running"]
    assert {row["n"] for row in modes.values()} == {40 - 2 * 3}
    assert modes["running"]["gained"]["value"] == 0
    assert modes["enroll"]["uar"] != modes["none"]["uar"]
    sums = [sum(map(sum, found["folds"]["all"]["confusion"])), found["folds"]["all"]["no_speech"]]
    assert sum(sums) == 40
    # One threshold, over which 70 % of the clips lie; equally sure ones are answered together.
    share = 1 - found["folds"]["all"]["uncertain"] / 40
    assert 0.7 <= share <= 0.85

    assert json.loads((work / "results.json").read_text()) == json.loads(json.dumps(found))
    page = (out / "RESULTS.md").read_text()
    assert command in page
    assert len(list((out / "results").glob("*.png"))) == 5
    assert str(tmp_path) not in page

    monkeypatch.setattr(judging, "hear", lambda *a: pytest.fail("everything was kept"))
    again = Study(splits, work, seed=3)
    for name, section in (
        ("conditions", again.conditions(noises, 8)),
        ("no_speech", again.no_speech(noises)),
        ("listening", again.listening()),
    ):
        assert finite(section) == found[name]


def test_the_temperature_of_a_voice_is_from_other_voices(splits, clips, tmp_path):
    alone = replace(splits[0], held=splits[0].held[::5])
    study = Study([alone], tmp_path)
    assert (study.sides[0].temperatures == 1).all(), "nobody else was held out"
    clips = clips[::5]
    own, other = ([c for c in clips if c.speaker == f"emodb/{s}"] for s in ("03", "08"))
    both = Split("both", FOLD, model(tmp_path / "m", ["emodb/03", "emodb/08"]), clips)
    found = Study([both], tmp_path).sides[0]
    by_speaker = dict(zip([h.clip.speaker for h in found.heard], found.temperatures, strict=True))
    assert len(by_speaker) == 2
    validated = Split("v", FOLD, both.bundle_path, own, validation=other)
    found = Study([validated], tmp_path).sides[0]
    assert found.temperatures == pytest.approx(by_speaker["emodb/03"]), "the same others"
    # A corpus is judged with what its model brings, unless it was fitted on it.
    third = Study(splits[2:], tmp_path).sides[0]
    assert third.temperature == third.bundle.calibration.temperature


def test_the_temperature_of_a_fold_is_that_of_the_others(splits, tmp_path):
    alone = [Study([split], tmp_path).sides[0] for split in splits[:2]]
    both = Study(splits[:2], tmp_path).sides
    assert [s.temperature for s in both] == [s.temperature for s in reversed(alone)]
    assert alone[0].temperature != alone[1].temperature
    assert both[0].temperatures == pytest.approx(alone[1].temperature)


def test_a_model_that_brings_its_calibration_is_measured_with_it(clips, tmp_path):
    """As it ships: nothing is fitted on the voices that are scored."""
    about = {"training": {"corpora": ["other"], "speakers": ["x"], "calibrated_on": ["x"]}}
    brings = replace(tiny.bundle(BIAS, SLOPE), about=about, calibration=Calibration(2.5, 0.4))
    brings.save(tmp_path / "m")
    study = Study([Split("all", FOLD, tmp_path / "m", clips[::5])], tmp_path)
    (side,) = study.sides
    assert (side.temperature, study.uncertain_below) == (2.5, 0.4)
    assert (side.temperatures == 2.5).all()
    assert strangers_to(side, [side]) is None
    found = study.risk_coverage()
    assert (found["brought"], found["uncertain_below"]) == (True, 0.4)
    assert found["answered"] == np.mean(study.opinions(study.folds).confidence >= 0.4)


def test_of_two_models_that_bring_theirs_the_threshold_is_chosen(clips, tmp_path):
    splits = []
    for speaker in ("03", "08"):
        corpus = f"own {speaker}"
        about = {"training": {"corpora": ["x"], "speakers": ["x"], "calibrated_on": ["x"]}}
        brings = replace(tiny.bundle(BIAS, SLOPE), about=about, calibration=Calibration(2.5, 0.999))
        brings.save(tmp_path / speaker)
        held = [replace(c, corpus=corpus) for c in clips[::5] if c.speaker.endswith(speaker)]
        splits.append(Split(speaker, FOLD, tmp_path / speaker, held))
    study = Study(splits, tmp_path)
    assert [side.temperature for side in study.sides] == [2.5, 2.5]
    assert not study.risk_coverage()["brought"]
    assert study.uncertain_below < 0.999


def test_clips_of_a_known_corpus_must_say_who_speaks(clips, tmp_path):
    nameless = [replace(clip, speaker="") for clip in clips[::5]]
    path = model(tmp_path / "m", [])
    with pytest.raises(NobodyTold, match="emodb"):
        Study([Split("all", FOLD, path, nameless)], tmp_path)
    unnamed = [replace(clip, corpus="") for clip in nameless]
    assert "not told" in Study([Split("all", FOLD, path, unnamed)], tmp_path).notes[0]


def test_a_voice_is_compared_with_strangers_as_its_temperature_is_theirs(splits, tmp_path):
    both = Study(splits[:2], tmp_path).sides
    assert [strangers_to(side, both) for side in both] == [both[1].heard, both[0].heard]
    assert strangers_to(both[0], both[:1]) is both[0].heard
    both[0].validation = both[1].heard[:3]
    assert strangers_to(both[0], both) == both[1].heard[:3]
    (corpus,) = Study(splits[2:], tmp_path).sides
    assert strangers_to(corpus, [corpus]) is None, "what its model brings"
    told = {"settings": {"held_out_corpus": "emodb"}}
    corpus.bundle = replace(corpus.bundle, about={"training": told})
    assert strangers_to(corpus, [corpus]) == [], "which is not of others than are judged"


def test_a_corpus_is_not_judged_with_a_temperature_that_was_fitted_on_it(clips, tmp_path):
    """Also where nobody tells who speaks in it."""
    nameless = [replace(clip, speaker="") for clip in clips[::5]]
    path = model(tmp_path / "m", [], ("nemo",))
    split = Split("without emodb", CORPUS, path, nameless)
    bundle = replace(Bundle.load(path), calibration=Calibration(2.5))
    bundle.save(path)
    assert Study([split], tmp_path / "a").sides[0].temperature == 2.5
    training = {**bundle.about["training"], "settings": {"held_out_corpus": "emodb"}}
    replace(bundle, about={**bundle.about, "training": training}).save(path)
    assert Study([split], tmp_path / "b").sides[0].temperature == 1.0


def test_a_model_that_knows_no_neutral_speech_is_measured_without_a_baseline(splits, tmp_path):
    from ser_ros.evaluation.baseline import make_adapter

    path = model(tmp_path / "m", [], ("nemo",))
    replace(Bundle.load(path), neutral_logits=None).save(path)
    found = Study([replace(splits[2], bundle_path=path)], tmp_path).baseline(make_adapter)
    assert list(found["left_out"]) == ["none"]


def test_a_study_refuses_to_flatter(splits, clips, tmp_path):
    known = Split("known", FOLD, model(tmp_path / "k", ["emodb/08"]), clips)
    with pytest.raises(SpeakersInTraining, match="emodb/03"):
        Study([known], tmp_path)
    calibrating = replace(splits[0], validation=splits[0].held[:1])
    with pytest.raises(SpeakersInTraining, match="emodb/03"):
        Study([calibrating], tmp_path)
    with pytest.raises(BadValue, match="fold 0 and again"):
        Study([splits[0], replace(splits[0], name="again")], tmp_path)


def test_a_study_refuses_what_it_cannot_compare(splits, clips, tmp_path):
    with pytest.raises(BadValue, match="at least one"):
        Study([], tmp_path)
    with pytest.raises(BadValue, match="fold or corpus"):
        Study([replace(splits[0], kind="half")], tmp_path)
    missing = replace(splits[0].held[0], path=tmp_path / "missing.flac")
    with pytest.raises(BadManifest, match=r"missing\.flac"):
        Study([replace(splits[0], held=[missing])], tmp_path)
    with pytest.raises(BadValue, match="fold 0"):
        Study([replace(splits[0], held=[replace(splits[0].held[0], emotion="fear")])], tmp_path)
    two = tiny.bundle(labels=LabelSet(("sad", "happy")))
    two.save(tmp_path / "two")
    other = replace(splits[1], bundle_path=tmp_path / "two", held=splits[1].held[10:])
    with pytest.raises(BundleMismatch, match="label set"):
        Study([replace(splits[0], held=splits[0].held[:2]), other], tmp_path)


def test_a_model_that_does_not_tell_who_it_knows_is_noted(splits, tmp_path):
    tiny.bundle().save(tmp_path / "m")
    untold = replace(splits[0], bundle_path=tmp_path / "m", held=splits[0].held[:2])
    assert "not told" in Study([untold], tmp_path).notes[0]
