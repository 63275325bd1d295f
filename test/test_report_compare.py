"""Two reports over the same windows: what changed, and whether a robot team's CI stops."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import reported
from reported import ABOUT

from ser_ros.__main__ import main
from ser_ros.errors.reports import NothingInCommon, UnreadableReport
from ser_ros.evaluation.bootstrap import difference, interval, uar
from ser_ros.report.compare import common, compare, read_report
from ser_ros.report.writing import write_report

for name in ("matplotlib", "sklearn", "scipy", "jinja2", "rosbags"):
    pytest.importorskip(name, reason=f"{name} is in an extra")

BUNDLE = reported.model()
LABELS = BUNDLE.labels.labels


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The carried recordings, as somebody would say of them who is often right."""
    heard = reported.judged(BUNDLE, tmp_path_factory.mktemp("model") / "tiny")
    random = np.random.default_rng(0)
    return [
        replace(s, windows=tuple(_said(w, random.dirichlet(_likely(w.truth))) for w in s.windows))
        for s in heard
    ]


def _likely(truth: str) -> list[float]:
    return [6.0 if label == truth else 1.0 for label in LABELS]


def _said(window, probabilities):
    best = int(np.argmax(probabilities))
    sure = float(probabilities[best])
    label = LABELS[best] if sure >= 0.6 else "uncertain"
    return replace(
        window, label=label, confidence=sure, probabilities=tuple(probabilities.tolist())
    )


def regressed(sources, share: float = 0.2):
    """Shuffle what is said of a share of the windows."""
    random = np.random.default_rng(1)
    count = sum(len(source.windows) for source in sources)
    spoilt = set(random.permutation(count)[: math.ceil(share * count)].tolist())
    number = iter(range(count))
    return [
        replace(
            s,
            windows=tuple(
                _said(w, np.roll(w.probabilities, 1)) if next(number) in spoilt else w
                for w in s.windows
            ),
        )
        for s in sources
    ]


@pytest.fixture(scope="module")
def first(sources, tmp_path_factory) -> Path:
    return written(sources, tmp_path_factory.mktemp("first") / "r")


def written(sources, folder: Path, bundle=BUNDLE) -> Path:
    quiet = [replace(source, sound=None) for source in sources]
    write_report(quiet, bundle, ABOUT, folder)
    return folder


@pytest.fixture(scope="module")
def worse(sources, tmp_path_factory) -> Path:
    return written(regressed(sources), tmp_path_factory.mktemp("worse") / "r")


# ── the command ───────────────────────────────────────────────────────────────────────────────


def test_the_same_report_passes(first, capsys):
    assert main(["bag", "compare", str(first), str(first)]) == 0
    out, err = capsys.readouterr()
    assert "has the same UAR" in out
    assert "Another label in the second: 0 windows" in out
    assert err == ""


def test_a_planted_regression_fails(first, worse, capsys):
    assert main(["bag", "compare", str(first), str(worse)]) == 1
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert "expected a loss of 0.02 at most" in err
    assert all(len(line) <= 80 for line in out.splitlines()[2:])
    assert main(["bag", "compare", str(worse), str(first)]) == 0, "it got better"
    assert main(["bag", "compare", str(first), str(worse), "--limit", "1"]) == 0


