"""The command line, as a user runs it: a process, its exit code, what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny
from programs import ROOT, python

from ser_ros.carried import models_folder, recordings_folder
from ser_ros.cli import COMMANDS

LABELS = ("angry", "neutral", "sad", "happy")
ORT = ("--runtime", "onnxruntime")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A bundle that loads at once: `angry` for everything that is a voice."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny.bundle(bias=[3, 0, 0, 0], slope=0).save(folder)
    return folder


def refused(done: subprocess.CompletedProcess[str], *named: str) -> None:
    """Hold that a command ended with one sentence for a person."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1, done.stderr
    for word in named:
        assert word in lines[0]


# ── help ──────────────────────────────────────────────────────────────────────────────────────


def test_help_lists_every_command(ser_ros):
    done = ser_ros("--help")
    assert done.returncode == 0, done.stderr
    first_words = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ")}
    assert set(COMMANDS) <= first_words


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_has_an_example(ser_ros, command):
    done = ser_ros(command, "--help")
    assert done.returncode == 0, done.stderr
    example = done.stdout.partition("example:\n")[2]
    assert f"python -m ser_ros {command}" in example
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("verb", "name", "wrong"), [("play", "BAG", "--rate"), ("record", "OUT", "--seconds")]
)
def test_the_usage_shows_the_order_that_works_with_topics(ser_ros, tmp_path, verb, name, wrong):
    usage = ser_ros("bag", verb, "--help").stdout.splitlines()[0]
    assert usage == f"usage: python -m ser_ros bag {verb} {name} [option ...]"
    # It is understood: what is refused is the value.
    done = ser_ros("bag", verb, tmp_path / "monday", wrong, "0", "--topics", "audio", "emotion")
    refused(done, "bag: ")


def test_the_version(ser_ros):
    done = ser_ros("--version")
    assert done.stdout.startswith("ser_ros ")
    version = done.stdout.split()[1]
    for file in ("setup.py", "package.xml"):
        assert version in (ROOT / file).read_text()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "COMMAND"),
        (("predikt",), "invalid choice"),
        (("predict",), "FILE"),
        (("predict", "--threads", "0", "x.wav"), "at least 1"),
        (("predict", "--threads", "two", "x.wav"), "at least 1"),
        (("predict", "--runtime", "magic", "x.wav"), "invalid choice"),
        (("evaluate", "--fold", "x", "m.csv"), "invalid int"),
    ],
)
def test_a_wrong_use_is_told_with_the_usage(ser_ros, words, named):
    done = ser_ros(*words)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert named in done.stderr


# ── predict ───────────────────────────────────────────────────────────────────────────────────


def test_predict_on_real_recordings(ser_ros, recordings):
    done = ser_ros("predict", *ORT, *recordings)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(recordings)
    for path, line in zip(recordings, lines, strict=True):
        assert line.startswith(str(path))
        assert line.split()[1] in (*LABELS, "uncertain")
        assert all(label in line for label in LABELS)


def test_predict_as_json(ser_ros, recordings):
    done = ser_ros("predict", "--json", *ORT, *recordings[:2])
    assert done.returncode == 0, done.stderr
    for path, line in zip(recordings, done.stdout.splitlines(), strict=False):
        found = json.loads(line)
        assert found["path"] == str(path)
        assert tuple(found["probabilities"]) == LABELS
        assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        assert found["confidence"] == max(found["probabilities"].values())
        assert 0 < found["speech_ratio"] <= 1
        assert -60 < found["level_dbfs"] < 0
        assert found["windows"]


def test_predict_goes_on_after_a_file_that_is_no_audio(ser_ros, model, recordings, tmp_path):
    bad = tmp_path / "notes.wav"
    bad.write_text("no sound\n" * 100)
    done = ser_ros("predict", "--model", model, recordings[0], bad, recordings[1])
    refused(done, "predict: ", "notes.wav", "cannot be read as audio")
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["angry", "angry"]


