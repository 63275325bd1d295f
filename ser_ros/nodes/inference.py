"""The inference node: `audio` in, `emotion` and `emotion_state` out."""

from __future__ import annotations

import math
import time
from collections import Counter
from functools import partial
from typing import Any

from audio_common_msgs.msg import AudioData, AudioDataStamped, AudioInfo
from rclpy.lifecycle import LifecyclePublisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from ser_ros.audio import AudioFormat, SampleFormat
from ser_ros.bundle import Bundle, find_bundle
from ser_ros.classifier import Classifier
from ser_ros.errors.audio import AudioError
from ser_ros.health import Latencies, Level, Losses, Rate, Report, Watchdog
from ser_ros.hearing import Heard, Hearing
from ser_ros.msg import Emotion, EmotionState
from ser_ros.nodes import messages, topics
from ser_ros.nodes.inference_parameters import SPECS, settings_of
from ser_ros.nodes.managed import ManagedNode
from ser_ros.nodes.process import spin
from ser_ros.nodes.voice import VoiceServices
from ser_ros.runtime import trim_memory
from ser_ros.stream import Remark

_NO_AUDIO_S = 10.0
"""Seconds without a chunk after which the diagnostics say so."""

_REMEDIES = {
    "windows dropped": "the machine is too slow: raise hop, or install OpenVINO",
    "chunks refused": "what comes is not what audio_info says; the log tells more",
    "chunks cut short": "a chunk ends within a sample; mend the program that publishes audio",
    "chunks with non-finite samples": "mend the program that publishes audio",
    "chunks clipped": "the voice is distorted: lower the gain of the microphone",
    "gaps": "audio is missing: see the capture node's losses, then the network",
    "jumps back in time": "a clock was set back, or two nodes publish audio",
    "repeated stamps": "the stamp should be the time of a chunk's first sample",
    "stamps in the future": "set the machines' clocks alike (NTP), use_sim_time too",
}
"""Counts that should stand still, and what to do where one grows."""


