"""The capture node: the robot's microphone, or files in its place, to `audio`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from rclpy.lifecycle import LifecyclePublisher
from std_srvs.srv import SetBool

from ser_ros.audio import AudioFormat, SampleFormat
from ser_ros.capture import Capture, Chunk
from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue
from ser_ros.health import Level, Losses, Report
from ser_ros.microphone import Microphone
from ser_ros.nodes import messages, topics
from ser_ros.nodes.managed import ManagedNode
from ser_ros.nodes.parameters import Spec
from ser_ros.nodes.process import spin
from ser_ros.sources import AudioFile

_LISTENER_POLL_S = 0.1
"""How often a file that waits for somebody to listen looks for them."""

_REMEDIES = {
    "overflows": "the sound system had no room: the machine is too busy",
    "queue drops": "the node did not keep up with the microphone: the machine is too busy",
    "gaps": "sound was missing without a report: check the microphone's cable and its USB hub",
    "reopenings": "the microphone failed and is opened again; last error says why",
    "chunks not published": "an exception was raised while publishing; last error has it",
}
"""Counts that should stand still, and what to do where one grows."""


class CaptureNode(ManagedNode):
    """Cut what a microphone or a file gives into chunks, and publish them with their time."""

    SPECS = (
        Spec("source", "microphone", "Where sound comes from.", choices=("microphone", "file")),
        Spec("device", "", "Index or a unique part of the name of the microphone; empty: default."),
        Spec("files", [""], "Files to play in turn: wav, flac, ogg/opus or mp3."),
        Spec("pace", 1.0, "Speed of the files; 1 is real time, 0 as fast as possible.", 0.0, 1000),
        Spec("loop", False, "Whether the files begin again after the last."),
        Spec("wait", True, "Whether the files begin only when somebody subscribes to `audio`."),
        Spec("rate", 16000, "Sample rate of `audio` in Hz.", 8000, 96000),
        Spec("channels", 1, "Channels of `audio`; more than 1: the device's first.", 1, 64),
        Spec(
            "channel",
            -1,
            "With one channel: which of the device's to take, from 0; -1 mixes all.",
            -1,
            63,
        ),
        Spec(
            "sample_format",
            "S16LE",
            "Sample format of `audio`.",
            choices=tuple(SampleFormat.__members__),
        ),
        Spec("chunk", 2.5, "Seconds of a chunk.", 0.02, 60.0),
        Spec("listen", True, "Whether to listen from the start; `~/listen` changes it later."),
        Spec("frame_id", "microphone", "The microphone's frame, for the header."),
    )

    def __init__(self, on_file: Callable[[Path, int], None] | None = None, **options: Any) -> None:
        """`on_file` is told each file, and the time of its first sample in ns, as it begins."""
        super().__init__("capture", **options)
        self._on_file = on_file
        self._capture: Capture | None = None
        self._format = AudioFormat()
        self._audio: LifecyclePublisher | None = None
        self._info: LifecyclePublisher | None = None
        self._frame_id = ""
        self._listen: bool | None = None
        """What `~/listen` said last; None while it has said nothing, and the parameter holds."""
        self._waiting: Any = None
        self._losses = Losses(_REMEDIES)
        self._service = self.create_service(SetBool, topics.LISTEN, self._on_listen)

    @property
    def ended(self) -> bool:
        """Whether the files have all been played."""
        return self._capture is not None and self._capture.status().state == "ended"

    @property
    def chunks(self) -> int:
        """Chunks that were published."""
        return self._capture.status().chunks if self._capture else 0

    # ── lifecycle ─────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        self._format = AudioFormat(
            self.value("rate"),
            self.value("channels"),
            SampleFormat.named(self.value("sample_format")),
        )
        source = self._file() if self.value("source") == "file" else self._microphone()
        source.check()  # a wrong name or file is told now, and nothing else is taken in its place
        self._capture = Capture(
            source,
            self._publish,
            self.value("chunk"),
            self._format.sample_format,
            on_end=lambda: self.get_logger().info("All files have been played."),
            log=self.get_logger(),
        )
        self._frame_id = self.value("frame_id")
        self._audio = self.create_lifecycle_publisher(AudioDataStamped, topics.AUDIO, topics.STREAM)
        self._info = self.create_lifecycle_publisher(AudioInfo, topics.AUDIO_INFO, topics.LATCHED)

    def start(self) -> None:
        assert self._info
        self._info.publish(messages.audio_info(self._format))
        if self._listening:
            self._begin()

    def stop(self) -> None:
        self._cease()

    def close(self) -> None:
        self._capture = None
        for publisher in (self._audio, self._info):
            if publisher is not None:
                self.destroy_lifecycle_publisher(publisher)
        self._audio = self._info = None

    # ── listening ─────────────────────────────────────────────────────────────────────────────

    def _microphone(self) -> Microphone:
        return Microphone(
            self.value("device"),
            self._format.rate,
            self._format.channels,
            self._channel(),
            self.now_ns,
        )

    def _file(self) -> AudioFile:
        files = [Path(name).expanduser() for name in self.value("files") if name]
        if not files:
            raise BadValue("The parameter files", [], "at least one file, as source is file")
        return AudioFile(
            files,
            self._format.rate,
            self._format.channels,
            self._channel(),
            self.value("pace"),
            self.value("loop"),
            self.value("chunk"),
            self._on_file,
            self.now_ns,
        )

    def _channel(self) -> int | None:
        """Raises `BadValue` for one that is chosen where several are to be published."""
        channel: int = self.value("channel")
        if channel < 0:
            return None
        if self._format.channels > 1:
            expected = f"-1 where channels is {self._format.channels}, or channels 1"
            raise BadValue("The parameter channel", channel, expected)
        return channel

    def _begin(self) -> None:
        assert self._capture
        self._stop_waiting()
        if self.value("source") == "file" and self.value("wait"):
            self._waiting = self.create_timer(
                _LISTENER_POLL_S, self._begin_when_heard, clock=self.steady
            )
        else:
            self._capture.start()

    def _begin_when_heard(self) -> None:
        if self._audio and self._capture and self._audio.get_subscription_count():
            self._stop_waiting()
            self._capture.start()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self.destroy_timer(self._waiting)
            self._waiting = None

    def _cease(self) -> bool:
        """Close the microphone; False where it hangs, and closes as soon as it answers."""
        self._stop_waiting()
        return self._capture is None or self._capture.stop()

    @property
    def _listening(self) -> bool:
        """Whether somebody wants it to listen; a wish by `~/listen` outlives a reconfiguration."""
        return bool(self.value("listen") if self._listen is None else self._listen)

    def _on_listen(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        """Push to talk: while it is off, the microphone is really closed."""
        self._listen = request.data
        response.success = True
        if not self.active:
            response.message = "Noted; the node is not active."
        elif request.data:
            try:
                self._begin()
                response.message = "Listening."
            except SerError as error:
                response.success, response.message = False, str(error)
        elif self._cease():
            response.message = "The microphone is closed."
        else:
            response.success = False
            response.message = "The device hangs; it is not heard, and closes when it answers."
        sentence = f"~/listen {request.data}: {response.message}"
        # rclpy wants one severity for each line that logs.
        if response.success:
            self.get_logger().info(sentence)
        else:
            self.get_logger().error(sentence)
        return response

    def _publish(self, chunk: Chunk) -> None:
        """Called on the capture's thread."""
        if self._audio is None or not self.context.ok():
            return
        if chunk.stamp_ns <= 0:
            sentence = (
                "ROS time is 0, so chunks have no stamp: use_sim_time is set, but nobody publishes "
                "/clock. Start what does, or turn use_sim_time off."
            )
            self.remark("no_time", sentence)
        stamp_ns = max(0, chunk.stamp_ns)
        self._audio.publish(messages.audio_chunk(chunk.data, stamp_ns, self._frame_id))

    # ── how it is doing ───────────────────────────────────────────────────────────────────────

    def diagnose(self) -> list[Report]:
        report = Report("capture")
        if self._capture is None:
            report.add(Level.WARN, "Not configured.")
            return [report]
        status = self._capture.status()
        since = status.since_last_block_s
        report.values = {
            "state": status.state,
            "device": status.device,
            "device rate (Hz)": str(status.device_rate),
            "format": str(self._format),
            "chunks": str(status.chunks),
            "overflows": str(status.overflows),
            "queue drops": str(status.drops),
            "gaps": str(status.gaps),
            "samples lost": str(status.lost),
            "reopenings": str(status.reopenings),
            "chunks not published": str(status.handler_errors),
            "seconds since last block": "-" if since is None else f"{since:.1f}",
            "seconds of digital silence": f"{status.silent_s:.1f}",
            "last error": status.last_error,
        }
        if not self.active:
            report.add(Level.WARN, "Not active.")
        elif not self._listening and status.hangs:
            report.add(Level.WARN, f"Not listening, but the device hangs: {status.last_error}")
        elif not self._listening:
            report.message = "Not listening: ~/listen is off and the microphone is closed."
        elif status.state == "reopening":
            report.add(Level.ERROR, status.last_error)
        elif status.muted:
            report.add(Level.WARN, "The microphone gives exact silence; is it switched off?")
        elif status.failed:
            report.add(Level.ERROR, status.last_error)
        elif status.state == "ended":
            report.message = "All files have been played."
        elif self._waiting is not None:
            report.message = "The files wait until somebody subscribes to audio."
        self._losses.judge(report, time.monotonic())
        return [report]


def main() -> int:
    return spin(CaptureNode)