def test_predict_of_silence_is_no_speech(ser_ros, model, tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(50_000), 16_000)
    done = ser_ros("predict", "--json", "--model", model, tmp_path / "quiet.wav")
    found = json.loads(done.stdout)
    assert (found["label"], found["confidence"], done.returncode) == ("no_speech", 0, 0)


@pytest.mark.parametrize("what", ["empty", "missing", "a folder", "half a flac"])
def test_predict_refuses_a_file_in_a_sentence(ser_ros, model, tmp_path, recordings, what):
    file = tmp_path / "voice.flac"
    if what == "empty":
        file.touch()
    elif what == "a folder":
        file.mkdir()
    elif what == "half a flac":
        file.write_bytes(recordings[0].read_bytes()[:30_000])
    refused(ser_ros("predict", "--model", model, file), "voice.flac", "cannot be read as audio")


def test_predict_reads_a_flac_by_any_name(ser_ros, model, tmp_path, recordings):
    copies = [
        tmp_path / name for name in ("voice.wav", "voice.mp3", "voice", "Stimme für alle.flac")
    ]
    for copy in copies:
        shutil.copy(recordings[0], copy)
    done = ser_ros("predict", "--model", model, *copies)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" angry ") >= 4


def test_predict_without_the_right_to_read(model, tmp_path, recordings):
    closed = tmp_path / "closed.flac"
    shutil.copy(recordings[0], closed)
    closed.chmod(0)
    words = ["-m", "ser_ros", "predict", "--model", str(model), str(closed)]
    if os.geteuid():
        refused(python(*words), "closed.flac", "Permission denied")
        return
    # Root may read all. Without that privilege it is a user like any other.
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("as root, setpriv (util-linux) is needed to give up the right to read all")
    drop = "-dac_override,-dac_read_search"
    done = python(*words, prefix=(setpriv, f"--bounding-set={drop}", f"--inh-caps={drop}"))
    refused(done, "closed.flac", "Permission denied")


def test_predict_with_a_model_that_is_damaged_or_missing(ser_ros, recordings, tmp_path):
    folder = tmp_path / "broken"
    tiny.bundle().save(folder)
    content = bytearray((folder / "model.onnx").read_bytes())
    content[50] ^= 1
    (folder / "model.onnx").write_bytes(content)
    refused(ser_ros("predict", "--model", folder, recordings[0]), "damaged", "SHA-256")
    refused(ser_ros("predict", "--model", "nosuch", recordings[0]), "nosuch", "manifest.json")
    refused(ser_ros("predict", "--model", "~nosuchuser/x", recordings[0]), "nosuchuser")


def test_predict_without_the_speech_detector(ser_ros, model, recordings, tmp_path):
    done = ser_ros(
        "predict", "--model", model, recordings[0], env={"SER_ROS_MODELS": str(tmp_path)}
    )
    refused(done, "silero")


def test_predict_into_a_pipe_that_is_closed(model, recordings):
    words = [sys.executable, "-m", "ser_ros", "predict", "--model", str(model)]
    words += [str(path) for path in recordings]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert said == ""
    assert process.returncode == 0


