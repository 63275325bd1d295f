"""A folder per emotion, named in anyone's words: `angry/`, `Sadness/`, `기쁨/`."""

from __future__ import annotations

from pathlib import Path

from ser_ros.corpora.clips import LICENCES, Clip
from ser_ros.corpora.found import Folder, Found, Layout, Options
from ser_ros.errors.models import UnknownLabel
from ser_ros.labels import canonical


def emotion_of(folder: Folder, path: Path) -> str:
    """Return the emotion that the nearest folder above a recording names, or nothing."""
    for name in reversed(folder.within(path)):
        try:
            return canonical(name)
        except UnknownLabel:
            continue
    return ""


def fits(folder: Folder) -> float:
    named = sum(bool(emotion_of(folder, path)) for path in folder.recordings)
    return named / max(1, len(folder.recordings))


def _read(folder: Folder, options: Options) -> Found:
    corpus = folder.root.resolve().name
    clips: list[Clip] = []
    skipped: list[tuple[Path, str]] = []
    for path in folder.recordings:
        emotion = emotion_of(folder, path)
        if emotion:
            clips.append(Clip(path, emotion, corpus=corpus, licence=LICENCES.get(corpus, "")))
        else:
            skipped.append((path, "it lies in no folder that is named after an emotion"))
    return Found("folders", clips, skipped)


LAYOUT = Layout("folders", "a folder per emotion: angry/x.wav, sad/y.wav", fits, _read)
