"""A bag heard again: the same chunks, through the same `Hearing` as the node's, without ROS.

What is offline is the clock: the time at which a bag received a message stands for the robot's, and
no window is dropped for age, for nobody waits. So the windows and probabilities are those that a
node publishes that keeps up.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from ser_ros.audio import AudioFormat
from ser_ros.bags.reading import Bag, open_bag
from ser_ros.bags.records import Chunk, Format, Muted, Truth
from ser_ros.bags.truth import Track, Truths
from ser_ros.classifier import Classifier
from ser_ros.clock import SECOND
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.hearing import Heard, Hearing, HearingConfig
from ser_ros.labels import LabelSet
from ser_ros.tracking import TrackingConfig


@dataclass(frozen=True)
class Replay:
    """What is heard of a bag, and how."""

    bag: Path
    track: Path | None = None
    """Labels that take the place of the bag's own ground truth."""
    audio: str = ""
    """The topic of the sound; empty for the one that there is."""
    hearing: HearingConfig = field(default_factory=HearingConfig)


def replay(classifier: Classifier, wanted: Replay) -> Source:
    """Hear a bag from its beginning to its end.

    Raises `BagError` for a bag that cannot be read or has no sound, `TrackError` for labels that do
    not fit it.
    """
    track = Track(wanted.track) if wanted.track else None
    with open_bag(wanted.bag) as bag:
        ear = _Ear(classifier, wanted.hearing)
        for record in bag.records(bag.audio_topic(wanted.audio)):
            ear.take(record)
        if track is not None:
            truths = track.placed(ear.begin_ns, ear.end_ns)
        else:
            truths = Truths.of(ear.truths, bag.name)
        windows = tuple(
            _with_truth(window, truths, classifier.bundle.labels) for window in ear.judged(bag.name)
        )
        return Source(
            bag.name,
            str(wanted.bag),
            digest(bag),
            ear.heard_ns / SECOND,
            windows,
            ear.counts(),
            (*bag.remarks, *ear.told(), *_foreign(truths, classifier.bundle.labels)),
        )


def digest(bag: Bag) -> str:
    """Return the SHA-256 of what a bag's files hold, one after the other."""
    found = hashlib.sha256()
    for path in bag.files:
        with path.open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


class _Ear:
    """A fold over a bag's records."""

    def __init__(self, classifier: Classifier, config: HearingConfig) -> None:
        tracking = TrackingConfig(uncertain_below=classifier.calibration.uncertain_below)
        self.truths: list[Truth] = []
        self.begin_ns, self.end_ns = 0, 0
        """Of the sound, by its stamps; a clock that is set in between makes years of it."""
        self.heard_ns = 0
        """Length of the sound, gaps left out."""
        self._hearing = Hearing(classifier, config, tracking, time.perf_counter, most_waiting=None)
        self._format: AudioFormat | None = AudioFormat()  # what the node takes it for, untold
        self._windows: list[Judged] = []
        self._window_s = classifier.bundle.features.window_s
        self._chunks = 0
        self._log_ns: int | None = None
        """When the newest chunk was recorded."""
        self._odd: dict[str, str] = {}

    def take(self, record: object) -> None:
        match record:
            case Chunk():
                self._hear(record)
            case Format():
                self._format = record.format
                if record.refusal:
                    self._odd.setdefault("audio_info", record.refusal)
            case Muted():
                self._hearing.mute.say(record.muted, record.log_ns)
            case Truth():
                self.truths.append(record)

    def _hear(self, chunk: Chunk) -> None:
        fmt = self._format
        passed_ns, self._log_ns = chunk.log_ns - (self._log_ns or chunk.log_ns), chunk.log_ns
        if fmt is None:  # as the node does
            self._hearing.refuse(passed_ns / SECOND)
            return
        duration_ns = len(chunk.data) // fmt.bytes_per_frame * SECOND // fmt.rate
        start_ns = chunk.stamp_ns or chunk.log_ns - duration_ns
        self.begin_ns = min(self.begin_ns, start_ns) if self._chunks else start_ns
        self.end_ns = max(self.end_ns, start_ns + duration_ns)
        self.heard_ns += duration_ns
        self._chunks += 1
        for remark in self._hearing.chunk(chunk.data, fmt, chunk.stamp_ns, chunk.log_ns):
            self._odd.setdefault(remark.kind, remark.sentence)
        while (heard := self._hearing.next()) is not None:
            self._windows.append(self._judged(heard))

    def judged(self, source: str) -> list[Judged]:
        """Return all windows, for a source of this name, once the bag was heard to its end.

        Not before: after a jump back in time the sound begins earlier than it did.
        """
        return [
            replace(w, source=source, start_s=(w.stamp_ns - self.begin_ns) / SECOND)
            for w in self._windows
        ]

    def _judged(self, heard: Heard) -> Judged:
        estimate = heard.estimate
        return Judged(
            source="",
            stamp_ns=heard.window.stamp_ns,
            start_s=0.0,
            duration_s=self._window_s,
            label=estimate.label,
            confidence=estimate.confidence,
            probabilities=tuple(estimate.probabilities.tolist()),
            speech_ratio=estimate.speech_ratio,
            level_dbfs=estimate.level_dbfs,
            latency_s=heard.latency_s,
            lost=heard.lost,
        )

    def counts(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        total.update(self._hearing.counts)
        total.update(self._hearing.stream.counts)
        total["samples_lost"] = sum(window.lost for window in self._windows) + self._hearing.lost
        return dict(sorted(total.items()))

    def told(self) -> list[str]:
        """Return a sentence for each kind of oddity, and how often it came."""
        counts = self.counts()
        return [
            f"{sentence} ({counts[kind]} times)" if counts.get(kind, 1) > 1 else sentence
            for kind, sentence in self._odd.items()
        ]


def _with_truth(window: Judged, truths: Truths, labels: LabelSet) -> Judged:
    start_ns = window.stamp_ns
    end_ns = start_ns + round(window.duration_s * SECOND)
    word, speaker, stretch = truths.at(start_ns, end_ns)
    index = labels.index(word) if word else None
    if index is None:  # nobody said, or an emotion that the model does not tell apart
        return replace(window, speaker=speaker)
    return replace(window, truth=labels.labels[index], speaker=speaker, utterance=stretch)


def _foreign(truths: Truths, labels: LabelSet) -> list[str]:
    """Return a sentence for each emotion that is told and that the model does not tell apart."""
    words = Counter(s.label for s in truths.spans if labels.index(s.label) is None)
    known = ", ".join(labels.labels)
    return [
        f"{count} labelled stretch(es) of '{word}' are not scored: the model knows {known}."
        for word, count in sorted(words.items())
    ]