def test_predict_onto_a_full_disk(model, recordings):
    words = [sys.executable, "-m", "ser_ros", "predict", "--model", str(model), str(recordings[0])]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, cwd=ROOT, text=True)
    assert done.returncode == 1
    assert "'standard output' cannot be written (full)" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_predict_on_a_terminal_that_knows_few_characters(ser_ros, model, recordings, encoding):
    done = ser_ros("predict", "--model", model, recordings[0], env={"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert " angry " in done.stdout


def test_predict_a_file_whose_name_is_no_text(ser_ros, model, recordings, tmp_path):
    name = os.fsencode(tmp_path) + b"/voice-\xff.flac"
    shutil.copy(recordings[0], name)
    done = ser_ros("predict", "--json", "--model", model, os.fsdecode(name))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] == "angry"


# ── evaluate ──────────────────────────────────────────────────────────────────────────────────

KEYS = {"uar", "accuracy", "per_class_recall", "confusion", "labels", "n", "ece"}


def test_evaluate_on_real_recordings(ser_ros, tmp_path):
    out = tmp_path / "scores.json"
    done = ser_ros("evaluate", *ORT, recordings_folder() / "manifest.csv", "--json", out)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert set(found) >= KEYS
    assert found["n"] == 8
    assert found["labels"] == list(LABELS)
    assert np.sum(found["confusion"]) + found["no_speech"] == 8
    assert found["corpora"]["emodb"]["n"] == 8
    assert found["runtime"] == "onnxruntime"
    assert (found["left_out"], found["unreadable"]) == (0, 0)
    assert f"{found['uar']:.3f}" in done.stdout
    assert all(label in done.stdout for label in LABELS)


def write_manifest(folder: Path, rows: str) -> Path:
    for path in recordings_folder().glob("*.flac"):
        shutil.copy(path, folder)
    path = folder / "list.csv"
    path.write_text(rows)
    return path


def test_evaluate_counts_what_it_cannot_use(ser_ros, model, tmp_path):
    (tmp_path / "broken.wav").write_text("nothing")
    listed = write_manifest(
        tmp_path,
        "path,emotion\n03a05Wa.flac,angry\n03a05Tc.flac,Sadness\n03a05Fc.flac,disgust\n"
        "broken.wav,sad\nmissing.wav,sad\n",
    )
    done = ser_ros("evaluate", "--model", model, listed, "--json", tmp_path / "out.json")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 2
    assert "Traceback" not in done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["n"], found["left_out"], found["unreadable"]) == (2, 1, 2)
    assert found["per_class_recall"] == {"angry": 1, "neutral": None, "sad": 0, "happy": None}
    assert (found["uar"], found["accuracy"]) == (0.5, 0.5)


def test_evaluate_of_clips_in_which_nobody_speaks(ser_ros, model, tmp_path):
    soundfile.write(tmp_path / "quiet.wav", np.zeros(50_000), 16_000)
    listed = write_manifest(tmp_path, "path,emotion\nquiet.wav,sad\n")
    done = ser_ros("evaluate", "--model", model, listed, "--json", tmp_path / "out.json")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["uar"], found["ece"], found["no_speech"]) == (0, None, 1)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (None, "No such file"),
        ("", "no column"),
        ("file,label\na.wav,sad\n", "no column emotion"),
        ("path,emotion\n", "no recording"),
        ("path,emotion\n03a05Wa.flac,hangry\n", "'hangry' is not an emotion"),
        ("path,emotion\n03a05Wa.flac,fear\n", "emotion that the model knows"),
    ],
)
def test_evaluate_refuses_a_manifest_in_a_sentence(ser_ros, model, tmp_path, rows, named):
    listed = tmp_path / "missing.csv" if rows is None else write_manifest(tmp_path, rows)
    refused(ser_ros("evaluate", "--model", model, listed), "evaluate: ", listed.name, named)


def test_evaluate_of_a_fold_that_is_not_there(ser_ros, model):
    done = ser_ros("evaluate", "--model", model, "--fold", 7, recordings_folder() / "manifest.csv")
    refused(done, "fold", "7")


def test_evaluate_when_nothing_can_be_read_does_not_blame_the_emotions(ser_ros, model, tmp_path):
    listed = write_manifest(tmp_path, "path,emotion\nmissing.wav,sad\n")
    done = ser_ros("evaluate", "--model", model, listed)
    assert done.returncode == 1
    assert "missing.wav" in done.stderr
    assert "emotion that the model knows" not in done.stderr


@pytest.mark.parametrize("out", ["no/such/folder/out.json", ".", "/dev/null/out.json"])
def test_evaluate_into_a_file_that_cannot_be_written(ser_ros, model, tmp_path, out):
    listed = write_manifest(tmp_path, "path,emotion\n03a05Wa.flac,angry\n")
    done = ser_ros("evaluate", "--model", model, listed, "--json", tmp_path / out)
    refused(done, "cannot be written")
    assert done.stdout == "", "before anybody waits"


