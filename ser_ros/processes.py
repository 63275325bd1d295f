"""Processes side by side, each on one thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import TypeVar

from ser_ros.errors.machine import ProcessLost

Task = TypeVar("Task")
Result = TypeVar("Result")

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra ask once, when they are loaded."""


def each(
    function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, did: str, kept: bool
) -> Iterator[tuple[int, Result]]:
    """Yield what came of each task, with its index, as it is done, by `jobs` processes.

    With one job or task it is this process. After an interruption, or where nobody asks any more,
    the processes are ended. Raises `ProcessLost` where one died: `did` says in words what it did,
    and `kept` whether what came until then is on the disk.
    """
    jobs = min(jobs, len(tasks))
    if jobs <= 1:
        yield from enumerate(map(function, tasks))
        return
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _prepare)
    done = False
    try:
        with _one_thread_each():
            do = partial(_do, function)
            futures = {pool.submit(do, task): index for index, task in enumerate(tasks)}
        for future in as_completed(futures):
            yield futures[future], future.result()
        done = True
    except BrokenProcessPool as error:
        raise ProcessLost(did, "--jobs", kept) from error
    finally:
        # The pool alone would first do all that it has taken in.
        for process in () if done else set(active_children()) - others:
            process.terminate()
        pool.shutdown(cancel_futures=not done)


def end_with_parent() -> None:
    """Let this process end when the one that began it does, however that was killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _prepare() -> None:
    end_with_parent()
    # Ctrl-C is for the process that a person started; it ends these.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _terminated)


_at_work = threading.Event()
"""Whether this process does a task, and not what the pool does between two."""


def _terminated(*_: object) -> None:
    if _at_work.is_set():
        sys.exit(1)  # as an exception, so that files that were unpacked for the moment are deleted
    # An exception within the pool's own code could leave a lock of its queues taken for good.
    os._exit(1)


def _do(function: Callable[[Task], Result], task: Task) -> Result:
    try:
        return _at(function, task)
    except SystemExit:
        os._exit(1)  # the pool would go on with the next task


def _at(function: Callable[[Task], Result], task: Task) -> Result:
    """Apart from `_do`, which thereby catches an exit that comes when the task is just done."""
    _at_work.set()
    try:
        return function(task)
    finally:
        _at_work.clear()


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that are spawned within the block compute on one thread each.

    Otherwise each takes one per core for numpy's products alone; two such processes on two cores
    were slower together than one alone, for their threads wait for one another.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
