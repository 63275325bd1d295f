"""How a network does on speakers that it is not trained on, after each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from sklearn.metrics import recall_score

from ser_ros.features import ImageMaker
from ser_ros.framing import windows_of
from ser_ros.training.config import TrainConfig
from ser_ros.training.recordings import Recording

_BATCH = 64


class Validation:
    """The validation clips, read and made images of anew each time, for all fill the memory."""

    def __init__(self, recordings: Sequence[Recording], config: TrainConfig) -> None:
        self._recordings, self._features = recordings, config.features
        self._image = ImageMaker(config.features)
        self._truth = np.array([recording.label for recording in recordings])
        self._known = np.unique(self._truth)
        self._labels = len(config.label_set)

    def __call__(self, network: torch.nn.Module) -> float:
        """Return the unweighted average recall, 0 to 1, by the mean over the windows of a clip.

        The mean is over the emotions that the clips have.
        """
        where = next(network.parameters()).device
        total = np.zeros((len(self._truth), self._labels))
        with torch.no_grad():
            for clips, images in self._batches():
                logits = network(images.to(where))[:, : self._labels].float()
                np.add.at(total, clips, torch.softmax(logits, 1).cpu().numpy())
        return float(
            recall_score(self._truth, total.argmax(axis=1), labels=self._known, average="macro")
        )

    def _batches(self) -> Iterator[tuple[list[int], torch.Tensor]]:
        """Yield (which clip each is of, images) of all windows."""
        windows = (
            (index, window)
            for index, recording in enumerate(self._recordings)
            for window in windows_of(
                recording.samples(), self._features.window, self._features.window // 2
            )
        )
        while batch := list(islice(windows, _BATCH)):
            images = [torch.from_numpy(self._image(window)) for _, window in batch]
            yield [index for index, _ in batch], torch.stack(images)
