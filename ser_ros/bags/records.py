"""What a bag says, as the core understands it: one small record per message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ser_ros.audio import AudioFormat
from ser_ros.bags import types
from ser_ros.clock import SECOND
from ser_ros.errors.audio import AudioError
from ser_ros.errors.bags import FieldMissing


@dataclass(frozen=True)
class Chunk:
    """A piece of sound, as it came."""

    data: memoryview
    """PCM bytes; the newest `Format` says how to read them."""
    stamp_ns: int
    """Time of its first sample; 0 where the publisher gave none."""
    log_ns: int
    """When it was received."""
    frame_id: str = ""


@dataclass(frozen=True)
class Format:
    """How the chunks that follow are to be read."""

    format: AudioFormat | None
    """None where `audio_info` says something that is not understood: then what follows is not
    heard, for guessing would turn speech into noise."""
    refusal: str
    """Why it is None, in a sentence."""
    log_ns: int


@dataclass(frozen=True)
class Truth:
    """What somebody says of a stretch of the sound."""

    start_ns: int
    duration_ns: int
    label: str
    """As it was written; `truth.Truths` understands synonyms."""
    speaker: str
    annotator: str
    log_ns: int


@dataclass(frozen=True)
class Said:
    """What a node said of a window."""

    stamp_ns: int
    """Time of the window's first sample."""
    duration_ns: int
    label: str
    confidence: float
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    speech_ratio: float
    level_dbfs: float
    lost: int
    latency_s: float
    model: str
    log_ns: int


@dataclass(frozen=True)
class Muted:
    """Whether the robot itself is speaking, from now on."""

    muted: bool
    log_ns: int


Record = Chunk | Format | Truth | Said | Muted

ReadMessage = Callable[[Any, int, str], Record]
"""From a decoded message, when it was received in ns, and its topic. Raises `FieldMissing`."""

_NOTHING = object()


def _field(message: Any, name: str, topic: str, default: Any = _NOTHING) -> Any:
    try:
        return attrgetter(name)(message)
    except AttributeError:
        if default is not _NOTHING:
            return default
        raise FieldMissing(topic, message.__msgtype__, name) from None


def _ns(message: Any, name: str, topic: str, default: Any = _NOTHING) -> int:
    time = _field(message, name, topic, default)
    return time if isinstance(time, int) else int(time.sec) * SECOND + int(time.nanosec)


def _chunk(message: Any, log_ns: int, topic: str) -> Chunk:
    stamp_ns = _ns(message, "header.stamp", topic)
    frame_id = _field(message, "header.frame_id", topic, "")
    return Chunk(memoryview(_field(message, "audio.data", topic)), stamp_ns, log_ns, frame_id)


def _plain_chunk(message: Any, log_ns: int, topic: str) -> Chunk:
    return Chunk(memoryview(_field(message, "data", topic)), 0, log_ns)


def _format(message: Any, log_ns: int, topic: str) -> Format:
    rate, channels = _field(message, "sample_rate", topic), _field(message, "channels", topic)
    sample_format = _field(message, "sample_format", topic)
    coding = _field(message, "coding_format", topic, "")
    try:
        return Format(AudioFormat.told(rate, channels, sample_format, coding), "", log_ns)
    except AudioError as error:
        return Format(None, str(error), log_ns)


def _truth(message: Any, log_ns: int, topic: str) -> Truth:
    return Truth(
        _ns(message, "header.stamp", topic),
        _ns(message, "duration", topic),
        _field(message, "label", topic),
        _field(message, "speaker", topic, ""),
        _field(message, "annotator", topic, ""),
        log_ns,
    )


def _said(message: Any, log_ns: int, topic: str) -> Said:
    return Said(
        _ns(message, "header.stamp", topic),
        _ns(message, "duration", topic, 0),
        _field(message, "label", topic),
        float(_field(message, "confidence", topic, 0.0)),
        tuple(_field(message, "labels", topic, ())),
        tuple(float(p) for p in _field(message, "probabilities", topic, ())),
        float(_field(message, "speech_ratio", topic, 0.0)),
        float(_field(message, "level", topic, 0.0)),
        int(_field(message, "samples_lost", topic, 0)),
        float(_field(message, "latency", topic, 0.0)),
        _field(message, "model", topic, ""),
        log_ns,
    )


def _muted(message: Any, log_ns: int, topic: str) -> Muted:
    return Muted(bool(_field(message, "data", topic)), log_ns)


READERS: dict[str, ReadMessage] = {
    types.AUDIO_STAMPED: _chunk,
    types.AUDIO_PLAIN: _plain_chunk,
    types.AUDIO_INFO: _format,
    types.GROUND_TRUTH: _truth,
    types.EMOTION: _said,
    types.BOOL: _muted,
}
