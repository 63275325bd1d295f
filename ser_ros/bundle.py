"""A model as an artefact: a folder with a network file and a manifest that vouches for it.

    models/densenet121/
        manifest.json   labels, features, calibration, training data, licence, figures, SHA-256
        model.onnx      the network: image in, logits out

Nothing of a bundle is believed before it is checked: size, then hash, then meaning.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ser_ros.audio import NETWORK_RATE
from ser_ros.carried import models_folder, verified_file
from ser_ros.errors.config import BadValue, ConfigError
from ser_ros.errors.models import (
    BundleDamaged,
    BundleError,
    BundleMismatch,
    BundleMissing,
    LabelError,
)
from ser_ros.features import FeatureConfig
from ser_ros.files import folder_aside
from ser_ros.labels import LabelSet

SCHEMA = 1
"""The version of the manifest's layout."""

MANIFEST = "manifest.json"
NETWORK = "model.onnx"
DEFAULT_MODEL = "densenet121"

_MAX_MANIFEST_BYTES = 1 << 24


@dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities that can be taken at their word."""

    temperature: float = 1.0
    """Divides the logits (Guo et al., On Calibration of Modern Neural Networks, 2017)."""
    uncertain_below: float = 0.5
    """The probability of the likeliest emotion below which the label is `uncertain`."""

    def __post_init__(self) -> None:
        for name in ("temperature", "uncertain_below"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise BadValue(f"calibration.{name}", value, "a number")
        if not 0.01 <= self.temperature <= 100:
            raise BadValue("calibration.temperature", self.temperature, "0.01 to 100")
        if not 0 <= self.uncertain_below <= 1:
            raise BadValue("calibration.uncertain_below", self.uncertain_below, "0 to 1")


@dataclass(frozen=True)
class Bundle:
    """A verified model, ready for a runtime."""

    name: str
    labels: LabelSet
    features: FeatureConfig
    calibration: Calibration
    network: bytes = field(repr=False)
    """The network as ONNX: input `image` (n, channels, bands, frames), output `logits` (n, labels).

    """
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the manifest tells people: description, licence, training, metrics."""
    folder: Path | None = None
    neutral_logits: tuple[float, ...] | None = None
    """What the network says of neutral speech, on average over speakers that it did not learn where
    there are some, in the order of the labels; what a voice's baseline is compared with."""

    @property
    def training(self) -> Mapping[str, Any]:
        """What the manifest tells of the training; empty where it tells nothing."""
        told = self.about.get("training")
        return told if isinstance(told, Mapping) else {}

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.network).hexdigest()

    def manifest(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "name": self.name,
            "labels": list(self.labels.labels),
            "merged": dict(self.labels.merged),
            "features": self.features.to_dict(),
            "calibration": {
                "temperature": self.calibration.temperature,
                "uncertain_below": self.calibration.uncertain_below,
            },
            "network": {
                "file": NETWORK,
                "bytes": len(self.network),
                "sha256": self.sha256,
                "input_shape": list(self.features.shape),
            },
            **({"neutral_logits": list(self.neutral_logits)} if self.neutral_logits else {}),
            **self.about,
        }

    def save(self, folder: Path) -> None:
        """Write the bundle aside, then rename it into its place.

        Raises `CannotWrite`, and leaves the bundle that was there before.
        """
        with folder_aside(folder) as aside:
            (aside / NETWORK).write_bytes(self.network)
            text = json.dumps(self.manifest(), indent=2, ensure_ascii=False) + "\n"
            (aside / MANIFEST).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Read and verify a bundle.

        Raises `BundleMissing`, `BundleDamaged` or `BundleMismatch`, which name what is wrong.
        """
        folder = Path(folder)
        manifest = _read_manifest(folder)
        try:
            if manifest["schema"] != SCHEMA:
                raise BundleMismatch(folder, "the manifest's schema", manifest["schema"], SCHEMA)
            labels = LabelSet.of(manifest["labels"], manifest.get("merged", {}))
            features = FeatureConfig.from_dict(manifest["features"])
            calibration = Calibration(**manifest["calibration"])
            neutral_logits = _neutral_logits(manifest, labels)
            network = manifest["network"]
            shape = tuple(network["input_shape"])
            file, size, sha256 = str(network["file"]), network["bytes"], str(network["sha256"])
            name = str(manifest["name"])
        except (ConfigError, LabelError) as error:
            raise BundleMismatch(folder, "its manifest", error, "what this version knows") from None
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise BundleMismatch(folder, "its manifest", repr(error), "every key of it") from error
        if shape != features.shape:
            raise BundleMismatch(folder, "the network's input shape", shape, features.shape)
        if features.rate != NETWORK_RATE:  # the gate would hear it at another pace
            raise BundleMismatch(folder, "the rate of its images", features.rate, NETWORK_RATE)
        if Path(file).name != file or file in ("", "..") or not file.isprintable():
            raise BundleMismatch(
                folder, "the network's file", repr(file), "a name within the folder"
            )
        if not isinstance(size, int):
            raise BundleMismatch(folder, "the network's size in bytes", size, "a whole number")
        content = verified_file(folder / file, sha256, size)
        about = {key: value for key, value in manifest.items() if key not in _KNOWN}
        return cls(name, labels, features, calibration, content, about, folder, neutral_logits)


_KNOWN = (
    "schema",
    "name",
    "labels",
    "merged",
    "features",
    "calibration",
    "network",
    "neutral_logits",
)


def replaceable(folder: Path) -> bool:
    """Whether a folder holds a bundle and nothing else, or nothing at all."""
    if not folder.is_dir():
        return False
    there = {path.name for path in folder.iterdir()}
    if not there:
        return True
    try:
        manifest = _read_manifest(folder)
    except BundleError:
        return False
    return {"schema", "network"} <= manifest.keys() and there <= {MANIFEST, NETWORK}


def _neutral_logits(manifest: Mapping[str, Any], labels: LabelSet) -> tuple[float, ...] | None:
    """Raises `BadValue` for what is not a finite number per label."""
    told = manifest.get("neutral_logits")
    if told is None:
        return None
    numbers = isinstance(told, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in told
    )
    if not numbers or len(told) != len(labels):
        raise BadValue("neutral_logits", told, "a finite number for each label")
    return tuple(float(v) for v in told)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise BundleDamaged(path, "size", path.stat().st_size, f"under {_MAX_MANIFEST_BYTES}")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleMissing(folder, f"readable {MANIFEST}", bundles()) from error
    except (ValueError, RecursionError) as error:
        raise BundleMismatch(path, "the manifest", f"no JSON ({error})", "JSON") from error
    if not isinstance(manifest, dict):
        raise BundleMismatch(path, "the manifest", type(manifest).__name__, "a JSON object")
    return manifest


def bundles() -> list[str]:
    """Return the names of the carried bundles."""
    return sorted(path.parent.name for path in models_folder().glob(f"*/{MANIFEST}"))


def find_bundle(name: str = "") -> Path:
    """Return the folder of a bundle given by path or by the name of a carried one."""
    if not name:
        return models_folder() / DEFAULT_MODEL
    path = Path(os.path.expanduser(name))  # unlike Path's, it leaves an unknown user as it is
    return path if path.is_dir() or os.sep in name else models_folder() / name