def test_json_is_all_of_standard_output(first, worse, capsys):
    assert main(["bag", "compare", str(first), str(worse), "--json", "--limit", "0.5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["worse"] is False
    assert found["scored"]["windows"]["uar"]["difference"]["value"] < 0


@pytest.mark.parametrize("limit", ["-0.1", "1.1", "nan", "x"])
def test_a_limit_is_a_share(first, limit, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["bag", "compare", str(first), str(first), f"--limit={limit}"])
    assert ended.value.code == 2
    assert "from 0 to 1" in capsys.readouterr().err


def test_a_loss_of_just_the_limit_is_within_it(first, worse):
    lost = -compare(read_report(first), read_report(worse))["scored"]["windows"]["uar"][
        "difference"
    ]["value"]
    words = ["bag", "compare", str(first), str(worse), "--limit"]
    assert main([*words, repr(lost)]) == 0
    assert main([*words, repr(lost - 1e-6)]) == 1


# ── the figures ───────────────────────────────────────────────────────────────────────────────


def test_figures_are_paired_over_the_same_windows(sources, first, worse):
    from scipy.stats import binomtest

    found = compare(read_report(first), read_report(worse), seed=5)["scored"]["windows"]
    one = [w for s in sources for w in s.windows]
    other = [w for s in regressed(sources) for w in s.windows]
    truth = np.array([LABELS.index(w.truth) for w in one])
    guess = [np.array([np.argmax(w.probabilities) for w in said]) for said in (one, other)]
    speakers = [w.speaker for w in one]
    lost = difference(uar(truth, guess[1]), uar(truth, guess[0]))
    expected = interval(lost, speakers, seed=5)
    assert found["uar"]["difference"] == pytest.approx(expected.to_dict())
    right = [g == truth for g in guess]
    only_first = int(np.sum(right[0] & ~right[1]))
    only_second = int(np.sum(~right[0] & right[1]))
    assert only_first > only_second
    p = binomtest(only_second, only_first + only_second).pvalue
    assert found["mcnemar"] == {"only_first": only_first, "only_second": only_second, "p": p}
    for k, label in enumerate(LABELS):
        own = truth == k
        assert found["recall"][label] == pytest.approx([r[own].mean() for r in right])


def test_changed_labels_are_counted(sources, first, worse):
    found = compare(read_report(first), read_report(worse))["labels"]
    pairs = [
        (a.label, b.label)
        for s, t in zip(sources, regressed(sources), strict=True)
        for a, b in zip(s.windows, t.windows, strict=True)
    ]
    assert found["changed"] == sum(a != b for a, b in pairs) > 0
    assert sum(row["windows"] for row in found["changes"]) == found["changed"]


# ── other material ────────────────────────────────────────────────────────────────────────────


def test_only_the_common_part_is_compared(sources, first, tmp_path, capsys):
    part = written(sources[:3], tmp_path / "part")
    assert main(["bag", "compare", str(first), str(part)]) == 0
    out = capsys.readouterr().out
    windows = sum(len(source.windows) for source in sources[:3])
    assert f"In both: {windows} windows of 3 recordings" in out
    assert f"In the first alone, and not compared: {16 - windows} windows." in out


def test_nothing_in_common_is_refused(sources, tmp_path, capsys):
    one, other = written(sources[:1], tmp_path / "a"), written(sources[1:2], tmp_path / "b")
    with pytest.raises(NothingInCommon):
        compare(read_report(one), read_report(other))
    assert main(["bag", "compare", str(one), str(other)]) == 1
    assert "no window in common" in capsys.readouterr().err


def test_a_source_is_known_by_its_content_or_else_by_its_name(sources, tmp_path):
    def renamed(source, **changes):
        return replace(source, **changes)

    moved = written([renamed(sources[0], name="elsewhere/x.flac")], tmp_path / "moved")
    encoded = written([renamed(sources[0], sha256="0" * 64)], tmp_path / "encoded")
    one = read_report(written(sources, tmp_path / "one"))
    assert len(common(one, read_report(moved)).pairs) == len(sources[0].windows)
    found = common(one, read_report(encoded))
    assert (len(found.pairs), found.other_content) == (len(sources[0].windows), 1)


def test_a_stamp_that_comes_again_is_another_window(sources, tmp_path):
    window = sources[0].windows[0]
    looped = replace(sources[0], windows=(window, window, window))
    report = read_report(written([looped], tmp_path / "loop"))
    assert len(common(report, report).pairs) == 3
    once = read_report(written([replace(looped, windows=(window,))], tmp_path / "once"))
    assert len(common(report, once).pairs) == 1


def test_windows_of_another_truth_are_not_scored(sources, first, tmp_path):
    other = tuple(replace(w, truth="happy") for w in sources[0].windows)
    changed = written([replace(sources[0], windows=other), *sources[1:]], tmp_path / "r")
    found = compare(read_report(first), read_report(changed))
    assert sources[0].windows[0].truth != "happy"
    assert found["common"]["truth_differs"] == len(other)
    assert found["scored"]["windows"]["n"] == 16 - len(other)


def test_without_truth_nothing_is_worse(sources, first, tmp_path, capsys):
    untold = [
        replace(s, windows=tuple(replace(w, truth="") for w in s.windows))
        for s in regressed(sources)
    ]
    place = written(untold, tmp_path / "r")
    assert main(["bag", "compare", str(place), str(place)]) == 0
    assert "No window in common has a truth" in capsys.readouterr().out


def test_models_of_other_labels_are_compared_by_name(sources, first, tmp_path):
    import tiny

    from ser_ros.labels import LabelSet

    order = ("happy", "sad", "neutral", "angry")
    turned = [
        replace(
            s, windows=tuple(replace(w, probabilities=w.probabilities[::-1]) for w in s.windows)
        )
        for s in sources
    ]
    assert tuple(reversed(LABELS)) == order
    bundle = tiny.bundle(labels=LabelSet.of(order))
    found = compare(read_report(first), read_report(written(turned, tmp_path / "r", bundle)))
    assert found["labels"]["changed"] == 0
    assert found["scored"]["windows"]["uar"]["difference"]["value"] == 0


# ── what is no report ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("report.json", "{", "Expecting"),
        ("report.json", '{"kind": "other"}', "no report of ser_ros"),
        ("report.json", '{"kind": "ser_ros report", "schema": 9}', "schema is 9"),
        ("report.json", '{"kind": "ser_ros report", "schema": 1}', "lacks 'model'"),
        ("windows.csv", None, "No such file"),
        ("windows.csv", "source,time\na,b\n", "line 2"),
    ],
)
def test_a_damaged_report_is_a_sentence(sources, tmp_path, file, text, named):
    place = written(sources[:1], tmp_path / "r")
    if text is None:
        (place / file).unlink()
    else:
        (place / file).write_text(text)
    with pytest.raises(UnreadableReport, match=named):
        read_report(place)


def test_a_report_with_values_that_cannot_be(sources, tmp_path):
    write_report(sources, BUNDLE, ABOUT, tmp_path / "r")
    table, figures = tmp_path / "r" / "windows.csv", tmp_path / "r" / "report.json"
    before, content = table.read_text(), json.loads(figures.read_text())
    head, row, *rest = before.splitlines()
    cells = row.split(",")
    for value in ("inf", "9999", "-0.1", "nan"):
        cells[head.split(",").index("p_angry")] = value
        table.write_text("\n".join([head, ",".join(cells), *rest]) + "\n")
        with pytest.raises(UnreadableReport, match=f"line 2.*'{value}' is no number from 0 to 1"):
            read_report(tmp_path / "r")
    table.write_text(before)
    read_report(tmp_path / "r")
    for change in ({"model": {**content["model"], "sha256": None}}, {"sources": [{"name": [1]}]}):
        told = {"sources": [], **content, **change}
        told["sources"] = [{"sha256": "x", **source} for source in told["sources"]]
        figures.write_text(json.dumps(told))
        with pytest.raises(UnreadableReport, match="a name or a hash is"):
            read_report(tmp_path / "r")