class InferenceNode(ManagedNode):
    """Hear chunks of audio from any node and say what the voice in them sounds like."""

    SPECS = SPECS

    def __init__(self, **options: Any) -> None:
        super().__init__("inference", **options)
        self._hearing: Hearing | None = None
        self._format: AudioFormat | None = None
        self._frame_id = ""
        self._window_s = 0.0
        self._model = ""
        self._emotions: LifecyclePublisher | None = None
        self._states: LifecyclePublisher | None = None
        self._pictures: LifecyclePublisher | None = None
        self._inputs: list[Any] = []
        # Judging is a callback of its own, one window each, so that the node goes on listening.
        self._more = self.create_guard_condition(self._judge)
        self._latencies = Latencies()
        self._chunk_rate, self._window_rate = Rate(), Rate()
        self._audio_watch = Watchdog(_NO_AUDIO_S, time.monotonic())
        self._chunk_at_s: float | None = None
        """When the newest chunk came, by the steady clock."""
        self._labels: Counter[str] = Counter()
        self._samples_lost = 0
        self._losses = Losses(_REMEDIES)
        self._voice = VoiceServices(self, lambda: self._hearing.voices if self._hearing else None)

    @property
    def chunks(self) -> int:
        """Chunks that arrived."""
        return self._hearing.counts["chunks"] if self._hearing else 0

    @property
    def windows(self) -> int:
        """Windows that were judged and published."""
        return self._hearing.counts["windows"] if self._hearing else 0

    @property
    def waiting(self) -> int:
        """Windows that wait to be judged."""
        return self._hearing.waiting if self._hearing else 0

    # ── lifecycle ─────────────────────────────────────────────────────────────────────────────

    def open(self) -> None:
        bundle = Bundle.load(find_bundle(self.value("model")))
        classifier = Classifier(bundle, self.value("runtime"), self.value("threads"))
        trim_memory()
        settings = settings_of(self.value, classifier)
        voices = self._voice.make(classifier)
        self._hearing = Hearing(classifier, *settings, time.monotonic, voices)
        self._format = AudioFormat(
            self.value("rate"),
            self.value("channels"),
            SampleFormat.named(self.value("sample_format")),
        )
        self._window_s, self._model = bundle.features.window_s, bundle.name
        self._emotions = self.create_lifecycle_publisher(Emotion, topics.EMOTION, topics.STREAM)
        self._states = self.create_lifecycle_publisher(
            EmotionState, topics.EMOTION_STATE, topics.LATCHED
        )
        self._pictures = self.create_lifecycle_publisher(Image, topics.SPECTROGRAM, topics.PICTURE)
        self.get_logger().info(
            f"Model '{bundle.name}' ({', '.join(classifier.labels)}) on {classifier.runtime.name}: "
            f"windows of {self._window_s:g} s, one every {self.value('hop'):g} s."
        )

    def start(self) -> None:
        audio_qos = topics.HEARD_BEST_EFFORT if self.value("best_effort") else topics.HEARD
        if self.value("stamped"):
            audio = self.create_subscription(
                AudioDataStamped, topics.AUDIO, self._hear_stamped, audio_qos
            )
        else:
            audio = self.create_subscription(AudioData, topics.AUDIO, self._hear_plain, audio_qos)
        # Not latched on our side: a publisher of either kind is heard.
        info_qos = QoSProfile(depth=1, durability=DurabilityPolicy.VOLATILE)
        latched = partial(self.create_subscription, AudioInfo, topics.AUDIO_INFO, self._learn)
        self._inputs = [audio]  # one by one: where one cannot be made, `stop` lets those before go
        self._inputs.append(latched(topics.LATCHED))
        self._inputs.append(latched(info_qos))
        self._inputs.append(self.create_subscription(Bool, topics.ROBOT_SPEAKING, self._mute, 10))
        self._audio_watch.feed(time.monotonic())
        self._chunk_at_s = None

    def stop(self) -> None:
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []
        self._voice.end_enrolment("the node was deactivated")
        if self._hearing:
            self._hearing.restart()

    def close(self) -> None:
        self._hearing = None
        for publisher in (self._emotions, self._states, self._pictures):
            if publisher is not None:
                self.destroy_lifecycle_publisher(publisher)
        self._emotions = self._states = self._pictures = None

    def changed(self, values: dict[str, Any]) -> None:
        if self._hearing:

            def value(name: str) -> Any:
                return values.get(name, self.value(name))

            self._hearing.adjust(*settings_of(value, self._hearing.classifier))
            if "baseline" in values:
                self._voice.listen(values["baseline"])

    # ── in ────────────────────────────────────────────────────────────────────────────────────

    def _learn(self, info: AudioInfo) -> None:
        try:
            self._format = messages.audio_format(info)
        except AudioError as error:
            # Guessing a format would turn speech into noise.
            self._format = None
            self.remark("audio_info", str(error))

    def _mute(self, message: Bool) -> None:
        if self._hearing:
            self._hearing.mute.say(message.data, self.now_ns())

    def _hear_stamped(self, message: AudioDataStamped) -> None:
        if message.header.frame_id:
            self._frame_id = message.header.frame_id
        self._hear(message.audio, messages.ns_of(message.header.stamp))

    def _hear_plain(self, message: AudioData) -> None:
        self._hear(message, 0)

    def _hear(self, data: AudioData, stamp_ns: int) -> None:
        if self._hearing is None:
            return
        now = time.monotonic()
        self._audio_watch.feed(now)
        self._chunk_rate.add(now)
        passed_s, self._chunk_at_s = now - (self._chunk_at_s or now), now
        if self._format is None:
            self._hearing.refuse(passed_s)
            return
        remarks = self._hearing.chunk(memoryview(data.data), self._format, stamp_ns, self.now_ns())
        self._tell(remarks)
        if self._hearing.waiting:
            self._more.trigger()

    # ── out ───────────────────────────────────────────────────────────────────────────────────

    def _judge(self) -> None:
        hearing = self._hearing
        if hearing is None or not self.active:
            return
        self._catch_up()
        self._tell(hearing.drop_old())
        heard = hearing.next()
        if heard is not None:
            self._publish(heard)
            self._voice.heard()
        if hearing.waiting:
            self._more.trigger()

    def _catch_up(self) -> None:
        """Hear every chunk that has come while a window was judged.

        One at a time, in turn with the windows, they would wait where no limit of age is known, and
        be lost where ROS keeps only the newest few.
        """
        audio = self._inputs[0]
        with audio.handle:
            while (taken := audio.handle.take_message(audio.msg_type, False)) is not None:
                audio.callback(taken[0])

    def _publish(self, heard: Heard) -> None:
        assert self._emotions and self._states and self._pictures
        frame_id = self._frame_id or self.value("frame_id")
        about = (frame_id, self._model, self._window_s)
        self._emotions.publish(messages.emotion(heard, *about))
        self._states.publish(messages.emotion_state(heard, *about))
        if heard.estimate.image is not None and self._pictures.get_subscription_count():
            picture = messages.spectrogram(heard.estimate.image, heard.window.stamp_ns, frame_id)
            self._pictures.publish(picture)
        self._latencies.add(heard.latency_s)
        self._window_rate.add(time.monotonic())
        self._labels[heard.estimate.label] += 1
        self._samples_lost += heard.lost

    # ── how it is doing ───────────────────────────────────────────────────────────────────────

    def _tell(self, remarks: list[Remark]) -> None:
        for remark in remarks:
            self.remark(remark.kind, remark.sentence)

    def diagnose(self) -> list[Report]:
        report = Report("inference")
        hearing, now = self._hearing, time.monotonic()
        if hearing is None:
            report.add(Level.WARN, "Not configured.")
            return [report]
        stream, counts = hearing.stream, hearing.counts
        report.values = {
            "model": self._model,
            "runtime": hearing.classifier.runtime.name,
            "audio format": str(self._format or "unknown"),
            "chunks per second": f"{self._chunk_rate.per_second(now):.2f}",
            "windows per second": f"{self._window_rate.per_second(now):.2f}",
            "latency p50 (ms)": self._latency_ms(50),
            "latency p99 (ms)": self._latency_ms(99),
            "windows judged": str(counts["windows"]),
            "windows waiting": str(hearing.waiting),
            "windows dropped": str(counts["dropped"]),
            "windows muted": str(counts["muted"]),
            "samples lost": str(self._samples_lost + hearing.lost),
            "chunks refused": str(counts["refused"] + stream.counts["refused"]),
            "chunks cut short": str(stream.counts["partial_frame"]),
            "chunks with non-finite samples": str(stream.counts["not_finite"]),
            "chunks clipped": str(stream.counts["clipped"]),
            "gaps": str(stream.counts["gap"]),
            "absences": str(stream.counts["absence"]),
            "jumps back in time": str(stream.counts["time_went_back"]),
            "repeated stamps": str(stream.counts["repeated_stamp"]),
            "stamps in the future": str(stream.counts["from_future"]),
            "format changes": str(stream.counts["format_change"]),
            **self._voice.diagnose(),
            **{f"label {label}": str(count) for label, count in sorted(self._labels.items())},
        }
        if not self.active:
            report.add(Level.WARN, "Not active.")
        elif self._audio_watch.expired(now):
            silent_s = self._audio_watch.silent_s(now)
            report.add(Level.WARN, f"No audio for {silent_s:.0f} s; {self._why_silent()}")
        if self._format is None:
            report.add(Level.ERROR, "audio_info names a format that is not understood.")
        if hearing.mute.overdue(self.now_ns()):
            report.add(Level.WARN, "robot_speaking never became false; it is taken as false.")
        if self._voice.missed:
            report.add(Level.WARN, self._voice.missed)
        self._losses.judge(report, now)
        return [report]

    def _why_silent(self) -> str:
        if self.count_publishers(self._inputs[0].topic_name):
            return "it has a publisher: does that listen, and has it the type and QoS of this node?"
        return "is the capture node running, and on this topic?"

    def _latency_ms(self, q: float) -> str:
        latency_s = self._latencies.percentile(q)
        return "-" if math.isnan(latency_s) else f"{latency_s * 1e3:.1f}"


def main() -> int:
    return spin(InferenceNode)
