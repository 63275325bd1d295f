"""`record`: what a microphone hears, into a file."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import soundfile

from ser_ros.audio import NETWORK_RATE, SILENCE_DBFS, level_dbfs
from ser_ros.capture import FIRST_BLOCK_S, STALLED_S
from ser_ros.cli.options import positive
from ser_ros.display import bar
from ser_ros.errors.audio import DeviceError, DeviceLost
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotWrite
from ser_ros.files import written_aside
from ser_ros.microphone import Microphone
from ser_ros.sources import Source

HELP = "record from a microphone to a file"
EXAMPLE = """  python -m ser_ros record hello.wav
  python -m ser_ros record hello.flac --seconds 10 --device usb"""

SUFFIXES = (".wav", ".flac")

_POLL_S = 0.1

_SHOWN_DB = 60.0
"""What the level bar spans, down from full scale."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=Path, metavar="OUT", help="file to write: .wav or .flac")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long (4)")
    parser.add_argument(
        "--device", default="", help="index or a unique part of the name, see `devices` (default)"
    )
    parser.add_argument(
        "--rate", type=positive, default=NETWORK_RATE, help=f"sample rate in Hz ({NETWORK_RATE})"
    )
    parser.add_argument("--channels", type=positive, default=1, help="1 mixes all (1)")
    parser.add_argument("--force", action="store_true", help="replace a file that exists")


def run(options: argparse.Namespace) -> int:
    """Record; 1 if it ended early because the microphone or the disk did. Ctrl-C keeps the sound.

    Raises a `SerError` where nothing could be recorded or kept.
    """
    out: Path = options.out
    if out.suffix.lower() not in SUFFIXES:
        raise BadValue("OUT", str(out), f"a file name that ends in {' or '.join(SUFFIXES)}")
    if not 0 < options.seconds < float("inf"):
        raise BadValue("--seconds", options.seconds, "more than 0")
    if out.exists() and not options.force:
        raise BadValue("OUT", str(out), "a file that is not there yet; --force replaces it")
    microphone = Microphone(options.device, options.rate, options.channels)
    try:
        with written_aside(out) as aside:
            done = _record(microphone, aside, options.seconds)
            if not done.frames:
                raise done.failure or DeviceLost(microphone.name, 0.0)
    except soundfile.LibsndfileError as error:
        raise CannotWrite(out, error.error_string.rstrip(".")) from error
    print(f"{out}: {done.frames / options.rate:.1f} s from '{microphone.name}'{done.remarks()}")
    if done.failure is not None:
        print(f"record: {done.failure} What was heard before is kept.", file=sys.stderr)
    return 1 if done.failure is not None else 0


@dataclass
class _Recording:
    """What came of it."""

    rate: int
    frames: int = 0
    breaks: int = 0
    lost: int = 0
    loudest_dbfs: float = SILENCE_DBFS
    """Of all blocks."""
    interrupted: bool = False
    failure: DeviceError | None = None

    def remarks(self) -> str:
        words = f", loudest {self.loudest_dbfs:.0f} dBFS"
        if self.breaks:
            words += f", with {self.breaks} gap(s) of {self.lost / self.rate:.2f} s in all"
        if self.loudest_dbfs <= SILENCE_DBFS:
            words += "; it is digital silence, so the microphone may be muted"
        return words + ("; interrupted." if self.interrupted else ".")


def _record(source: Source, path: Path, seconds: float) -> _Recording:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    done = _Recording(source.rate)
    wanted = max(1, round(seconds * source.rate))
    with soundfile.SoundFile(
        path, "w", samplerate=source.rate, channels=source.channels, subtype="PCM_16"
    ) as file:
        try:
            source.open()
            with Progress(
                TextColumn("{task.fields[level]}"),
                BarColumn(),
                TextColumn("{task.completed:.1f} of {task.total:.1f} s"),
                console=Console(stderr=True),
                transient=True,
                disable=not sys.stderr.isatty(),
            ) as shown:
                task = shown.add_task("", total=seconds, level=" " * 20)
                heard_s = time.monotonic()
                while done.frames < wanted:
                    block = source.read(_POLL_S)
                    if block is None:
                        silent_s = time.monotonic() - heard_s
                        if silent_s >= (STALLED_S if done.frames else FIRST_BLOCK_S):
                            raise DeviceLost(source.name, silent_s)
                        continue
                    heard_s = time.monotonic()
                    samples = block.samples[: wanted - done.frames]
                    file.write(samples)
                    done.frames += len(samples)
                    done.breaks += bool(block.broken) and done.frames > len(samples)
                    done.lost += block.lost
                    level = level_dbfs(samples)
                    done.loudest_dbfs = max(done.loudest_dbfs, level)
                    shown.update(
                        task,
                        completed=done.frames / source.rate,
                        level=f"{level:4.0f} dBFS {bar(1 + level / _SHOWN_DB, 10)}",
                    )
        except KeyboardInterrupt:
            done.interrupted = True
            if not done.frames:
                raise
        except DeviceError as error:
            done.failure = error
        finally:
            _close(source)
    return done


def _close(source: Source) -> None:
    try:
        source.close()
    except DeviceError as error:
        print(f"record: {error}", file=sys.stderr)
