"""Recordings in every format that a person may send, made of samples; and files that mean harm."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import av
import numpy as np

from ser_ros.audio import Samples

FORMATS = {
    "wav": ("wav", "pcm_s16le", 16_000),
    "flac": ("flac", "flac", 16_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "ogg": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "m4a": ("ipod", "aac", 44_100),
    "aac": ("adts", "aac", 44_100),
    "mp4": ("mp4", "aac", 48_000),
}
"""Container, codec, rate. The mp4 has a film beside its sound."""


def encoded(samples: Samples, name: str, picture: bool | None = None) -> bytes:
    """Encode mono samples at 16 kHz; `picture` adds a stream of video."""
    container, codec, rate = FORMATS[name]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        has_film = (name == "mp4") if picture is None else picture
        if has_film:
            film = file.add_stream("mpeg4", rate=5, width=32, height=32, pix_fmt="yuv420p")
        stream = file.add_stream(codec, rate=rate, layout="mono")
        if has_film:
            for k in range(3):
                image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 80 * k, np.uint8), "rgb24")
                image.pts, image.time_base = k, Fraction(1, 5)
                file.mux(film.encode(image))
            file.mux(film.encode(None))
        sound = av.AudioFrame.from_ndarray(samples[None].astype("f4"), "fltp", "mono")
        sound.sample_rate = 16_000
        resampler = av.AudioResampler(
            stream.format.name, "mono", rate, frame_size=stream.frame_size or None
        )
        for frame in (*resampler.resample(sound), *resampler.resample(None)):
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def ten_hours() -> bytes:
    """Return ten hours of silence in 17 MB: an aac of a minute, again and again."""
    return encoded(np.zeros(16_000 * 60, np.float32), "aac") * 600


def film_without_sound() -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as file:
        film = file.add_stream("mpeg4", rate=5, width=32, height=32, pix_fmt="yuv420p")
        for k in range(5):
            image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * k, np.uint8), "rgb24")
            image.pts, image.time_base = k, Fraction(1, 5)
            file.mux(film.encode(image))
        file.mux(film.encode(None))
    return out.getvalue()


def empty_wav() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
    return out.getvalue()


def claiming_a_terabyte(samples: Samples) -> bytes:
    """Return a wav (RF64) whose header promises 2**40 bytes of sound."""
    pcm = (samples * 32767).astype("<i2").tobytes()
    big = (1 << 40).to_bytes(8, "little")
    ds64 = b"ds64" + (28).to_bytes(4, "little") + big + big + big + bytes(4)
    form = (
        b"fmt "
        + (16).to_bytes(4, "little")
        + b"".join(
            n.to_bytes(size, "little")
            for n, size in ((1, 2), (1, 2), (16_000, 4), (32_000, 4), (2, 2), (16, 2))
        )
    )
    return b"RF64\xff\xff\xff\xffWAVE" + ds64 + form + b"data\xff\xff\xff\xff" + pcm
