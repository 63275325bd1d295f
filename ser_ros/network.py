"""DenseNet121 for spectrogram images. Only training and export come here: it needs torch.

Huang, Liu, van der Maaten, Weinberger: Densely Connected Convolutional Networks (CVPR 2017), as
torchvision builds it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotFetch, MissingExtra

if TYPE_CHECKING:
    import torch

    from ser_ros.features import FeatureConfig

_log = logging.getLogger(__name__)

IMAGENET = "imagenet"

_IMAGENETS_SHA256 = "a639ec97"
"""How the hash of torchvision's file begins, `densenet121-a639ec97.pth`."""

_UNREADABLE = (OSError, HTTPException, RuntimeError, UnpicklingError, EOFError)
"""What comes of weights that cannot be fetched, or are none."""

SMALLEST = 29
"""Bands (or cepstral coefficients) and frames that an image has at least: fewer are pooled away."""


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


def build_network(
    features: FeatureConfig, classes: int, dropout: float = 0.0, weights: str = ""
) -> torch.nn.Module:
    """Return a DenseNet121 with `classes` outputs (logits), from scratch or from `weights`.

    Its input has the shape (batch, channels, bands, frames) of `features`. `weights` is a file of
    torchvision's, or `imagenet` to fetch it. Raises `MissingExtra` where torch or torchvision is
    not installed, `BadValue` for weights of another network, and `CannotFetch`.
    """
    _import_torchvision()
    import torch
    from torchvision.models import densenet121

    network = densenet121(weights=None, num_classes=classes)
    if weights:
        _begin_with(network, weights)
    channels = features.shape[0]
    stem = network.features.conv0
    if channels != stem.in_channels:
        if weights:
            _log.info("Its first layer is new, for images of %d channels.", channels)
        network.features.conv0 = torch.nn.Conv2d(
            channels, stem.out_channels, kernel_size=7, stride=2, padding=3, bias=False
        )
    if dropout:
        network.classifier = torch.nn.Sequential(torch.nn.Dropout(dropout), network.classifier)
    return network


def has_heard_nobody(weights: str) -> bool:
    """Return whether weights are none, or ImageNet's; another file may have heard anybody."""
    if weights in ("", IMAGENET) or not Path(weights).is_file():
        return True
    with Path(weights).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().startswith(_IMAGENETS_SHA256)


def _import_torchvision() -> None:
    """Raises `MissingExtra` where torch or torchvision is not installed."""
    try:
        import torch  # noqa: F401

        try:
            import torchvision.models
        except RuntimeError:
            _declare_torchvision_operators()
            import torchvision.models  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "train") from error


def _begin_with(network: torch.nn.Module, weights: str) -> None:
    """Load everything but the classifier; say in the log what the training begins with."""
    state = _imagenet() if weights == IMAGENET else _read(weights)
    if not isinstance(state, dict):
        raise BadValue("weights", weights, "a file of torchvision's DenseNet121")
    # The file of 2017 spells the layers norm.1, conv.1, norm.2, conv.2.
    named = {
        re.sub(r"(norm|conv)\.([12])\.", r"\1\2.", name): value
        for name, value in state.items()
        if not name.startswith("classifier")
    }
    expected = {name for name in network.state_dict() if not name.startswith("classifier")}
    missing = {name for name in expected - named.keys() if "num_batches" not in name}
    if missing:
        raise BadValue("weights", weights, f"weights of a DenseNet121; {min(missing)} is missing")
    try:
        network.load_state_dict(named, strict=False)
    except RuntimeError as error:
        raise BadValue("weights", weights, "weights of a DenseNet121 for three channels") from error
    _log.info("Training begins with the weights '%s'.", weights)


def _imagenet() -> object:
    from torchvision.models import DenseNet121_Weights

    try:
        return DenseNet121_Weights.IMAGENET1K_V1.get_state_dict(check_hash=True)
    except _UNREADABLE as error:
        raise CannotFetch("ImageNet's weights", error) from error


def _read(weights: str) -> object:
    import torch

    try:
        return torch.load(weights, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise BadValue("weights", weights, "a file of torchvision's DenseNet121") from error
