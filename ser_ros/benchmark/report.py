"""From what was measured to what it says: pooled figures, ratios, aims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from ser_ros.benchmark.clock import Samples
from ser_ros.benchmark.task import USUAL, Result

Pooled = dict[str, Any]
"""`stages` (by stage: p50_ms, p99_ms, mean_ms, n), the figures, and the notes of all rounds."""

FASTER = {"onnxruntime": 5.0, "openvino": 14.0}
"""How many times faster than the usual way a whole window shall be."""

BESIDE_NETWORK = 0.5
"""What decode, gate and image may take together, as a share of the network on ONNX Runtime."""

RESIDENT_MB = {"inference": 200.0, "capture": 100.0}
READY_S = 2.0


def pool(results: Sequence[Result]) -> Pooled:
    """Join the samples of all rounds; of what each process measures once, take the median."""
    samples: Samples = {}
    for result in results:
        for stage, values in result.samples.items():
            samples.setdefault(stage, []).extend(values)
    names = {name for result in results for name in result.figures}
    figures = {
        name: median(r.figures[name] for r in results if name in r.figures)
        for name in sorted(names)
    }
    notes: dict[str, Any] = {}
    for result in results:
        for key, value in result.notes.items():
            notes[key] = notes.get(key, 0) + value
    return {"stages": {s: _summary(v) for s, v in samples.items()}, **figures, **notes}


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "p50_ms": float(np.percentile(values, 50)),
        "p99_ms": float(np.percentile(values, 99)),
        "mean_ms": float(np.mean(values)),
        "n": len(values),
    }


def p50(pooled: Mapping[str, Pooled], contestant: str, *stages: str) -> float | None:
    """Return the sum of the stages' medians in ms, or None where one was not measured."""
    found = pooled.get(contestant, {}).get("stages", {})
    if not all(stage in found for stage in stages):
        return None
    return float(sum(found[stage]["p50_ms"] for stage in stages))


def ratios(pooled: Mapping[str, Pooled]) -> dict[str, float]:
    """Return how many times longer the usual way takes for a whole window, by runtime."""
    theirs = p50(pooled, USUAL, "whole")
    if theirs is None:
        return {}
    return {
        name: theirs / ours
        for name in pooled
        if name != USUAL and (ours := p50(pooled, name, "whole")) is not None
    }


def differences(results: Mapping[str, Sequence[Result]], reference: str) -> dict[str, float]:
    """Return, by contestant, how far its probabilities are at most from those of another one."""
    judged = {
        name: {index: values for r in of for index, values in r.probabilities.items()}
        for name, of in results.items()
    }
    truth = judged.get(reference, {})
    found = {}
    for name, probabilities in judged.items():
        common = probabilities.keys() & truth.keys()
        if name != reference and common:
            found[name] = max(
                float(np.max(np.abs(np.subtract(probabilities[index], truth[index]))))
                for index in common
            )
    return found


@dataclass(frozen=True)
class Aim:
    """What was aimed at, and what came of it."""

    what: str
    measured: float | None
    """None where it could not be measured here."""
    at_least: float | None = None
    under: float | None = None
    unit: str = ""

    @property
    def met(self) -> bool | None:
        if self.measured is None:
            return None
        above = self.at_least is None or self.measured >= self.at_least
        return above and (self.under is None or self.measured < self.under)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"met": self.met}


def aims(pooled: Mapping[str, Pooled]) -> list[Aim]:
    """Hold what was measured against what was aimed at; a contestant that failed met nothing."""
    faster = ratios(pooled)
    found = [
        Aim(f"window, usual way / {name}", faster.get(name), at_least=least, unit="x")
        for name, least in FASTER.items()
    ]
    beside = p50(pooled, "onnxruntime", "decode", "gate", "image")
    network = p50(pooled, "onnxruntime", "network")
    share = beside / network if beside is not None and network else None
    found.append(
        Aim("decode + gate + image / network, onnxruntime", share, under=BESIDE_NETWORK, unit="x")
    )
    for node, most_mb in RESIDENT_MB.items():
        for name in [name for name in pooled if name.split()[0] == node] or [node]:
            of = pooled.get(name, {})
            found += [
                Aim(f"{name} node, memory", of.get("rss_mb"), under=most_mb, unit="MB"),
                Aim(f"{name} node, ready", of.get("ready_s"), under=READY_S, unit="s"),
            ]
    return found
