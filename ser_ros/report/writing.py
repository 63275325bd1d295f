"""Write a report: judged sources in, one folder out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ser_ros.bundle import Bundle
from ser_ros.evaluation.judged import Source
from ser_ros.evaluation.results import finite
from ser_ros.files import folder_aside
from ser_ros.report import table
from ser_ros.report.figures import figures
from ser_ros.report.folder import CSV, JSON, KIND, PAGE, SCHEMA, check_place
from ser_ros.report.mistakes import Mistake, mistakes
from ser_ros.report.page import page


def write_report(
    sources: Sequence[Source],
    bundle: Bundle,
    provenance: Mapping[str, Any],
    folder: Path,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Write `report.json`, `windows.csv` and `report.html` into a folder; return the first.

    `bundle` is the model that judged, with the threshold that it judged with; `provenance` is what
    `evaluation.provenance.origin` gives, with the seed of the intervals; `notes` are sentences that
    a reader of the figures must know, such as which source could not be read. A report that is
    there is replaced. Raises `NotAReport`, `CannotWrite` or `MissingExtra`; nothing half written is
    left.
    """
    labels = bundle.labels.labels
    check_place(folder)
    with folder_aside(folder) as aside:
        told = named_apart(sources)
        wrong = mistakes(told, labels)
        content = finite(
            {
                "kind": KIND,
                "schema": SCHEMA,
                "about": dict(provenance),
                "model": model_facts(bundle),
                "notes": [printable(note) for note in notes],
                **figures(told, bundle, int(provenance.get("seed", 0))),
                "mistakes": [_mistake(mistake) for mistake in wrong],
            }
        )
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (aside / JSON).write_text(text, encoding="utf-8")
        (aside / CSV).write_text(table.written(told, labels), encoding="utf-8")
        (aside / PAGE).write_text(page(content, told, wrong, bundle.features), encoding="utf-8")
    return content


def model_facts(bundle: Bundle) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "sha256": bundle.sha256,
        "labels": list(bundle.labels.labels),
        "temperature": bundle.calibration.temperature,
        "uncertain_below": bundle.calibration.uncertain_below,
        "window_s": bundle.features.window_s,
    }


def _mistake(mistake: Mistake) -> dict[str, Any]:
    window = mistake.window
    return {
        "source": window.source,
        "start_s": window.start_s,
        "speaker": window.speaker,
        "truth": window.truth,
        "heard_as": mistake.heard_as,
        "confidence": window.confidence,
        "label": window.label,
    }


def named_apart(sources: Sequence[Source]) -> list[Source]:
    """Return the sources under names that no other has and that can be written."""
    taken: set[str] = set()
    found = []
    for source in sources:
        name = stem = printable(source.name)
        count = 1
        while name in taken:
            count += 1
            name = f"{stem} ({count})"
        taken.add(name)
        windows = tuple(
            replace(window, source=name, speaker=printable(window.speaker))
            for window in source.windows
        )
        remarks = tuple(printable(remark) for remark in source.remarks)
        path = printable(source.path)
        found.append(replace(source, name=name, path=path, windows=windows, remarks=remarks))
    return found


def printable(text: str) -> str:
    """Return text that any file can hold: what is no character, or a control, as a code."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
