"""On what machine, with what software."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("numpy", "onnxruntime", "openvino", "torch", "torchvision", "librosa", "matplotlib")

_CPUINFO = Path("/proc/cpuinfo")

_GAINS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vnni": "VNNI",
    "avx512_bf16": "BF16",
    "amx_tile": "AMX",
}
"""Instructions that a network gains from, by their name in /proc/cpuinfo."""


def describe(packages: Sequence[str] = _PACKAGES) -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "ros": os.environ.get("ROS_DISTRO"),
        "versions": {name: version for name in packages if (version := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    """Return the processor's name, and which of the instructions above it has."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    pairs = [line.partition(":") for line in lines]
    values = {key.strip(): value.strip() for key, _, value in pairs}
    flags = values.get("flags", "").split()
    name = values.get("model name") or platform.processor() or "unknown processor"
    gains = [word for flag, word in _GAINS.items() if flag in flags]
    return f"{name} with {', '.join(gains)}" if gains else name
