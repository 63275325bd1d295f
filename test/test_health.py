"""How a process is doing, on time that comes in from outside."""

from __future__ import annotations

import math

import pytest

from ser_ros.health import (
    THROTTLE_S,
    Growth,
    Latencies,
    Level,
    Losses,
    Rate,
    Report,
    Throttle,
    Watchdog,
)


def test_a_report_begins_well_and_keeps_the_worst_level():
    report = Report("inference")
    assert (report.level, report.message) == (Level.OK, "OK")
    report.add(Level.OK, "not told")
    assert report.message == "OK"
    report.add(Level.WARN, "A bit bad.")
    report.add(Level.ERROR, "Really bad.")
    report.add(Level.WARN, "Also bad.")
    assert report.level is Level.ERROR
    assert report.message == "Really bad. A bit bad. Also bad."


def test_levels_are_those_of_the_message():
    assert [int(level) for level in Level] == [0, 1, 2]


def test_reports_share_no_values():
    one, other = Report("a"), Report("b")
    one.values["x"] = "1"
    assert other.values == {}


def test_percentiles_of_the_newest():
    latencies = Latencies(keep=100)
    assert math.isnan(latencies.percentile(50))
    for value in range(1000):
        latencies.add(float(value))
    assert latencies.percentile(0) == 900
    assert latencies.percentile(50) == pytest.approx(949.5)
    assert latencies.percentile(100) == 999


def test_a_rate_over_the_last_seconds():
    rate = Rate(span_s=10.0)
    assert rate.per_second(0.0) == 0
    for k in range(40):
        rate.add(k * 0.5)
    assert rate.per_second(19.5) == pytest.approx(2.0, abs=0.11)
    assert rate.per_second(24.5) == pytest.approx(1.0, abs=0.11)
    assert rate.per_second(1e6) == 0


def test_a_rate_remembers_no_more_than_its_span():
    rate = Rate(span_s=1.0)
    for k in range(10_000):
        rate.add(k * 0.01)
    assert len(rate._times) <= 102


def test_a_watchdog():
    dog = Watchdog(3.0, now_s=100.0)
    assert not dog.expired(103.0)
    assert dog.expired(103.1)
    dog.feed(103.1)
    assert not dog.expired(106.0)
    assert dog.silent_s(106.0) == pytest.approx(2.9)
    assert dog.silent_s(0.0) == 0.0, "a clock that went back is no silence"


def test_growth_is_of_the_last_while():
    growth = Growth(span_s=30.0)
    assert growth(0, 0.0) == 0
    assert growth(3, 10.0) == 3
    assert growth(5, 20.0) == 5
    assert growth(5, 40.0) == 5
    assert growth(5, 40.1) == 2, "what came at 10 s is over"
    assert growth(5, 51.0) == 0


def test_a_count_that_begins_afresh_has_grown_by_what_it_has_come_to():
    growth = Growth(span_s=30.0)
    growth(7, 0.0)
    assert growth(0, 40.0) == 0
    assert growth(2, 41.0) == 2


def test_a_loss_warns_for_a_while_and_then_no_more():
    losses = Losses({"drops": "raise the hop", "gaps": "mend the cable"}, span_s=30.0)

    def judged(drops: int, now_s: float) -> Report:
        report = Report("x", values={"drops": str(drops), "gaps": "0"})
        losses.judge(report, now_s)
        return report

    assert judged(0, 0.0).level is Level.OK
    for now_s in range(1, 31):
        report = judged(2, now_s)
        assert report.level is Level.WARN
        assert report.message == "drops: 2 in the last 30 s; raise the hop."
    assert judged(2, 32.0).level is Level.OK
    assert judged(2, 32.0).values["drops"] == "2", "the total stays to be seen"


def test_a_remark_of_each_kind_is_told_every_few_seconds():
    throttle = Throttle()
    assert throttle("gap", "A gap.", 100.0) == "A gap."
    assert throttle("clipped", "Too loud.", 100.1) == "Too loud."
    assert [throttle("gap", "A gap.", 100.0 + k) for k in (1, 2, 4.9)] == ["", "", ""]
    told = throttle("gap", "Another gap.", 100.0 + THROTTLE_S)
    assert told == "Another gap. (3 more of this kind since the last time)"
    assert throttle("gap", "A gap.", 200.0) == "A gap."
