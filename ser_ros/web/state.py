"""What a server keeps from one start to the next, for its owner alone."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from ser_ros.errors.machine import CannotWrite
from ser_ros.files import PRIVATE, write_text

_TOKEN_S = 24 * 3600.0
"""As long as the cookie that is made of it."""

_TOKEN = re.compile(r"[\w-]{20,}")


def state_folder() -> Path:
    """Return where programs keep what they make (XDG Base Directory Specification)."""
    told = os.environ.get("XDG_STATE_HOME", "")
    base = Path(told) if os.path.isabs(told) else Path.home() / ".local" / "state"
    return base / "ser_ros"


def token(folder: Path) -> str:
    """Return the token that lets other devices in: a new one, unless one was made within a day.

    So a phone that looks at a robot goes on when the robot's server is started again.
    """
    file = folder / "page.token"
    try:
        kept = file.read_text(encoding="ascii").strip()
        if _TOKEN.fullmatch(kept) and 0 <= time.time() - file.stat().st_mtime < _TOKEN_S:
            return kept
    except (OSError, UnicodeDecodeError):
        pass  # there is none yet
    new = secrets.token_urlsafe(16)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_text(file, new + "\n", PRIVATE)
    except (OSError, CannotWrite):
        pass  # then it holds until the server ends
    return new
