"""The report as tables, on a terminal or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ser_ros.benchmark import stages, usual
from ser_ros.benchmark.task import USUAL

_WIDTH = 100
"""Characters of a line that goes to a file."""


@dataclass(frozen=True)
class Table:
    title: str
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(report: dict[str, Any]) -> list[Table]:
    """Return the tables of a report that have something to say."""
    contestants = report["contestants"]
    ours = [name for name in stages.MODULES if name in contestants]
    head = ("ms, p50 / p99 / mean", *ours)
    found = [Table("Our way, one thread", head, _stages(contestants, ours, stages.STAGES))]
    if USUAL in contestants:
        rows = _stages(contestants, [USUAL], usual.STAGES)
        found.append(Table("The usual way, one thread", (head[0], USUAL), rows))
    found += [
        Table(
            "Processes",
            ("", "import s", "load s", "first ms", "MB", "faster than usual", "off torch's p by"),
            [_process(report, name) for name in (*ours, USUAL) if name in contestants],
        ),
        Table(
            "Nodes",
            ("", "ready s", "MB", "latency ms, p50 / p99 / mean"),
            [
                (
                    name,
                    _number(of.get("ready_s"), 2),
                    _number(of.get("rss_mb"), 0),
                    _times(of["stages"].get("latency")),
                )
                for name, of in contestants.items()
                if "ready_s" in of
            ],
        ),
        Table("Aims", ("", "aim", "measured", ""), [_aim(aim) for aim in report["aims"]]),
    ]
    return [table for table in found if table.rows]


def _stages(
    contestants: dict[str, Any], names: Sequence[str], order: Sequence[str]
) -> list[tuple[str, ...]]:
    return [
        (stage, *(_times(contestants[name]["stages"].get(stage)) for name in names))
        for stage in order
    ]


def _process(report: dict[str, Any], name: str) -> tuple[str, ...]:
    of = report["contestants"][name]
    off = report["differences_from_torch"].get(name)
    return (
        name,
        _number(of.get("import_s"), 2),
        _number(of.get("load_s"), 2),
        _number(of.get("first_ms"), 0),
        _number(of.get("rss_mb"), 0),
        _number(report["ratios"].get(name), 1),
        "-" if off is None else f"{off:.1e}",
    )


def _aim(aim: dict[str, Any]) -> tuple[str, ...]:
    least, unit = aim["at_least"], f" {aim['unit']}"
    wanted = f"at least {least:g}" if least is not None else f"under {aim['under']:g}"
    measured = "-" if aim["measured"] is None else f"{aim['measured']:.3g}{unit}"
    word = {True: "met", False: "MISSED", None: "not measured"}[aim["met"]]
    return (aim["what"], f"{wanted}{unit}", measured, word)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _times(of: dict[str, float] | None) -> str:
    return "-" if of is None else " / ".join(_ms(of[k]) for k in ("p50_ms", "p99_ms", "mean_ms"))


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def preface(report: dict[str, Any]) -> list[str]:
    """Return in sentences what was measured, on what, and what failed."""
    machine, speech = report["machine"], report["speech"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    hop = "" if speech["hop_s"] is None else f", one every {speech['hop_s'] * 1e3:.0f} ms"
    ros = f", ROS 2 {machine['ros']}" if machine["ros"] else ""
    said = [
        f"Machine: {machine['cpu']}, {machine['cores']} cores, load {machine['load']} at the "
        f"start; {machine['system']}, Python {machine['python']}{ros}; {versions}.",
        f"Speech: {speech['windows']} windows of {speech['window_s']:g} s{hop}, from "
        f"{speech['files']} file(s) of {speech['seconds']:.1f} s in all; without speech by the "
        f"gate: {speech['without_speech']}.",
        f"Model: {report['model']['name']}; {report['rounds']} round(s).",
    ]
    if report["machine"]["load"] > 0.5:
        said.append("The machine was busy with something else: these figures are only a trial.")
    if report["not_installed"]:
        said.append(f"Not installed here, so not measured: {', '.join(report['not_installed'])}.")
    return said + [f"Failed: {sentence}" for sentence in report["failures"].values()]


def as_markdown(report: dict[str, Any]) -> str:
    parts = list(preface(report))
    for table in tables(report):
        lines = [f"**{table.title}**", "", _row(table.head)]
        lines.append(_row(["---", *["---:"] * (len(table.head) - 1)]))
        lines += [_row(row) for row in table.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def print_text(report: dict[str, Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for sentence in preface(report):
        console.print(sentence)
    for table in tables(report):
        shown = RichTable(
            title=f"\n{table.title}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for index, title in enumerate(table.head):
            # A long name may be folded, a figure not.
            shown.add_column(title, justify="right" if index else "left", no_wrap=index > 0)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)
