"""Messages and the core's types: the one place that knows both."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import numpy as np
from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

from ser_ros.audio import AudioFormat
from ser_ros.clock import SECOND
from ser_ros.features import Image
from ser_ros.health import Report
from ser_ros.hearing import Heard
from ser_ros.msg import Emotion, EmotionState

_MOST_LOST = 2**32 - 1
"""The largest count that a message holds."""


def time_of(ns: int) -> Time:
    return Time(sec=ns // SECOND, nanosec=ns % SECOND)


def ns_of(stamp: Time) -> int:
    return int(stamp.sec) * SECOND + int(stamp.nanosec)


def duration_of(seconds: float) -> Duration:
    ns = round(seconds * SECOND)
    return Duration(sec=ns // SECOND, nanosec=ns % SECOND)


def header(stamp_ns: int, frame_id: str) -> Header:
    return Header(stamp=time_of(stamp_ns), frame_id=frame_id)


def audio_chunk(pcm: bytes, stamp_ns: int, frame_id: str) -> AudioDataStamped:
    message = AudioDataStamped(header=header(stamp_ns, frame_id))
    message.audio = AudioData()
    # An array of bytes is taken over as it is; anything else would be checked byte by byte.
    message.audio.data.frombytes(pcm)
    return message


def audio_info(fmt: AudioFormat) -> AudioInfo:
    return AudioInfo(
        channels=fmt.channels,
        sample_rate=fmt.rate,
        sample_format=fmt.sample_format.name,
        bitrate=fmt.rate * fmt.bytes_per_frame * 8,
        coding_format="wave",
    )


def audio_format(info: AudioInfo) -> AudioFormat:
    """Raises `UnknownSampleFormat` or `UnsupportedFormat`."""
    return AudioFormat.told(info.sample_rate, info.channels, info.sample_format, info.coding_format)


def _of_window(heard: Heard, model: str) -> dict[str, Any]:
    """Return what both messages say of the newest window."""
    estimate = heard.estimate
    return {
        "labels": list(estimate.labels),
        "speech_ratio": estimate.speech_ratio,
        "level": estimate.level_dbfs,
        "samples_lost": min(heard.lost, _MOST_LOST),
        "latency": heard.latency_s,
        "model": model,
    }


def emotion(heard: Heard, frame_id: str, model: str, window_s: float) -> Emotion:
    estimate = heard.estimate
    return Emotion(
        header=header(heard.window.stamp_ns, frame_id),
        duration=duration_of(window_s),
        label=estimate.label,
        confidence=estimate.confidence,
        probabilities=estimate.probabilities.tolist(),
        **_of_window(heard, model),
    )


def emotion_state(heard: Heard, frame_id: str, model: str, window_s: float) -> EmotionState:
    state = heard.state
    end_ns = heard.window.stamp_ns + round(window_s * SECOND)
    return EmotionState(
        header=header(end_ns, frame_id),
        since=time_of(state.since_ns),
        label=state.label,
        confidence=state.confidence,
        probabilities=state.probabilities.tolist(),
        window=duration_of(window_s),
        **_of_window(heard, model),
    )


def spectrogram(image: Image, stamp_ns: int, frame_id: str) -> ImageMessage:
    """Show the first channel as grey, low tones at the bottom, time from left to right."""
    grey = ((image[0, ::-1] + 1.0) * 127.5).clip(0, 255).astype(np.uint8)
    message = ImageMessage(
        header=header(stamp_ns, frame_id),
        height=grey.shape[0],
        width=grey.shape[1],
        encoding="mono8",
        is_bigendian=0,
        step=grey.shape[1],
    )
    message.data.frombytes(grey.tobytes())
    return message


def diagnostics(reports: Sequence[Report], prefix: str, now_ns: int) -> DiagnosticArray:
    """The hardware is the device where a report names one, and else the computer."""
    array = DiagnosticArray(header=header(now_ns, ""))
    for report in reports:
        array.status.append(
            DiagnosticStatus(
                level=bytes([report.level]),
                name=f"{prefix}: {report.name}",
                message=report.message,
                hardware_id=report.values.get("device") or socket.gethostname(),
                values=[KeyValue(key=key, value=value) for key, value in report.values.items()],
            )
        )
    return array
