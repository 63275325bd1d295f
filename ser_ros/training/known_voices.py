"""Learning to hear a voice that is known: what the nodes take off its logits is taken off here too.

A network that never heard anyone compared with how they speak when neutral puts up with what the
comparison does; one that learned with it can leave to it what differs from voice to voice.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ser_ros.baseline import LARGEST_SHIFT
from ser_ros.corpora import Clip
from ser_ros.errors.training import NobodyToKnow
from ser_ros.labels import NEUTRAL
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import NOBODY

REMEMBERED = 10.0
"""Neutral windows of a voice that its mean rests on: about those of an enrolment. Older ones, of a
network that knew less, fade."""


def check_voices(config: TrainConfig, clips: Sequence[Clip]) -> None:
    """Raises `NobodyToKnow` where voices shall be known and there are not two to compare."""
    neutral = [clip for clip in clips if config.label_set.name(clip.emotion) == NEUTRAL]
    voices = len({clip.speaker for clip in neutral} - {""})
    if config.known_voices and voices < 2:
        raise NobodyToKnow(config.manifest, voices)


class KnownVoices:
    """What the network says of each voice of the training when it is neutral, as it learns."""

    def __init__(self, voices: int, outputs: int, neutral: int, where: torch.device) -> None:
        self._neutral = neutral
        self.means = torch.zeros(voices, outputs, device=where)
        self.windows = torch.zeros(voices, device=where)
        """Neutral windows heard of each voice, up to `REMEMBERED`."""

    def shift(self, voices: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
        """Return what is taken off logits, shape (batch, outputs), as `VoiceBaseline` does.

        `voices` (batch) are indices, `NOBODY` for a clip without a speaker; `trust` (batch) is the
        share of a voice's own mean that counts, from 0 to 1. The nodes count it by the windows
        that they have heard; a training draws it, for an enrolment may be short or long.
        """
        heard = self.windows > 0
        if not heard.any():
            return torch.zeros(len(voices), self.means.shape[1], device=self.means.device)
        population = self.means[heard].mean(dim=0)
        known = (voices != NOBODY) & heard[voices.clamp(min=0)]
        own = self.means[voices.clamp(min=0)]
        shift = (known * trust)[:, None] * (own - population)
        return shift.clamp(-LARGEST_SHIFT, LARGEST_SHIFT)

    def learn(self, logits: torch.Tensor, labels: torch.Tensor, voices: torch.Tensor) -> None:
        """Take the neutral windows of a batch, each as its voice's; the others teach nothing."""
        teaching = (labels == self._neutral) & (voices != NOBODY)
        for window, voice in zip(logits[teaching].detach(), voices[teaching].tolist(), strict=True):
            self.windows[voice] = (self.windows[voice] + 1).clamp(max=REMEMBERED)
            self.means[voice] += (window - self.means[voice]) / self.windows[voice]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"means": self.means, "windows": self.windows}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        self.means.copy_(state["means"])
        self.windows.copy_(state["windows"])
