"""What a training begins with: random weights, ImageNet's, or those of a model that is there."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ser_ros.bundle import MANIFEST, Bundle, find_bundle
from ser_ros.errors import BadValue
from ser_ros.network import build_network
from ser_ros.training.config import TrainConfig
from ser_ros.training.export import network_of

_log = logging.getLogger(__name__)


def begin(config: TrainConfig) -> torch.nn.Module:
    """Return the network before its first step; say in the log what it begins with.

    `config.weights` may name a bundle, carried or by path: few recordings of one's own are worth
    more to a network that has heard others. Its last layer is kept where it tells the same
    emotions apart. Raises `BadValue` or `BundleError`.
    """
    weights = config.weights_file
    if not weights:
        _log.info("Training begins with random weights.")
    folder = find_bundle(weights) if weights else Path()
    if not weights or not (folder / MANIFEST).is_file():
        return build_network(config.features, config.outputs, config.dropout, weights)
    bundle = Bundle.load(folder)
    if bundle.features.shape[0] != config.features.shape[0]:
        expected = f"a model for images of {config.features.shape[0]} channels"
        raise BadValue("weights", weights, expected)
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
