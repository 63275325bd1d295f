"""Bags: what was recorded, and what is read from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ser_ros.errors import SerError
from ser_ros.errors.words import few, listed


class BagError(SerError):
    """A bag, or what is said to be true of its sound, cannot be used."""


class BagMissing(BagError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"There is no bag at '{path}'; expected a folder of rosbag2, or a file of one (.mcap, "
            ".db3, or either with .zstd)."
        )


class BagUnreadable(BagError):
    def __init__(self, path: Path | str, why: object) -> None:
        super().__init__(
            f"Nothing of the bag '{path}' can be read ({why}); expected a rosbag2 bag in MCAP or "
            "SQLite. Copy it again from where it came."
        )


class BagThere(BagError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"'{path}' is there already, and bags are never overwritten; give another name, or "
            "move it away."
        )


class BagOfBags(BagError):
    def __init__(self, path: Path | str, bags: Iterable[str]) -> None:
        super().__init__(
            f"'{path}' is no bag but a folder of bags ({few(bags)}); give these: '{path}'/*"
        )


class RosbagsMissing(BagError):
    def __init__(self) -> None:
        super().__init__(
            "The Python module 'rosbags' is not installed; run scripts/setup, or "
            "pip install 'rosbags<0.12'."
        )


class NoAudioTopic(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has no sound (its topics: {listed(topics) or 'none'}); expected a "
            "topic of audio_common_msgs/msg/AudioDataStamped or AudioData. Record `audio` too."
        )


class SeveralAudioTopics(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has several topics of sound ({listed(topics)}); name the one that "
            "is meant with --audio."
        )


class AudioTypeUnknown(BagError):
    def __init__(self, path: Path | str, topic: str, kind: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The topic {topic} of the bag '{path}' is of the type {kind}, expected one of "
            f"{listed(known)}; record it with a node that publishes these."
        )


class TopicUnknown(BagError):
    def __init__(self, path: Path | str, topic: str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has no topic {topic}; expected one of {listed(topics) or 'none'}."
        )


class TypeUnknown(BagError):
    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The message type {kind} has no definition that can be read, neither in the bag nor "
            "in the ROS that is sourced; source the workspace that has it."
        )


class TypeDiffers(BagError):
    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The message type {kind} of the publisher is not the one that is known here by that "
            "name; take the same package on both sides, for sound that of ros-drivers."
        )


class MessageUnreadable(BagError):
    def __init__(self, kind: str, why: str) -> None:
        super().__init__(
            f"A message is no {kind} ({why}); it was damaged, or written by another definition of "
            "that type than the one that is with it."
        )


class FieldMissing(BagError):
    def __init__(self, topic: str, kind: str, field: str) -> None:
        super().__init__(
            f"The messages of {topic} ({kind}) have no field {field}, which is needed; they are of "
            "an older or foreign definition of that type. Record anew with this version."
        )


class BadTrack(BagError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The labels of '{path}' cannot be used ({why}); expected a CSV with the columns "
            "start,end,label and optionally speaker, or Audacity's labels: seconds from the first "
            "sample, or since 1970, one stretch after the other."
        )


class NothingToPlay(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has nothing to play (its topics: {listed(topics) or 'none'}); "
            "name others with --topics, or install the messages of theirs."
        )


class NoBagHeard(BagError):
    def __init__(self, count: int) -> None:
        super().__init__(
            f"None of {count} bag(s) could be heard, so there is nothing to report; see what was "
            "said of each."
        )


class NothingRecorded(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"Nothing came on {listed(topics)}, so there is no bag '{path}'; check with "
            "`ros2 topic list` the names, the namespace and ROS_DOMAIN_ID."
        )
