"""Every error of the project, in one small tree.

    SerError
    ├── LabelError       UnknownLabel · BadLabelSet
    ├── AudioError       UnknownSampleFormat · UnsupportedFormat · PartialFrame · EmptyAudio
    │                    UnreadableFile
    ├── DeviceError      DeviceNotFound · AmbiguousDevice · DeviceRefused · DeviceLost
    │                    DeviceFailed · MicrophoneUnavailable
    ├── BundleError      BundleMissing · BundleDamaged · BundleMismatch · RuntimeUnavailable
    ├── ConfigError      UnreadableConfig · UnknownKey · BadValue
    ├── ManifestError    BadManifest · NothingToScore
    ├── FileError        CannotWrite
    ├── RosError         RosMissing · RosRefused
    └── TrainingError    EmptyClass · NonFiniteLoss · CheckpointDamaged · MissingExtra

Each class takes facts and writes its own sentence: what is, what was expected, what to do about it.
A caller that wants to know what happened catches a class; a person reads the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class SerError(Exception):
    """The root: anything that the project refuses, in one sentence for a person."""


def _listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)


# ── labels ────────────────────────────────────────────────────────────────────────────────────


class LabelError(SerError):
    """A word that should name an emotion does not."""


class UnknownLabel(LabelError):
    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__(f"'{word}' is not an emotion known here; use one of {_listed(known)}.")


class BadLabelSet(LabelError):
    def __init__(self, labels: Iterable[str]) -> None:
        super().__init__(
            f"The label set '{_listed(labels)}' cannot be told apart by a model; "
            "name at least two emotions, each once."
        )


# ── audio ─────────────────────────────────────────────────────────────────────────────────────


class AudioError(SerError):
    """Samples, or what says how to read them, are not as they should be."""


class UnknownSampleFormat(AudioError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The sample format is '{name}', expected one of {_listed(known)}; "
            "set it in audio_info or in the parameter sample_format."
        )


class UnsupportedFormat(AudioError):
    def __init__(self, what: str, value: float, low: float, high: float) -> None:
        super().__init__(
            f"The {what} is {value:g}, expected {low:g} to {high:g}; correct it where the audio "
            "is captured."
        )


class PartialFrame(AudioError):
    def __init__(self, size: int, frame: int) -> None:
        super().__init__(
            f"{size} bytes of audio are not a whole number of {frame}-byte frames; the message is "
            "truncated, or its sample format or channel count is not what audio_info says."
        )


class EmptyAudio(AudioError):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what} holds no samples; expected at least one. Record it again.")


class UnreadableFile(AudioError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' cannot be read as audio ({why}); give a wav, flac, ogg/opus or mp3 file "
            "that you may read."
        )


# ── devices ───────────────────────────────────────────────────────────────────────────────────


class DeviceError(SerError):
    """A microphone is not there, or not as asked."""


class DeviceNotFound(DeviceError):
    def __init__(self, wanted: object, devices: Iterable[str]) -> None:
        listing = "".join(f"\n  {device}" for device in devices) or "\n  (none)"
        super().__init__(
            f"No input device is '{wanted}'; expected the index or a unique part of the name of "
            f"one of these:{listing}"
        )


class AmbiguousDevice(DeviceError):
    def __init__(self, wanted: str, matches: Iterable[str]) -> None:
        listing = "".join(f"\n  {match}" for match in matches)
        super().__init__(
            f"Several input devices match '{wanted}'; give an index or a longer part of the name "
            f"of one of these:{listing}"
        )


class DeviceRefused(DeviceError):
    def __init__(self, device: str, why: str) -> None:
        super().__init__(
            f"The input device '{device}' cannot be opened ({why}); check that no other program "
            "holds it and that it has the channels asked for."
        )


class DeviceLost(DeviceError):
    def __init__(self, device: str, seconds: float) -> None:
        super().__init__(
            f"The input device '{device}' has given nothing for {seconds:.1f} s, expected a "
            "steady stream; it is opened again until it answers. Check its plug."
        )


class DeviceFailed(DeviceError):
    def __init__(self, device: str, why: BaseException) -> None:
        super().__init__(
            f"The input device '{device}' was being heard when {type(why).__name__} was raised "
            f"({why}), expected its sound; it is opened again. Report this."
        )


class MicrophoneUnavailable(DeviceError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"The microphone library cannot be used ({why}); install PortAudio (the Debian "
            "package libportaudio2) and the Python package sounddevice."
        )


# ── model bundles ─────────────────────────────────────────────────────────────────────────────


class BundleError(SerError):
    """A model bundle cannot be trusted or used."""


class BundleMissing(BundleError):
    def __init__(self, path: Path | str, what: str, known: Iterable[str] = ()) -> None:
        names = _listed(known)
        hint = f" Bundles found: {names}." if names else ""
        super().__init__(
            f"The model bundle '{path}' has no {what}; expected a folder with manifest.json and "
            f"the network file it names.{hint}"
        )


class BundleDamaged(BundleError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The model file '{path}' is damaged: its {what} is {found}, the manifest says "
            f"{expected}; copy the bundle again from where it came."
        )


class BundleMismatch(BundleError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The model bundle '{path}' does not fit: {what} is {found}, expected {expected}; "
            "export it again with this version's `train`."
        )


class RuntimeUnavailable(BundleError):
    def __init__(self, runtime: str, why: str) -> None:
        super().__init__(
            f"The runtime '{runtime}' cannot be used ({why}); install it, or set runtime to auto."
        )


# ── configuration and manifests ───────────────────────────────────────────────────────────────


class ConfigError(SerError):
    """A configuration file says something that has no meaning here."""


class UnreadableConfig(ConfigError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"The configuration '{path}' cannot be read ({why}); correct the file.")


class UnknownKey(ConfigError):
    def __init__(self, where: str, key: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{where} has the unknown key '{key}'; expected one of {_listed(sorted(known))}."
        )


class BadValue(ConfigError):
    def __init__(self, where: str, value: object, expected: str) -> None:
        super().__init__(f"{where} is {value!r}, expected {expected}.")


class ManifestError(SerError):
    """A list of recordings cannot be used."""


class BadManifest(ManifestError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The manifest '{path}' cannot be used ({why}); expected a CSV with the columns path "
            "and emotion, and optionally speaker."
        )


class NothingToScore(ManifestError):
    def __init__(self, path: Path | str, labels: Iterable[str]) -> None:
        super().__init__(
            f"No clip of '{path}' has an emotion that the model knows; expected some of "
            f"{_listed(labels)}."
        )


# ── files ─────────────────────────────────────────────────────────────────────────────────────


class FileError(SerError):
    """A file cannot be made."""


class CannotWrite(FileError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' cannot be written ({why}); choose a folder that exists, that you may write "
            "to and that has room."
        )


# ── ROS ───────────────────────────────────────────────────────────────────────────────────────


class RosError(SerError):
    """ROS is not as it should be."""


class RosMissing(RosError):
    def __init__(self, module: str) -> None:
        super().__init__(
            f"The Python module '{module}' is not found, expected ROS 2 and its messages; "
            "run scripts/setup and then `. scripts/env.sh`, or source your workspace."
        )


class RosRefused(RosError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"ROS cannot start with these arguments ({' '.join(why.split())}); check "
            "--params-file, remappings and the namespace."
        )


# ── training ──────────────────────────────────────────────────────────────────────────────────


class TrainingError(SerError):
    """A training cannot start or go on."""


class EmptyClass(TrainingError):
    def __init__(self, label: str, where: str) -> None:
        super().__init__(
            f"There is no clip of '{label}' in {where}; add recordings, or take the emotion out "
            "of the labels."
        )


class NonFiniteLoss(TrainingError):
    def __init__(self, epoch: int, checkpoint: Path | str) -> None:
        super().__init__(
            f"The loss of epoch {epoch} is not a finite number; lower the learning rate. What was "
            f"learnt in the epochs before it is kept in '{checkpoint}'."
        )


class CheckpointDamaged(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The checkpoint '{path}' cannot be read ({why}); delete it to train from the start."
        )


class MissingExtra(TrainingError):
    def __init__(self, module: str, extra: str) -> None:
        super().__init__(
            f"The Python module '{module}' is not installed; run scripts/setup --{extra}, or "
            f"pip install 'ser_ros[{extra}]'."
        )
