"""Recordings in which nobody speaks: how often is an emotion claimed all the same?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ser_ros.audio import NETWORK_RATE
from ser_ros.classifier import softmax
from ser_ros.corpora import Clip
from ser_ros.evaluation.bootstrap import Interval, Weights, interval
from ser_ros.evaluation.clips import NOT_SPEECH, Heard, Item
from ser_ros.evaluation.conditions import unheard_noises
from ser_ros.files import make_folder, written_aside
from ser_ros.labels import NEUTRAL

WHITE_DBFS = (-60, -40, -20)
"""RMS levels of the white noise."""

_MADE_S = 60
"""Seconds of each of the sounds that are made: 47 windows, one every 1.25 s."""

SILENCE = "digital silence"

_WHITE = tuple(f"white noise {level} dBFS" for level in WHITE_DBFS)

MADE = (SILENCE, *_WHITE)
"""The kinds of the sounds that are made."""


def silent_items(
    noise_folder: Path | None, made_in: Path, seed: int, held_out: bool = False
) -> list[Item]:
    """Return the recordings of a folder, by the folders in it, and silence and white noise.

    With `held_out`, of the folder only what no training uses.

    The latter are written to `made_in`. Raises `CannotWrite`, or `BadValue` for an empty folder.
    """
    found = []
    if noise_folder is not None:
        for path in unheard_noises(noise_folder, held_out):
            inner = path.relative_to(noise_folder).parts[:-1]
            found.append(_item(path, inner[0].replace("_", " ") if inner else noise_folder.name))
    return found + [_item(path, kind) for kind, path in _made(made_in, seed).items()]


def _item(path: Path, kind: str) -> Item:
    # `corpus` names the kind. What somebody would hear in it is not asked: its emotion is none.
    return Item(Clip(path, NEUTRAL, corpus=kind), NOT_SPEECH)


def _made(folder: Path, seed: int) -> dict[str, Path]:
    random = np.random.default_rng(seed)
    sounds = {SILENCE: np.zeros(_MADE_S * NETWORK_RATE)}
    for level, kind in zip(WHITE_DBFS, _WHITE, strict=True):
        noise = random.standard_normal(_MADE_S * NETWORK_RATE) * 10 ** (level / 20)
        sounds[kind] = np.clip(noise, -1, 1)
    paths = {}
    make_folder(folder)
    for kind, samples in sounds.items():
        path = folder / f"{kind.replace(' ', '-')}-{seed}.wav"
        if not path.exists():  # as it was, so that what was heard of it is still valid
            with written_aside(path) as aside:
                soundfile.write(aside, samples, NETWORK_RATE, subtype="PCM_16", format="WAV")
        paths[kind] = path
    return paths


def _of_no_event(found: Interval, recordings: int) -> Interval:
    """Return an interval that a bootstrap over events of which there is none can not give."""
    if found.value not in (0.0, 1.0) or not np.isfinite(found.low):
        return found
    away = 1 - 0.025 ** (1 / recordings)
    return Interval(found.value, max(0.0, found.value - away), min(1.0, found.value + away))


def claims(
    heard: Sequence[Heard], temperature: float, uncertain_below: float
) -> list[tuple[int, int]]:
    """Return (windows with an emotion as their label, windows) of each recording."""
    return [
        (
            sum(float(softmax(w, temperature).max()) >= uncertain_below for w in h.logits),
            len(h.ratios),
        )
        for h in heard
    ]


def claimed(
    heard: Sequence[Heard],
    calibrations: Sequence[tuple[float, float]],
    seed: int = 0,
) -> dict[str, Any]:
    """Return the share of windows for which an emotion is claimed: of all, by kind, and `recorded`.

    `calibrations` holds (temperature, uncertain_below) for each recording: several models may have
    heard the same ones. `recorded` leaves out the sounds that were made, and is None where there is
    no other. The interval is over recordings; where none of these, or all, claim an emotion, it
    ends where Clopper's and Pearson's (1934) does.
    """
    pairs = np.array(
        [claims([h], *c)[0] for h, c in zip(heard, calibrations, strict=True)], np.float64
    )
    kinds = np.array([h.clip.corpus for h in heard])
    names = [str(h.clip.path) for h in heard]

    def share(inside: Any) -> dict[str, Any]:
        emotion, windows = pairs[inside].T

        def figure(weights: Weights) -> Any:
            return (weights @ emotion) / np.maximum(weights @ windows, 1)

        own = [names[i] for i in inside]
        found = _of_no_event(interval(figure, own, seed=seed), len(set(own)))
        return {"share": found.to_dict(), "claimed": int(emotion.sum()), "n": int(windows.sum())}

    recorded = np.flatnonzero(~np.isin(kinds, [*MADE]))
    return {
        "all": share(np.arange(len(heard))),
        "recorded": share(recorded) if len(recorded) else None,
        "kinds": {str(k): share(np.flatnonzero(kinds == k)) for k in sorted(set(kinds.tolist()))},
    }
