"""What is in a bag, counted: for a person who wants to know before anything is done with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from ser_ros.audio import NETWORK_RATE, AudioFormat
from ser_ros.bags.reading import Bag
from ser_ros.bags.records import Chunk, Format, Said, Truth
from ser_ros.clock import SECOND
from ser_ros.errors.bags import NoAudioTopic
from ser_ros.errors.models import LabelError
from ser_ros.labels import canonical
from ser_ros.stream import AudioStream


@dataclass
class Sound:
    """The sound of one topic."""

    topic: str
    messages: int = 0
    seconds: float = 0.0
    """Of what can be heard; gaps are not in it."""
    format: str = ""
    odd: dict[str, int] = field(default_factory=dict)
    """What the framing would remark upon, by kind: `gap`, `time_went_back`, `refused`, ..."""


@dataclass
class Summary:
    """What is in a bag."""

    path: str
    bytes: int
    files: int
    cut: bool
    remarks: list[str]
    topics: list[dict[str, Any]]
    begin_ns: int = 0
    """When the first message was received, of those that we understand; 0 where there is none."""
    end_ns: int = 0
    sound: Sound | None = None
    truth: dict[str, dict[str, float]] = field(default_factory=dict)
    """By label, how many stretches and how many seconds."""
    speakers: list[str] = field(default_factory=list)
    annotators: list[str] = field(default_factory=list)
    said: dict[str, int] = field(default_factory=dict)
    """By label, how many `emotion` messages."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def summarise(bag: Bag, audio: str = "") -> Summary:
    """Read a bag through. A bag without sound has a summary too; see `Bag.audio_topic`."""
    try:
        heard = bag.audio_topic(audio)
    except NoAudioTopic:
        heard = ""
    sound, said = Sound(heard), Counter[str]()
    times: list[int] = []
    stretches: dict[str, list[float]] = defaultdict(list)
    speakers, annotators = set(), set()
    fmt: AudioFormat | None = AudioFormat()
    stream = AudioStream(NETWORK_RATE, NETWORK_RATE)
    for record in bag.records(heard or None):
        times = [min(times[:1], default=record.log_ns), record.log_ns]
        match record:
            case Format():
                fmt = record.format
                sound.format = str(fmt) if fmt else record.refusal
            case Chunk():
                sound.messages += 1
                if fmt is None:
                    stream.counts["refused"] += 1
                    continue
                stream.push(record.data, fmt, record.stamp_ns, record.log_ns)
                sound.seconds += len(record.data) / fmt.bytes_per_frame / fmt.rate
            case Truth():
                stretches[_named(record.label)].append(record.duration_ns / SECOND)
                speakers.add(record.speaker)
                annotators.add(record.annotator)
            case Said():
                said[record.label] += 1
    sound.odd = dict(stream.counts)
    sound.seconds = round(sound.seconds, 3)
    return Summary(
        path=str(bag.path),
        bytes=sum(file.stat().st_size for file in bag.files),
        files=len(bag.files),
        cut=bag.cut,
        remarks=list(bag.remarks),
        topics=[{"name": t.name, "type": t.type, "count": t.count} for t in bag.topics],
        begin_ns=times[0] if times else 0,
        end_ns=times[1] if times else 0,
        sound=sound if heard else None,
        truth={
            label: {"stretches": len(all_s), "seconds": round(sum(all_s), 3)}
            for label, all_s in sorted(stretches.items())
        },
        speakers=sorted(speakers - {""}),
        annotators=sorted(annotators - {""}),
        said=dict(said),
    )


def _named(label: str) -> str:
    try:
        return canonical(label)
    except LabelError:
        return label
