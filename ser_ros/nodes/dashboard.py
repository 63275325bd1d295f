"""The dashboard: what the other nodes publish, on a page for a phone, a tablet or a desktop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile

from ser_ros.audio import AudioFormat
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.clock import SECOND
from ser_ros.errors.audio import AudioError
from ser_ros.errors.machine import MissingExtra
from ser_ros.health import Level, Report
from ser_ros.msg import Emotion, EmotionState
from ser_ros.nodes import messages, topics
from ser_ros.nodes.managed import ManagedNode
from ser_ros.nodes.parameters import Spec
from ser_ros.nodes.phone import Phone
from ser_ros.nodes.process import spin
from ser_ros.runtime import CHOICES
from ser_ros.stream import AudioStream
from ser_ros.watching.board import OURS, STALE, silence

_HEALTH_S = 1.0
"""How often the page is told how the nodes are."""

_PIECE_S = 0.5
"""Length of the pieces in which the page is told the sound."""

_POINTS = 50
"""Points of the outline of a piece."""

_LOUD_DB = 25.0
"""Mel power of loud speech, in dB as `features` has it: the brightest of the live spectrogram. It
does not follow the sound, or noise would look like speech while nobody speaks."""

_DIAGNOSTICS = QoSProfile(depth=32)


class DashboardNode(ManagedNode):
    """Serve the page, and tell it what is on the topics. Nobody who looks slows the robot."""

    SPECS = (
        Spec("host", "127.0.0.1", "Address to serve at; 0.0.0.0 for all, then with a token."),
        Spec("port", 8088, "Port; 0 for any that is free.", 0, 65535),
        Spec("names", [""], "Other names that this machine is known by."),
        Spec("certificate", "", "Certificate for HTTPS, PEM; empty for none."),
        Spec("key", "", "Its key, PEM."),
        Spec("make_certificate", False, "HTTPS with a certificate made here."),
        Spec("phone_microphone", True, "Whether a phone may be the robot's microphone."),
        Spec("frame_id", "phone", "frame_id of what a phone hears."),
        Spec("save_folder", "", "Folder for what a person presses save for; empty for none."),
        Spec("save_days", 30, "Days after which that is deleted.", 1, 3650),
        Spec("upload_mb", 50, "The largest file in MB.", 1, 4096),
        Spec("seconds", 600.0, "The longest recording in s.", 1.0, 36000.0),
        Spec("at_once", 4, "Recordings that are listened to at once.", 1, 64),
        Spec("model", "", "Model that uploads are tried with; empty for the default."),
        Spec("runtime", "auto", "What computes its network.", choices=CHOICES),
    )

    def __init__(self, **options: Any) -> None:
        super().__init__("dashboard", **options)
        self._inputs: list[Any] = []
        self._phone: Phone | None = None
        self._served: Any = None
        self._hub: Any = None
        self._spectrograms: Any = None
        self._url = ""
        self._statuses: dict[str, tuple[float, dict[str, Any]]] = {}
        """By name: when each was heard, by the steady clock, and what it said."""
        self._health: Any = None
        self._format: AudioFormat | None = AudioFormat()
        piece = round(_PIECE_S * AudioFormat().rate)
        self._stream = AudioStream(piece, piece)

    # ── lifecycle ─────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        try:
            from ser_ros.web import addresses, certificates, state
            from ser_ros.web.hub import Hub
            from ser_ros.web.limits import Limits
            from ser_ros.web.listening import Listener
            from ser_ros.web.pictures import Spectrograms
            from ser_ros.web.saving import SavingFolder
            from ser_ros.web.server import Server, Setting
            from ser_ros.web.thread import ServerThread
        except ImportError as error:
            raise MissingExtra(error.name or str(error), "web") from error
        host = self.value("host")
        names = addresses.own_names(host, tuple(filter(None, self.value("names"))))
        token = None if addresses.is_local(host) else state.token(state.state_folder())
        certificate, key = (_path(self.value(name)) for name in ("certificate", "key"))
        context = certificates.chosen(certificate, key, self.value("make_certificate"), names)
        folder = _path(self.value("save_folder"))
        saving = SavingFolder(folder, self.value("save_days")) if folder else None
        limits = Limits(self.value("upload_mb"), self.value("seconds"), self.value("at_once"))
        if self.value("phone_microphone"):
            self._phone = Phone(self, self.value("frame_id"), self.now_ns)
        listener = Listener(Bundle.load(find_bundle(self.value("model"))), self.value("runtime"))
        self._hub, self._spectrograms = Hub(), Spectrograms()
        setting = Setting(names, token, context, limits, saving, True, self._phone)
        taken = addresses.listening_socket(host, self.value("port"))
        port = taken.getsockname()[1]
        self._served = ServerThread(Server(listener, setting, self._hub), taken)
        urls = addresses.shown_urls(host, port, context is not None, token)
        self._url = urls[0].partition("?")[0]
        self.get_logger().info(f"The page is at {self._url}")
        if token is not None:
            # On the terminal alone: what is logged, everybody on the graph can read.
            addresses.show(urls, token, context is not None)

    def start(self) -> None:
        # Best effort: a page that is looked at shall hold nobody up.
        seldom = topics.STREAM_BEST_EFFORT
        self._inputs = [
            self.create_subscription(Emotion, topics.EMOTION, self._hear_emotion, seldom),
            self.create_subscription(
                EmotionState, topics.EMOTION_STATE, self._hear_state, topics.LATCHED_SERIES
            ),
            self.create_subscription(AudioDataStamped, topics.AUDIO, self._hear_audio, seldom),
            self.create_subscription(AudioInfo, topics.AUDIO_INFO, self._learn, topics.LATCHED),
            self.create_subscription(
                DiagnosticArray, topics.DIAGNOSTICS, self._hear_diagnostics, _DIAGNOSTICS
            ),
        ]
        self._health = self.create_timer(_HEALTH_S, self._tell_health, clock=self.steady)

    def stop(self) -> None:
        if self._health is not None:
            self.destroy_timer(self._health)
            self._health = None
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        self._stream.restart()

    def close(self) -> None:
        if self._served is not None:
            self._served.close()
            self._served = None
        if self._phone is not None:
            self._phone.close()
            self._phone = None

    # ── in ────────────────────────────────────────────────────────────────────────────────────

    def _hear_emotion(self, message: Emotion) -> None:
        self._hub.publish_threadsafe(
            {
                "type": "window",
                "duration_s": message.duration.sec + message.duration.nanosec / SECOND,
                "lost": message.samples_lost,
                "latency_s": message.latency,
                "model": message.model,
                **_estimate(message),
            }
        )

    def _hear_state(self, message: EmotionState) -> None:
        since_s = messages.ns_of(message.since) / SECOND
        self._hub.publish_threadsafe({"type": "state", "since": since_s, **_estimate(message)})

    def _hear_diagnostics(self, message: DiagnosticArray) -> None:
        now = time.monotonic()
        for status in message.status:
            if status.name.rpartition(": ")[2] in OURS:
                told = {
                    "name": status.name,
                    "level": status.level[0],
                    "message": status.message,
                    "values": [[value.key, value.value] for value in status.values],
                }
                self._statuses[status.name] = (now, told)
        self._tell_health()

    def _tell_health(self) -> None:
        """Tell how each node is; also once a second, for one that says nothing any more."""
        now = time.monotonic()
        heard = [self._statuses[name] for name in sorted(self._statuses)]
        told = [_aged(status, now - heard_s) for heard_s, status in heard]
        self._hub.publish_threadsafe({"type": "health", "statuses": told})

    def _learn(self, info: AudioInfo) -> None:
        try:
            self._format = messages.audio_format(info)
        except AudioError:  # the inference node says what is wrong with it
            self._format = None

    def _hear_audio(self, message: AudioDataStamped) -> None:
        if self._format is None or not self._hub.viewers:
            return
        from ser_ros.web.pictures import envelope

        stamp_ns = messages.ns_of(message.header.stamp)
        data = memoryview(message.audio.data)
        for piece in self._stream.push(data, self._format, stamp_ns, self.now_ns())[0]:
            self._hub.publish_threadsafe(
                {
                    "type": "sound",
                    "stamp": piece.stamp_ns / SECOND,
                    "seconds": _PIECE_S,
                    **envelope(piece.samples, _POINTS),
                    "spectrogram": self._spectrograms(piece.samples, loudest_db=_LOUD_DB),
                }
            )

    def diagnose(self) -> list[Report]:
        report = Report("dashboard")
        if self._served is None:
            report.add(Level.WARN, "Not configured.")
            return [report]
        report.values = {
            "address": self._url,
            "viewers": str(self._hub.viewers),
        }
        if not self.active:
            report.add(Level.WARN, "Not active.")
        return [report]


def _aged(status: dict[str, Any], silent_s: float) -> dict[str, Any]:
    """Return what a node said of itself, or that it has fallen silent."""
    sentence = silence(silent_s)
    return {**status, "level": STALE, "message": sentence} if sentence else status


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None


def _estimate(message: Emotion | EmotionState) -> dict[str, Any]:
    return {
        "stamp": messages.ns_of(message.header.stamp) / SECOND,
        "label": message.label,
        "confidence": message.confidence,
        "labels": list(message.labels),
        "probabilities": list(message.probabilities),
        "speech_ratio": message.speech_ratio,
        "level_dbfs": message.level,
    }


def main() -> int:
    return spin(DashboardNode)
