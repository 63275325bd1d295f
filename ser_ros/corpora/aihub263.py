"""AIHUB 263, "감정 분류를 위한 대화 음성": Korean talk, each clip heard by five annotators.

Each release (`4차년도`, `5차년도`, `5차년도_2차`) is a CSV in CP949 beside its recordings. Nobody
tells who speaks, so no figure for unseen speakers can be made from it.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from pathlib import Path

from ser_ros.corpora.clips import LICENCES, Clip, gender
from ser_ros.corpora.found import Folder, Found, Layout, Options
from ser_ros.errors.config import BadManifest, BadValue
from ser_ros.errors.models import UnknownLabel
from ser_ros.labels import canonical

CORPUS = "aihub263"

ANNOTATORS = 5

_VOTE = re.compile(r"[1-5]번감정")


def _plain(column: str | None) -> str:
    """Return a column's name without spaces: one release spells `4번감정세기` like that."""
    return "".join((column or "").split())


def _rows(table: Path) -> list[dict[str, str]]:
    """Read a release's table; none for a CSV of another kind. Raises `BadManifest`."""
    try:
        content = table.read_bytes()
        try:
            # Who has opened and saved it elsewhere; Korean in CP949 is never valid UTF-8.
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp949", errors="replace")  # one bad letter costs no release
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = [_plain(name) for name in reader.fieldnames or ()]
        if "wav_id" not in columns or not any(_VOTE.fullmatch(name) for name in columns):
            return []
        reader.fieldnames = columns
        return [{key: value or "" for key, value in row.items() if key} for row in reader]
    except (OSError, csv.Error) as error:
        raise BadManifest(table, getattr(error, "strerror", None) or str(error)) from error


def _tables(folder: Folder) -> list[tuple[Path, list[dict[str, str]]]]:
    found = []
    for table in folder.tables:
        try:
            rows = _rows(table)
        except BadManifest:  # some other CSV, in some other encoding
            continue
        if rows:
            found.append((table, rows))
    return found


def _fits(folder: Folder) -> float:
    return 1.0 if folder.recordings and _tables(folder) else 0.0


def vote(row: dict[str, str], min_agreement: int) -> tuple[str, str]:
    """Return (the emotion that most annotators hear, why not), one of the two empty."""
    votes: Counter[str] = Counter()
    for number in range(1, ANNOTATORS + 1):
        try:
            votes[canonical(row.get(f"{number}번감정") or "")] += 1
        except UnknownLabel:  # an empty cell, or a word of its own
            continue
    ranked = votes.most_common(2)
    if not ranked:
        return "", "no annotator names an emotion"
    shown = ", ".join(f"{count} {name}" for name, count in votes.most_common())
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return "", f"the annotators are divided ({shown})"
    if ranked[0][1] < min_agreement:
        return "", f"fewer than {min_agreement} annotators agree ({shown})"
    return ranked[0][0], ""


def _swallowed(row: dict[str, str], known: dict[str, list[Path]]) -> str:
    """Return which rows are hidden in a cell, whose quote is not closed; mostly none."""
    lines = [line for cell in row.values() for line in cell.splitlines()[1:]]
    names = [line.partition(",")[0].strip().removesuffix(".wav") for line in lines]
    hidden = [name for name in names if name in known]
    return f"a quote that is not closed hides the row of '{hidden[0]}' in its own" if hidden else ""


def _recording(table: Path, name: str, known: dict[str, list[Path]]) -> Path | None:
    """Find the recording of a row: beside the table, in the folder of its release, or near it."""
    release = table.parent / table.stem
    near = [path for path in known.get(name, ()) if path.is_relative_to(table.parent)]
    for place in (table.parent, release):
        for path in near:
            if path.parent == place:
                return path
    within = [path for path in near if path.is_relative_to(release)]
    return next(iter(within or near), None)


def _read(folder: Folder, options: Options) -> Found:
    if not 1 <= options.min_agreement <= ANNOTATORS:
        raise BadValue("min_agreement", options.min_agreement, f"1 to {ANNOTATORS} annotators")
    known: dict[str, list[Path]] = {}
    for path in folder.recordings:
        known.setdefault(path.stem, []).append(path)
    clips: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    told: set[Path] = set()
    for table, rows in _tables(folder):
        for row in rows:
            name = row["wav_id"].strip().removesuffix(".wav")
            recording = _recording(table, name, known)
            if recording is None:
                missing = table.parent / f"{name}.wav"
                skipped.append((missing, f"{table.name} names it, and it is not there"))
            elif recording in told:
                skipped.append((recording, f"{table.name} names it once more"))
            else:
                told.add(recording)
                emotion, why = vote(row, options.min_agreement)
                why = _swallowed(row, known) or why
                if why:
                    skipped.append((recording, why))
                    continue
                clips.append(
                    Clip(
                        recording,
                        emotion,
                        corpus=CORPUS,
                        gender=gender(row.get("성별")),
                        language="ko",
                        licence=LICENCES[CORPUS],
                    )
                )
    skipped += [(path, "no row names it") for path in folder.recordings if path not in told]
    return Found(CORPUS, clips, skipped)


LAYOUT = Layout(CORPUS, "4차년도.csv with wav_id and five emotions, and its files", _fits, _read)
