"""From the blocks without and with viewers to what it says: figures, aims, tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ser_ros.benchmark.report import Aim
from ser_ros.benchmark.tables import Table, aim_row, busy, machine_sentence, number
from ser_ros.benchmark.viewers.blocks import Block, processes

SOON_MS = 200.0
"""From a message on the graph to the page."""

LIKE = 1.1
"""How much longer a window may take with viewers, before that counts as slower."""

_QUANTILES = {"p50_ms": 50, "p99_ms": 99, "max_ms": 100}


def figures(blocks: Sequence[Block]) -> dict[str, Any]:
    """Return all figures; `robot` and `page` are what the tables show."""
    without = [block for block in blocks if not block.viewers]
    looking = [block for block in blocks if block.viewers]
    robot = {"without": _robot(without), "with": _robot(looking)}
    found = {
        "robot": {**robot, "ratios": _ratios(**{f"{k}_them": v for k, v in robot.items()})},
        "page": _page(looking),
        "stuck": _stuck([one for block in looking for one in block.stuck]),
        "blocks": [_short(block) for block in blocks],
    }
    found["aims"] = [aim.to_dict() for aim in _aims(found)]
    return found


def _robot(blocks: Sequence[Block]) -> dict[str, Any]:
    latencies = [ms for block in blocks for ms in block.latencies_ms]
    seconds = sum(block.seconds for block in blocks)
    medians = [float(np.median(b.latencies_ms)) for b in blocks if b.latencies_ms]
    return {
        "seconds": seconds,
        "windows": len(latencies),
        "latency": {
            "p50_ms": float(np.percentile(latencies, 50)),
            "p99_ms": float(np.percentile(latencies, 99)),
            "mean_ms": float(np.mean(latencies)),
        }
        if latencies
        else None,
        "p50_of_blocks_ms": [min(medians), max(medians)] if medians else None,
        "windows_dropped": sum(block.dropped for block in blocks),
        "samples_lost": sum(block.lost for block in blocks),
        "cpu": {
            name: sum(block.cpu[name] * block.seconds for block in blocks) / seconds
            for name in processes(blocks)
        },
    }


def _ratios(without_them: dict[str, Any], with_them: dict[str, Any]) -> dict[str, float]:
    """Return by how much longer a window took with viewers."""
    before, after = without_them["latency"], with_them["latency"]
    return {key: after[key] / before[key] for key in before} if before and after else {}


def _page(blocks: Sequence[Block]) -> dict[str, Any]:
    """Pool the delays of every message at every viewer; one that never came is missing."""
    delays_ms, missing, views = [], 0, [view for block in blocks for view in block.views]
    for block in blocks:
        for view in block.views:
            arrived = {(kind, stamp): at for kind, stamp, at in view["arrived"]}
            found = [(arrived.get((kind, stamp)), told) for kind, stamp, told in block.told]
            delays_ms += [(at - told) * 1e3 for at, told in found if at is not None]
            missing += sum(at is None for at, _ in found)
    received = [sum(view["counts"].values()) for view in views]
    return {
        "delay": {k: float(np.percentile(delays_ms, q)) for k, q in _QUANTILES.items()}
        if delays_ms
        else None,
        "arrivals": len(delays_ms),
        "missing": missing,
        "share_soon": float(np.mean(np.array(delays_ms + [np.inf] * missing) <= SOON_MS))
        if delays_ms or missing
        else None,
        "messages_per_view": [min(received), max(received)] if received else None,
        "windows_per_view": _windows(views),
        "gaps": sum(view["counts"].get("gap", 0) for view in views),
        "gap_s": sum(view["gap_s"] for view in views),
        "ended_by_the_server": sum(view["ended"] for view in views),
    }


def _windows(views: Sequence[dict[str, Any]]) -> list[int] | None:
    counts = [view["counts"].get("window", 0) for view in views]
    return [min(counts), max(counts)] if counts else None


def _stuck(views: Sequence[dict[str, Any]]) -> dict[str, Any]:
    cut = [view["held_s"] for view in views if view["cut"]]
    return {
        "opened": len(views),
        "cut": len(cut),
        "cut_after_s": [min(cut), max(cut)] if cut else None,
        "told_of_gap": sum(view["gaps"] > 0 for view in views),
        "unsent_kb": max((view["unsent_bytes"] for view in views), default=0) / 1e3,
    }


def _short(block: Block) -> dict[str, Any]:
    """Return a block without what each viewer saw."""
    said = asdict(block)
    said["told"] = len(block.told)
    said["views"] = len(block.views)
    return said


def _aims(found: dict[str, Any]) -> list[Aim]:
    page, ratios = found["page"], found["robot"]["ratios"]
    return [
        Aim("message to page, p99", (page["delay"] or {}).get("p99_ms"), under=SOON_MS, unit="ms"),
        Aim("latency p50, with / without", ratios.get("p50_ms"), under=LIKE, unit="x"),
        Aim("latency p99, with / without", ratios.get("p99_ms"), under=LIKE, unit="x"),
    ]


# ── what it says ──────────────────────────────────────────────────────────────────────────────


def preface(report: dict[str, Any]) -> list[str]:
    about = report["setting"]
    return [
        machine_sentence(report["machine"]),
        f"Model: {report['model']['name']} on {about['runtime']}, a window every "
        f"{about['hop_s']:g} s, chunks of {about['chunk_s']:g} s. {about['viewers']} viewers, and "
        f"one that reads nothing, for {about['rounds']} x {about['block_s']:g} s, in turn with "
        "nobody for as long; the viewers' process computes on the same machine.",
        *busy(report["machine"]),
    ]


def tables(report: dict[str, Any]) -> list[Table]:
    return [
        _robot_table(report),
        Table("The page", ("", "all viewers"), _page_rows(report["page"])),
        Table("The viewer that reads nothing", ("", "it"), _stuck_rows(report["stuck"])),
        Table("Aims", ("", "aim", "measured", ""), [aim_row(aim) for aim in report["aims"]]),
    ]


def _robot_table(report: dict[str, Any]) -> Table:
    robot = report["robot"]
    without, looking, ratios = robot["without"], robot["with"], robot["ratios"]

    def row(what: str, shown: Any, ratio: str = "") -> tuple[str, ...]:
        return (what, shown(without), shown(looking), ratio)

    rows = [
        *(
            row(
                f"latency ms, {key[:-3]}",
                lambda of, key=key: _latency(of, key),
                _ratio(ratios, key),
            )
            for key in ("p50_ms", "p99_ms", "mean_ms")
        ),
        row("p50 of each block", lambda of: _span(of["p50_of_blocks_ms"], 1)),
        row("windows", lambda of: str(of["windows"])),
        row("windows dropped", lambda of: str(of["windows_dropped"])),
        row("samples lost", lambda of: str(of["samples_lost"])),
        *(
            row(f"CPU s per s, {name}", lambda of, name=name: number(of["cpu"].get(name), 3))
            for name in without["cpu"] | looking["cpu"]
        ),
    ]
    head = ("", "without", f"{report['setting']['viewers']} viewers", "with / without")
    return Table("The robot", head, rows)


def _latency(of: dict[str, Any], key: str) -> str:
    return number((of["latency"] or {}).get(key), 1)


def _ratio(ratios: dict[str, float], key: str) -> str:
    return number(ratios.get(key), 2)


def _page_rows(page: dict[str, Any]) -> list[tuple[str, ...]]:
    delay = page["delay"] or {}
    share = page["share_soon"]
    return [
        (
            "message to page ms, p50 / p99 / max",
            " / ".join(number(delay.get(key), 1) for key in _QUANTILES),
        ),
        (f"within {SOON_MS:g} ms", "-" if share is None else f"{share:.2%}"),
        ("arrived, missing", f"{page['arrivals']}, {page['missing']}"),
        ("messages of a view, least to most", _span(page["messages_per_view"], 0)),
        ("windows of a view, least to most", _span(page["windows_per_view"], 0)),
        ("gaps told, views ended", f"{page['gaps']}, {page['ended_by_the_server']}"),
    ]


def _stuck_rows(stuck: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        ("opened, cut off", f"{stuck['opened']}, {stuck['cut']}"),
        ("cut off after s, least to most", _span(stuck["cut_after_s"], 0)),
        ("told of a gap, once it read", str(stuck["told_of_gap"])),
        ("kB that waited for it, at most", number(stuck["unsent_kb"], 0)),
    ]


def _span(ends: Sequence[float] | None, digits: int) -> str:
    return "-" if ends is None else " to ".join(number(end, digits) for end in ends)
