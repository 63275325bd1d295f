import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from ser_ros import audio
from ser_ros.__main__ import main
from ser_ros.audio import AudioFormat
from ser_ros.benchmark import contest, graph, machine, report, stages, tables, usual
from ser_ros.benchmark.clock import Clock, resident_mb
from ser_ros.benchmark.task import Result, Task
from ser_ros.benchmark.windows import Windows, carried_files, write_windows
from ser_ros.errors import SerError
from ser_ros.features import FeatureConfig

TASK = Task("stages", "onnxruntime", "no/such/bundle", "no/such/folder", 0, 1)


def ours(factor=1.0, **figures):
    samples = {
        "decode": [0.1 * factor] * 3,
        "gate": [2.0 * factor] * 3,
        "image": [1.0 * factor] * 3,
        "network": [10.0 * factor] * 3,
        "whole": [13.0 * factor, 14.0 * factor, 15.0 * factor],
    }
    return Result(samples, figures)


# ── pooling ───────────────────────────────────────────────────────────────────────────────────


def test_the_samples_of_all_rounds_are_pooled():
    slow = Result({"whole": [100.0]}, {"rss_mb": 300.0}, notes={"without_speech": 2})
    fast = Result({"whole": [1.0, 2.0, 3.0, 4.0]}, {"rss_mb": 100.0}, notes={"without_speech": 1})
    last = Result({"whole": []}, {"rss_mb": 120.0})

    pooled = report.pool([slow, fast, last])

    assert pooled["stages"]["whole"]["n"] == 5
    assert pooled["stages"]["whole"]["p50_ms"] == 3.0
    assert pooled["stages"]["whole"]["mean_ms"] == 22.0
    assert pooled["stages"]["whole"]["p99_ms"] == pytest.approx(
        np.percentile([1, 2, 3, 4, 100], 99)
    )
    assert pooled["rss_mb"] == 120.0  # the median, for a process is measured once
    assert pooled["without_speech"] == 3


def test_a_ratio_is_of_medians():
    pooled = {
        "usual": report.pool([Result({"whole": [70.0, 70.0, 9000.0]}, {})]),
        "onnxruntime": report.pool([ours()]),
        "capture": report.pool([Result({}, {"rss_mb": 50.0})]),
    }
    assert report.ratios(pooled) == {"onnxruntime": 5.0}


def test_without_the_usual_way_there_is_no_ratio():
    assert report.ratios({"onnxruntime": report.pool([ours()])}) == {}


def test_probabilities_are_compared_window_by_window():
    torch = [Result({}, {}, {0: [0.5, 0.5]}), Result({}, {}, {1: [0.9, 0.1]})]
    other = [Result({}, {}, {1: [0.7, 0.3]}), Result({}, {}, {0: [0.5, 0.5], 7: [1.0, 0.0]})]

    found = report.differences({"torch": torch, "openvino": other, "capture": []}, "torch")

    assert found == {"openvino": pytest.approx(0.2)}


# ── aims ──────────────────────────────────────────────────────────────────────────────────────


def told(pooled):
    return {aim.what: aim.met for aim in report.aims(pooled)}


def test_aims_are_met_missed_or_not_measured():
    met = told(
        {
            "usual": report.pool([Result({"whole": [100.0]}, {})]),
            "onnxruntime": report.pool([ours()]),
            "openvino": report.pool([ours()]),
            "inference onnxruntime": report.pool([Result({}, {"rss_mb": 201.0, "ready_s": 1.0})]),
        }
    )
    assert met["window, usual way / onnxruntime"] is True
    assert met["window, usual way / openvino"] is False
    assert met["decode + gate + image / network, onnxruntime"] is True
    assert met["inference onnxruntime node, memory"] is False
    assert met["inference onnxruntime node, ready"] is True
    assert met["capture node, memory"] is None


def test_where_nothing_is_measured_no_aim_is_met():
    assert set(told({}).values()) == {None}


# ── turns ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rounds", [1, 2, 3, 7])
def test_every_window_is_judged_once(rounds):
    turns = contest.order([TASK], rounds)
    judged = [index for task in turns for index in task.share(20)]
    assert sorted(judged) == list(range(20))


def test_contestants_alternate_and_everyone_begins_once():
    tasks = [replace(TASK, name=name) for name in "abc"]
    names = [task.name for task in contest.order(tasks, 3)]
    assert names == list("abc" + "bca" + "cab")


def test_a_task_and_its_result_survive_the_way_to_the_process_and_back():
    result = Result({"whole": [1.5]}, {"rss_mb": 2.0}, {3: [0.25, 0.75]}, {"without_speech": 1})
    assert Result.from_json(result.to_json()) == result
    assert Task(**json.loads(TASK.to_json())) == TASK


def test_a_contestant_that_fails_says_why_and_the_others_go_on(monkeypatch):
    def measure(task, limit_s):
        if task.name == "b":
            raise SerError("b is ill.")
        return ours()

    monkeypatch.setattr(contest, "measure", measure)
    tasks = [replace(TASK, name=name) for name in "ab"]
    results, failures = contest.run(iter(contest.order(tasks, 2)), 8)

    assert len(results["a"]) == 2 and "b" not in results
    assert failures == {"b": "b is ill."}


def test_what_went_wrong_in_the_process_is_told():
    with pytest.raises(SerError, match=r"no/such/bundle.*has no readable manifest\.json"):
        contest.measure(TASK, 60.0)


def test_a_process_that_takes_too_long_is_ended():
    began = time.monotonic()
    with pytest.raises(SerError, match="took longer"):
        contest.measure(TASK, 0.01)
    assert time.monotonic() - began < 10


