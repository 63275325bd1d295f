"""What viewers of the page cost: the real nodes, the real page, and nothing left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from graph import LONG_S, ROOT

pytest.importorskip("aiohttp", reason="it is in the extra web")

pytestmark = [pytest.mark.ros, pytest.mark.slow]

MARK = "SER_ROS_TEST_RUN"
NODES = {"capture", "inference", "dashboard"}


class Run:
    """The command as a person types it, and all processes that it starts."""

    def __init__(self, folder: Path, *words: str) -> None:
        self._mark = f"{MARK}={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self._output = folder / "output.txt"
        with self._output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ser_ros", "benchmark", *words],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, name: value, "TMPDIR": str(folder)},
                cwd=ROOT,
                start_new_session=True,  # a group, as a terminal makes one
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def family(self) -> dict[int, str]:
        """Return the command lines of those that are there, by process."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (folder / "environ").read_bytes():
                    words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[int(folder.name)] = words.decode()
            except OSError:  # it ended, or is somebody else's
                pass
        return found

    def kill(self) -> None:
        for pid in self.family():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def run(tmp_path: Path):
    runs: list[Run] = []

    def start(*words: str) -> Run:
        runs.append(Run(tmp_path, *words))
        return runs[-1]

    yield start
    for one in runs:
        one.kill()


def until(condition: Callable[[], object], what: Callable[[], str]) -> None:
    end = time.monotonic() + 4 * LONG_S  # four processes load what they need
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.1)


def test_a_short_run_with_two_viewers(run: Callable[..., Run], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = run("--viewers", "2", "--seconds", "4", "--rounds", "1", "--json", str(out))
    until(lambda: done.process.poll() is not None, lambda: done.output)

    assert done.process.returncode == 0, done.output
    assert done.family() == {}
    assert list(tmp_path.glob("ser_ros-benchmark-*")) == []
    found = json.loads(out.read_text())
    without, looking = found["robot"]["without"], found["robot"]["with"]
    for side in (without, looking):
        assert side["seconds"] >= 4
        assert side["windows"] > 0
        assert 0 < side["latency"]["p50_ms"] <= side["latency"]["p99_ms"]
        assert set(side["cpu"]) == {*NODES, "viewers"}
        assert side["cpu"]["inference"] > 0
    assert found["robot"]["ratios"]["p50_ms"] == pytest.approx(
        looking["latency"]["p50_ms"] / without["latency"]["p50_ms"]
    )

    page = found["page"]
    fewest, most = page["windows_per_view"]
    assert 0 < fewest <= most
    assert page["messages_per_view"][0] > 2 * fewest  # a state with each window, sound, health
    assert page["arrivals"] > 0
    assert page["missing"] == page["ended_by_the_server"] == 0
    assert page["delay"]["p50_ms"] <= page["delay"]["p99_ms"] <= page["delay"]["max_ms"]
    assert found["stuck"]["opened"] == 1
    assert found["stuck"]["unsent_kb"] > 0  # its window was full
    assert [block["viewers"] for block in found["blocks"]] == [0, 2]
    assert found["setting"]["viewers"] == 2
    for words in ("2 viewers", "message to page", "latency ms", "CPU s per s, dashboard"):
        assert words in done.output


def begin(run: Callable[..., Run]) -> tuple[Run, dict[str, int]]:
    """Start a long run; return it, and its processes by what they are, once all are there."""
    begun = run("--viewers", "2", "--seconds", "600", "--rounds", "300")

    def processes() -> dict[str, int]:
        return {
            name: pid
            for pid, words in begun.family().items()
            for name in (*(f"nodes.{node}" for node in NODES), "benchmark.viewers.audience")
            if name in words
        }

    until(lambda: len(processes()) == 4 or begun.process.poll() is not None, lambda: begun.output)
    assert begun.process.poll() is None, begun.output
    return begun, processes()


@pytest.mark.parametrize("how", ["ctrl-c", "termination"])
def test_ended_early_it_leaves_no_process(
    run: Callable[..., Run], tmp_path: Path, how: str
) -> None:
    begun, _ = begin(run)
    if how == "ctrl-c":
        os.killpg(begun.process.pid, signal.SIGINT)
    else:
        begun.process.terminate()
    assert begun.process.wait(LONG_S) == 130
    assert begun.family() == {}
    assert "interrupted" in begun.output
    assert "Traceback" not in begun.output
    assert list(tmp_path.glob("ser_ros-benchmark-*")) == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nodes.dashboard", "The node dashboard ended with exit code -9."),
        ("benchmark.viewers.audience", "The viewers cannot look on."),
    ],
)
def test_a_process_that_is_lost_ends_it_with_a_sentence(
    run: Callable[..., Run], name: str, sentence: str
) -> None:
    begun, processes = begin(run)
    os.kill(processes[name], signal.SIGKILL)
    assert begun.process.wait(3 * LONG_S) == 1
    assert sentence in begun.output
    assert "Traceback" not in begun.output
    assert begun.family() == {}
