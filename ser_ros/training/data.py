"""Clips in memory, and the images a network is trained on."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, WeightedRandomSampler, get_worker_info

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.corpora import Clip
from ser_ros.errors import EmptyClass
from ser_ros.features import ImageMaker
from ser_ros.labels import LabelSet
from ser_ros.training.augment import mask, place, waveform_augmentation
from ser_ros.training.config import TrainConfig


@dataclass(frozen=True)
class Recording:
    """A clip's sound and the output that stands for its emotion."""

    clip: Clip
    samples: npt.NDArray[np.int16]
    """At the network's rate; 16 bits halve what thousands of clips take in memory."""
    label: int

    def floats(self) -> Samples:
        return self.samples.astype(np.float32) * np.float32(1 / 32768)


def load_recordings(clips: Sequence[Clip], labels: LabelSet, rate: int) -> list[Recording]:
    """Read every clip whose emotion the label set has. Raises `EmptyClass` or `UnreadableFile`."""
    recordings = []
    for clip in clips:
        label = labels.index(clip.emotion)
        if label is not None:
            samples = np.clip(audio.load(clip.path, rate), -1, 32767 / 32768)
            recordings.append(Recording(clip, np.rint(samples * 32768).astype(np.int16), label))
    counts = Counter(recording.label for recording in recordings)
    for index, label_name in enumerate(labels.labels):
        if not counts[index]:
            raise EmptyClass(label_name, "the training clips")
    return recordings


class TrainingImages(Dataset[tuple[torch.Tensor, int]]):
    """A new window, with new troubles, each time a clip is asked for."""

    def __init__(self, recordings: list[Recording], config: TrainConfig) -> None:
        self._recordings = recordings
        self._config = config
        self._image = ImageMaker(config.features)
        noises = config.path(config.noise_folder) if config.noise_folder else None
        self._augment = waveform_augmentation(config.augment, noises)
        self._random = np.random.default_rng(config.seed)

    def __len__(self) -> int:
        return len(self._recordings)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        recording = self._recordings[index]
        features = self._config.features
        window = place(recording.floats(), features.window, self._random)
        window = np.asarray(self._augment(np.ascontiguousarray(window), features.rate), np.float32)
        window = place(window, features.window, self._random)
        image = mask(self._image(window), self._config.augment, self._random)
        return torch.from_numpy(image), recording.label

    def reseed(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)


def seed_worker(_: int) -> None:
    """Give each worker of each epoch draws of its own, the same in every run."""
    info = get_worker_info()
    assert info is not None and isinstance(info.dataset, TrainingImages)
    torch.set_num_threads(1)
    info.dataset.reseed(info.seed)


def balanced_sampler(
    recordings: Sequence[Recording], count: int, generator: torch.Generator
) -> WeightedRandomSampler:
    """Draw corpora by the square root of their size, and classes evenly within each.

    Plain sizes would drown a small corpus, equal shares would show its few voices far too often.
    """
    cells = Counter((r.clip.corpus, r.label) for r in recordings)
    sizes = Counter(r.clip.corpus for r in recordings)
    weights = [np.sqrt(sizes[r.clip.corpus]) / cells[(r.clip.corpus, r.label)] for r in recordings]
    return WeightedRandomSampler(weights, count, generator=generator)
