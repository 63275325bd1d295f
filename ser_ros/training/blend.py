"""What is done to a whole batch of images: two clips in one, one clip in another's colours."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional


def colours_mixed(images: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Give each image, in part, the mean level of another's bands.

    What a microphone, a room or a recording chain adds to a spectrogram in dB is its frequency
    response, the same at all times. After Freq-MixStyle (Kim, Yang, Kim, Park, Chang, 2022,
    arXiv:2206.12513), without the deviations, which a cut-off noise floor makes as good as zero.
    Slopes, the further channels, do not change. `images`: (batch, channels, bands, frames).
    """
    mean = images[:, :1].mean(dim=3, keepdim=True)
    other = torch.from_numpy(random.permutation(len(images))).to(images.device)
    share = torch.from_numpy(random.beta(0.3, 0.3, (len(images), 1, 1, 1)).astype(np.float32))
    changed = images.clone()
    changed[:, :1] += (1 - share.to(images.device)) * (mean[other] - mean)
    return changed


def mixup(
    images: torch.Tensor, alpha: float, random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Blend each image with another (Zhang et al., 2018).

    Return the blends, the indices of the others, and the share of the first.
    """
    share = float(random.beta(alpha, alpha)) if alpha else 1.0
    other = torch.from_numpy(random.permutation(len(images))).to(images.device)
    return share * images + (1 - share) * images[other], other, share


def gender_loss(
    logits: torch.Tensor, genders: torch.Tensor, other: torch.Tensor, share: float
) -> torch.Tensor:
    """Return the cross entropy of blended images against the genders of both voices.

    `logits` (batch) are above 0 for a woman's voice; `genders` (batch) are 0, 1, or -1 where nobody
    told, which has no say.
    """
    loss = logits.new_zeros(())
    for part, targets in ((share, genders), (1 - share, genders[other])):
        told = targets >= 0
        if part and told.any():
            loss = loss + part * functional.binary_cross_entropy_with_logits(
                logits[told], targets[told].float()
            )
    return loss


def blended_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    other: torch.Tensor,
    share: float,
    smoothing: float,
) -> torch.Tensor:
    """Return the cross entropy of blended images against both of their labels."""
    loss = share * functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    if share < 1:
        mixed = functional.cross_entropy(logits, labels[other], label_smoothing=smoothing)
        loss = loss + (1 - share) * mixed
    return loss
