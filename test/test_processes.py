"""Processes side by side: what comes of them, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import active_children
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from programs import python

from ser_ros.errors.machine import CannotWrite, ProcessLost
from ser_ros.processes import each


def refuse(place: str) -> None:
    raise CannotWrite(place, "no room")


def hold(folder: Path) -> None:
    """Sleep within a folder for the moment; what is there says that it has begun."""
    with TemporaryDirectory(dir=folder):
        time.sleep(60)


def test_each_task_has_its_result_and_what_cannot_be_used_is_a_sentence():
    words = ["a", "bb", "ccc"]
    for jobs in (1, 2):
        assert sorted(each(len, words, jobs, "counted", False)) == [(0, 1), (1, 2), (2, 3)]
        with pytest.raises(CannotWrite, match=r"'(a|bb)' cannot be written \(no room\)"):
            list(each(refuse, words, jobs, "refused", False))
    assert list(each(len, [], 2, "counted", False)) == []


def test_a_process_computes_on_one_thread(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    names = ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
    assert sorted(each(os.getenv, names, 2, "asked", False)) == [(0, "1"), (1, "1")]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize("kept", [True, False])
def test_a_process_that_is_killed_is_told_and_not_waited_for(kept):
    with pytest.raises(ProcessLost, match=r"A process that slept .* number of --jobs") as told:
        list(each(os._exit, [9] * 4, 2, "slept", kept))
    assert ("what was done is kept" in str(told.value)) is kept


def test_an_interruption_ends_the_processes_which_clear_up(tmp_path):
    others = set(active_children())

    def look(*_: object) -> None:
        if len(list(tmp_path.iterdir())) == 2:
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(each(hold, [tmp_path] * 6, 2, "slept", False))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert list(tmp_path.iterdir()) == []
    assert set(active_children()) <= others


BETWEEN_TASKS = """
import os, signal
from ser_ros.processes import _do, _prepare
_prepare()
assert _do(len, ()) == 0  # a task was done, and the next has not come
try:
    os.kill(os.getpid(), signal.SIGTERM)
finally:
    print("an exception")
"""


def test_between_two_tasks_a_process_ends_at_once():
    """An exception there could leave a lock of the pool taken, and all others wait for it."""
    done = python("-c", BETWEEN_TASKS)
    assert (done.returncode, done.stdout) == (1, "")


def sign_and_sleep(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(60)


PARENT = """
import sys
from pathlib import Path
from ser_ros.processes import each
from test_processes import sign_and_sleep
if __name__ == "__main__":
    list(each(sign_and_sleep, [Path(sys.argv[1])] * 2, 2, "slept", False))
"""


def alive(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_processes_end_with_a_parent_that_is_killed(tmp_path):
    script, signed = tmp_path / "parent.py", tmp_path / "signed"
    script.write_text(PARENT)
    signed.mkdir()
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    words, env = [sys.executable, str(script), str(signed)], {**os.environ, "PYTHONPATH": path}
    parent = subprocess.Popen(words, env=env)
    try:
        until = time.monotonic() + 60
        while len(list(signed.iterdir())) < 2:
            assert parent.poll() is None
            assert time.monotonic() < until, "no two processes in 60 s"
            time.sleep(0.05)
        parent.kill()
        parent.wait()
        pids = [file.name for file in signed.iterdir()]
        while any(map(alive, pids)):
            assert time.monotonic() < until + 30, f"{pids} go on"
            time.sleep(0.05)
    except BaseException:
        parent.kill()
        for file in signed.iterdir():
            with suppress(ProcessLookupError):
                os.kill(int(file.name), signal.SIGKILL)
        raise


def test_who_asks_no_more_ends_the_processes():
    others = set(active_children())
    results = each(time.sleep, [0, 60, 60, 60], 2, "slept", False)
    assert next(results) == (0, None)
    results.close()
    assert set(active_children()) <= others
