"""Configuration and manifests: what a person wrote down."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ser_ros.errors import SerError
from ser_ros.errors.words import few, listed


class ConfigError(SerError):
    """A configuration file says something that has no meaning here."""


class UnreadableConfig(ConfigError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"The configuration '{path}' cannot be read ({why}); correct the file.")


class UnknownKey(ConfigError):
    def __init__(self, where: str, key: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{where} has the unknown key '{key}'; expected one of {listed(sorted(known))}."
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
    def __init__(self, path: Path | str, labels: Iterable[str], which: str = "") -> None:
        super().__init__(
            f"No clip of '{path}'{which and f', of those {which},'} has an emotion that the model "
            f"knows; expected some of {listed(labels)}."
        )


class NobodyToEnroll(ManifestError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"In '{path}' no speaker has a neutral clip to enrol and another to score; name the "
            "speakers and add neutral clips in which speech is heard, or score without "
            "--baseline enroll."
        )


class NobodyToCompare(ManifestError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"The speakers of '{path}' gave the model its average neutral voice, and nobody else "
            "there has a neutral clip to compare them with; add such speakers, or score with "
            "--baseline none."
        )


class UnknownLayout(ManifestError):
    def __init__(self, path: Path | str, why: str, known: Iterable[tuple[str, str]]) -> None:
        listing = "; ".join(f"{name} ({looks_like})" for name, looks_like in known)
        super().__init__(
            f"The recordings of '{path}' are in no layout known here ({why}); give a manifest, or "
            f"arrange them like one of these and name it with --layout: {listing}."
        )


class NothingReadable(ManifestError):
    def __init__(self, path: Path | str, layout: str, looks_like: str, why: str) -> None:
        super().__init__(
            f"'{path}' has no recording in the layout {layout} ({why}); expected {looks_like}."
        )


class NobodyTold(ManifestError):
    def __init__(self, bundle: Path | str, corpora: Iterable[str]) -> None:
        super().__init__(
            f"The model '{bundle}' was trained on {listed(sorted(corpora))}, and clips of that do "
            "not say who speaks, so nobody can tell whether it knows them; expected a manifest "
            "with their speakers."
        )


class SpeakersInTraining(ManifestError):
    def __init__(self, bundle: Path | str, speakers: Iterable[str]) -> None:
        super().__init__(
            f"The model '{bundle}' was trained, or calibrated, on speakers that it shall be scored "
            f"on ({few(speakers)}), expected speakers that it has not heard; hold them out of its "
            "training."
        )
