"""KESDy18, ETRI's acted Korean: 2,880 files of 30 actors, flat or in a folder per emotion."""

from __future__ import annotations

import re
from pathlib import Path

from ser_ros.corpora import folders
from ser_ros.corpora.clips import LICENCES, Clip
from ser_ros.corpora.found import Folder, Found, Layout, Options
from ser_ros.errors.models import UnknownLabel
from ser_ros.labels import ANGRY, HAPPY, NEUTRAL, SAD, canonical

CORPUS = "kesdy18"

LETTERS = {"a": ANGRY, "n": NEUTRAL, "s": SAD, "h": HAPPY}

_EIGHTH = 7
"""Where the letter stands, counted from 0."""

_MOSTLY = 0.9
"""One name fits by chance; nine of ten, with all four letters among them, do not."""


def _letter(path: Path) -> str:
    return path.stem[_EIGHTH : _EIGHTH + 1].lower()


def _spelt(path: Path) -> bool:
    """Return whether a name has a whole word for an emotion."""
    for word in re.findall(r"[^\W\d_]{3,}", path.stem):
        try:
            canonical(word)
        except UnknownLabel:
            continue
        return True
    return False


def _fits(folder: Folder) -> float:
    if CORPUS in folder.root.resolve().name.lower() and folders.fits(folder) > _MOSTLY:
        return 1.0
    flat = len({path.parent for path in folder.recordings}) == 1
    letters = [_letter(path) for path in folder.recordings]
    known = [letter for letter in letters if letter in LETTERS]
    share = len(known) / max(1, len(letters))
    if not flat or share < _MOSTLY or set(known) != set(LETTERS):
        return 0.0
    # x_happy.wav, x_surprise.wav: an eighth letter is an accident there.
    return 0.0 if any(_spelt(path) for path in folder.recordings) else share


def _read(folder: Folder, options: Options) -> Found:
    clips: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    for path in folder.recordings:
        # Who has sorted the files into folders may have renamed them.
        emotion = folders.emotion_of(folder, path) or LETTERS.get(_letter(path), "")
        if emotion:
            clips.append(
                Clip(path, emotion, corpus=CORPUS, language="ko", licence=LICENCES[CORPUS])
            )
        else:
            skipped.append((path, "the eighth character of its name is none of a, n, s, h"))
    return Found(CORPUS, clips, skipped)


LAYOUT = Layout(
    CORPUS, "files whose eighth character is a, n, s or h, or a folder per emotion", _fits, _read
)
