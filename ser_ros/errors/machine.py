"""What the machine lacks: room on a disk, an installed package, a process."""

from __future__ import annotations

from pathlib import Path

from ser_ros.errors import SerError


class MachineError(SerError):
    """The machine has no room, no such package, or ended a process."""


class CannotWrite(MachineError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' cannot be written ({why}); choose a folder that exists, that you may write "
            "to and that has room."
        )


class CannotFetch(MachineError):
    def __init__(self, what: str, why: object) -> None:
        super().__init__(
            f"{what} cannot be fetched ({why}); try again with a network, or name a file of "
            "torchvision's as `weights`."
        )


class MissingExtra(MachineError):
    def __init__(self, module: str, extra: str) -> None:
        own_setup = f"run scripts/setup --{extra}, or " if extra in ("train", "web") else ""
        super().__init__(
            f"The Python module '{module}' is not installed; {own_setup}"
            f"pip install 'ser_ros[{extra}]'."
        )


class ProcessLost(MachineError):
    def __init__(self, did: str, option: str, kept: bool = True) -> None:
        super().__init__(
            f"A process that {did} was ended from outside, maybe for want of memory; "
            f"{'what was done is kept: ' if kept else ''}begin again with a smaller number of "
            f"{option}."
        )
