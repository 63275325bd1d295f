"""Processes side by side do not take the cores from one another."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from ser_ros.processes import one_thread_each


def test_a_process_that_is_spawned_within_computes_on_one_thread(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with one_thread_each(), ProcessPoolExecutor(1, get_context("spawn")) as pool:
        found = [
            pool.submit(os.getenv, name).result()
            for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
        ]
    assert found == ["1", "1"]
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    assert "OMP_NUM_THREADS" not in os.environ
