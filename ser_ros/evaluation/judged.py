"""What a model said of every window of a bag or a file, beside what was true: for reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ser_ros.audio import Samples

Sound = Callable[[float, float], Samples]
"""From a beginning and a length, in seconds since the source's first sample, to mono samples at the
network's rate; shorter where the source ends before."""


@dataclass(frozen=True)
class Judged:
    """A window, what was heard in it, and what was true."""

    source: str
    """The name of the bag or file."""
    stamp_ns: int
    """Time of its first sample; in a file, since the file's first sample."""
    start_s: float
    """Seconds from the source's first sample to the window's."""
    duration_s: float
    label: str
    """An emotion, or `uncertain`, or `no_speech`."""
    confidence: float
    probabilities: tuple[float, ...]
    """Calibrated, in the order of the model's labels; all 0 where nobody spoke."""
    speech_ratio: float
    level_dbfs: float
    latency_s: float
    """Seconds that the window took to be judged."""
    lost: int
    """Samples, at the network's rate, that were lost since the window before."""
    truth: str = ""
    """One of the model's labels; empty where nobody said, or said an emotion it does not know."""
    speaker: str = ""
    utterance: int = -1
    """Which of its source's labelled stretches it lies in, counted from 0; -1 where nobody told."""


@dataclass(frozen=True)
class Source:
    """A bag or file that was judged."""

    name: str
    path: str
    sha256: str
    duration_s: float
    """Of its sound, gaps left out."""
    windows: tuple[Judged, ...]
    counts: dict[str, int] = field(default_factory=dict)
    """What was odd about it: gaps, chunks refused, samples lost, and so on, by kind."""
    remarks: tuple[str, ...] = ()
    """What a person should know of it, in sentences."""
    sound: Sound | None = field(default=None, compare=False, repr=False)
