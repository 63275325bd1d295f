"""Sound, and the devices that it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ser_ros.errors import SerError
from ser_ros.errors.words import listed


class AudioError(SerError):
    """Samples, or what says how to read them, are not as they should be."""


class UnknownSampleFormat(AudioError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The sample format is '{name}', expected one of {listed(known)}; "
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
