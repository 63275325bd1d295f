"""Many bags: side by side, on a cluster, a bad one among them, interrupted and gone on with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
from bagged import START, info, make, write
from programs import ROOT

from ser_ros import fleet
from ser_ros.bundle import Calibration
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.judged import Source
from ser_ros.fleet import Failure, Job, hear_all
from ser_ros.replay import Replay


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tiny.bundle(bias=(0.0, 0.5, 0.2, 1.6)).save(folder)
    return folder


@pytest.fixture(scope="module")
def bags(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bags")
    return [make(folder / f"day-{n}", n) for n in range(3)]


def jobs(model: Path, bags: list[Path]) -> list[Job]:
    return [Job(Replay(bag), model, "onnxruntime") for bag in bags]


def heard(outcomes: list) -> list[list[tuple]]:
    """Return what was heard, without how long it took."""
    return [[(w.stamp_ns, w.label, w.probabilities, w.truth) for w in o.windows] for o in outcomes]


def test_processes_hear_what_one_hears(model, bags):
    alone = hear_all(jobs(model, bags))
    assert [o.name for o in alone] == ["day-0", "day-1", "day-2"]
    together = hear_all(jobs(model, bags), processes=2)
    assert [o.sha256 for o in together] == [o.sha256 for o in alone]
    for one, other in zip(heard(together), heard(alone), strict=True):
        for a, b in zip(one, other, strict=True):
            assert a[:2] == b[:2]
            assert a[2] == pytest.approx(b[2], abs=1e-6)


def test_a_bad_bag_is_told_and_stops_no_other(tmp_path, model, bags):
    silent = write(tmp_path / "silent", ("/audio_info", START, info()))
    seen = []
    outcomes = hear_all(
        jobs(model, [bags[0], silent, tmp_path / "none", bags[1]]),
        heard=lambda job, outcome: seen.append((job.wanted.bag.name, type(outcome))),
    )
    assert [type(o) for o in outcomes] == [Source, Failure, Failure, Source]
    assert "audio" in outcomes[1].sentence
    assert "There is no bag" in outcomes[2].sentence
    assert seen[1:3] == [("silent", Failure), ("none", Failure)]


def test_what_was_heard_is_not_heard_again(tmp_path, model, bags):
    first = hear_all(jobs(model, bags[:2]), tmp_path)
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 2
    # What stands in the folder is what is returned, so nothing was heard again.
    content = json.loads(kept[0].read_text())
    content["remarks"] = ["from the folder"]
    kept[0].write_text(json.dumps(content))
    again = hear_all(jobs(model, bags), tmp_path)
    assert sorted(o.remarks for o in again) == [(), (), ("from the folder",)]
    assert heard(again[:2]) == heard(first)
    # What is damaged, or was heard otherwise, is heard anew.
    kept[0].write_text("{")
    assert heard(hear_all(jobs(model, bags[:2]), tmp_path)) == heard(first)
    other = [
        Job(job.wanted, model, "onnxruntime", uncertain_below=1.0) for job in jobs(model, bags)
    ]
    labels = {w.label for o in hear_all(other, tmp_path) for w in o.windows}
    assert labels <= {"uncertain", "no_speech"}


def test_what_was_kept_is_forgotten_and_nothing_else(ser_ros, tmp_path, model, bags):
    report, work = tmp_path / "monday", tmp_path / "monday.work"
    work.mkdir()
    (work / "thesis.json").write_text("mine")
    done = ser_ros("bag", "evaluate", bags[0], "--model", model, "--report", report)
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in work.iterdir()] == ["thesis.json"]
    (work / "thesis.json").unlink()
    hear_all(jobs(model, bags[:1]), work)
    fleet.forget(work)
    fleet.forget(work)
    assert not work.exists()


def test_another_temperature_hears_anew(tmp_path, bags):
    """A study makes such pairs: the network is the same, what is said of its logits is not."""
    found = []
    for temperature in (1.0, 9.0):
        calibrated = tiny.bundle(calibration=Calibration(temperature, 0.0))
        calibrated.save(tmp_path / "tiny")
        outcomes = hear_all(jobs(tmp_path / "tiny", bags[:1]), tmp_path / "work")
        found.append(max(w.confidence for w in outcomes[0].windows))
    assert found[0] > found[1] + 0.1


def test_other_code_hears_anew(tmp_path, model, bags, monkeypatch):
    work, code = tmp_path / "work", tmp_path / "code"
    code.mkdir()
    for text in ("a = 1", "a = 1", "a = 2"):
        (code / "a.py").write_text(text)
        fleet._code.cache_clear()
        monkeypatch.setattr(fleet, "PACKAGE", code)
        hear_all(jobs(model, bags[:1]), work)
    assert len(list(work.iterdir())) == 2


def interrupted(work: Path, *words: object) -> None:
    """Run `bag evaluate`, and interrupt it as soon as something is kept."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", "ser_ros", "bag", "evaluate", *map(str, words)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not kept(work):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "interrupted" in told


def kept(work: Path) -> list[Path]:
    return list(work.glob("[0-9a-f]*.json"))


