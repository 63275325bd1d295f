"""The figures of a report against scikit-learn, its table, and the folder that holds it."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import reported
import soundfile
from programs import ROOT, python
from reported import ABOUT

from ser_ros import audio
from ser_ros.classifier import Classifier
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.reports import NotAReport, UnreadableReport
from ser_ros.evaluation.bootstrap import interval, uar
from ser_ros.report import table
from ser_ros.report.folder import check_place
from ser_ros.report.mistakes import mistakes
from ser_ros.report.units import utterances_in, utterances_of, windows_of
from ser_ros.report.words import lead
from ser_ros.report.writing import write_report

for name in ("matplotlib", "sklearn", "jinja2"):
    pytest.importorskip(name, reason=f"{name} is in the extra train")

BUNDLE = reported.model()
LABELS = BUNDLE.labels.labels


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return reported.judged(BUNDLE, tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def folder(sources, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "one"
    write_report(sources, BUNDLE, ABOUT, folder, ["A note on <this>."])
    return folder


@pytest.fixture(scope="module")
def content(folder):
    return json.loads((folder / "report.json").read_text())


# ── what was heard ────────────────────────────────────────────────────────────────────────────


def test_windows_are_those_of_the_classifier(sources):
    classifier = Classifier(BUNDLE, "onnxruntime")
    for source, clip in zip(sources, reported.clips(), strict=True):
        whole, windows = classifier.clip(audio.load(clip.path))
        assert [w.label for w in source.windows] == [w.label for w in windows]
        for mine, theirs in zip(source.windows, windows, strict=True):
            np.testing.assert_array_equal(np.float32(mine.probabilities), theirs.probabilities)
            assert mine.truth == clip.emotion
        (utterance,) = utterances_of([source])
        assert utterance.probabilities == pytest.approx(whole.probabilities, abs=1e-6)


def test_the_last_window_of_a_clip_ends_with_it(sources):
    for source in sources:
        last = source.windows[-1]
        if source.duration_s > last.duration_s:
            assert last.start_s + last.duration_s == pytest.approx(source.duration_s)
        assert source.sound is not None
        heard = source.sound(last.start_s, last.duration_s)
        whole = audio.load(source.path)
        first = round(last.start_s * 16000)
        np.testing.assert_array_equal(heard, whole[first : first + 40000])


# ── figures ───────────────────────────────────────────────────────────────────────────────────


def test_figures_equal_scikit_learns(folder, content):
    from sklearn import metrics

    with (folder / "windows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    truth = [row["truth"] for row in rows]
    said = [max(LABELS, key=lambda label: float(row[f"p_{label}"])) for row in rows]
    found = content["scored"]["windows"]
    assert 0.1 < found["accuracy"] < 0.8, "a model that is always right, or never, tests little"
    assert found["n"] == len(rows) == 16
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, said))
    assert found["uar"] == pytest.approx(metrics.balanced_accuracy_score(truth, said))
    expected = metrics.confusion_matrix(truth, said, labels=LABELS)
    np.testing.assert_array_equal(found["confusion"], expected)
    for figure in ("recall", "precision"):
        score = getattr(metrics, f"{figure}_score")
        of_label = score(truth, said, labels=LABELS, average=None, zero_division=np.nan)
        for label, value in zip(LABELS, of_label, strict=True):
            told = found[f"per_class_{figure}"][label]
            assert (told is None) if np.isnan(value) else told == pytest.approx(value)
    certain = [row["label"] == row["truth"] for row in rows if row["label"] in LABELS]
    assert found["accuracy_when_certain"] == pytest.approx(np.mean(certain))
    assert found["uncertain"] == sum(row["label"] == "uncertain" for row in rows) > 0
    curve = found["risk_coverage"]
    assert (curve["coverage"][-1], curve["risk"][-1]) == (1, pytest.approx(1 - found["accuracy"]))


def test_intervals_are_over_speakers(sources, content):
    windows = windows_of(sources)
    truth = np.array([LABELS.index(w.truth) for w in windows])
    guess = np.array([int(np.argmax(w.probabilities)) for w in windows])
    expected = interval(uar(truth, guess), [w.speaker for w in windows], seed=ABOUT["seed"])
    assert content["scored"]["windows"]["intervals"]["uar"] == pytest.approx(expected.to_dict())
    assert content["scored"]["voices"] == 2
    assert [row["speaker"] for row in content["scored"]["speakers"]] == ["emodb/03", "emodb/08"]


def test_whoever_is_not_named_is_one_voice_per_source(sources):
    from ser_ros.report.figures import figures

    nameless = [
        replace(s, windows=tuple(replace(w, speaker="") for w in s.windows)) for s in sources
    ]
    found = figures(nameless, BUNDLE)["scored"]
    assert (found["voices"], found["nameless"], found["speakers"]) == (8, 16, [])
    alone = figures(nameless[:1], BUNDLE)["scored"]["windows"]["intervals"]["accuracy"]
    assert np.isnan(alone["low"]), "two windows of one recording are no two voices"


def test_no_speech_is_a_miss_and_told_apart(sources):
    from ser_ros.report.figures import figures

    first = sources[0]
    silent = tuple(
        replace(w, label="no_speech", probabilities=(0.0,) * 4, confidence=0.0)
        for w in first.windows
    )
    found = figures([replace(first, windows=silent), *sources[1:]], BUNDLE)["scored"]["windows"]
    assert found["no_speech"] == len(silent)
    truth = first.windows[0].truth
    said = sum(found["confusion"][LABELS.index(truth)])
    assert found["n_per_class"][truth] - said == len(silent), "so the page counts them"
    assert found["n"] == 16
    assert found["per_class_recall"]["angry"] < 1


def test_windows_without_truth_are_heard_but_not_scored(sources):
    from ser_ros.report.figures import figures

    told = [sources[0], *(_untold(source) for source in sources[1:])]
    found = figures(told, BUNDLE)
    assert found["scored"]["windows"]["n"] == len(sources[0].windows)
    assert found["heard"]["windows"] == 16


def _untold(source):
    return replace(source, windows=tuple(replace(w, truth="") for w in source.windows))


def test_utterances_of_a_bag(sources):
    """Without a number, windows of one truth and speaker that follow one another are one."""
    one, other = sources[0].windows[0], sources[1].windows[0]
    bag = [replace(w, source="bag", utterance=-1) for w in (one, one, other, one)]
    assert [len(u.windows) for u in utterances_in(bag)] == [2, 1, 1]
    bag[1] = replace(bag[1], truth="")
    assert [len(u.windows) for u in utterances_in(bag)] == [1, 1, 1]
    numbered = [replace(one, utterance=k) for k in (0, 0, 1)]
    assert [len(u.windows) for u in utterances_in(numbered)] == [2, 1]


def test_the_surest_mistakes(sources):
    found = mistakes(sources, LABELS)
    sure = [mistake.window.confidence for mistake in found]
    assert found
    assert sure == sorted(sure, reverse=True)
    assert all(mistake.heard_as != mistake.window.truth for mistake in found)
    assert len({mistake.window.source for mistake in found}) == len(found)
    wrong = [w for s in sources for w in s.windows if LABELS[np.argmax(w.probabilities)] != w.truth]
    assert sure[0] == max(w.confidence for w in wrong)


def test_the_summary_says_what_the_figures_say(content):
    told = " ".join(lead(content))
    assert "listened to 8 recordings" in told
    assert f"UAR, is {content['scored']['windows']['uar']:.3f}" in told
    assert "8 utterances" in told


# ── the table ─────────────────────────────────────────────────────────────────────────────────


def test_the_table_is_read_back(sources, folder):
    found = table.read(folder / "windows.csv", LABELS)
    windows = [window for source in sources for window in source.windows]
    assert len(found) == len(windows)
    for mine, theirs in zip(found, windows, strict=True):
        assert mine.stamp_ns == theirs.stamp_ns
        np.testing.assert_array_equal(
            np.float32(mine.probabilities), np.float32(theirs.probabilities)
        )
        for name in ("source", "label", "truth", "speaker", "utterance", "lost"):
            assert getattr(mine, name) == getattr(theirs, name)


def test_a_stamp_keeps_its_nanoseconds(sources, tmp_path):
    stamp = 1_700_000_000_123_456_789
    window = replace(sources[0].windows[0], stamp_ns=stamp)
    (tmp_path / "w.csv").write_text(table.written([replace(sources[0], windows=(window,))], LABELS))
    (found,) = table.read(tmp_path / "w.csv", LABELS)
    assert found.stamp_ns == stamp


@pytest.mark.parametrize("spoil", [lambda t: t.replace("p_sad", "p_bad"), lambda t: t[:-30]])
def test_a_damaged_table_is_named(folder, tmp_path, spoil):
    path = tmp_path / "windows.csv"
    path.write_text(spoil((folder / "windows.csv").read_text()))
    with pytest.raises(UnreadableReport, match="line "):
        table.read(path, LABELS)


# ── the folder ────────────────────────────────────────────────────────────────────────────────


def test_a_report_is_replaced_and_nothing_else(sources, tmp_path):
    place = tmp_path / "new" / "report"
    write_report(sources[:1], BUNDLE, ABOUT, place)
    write_report(sources[:2], BUNDLE, ABOUT, place)
    assert len(json.loads((place / "report.json").read_text())["sources"]) == 2
    assert [path.name for path in place.parent.iterdir()] == ["report"]
    (place / "thesis.txt").write_text("mine")
    with pytest.raises(NotAReport, match=r"holds 'thesis.txt'"):
        write_report(sources[:1], BUNDLE, ABOUT, place)
    (place / "thesis.txt").unlink()
    (place / "report.json").write_text('{"coverage": 1}')
    with pytest.raises(NotAReport, match="no report"):
        write_report(sources[:1], BUNDLE, ABOUT, place)
    assert (place / "report.json").read_text() == '{"coverage": 1}'


def test_places_where_no_report_can_be(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(NotAReport):
        check_place(file)
    with pytest.raises(CannotWrite):
        check_place(file / "report")
    check_place(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists(), "asking makes nothing"


def test_sources_of_one_name_are_told_apart(sources, tmp_path):
    twice = [sources[0], replace(sources[1], name=sources[0].name)]
    content = write_report(twice, BUNDLE, ABOUT, tmp_path / "r")
    names = [source["name"] for source in content["sources"]]
    assert names == [sources[0].name, f"{sources[0].name} (2)"]
    windows = table.read(tmp_path / "r" / "windows.csv", LABELS)
    assert {window.source for window in windows} == set(names)


WRITER = """
import sys
from pathlib import Path
import reported
from ser_ros.report.writing import write_report
bundle = reported.model()
sources = reported.judged(bundle, Path(sys.argv[1]))
from ser_ros.errors.machine import CannotWrite
try:
    write_report(sources, bundle, reported.ABOUT, Path(sys.argv[2]))
