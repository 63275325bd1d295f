"""Clips to train on: what each sounds like is read when it is needed, for all fill the memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.corpora import Clip
from ser_ros.errors.audio import UnreadableFile, UnsupportedFormat
from ser_ros.errors.training import ClipChanged
from ser_ros.labels import LabelSet


@dataclass(frozen=True)
class Recording:
    """A clip, which sound it is, and the output that stands for its emotion."""

    clip: Clip
    rate: int
    """At which the network hears it, in Hz."""
    sha256: str
    """Of its samples at that rate, as 16 bits."""
    label: int

    def samples(self) -> Samples:
        """Return its sound, -1 to 1, in steps of 16 bits.

        Raises `UnreadableFile`, or `ClipChanged` where the file holds another sound by now.
        """
        samples = _read(self.clip.path, self.rate)
        if _sha256(samples) != self.sha256:
            raise ClipChanged(self.clip.path)
        return samples.astype(np.float32) * np.float32(1 / 32768)


def recordings_of(clips: Sequence[Clip], labels: LabelSet, rate: int) -> list[Recording]:
    """Read every clip whose emotion the label set has. Raises `UnreadableFile`."""
    recordings = []
    for clip in clips:
        label = labels.index(clip.emotion)
        if label is not None:
            recordings.append(Recording(clip, rate, _sha256(_read(clip.path, rate)), label))
    return recordings


def check_readable(clips: Iterable[Clip], labels: LabelSet, rate: int) -> None:
    """Read clips that are needed once a training is done. Raises `UnreadableFile`."""
    for clip in clips:
        if labels.index(clip.emotion) is not None:
            _read(clip.path, rate)


def digest(recordings: Sequence[Recording]) -> str:
    """Return a hash of what is trained on: sounds, labels and voices, in this order."""
    found = hashlib.sha256()
    for recording in recordings:
        clip = recording.clip
        told = [recording.sha256, recording.label, clip.speaker, clip.corpus, clip.gender]
        found.update(json.dumps(told).encode())
    return found.hexdigest()


def _read(path: Path, rate: int) -> npt.NDArray[np.int16]:
    try:
        samples = audio.load(path, rate)
    except UnsupportedFormat as error:  # it tells the rate, and not of which file
        raise UnreadableFile(path, str(error).rstrip(".")) from error
    return np.rint(np.clip(samples, -1, 32767 / 32768) * 32768).astype(np.int16)


def _sha256(samples: npt.NDArray[np.int16]) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()
