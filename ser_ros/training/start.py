"""What a training begins with: random weights, ImageNet's, or those of a model that is there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch

from ser_ros.bundle import MANIFEST, Bundle, find_bundle
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotFetch
from ser_ros.network import IMAGENET, build_network, has_heard_nobody
from ser_ros.training.config import TrainConfig
from ser_ros.training.export import network_of

_log = logging.getLogger(__name__)

RANDOM_WEIGHTS = "random weights"


@dataclass(frozen=True)
class Beginning:
    """A network before its first step."""

    network: torch.nn.Module
    told: str
    """What it begins with, as checkpoints and bundles tell it: one of `beginnings`."""


def beginnings(config: TrainConfig, bundle: Bundle | None) -> tuple[str, ...]:
    """Return what a training may begin with; random weights where ImageNet's cannot be had.

    `bundle` is its `origin`.
    """
    if bundle is not None:
        return (f"the model '{bundle.name}', SHA-256 {bundle.sha256}",)
    if config.weights == IMAGENET:
        return (IMAGENET, RANDOM_WEIGHTS)
    return (Path(config.weights).name or RANDOM_WEIGHTS,)


def origin(config: TrainConfig) -> Bundle | None:
    """Return the model bundle that a training begins with, if it does. Raises `BundleError`."""
    if not config.weights_file:
        return None
    folder = find_bundle(config.weights_file)
    return Bundle.load(folder) if (folder / MANIFEST).is_file() else None


def tells_whom_it_heard(config: TrainConfig, bundle: Bundle | None) -> bool:
    """Whether what a training begins with tells whose voices it learned; a file of weights cannot.

    `bundle` is its `origin`, which may not tell it either: that is `seen.trained_on`'s.
    """
    return bundle is not None or has_heard_nobody(config.weights_file)


def resumed(config: TrainConfig, told: str) -> Beginning:
    """Return a network that is about to get the weights of a checkpoint; `told` as it tells it."""
    return Beginning(build_network(config.features, config.outputs, config.dropout), told)


def begin(config: TrainConfig, bundle: Bundle | None) -> Beginning:
    """Return the network that a training begins with; say in the log what that is.

    `config.weights` may name a bundle, carried or by path. Its last layer is kept where it tells
    the same emotions apart; `bundle` is its `origin`. Raises `BadValue` or `BundleError`.
    """
    told, *instead = beginnings(config, bundle)
    if bundle is not None:
        return Beginning(_from(bundle, config), told)
    features, outputs, dropout = config.features, config.outputs, config.dropout
    try:
        if config.weights:
            return Beginning(build_network(features, outputs, dropout, config.weights_file), told)
    except CannotFetch as error:
        told = instead[0]
        _log.warning("%s", error)
    _log.info("Training begins with random weights.")
    return Beginning(build_network(features, outputs, dropout), told)


def _from(bundle: Bundle, config: TrainConfig) -> torch.nn.Module:
    """Return the network of a bundle; what it tells apart is learned anew where that differs."""
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
        with torch.no_grad():  # an output for the gender comes after those of the emotions
            for name in last:
                kept_part = learned[name]
                getattr(layer, name.removeprefix("classifier."))[: len(kept_part)] = kept_part
    what = "all of the model" if kept else "all but the last layer of the model"
    _log.info("Training begins with %s '%s'.", what, bundle.name)
    return network