# ── windows ───────────────────────────────────────────────────────────────────────────────────


def test_the_carried_recordings_give_enough_distinct_windows(tmp_path):
    features = FeatureConfig()
    path, wav = tmp_path / "windows.pcm", tmp_path / "speech.wav"
    about = write_windows(path, wav, carried_files(), 200, features)
    windows = Windows(path, features.window)

    assert about["windows"] == len(windows) == 200
    assert len({windows[index] for index in range(200)}) == 200
    speech = audio.load(wav)
    first = audio.decode(windows[0], AudioFormat())[:, 0]
    last = audio.decode(windows[199], AudioFormat())[:, 0]
    np.testing.assert_allclose(first, speech[: features.window], atol=1e-4)
    np.testing.assert_allclose(last, speech[-features.window :], atol=1e-4)


def test_a_short_recording_is_one_window(tmp_path):
    features = FeatureConfig(window=160_000)
    about = write_windows(
        tmp_path / "windows.pcm", tmp_path / "speech.wav", carried_files()[:1], 200, features
    )
    assert about["windows"] == 1 and about["hop_s"] is None


# ── what it says ──────────────────────────────────────────────────────────────────────────────


def made_up_report():
    pooled = {"onnxruntime": report.pool([ours(2.0, import_s=0.1, load_s=0.1, rss_mb=150.0)])}
    pooled["usual"] = report.pool([Result({"whole": [112.0]}, {"first_ms": 1800.0})])
    return {
        "machine": machine.describe(),
        "model": {"name": "densenet121"},
        "speech": {
            "windows": 3,
            "window_s": 2.5,
            "hop_s": 0.1,
            "files": 1,
            "seconds": 3.0,
            "without_speech": 0,
        },
        "rounds": 1,
        "contestants": pooled,
        "ratios": report.ratios(pooled),
        "differences_from_torch": {},
        "aims": [aim.to_dict() for aim in report.aims(pooled)],
        "failures": {"capture": "It fell."},
        "not_installed": ["the runtime openvino"],
    }


def test_a_missed_aim_is_told_as_missed(capsys):
    found = made_up_report()
    tables.print_text(found)
    for text in (capsys.readouterr().out, tables.as_markdown(found)):
        (line,) = (line for line in text.splitlines() if "usual way / onnxruntime" in line)
        assert "at least 5 x" in line and "4 x" in line and "MISSED" in line
        assert "Failed: It fell." in text
        assert "the runtime openvino" in text
        for stage in stages.STAGES:
            assert stage in text


def test_every_row_of_the_markdown_has_as_many_cells_as_its_head():
    for table in tables.tables(made_up_report()):
        assert {len(row) for row in table.rows} == {len(table.head)}


def test_a_clock_and_a_scale():
    clock = Clock()
    with clock.stage("nap"):
        time.sleep(0.01)
    assert clock.samples["nap"][0] >= 10
    assert 5 < resident_mb() < 100_000
    assert resident_mb(os.getpid()) > 5


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_without_a_bundle_there_is_a_sentence(capsys, tmp_path):
    assert main(["benchmark", "--model", str(tmp_path / "none")]) == 1
    assert "has no readable manifest.json" in capsys.readouterr().err


def test_a_file_that_is_no_audio_is_named(capsys, tmp_path):
    (tmp_path / "no.wav").write_text("no audio")
    assert main(["benchmark", "--windows", "8", str(tmp_path / "no.wav")]) == 1
    assert "no.wav' cannot be read as audio" in capsys.readouterr().err


def test_a_folder_that_is_missing_is_told_before_anything_is_measured(capsys, tmp_path):
    assert main(["benchmark", "--json", str(tmp_path / "none" / "figures.json")]) == 1
    assert "figures.json' cannot be written" in capsys.readouterr().err
    assert main(["benchmark", "--json", str(tmp_path)]) == 1
    assert "it is no regular file" in capsys.readouterr().err


def test_without_a_runtime_there_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setattr(contest, "installed", lambda modules: False)
    assert main(["benchmark"]) == 1
    assert "'onnxruntime' cannot be used" in capsys.readouterr().err


@pytest.mark.slow
def test_a_short_run_measures_everything_that_is_installed(capsys, tmp_path):
    out = tmp_path / "figures.json"
    assert main(["benchmark", "--windows", "8", "--rounds", "1", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    contestants = found["contestants"]

    for name in stages.MODULES:
        if name in contestants:
            assert set(contestants[name]["stages"]) == set(stages.STAGES)
            assert {of["n"] for of in contestants[name]["stages"].values()} == {8}
            for figure in ("import_s", "load_s", "first_ms", "rss_mb"):
                assert contestants[name][figure] > 0
    assert "onnxruntime" in contestants and found["failures"] == {}
    assert ("usual" in contestants) == contest.installed(usual.NEEDED)
    if "usual" in contestants:
        assert set(contestants["usual"]["stages"]) == set(usual.STAGES)
        assert found["ratios"].keys() >= {"onnxruntime"}
    assert ("capture" in contestants) == contest.installed(graph.NEEDED)
    if "capture" in contestants:
        assert contestants["inference onnxruntime"]["stages"]["latency"]["n"] == 8
        assert contestants["capture"]["rss_mb"] > 0
    for name, off in found["differences_from_torch"].items():
        assert off < 0.05, name  # bfloat16, where the processor has it
    assert found["machine"]["cpu"] and found["speech"]["windows"] == 8
    assert "Aims" in capsys.readouterr().out
