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
                    number(of.get("ready_s"), 2),
                    number(of.get("rss_mb"), 0),
                    times(of["stages"].get("latency")),
                )
                for name, of in contestants.items()
                if "ready_s" in of
            ],
        ),
        Table("Aims", ("", "aim", "measured", ""), [aim_row(aim) for aim in report["aims"]]),
    ]
    return [table for table in found if table.rows]


def _stages(
    contestants: dict[str, Any], names: Sequence[str], order: Sequence[str]
) -> list[tuple[str, ...]]:
    return [
        (stage, *(times(contestants[name]["stages"].get(stage)) for name in names))
        for stage in order
    ]


def _process(report: dict[str, Any], name: str) -> tuple[str, ...]:
    of = report["contestants"][name]
    off = report["differences_from_torch"].get(name)
    return (
        name,
        number(of.get("import_s"), 2),
        number(of.get("load_s"), 2),
        number(of.get("first_ms"), 0),
        number(of.get("rss_mb"), 0),
        number(report["ratios"].get(name), 1),
        "-" if off is None else f"{off:.1e}",
    )


def aim_row(aim: dict[str, Any]) -> tuple[str, ...]:
    least, unit = aim["at_least"], f" {aim['unit']}"
    wanted = f"at least {least:g}" if least is not None else f"under {aim['under']:g}"
    measured = "-" if aim["measured"] is None else f"{aim['measured']:.3g}{unit}"
    word = {True: "met", False: "MISSED", None: "not measured"}[aim["met"]]
    return (aim["what"], f"{wanted}{unit}", measured, word)


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def times(of: dict[str, float] | None) -> str:
    return "-" if of is None else " / ".join(_ms(of[k]) for k in ("p50_ms", "p99_ms", "mean_ms"))


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def preface(report: dict[str, Any]) -> list[str]:
    """Return in sentences what was measured, on what, and what failed."""
    speech = report["speech"]
    hop = "" if speech["hop_s"] is None else f", one every {speech['hop_s'] * 1e3:.0f} ms"
    said = [
        machine_sentence(report["machine"]),
        f"Speech: {speech['windows']} windows of {speech['window_s']:g} s{hop}, from "
        f"{speech['files']} file(s) of {speech['seconds']:.1f} s in all; without speech by the "
        f"gate: {speech['without_speech']}.",
        f"Model: {report['model']['name']}; {report['rounds']} round(s).",
        *busy(report["machine"]),
    ]
    if report["not_installed"]:
        said.append(f"Not installed here, so not measured: {', '.join(report['not_installed'])}.")
    return said + [f"Failed: {sentence}" for sentence in report["failures"].values()]


def machine_sentence(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    ros = f", ROS 2 {machine['ros']}" if machine["ros"] else ""
    return (
        f"Machine: {machine['cpu']}, {machine['cores']} cores, load {machine['load']} at the "
        f"start; {machine['system']}, Python {machine['python']}{ros}; {versions}."
    )


def busy(machine: dict[str, Any]) -> list[str]:
    """Return a warning where it is due."""
    if machine["load"] <= 0.5:
        return []
    return ["The machine was busy with something else: these figures are only a trial."]


def as_markdown(report: dict[str, Any]) -> str:
    return markdown(preface(report), tables(report))


def markdown(sentences: Sequence[str], shown: Sequence[Table]) -> str:
    parts = list(sentences)
    for table in shown:
        lines = [f"**{table.title}**", "", _row(table.head)]
        lines.append(_row(["---", *["---:"] * (len(table.head) - 1)]))
        lines += [_row(row) for row in table.rows]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def print_text(report: dict[str, Any]) -> None:
    show(preface(report), tables(report))


def show(sentences: Sequence[str], shown: Sequence[Table]) -> None:
    """Print sentences and tables, as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for sentence in sentences:
        console.print(sentence)
    for table in shown:
        rich = RichTable(
            title=f"\n{table.title}", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
        )
        for index, title in enumerate(table.head):
            # A long name may be folded, a figure not.
            rich.add_column(title, justify="right" if index else "left", no_wrap=index > 0)
        for row in table.rows:
            rich.add_row(*row)
        console.print(rich)
