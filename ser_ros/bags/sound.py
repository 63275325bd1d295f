"""The sound of a bag, minute by minute: for a report, which shows and plays it."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from weakref import finalize

import numpy as np

from ser_ros.audio import AudioFormat, Samples
from ser_ros.bags.reading import Bag, open_bag
from ser_ros.bags.records import Chunk, Format
from ser_ros.clock import SECOND
from ser_ros.stream import PAUSE_NS, AudioStream, Window

_GRAIN_S = 0.1
"""Sound is put together from pieces of this length, each at its own time."""

_NEAR_NS = round((AudioStream.MAX_CHUNK_S + 1) * SECOND)
"""How far the stamp of a chunk can lie from any of its sound."""


def sound_of(
    bag_path: Path, audio: str, begin_ns: int, rate: int
) -> Callable[[float, float], Samples]:
    """Return what gives the sound of a bag: from a beginning and a length, in seconds.

    The beginning is counted from `begin_ns`; where sound is missing there is silence. What is
    returned may raise `BagError`.
    """
    return _BagSound(bag_path, audio, begin_ns, rate).between


class _BagSound:
    """A bag that stays open from the first time that it is asked until its end was given.

    The sound of a long one does not fit in memory, and a report asks once a minute of it; so a list
    of its chunks tells which part of the bag is to be read.
    """

    def __init__(self, path: Path, audio: str, begin_ns: int, rate: int) -> None:
        self._path, self._audio = path, audio
        self._begin_ns, self._rate = begin_ns, rate
        self._bag: Bag | None = None
        self._chunks: _Chunks | None = None

    def between(self, start_s: float, duration_s: float) -> Samples:
        if self._bag is None:
            self._bag = open_bag(self._path)
            finalize(self, self._bag.close)
        topic = self._bag.audio_topic(self._audio)
        if self._chunks is None:
            self._chunks = _Chunks(self._bag, topic)
        found = np.zeros(round(duration_s * self._rate), np.float32)
        first_ns = self._begin_ns + round(start_s * SECOND)
        last_ns = first_ns + round(duration_s * SECOND)
        for piece in self._pieces(self._bag, self._chunks, topic, first_ns, last_ns):
            at = round((piece.stamp_ns - first_ns) / SECOND * self._rate)
            begin, end = max(at, 0), min(at + len(piece.samples), len(found))
            if begin < end:
                found[begin:end] = piece.samples[begin - at : end - at]
        if not (self._chunks.begins >= last_ns).any():
            self._bag.close()
            self._bag = None
        return found

    def _pieces(
        self, bag: Bag, chunks: _Chunks, topic: str, first_ns: int, last_ns: int
    ) -> Iterator[Window]:
        """Yield the sound around a stretch of time, in pieces of one grain."""
        near = (chunks.begins > first_ns - _NEAR_NS) & (chunks.begins < last_ns)
        if not near.any():
            return
        start_ns, stop_ns = int(chunks.logs[near].min()), int(chunks.logs[near].max()) + 1
        inside = np.flatnonzero((chunks.logs >= start_ns) & (chunks.logs < stop_ns))
        records = bag.records(topic, start_ns, stop_ns)
        heard = (record for record in records if isinstance(record, Chunk))
        grain = round(_GRAIN_S * self._rate)
        stream = AudioStream(grain, grain, self._rate)
        for index, chunk in zip(inside, heard, strict=False):
            fmt = chunks.formats[chunks.format_of[index]]
            if fmt is not None and near[index]:
                yield from stream.push(chunk.data, fmt, int(chunks.begins[index]), chunk.log_ns)[0]


class _Chunks:
    """When each chunk of a bag begins and was received, and its format; in the order of receipt."""

    def __init__(self, bag: Bag, topic: str) -> None:
        begins, logs, self.format_of = array("q"), array("q"), array("L")
        self.formats: list[AudioFormat | None] = [AudioFormat()]
        """None where the format is not understood."""
        end_ns: int | None = None
        for record in bag.records(topic):
            if isinstance(record, Format):
                self.formats.append(record.format)
                end_ns = None
            if not isinstance(record, Chunk):
                continue
            fmt = self.formats[-1]
            length_ns = len(record.data) // fmt.bytes_per_frame * SECOND // fmt.rate if fmt else 0
            begin_ns = record.stamp_ns
            if not begin_ns:  # as `AudioStream` takes it, but for the drift: in one piece
                begin_ns = record.log_ns - length_ns
                if end_ns is not None and abs(begin_ns - end_ns) <= PAUSE_NS:
                    begin_ns = end_ns
            end_ns = begin_ns + length_ns
            begins.append(begin_ns)
            logs.append(record.log_ns)
            self.format_of.append(len(self.formats) - 1)
        self.begins, self.logs = np.array(begins, np.int64), np.array(logs, np.int64)