def test_evaluate_never_replaces_a_device(ser_ros, model, tmp_path):
    listed = write_manifest(tmp_path, "path,emotion\n03a05Wa.flac,angry\n")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    refused(ser_ros("evaluate", "--model", model, listed, "--json", pipe), "cannot be written")
    assert pipe.is_fifo()


def test_evaluate_writes_through_a_link(ser_ros, model, tmp_path):
    listed = write_manifest(tmp_path, "path,emotion\n03a05Wa.flac,angry\n")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    done = ser_ros("evaluate", "--model", model, listed, "--json", tmp_path / "link.json")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text())["n"] == 1


def told(folder: Path, **training: object) -> Path:
    """Save a bundle that tells who was in its training."""
    about = {"training": training, "licence": "CC0 1.0"}
    replace(tiny.bundle(bias=[3, 0, 0, 0], slope=0), about=about).save(folder / "told")
    return folder / "told"


def test_evaluate_says_when_a_speaker_was_in_the_training(ser_ros, tmp_path):
    manifest = recordings_folder() / "manifest.csv"
    every = told(tmp_path, corpora={"emodb": {}}, held_out_speakers=["emodb/08"])
    done = ser_ros("evaluate", "--model", every, *ORT, manifest)
    assert done.returncode == 0, done.stderr
    assert "not figures for unseen speakers: emodb/03." in done.stdout
    both = told(tmp_path, corpora={"emodb": {}}, held_out_speakers=["emodb/03", "emodb/08"])
    done = ser_ros("evaluate", "--model", both, *ORT, manifest)
    assert "unseen" not in done.stdout


