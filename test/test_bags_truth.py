"""What is true of a bag's sound: said in it, or by a label track."""

from __future__ import annotations

import pytest

from ser_ros.bags.records import Truth
from ser_ros.bags.truth import Span, Track, Truths
from ser_ros.errors.bags import BadTrack
from ser_ros.errors.config import BadValue

S = 10**9
BEGIN, END = 1_700_000_000 * S, 1_700_000_020 * S


def track(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return Track(path)


def spans(truths):
    return [
        ((s.start_ns - BEGIN) / S, (s.end_ns - BEGIN) / S, s.label, s.speaker) for s in truths.spans
    ]


WANTED = [(0.5, 2.0, "angry", "ann"), (3.0, 4.5, "happy", "")]


@pytest.mark.parametrize(
    "text",
    [
        "start,end,label,speaker\n0.5,2,anger,ann\n3,4.5,Happiness,\n",
        "Start, End ,label,speaker,note\n3,4.5,joy,,x\n\n0.5,2.0, angry ,ann,y\n",
        "start\tend\tlabel\tspeaker\r\n0.5\t2\tangry\tann\r\n3\t4.5\thappy\t\r\n",
        "start,end,label,speaker\n1700000000.5,1700000002,angry,ann\n1700000003,1700000004.5,happy,\n",
    ],
)
def test_a_csv_is_read_in_seconds_of_the_sound_or_since_1970(tmp_path, text):
    assert spans(track(tmp_path / "a.csv", text).placed(BEGIN, END)) == WANTED
    assert spans(track(tmp_path / "b.csv", text, "utf-8-sig").placed(BEGIN, END)) == WANTED


def test_audacitys_labels_are_read(tmp_path):
    text = "0.500000\t2.000000\tangry\n\\\t200.0\t4000.0\n3.000000\t4.500000\tHappy\n"
    found = spans(track(tmp_path / "labels.txt", text).placed(BEGIN, END))
    assert found == [(a, b, label, "") for a, b, label, _ in WANTED]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("start,end,label\n0,2,sad\n1.5,3,happy\n", "the lines 2 and 3 overlap"),
        ("start,end,label\n5,6,sad\n0,5.5,happy\n", "the lines 2 and 3 overlap"),
        ("start,end,label\n0,2,wütend\n", "line 2: 'wütend' is not an emotion known here; use .*"),
        ("0\t2\tcolère\n", "line 1: 'colère' is not an emotion known here; use one of angry, .*"),
        ("start,end,label\n0,2,\n", "line 2: '' is not an emotion"),
        ("start,end,label\n2,2,sad\n", "line 2 ends at 2 s, and begins at 2 s"),
        ("start,end,label\n0,two,sad\n", "line 2: '0' or 'two' is no number of seconds"),
        ("start,end,label\n0,nan,sad\n", "'nan' is no number"),
        ("start,end,label\n0,1e300,sad\n", "'1e300' is no number of seconds"),
        ("start,label\n0,sad\n", "it has no column end"),
        ("start,end,label\n", "it has no labels"),
        ("", "it has no column start"),
    ],
)
def test_a_track_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, why):
    with pytest.raises(BadTrack, match=why):
        track(tmp_path / "a.csv", text)


def test_a_track_that_is_no_text_or_not_there_is_refused(tmp_path):
    with pytest.raises(BadTrack, match="No such file"):
        Track(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadTrack, match="utf-8"):
        Track(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "line", ["19,21,sad", "-1,2,sad", "1600000000,1600000001,sad", "25,30,sad"]
)
def test_labels_outside_of_the_sound_are_refused(tmp_path, line):
    made = track(tmp_path / "a.csv", f"start,end,label\n{line}\n")
    with pytest.raises(BadTrack, match=r"line 2 is .* s, and the sound .* s"):
        made.placed(BEGIN, END)


def test_a_label_may_end_a_little_after_the_sound(tmp_path):
    made = track(tmp_path / "a.csv", "start,end,label\n19,20.4,sad\n")
    assert spans(made.placed(BEGIN, END)) == [(19.0, 20.4, "sad", "")]


def test_a_window_has_the_truth_of_at_least_half_of_it():
    truths = Truths([Span(10, 20, "sad", "a"), Span(30, 40, "angry"), Span(40, 45, "angry")])
    assert truths.at(10, 20) == ("sad", "a", 0)
    assert truths.at(5, 15) == ("sad", "a", 0)  # exactly half
    nothing = ("", "", -1)
    assert truths.at(4, 14) == nothing
    assert truths.at(0, 50) == nothing
    assert truths.at(33, 47) == ("angry", "", 1)  # two stretches of the same label count together
    assert truths.at(36, 48) == ("angry", "", 2)
    assert truths.at(100, 110) == nothing
    assert Truths([]).at(0, 1) == nothing


def test_the_stretch_of_a_window_is_one_of_its_label():
    """Sad covers more of the window than either of the angry ones, and less than both."""
    truths = Truths([Span(0, 80, "angry"), Span(80, 175, "sad"), Span(175, 250, "angry")])
    assert truths.at(0, 250) == ("angry", "", 0)


def test_a_long_stretch_reaches_over_short_ones():
    """Two who label the same sound: who covers more of the window is believed."""
    truths = Truths([Span(0, 100, "sad"), *(Span(n, n + 2, "happy") for n in range(10, 90, 5))])
    assert truths.at(60, 70) == ("sad", "", 0)


def test_what_a_bag_says_is_understood_in_its_synonyms():
    said = [Truth(5, 10, "Anger", "x", "me", 0), Truth(0, 3, "freude", "x", "me", 0)]
    assert Truths.of(said[:1], "a bag").spans == [Span(5, 15, "angry", "x")]
    with pytest.raises(
        BadValue, match=r"A label of 'a bag' is 'freude', expected .*angry, neutral"
    ):
        Truths.of(said, "a bag")
