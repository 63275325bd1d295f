"""Pictures and the page, from figures made up for it; where figures come from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from ser_ros.evaluation import bootstrap
from ser_ros.evaluation.bootstrap import Interval
from ser_ros.evaluation.clips import Heard
from ser_ros.evaluation.conditions import CONDITIONS
from ser_ros.evaluation.pictures import PICTURES, draw
from ser_ros.evaluation.provenance import commit, origin
from ser_ros.evaluation.results import finite, markdown, write_results
from ser_ros.evaluation.tables import Opinions, summaries, summary
from ser_ros.evaluation.targets import Target, targets

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is in the extra train")

LABELS = ("angry", "neutral", "sad", "happy")


def opinions(n: int = 400, right: float = 0.7, seed: int = 0) -> Opinions:
    from ser_ros.corpora import Clip

    random = np.random.default_rng(seed)
    truth = random.integers(0, 4, n)
    said = np.where(random.random(n) < right, truth, random.integers(0, 4, n))
    probabilities = random.dirichlet(np.ones(4), n)
    probabilities[np.arange(n), said] += random.uniform(0, 2, n) * (0.3 + (said == truth))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    heard = []
    for i, label in enumerate(truth):
        corpus = ("ravdess", "emodb", "nemo")[i % 3]
        sex, language = ("female", "male")[i // 3 % 2], ("en", "de", "pl")[i % 3]
        speaker = f"{corpus}/{i // 3 % 8}"
        clip = Clip(Path(f"{i}.wav"), LABELS[label], speaker, corpus, sex, language)
        logits = np.log(probabilities[i : i + 1]).astype(np.float32)
        heard.append(Heard(clip, int(label), logits, np.ones(1, np.float32)))
    return Opinions(LABELS, heard, probabilities.astype(np.float32), seed)


def interval(value: float, half: float = 0.03) -> dict[str, float]:
    return Interval(value, value - half, value + half).to_dict()


@pytest.fixture(scope="module")
def results():
    from ser_ros.evaluation.calibration import reliability, risk_coverage

    clean = opinions()
    curve = risk_coverage(clean.confidence, clean.correct)
    row = {"uar": interval(0.6), "lost": interval(0.05, 0.02), "no_speech": 3, "n": 400}
    split = {"name": "fold 0", "kind": "fold", "clips": 400, "speakers": 24, "model": "ours"}
    split |= {"sha256": "0f", "began_with": "random weights"}
    split |= {"corpora": ["a", "b"], "learned_last": ["a", "b"], "learned_before": []}
    made = {
        "about": origin("python -m ser_ros study", 7, "onnxruntime") | {"commit": "0123abc"},
        "labels": list(LABELS),
        "splits": [split, {**split, "kind": "corpus"}],
        "notes": [],
        "folds": {
            "all": summary(clean, 0.5),
            "uar_mean": interval(0.7),
            "corpora": summaries(clean, "corpus", 0.5),
            "languages": summaries(clean, "language", 0.5),
            "genders": summaries(clean, "gender", 0.5),
        },
        "left_out": {
            "all": summary(clean, 0.5),
            "uar_mean": interval(0.5),
            "corpora": summaries(clean, "corpus", 0.5),
        },
        "conditions": {
            "clean": {**row, "uar": interval(0.72)},
            "rows": {
                name: {**row, "uar": interval(0.7 - 0.015 * i, 0.03)}
                for i, name in enumerate(CONDITIONS)
            },
            "n": 400,
            "limit": 300,
        },
        "no_speech": {
            "all": {"share": interval(0.004, 0.002), "claimed": 4, "n": 1000},
            "recorded": {"share": interval(0.004, 0.002), "claimed": 4, "n": 900},
            "kinds": {"rain": {"share": interval(0.0, 0.0), "claimed": 0, "n": 500}},
            "models": 5,
        },
        "calibration": {
            "ece": interval(0.06, 0.01),
            "ece_pooled": interval(0.04, 0.01),
            "ece_before": interval(0.11, 0.01),
            "bins": [b.to_dict() for b in reliability(clean.confidence, clean.correct)],
        },
        "risk_coverage": {
            "coverage": curve.coverage,
            "risk": curve.risk,
            "area": curve.area,
            "gained": clean.interval(clean.accuracy_gained()).to_dict(),
            "uncertain_below": 0.456,
            "answered": 0.7,
            "brought": False,
        },
        "listening": {
            "rows": {
                k: {**row, "uar": interval(v)}
                for k, v in {"1": 0.5, "2.5": 0.65, "5": 0.7, "10": 0.72}.items()
            },
            "voices": 96,
        },
        "baseline": {
            "folds": {
                "none": {"uar": interval(0.7), "gained": interval(0, 0), "n": 340},
                "enroll": {"uar": interval(0.74), "gained": interval(0.04, 0.01), "n": 340},
            }
        },
    }
    made["targets"] = [target.to_dict() for target in targets(made)]
    return made


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


@pytest.mark.slow
def test_pictures_are_small_and_the_same_each_time(results, tmp_path):
    drawn = draw(results, tmp_path / "a")
    assert set(drawn) == set(PICTURES)
    changed = {**results, "listening": {"rows": {"1": {"uar": interval(0.3)}}, "voices": 1}}
    again = draw({**changed, "folds": {}}, tmp_path / "b")
    assert set(again) == set(drawn) - {"confusion"}
    for name, path in drawn.items():
        content = path.read_bytes()
        width, height = size(content)
        assert min(width, height) > 250
        assert len(content) < 80_000
        if name in again:
            assert (content == again[name].read_bytes()) == (name != "listening")


@pytest.mark.slow
def test_the_page_says_what_was_measured(results, tmp_path):
    (tmp_path / "TRIED.md").write_text("A larger window did not help.\n")
    write_results(results, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text()
    for word in ("`python -m ser_ros study`", "0123abc", "| seed | 7 |", "24 speakers", "numpy"):
        assert word in page
    uar = results["folds"]["corpora"]["emodb"]["intervals"]["uar"]
    shown = f"{uar['value']:.3f} [{uar['low']:.3f}, {uar['high']:.3f}]"
    assert page.count(shown) >= 2, "in the targets and in its table"
    assert "## What was tried and did not help\n\nA larger window did not help." in page
    for line in page.splitlines():
        if "results/" in line:
            assert (tmp_path / line.partition("(")[2].rstrip(")")).is_file()
    assert page.count("![") == len(PICTURES)
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)


def test_what_was_not_measured_has_no_section(results):
    few = {key: results[key] for key in ("about", "labels", "splits", "folds")}
    page = markdown({**few, "targets": [t.to_dict() for t in targets(few)]}, set())
    assert "## Speakers that the model has not heard" in page
    assert "## Calibration" not in page
    assert "tried" not in page
    assert "| model |" not in page, "there are several"
    assert "![" not in page
    one = markdown({**few, "splits": few["splits"][:1], "targets": []}, set())
    assert "| model | ours, SHA-256 0f |" in one
    assert page.count("not measured") >= 7


def test_an_interval_that_is_not_known(results):
    alone = {
        "clean": {
            **results["conditions"]["clean"],
            "uar": {"value": 0.5, "low": float("nan"), "high": float("nan")},
        }
    }
    found = {**results, "conditions": {**results["conditions"], **alone}}
    assert "| clean | 0.500 [-, -] |" in markdown(finite(found), set())


def test_the_targets_are_held_against_what_was_measured(results):
    found = {target.figure: target for target in targets(results)}
    assert len(found) == 10
    assert found["UAR lost at 10 dB SNR"].met == "yes"
    assert found["ECE, unseen speakers"].met == "no"
    assert found["emotion claimed where nobody speaks"].met == "aim"
    assert found["leave one corpus out, mean UAR"].met == "yes"
    assert found["the same with a voice baseline (enroll), gained"].met == "not measured"
    measured = found["EMO-DB, UAR"].measured
    assert measured is not None
    assert measured.value == results["folds"]["corpora"]["emodb"]["uar"]


def test_other_emotions_are_held_against_nothing(results):
    assert targets({**results, "labels": ["sad", "happy"]}) == []


def test_the_page_says_what_few_speakers_and_one_fold_are_worth(results):
    page = markdown(finite(results), set())
    assert "too narrow" not in page
    assert "this is one of them" in page
    few = {**results["folds"], "corpora": {"own": {**results["folds"]["all"], "speakers": 2}}}
    assert "speakers as there are of own is too narrow" in " ".join(
        markdown(finite({**results, "folds": few}), set()).split()
    )
    several = {**results, "splits": [results["splits"][0]] * 5}
    assert "this is one of them" not in markdown(finite(several), set())


def test_the_page_says_whose_threshold_it_is(results):
    brought = {**results["risk_coverage"], "brought": True, "answered": 0.62}
    page = " ".join(markdown(finite({**results, "risk_coverage": brought}), set()).split())
    assert "the threshold that the model brings; 62% of the clips are answered" in page
    assert "largest threshold" in " ".join(markdown(finite(results), set()).split())


def test_of_two_gains_the_worse_counts(results):
    rows = {**results["conditions"]["rows"]}
    rows["gain +20 dB"] = {**rows["gain +20 dB"], "lost": interval(0.2)}
    found = targets({**results, "conditions": {**results["conditions"], "rows": rows}})
    (gain,) = [target for target in found if "gain" in target.figure and "dB" in target.figure]
    assert gain.measured is not None
    assert gain.measured.value == 0.2


@pytest.mark.parametrize(
    ("value", "higher", "met"),
    [
        (0.9, True, "aim"),
        (0.8, True, "aim"),
        (0.7, True, "yes"),
        (0.4, True, "no"),
        (0.04, False, "aim"),
        (0.6, False, "yes"),
        (0.9, False, "no"),
    ],
)
def test_met(value, higher, met):
    least, aim = (0.5, 0.8) if higher else (0.6, 0.05)
    assert Target("f", least, aim, Interval(value, 0, 1), higher).met == met


# ── tables ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_gained_by_leaving_out_the_least_sure():
    found = opinions(1000)
    weights = np.ones((1, 1000))
    surest = np.argsort(-found.confidence, kind="stable")
    # The corpora are about as large as each other here, so that their weight does little.
    expected = found.correct[surest[:700]].mean() - found.correct.mean()
    assert found.accuracy_gained()(weights)[0] == pytest.approx(expected, abs=0.01)
    assert found.accuracy_gained(1.0)(weights)[0] == pytest.approx(0, abs=1e-9)
    assert expected > 0.03


def test_a_summary_has_intervals_about_its_figures():
    found = summary(opinions(), 0.5)
    assert found["speakers"] == 24
    for name in ("uar", "accuracy", "ece"):
        assert found["intervals"][name]["value"] == pytest.approx(found[name])
    uar = found["intervals"]["uar"]
    assert uar["low"] < uar["value"] < uar["high"]
    groups = summaries(opinions(), "gender", 0.5)
    assert list(groups) == ["female", "male"]
    assert sum(group["n"] for group in groups.values()) == 400


def test_the_same_clips_lose_nothing():
    found = opinions()
    nothing = found.interval(bootstrap.difference(found.uar, found.uar))
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)


# ── provenance ────────────────────────────────────────────────────────────────────────────────


def test_the_commit_is_told_and_whether_the_code_differs(tmp_path):
    def git(*words: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        done = subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    package = tmp_path / "package"
    package.mkdir()
    assert commit(package) == "unknown"
    git("init", "-q")
    (package / "code.py").write_text("1")
    assert commit(package) == "unknown", "it lies in a repository that does not know it"
    git("add", ".")
    git("commit", "-qm", "first")
    head = git("rev-parse", "HEAD")
    assert commit(package) == head
    (tmp_path / "RESULTS.md").write_text("what is written is no change of the code")
    assert commit(package) == head
    (package / "code.py").write_text("2")
    assert commit(package) == f"{head} with uncommitted changes"
