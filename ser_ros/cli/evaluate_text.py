"""What `evaluate` prints for a person: 80 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Found = dict[str, Any]

_NO_INTERVAL = "(no interval)"


def _interval(found: Mapping[str, float] | None, signed: bool = False) -> str:
    """Write a figure and its interval in 20 characters."""
    if found is None or not np.isfinite(found["value"]):
        return f"{'-':20}"
    sign = "+" if signed else ""
    if not np.isfinite(found["low"]):
        shown = f"{found['value']:{sign}.3f} {_NO_INTERVAL}"
        return f"{shown:20}"
    shown = f"{found['value']:{sign}.3f} [{found['low']:{sign}.2f}, {found['high']:{sign}.2f}]"
    return f"{shown:20}"


def print_scores(scores: Found, groups: Mapping[str, Found]) -> None:
    print(f"{'':14} {'n':>5}  {'uar [95 %]':20} {'accuracy':20} {'ece':20}".rstrip())
    rows = [("all", scores), *(row for of_group in groups.values() for row in of_group.items())]
    for name, found in rows:
        intervals = found["intervals"]
        figures = [_interval(intervals.get(key)) for key in ("uar", "accuracy", "ece")]
        print(f"{name:14.14} {found['n']:5}  {' '.join(figures)}".rstrip())
    if any(_NO_INTERVAL in _interval(found["intervals"].get("uar")) for _, found in rows):
        print(f"{_NO_INTERVAL}: of a corpus it has one voice alone, which tells nothing of others")
    print()
    said = " ".join(f"{label:>8}" for label in scores["labels"])
    print(f"{'truth, said:':14} {said}   recall")
    for label, row in zip(scores["labels"], scores["confusion"], strict=True):
        recall = scores["per_class_recall"][label]
        shown = "      -" if recall is None else f"{recall:7.3f}"
        print(f"{label:14} " + " ".join(f"{count:8}" for count in row) + f"  {shown}")
    certain = scores["accuracy_when_certain"]
    print()
    print(
        f"no speech heard in {scores['no_speech']}; uncertain about {scores['uncertain']}; "
        f"accuracy of the others {'-' if certain is None else f'{certain:.3f}'}"
    )


def print_baseline(rows: Found) -> None:
    print(f"\n{'voice baseline':14} {'n':>5}  {'uar of corpora':20} {'gained':20}".rstrip())
    for mode, found in rows.items():
        gained = _interval(found["gained"], signed=True)
        print(f"{mode:14} {found['n']:5}  {_interval(found['uar'])} {gained}".rstrip())


def print_conditions(rows: Found) -> None:
    print(f"\n{'condition':14} {'n':>5}  {'uar of corpora':20} {'lost':20} {'not heard':>9}")
    for name, found in rows.items():
        lost = _interval(found["lost"], signed=True)
        print(f"{name:14} {found['n']:5}  {_interval(found['uar'])} {lost} {found['no_speech']:9}")


def print_no_speech(found: Found) -> None:
    print(f"\n{'no speech':22} {'windows':>8}  {'an emotion is claimed in':20}")
    for kind, row in {**found["kinds"], "all": found["all"]}.items():
        share = {key: 100 * value for key, value in row["share"].items()}
        shown = f"{share['value']:.1f} %"
        if np.isfinite(share["low"]):
            shown += f" [{share['low']:.1f}, {share['high']:.1f}]"
        print(f"{kind:22.22} {row['n']:8}  {shown}")
