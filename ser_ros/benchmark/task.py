"""What one process is asked to measure, and what it answers; both cross to it as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ser_ros.benchmark.clock import Samples

USUAL = "usual"
WINDOWS_FILE, SPEECH_FILE = "windows.pcm", "speech.wav"


@dataclass(frozen=True)
class Task:
    """One contestant in one round."""

    room: str
    """The module of this package that measures it: `stages`, `usual` or `graph`."""
    name: str
    """The runtime; for `graph`, the node and, for the inference node, its runtime."""
    bundle: str
    """Folder of the model bundle."""
    folder: str
    """Folder of the windows, and for files that are made on the way."""
    turn: int
    """Which round it is, from 0."""
    turns: int
    """How many rounds there are; each judges its share of the windows."""

    @property
    def windows(self) -> Path:
        return Path(self.folder, WINDOWS_FILE)

    def share(self, count: int) -> Iterator[int]:
        """Return which of `count` windows belong to this round."""
        return iter(range(self.turn, count, self.turns))

    def to_json(self) -> str:
        return json.dumps(asdict(self))


@dataclass
class Result:
    """What a contestant measured in one round."""

    samples: Samples
    figures: dict[str, float]
    """What is measured once per process: `import_s`, `load_s`, `first_ms`, `ready_s`, `rss_mb`."""
    probabilities: dict[int, list[float]] = field(default_factory=dict)
    """By window, in the order of the model's labels."""
    notes: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Result:
        """Raises `ValueError` or `TypeError` for what is no result."""
        found = cls(**json.loads(text))
        # JSON knows no numbers as keys.
        found.probabilities = {int(key): value for key, value in found.probabilities.items()}
        return found
