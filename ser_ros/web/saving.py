"""What a person has asked to keep: in one folder, for as many days as were told."""

from __future__ import annotations

import io
import json
import re
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile

from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.errors.machine import CannotWrite
from ser_ros.files import PRIVATE, write_text, written_aside

_OURS = re.compile(r"\.?voice-\d{8}-\d{6}-[0-9a-f]{8}(-\w+)?\.(flac|json)")
"""Nothing else in the folder is touched. With a dot: what a save that was cut off left aside."""

DAY_S = 86_400.0


class SavingFolder:
    """Pairs of files: the sound as flac, and its answer as JSON."""

    def __init__(self, folder: Path, days: float, now: Callable[[], float] = time.time) -> None:
        """Raises `CannotWrite` where nothing could be saved."""
        self.folder = folder
        self._days = days
        self._now = now
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise CannotWrite(folder, error.strerror or str(error)) from error
        self.age_out()

    def save(self, samples: Samples, answer: dict[str, Any]) -> str:
        """Return the name that both files have. Raises `CannotWrite`, and leaves neither."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self._now()))
        name = f"voice-{moment}-{secrets.token_hex(4)}"
        sound = io.BytesIO()
        soundfile.write(sound, samples, NETWORK_RATE, format="FLAC")
        flac = self.folder / f"{name}.flac"
        try:
            with written_aside(flac, PRIVATE) as aside:  # a voice is nobody else's to hear
                aside.write_bytes(sound.getvalue())
            text = json.dumps(answer, ensure_ascii=False)
            write_text(self.folder / f"{name}.json", text, PRIVATE)
        except CannotWrite:
            flac.unlink(missing_ok=True)
            raise
        return name

    def age_out(self) -> int:
        """Delete what is older than it may be; return how many files that were."""
        gone = 0
        for path in self.folder.iterdir():
            if not _OURS.fullmatch(path.name):
                continue
            try:
                if self._now() - path.stat().st_mtime > self._days * DAY_S:
                    path.unlink()
                    gone += 1
            except OSError:  # deleted by somebody else meanwhile
                continue
        return gone
