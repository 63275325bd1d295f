"""The board and its views: plain values in, rows of text out."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from ser_ros.watching.board import Board, EmotionSaid, StateSaid, StatusSaid
from ser_ros.watching.show import Lines, Screen, shown_on
from ser_ros.watching.view import Moment, line, rows
from ser_ros.watching.words import letters, printable

SIZES = [(80, 24), (60, 15), (120, 40), (38, 8), (1, 1)]
ANGRY = EmotionSaid(
    label="angry",
    confidence=0.83,
    labels=["angry", "neutral", "sad", "happy"],
    probabilities=[0.83, 0.02, 0.05, 0.10],
    speech_ratio=0.87,
    level_dbfs=-31.0,
    samples_lost=0,
    latency_s=0.0163,
    model="densenet121",
)
WELL = {
    "capture: capture": {"device": "ReSpeaker", "device rate (Hz)": "48000", "state": "listening"},
    "inference: inference": {
        "runtime": "openvino",
        "windows dropped": "3",
        "gaps": "0",
        "chunks refused": "0",
    },
}
SLOW = "windows dropped: 3 in the last 30 s; the machine is too slow: raise hop."


def board_of(said: EmotionSaid = ANGRY, minute: tuple[str, ...] = ("angry",)) -> Board:
    """Return a board of a minute of messages, one a second, of which the last came at 60 s."""
    board = Board("/emotion", 0.0)
    for second in range(61):
        board.hear_emotion(said, float(second))
        label = minute[second * len(minute) // 61]
        board.hear_state(StateSaid(label, 0.71, stood_s=12.0), float(second))
        for name, values in WELL.items():
            ill = "inference" in name
            message = SLOW if ill else "OK"
            board.hear_status(StatusSaid(name, int(ill), message, values), float(second))
    return board


def at(width: int = 80, height: int = 24, now_s: float = 60.4, **more: object) -> Moment:
    return Moment(now_s, 1_700_000_000.0, width, height, **more)


def text(board: Board, moment: Moment | None = None) -> str:
    return "\n".join(row.plain for row in rows(board, moment or at()))


# ── what is shown ─────────────────────────────────────────────────────────────────────────────


def test_all_of_it_stands_on_an_ordinary_terminal():
    shown = text(board_of(minute=("neutral", "uncertain", "no_speech", "angry")))
    for words in (
        "/emotion  densenet121 on openvino",
        "heard 0.4 s ago",
        "A N G R Y",
        "71% sure",
        "for 12 s, since",
        "angry    ████",
        "83% <",
        "-31 dBFS",
        "87%",
        "p50 16.3 ms  p99 16.3 ms  windows 61, 1.00 per s",
        "windows dropped 3  gaps 0  chunks refused 0  samples 0",
        "listening, 48000 Hz, ReSpeaker",
        "WARN  inference  windows dropped: 3 in the last 30 s;",
        "OK    capture    OK",
        "nnnn",
        "????",
        "....",
        "aaaa now",
    ):
        assert words in shown


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "said",
    [
        ANGRY,
        replace(ANGRY, label="no_speech", confidence=0.0, probabilities=[0.0] * 4, speech_ratio=0),
        replace(ANGRY, labels=["a" * 200, "기쁨" * 60], probabilities=[0.2, 0.8], model="m" * 300),
        replace(ANGRY, labels=[str(n) for n in range(90)], probabilities=[1 / 90] * 90),
        replace(ANGRY, probabilities=[float("nan")] * 4, level_dbfs=-120.0, latency_s=1e6),
        replace(ANGRY, labels=[], probabilities=[]),
        replace(ANGRY, probabilities=[5.0, -3.0], level_dbfs=40.0),
        replace(
            ANGRY, label="\x1b[2J\x07\nfury", labels=["\x1b[31m", "\r\n"], model="\x1b]0;x\x07"
        ),
    ],
    ids=["angry", "silence", "long", "many", "nan", "none", "out of range", "hostile"],
)
def test_it_fits_whatever_is_said(said: EmotionSaid, size: tuple[int, int]):
    board = board_of(said, (said.label,))
    board.hear_status(StatusSaid(f"{'head/' * 30}inference: inference", 2, "word " * 60), 60.0)
    for moment in (at(*size), at(*size, now_s=500.0), at(*size, ascii_only=True)):
        found = rows(board, moment)
        assert 1 <= len(found) <= size[1]
        assert all(cell_len(row.plain) <= size[0] for row in found)
        assert all(row.plain.isprintable() for row in found)


def test_before_the_first_message_it_fits_too():
    for size in SIZES:
        assert len(rows(Board("/emotion", 0.0), at(*size, now_s=1.0))) <= size[1]
    assert "Waiting for messages on /emotion." in text(Board("/emotion", 0.0), at(now_s=1.0))


def test_on_a_low_terminal_what_matters_stays():
    shown = text(board_of(), at(60, 15))
    assert "A N G R Y" in shown
    for words in ("angry ", "neutral ", "sad ", "happy ", "minute", "dBFS", "WARN  inference"):
        assert words in shown


def test_all_labels_are_seen_on_a_high_terminal():
    many = [f"emotion {n}" for n in range(20)]
    shown = text(board_of(replace(ANGRY, labels=many, probabilities=[0.05] * 20)), at(120, 40))
    assert all(label in shown for label in many)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_colour_says_nothing_alone(size: tuple[int, int]):
    """Without colour the same characters are written."""
    board = board_of()

    def written(**how: object) -> str:
        console = Console(
            file=io.StringIO(), width=size[0], height=size[1], force_terminal=True, **how
        )
        console.print(Group(*rows(board, at(*size))))
        return console.file.getvalue()

    plain = written(color_system=None)
    coloured, bare = written(color_system="truecolor"), written(no_color=True)
    assert "\x1b[" not in plain
    for codes in ("\x1b[31m", "\x1b[32m"):
        assert codes not in bare
    for shown in (coloured, bare):
        assert Text.from_ansi(shown).plain.split() == plain.split()


def test_a_terminal_of_few_characters_gets_those():
    for row in rows(board_of(), at(ascii_only=True)):
        assert row.plain.isascii()


def test_labels_have_letters_of_their_own():
    given = letters(["sad", "surprise", "Sad", "s", "ss", "?", "happy"])
    assert given["sad"] == "s"
    assert given["happy"] == "h"
    assert len(set(given.values())) == len(given)
    assert all(len(letter) == 1 for letter in given.values())


def test_what_a_terminal_would_obey_is_not_written():
    assert printable("a\x1b[2Jb\n기쁨") == "a [2Jb 기쁨"


# ── time ──────────────────────────────────────────────────────────────────────────────────────


def test_silence_is_told_with_what_to_do():
    board = board_of()
    assert board.notice(64.0) == ""
    sentence = "No messages for 12 s on /emotion; is the inference node running on this topic?"
    assert board.notice(72.0) == sentence
    assert sentence in " ".join(text(board, at(now_s=72.0)).split())
    assert "has a publisher" in board.notice(72.0, publishers=1)
    assert "(heard last)" in text(board, at(now_s=72.0))
    assert "(heard last)" not in text(board)
    board.hear_emotion(ANGRY, 73.0)
    assert board.notice(73.0) == ""


def test_never_a_message():
    board = Board("/emotion", 100.0)
    assert board.notice(102.0).startswith("Waiting")
    assert board.notice(130.0).startswith("No messages for 30 s")


def test_a_latched_state_of_long_ago_is_shown_as_such():
    board = Board("/emotion", 0.0)
    board.hear_state(StateSaid("sad", 0.8, stood_s=5.0, age_s=7200.0), 1.0)
    shown = text(board, at(now_s=2.0))
    assert "(heard last)" in shown
    assert "for 2 h" in shown
    assert board.strip(2.0, 60) == [None] * 60


def test_of_a_bag_that_is_played_the_age_is_not_believed():
    board = Board("/emotion", 0.0)
    for second in range(4):
        board.hear_emotion(ANGRY, float(second))
        board.hear_state(StateSaid("sad", 0.8, stood_s=float(second), age_s=1e8), float(second))
    assert board.state_for_s(3.5) == 3.5
    assert board.strip(3.5, 60)[-3:] == ["sad"] * 3


def test_the_strip_is_the_last_minute():
    board = Board("/emotion", 0.0)
    for second in range(200):
        label = "angry" if second < 170 else "happy"
        board.hear_emotion(ANGRY, float(second))
        board.hear_state(StateSaid(label, 0.8, 1.0), float(second))
    assert board.strip(199.0, 60) == ["angry"] * 30 + ["happy"] * 30
    assert board.strip(199.0, 6) == ["angry"] * 3 + ["happy"] * 3
    assert board.strip(229.0, 60)[-20:] == [None] * 20, "a state is not held for ever"
    assert board.strip(1000.0, 60) == [None] * 60


def test_a_node_that_says_nothing_more_is_stale_and_one_that_comes_back_is_not():
    board = board_of()
    assert [said.level for said in board.statuses(60.0)] == [1, 0]
    shown = text(board, at(now_s=70.0))
    assert "STALE capture    Nothing was said for 10 s; is the node still running?" in shown
    assert "48000" not in shown, "what it said is no longer known to hold"
    board.hear_status(StatusSaid("capture: capture", 0, "OK", WELL["capture: capture"]), 71.0)
    assert "OK    capture    OK" in text(board, at(now_s=71.0))


def test_other_nodes_and_other_namespaces_are_left_alone():
    names = ("head/inference: inference", "tail/inference: inference", "inference: inference",
             "head/ear/inference: inference", "head/arm: motor")  # fmt: skip
    for namespace, watched in (("/head", names[0]), ("/", names[2])):
        board = Board("/emotion", 0.0, namespace)
        for name in names:
            board.hear_status(StatusSaid(name, 0, "OK", {"of": name}), 0.0)
        assert [said.name for said in board.statuses(0.0)] == [watched]
        assert board.values("inference", 0.0) == {"of": watched}


def test_what_was_lost_is_added_up():
    board = Board("/emotion", 0.0)
    for _ in range(3):
        board.hear_emotion(replace(ANGRY, samples_lost=100), 1.0)
    assert "samples 300" in text(board, at(now_s=1.0))


# ── where it is shown ─────────────────────────────────────────────────────────────────────────


def console_of(**how: object) -> Console:
    return Console(file=io.StringIO(), width=80, height=24, **how)


def test_a_screen_is_drawn_for_news_and_once_a_second():
    console = console_of(force_terminal=True, color_system="standard")
    screen, board = Screen(console), board_of()
    drawn = []
    for tick in range(12):
        screen.look(board, 60.0 + tick / 4, lambda: None)
        drawn.append(len(console.file.getvalue()))
    assert [after > before for before, after in pairwise(drawn)] == [
        tick % 4 == 0 for tick in range(1, 12)
    ]
    board.hear_emotion(ANGRY, 62.8)
    screen.look(board, 62.8, lambda: None)
    assert len(console.file.getvalue()) > drawn[-1]
    screen.close()
    screen.close()
    written = console.file.getvalue()
    assert written.count("\x1b[?1049h") == written.count("\x1b[?1049l") == 1
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l"), "the cursor is back"


def test_lines_where_there_is_no_terminal():
    assert isinstance(shown_on(console_of(force_terminal=False)), Lines)
    assert isinstance(shown_on(console_of(force_terminal=True), plain=True), Lines)
    assert isinstance(shown_on(console_of(force_terminal=True, _environ={"TERM": "dumb"})), Lines)
    assert isinstance(shown_on(console_of(force_terminal=True, _environ={"TERM": "vt100"})), Screen)


def test_a_line_for_each_message_and_each_change_of_level():
    console = console_of(force_terminal=False)
    shown, board = Lines(console), board_of()

    def look(now_s: float) -> list[str]:
        console.file.seek(0)
        console.file.truncate()
        shown.look(board, now_s, lambda: 0)
        return [found.partition(" ")[2] for found in console.file.getvalue().splitlines()]

    warning, said = look(60.0)
    assert warning == f"WARN inference: {SLOW}"
    assert said.startswith("ANGRY (71% sure, for 12 s, since ")
    assert said.endswith(
        ") | angry 0.83 neutral 0.02 sad 0.05 happy 0.10 | speech 0.87, -31 dBFS, 16 ms, lost 0"
    )
    assert look(60.25) == []
    silent = look(67.0)
    assert [found.split()[0] for found in silent] == ["STALE", "STALE", "No"]
    assert look(68.0) == []
    assert look(77.0)[0].startswith("No messages for 17 s")


def test_a_line_holds_on_to_one_line():
    board = board_of(replace(ANGRY, labels=["x\ny"], probabilities=[1.0]))
    assert "\n" not in line(board, at())
