"""What a training is told: one YAML file, every key of it known and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ser_ros.audio import NETWORK_RATE
from ser_ros.config import build, read_yaml
from ser_ros.errors.config import BadValue
from ser_ros.features import FeatureConfig
from ser_ros.labels import FOUR, NEUTRAL, LabelSet, canonical
from ser_ros.network import SMALLEST


def _share(where: str, value: float) -> None:
    if not 0.0 <= value <= 1.0:
        raise BadValue(where, value, "a share from 0 to 1")


def _not_negative(where: str, value: float) -> None:
    if value < 0:
        raise BadValue(where, value, "0 or more")


@dataclass(frozen=True)
class AugmentConfig:
    """How often a training window meets what microphones and rooms do to a voice."""

    views: int = 6
    """Augmented versions of each clip, made once before the training and kept on disk: making new
    ones each time would take as long as the training itself. Which part of one is shown, masks,
    mixup and mixed colours are new each time."""
    speed: float = 0.3
    """Probability of a voice played faster or slower, pitch and all, by up to `speed_ratio`."""
    speed_ratio: float = 1.15
    pitch: float = 0.25
    """Probability of a shift of up to `pitch_semitones`."""
    pitch_semitones: float = 2.0
    stretch: float = 0.25
    """Probability of speaking faster or slower, by up to `stretch_ratio`."""
    stretch_ratio: float = 1.2
    room: float = 0.3
    """Probability of a room's response, simulated by pyroomacoustics."""
    room_folder: str = ""
    """A folder of recorded room responses to take instead of simulated ones."""
    noise: float = 0.5
    """Probability of background noise from `noise_folder`."""
    noise_snr_db: tuple[float, float] = (0.0, 25.0)
    hiss: float = 0.3
    """Probability of white noise, the voice of cheap microphones."""
    hiss_snr_db: tuple[float, float] = (8.0, 40.0)
    equaliser: float = 0.5
    """Probability of a random colouring by microphone and room."""
    equaliser_db: float = 10.0
    band_limit: float = 0.15
    """Probability of a telephone's or headset's band."""
    gain: float = 0.3
    """Probability of a gain of up to `gain_db` either way, with the converter's full scale."""
    gain_db: float = 25.0
    clipping: float = 0.05
    codec: float = 0.15
    """Probability of MP3, Vorbis, or a telephone's GSM or mu-law at 8 kHz."""
    partial: float = 0.2
    """Probability of a window that an utterance begins or ends in: but for a part of it, from
    `partial_least` of its length to all, it is as quiet as the quietest moments of the clip."""
    partial_least: float = 0.4
    masks: int = 2
    """SpecAugment (Park et al., 2019): masks in time, and as many in frequency."""
    mask_bands: int = 16
    mask_frames: int = 20
    mixup: float = 0.2
    """Alpha of mixup (Zhang et al., 2018); 0 turns it off."""
    colours: float = 0.5
    """Probability, for a batch, that the mean level of each band is mixed with another clip's,
    against learning a corpus by its microphones."""

    def __post_init__(self) -> None:
        for name in SHARES:
            _share(f"augment.{name}", getattr(self, name))
        for name in ("masks", "mask_bands", "mask_frames", "mixup"):
            _not_negative(f"augment.{name}", getattr(self, name))
        for name in ("noise_snr_db", "hiss_snr_db"):
            low, high = getattr(self, name)
            if low > high:
                raise BadValue(f"augment.{name}", [low, high], "the lower value first")
        if self.views < 1:
            raise BadValue("augment.views", self.views, "at least 1")
        for name, least, most in LIMITS:
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if not least <= number <= most:
                    raise BadValue(f"augment.{name}", value, f"from {least:g} to {most:g}")

    def of_views(self) -> dict[str, Any]:
        """Everything that decides what the views of a clip are."""
        aside = (
            "partial",
            "partial_least",
            "masks",
            "mask_bands",
            "mask_frames",
            "mixup",
            "colours",
            "views",
        )
        return {key: value for key, value in asdict(self).items() if key not in aside}


