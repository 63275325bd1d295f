"""From the bytes of an upload to samples, by way of a process that can do no harm."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import IO

import numpy as np

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.errors.web import (
    NoSoundInside,
    NotARecording,
    RecordingDamaged,
    RecordingTooHeavy,
    RecordingTooLong,
    Refusal,
    UploadEmpty,
)
from ser_ros.web import decoder
from ser_ros.web.decoder import Ended
from ser_ros.web.limits import Limits

_TOO_LONG_TAKEN = 0.5
"""Seconds over the limit that still pass: a recorder that stops itself stops a little late."""


async def decode(file: IO[bytes], limits: Limits) -> Samples:
    """Decode an open file from its beginning: mono float32 of shape (n,) at `NETWORK_RATE`.

    Raises a `Refusal` that says what is wrong with the file.
    """
    file.seek(0)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # or the names of this room would hide those of the standard library
        str(Path(decoder.__file__)),
        str(limits.seconds + _TOO_LONG_TAKEN),
        str(limits.decode_mb),
        stdin=file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # It shall not be ended by the Ctrl-C that ends the server in order, and it needs nothing
        # that this process was told.
        start_new_session=True,
        env=_environment(),
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(limits.decode_s):
            raw = await process.stdout.read()
            code = await process.wait()
    except TimeoutError:
        raise RecordingTooHeavy("time") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if refusal := _refusal(code, limits):
        raise refusal
    samples, _ = audio.repair(np.frombuffer(raw[: len(raw) // 4 * 4], "<f4"))
    if not len(samples):
        raise UploadEmpty
    return np.clip(samples, -1.0, 1.0)


def _environment() -> dict[str, str]:
    """What the decoder needs to be the same Python, and numpy without a thread per core."""
    names = [
        *("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"),
        *("HOME", "PYTHONUSERBASE"),  # where pip puts PyAV for one user
    ]
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "OPENBLAS_NUM_THREADS": "1"}


def _refusal(code: int, limits: Limits) -> Refusal | None:
    if code == Ended.WELL:
        return None
    if code == Ended.NOT_MEDIA:
        return NotARecording()
    if code == Ended.NO_SOUND:
        return NoSoundInside()
    if code == Ended.TOO_LONG:
        return RecordingTooLong(limits.seconds)
    if code == Ended.TOO_HEAVY:
        return RecordingTooHeavy("memory")
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return RecordingTooHeavy("time")
    return RecordingDamaged()  # also where FFmpeg itself fell over it
