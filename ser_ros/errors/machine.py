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


# Not `pip install '.[web]'`: run as root where a colcon workspace is sourced, pip takes the package
# that was built there away.
_REMEDIES = {
    "dask": "run pip install distributed",
    "train": "run scripts/setup --train, or in the folder of the sources, with numpy held as the "
    "README says, pip install -r requirements/train.txt, then with --no-deps "
    "-r requirements/train-no-deps.txt",
    "web": "run scripts/setup --web, or in the folder of the sources "
    "pip install -r requirements/web.txt",
}


class MissingExtra(MachineError):
    def __init__(self, module: str, extra: str) -> None:
        super().__init__(f"The Python module '{module}' is not installed; {_REMEDIES[extra]}.")


class GpuFull(MachineError):
    def __init__(self, batch: int) -> None:
        super().__init__(
            f"The GPU has no memory for batches of {batch}; lower `batch`, end what else uses it, "
            "or set CUDA_VISIBLE_DEVICES= to train on the processor. The last checkpoint is kept."
        )


class ProcessLost(MachineError):
    def __init__(self, did: str, option: str, kept: bool = True) -> None:
        super().__init__(
            f"A process that {did} was ended from outside, maybe for want of memory; "
            f"{'what was done is kept: ' if kept else ''}begin again with a smaller number of "
            f"{option}."
        )
