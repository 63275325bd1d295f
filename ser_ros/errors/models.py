"""Labels, model bundles, and voices: what a model says, is, and knows of a person."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ser_ros.errors import SerError
from ser_ros.errors.words import listed


class LabelError(SerError):
    """A word that should name an emotion does not."""


class UnknownLabel(LabelError):
    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__(f"'{word}' is not an emotion known here; use one of {listed(known)}.")


class BadLabelSet(LabelError):
    def __init__(self, labels: Iterable[str]) -> None:
        super().__init__(
            f"The label set '{listed(labels)}' cannot be told apart by a model; "
            "name at least two emotions, each once."
        )


class BundleError(SerError):
    """A model bundle cannot be trusted or used."""


class BundleMissing(BundleError):
    def __init__(self, path: Path | str, what: str, known: Iterable[str] = ()) -> None:
        names = listed(known)
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


class VoiceError(SerError):
    """A voice's baseline cannot be used."""


class VoiceUnreadable(VoiceError):
    def __init__(self, path: Path | str, why: object) -> None:
        super().__init__(
            f"The voice '{path}' cannot be read ({why}); enrol it again, or take one that is there."
        )


class VoiceMismatch(VoiceError):
    def __init__(self, path: Path | str, model: str) -> None:
        super().__init__(
            f"The voice '{path}' was enrolled with another model than '{model}'; enrol it again."
        )


class VoiceNotKept(VoiceError):
    def __init__(self, name: str, folder: Path | str, kept: Iterable[str]) -> None:
        names = listed(kept)
        super().__init__(
            f"No voice of the name '{name}' is kept in '{folder}', "
            + (f"expected one of {names}." if names else "and no other; enrol one first.")
        )


class VoiceNotKnown(VoiceError):
    def __init__(self) -> None:
        super().__init__("Nothing is known of the voice yet, so nothing is kept; enrol it first.")


class BadVoiceName(VoiceError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"The name of the voice is {name!r}, expected 1 to 64 letters, digits, '_', '.' and "
            "'-', the first a letter or a digit."
        )


class NoBaseline(VoiceError):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model '{model}' does not know what neutral speech is, so no voice can be taken "
            "out; take a model whose manifest has neutral_logits."
        )


class BaselineOff(VoiceError):
    def __init__(self) -> None:
        super().__init__(
            "The parameter baseline is none, so no voice is listened to; set it to enroll or "
            "running."
        )


class VoiceNotListened(VoiceError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' is not the voice that is listened to; leave the name empty to reset the one "
            "that is, or delete a kept voice with ~/forget_voice."
        )


class EnrolmentGoesOn(VoiceError):
    def __init__(self, heard_s: float, wanted_s: float) -> None:
        super().__init__(
            f"An enrolment is going on ({heard_s:.1f} of {wanted_s:g} s of speech were heard); "
            "wait for its end, or end it with ~/reset_voice."
        )
