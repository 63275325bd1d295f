"""Contestants take turns, each in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec

from ser_ros.benchmark import graph, usual
from ser_ros.benchmark.stages import MODULES
from ser_ros.benchmark.task import USUAL, Result, Task
from ser_ros.errors import SerError
from ser_ros.errors.models import RuntimeUnavailable

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

_NEEDED = MODULES | {"torch": ("onnxruntime", "torch", "torchvision", "onnx")}
"""What must be installed for each runtime."""

_START_S = 120.0
_WINDOW_S = 5.0
"""Seconds after which a contestant is given up: to start, and for each window."""


def installed(modules: Sequence[str]) -> bool:
    return all(_found(module) for module in modules)


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


def contestants(task: Task) -> list[Task]:
    """Return one task for each contestant that is installed here.

    Raises `RuntimeUnavailable` without ONNX Runtime, which the speech gate always needs.
    """
    if not installed(MODULES["onnxruntime"]):
        raise RuntimeUnavailable("onnxruntime", "it is not installed")
    runtimes = [name for name in MODULES if installed(_NEEDED[name])]
    found = [replace(task, room="stages", name=name) for name in runtimes]
    if installed(usual.NEEDED):
        found.append(replace(task, room=USUAL, name=USUAL))
    if installed(graph.NEEDED):
        found += [
            replace(task, room="graph", name=f"inference {name}")
            for name in runtimes
            if name != "torch"
        ]
        found.append(replace(task, room="graph", name="capture"))
    return found


def left_out(tasks: Sequence[Task]) -> list[str]:
    """Return what is not installed here, and with what it would be."""
    names, rooms = {task.name for task in tasks}, {task.room for task in tasks}
    missing = [f"the runtime {name}" for name in MODULES if name not in names]
    if USUAL not in rooms:
        missing.append("the usual way (the extra train)")
    if "graph" not in rooms:
        missing.append("the nodes (ROS 2 and the messages of this package)")
    return missing


def order(tasks: Sequence[Task], rounds: int) -> list[Task]:
    """Give everyone a turn in each round, and each time someone else begins."""
    turns = []
    for turn in range(rounds):
        first = turn % len(tasks)
        turns += [
            replace(task, turn=turn, turns=rounds) for task in (*tasks[first:], *tasks[:first])
        ]
    return turns


def run(turns: Iterator[Task], windows: int) -> tuple[dict[str, list[Result]], dict[str, str]]:
    """Return the results by contestant, and, for those that failed, a sentence that says why."""
    results: dict[str, list[Result]] = {}
    failures: dict[str, str] = {}
    for task in turns:
        if task.name in failures:
            continue
        try:
            result = measure(task, _START_S + _WINDOW_S * windows / task.turns)
            results.setdefault(task.name, []).append(result)
        except SerError as error:
            failures[task.name] = str(error)
            results.pop(task.name, None)
    return results, failures


def measure(task: Task, limit_s: float) -> Result:
    """Run one task in a process. Raises `SerError` where it fails or takes longer than that."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ser_ros.benchmark.worker", task.to_json()],
        # The nodes choose their threads themselves.
        env=os.environ | ({} if task.room == "graph" else _ONE_THREAD),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that its own children can be ended with it
    )
    try:
        out, said = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        raise SerError(f"'{task.name}' took longer than {limit_s:.0f} s; it was ended.") from None
    finally:
        _end(process)
    try:
        if process.returncode == 0:
            return Result.from_json(out.splitlines()[-1])
    except (IndexError, TypeError, ValueError):
        pass
    last = (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
    raise SerError(f"'{task.name}' could not be measured: {last}")


def _end(process: subprocess.Popen[str]) -> None:
    """End whatever is left of a process and of its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
