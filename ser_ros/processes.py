"""Processes side by side, each on one thread."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What libraries of linear algebra ask once, when they are loaded."""


@contextmanager
def one_thread_each() -> Iterator[None]:
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
