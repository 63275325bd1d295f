"""What the package carries beside its code: where it lies, and that it is what it should be."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ser_ros.errors.models import BundleDamaged, BundleMissing

_PACKAGE = Path(__file__).resolve().parent

_MAX_BYTES = 1 << 28
"""No network of this project is near 256 MiB; a larger file is a mistake or an attack."""


def verified_file(path: Path, sha256: str, size: int | None = None) -> bytes:
    """Return a file's content if its size and hash are as told.

    Raises `BundleMissing` or `BundleDamaged`.
    """
    try:
        found = path.stat().st_size
        if size is not None and found != size:
            raise BundleDamaged(path, "size in bytes", found, size)
        if found > _MAX_BYTES:
            raise BundleDamaged(path, "size in bytes", found, f"at most {_MAX_BYTES}")
        content = path.read_bytes()
    except OSError as error:
        raise BundleMissing(path.parent, f"readable {path.name}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise BundleDamaged(path, "SHA-256", digest, sha256)
    return content


def _folder(name: str, told: str | None = None) -> Path:
    """Return a carried folder: in the source tree, the installed package, or the ROS share."""
    if told:
        return Path(told)
    places = [root / name for root in _sources()] + [_PACKAGE / name]
    places += [
        Path(prefix, "share", "ser_ros", name)
        for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
        if prefix
    ]
    return next((place for place in places if place.is_dir()), places[0])


def _sources() -> list[Path]:
    """Return the source tree, where this is one.

    Beside an installed package lie others', which may be called `models` or `config` too.
    """
    root = _PACKAGE.parent
    return [root] if (root / "package.xml").is_file() else []


def models_folder() -> Path:
    """Return the folder of the carried models; the environment's SER_ROS_MODELS goes first."""
    return _folder("models", os.environ.get("SER_ROS_MODELS"))


def config_folder() -> Path:
    """Return the folder of the carried configuration."""
    return _folder("config")


def recordings_folder() -> Path:
    """Return the folder of the short recordings of acted speech that the demo plays."""
    return _folder("recordings")


def definitions_folder(package: str) -> Path:
    """Return the folder of the .msg files of `ser_ros` or `audio_common_msgs`."""
    for root in _sources():
        return root / ("msg" if package == "ser_ros" else f"interfaces/{package}/msg")
    return _folder("definitions") / package
