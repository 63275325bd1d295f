"""The whole study on the carried recordings: two voices, two folds, two corpora that are one."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from trainings import rewrite, tiny_training

from ser_ros.__main__ import main
from ser_ros.bundle import Bundle
from ser_ros.cli.train import print_figures
from ser_ros.corpora import read_manifest
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.config import BadValue, NothingToScore
from ser_ros.errors.training import EmptyClass
from ser_ros.evaluation.splits import CORPUS, FOLD
from ser_ros.training.config import read_train_config
from ser_ros.training.study import splits_of, train_all
from ser_ros.training.tasks import final_task, tasks_of

pytestmark = pytest.mark.train


def two_corpora(row: str) -> str:
    """Say of speaker 03 that she is of another corpus."""
    return row.replace(",emodb,", ",other,") if ",03," in row else row


@pytest.fixture
def folder(tmp_path) -> Path:
    tiny_training(tmp_path)
    rewrite(tmp_path, two_corpora)
    return tmp_path


def tasks(folder: Path, **wanted):
    config = read_train_config(folder / "tiny.yaml")
    return tasks_of(config, read_manifest(folder / "manifest.csv"), folder / "run", **wanted)


def test_every_fold_and_every_corpus_has_a_model_that_never_heard_it(folder):
    found = tasks(folder)
    assert [(task.folder.name, task.kind) for task in found] == [
        ("fold-0", FOLD),
        ("fold-1", FOLD),
        ("corpus-emodb", CORPUS),
        ("corpus-other", CORPUS),
    ]
    clips = read_manifest(folder / "manifest.csv")
    held = {split.name: {clip.speaker for clip in split.held} for split in splits_of(found, clips)}
    assert held == {
        "fold-0": {"other/03"},
        "fold-1": {"emodb/08"},
        "corpus-emodb": {"emodb/08"},
        "corpus-other": {"other/03"},
    }
    final = final_task(found[0].config, folder / "run").config
    assert (final.held_out_fold, final.held_out_corpus) == (None, "")


def test_a_first_look_takes_some(folder):
    assert [task.folder.name for task in tasks(folder, folds=[1], corpora=[])] == ["fold-1"]
    with pytest.raises(BadValue, match="--folds is 7"):
        tasks(folder, folds=[7])
    with pytest.raises(BadValue, match="--corpora is 'ravdess'"):
        tasks(folder, corpora=["ravdess"])


@pytest.fixture
def four_voices(tmp_path) -> Path:
    """Two corpora, each of two speakers, a fold for each."""
    tiny_training(tmp_path)
    path = tmp_path / "manifest.csv"
    head, *rows = path.read_text().splitlines()
    columns = head.split(",")
    for row in list(rows):
        clip = dict(zip(columns, row.split(","), strict=True))
        sound, rate = soundfile.read(tmp_path / clip["path"])
        changed = {"path": f"other-{clip['path']}", "corpus": "other"}
        soundfile.write(tmp_path / changed["path"], 0.5 * sound, rate)
        rows.append(",".join({**clip, **changed}.values()))
    path.write_text("\n".join([head, *rows]) + "\n")
    return tmp_path


def test_adapted_folds_begin_with_the_model_that_never_heard_their_corpus(four_voices):
    adapt = read_train_config(four_voices / "tiny.yaml", {"epochs": 1})
    found = tasks(four_voices, adapt=adapt)
    names = ["corpus-emodb", "corpus-other"]
    names += ["fold-emodb-0", "fold-emodb-1", "fold-other-0", "fold-other-1"]
    assert [task.folder.name for task in found] == names
    assert [task.kind for task in found] == 2 * [CORPUS] + 4 * [FOLD]
    clips = read_manifest(four_voices / "manifest.csv")
    for task, split in zip(found, splits_of(found, clips), strict=True):
        if task.after is not None:
            assert task.config.weights == str(task.after.bundle)
            assert task.after.config.held_out_corpus in task.config.name
            assert task.config.epochs == 1
            corpus, fold = task.config.corpora[0], task.config.held_out_fold
            assert {(clip.corpus, clip.fold) for clip in split.held} == {(corpus, fold)}
    some = tasks(four_voices, adapt=adapt, folds=[1], corpora=["other"])
    assert [task.folder.name for task in some] == ["corpus-other", "fold-other-1"]


def test_what_a_study_could_not_do_is_told_before_it_trains(four_voices):
    config = read_train_config(four_voices / "tiny.yaml")
    clips = read_manifest(four_voices / "manifest.csv")
    where = four_voices / "run"
    with pytest.raises(BadValue, match="several"):
        tasks_of(config, [clip for clip in clips if clip.corpus == "other"], where, adapt=config)
    with pytest.raises(BadValue, match=r"The folds of 'emodb' is \[1\], expected at least two"):
        one_fold = [clip for clip in clips if clip.corpus == "other" or clip.fold == 1]
        tasks_of(config, one_fold, where, adapt=config)
    with pytest.raises(EmptyClass, match="'sad' in what 'fold-emodb-1' would learn"):
        no_sad = [c for c in clips if (c.corpus, c.fold, c.emotion) != ("emodb", 0, "sad")]
        tasks_of(config, no_sad, where, adapt=config)
    with pytest.raises(BadValue, match="expected speakers"):
        tasks_of(replace(config, split="random"), clips, where)
    with pytest.raises(BadValue, match="labels of --adapt is 'angry, sad'"):
        tasks_of(config, clips, where, adapt=replace(config, labels=("angry", "sad")))
    with pytest.raises(BadValue, match="manifest of --adapt"):
        tasks_of(config, clips, where, adapt=replace(config, manifest="others.csv"))
    with pytest.raises(BadValue, match="validation_fold"):
        tasks_of(config, clips, where, adapt=replace(config, validation_fold=1))
    with pytest.raises(EmptyClass, match="'sad' in what 'corpus-other' would learn"):
        sad = [c for c in clips if (c.corpus, c.emotion) != ("emodb", "sad")]
        tasks_of(config, sad, where, folds=[])
    with pytest.raises(NothingToScore, match="expected some of angry"):
        feared = [replace(c, emotion="fear") if c.corpus == "other" else c for c in clips]
        tasks_of(config, feared, where, folds=[], corpora=["other"])
    with pytest.raises(UnreadableFile, match="No such file"):
        lost = [replace(c, path=Path("lost.wav")) if c.corpus == "other" else c for c in clips]
        tasks_of(config, lost, where, folds=[], corpora=["other"])


def test_the_fold_that_chooses_the_epoch_is_another_than_is_held_out(four_voices):
    config = read_train_config(four_voices / "tiny.yaml", {"validation_fold": 1, "patience": 2})
    clips = read_manifest(four_voices / "manifest.csv")
    for clip in list(clips):  # as others said it
        again = shutil.copy(clip.path, clip.path.with_name(f"again-{clip.path.name}"))
        clips.append(replace(clip, path=Path(again), fold=2, speaker=f"{clip.speaker}b"))
    found = tasks_of(config, clips, four_voices / "run", corpora=[])
    chosen = [(task.config.held_out_fold, task.config.validation_fold) for task in found]
    assert chosen == [(0, 1), (1, 2), (2, 1)]
    assert final_task(config, four_voices / "run").config.patience == 0


@pytest.mark.slow
def test_the_figures_of_adapted_folds(four_voices):
    words = ["study", str(four_voices / "tiny.yaml"), "--run", str(four_voices / "run")]
    words += ["--out", str(four_voices / "out"), "--figures-only", "--adapt", "epochs=1"]
    assert main(words) == 0
    page = " ".join((four_voices / "out" / "RESULTS.md").read_text().split())
    assert "--adapt epochs=1" in page
    assert "4 models, each scored on the speakers that it was not trained on" in page
    assert "each of these had learned the other corpora" in page
    trunk = Bundle.load(four_voices / "run" / "corpus-other" / "bundle")
    adapted = Bundle.load(four_voices / "run" / "fold-other-1" / "bundle")
    assert trunk.sha256 in adapted.about["training"]["began_with"]
    assert adapted.about["training"]["speakers"] == ["emodb/03", "emodb/08", "other/03"]
    assert adapted.about["training"]["held_out_speakers"] == ["other/08"]
    assert not (four_voices / "out" / "tiny").exists()
    # A further stage: every training begins with its own model of the first.
    more = ["--begin", str(four_voices / "run"), "--run", str(four_voices / "more")]
    assert main([*words[:2], *more, *words[4:], "--corpora", "other", "--folds", "1"]) == 0
    second = Bundle.load(four_voices / "more" / "corpus-other" / "bundle")
    assert trunk.sha256 in second.about["training"]["began_with"]
    second = Bundle.load(four_voices / "more" / "fold-other-1" / "bundle")
    assert adapted.sha256 in second.about["training"]["began_with"]
    assert second.about["training"]["speakers"] == adapted.about["training"]["speakers"]
    page = " ".join((four_voices / "out" / "RESULTS.md").read_text().split())
    assert "each of these had learned the other corpora" in page
    with pytest.raises(BadValue, match="final/bundle"):
        final_task(read_train_config(four_voices / "tiny.yaml"), four_voices, four_voices / "run")
    # What began with another model is another study's.
    shutil.copytree(
        four_voices / "run" / "corpus-emodb" / "bundle",
        four_voices / "run" / "corpus-other" / "bundle",
        dirs_exist_ok=True,
    )
    config = read_train_config(four_voices / "tiny.yaml")
    adapt = replace(config, epochs=1)
    fold = tasks(four_voices, adapt=adapt)[-1]
    assert fold.folder.name == "fold-other-1"
    with pytest.raises(BadValue, match="another study"):
        train_all([fold], four_voices / "run" / "views", 1)


@pytest.mark.slow
def test_from_clips_to_results_and_a_bundle_and_not_twice(folder, capsys):
    words = ["study", str(folder / "tiny.yaml"), "--run", str(folder / "run")]
    words += ["--out", str(folder / "out"), "--set", "epochs=1"]
    assert main(words) == 0
    page = (folder / "out" / "RESULTS.md").read_text()
    assert "python -m ser_ros study PATH/tiny.yaml --out PATH/out --set epochs=1" in page
    assert str(folder) not in page
    bundle = Bundle.load(folder / "out" / "tiny")
    results = json.loads((folder / "run" / "measured" / "results.json").read_text())
    chosen = results["risk_coverage"]["uncertain_below"]
    assert bundle.calibration.uncertain_below == pytest.approx(chosen, abs=1e-4)
    told = [split["temperature"] for split in results["splits"] if split["kind"] == FOLD]
    assert bundle.calibration.temperature == pytest.approx((told[0] * told[1]) ** 0.5, abs=1e-3)
    populations = [split["neutral_logits"] for split in results["splits"] if split["kind"] == FOLD]
    assert bundle.neutral_logits == pytest.approx(np.mean(populations, axis=0))
    assert bundle.about["training"]["speakers"] == ["emodb/08", "other/03"]
    assert bundle.about["training"]["held_out_speakers"] == []
    assert bundle.about["training"]["calibrated_on"] == ["emodb/08", "other/03"]
    assert list(bundle.about["metrics"]["unseen_speakers"]) == ["all", "emodb", "other"]
    capsys.readouterr()
    print_figures(bundle)
    printed = capsys.readouterr().out
    assert re.search(r"^all +n +8  uar 0\.\d{3}  ece 0\.\d{3}$", printed, re.M)

    made = {path: path.stat().st_mtime_ns for path in (folder / "run").glob("*/bundle/*")}
    assert len(made) == 2 * 5
    assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    capsys.readouterr()
    # A recording more makes another study, and so does another setting.
    before = (folder / "manifest.csv").read_text()
    soundfile.write(folder / "one-more.wav", np.zeros(16000), 16000)
    *_, last = before.splitlines()
    more = ",".join(["one-more.wav", *last.split(",")[1:]])
    (folder / "manifest.csv").write_text(f"{before}{more}\n")
    assert main(words) == 1
    assert "name another folder with --run" in capsys.readouterr().err
    (folder / "manifest.csv").write_text(before)
    assert main([*words[:-1], "epochs=2"]) == 1
    assert "name another folder with --run" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in made} == made


def test_the_command_says_what_is_wrong(folder, capsys):
    words = ["study", str(folder / "tiny.yaml"), "--out", str(folder / "out")]
    with pytest.raises(SystemExit):
        main([*words, "--jobs", "0"])
    assert "--jobs" in capsys.readouterr().err
    assert main([*words, "--folds"]) == 1
    assert "--figures-only" in capsys.readouterr().err
    assert main([*words, "--folds", "--corpora"]) == 1
    assert "at least one fold or corpus" in capsys.readouterr().err
    assert not (folder / "out").exists()
