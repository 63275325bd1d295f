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
from ser_ros.evaluation.bootstrap import Weights, interval
from ser_ros.evaluation.clips import NOT_SPEECH, Heard, Item
from ser_ros.evaluation.conditions import unheard_noises
from ser_ros.files import written_aside
from ser_ros.labels import NEUTRAL

WHITE_DBFS = (-60, -40, -20)
"""RMS levels of the white noise."""

_MADE_S = 60
"""Seconds of each of the sounds that are made: 47 windows, one every 1.25 s."""

SILENCE = "digital silence"


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
    for level in WHITE_DBFS:
        noise = random.standard_normal(_MADE_S * NETWORK_RATE) * 10 ** (level / 20)
        sounds[f"white noise {level} dBFS"] = np.clip(noise, -1, 1)
    paths = {}
    folder.mkdir(parents=True, exist_ok=True)
    for kind, samples in sounds.items():
        path = folder / f"{kind.replace(' ', '-')}-{seed}.wav"
        if not path.exists():  # as it was, so that what was heard of it is still valid
            with written_aside(path) as aside:
                soundfile.write(aside, samples, NETWORK_RATE, subtype="PCM_16", format="WAV")
        paths[kind] = path
    return paths


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
    """Return the share of windows for which an emotion is claimed: of all, and by kind.

    `calibrations` holds (temperature, uncertain_below) for each recording: several models may have
    heard the same ones. The interval is over recordings.
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

        found = interval(figure, [names[i] for i in inside], seed=seed)
        return {"share": found.to_dict(), "claimed": int(emotion.sum()), "n": int(windows.sum())}

    return {
        "all": share(np.arange(len(heard))),
        "kinds": {str(k): share(np.flatnonzero(kinds == k)) for k in sorted(set(kinds.tolist()))},
    }
