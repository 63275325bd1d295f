"""The commands of `python -m ser_ros`, one file each.

A command is a module with `HELP` (a line), `EXAMPLE` (what to type), `add_arguments(parser)` and
`run(arguments) -> exit code`. A module is imported only when its command is asked for, so that
`predict` loads no ROS and `devices` no network.
"""

COMMANDS = (
    "predict",
    "evaluate",
    "corpus",
    "train",
    "study",
    "devices",
    "record",
    "run",
    "bag",
    "watch",
    "web",
    "benchmark",
)
