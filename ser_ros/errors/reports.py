"""Reports of bags and of recordings."""

from __future__ import annotations

from pathlib import Path

from ser_ros.errors import SerError


class ReportError(SerError):
    """A report cannot be written there, read, or compared."""


class NotAReport(ReportError):
    def __init__(self, folder: Path | str, why: str) -> None:
        super().__init__(
            f"'{folder}' {why}, expected a report, an empty folder or none; give the report "
            "another folder."
        )


class UnreadableReport(ReportError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The report '{path}' cannot be read ({why}); give the folder of a report, or make it "
            "again with --report."
        )


class NothingInCommon(ReportError):
    def __init__(self, first: Path | str, second: Path | str) -> None:
        super().__init__(
            f"The reports '{first}' and '{second}' have no window in common, expected the same "
            "bags or files; make both from the same material."
        )
