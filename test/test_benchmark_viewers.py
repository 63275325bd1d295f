"""From what the viewers saw to what it says, and what the command refuses."""

from __future__ import annotations

import sys

import pytest

from ser_ros.__main__ import main
from ser_ros.benchmark import machine, tables
from ser_ros.benchmark.viewers import blocks as turns
from ser_ros.benchmark.viewers import cost
from ser_ros.benchmark.viewers.blocks import Block

NOBODY = Block(0, 10.0, [10.0, 20.0, 30.0], cpu={"inference": 0.5, "viewers": 0.0})


def view(**arrived_s):
    """A viewer whom windows reached, by the letter of their stamp, at a time."""
    arrived = [("window", float(ord(letter)), at) for letter, at in arrived_s.items()]
    return {
        "opened_s": 0.0,
        "counts": {"hello": 1, "window": len(arrived)},
        "arrived": arrived,
        "gap_s": 0.0,
        "ended": False,
    }


def looked(*views, latencies_ms=(20.0, 40.0, 60.0), stuck=()):
    told = [("window", float(ord(letter)), at) for letter, at in (("a", 1.0), ("b", 2.0))]
    cpu = {"inference": 0.6, "viewers": 0.1}
    return Block(len(views), 10.0, list(latencies_ms), 1, 400, cpu, told, list(views), list(stuck))


def test_a_message_is_timed_at_each_viewer():
    page = cost.figures([NOBODY, looked(view(a=1.01, b=2.02), view(a=1.03, b=2.3))])["page"]
    assert page["arrivals"] == 4
    assert page["missing"] == 0
    assert page["delay"]["p50_ms"] == pytest.approx(25)
    assert page["delay"]["max_ms"] == pytest.approx(300)
    assert page["share_soon"] == 0.75


def test_a_message_that_never_came_is_missing_and_not_soon():
    page = cost.figures([NOBODY, looked(view(a=1.01), view(a=1.01, b=2.01))])["page"]
    assert (page["arrivals"], page["missing"]) == (3, 1)
    assert page["share_soon"] == 0.75
    assert page["windows_per_view"] == [1, 2]


def test_a_message_from_before_the_block_is_not_timed():
    page = cost.figures([NOBODY, looked(view(a=1.01, b=2.01, z=0.5))])["page"]
    assert page["arrivals"] == 2


def test_latencies_are_compared_and_computing_is_per_second():
    robot = cost.figures([NOBODY, looked(view()), NOBODY, looked(view())])["robot"]
    assert robot["without"]["latency"]["p50_ms"] == 20
    assert robot["ratios"]["p50_ms"] == 2
    assert robot["without"]["windows"] == 6
    assert robot["with"]["seconds"] == 20
    assert robot["with"]["cpu"]["inference"] == pytest.approx(0.6)
    assert (robot["with"]["windows_dropped"], robot["with"]["samples_lost"]) == (2, 800)


def test_a_stuck_view_is_cut_or_told_of_its_gap():
    of = {"unsent_bytes": 70_000, "windows": 3, "gaps": 0, "ended": False}
    cut = {**of, "held_s": 23.0, "cut": True}
    told = {**of, "gaps": 1, "held_s": 19.0, "cut": False}
    stuck = cost.figures([NOBODY, looked(view(), stuck=[cut, told])])["stuck"]
    assert stuck == {
        "opened": 2,
        "cut": 1,
        "cut_after_s": [23.0, 23.0],
        "told_of_gap": 1,
        "unsent_kb": 70.0,
    }


def made_up_report(*blocks):
    setting = {
        "viewers": 2,
        "rounds": 1,
        "block_s": 10.0,
        "chunk_s": 0.25,
        "hop_s": 0.5,
        "runtime": "onnxruntime",
    }
    about = {"machine": machine.describe(), "model": {"name": "tiny"}, "setting": setting}
    return about | cost.figures(blocks)


def test_an_aim_is_met_missed_or_not_measured():
    late = made_up_report(NOBODY, looked(view(a=1.5, b=2.5)))
    assert [aim["met"] for aim in late["aims"]] == [False, False, False]
    soon = made_up_report(NOBODY, looked(view(a=1.1, b=2.1), latencies_ms=NOBODY.latencies_ms))
    assert [aim["met"] for aim in soon["aims"]] == [True, True, True]
    none = made_up_report(NOBODY)
    assert [aim["met"] for aim in none["aims"]] == [None, None, None]


@pytest.mark.parametrize("blocks", [[NOBODY, looked(view(a=1.1), view())], [NOBODY], [Block(0)]])
def test_whatever_was_measured_can_be_shown(blocks, capsys):
    report = made_up_report(*blocks)
    shown = cost.tables(report)
    for table in shown:
        assert {len(row) for row in table.rows} == {len(table.head)}
    tables.show(cost.preface(report), shown)
    assert "windows dropped" in capsys.readouterr().out
    assert "| windows dropped |" in tables.markdown(cost.preface(report), shown)


def test_each_kind_of_block_begins_in_turn():
    assert turns.order(3) == [False, True, True, False, False, True]


# ── the command ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", ["0", "-3", "many", "2.5"])
def test_a_wrong_count_is_a_sentence(count, capsys):
    with pytest.raises(SystemExit):
        main(["benchmark", "--viewers", count])
    assert f"'{count}' is no whole number of at least 1" in capsys.readouterr().err


def test_options_of_the_other_measurement_are_refused(capsys):
    assert main(["benchmark", "--seconds", "5"]) == 1
    assert "give --viewers too" in capsys.readouterr().err
    assert main(["benchmark", "--viewers", "2", "--windows", "5"]) == 1
    assert "exclude each other" in capsys.readouterr().err


def test_without_ros_there_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setattr("ser_ros.cli.run.find_spec", lambda module: None)
    assert main(["benchmark", "--viewers", "2"]) == 1
    assert "expected ROS 2 and its messages" in capsys.readouterr().err


def test_without_the_web_extra_there_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setattr("ser_ros.cli.run.find_spec", lambda module: True)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert main(["benchmark", "--viewers", "2"]) == 1
    assert "pip install -r requirements/web.txt" in capsys.readouterr().err


def test_more_viewers_than_the_page_has_room_for_are_refused(capsys, monkeypatch):
    monkeypatch.setattr("ser_ros.cli.benchmark.check_ros", lambda: None)
    monkeypatch.setattr("ser_ros.cli.benchmark.check_web", lambda: None)
    assert main(["benchmark", "--viewers", "50"]) == 1
    assert "--viewers is 50, expected 49 at most" in capsys.readouterr().err
