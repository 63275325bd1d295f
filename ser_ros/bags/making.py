"""Labelled clips as one bag, as if a robot had heard them one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, AudioFormat, Samples
from ser_ros.bags import types
from ser_ros.bags.writing import BagWriter, bag_aside, quality
from ser_ros.clock import SECOND
from ser_ros.corpora.clips import Clip
from ser_ros.framing import Framer

START_S = 1_600_000_000
"""Seconds since 1970 of the first sample, unless told otherwise: the same clips, the same bag."""

FRAME_ID = "microphone"

_AUDIO, _INFO, _TRUTH = "/audio", "/audio_info", "/ground_truth"


@dataclass(frozen=True)
class Making:
    """How a bag is made of clips."""

    storage: str = "mcap"
    compression: str = "none"
    chunk_s: float = 2.5
    gap_s: float = 1.0
    """Seconds of silence after each clip."""
    start_ns: int = START_S * SECOND


def make_bag(clips: Iterable[Clip], out: Path, making: Making) -> tuple[int, float]:
    """Write the clips into a bag `out`; return the number of clips and the seconds of sound.

    The chunks follow one another without a gap, as from a microphone that is on all the time; each
    is logged when its last sample was heard, a truth when its first one was. Raises
    `UnreadableFile`, `EmptyAudio`, `BagThere` or `CannotWrite`; then there is no bag.
    """
    with bag_aside(out, making.storage, making.compression) as writer:
        pen = _Pen(writer, making)
        count = 0
        for clip in clips:
            samples = audio.load(clip.path)
            pen.truth(clip, len(samples))
            pen.sound(samples)
            pen.sound(np.zeros(round(making.gap_s * NETWORK_RATE), np.float32))
            count += 1
        pen.end()
        return count, pen.samples / NETWORK_RATE


class _Pen:
    """Serialise what is heard, in the order in which a robot would have."""

    def __init__(self, writer: BagWriter, making: Making) -> None:
        size = round(making.chunk_s * NETWORK_RATE)
        self.samples = 0
        self._writer = writer
        self._start_ns = making.start_ns
        self._framer = Framer(size, size)
        self._format = AudioFormat()
        self._types = types.typestore().types
        self._later: list[tuple[int, Any]] = []
        writer.add_topic(_INFO, types.AUDIO_INFO, [quality(latched=True, depth=1)])
        writer.add_topic(_AUDIO, types.AUDIO_STAMPED, [quality()])
        writer.add_topic(_TRUTH, types.GROUND_TRUTH, [quality()])
        fmt = self._format
        self._write(
            _INFO,
            types.AUDIO_INFO,
            making.start_ns,
            channels=fmt.channels,
            sample_rate=fmt.rate,
            sample_format=fmt.sample_format.name,
            bitrate=fmt.rate * fmt.bytes_per_frame * 8,
            coding_format="wave",
        )

    def truth(self, clip: Clip, length: int) -> None:
        """Say what is true of the next samples."""
        start_ns = self._ns(self.samples)
        seconds, rest = divmod(self._ns(self.samples + length) - start_ns, SECOND)
        duration = self._types["builtin_interfaces/msg/Duration"](sec=seconds, nanosec=rest)
        about = {
            "header": self._header(start_ns),
            "duration": duration,
            "label": clip.emotion,
            "speaker": clip.speaker,
            "annotator": clip.corpus,
        }
        # A chunk that began before is heard to its end only later; a bag is in order of hearing.
        self._later.append((start_ns, about))

    def sound(self, samples: Samples) -> None:
        self.samples += len(samples)
        self._chunks(self._framer.push(samples))

    def end(self) -> None:
        rest = self._framer.flush()
        self._chunks([rest] if rest else [])
        self._truths(self._ns(self.samples))

    def _chunks(self, frames: Sequence[tuple[int, Samples]]) -> None:
        for start, frame in frames:
            stamp_ns, end_ns = self._ns(start), self._ns(start + len(frame))
            self._truths(end_ns)
            pcm = np.frombuffer(audio.encode(frame, self._format.sample_format), np.uint8)
            data = self._types[types.AUDIO_PLAIN](data=pcm)
            header = self._header(stamp_ns)
            self._write(_AUDIO, types.AUDIO_STAMPED, end_ns, header=header, audio=data)

    def _truths(self, until_ns: int) -> None:
        while self._later and self._later[0][0] < until_ns:
            log_ns, about = self._later.pop(0)
            self._write(_TRUTH, types.GROUND_TRUTH, log_ns, **about)

    def _write(self, topic: str, kind: str, log_ns: int, **fields: Any) -> None:
        message = self._types[kind](**fields)
        self._writer.write(topic, log_ns, types.typestore().serialize_cdr(message, kind))

    def _header(self, stamp_ns: int) -> Any:
        seconds, rest = divmod(stamp_ns, SECOND)
        stamp = self._types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=rest)
        return self._types["std_msgs/msg/Header"](stamp=stamp, frame_id=FRAME_ID)

    def _ns(self, samples: int) -> int:
        """Return the time of a sample, counted from the first."""
        return self._start_ns + samples * SECOND // NETWORK_RATE
