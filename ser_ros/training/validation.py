"""How a network does on speakers that it is not trained on, after each epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.metrics import recall_score

from ser_ros.features import ImageMaker
from ser_ros.framing import windows_of
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import Recording

_BATCH = 64


class Validation:
    """The windows of the validation clips, made once."""

    def __init__(self, recordings: Sequence[Recording], config: TrainConfig) -> None:
        features, image = config.features, ImageMaker(config.features)
        self._truth = np.array([recording.label for recording in recordings])
        self._known = np.unique(self._truth)
        self._labels = len(config.label_set)
        images: list[torch.Tensor] = []
        clips: list[int] = []
        for index, recording in enumerate(recordings):
            for window in windows_of(recording.floats(), features.window, features.window // 2):
                images.append(torch.from_numpy(image(window)))
                clips.append(index)
        self._images = torch.stack(images)
        self._clips = np.array(clips)

    def __call__(self, network: torch.nn.Module) -> float:
        """Return the unweighted average recall, 0 to 1, by the mean over the windows of a clip.

        The mean is over the emotions that the clips have.
        """
        where = next(network.parameters()).device
        with torch.no_grad():
            found = [
                torch.softmax(network(part.to(where))[:, : self._labels].float(), 1).cpu().numpy()
                for part in self._images.split(_BATCH)
            ]
        total = np.zeros((len(self._truth), self._labels))
        np.add.at(total, self._clips, np.concatenate(found))
        return float(
            recall_score(self._truth, total.argmax(axis=1), labels=self._known, average="macro")
        )