LIMITS = (
    ("pitch_semitones", 0, 24),
    ("stretch_ratio", 1, 10),
    ("speed_ratio", 1, 10),
    ("equaliser_db", 0, 60),
    ("gain_db", 0, 100),
    ("noise_snr_db", -60, 120),
    ("hiss_snr_db", -60, 120),
)
"""Keys of `AugmentConfig`, least and most: beyond, a library refuses them, or nothing is heard."""

SHARES = (
    "speed",
    "pitch",
    "stretch",
    "room",
    "noise",
    "hiss",
    "equaliser",
    "band_limit",
    "gain",
    "clipping",
    "codec",
    "partial",
    "partial_least",
    "colours",
)
"""The keys of `AugmentConfig` that are probabilities, or parts of a whole."""


SPEAKERS, RANDOM = "speakers", "random"


@dataclass(frozen=True)
class TrainConfig:
    name: str
    """The name of the model: it stands in every message that the model leads to."""
    manifest: str
    """CSV of the clips, relative to the configuration file."""
    noise_folder: str | tuple[str, ...] = ""
    """A folder of everyday noises without speech, or a list of such; empty for none."""
    corpora: tuple[str, ...] = ()
    """Which corpora of the manifest to take; empty for all."""
    labels: str | tuple[str, ...] = FOUR.labels
    merged: Mapping[str, str] = field(default_factory=lambda: dict(FOUR.merged))
    auxiliary: tuple[str, ...] = ()
    """Further emotions that are learned along, and left out of the bundle: those of the corpora
    that the labels leave out still teach what a voice can do. One that no clip has is skipped."""
    split: str = SPEAKERS
    """`speakers`: no voice is on both sides. `random`: clips are drawn whoever speaks, and the
    figures say so; they flatter."""
    held_out_fold: int | None = 0
    """The fold that is never trained on; every figure comes from it. None trains on everything."""
    held_out_corpus: str = ""
    """A corpus that is never trained on, in the place of a fold."""
    validation_fold: int | None = None
    """A further fold that is not trained on: the epoch that does best on it is kept."""
    patience: int = 0
    """Epochs without a better validation after which the training ends; 0: never."""
    features: FeatureConfig = field(default_factory=FeatureConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    epochs: int = 30
    windows_per_epoch: int = 0
    """0: as many as there are clips."""
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    known_voices: float = 0.0
    """Probability, for a window, that its voice counts as known: what the network says of this
    voice when it is neutral is then taken off, up to all of it, as the nodes do once a voice is
    enrolled. It needs neutral clips with speakers, and no mixup: a blend is nobody's voice."""
    gender: float = 0.0
    """Weight, 0 to 1, of telling men's voices from women's along, by an output that is left out of
    the bundle; clips that do not tell who speaks teach nothing of it."""
    dropout: float = 0.2
    weights: str = ""
    """What the network begins with: a model bundle, by name or path; a file of torchvision's
    DenseNet121 weights; `imagenet` to let torchvision fetch them; empty for random weights."""
    workers: int = 2
    threads: int = 0
    """Threads of the network; 0 for one per core."""
    seed: int = 1
    description: str = ""
    tensorboard: bool = False
    """Whether each epoch is written for `tensorboard --logdir` too."""
    root: Path = Path(".")
    """The folder that paths are relative to."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "learning_rate"):
            if getattr(self, name) <= 0:
                raise BadValue(name, getattr(self, name), "a positive number")
        for name in (
            "windows_per_epoch",
            "weight_decay",
            "workers",
            "threads",
            "seed",
            "patience",
        ):
            _not_negative(name, getattr(self, name))
        if self.split not in (SPEAKERS, RANDOM):
            raise BadValue("split", self.split, f"{SPEAKERS} or {RANDOM}")
        if self.patience and self.validation_fold is None:
            raise BadValue("patience", self.patience, "0 without a validation_fold to judge by")
        if self.features.rate != NETWORK_RATE:
            expected = f"{NETWORK_RATE}, the rate at which the robot hears"
            raise BadValue("features.rate", self.features.rate, expected)
        _, rows, frames = self.features.shape
        if min(rows, frames) < SMALLEST:
            expected = f"at least {SMALLEST} bands (or cepstra) by {SMALLEST} frames"
            raise BadValue("The image of features", f"{rows} by {frames}", expected)
        held = None if self.held_out_corpus or self.split == RANDOM else self.held_out_fold
        if self.validation_fold is not None and self.validation_fold == held:
            raise BadValue("validation_fold", held, "another fold than is held out")
        for word in self.auxiliary:
            if canonical(word) in self.label_set.merged:
                raise BadValue("auxiliary", word, "an emotion that is not merged into another")
        _share("label_smoothing", self.label_smoothing)
        _share("known_voices", self.known_voices)
        if self.known_voices and NEUTRAL not in self.label_set.labels:
            raise BadValue("known_voices", self.known_voices, "0 where no label is 'neutral'")
        if self.known_voices and self.augment.mixup:
            expected = "0 with known_voices, for a blend is nobody's voice"
            raise BadValue("augment.mixup", self.augment.mixup, expected)
        _share("gender", self.gender)
        _share("dropout", self.dropout)

    @property
    def outputs(self) -> int:
        """Outputs of the network in training: labels, auxiliary emotions, then gender."""
        return len(self.learned) + bool(self.gender)

    @property
    def learned(self) -> LabelSet:
        """The labels, then the auxiliary emotions."""
        own = self.label_set
        return LabelSet.of((*own.labels, *self.auxiliary), own.merged)

    @property
    def label_set(self) -> LabelSet:
        """The labels; one of them is merged into no other, whatever `merged` says."""
        own = LabelSet.of(self.labels, self.merged)
        merged = {word: into for word, into in own.merged.items() if word not in own.labels}
        return LabelSet.of(self.labels, merged)

    @property
    def room_folder(self) -> Path | None:
        given = self.augment.room_folder
        return self.path(given) if given else None

    @property
    def noise_folders(self) -> list[Path]:
        given = [self.noise_folder] if isinstance(self.noise_folder, str) else self.noise_folder
        return [self.path(folder) for folder in given if folder]

    @property
    def weights_file(self) -> str:
        """`weights`, where it is a path as one that needs no `root`."""
        given = self.path(self.weights)
        return str(given) if self.weights and given.exists() else self.weights

    def path(self, name: str) -> Path:
        """Return a file or folder that the configuration names."""
        return self.root / Path(name).expanduser()

    def deciding(self) -> dict[str, Any]:
        """Everything that decides the result, and not where or how fast it is computed."""
        aside = ["root", "manifest", "noise_folder", "workers", "threads", "description", "name"]
        aside.append("tensorboard")
        found = {key: value for key, value in asdict(self).items() if key not in aside}
        # Wherever they lie; what the rooms are is told by the name of the views.
        found["augment"]["room_folder"] = Path(self.augment.room_folder).name
        return found | {"weights": Path(self.weights).name}


def read_train_config(path: Path | str, changes: Mapping[str, object] | None = None) -> TrainConfig:
    """Read a configuration, with some keys (of `augment` and `features` too) as in `changes`.

    Raises `UnreadableConfig`, `UnknownKey`, `BadValue` or `UnknownLabel`.
    """
    path = Path(path)
    values = read_yaml(path)
    values.pop("root", None)
    for key, value in (changes or {}).items():
        inner = values.get(key) if key in ("augment", "features") else None
        both = isinstance(inner, dict) and isinstance(value, Mapping)
        values[key] = {**inner, **value} if both else value  # type: ignore[dict-item]
    config = replace(build(TrainConfig, values, str(path)), root=path.parent)
    _ = config.learned  # its emotions are checked before anyone waits for the corpora
    return config