def test_an_interrupted_evaluation_goes_on_where_it_stopped(ser_ros, tmp_path, model, bags):
    report, work = tmp_path / "report", tmp_path / "report.work"
    words = (*bags, "--model", model, "--report", report)
    interrupted(work, *words)
    assert not report.exists()
    assert kept(work)
    done = ser_ros("bag", "evaluate", *words)
    assert done.returncode == 0, done.stderr
    assert len(json.loads((report / "report.json").read_text())["sources"]) == 3
    assert not work.exists()


def test_ctrl_c_waits_for_no_bag(tmp_path, model, bags):
    long = [make(tmp_path / f"long-{n}") for n in range(3)]
    words = ("--model", model, "--work", tmp_path / "work", "--jobs", 2, "--hop", 0.05)
    interrupted(tmp_path / "work", bags[0], *long, *words)
    assert len(kept(tmp_path / "work")) == 1
    assert len(list((tmp_path / "work").iterdir())) == 1


def test_a_cluster_hears_what_one_process_hears(tmp_path, model, bags):
    distributed = pytest.importorskip("distributed", reason="it is in the extra dask")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        there = hear_all(
            jobs(model, [*bags, tmp_path / "none"]), tmp_path, dask=cluster.scheduler_address
        )
        # What goes wrong in a worker is a sentence, also where it is none of our errors.
        nonsense = [Job(None, model)]  # type: ignore[arg-type]
        with pytest.raises(BadValue, match=r"AttributeError.*expected workers that have"):
            hear_all(nonsense, dask=cluster.scheduler_address)
    assert isinstance(there.pop(), Failure)
    for one, other in zip(heard(there), heard(hear_all(jobs(model, bags))), strict=True):
        for a, b in zip(one, other, strict=True):
            assert a[:2] == b[:2]
            assert a[2] == pytest.approx(b[2], abs=1e-6)


def test_a_cluster_that_is_not_there_is_told(model, bags):
    pytest.importorskip("distributed", reason="it is in the extra dask")
    with pytest.raises(BadValue, match="a Dask scheduler that answers"):
        hear_all(jobs(model, bags), dask="tcp://127.0.0.1:1")


def test_without_dask_the_package_is_named(model, bags, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match="pip install distributed"):
        hear_all(jobs(model, bags), dask="tcp://127.0.0.1:1")


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_bags_of_one_name_are_several_voices(ser_ros, model, bags, tmp_path):
    tracks = tmp_path / "tracks"
    tracks.mkdir()
    (tracks / "bag.csv").write_text("start,end,label\n0,2,joy\n")
    places = []
    for number, bag in enumerate(bags[:2]):
        shutil.copytree(bag, tmp_path / str(number) / "bag")
        places.append(tmp_path / str(number) / "bag")
    words = (*places, "--model", model, "--labels", tracks, "--json")
    plain = ser_ros("bag", "evaluate", *words)
    reported = ser_ros("bag", "evaluate", *words, "--report", tmp_path / "report")
    assert (plain.returncode, reported.returncode) == (0, 0), plain.stderr + reported.stderr
    one, other = (json.loads(done.stdout)["scored"] for done in (plain, reported))
    assert one == other


def test_the_command_says_how_right_it_was(ser_ros, model, bags, tmp_path):
    track = tmp_path / "tracks"
    track.mkdir()
    for bag in bags:
        (track / f"{bag.name}.csv").write_text("start,end,label\n0,2,joy\n")
    options = ("--model", model, "--labels", track, "--json")
    done = ser_ros("bag", "evaluate", *bags, *options)
    assert (done.returncode, done.stderr) == (0, "")
    content = json.loads(done.stdout, parse_constant=pytest.fail)  # NaN is no JSON
    assert content["scored"]["windows"]["per_class_recall"].keys() >= {"happy"}
    alone = ser_ros("bag", "evaluate", bags[0], *options[:-1])
    assert "of one voice there is no interval" in alone.stdout
    assert "nan" not in alone.stdout
    for words, named in ((("--seed", "-1"), "at least 0"), (("--hop", "1e-9"), "0.05 to 60 s")):
        wrong = ser_ros("bag", "evaluate", bags[0], *options, *words)
        assert named in wrong.stderr and "Traceback" not in wrong.stderr
    bad = ser_ros("bag", "evaluate", *bags, "none", *options)
    assert bad.returncode == 1
    assert "a file of labels for the bag 'none'" in bad.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["none"], "There is no bag"),
        (["none", "--hop", "0"], "0.05 to 60 s"),
        (["none", "--uncertain-below", "2"], "0 to 1"),
        (["a", "b", "--labels", "track.csv"], "a folder with a file of labels for each"),
        (["none", "--model", "nothing"], "has no readable manifest"),
    ],
)
def test_what_cannot_be_evaluated_is_a_sentence(ser_ros, tmp_path, words, sentence):
    done = ser_ros("bag", "evaluate", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_be_kept_stops_it_before_anything_is_heard(ser_ros, tmp_path, model, bags):
    (tmp_path / "file").write_text("")
    done = ser_ros(
        "bag", "evaluate", *bags, "--model", model, "--work", tmp_path / "file" / "work"
    )  # fmt: skip
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "heard" not in done.stdout
