"""The images a network is trained on, drawn from the views of clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler, WeightedRandomSampler, default_collate

from ser_ros.errors.training import ViewDamaged
from ser_ros.features import ImageMaker
from ser_ros.training.augment import Mask, draw_masks, draw_spoken, mask, silenced
from ser_ros.training.config import TrainConfig
from ser_ros.training.recordings import Recording
from ser_ros.training.views import read_view


@dataclass(frozen=True)
class Draw:
    """Which image of a clip the network is shown."""

    clip: int
    view: int
    start: int
    """The first frame of the window."""
    spoken: slice
    """The frames of the window in which somebody speaks."""
    masks: list[Mask]


NOBODY = -1
"""The voice of a clip that has no speaker."""

GENDERS = {"male": 0, "female": 1}
UNTOLD = -1
"""The gender of a clip that does not tell it."""


Shown = tuple[torch.Tensor, int, int, int]
"""An image, its label, its voice and its gender."""


class TrainingImages(Dataset[Shown | ViewDamaged]):
    """A view of a clip, a window of it, and masks, as they were drawn; label, voice and gender.

    A view that cannot be read is given as the error: raised in a worker it would be another here.
    """

    def __init__(
        self, recordings: Sequence[Recording], views: Sequence[Path], config: TrainConfig
    ) -> None:
        self._labels = [recording.label for recording in recordings]
        self._voices = _voices_of([recording.clip.speaker for recording in recordings])
        self._genders = [GENDERS.get(recording.clip.gender, UNTOLD) for recording in recordings]
        self._views = list(views)
        self._config = config
        self._image = ImageMaker(config.features)
        self._widths: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def voices(self) -> int:
        """How many voices there are."""
        return max(self._voices, default=NOBODY) + 1

    def __getitem__(self, draw: Draw) -> Shown | ViewDamaged:
        try:
            decibels = read_view(self._views[draw.clip], draw.view)
        except ViewDamaged as error:
            return error
        frames = self._config.features.frames
        window = slice(draw.start, draw.start + frames)
        image = self._image.of_decibels(silenced(decibels, window, draw.spoken))
        shown, clip = torch.from_numpy(mask(image, draw.masks)), draw.clip
        return shown, self._labels[clip], self._voices[clip], self._genders[clip]

    def draw(self, clip: int, random: np.random.Generator) -> Draw:
        """Draw an image of a clip. Raises `ViewDamaged`."""
        settings, features = self._config.augment, self._config.features
        view = int(random.integers(settings.views))
        if (clip, view) not in self._widths:
            self._widths[clip, view] = read_view(self._views[clip], view).shape[1]
        start = int(random.integers(0, self._widths[clip, view] - features.frames + 1))
        spoken = draw_spoken(features.frames, settings, random)
        return Draw(clip, view, start, spoken, draw_masks(features.shape, settings, random))


def batch_of(shown: Sequence[Shown | ViewDamaged]) -> list[torch.Tensor] | ViewDamaged:
    """Return images, labels, voices and genders of a batch, or why it cannot be shown."""
    damaged = next((each for each in shown if isinstance(each, ViewDamaged)), None)
    if damaged is not None:
        return damaged
    batch: list[torch.Tensor] = default_collate([*shown])
    return batch


def _voices_of(speakers: Sequence[str]) -> list[int]:
    """Return an index for each clip's speaker, from 0; `NOBODY` where there is none."""
    named = {speaker: i for i, speaker in enumerate(sorted({*speakers} - {""}))}
    return [named.get(speaker, NOBODY) for speaker in speakers]


class Draws(Sampler[Draw]):
    """What each image of an epoch is, drawn in order: any number of workers makes the same ones."""

    def __init__(self, clips: Sampler[int], images: TrainingImages, seed: int) -> None:
        self._clips, self._images = clips, images
        self._random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Draw]:
        for clip in self._clips:
            yield self._images.draw(clip, self._random)


def balanced_sampler(
    recordings: Sequence[Recording], count: int, generator: torch.Generator
) -> WeightedRandomSampler:
    """Draw corpora by the square root of their size, and classes evenly within each.

    Plain sizes would drown a small corpus, equal shares would show its few voices far too often.
    """
    cells = Counter((r.clip.corpus, r.label) for r in recordings)
    sizes = Counter(r.clip.corpus for r in recordings)
    labels = Counter(corpus for corpus, _ in cells)
    weights = [
        np.sqrt(sizes[r.clip.corpus]) / labels[r.clip.corpus] / cells[r.clip.corpus, r.label]
        for r in recordings
    ]
    return WeightedRandomSampler(weights, count, generator=generator)
