"""`python -m ser_ros COMMAND`."""

from __future__ import annotations

import argparse
import errno
import io
import logging
import os
import sys
from collections.abc import Sequence

from ser_ros import __version__
from ser_ros.cli import COMMANDS, add_command
from ser_ros.errors import SerError
from ser_ros.errors.machine import CannotWrite

_INTERRUPTED = 130
"""Exit code of a command that Ctrl-C ended, by the shells' convention."""


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """Build the parser; only the command that is wanted, or all for the help, are imported."""
    parser = argparse.ArgumentParser(
        prog="python -m ser_ros",
        description="How the person in front of a robot sounds: angry, neutral, sad or happy.",
        epilog="`python -m ser_ros COMMAND --help` tells more, with an example.",
    )
    parser.add_argument("--version", action="version", version=f"ser_ros {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in COMMANDS if wanted not in COMMANDS else (wanted,):
        add_command(commands, name, name, "command_to_run")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        # A terminal of few characters shows bars as codes; a file name need not be text at all.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = _parser(words[0] if words else None).parse_args(words)
    try:
        return int(options.command_to_run(options))
    except SerError as error:
        print(f"{options.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `python -m ser_ros predict ... | head`
        _give_up_stdout()
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        _give_up_stdout()
        print(f"{options.command}: {CannotWrite('standard output', 'full')}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{options.command}: interrupted.", file=sys.stderr)
        return _INTERRUPTED


def _give_up_stdout() -> None:
    """Let Python write the rest, at its exit, to nowhere (its documentation, "Note on SIGPIPE")."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
