"""Where figures come from: the commit, the versions, the machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

from ser_ros import __version__

_PACKAGES = ("numpy", "onnxruntime", "openvino", "scikit-learn", "scipy", "pyroomacoustics")

_CPUINFO = Path("/proc/cpuinfo")

UNKNOWN = "unknown"


def commit(package: Path | None = None) -> str:
    """Return the commit of the code, and whether the code differs from it.

    `unknown` where the package is no part of a git repository, as once it is installed.
    """
    package = package or Path(__file__).resolve().parent.parent
    # A virtual environment may lie within somebody else's repository.
    if not _git(package, "ls-files", "--", "."):
        return UNKNOWN
    found = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--", ".")
    if not found or changed is None:
        return UNKNOWN
    return f"{found} with uncommitted changes" if changed else found


def _git(folder: Path, *words: str) -> str | None:
    """Return what git says, None where it refuses or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def origin(command: str, seed: int, runtime: str) -> dict[str, Any]:
    """Return what a reader needs to get the same figures; `runtime` computed the network."""
    versions = {"ser_ros": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "command": command,
        "commit": commit(),
        "seed": seed,
        "runtime": runtime,
        "versions": versions,
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
    }


def _processor() -> str:
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
