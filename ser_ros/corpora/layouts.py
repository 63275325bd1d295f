"""From a path to clips, whatever the layout: told, or recognised."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ser_ros.corpora import aihub263, folders, kesdy18, named
from ser_ros.corpora.clips import Clip, read_manifest
from ser_ros.corpora.found import Folder, Found, Layout, Options, list_folder
from ser_ros.errors.config import BadManifest, BadValue, NothingReadable, UnknownLayout

AUTO = "auto"
MANIFEST = "manifest"

LAYOUTS: Sequence[Layout] = (aihub263.LAYOUT, *named.LAYOUTS, kesdy18.LAYOUT, folders.LAYOUT)
"""In the order in which they are tried: the more a layout asks for, the earlier."""

_MANIFEST_LIKE = "a CSV with the columns path and emotion"

CHOICES = (AUTO, *(layout.name for layout in LAYOUTS), MANIFEST)

_HALF = 0.5
"""A layout that fewer recordings speak for is not recognised; it can still be told."""


def described() -> list[tuple[str, str]]:
    """Return each layout's name and what it looks like."""
    return [(layout.name, layout.looks_like) for layout in LAYOUTS] + [(MANIFEST, _MANIFEST_LIKE)]


def find_clips(path: Path | str, layout: str = AUTO, options: Options | None = None) -> Found:
    """Read a manifest, or a folder in one of `LAYOUTS`; no recording is opened here.

    Raises `ManifestError`, which says what was expected, or `BadValue`.
    """
    path, options = Path(path), options or Options()
    if layout not in CHOICES:
        raise BadValue("layout", layout, f"one of {', '.join(CHOICES)}")
    if not path.is_dir() or layout == MANIFEST:
        if layout not in (AUTO, MANIFEST):
            raise BadValue("path", str(path), f"a folder in the layout {layout}")
        if not path.exists():
            raise BadValue(
                "path", str(path), "a folder of recordings, or a manifest, that is there"
            )
        table = path / "manifest.csv" if path.is_dir() else path
        clips = read_manifest(table)
        missed = _not_named(clips, list_folder(path)) if path.is_dir() else []
        return _with_speakers(Found(MANIFEST, clips, missed), table.parent, options)
    # Labels that somebody wrote down are better than any that are guessed.
    if layout == AUTO and _has_manifest(path):
        return find_clips(path, MANIFEST, options)
    folder = list_folder(path)
    chosen = _recognise(folder) if layout == AUTO else _named(layout)
    found = chosen.read(folder, options)
    found = replace(found, skipped=[*found.skipped, *folder.left_out])
    if not found.clips:
        why = found.skipped[0] if found.skipped else None
        reason = f"'{why[0].name}': {why[1]}" if why else "it holds no recording"
        raise NothingReadable(path, chosen.name, chosen.looks_like, reason)
    return _with_speakers(found, path, options)


def read_corpus(
    path: Path | str, layout: str = AUTO, *, min_agreement: int = 3, speaker: str = ""
) -> list[Clip]:
    """Return the clips of `find_clips` alone, for whoever has seen what it leaves out."""
    return list(find_clips(path, layout, Options(min_agreement, speaker)).clips)


def _not_named(clips: Sequence[Clip], folder: Folder) -> list[tuple[Path, str]]:
    """Return what lies in a folder and came after its manifest was written."""
    named = {os.path.abspath(clip.path) for clip in clips}
    why = "manifest.csv, which lies there, does not name it"
    return [(path, why) for path in folder.recordings if os.path.abspath(path) not in named]


def _named(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)


def _has_manifest(folder: Path) -> bool:
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8-sig") as file:
            return {"path", "emotion"} <= set(next(csv.reader(file), ()))
    except (OSError, UnicodeDecodeError, csv.Error):
        return False


def _recognise(folder: Folder) -> Layout:
    if not folder.recordings:
        raise UnknownLayout(folder.root, "it holds no wav, flac, ogg, opus or mp3", described())
    shares = [layout.fits(folder) for layout in LAYOUTS]
    best = LAYOUTS[shares.index(max(shares))]
    if max(shares) < _HALF:
        why = f"{len(folder.recordings)} recordings, the first is '{folder.recordings[0].name}'"
        raise UnknownLayout(folder.root, why, described())
    return best


def _first_of(match: re.Match[str] | None) -> str:
    """Return the first group of a match that holds anything; without groups, all of it."""
    if match is None:
        return ""
    return next((group for group in match.groups() or (match[0],) if group), "")


def _with_speakers(found: Found, root: Path, options: Options) -> Found:
    """Take the speakers from the paths, where a pattern says how."""
    if not options.speaker:
        return found
    try:
        pattern = re.compile(options.speaker)
    except re.error as error:
        raise BadValue("speaker", options.speaker, f"a regular expression ({error})") from error
    clips = []
    for clip in found.clips:
        inside = clip.path.relative_to(root) if clip.path.is_relative_to(root) else clip.path
        name = _first_of(pattern.search(inside.as_posix()))
        if name:
            clip = replace(clip, speaker=f"{clip.corpus}/{name}" if clip.corpus else name)
        clips.append(clip)
    if not any(clip.speaker for clip in clips):
        example = clips[0].path.name
        raise BadManifest(root, f"the speaker pattern fits no path; the first is '{example}'")
    return replace(found, clips=clips)