except CannotWrite as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_report_that_was_there(sources, tmp_path):
    """A real file system of 100 kB, in a name space of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    inside = (
        f'mount -t tmpfs -o size=100k tmpfs "{disk}" && mkdir "{disk}/r" && "$@" && '
        f'ls -A "{disk}" "{disk}/r"'
    )
    words = [sys.executable, "-c", WRITER, str(tmp_path / "tiny"), str(disk / "r")]
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inside, "sh", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        timeout=120,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no name space of its own here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stdout
    assert done.stdout.split("\n", 1)[1].split() == [f"{disk}:", "r", f"{disk}/r:"]


# ── the command ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_evaluate_writes_a_report_of_what_it_says(tmp_path):
    model, place = tmp_path / "tiny", tmp_path / "report"
    BUNDLE.save(model)
    (tmp_path / "cut.flac").write_bytes(b"fLaC")
    rows = (f"{c.path},{c.emotion},{c.speaker}" for c in reported.clips())
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,emotion,speaker\n" + "\n".join(rows) + "\ncut.flac,sad,x\n")
    words = ("evaluate", str(manifest), "--model", str(model), "--runtime", "onnxruntime")
    scores = tmp_path / "scores.json"
    done = python("-m", "ser_ros", *words, "--report", str(place), "--json", str(scores))
    assert done.returncode == 1, "one recording cannot be read"
    assert f"{place / 'report.html'}" in done.stdout
    content, said = json.loads((place / "report.json").read_text()), json.loads(scores.read_text())
    found = content["scored"]["utterances"]
    assert found["confusion"] == said["confusion"]
    for figure in ("uar", "accuracy", "per_class_recall", "uncertain", "n", "ece"):
        assert found[figure] == pytest.approx(said[figure])
    assert content["about"]["command"].startswith("python -m ser_ros evaluate ")
    assert content["model"]["sha256"] == BUNDLE.sha256
    assert "cut.flac" in content["notes"][0]
    done = python("-m", "ser_ros", *words, "--report", str(tmp_path))
    assert done.returncode == 1
    assert "another folder" in done.stderr
    assert done.stdout == "", "refused before anything is heard"


def test_the_sound_of_a_mistake_is_the_windows(sources):
    from base64 import b64decode
    from io import BytesIO

    from ser_ros.report.mistakes import evidence

    window = sources[0].windows[0]
    found = evidence(sources[0], window, BUNDLE.features)
    assert found is not None
    kind, content = found.sound.split(",", 1)
    assert kind == "data:audio/flac;base64"
    samples, rate = soundfile.read(BytesIO(b64decode(content)))
    assert rate == 16000
    expected = audio.load(sources[0].path)[:40000]
    np.testing.assert_allclose(samples, expected, atol=1 / 32768)
