"""The nodes in one process, as the demo runs them."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest
from graph import Graph

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings"
LINE = re.compile(
    r"^ *\d+:\d\d\.\d\d  (angry|neutral|sad|happy|uncertain|no_speech) +(\d+%|-) .* +\d+ ms$", re.M
)


def run(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ser_ros", "run", *arguments]


def test_files_are_heard_and_then_it_ends(graph: Graph) -> None:
    files = [str(RECORDINGS / name) for name in ("03a05Wa.flac", "08a02Tb.flac")]
    process = graph.run(run(*files))
    assert process.wait() == 0
    assert len(LINE.findall(process.output)) == 4
    assert process.output.index("03a05Wa.flac\n") < process.output.index("08a02Tb.flac\n")
    assert all(len(line) <= 80 for line in process.output.splitlines() if LINE.match(line))


def test_interrupted_it_ends_cleanly(graph: Graph) -> None:
    process = graph.run(run("--loop", str(RECORDINGS / "03a05Wa.flac")))
    graph.until(lambda: LINE.search(process.output), "a line")
    assert process.end(signal.SIGINT) == 0
    assert "Traceback" not in process.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing.wav"], "No such file"),
        (["--microphone", "speech.wav"], "exclude each other"),
        (["--device", "USB", "speech.wav"], "--device and FILE exclude each other"),
        (["--demo", "--microphone", "--loop"], "give FILE too"),
        (["--device", "no such microphone"], "No input device is"),
        (["--model", "nothing", str(RECORDINGS / "03a05Wa.flac")], "has no readable manifest"),
        (["--hop", "1000", str(RECORDINGS / "03a05Wa.flac")], "0.05 to 60"),
        (["--baseline", "always", str(RECORDINGS / "03a05Wa.flac")], "one of none, enroll"),
        (["--voice", "a b", str(RECORDINGS / "03a05Wa.flac")], "voice"),
    ],
)
def test_what_it_cannot_do_it_says(graph: Graph, arguments: list[str], sentence: str) -> None:
    process = graph.run(run(*arguments))
    assert process.wait() == 1
    assert sentence in process.output
    assert "Traceback" not in process.output


@pytest.mark.parametrize("arguments", [["--params-file", "nothing.yaml"], ["-r", "__ns:=a b"]])
def test_what_ros_refuses_is_a_sentence(graph: Graph, arguments: list[str]) -> None:
    process = graph.run(run("--ros-args", *arguments))
    assert process.wait() == 1
    assert "ROS cannot start with these arguments" in process.output
    assert "Traceback" not in process.output


def test_a_parameter_file_is_obeyed(graph: Graph, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    told = {"source": "file", "files": [str(RECORDINGS / "03a05Wa.flac")], "chunk": 0.5}
    file.write_text(f"/**/capture: {{ros__parameters: {told}}}")
    process = graph.run(run("--ros-args", "--params-file", str(file)))
    graph.until(lambda: "03a05Wa.flac\n" in process.output, "the file of the parameters")
    assert process.wait() == 0
