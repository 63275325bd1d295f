"""The decoder of uploads: a program of its own, for a stranger's file is decoded by much C code.

    python decoder.py SECONDS MEMORY_MB < FILE > SAMPLES

It writes mono float32 samples at 16 kHz, and stops once there are more than SECONDS of them: what a
header says of the length is never believed. Its exit code tells how it went (`Ended`). It imports
nothing of this package, so that it starts soon, and it may open no file, no socket and write none.
"""

from __future__ import annotations

import enum
import os
import resource
import sys
from collections.abc import Iterator
from typing import IO, Any

RATE = 16_000
"""Hz, as `audio.NETWORK_RATE`; a test holds the two together."""

CPU_S = 60
"""Seconds of computing that a file may take; ten minutes of mp4 take about two."""

CONTAINERS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,"
    "mpegts,ogg,w64,wav,wv"
)
"""What FFmpeg may take a file for. Not what names other files: playlists, concatenations, images by
number, and not raw data, for which anything would do."""

_OPEN_FILES = 32
_DAMAGED_SHARE = 0.5
"""Share of packets that cannot be decoded above which a file is damaged rather than scratched."""


class Ended(enum.IntEnum):
    """How the decoding went, as an exit code."""

    WELL = 0
    NOT_MEDIA = 10
    """No container that is known."""
    NO_SOUND = 11
    """A film without sound, a picture."""
    DAMAGED = 12
    TOO_LONG = 13
    TOO_HEAVY = 14
    """It wanted more memory than it may have."""


def confine(memory: int) -> None:
    """Give this process no more than `memory` bytes, some computing, and no file to write."""
    hard = {
        resource.RLIMIT_AS: memory,
        resource.RLIMIT_CPU: CPU_S,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in hard.items():
        resource.setrlimit(kind, (limit, limit))
    os.nice(10)


def pieces(source: IO[bytes]) -> Iterator[bytes]:
    """Decode the first sound of a file, piece by piece, as mono float32 at `RATE`.

    Raises `SystemExit` with an `Ended`.
    """
    import av

    av.logging.set_level(av.logging.PANIC)
    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
    try:
        container = av.open(source, "r", options=options, metadata_errors="replace")
    except av.error.MemoryError:
        raise
    except (av.FFmpegError, ValueError):
        raise SystemExit(Ended.NOT_MEDIA) from None
    if not container.streams.audio:
        raise SystemExit(Ended.NO_SOUND)
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    resampler: av.AudioResampler | None = None
    described = None
    packets = damaged = 0
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed, None)
            if packet is None:
                break
            packets += 1
            frames = packet.decode()
        except av.error.MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            damaged += 1
            continue  # a generator that raised has ended
        for frame in frames:
            # Chained streams, and mp3 files that were joined, change in the middle.
            now = (frame.format.name, frame.layout.name, frame.sample_rate)
            if now != described:
                if resampler is not None:
                    yield from _mono(resampler.resample(None))
                resampler = av.AudioResampler("fltp", None, RATE)
                described = now
            assert resampler is not None
            frame.pts = None  # stamps of a damaged file would have the resampler fill gaps
            yield from _mono(resampler.resample(frame))
    if resampler is not None:
        yield from _mono(resampler.resample(None))
    if damaged > _DAMAGED_SHARE * packets:
        raise SystemExit(Ended.DAMAGED)


def _mono(frames: list[Any]) -> Iterator[bytes]:
    """FFmpeg's own mono is louder than the mean of the channels, and clips."""
    for frame in frames:
        yield frame.to_ndarray().mean(axis=0, dtype="<f4").tobytes()


def main() -> None:
    seconds, memory_mb = float(sys.argv[1]), int(sys.argv[2])
    confine(memory_mb << 20)
    room = int(seconds * RATE) * 4
    try:
        for piece in pieces(sys.stdin.buffer):
            room -= len(piece)
            if room < 0:
                raise SystemExit(Ended.TOO_LONG)
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    except MemoryError:
        raise SystemExit(Ended.TOO_HEAVY) from None
    except BrokenPipeError:  # nobody wants it any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