def test_evaluate_under_conditions(ser_ros, model, tmp_path):
    soundfile.write(tmp_path / "hum.wav", np.sin(np.arange(32_000)) * 0.1, 16_000)
    manifest, out = recordings_folder() / "manifest.csv", tmp_path / "out.json"
    words = ("--condition", "gain -30 dB", "--condition", "noise 0 dB", "--no-speech", tmp_path)
    words += ("--noise-folder", tmp_path, "--work", tmp_path / "work", "--json", out)
    words += ("--baseline", "none")
    done = ser_ros("evaluate", "--model", model, *ORT, manifest, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert list(found["conditions"]) == ["clean", "gain -30 dB", "noise 0 dB"]
    assert {row["n"] for row in found["conditions"].values()} == {8}
    assert found["n"] == found["baseline"]["none"]["n"] == 6, "a neutral clip each is kept out"
    assert found["intervals"]["uar"]["value"] == found["uar"]
    assert set(found["genders"]) == {"male", "female"}
    assert found["genders"]["male"]["intervals"]["uar"]["low"] is None, "of one voice"
    assert found["no_speech"]["all"]["n"] > 100
    assert found["mode"] == "none"
    assert "(no interval): of a corpus it has one voice alone" in done.stdout
    assert "digital silence" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert list((tmp_path / "work").rglob("*.npz"))


@pytest.fixture(scope="module")
def knowing(tmp_path_factory) -> Path:
    """A model that tells how neutral speech sounds to it."""
    folder = tmp_path_factory.mktemp("knowing") / "model"
    replace(tiny.bundle(), neutral_logits=(0.0, 1.0, 0.0, 0.0)).save(folder)
    return folder


@pytest.mark.parametrize("mode", ["enroll", "running"])
def test_evaluate_with_a_voice_baseline(ser_ros, knowing, tmp_path, mode):
    manifest, out = recordings_folder() / "manifest.csv", tmp_path / "out.json"
    words = ("--baseline", mode, "--json", out)
    done = ser_ros("evaluate", "--model", knowing, *ORT, manifest, *words)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert list(found["baseline"]) == ["none", "enroll", "running"]
    assert {row["n"] for row in found["baseline"].values()} == {found["n"]} == {6}
    assert found["uar"] == found["baseline"][mode]["uar"]["value"]
    for row in ("none", "enroll", "running"):
        assert f"\n{row:14}" in done.stdout


def test_whom_the_population_is_made_of_is_compared_with_the_others(ser_ros, tmp_path):
    """So it does not matter what the bundle says of them together."""
    told = {"training": {"speakers": [], "held_out_speakers": ["emodb/03", "emodb/08"]}}
    found = []
    for name, own in (("a", (0.0, 1.0, 0.0, 0.0)), ("b", (-3.0, 4.0, 2.0, -3.0))):
        replace(tiny.bundle(slope=1.0, neutral_logits=own), about=told).save(tmp_path / name)
        words = ("--baseline", "enroll", "--json", tmp_path / "out.json")
        manifest = recordings_folder() / "manifest.csv"
        done = ser_ros("evaluate", "--model", tmp_path / name, *ORT, manifest, *words)
        assert done.returncode == 0, done.stderr
        found.append(json.loads((tmp_path / "out.json").read_text())["ece"])
    assert found[0] == found[1]


def test_a_voice_that_is_the_whole_population_is_compared_with_nobody(ser_ros, tmp_path):
    told = {"training": {"speakers": [], "held_out_speakers": ["emodb/03"]}}
    known = replace(tiny.bundle(neutral_logits=(0.0, 1.0, 0.0, 0.0)), about=told)
    known.save(tmp_path / "model")
    head, *rows = (recordings_folder() / "manifest.csv").read_text().splitlines()
    own = [f"{recordings_folder()}/{row}" for row in rows if ",03," in row]
    assert len(own) == 4
    (tmp_path / "m.csv").write_text("\n".join([head, *own]) + "\n")
    words = ("--model", tmp_path / "model", *ORT, tmp_path / "m.csv", "--baseline")
    refused(ser_ros("evaluate", *words, "enroll"), "nobody else there has a neutral clip")
    assert ser_ros("evaluate", *words, "none").returncode == 0
    # Whom the model has learned is no stranger: what the bundle tells is all there is.
    learned = {"training": {"speakers": ["emodb/03"], "calibrated_on": ["emodb/03"]}}
    replace(known, about=learned).save(tmp_path / "model")
    done = ser_ros("evaluate", *words, "enroll")
    assert done.returncode == 0, done.stderr
    assert "not figures for unseen speakers" in done.stdout and "\nenroll" in done.stdout


def test_nobody_is_enrolled_without_speakers(ser_ros, knowing, tmp_path):
    rows = ["path,emotion", *(f"{p},{e}" for p, e in NAMELESS)]
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n")
    words = ("--model", knowing, *ORT, tmp_path / "m.csv", "--baseline")
    refused(ser_ros("evaluate", *words, "enroll"), "no speaker has a neutral clip to enrol")
    done = ser_ros("evaluate", *words, "running")
    assert done.returncode == 0, done.stderr
    assert "running" in done.stdout and "enroll" not in done.stdout


NAMELESS = [
    (recordings_folder() / f"03a05{code}.flac", emotion)
    for code, emotion in (("Wa", "angry"), ("Nd", "neutral"), ("Tc", "sad"), ("Fc", "happy"))
]


def test_a_page_of_voices_that_were_learned_is_refused_before_anybody_waits(ser_ros, tmp_path):
    about = {"training": {"speakers": ["emodb/03"]}}
    replace(tiny.bundle(), about=about).save(tmp_path / "model")
    manifest = recordings_folder() / "manifest.csv"
    words = ("--model", tmp_path / "model", *ORT, "--results", tmp_path / "out")
    done = ser_ros("evaluate", manifest, *words)
    refused(done, "emodb/03")
    assert done.stdout == ""


@pytest.mark.train
def test_evaluate_writes_a_page_that_tells_no_folder(ser_ros, knowing, tmp_path):
    for module in ("sklearn", "matplotlib", "pyroomacoustics"):
        pytest.importorskip(module, reason=f"{module} is in the extra train")
    manifest = recordings_folder() / "manifest.csv"
    words = ("--model", knowing, *ORT, "--results", tmp_path / "out", "--seed", 3)
    done = ser_ros("evaluate", manifest, *words)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "RESULTS.md").read_text()
    told = "evaluate PATH/manifest.csv --model PATH/model --seed 3 --results PATH/out"
    assert f"`python -m ser_ros {told} --runtime onnxruntime`" in page
    assert str(tmp_path) not in page and str(knowing.parent) not in page
    for heading in ("What was to be reached", "Noise, gain", "Calibration", "Knowing the voice"):
        assert f"## {heading}" in page
    assert (tmp_path / "out" / "results" / "confusion.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("--condition", "underwater"), ("underwater", "telephone")),
        (("--condition", "noise 10 dB"), ("--noise-folder", "recordings of noise")),
        (("--baseline", "enroll"), ("'tiny'", "neutral_logits")),
        (("--no-speech", "no/such/folder"), ("no/such/folder", "holds recordings")),
        (("--json", "no/such/folder/x.json"), ("no/such/folder", "cannot be written")),
        (("--results", "/dev/null/x"), ("/dev/null/x", "cannot be written")),
    ],
)
def test_evaluate_of_what_it_cannot_do(ser_ros, model, words, named):
    manifest = recordings_folder() / "manifest.csv"
    done = ser_ros("evaluate", "--model", model, *ORT, manifest, *words)
    refused(done, *named)
    assert done.stdout == "", "nobody waited for it"


