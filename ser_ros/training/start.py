"""What a training begins with: random weights, ImageNet's, or those of a model that is there."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import torch

from ser_ros.bundle import MANIFEST, Bundle, find_bundle
from ser_ros.errors.config import BadValue
from ser_ros.network import IMAGENET, build_network, imagenet_can_be_had
from ser_ros.training.checkpoint import weights_in
from ser_ros.training.config import TrainConfig
from ser_ros.training.export import network_of

_log = logging.getLogger(__name__)


def settled(config: TrainConfig, checkpoint: Path | None = None) -> TrainConfig:
    """Return the configuration with weights that can be had: random ones where ImageNet's cannot.

    So the checkpoint and the bundle tell what the training really began with; one that goes on from
    a `checkpoint` began with what that says.
    """
    if config.weights != IMAGENET:
        return config
    if checkpoint is not None and checkpoint.is_file():
        had = weights_in(checkpoint) != ""
    else:
        had = imagenet_can_be_had()
    return config if had else replace(config, weights="")


def origin(config: TrainConfig) -> Bundle | None:
    """Return the model bundle that a training begins with, if it does. Raises `BundleError`."""
    if not config.weights_file:
        return None
    folder = find_bundle(config.weights_file)
    return Bundle.load(folder) if (folder / MANIFEST).is_file() else None


def begin(config: TrainConfig) -> torch.nn.Module:
    """Return the network before its first step; say in the log what it begins with.

    `config.weights` may name a bundle, carried or by path. Its last layer is kept where it tells
    the same emotions apart. Raises `BadValue` or `BundleError`.
    """
    bundle = origin(config)
    if bundle is None:
        if not config.weights:
            _log.info("Training begins with random weights.")
        return build_network(config.features, config.outputs, config.dropout, config.weights_file)
    if bundle.features.shape[0] != config.features.shape[0]:
        expected = f"a model for images of {config.features.shape[0]} channels"
        raise BadValue("weights", config.weights, expected)
    if bundle.features != config.features:
        _log.warning(
            "The model '%s' knows images of %s, here they are %s or made otherwise; give the same "
            "features, or expect it to learn much anew.",
            bundle.name,
            " x ".join(map(str, bundle.features.shape)),
            " x ".join(map(str, config.features.shape)),
        )
    network = build_network(config.features, config.outputs, config.dropout)
    learned = network_of(bundle).state_dict()
    last = {name for name in learned if name.startswith("classifier.")}
    network.load_state_dict(
        {name: value for name, value in learned.items() if name not in last}, strict=False
    )
    kept = bundle.labels.labels == config.learned.labels
    if kept:
        layer = network.classifier[-1] if config.dropout else network.classifier  # type: ignore[index]
        assert isinstance(layer, torch.nn.Linear)
        layer.load_state_dict({name.removeprefix("classifier."): learned[name] for name in last})
    what = "all of the model" if kept else "all but the last layer of the model"
    _log.info("Training begins with %s '%s'.", what, bundle.name)
    return network
