"""The process of one contestant: `python -m ser_ros.benchmark.worker TASK`, both ways JSON."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from ser_ros.benchmark.task import Result, Task
from ser_ros.errors import SerError


def main() -> int:
    """Print the result as the last line; 1, with a sentence on stderr, where there is none."""
    task = Task(**json.loads(sys.argv[1]))
    try:
        result: Result = import_module(f"ser_ros.benchmark.{task.room}").measure(task)
    except SerError as error:
        print(error, file=sys.stderr)
        return 1
    print(result.to_json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
