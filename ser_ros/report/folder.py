"""The folder of a report: where one may be written, and what it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.reports import NotAReport, UnreadableReport
from ser_ros.files import check_folder

JSON, CSV, PAGE = "report.json", "windows.csv", "report.html"

KIND, SCHEMA = "ser_ros report", 1
"""What `report.json` says that it is; the number rises with its layout."""


def check_place(folder: Path) -> None:
    """Hold that a report can be written there, before anybody listens for an hour.

    Raises `NotAReport` for a folder that holds anything else, `CannotWrite` for a closed one.
    """
    check_folder(folder)
    try:
        _hold_replaceable(folder, folder.resolve())
    except OSError as error:
        raise CannotWrite(folder, error.strerror or str(error)) from error


def _hold_replaceable(folder: Path, place: Path) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise NotAReport(folder, "is no folder")
    there = {path.name for path in place.iterdir()}
    strangers = sorted(there - {JSON, CSV, PAGE})
    if strangers:
        raise NotAReport(folder, f"holds '{strangers[0]}'")
    if there:
        try:
            read_figures(place)
        except UnreadableReport as error:
            raise NotAReport(folder, "holds files of these names that are no report") from error


def read_figures(folder: Path) -> dict[str, Any]:
    """Return what `report.json` holds. Raises `UnreadableReport`."""
    path = folder / JSON
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableReport(path, getattr(error, "strerror", None) or str(error)) from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise UnreadableReport(path, "it is no report of ser_ros")
    if content.get("schema") != SCHEMA:
        raise UnreadableReport(path, f"its schema is {content.get('schema')}, expected {SCHEMA}")
    return content
