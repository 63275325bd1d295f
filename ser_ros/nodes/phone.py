"""A phone as the robot's microphone: what its page sends, as chunks on `audio`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.publisher import Publisher

from ser_ros.audio import AudioFormat
from ser_ros.clock import SECOND
from ser_ros.errors.web import MicrophoneRefused
from ser_ros.framing import Framer
from ser_ros.nodes import messages, topics
from ser_ros.nodes.managed import ManagedNode

CHUNK_S = 0.5
"""Shorter than a robot's own chunks: who speaks into a phone looks at the answer."""

_DRIFT_NS = SECOND // 2
"""How far the phone's clock may run from ours before its sound gets a new beginning."""


class Phone:
    """What `web.sockets.Microphone` asks for; publishers may be used from any thread."""

    def __init__(self, node: ManagedNode, frame_id: str, now_ns: Callable[[], int]) -> None:
        self._node = node
        self._frame_id = frame_id
        self._now_ns = now_ns
        self._audio = node.create_publisher(AudioDataStamped, topics.AUDIO, topics.STREAM)
        self._info = self._latched()
        self._format = AudioFormat()
        self._framer = Framer(1, 1)
        self._start_ns = 0
        self._heard = 0

    def begin(self, rate: int) -> None:
        """Raises `MicrophoneRefused` where the node is not active, or the robot hears by itself."""
        self._refuse_inactive()
        if self._node.count_publishers(self._audio.topic_name) > 1:
            raise MicrophoneRefused(
                "robot_hears",
                "The robot hears by its own microphone; start it without the capture node, or "
                "deactivate and clean up that node, first.",
            )
        self._format = AudioFormat(rate)
        size = round(rate * CHUNK_S)
        self._framer = Framer(size, size)
        self._start_ns, self._heard = 0, 0
        self._info.publish(messages.audio_info(self._format))

    def hear(self, pcm: bytes) -> None:
        """Raises `MicrophoneRefused` once the node is not active any more."""
        self._refuse_inactive()
        count = len(pcm) // self._format.bytes_per_frame
        now_start_ns = self._now_ns() - self._ns(count)
        expected_ns = self._start_ns + self._ns(self._heard)
        if not self._start_ns or abs(now_start_ns - expected_ns) > _DRIFT_NS:
            # A network that stood still is a gap, and what reads the chunks tells of it.
            self._framer.flush()
            self._start_ns, self._heard = now_start_ns, 0
        self._heard += count
        for first, chunk in self._framer.push(np.frombuffer(pcm, "<i2")):
            stamp_ns = self._start_ns + self._ns(first)
            message = messages.audio_chunk(chunk.tobytes(), stamp_ns, self._frame_id)
            self._audio.publish(message)

    def end(self) -> None:
        self._framer.flush()
        if not self._node.context.ok():  # the node ends, and its publishers with it
            return
        # Who begins to listen now would take what is latched for the format of whatever comes.
        self._node.destroy_publisher(self._info)
        self._info = self._latched()

    def close(self) -> None:
        self._node.destroy_publisher(self._audio)
        self._node.destroy_publisher(self._info)

    def _refuse_inactive(self) -> None:
        if not self._node.active or not self._node.context.ok():
            raise MicrophoneRefused(
                "not_active", "The dashboard node is not active; activate it, then begin again."
            )

    def _latched(self) -> Publisher:
        # Events would be waited for on another thread than the one that destroys it.
        quiet = PublisherEventCallbacks(use_default_callbacks=False)
        return self._node.create_publisher(
            AudioInfo, topics.AUDIO_INFO, topics.LATCHED, event_callbacks=quiet
        )

    def _ns(self, samples: int) -> int:
        return samples * SECOND // self._format.rate
