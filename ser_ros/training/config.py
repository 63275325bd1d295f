"""What a training is told: one YAML file, every key of it known and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ser_ros.config import build, read_yaml
from ser_ros.errors import BadValue
from ser_ros.features import FeatureConfig
from ser_ros.labels import FOUR, LabelSet


def _share(where: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise BadValue(where, value, "a share from 0 to 1")


def _not_negative(where: str, value: float) -> None:
    if value < 0:
        raise BadValue(where, value, "0 or more")


@dataclass(frozen=True)
class AugmentConfig:
    """How often a training window meets what microphones and rooms do to a voice."""

    noise: float = 0.4
    """Probability of background noise from `noise_folder`."""
    noise_snr_db: tuple[float, float] = (0.0, 25.0)
    hiss: float = 0.3
    """Probability of white noise, the voice of cheap microphones."""
    hiss_snr_db: tuple[float, float] = (8.0, 40.0)
    equaliser: float = 0.5
    """Probability of a random colouring by microphone and room."""
    band_limit: float = 0.1
    """Probability of a telephone's or headset's band."""
    clipping: float = 0.05
    pitch: float = 0.25
    """Probability of a shift of up to `pitch_semitones`."""
    pitch_semitones: float = 2.0
    stretch: float = 0.25
    """Probability of speaking faster or slower, by up to `stretch_ratio`."""
    stretch_ratio: float = 1.2
    masks: int = 2
    """SpecAugment (Park et al., 2019): masks in time, and as many in frequency."""
    mask_bands: int = 16
    mask_frames: int = 20
    mixup: float = 0.2
    """Alpha of mixup (Zhang et al., 2018); 0 turns it off."""

    def __post_init__(self) -> None:
        for name in ("noise", "hiss", "equaliser", "band_limit", "clipping", "pitch", "stretch"):
            _share(f"augment.{name}", getattr(self, name))
        for name in ("pitch_semitones", "masks", "mask_bands", "mask_frames", "mixup"):
            _not_negative(f"augment.{name}", getattr(self, name))
        for name in ("noise_snr_db", "hiss_snr_db"):
            low, high = getattr(self, name)
            if low > high:
                raise BadValue(f"augment.{name}", [low, high], "the lower value first")
        if self.stretch_ratio < 1:
            raise BadValue("augment.stretch_ratio", self.stretch_ratio, "at least 1")


@dataclass(frozen=True)
class TrainConfig:
    name: str
    """The name of the model: it stands in every message that the model leads to."""
    manifest: str
    """CSV of the clips, relative to the configuration file."""
    noise_folder: str = ""
    """A folder of everyday noises; empty for none."""
    corpora: tuple[str, ...] = ()
    """Which corpora of the manifest to take; empty for all."""
    labels: tuple[str, ...] = FOUR.labels
    merged: Mapping[str, str] = field(default_factory=lambda: dict(FOUR.merged))
    held_out_fold: int = 0
    """The fold that is never trained on; every figure comes from it."""
    features: FeatureConfig = field(default_factory=FeatureConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    epochs: int = 30
    windows_per_epoch: int = 0
    """0: as many as there are clips."""
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    dropout: float = 0.2
    workers: int = 2
    threads: int = 0
    """Threads of the network; 0 for one per core."""
    seed: int = 1
    description: str = ""
    root: Path = Path(".")
    """The folder that `manifest` and `noise_folder` are relative to."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "learning_rate"):
            if getattr(self, name) <= 0:
                raise BadValue(name, getattr(self, name), "a positive number")
        for name in ("windows_per_epoch", "weight_decay", "workers", "threads", "seed"):
            _not_negative(name, getattr(self, name))
        _share("label_smoothing", self.label_smoothing)
        _share("dropout", self.dropout)

    @property
    def label_set(self) -> LabelSet:
        return LabelSet.of(self.labels, self.merged)

    def path(self, name: str) -> Path:
        """Return a file or folder that the configuration names."""
        return self.root / Path(name).expanduser()

    def deciding(self) -> dict[str, Any]:
        """Everything that decides the result, and not where or how fast it is computed."""
        aside = ("root", "manifest", "noise_folder", "workers", "threads", "description")
        return {key: value for key, value in asdict(self).items() if key not in aside}


def read_train_config(path: Path | str, changes: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a configuration, with some keys replaced by `changes`.

    Raises `UnreadableConfig`, `UnknownKey`, `BadValue` or `UnknownLabel`.
    """
    path = Path(path)
    values = read_yaml(path)
    values.pop("root", None)
    config = replace(build(TrainConfig, {**values, **(changes or {})}, str(path)), root=path.parent)
    _ = config.label_set  # its labels are checked before anyone waits for the corpora
    return config
