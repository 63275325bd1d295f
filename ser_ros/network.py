"""DenseNet121 for spectrogram images. Only training and export come here: it needs torch.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks (CVPR 2017), as
torchvision builds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ser_ros.errors import MissingExtra

if TYPE_CHECKING:
    import torch

    from ser_ros.features import FeatureConfig


def _declare_torchvision_operators() -> None:
    """Let torchvision be imported beside a torch without CUDA.

    Its wheel registers `nms` from a CUDA library; where that cannot be loaded the import fails for
    want of the two schemas, which classification never calls.
    """
    import torch

    for operator in ("nms", "qnms"):
        try:
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
            _libraries.append(library)  # a schema lives as long as its library object
        except RuntimeError:
            return  # torchvision's own library was loaded first


_libraries: list[object] = []


def build_network(features: FeatureConfig, classes: int, dropout: float = 0.0) -> torch.nn.Module:
    """Return a DenseNet121 with `classes` outputs (logits), from scratch.

    Its input has the shape (batch, channels, bands, frames) of `features`. Raises `MissingExtra`
    where torch or torchvision is not installed.
    """
    try:
        import torch

        try:
            import torchvision.models  # noqa: F401
        except RuntimeError:
            _declare_torchvision_operators()
        from torchvision.models import densenet121
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "train") from error

    network = densenet121(weights=None, num_classes=classes)
    channels = features.shape[0]
    stem = network.features.conv0
    if channels != stem.in_channels:
        network.features.conv0 = torch.nn.Conv2d(
            channels, stem.out_channels, kernel_size=7, stride=2, padding=3, bias=False
        )
    if dropout:
        network.classifier = torch.nn.Sequential(torch.nn.Dropout(dropout), network.classifier)
    return network