@pytest.mark.parametrize("command", [["evaluate", "x"], ["bag", "compare", "x", "y"]])
def test_a_seed_below_0(ser_ros, command):
    done = ser_ros(*command, "--seed", "-1")
    assert done.returncode == 2
    assert "'-1' is no whole number of at least 0" in done.stderr


def test_evaluate_of_groups_of_one_name(ser_ros, model, tmp_path):
    rows = "".join(
        f"{path},{emotion},{speaker},{corpus},all\n"
        for path, emotion, speaker, corpus in (
            ("03a05Wa.flac", "angry", "03", "all"),
            ("03a05Tc.flac", "sad", "08", "all"),
            ("03a05Wa.flac", "angry", "09", "de"),
            ("03a05Tc.flac", "sad", "10", "de"),
        )
    )
    manifest = write_manifest(tmp_path, f"path,emotion,speaker,corpus,language\n{rows}")
    done = ser_ros("evaluate", "--model", model, *ORT, manifest)
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"^(?:all|de) +(\d+) ", done.stdout, re.M)
    assert counts == ["4", "2", "2", "4"], "all of them, two corpora, a language"


def test_evaluate_tells_of_silences_that_it_cannot_read(ser_ros, model, tmp_path):
    soundfile.write(tmp_path / "rain.wav", np.zeros(50_000), 16_000)
    (tmp_path / "wind.wav").write_text("no sound")
    manifest = recordings_folder() / "manifest.csv"
    words = ("--no-speech", tmp_path, "--json", tmp_path / "out.json")
    done = ser_ros("evaluate", "--model", model, *ORT, manifest, *words)
    assert done.returncode == 1
    assert "wind.wav" in done.stderr
    (told,) = json.loads((tmp_path / "out.json").read_text())["no_speech"]["unreadable"]
    assert "wind.wav" in told


def test_evaluate_writes_no_page_of_what_happens_to_be_readable(ser_ros, model, tmp_path):
    listed = tmp_path / "m.csv"
    good = recordings_folder() / "03a05Wa.flac"
    listed.write_text(f"path,emotion,speaker\n{good},angry,a\nmissing.wav,sad,b\n")
    words = ("--results", tmp_path / "out")
    done = ser_ros("evaluate", "--model", model, *ORT, listed, *words)
    assert done.returncode == 1
    assert "missing.wav" in done.stderr
    assert "1 recordings cannot be read" in done.stderr
    assert not (tmp_path / "out" / "RESULTS.md").exists()


# ── everything finds what it carries ──────────────────────────────────────────────────────────


def test_commands_run_from_anywhere(ser_ros, model, tmp_path, recordings):
    shutil.copy(recordings[0], tmp_path / "here.flac")
    done = ser_ros("predict", "--model", model, "here.flac", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert models_folder().is_dir()
