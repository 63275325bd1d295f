"""Stop watch and scales. They load nothing, for they are there before what they measure."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Samples = dict[str, list[float]]
"""What was measured, in ms, by stage."""


class Clock:
    """Measure stages by name."""

    def __init__(self) -> None:
        self.samples: Samples = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.samples.setdefault(name, []).append((time.perf_counter() - began) * 1e3)


class Lap:
    """Seconds since it was made or last asked."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self) -> float:
        now = time.perf_counter()
        began, self._began = self._began, now
        return now - began


def resident_mb(process: int | str = "self") -> float:
    """Return what a process holds in memory, in MB (10^6 bytes), its libraries included."""
    for line in Path("/proc", str(process), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise ProcessLookupError(process)


def cpu_seconds(process: int | str = "self") -> float:
    """Return the seconds that a process has computed so far, on all cores together."""
    # The name before the parenthesis may hold anything.
    _, _, rest = Path("/proc", str(process), "stat").read_text().rpartition(")")
    user, system = rest.split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
