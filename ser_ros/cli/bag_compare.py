"""`bag compare`: is the second model, or version, worse than the first on the same material?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ser_ros.cli.options import seed
from ser_ros.evaluation.results import finite
from ser_ros.report.compare import compare, read_report
from ser_ros.report.words import many

HELP = "say what changed between two reports; fails if the second is worse by more than a limit"
EXAMPLE = """  python -m ser_ros bag compare reports/before reports/after
  python -m ser_ros bag compare reports/before reports/after --limit 0.01 --json"""

LIMIT = 0.02
"""What the UAR may lose, unless told otherwise."""

_SHOWN = 6
"""Changes of label that are listed; the JSON has them all."""

Found = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("first", "second"):
        parser.add_argument(
            name, type=Path, metavar=f"{name.upper()}", help="the folder of a report"
        )
    parser.add_argument(
        "--limit",
        type=_share,
        metavar="UAR",
        default=LIMIT,
        help=f"how much the UAR per window may lose, 0 to 1 ({LIMIT:g})",
    )
    parser.add_argument("--json", action="store_true", help="all figures, on standard output")
    parser.add_argument("--seed", type=seed, default=0, help="of the intervals (0)")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 0 to 1")
    return value


def run(options: argparse.Namespace) -> int:
    """Compare; 1 if the second report's UAR is lower by more than the limit."""
    found = compare(read_report(options.first), read_report(options.second), options.seed)
    lost = lost_uar(found)
    # A loss of just the limit is within it, whatever the last digit of a binary fraction.
    worse = lost is not None and lost > options.limit + 1e-9
    found["limit"], found["worse"] = options.limit, worse
    if options.json:
        print(json.dumps(finite(found), indent=1, ensure_ascii=False))
    else:
        print("\n".join(lines(found)))
    if worse:
        print(
            f"bag compare: The second loses {lost:.3f} UAR, expected a loss of {options.limit:g} "
            "at most; look into its report, or raise --limit.",
            file=sys.stderr,
        )
    return int(worse)


def lost_uar(found: Found) -> float | None:
    """Return what the UAR per window lost; None where there is none."""
    if found["scored"] is None:
        return None
    return -float(found["scored"]["windows"]["uar"]["difference"]["value"])


# ── what a person reads: 80 columns ───────────────────────────────────────────────────────────


def lines(found: Found) -> Iterator[str]:
    for which in ("first", "second"):
        facts = found[which]
        yield f"{which:7} {facts['report']}: {facts['model']} {facts['sha256'][:12]}"
    yield from _material(found)
    yield ""
    if found["scored"] is None:
        yield "No window in common has a truth: what was said is compared, not whether it is right."
    else:
        yield from _figures(found["scored"])
    before_ms, after_ms = found["latency_p50_ms"]
    yield _row("median latency, ms", before_ms, after_ms, ".1f")
    yield ""
    yield from _labels(found)


def _material(found: Found) -> Iterator[str]:
    shared, scored = found["common"], found["scored"]
    voices = f", of {many(scored['windows']['voices'], 'voice')}" if scored else ""
    yield (
        f"In both: {many(shared['windows'], 'window')} of {many(shared['sources'], 'recording')}, "
        f"{shared['scored']} with a truth{voices}."
    )
    for which in ("first", "second"):
        rest = found[which]["windows"] - shared["windows"]
        if rest:
            yield f"In the {which} alone, and not compared: {many(rest, 'window')}."
    if shared["other_content"]:
        other = many(shared["other_content"], "recording")
        yield f"Of the same name, but with another content: {other}."
    if shared["truth_differs"]:
        differ = many(shared["truth_differs"], "window")
        yield f"Of another truth in the second, and not scored: {differ}."


def _row(name: str, first: float | None, second: float | None, form: str = ".3f") -> str:
    shown = ["-" if value is None else f"{value:{form}}" for value in (first, second)]
    change = "" if first is None or second is None else f"{second - first:+{form}}"
    return f"{name:24} {shown[0]:>7} {shown[1]:>7} {change:>8}".rstrip()


def _figures(scored: Found) -> Iterator[str]:
    yield f"{'':24} {'first':>7} {'second':>7} {'change':>8}  95 % over voices"
    same = scored["windows"]["n"] == scored["utterances"]["n"]
    units = ("windows",) if same else ("windows", "utterances")
    for unit in units:
        for name in ("uar", "accuracy"):
            change = scored[unit][name]
            values = [change[which]["value"] for which in ("first", "second")]
            ends = change["difference"]
            swing = f"{ends['low']:+.3f} to {ends['high']:+.3f}"
            if ends["low"] != ends["low"]:  # NaN
                swing = "a corpus of one voice"
            yield f"{_row(f'{name}, {unit}', *values)}  {swing}"
    for label, (before, after) in scored["windows"]["recall"].items():
        yield _row(f"recall, {label}", before, after)
    for unit in units:
        test = scored[unit]["mcnemar"]
        counts = f"{test['only_first']:7} {test['only_second']:7}"
        yield f"{f'right in one, {unit}':24} {counts} {'':8}  McNemar p = {test['p']:.3g}"


def _labels(found: Found) -> Iterator[str]:
    labels = found["labels"]
    share = f"{100 * labels['share']:.1f} %"
    yield f"Another label in the second: {many(labels['changed'], 'window')}, {share}."
    for change in labels["changes"][:_SHOWN]:
        yield f"  {change['first']} -> {change['second']}: {change['windows']}"
    if len(labels["changes"]) > _SHOWN:
        yield f"  and {len(labels['changes']) - _SHOWN} other changes"
    lost = lost_uar(found)
    if lost is None:
        return
    lost = round(lost, 9) + 0.0
    yield ""
    verdict = "has the same" if not lost else f"{'loses' if lost > 0 else 'gains'} {abs(lost):.3f}"
    yield f"The second {verdict} UAR per window; a loss of {found['limit']:g} is allowed."
