"""Clips and manifests.

A manifest is a CSV with a row per recording: `path` and `emotion`, and where it is known `speaker`,
`corpus`, `gender`, `language`, `licence`, `fold`. Paths are relative to the CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ser_ros.errors.config import BadManifest, BadValue
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.models import LabelError
from ser_ros.files import write_text
from ser_ros.labels import canonical

LICENCES = {
    "ravdess": "CC BY-NC-SA 4.0",
    "emodb": "CC0 1.0",
    "tess": "non-commercial, see its terms",  # its copies name different ones
    "savee": "see its terms",
    "cremad": "ODbL 1.0, contents DbCL 1.0",
    "nemo": "CC BY-NC-SA 4.0",
    "kesdy18": "ETRI licence agreement, see its terms",
    "aihub263": "AI Hub terms of use, see its terms",
    "esc10": "CC BY 3.0",
}
"""The licences of the corpora that are known by name."""

GENDERS: Mapping[str, str] = {
    "male": "male",
    "m": "male",
    "남": "male",
    "남성": "male",
    "남자": "male",
    "female": "female",
    "f": "female",
    "여": "female",
    "여성": "female",
    "여자": "female",
}


def gender(word: str | None) -> str:
    """Return `male`, `female`, or nothing for any other word."""
    return GENDERS.get((word or "").strip().lower(), "")


_COLUMNS = ("path", "emotion", "speaker", "corpus", "gender", "language", "licence", "fold")


@dataclass(frozen=True)
class Clip:
    """One labelled recording."""

    path: Path
    emotion: str
    """One of `labels.VOCABULARY`."""
    speaker: str = ""
    """Unique over all corpora (`corpus/speaker`); empty where nobody told."""
    corpus: str = ""
    gender: str = ""
    language: str = ""
    """ISO 639-1: `ko`."""
    licence: str = ""
    """What the recording may be used for; empty where nobody told."""
    fold: int | None = None
    """A part of the corpus that shares no speaker with any other part."""


def _clip(row: dict[str, str], root: Path) -> Clip:
    corpus = (row.get("corpus") or "").strip()
    speaker = (row.get("speaker") or "").strip()
    told = (row.get("gender") or "").strip()
    return Clip(
        path=root / row["path"].strip(),
        emotion=canonical(row["emotion"]),
        speaker=f"{corpus}/{speaker}" if corpus and speaker else speaker,
        corpus=corpus,
        gender=gender(told) or told,
        language=(row.get("language") or "").strip(),
        licence=(row.get("licence") or "").strip() or LICENCES.get(corpus, ""),
        fold=_fold((row.get("fold") or "").strip()),
    )


def _fold(word: str) -> int | None:
    if not word:
        return None
    try:
        number = float(word)  # a table with gaps is often written with 0.0
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise ValueError(f"the fold is '{word}', expected a whole number") from error
    return int(number)


def _reader(text: TextIO) -> csv.DictReader[str]:
    """Read a table with commas, or with what a spreadsheet puts in their place."""
    head = text.readline()
    text.seek(0)
    # Strict, for a quote that nothing closes would swallow the rows after it.
    reader = csv.DictReader(text, delimiter=max(",;\t", key=head.count), strict=True)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    return reader


def read_manifest(path: Path | str) -> list[Clip]:
    """Read a manifest. Raises `BadManifest`, which names the line; no clip is opened here."""
    path = Path(path)
    clips: list[Clip] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = _reader(file)
            missing = {"path", "emotion"} - set(reader.fieldnames or ())
            if missing:
                raise BadManifest(
                    path, f"it has no column {' and no column '.join(sorted(missing))}"
                )
            for row in reader:
                try:
                    if not (row["path"] or "").strip() or row["emotion"] is None:
                        raise ValueError("path or emotion is empty")
                    if "\0" in row["path"]:
                        raise ValueError("the path has a NUL character")
                    clips.append(_clip(row, path.parent))
                except (LabelError, ValueError) as error:
                    raise BadManifest(path, f"line {reader.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadManifest(path, "it is not in UTF-8; save it as that") from error
    except csv.Error as error:
        raise BadManifest(path, f"{error}; look for a quote that is not closed") from error
    except OSError as error:
        raise BadManifest(path, error.strerror or str(error)) from error
    if not clips:
        raise BadManifest(path, "it lists no recording")
    return clips


def write_manifest(path: Path, clips: Iterable[Clip]) -> None:
    """Write a manifest that `read_manifest` reads back as the same clips. Raises `CannotWrite`."""
    folder = path.resolve().parent
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for clip in clips:
        place = clip.path.absolute()
        # A corpus and its manifest may move together; what lies elsewhere stays where it is.
        if place.is_relative_to(folder):
            place = place.relative_to(folder)
        speaker = clip.speaker.removeprefix(f"{clip.corpus}/") if clip.corpus else clip.speaker
        fold = "" if clip.fold is None else clip.fold
        told = (clip.corpus, clip.gender, clip.language, clip.licence, fold)
        name = place.as_posix()
        if name != name.lstrip():
            name = f"./{name}"  # a folder may begin with a space, which a reader would strip
        writer.writerow((name, clip.emotion, speaker, *told))
    try:
        write_text(path, text.getvalue())
    except UnicodeEncodeError as error:
        raise CannotWrite(path, "the name of a recording is not text; rename it") from error


def held_out(clips: Iterable[Clip], fold: int) -> tuple[list[Clip], list[Clip]]:
    """Split into (all other folds, this fold), and make sure that no speaker is in both.

    Raises `BadValue` for a clip without a fold, a fold that is not there, or a speaker in both.
    """
    rest: list[Clip] = []
    held: list[Clip] = []
    for clip in clips:
        if clip.fold is None:
            raise BadValue(f"The fold of '{clip.path}'", clip.fold, "a number in the manifest")
        (held if clip.fold == fold else rest).append(clip)
    if not held or not rest:
        raise BadValue("held_out_fold", fold, "one of several folds that the manifest names")
    shared = {clip.speaker for clip in held} & {clip.speaker for clip in rest} - {""}
    if shared:
        raise BadValue("The fold of a speaker", sorted(shared)[0], "the same for all clips")
    return rest, held
