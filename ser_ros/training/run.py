"""A whole training: read, train, export, calibrate, score, save the bundle."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ser_ros import __version__, audio
from ser_ros.bundle import Bundle, Calibration
from ser_ros.classifier import Classifier
from ser_ros.corpora import Clip, held_out, read_manifest
from ser_ros.corpora.clips import LICENCES
from ser_ros.errors import BadValue, NothingToScore
from ser_ros.evaluation.metrics import score
from ser_ros.framing import windows_of
from ser_ros.training.calibrate import fit_temperature, mean_probabilities
from ser_ros.training.config import TrainConfig
from ser_ros.training.data import load_recordings
from ser_ros.training.export import to_onnx
from ser_ros.training.loop import train
from ser_ros.training.progress import shown

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Heard:
    """The logits of a held-out clip's windows, shape (windows, labels)."""

    clip: Clip
    truth: int
    logits: npt.NDArray[np.float32]


def run(config: TrainConfig, folder: Path, out: Path) -> Bundle:
    """Train as `config` says, with a checkpoint in `folder`, and save the bundle as `out`.

    Raises `TrainingError`, `ManifestError`, `AudioError` or `ConfigError`.
    """
    clips = read_manifest(config.path(config.manifest))
    named = {clip.corpus for clip in clips}
    for corpus in config.corpora:
        if corpus not in named:
            known = ", ".join(sorted(named - {""})) or "none"
            raise BadValue("corpora", corpus, f"one that the manifest has (it has {known})")
    if config.corpora:
        clips = [clip for clip in clips if clip.corpus in config.corpora]
    rest, held = held_out(clips, config.held_out_fold)
    if all(config.label_set.index(clip.emotion) is None for clip in held):
        raise NothingToScore(config.manifest, config.labels)
    if config.noise_folder and not any(
        path.is_file() for path in config.path(config.noise_folder).rglob("*")
    ):
        raise BadValue("noise_folder", config.noise_folder, "a folder that holds recordings")
    recordings = load_recordings(rest, config.label_set, config.features.rate)
    _log.info("Training on %d clips of %d speakers.", len(recordings), _speakers(rest))
    with shown() as report:
        network = train(config, recordings, folder, report)

    bundle = Bundle(
        config.name,
        config.label_set,
        config.features,
        Calibration(),
        to_onnx(network, config.features),
    )
    _log.info("Calibrating and scoring on the speakers that were held out.")
    bundle = calibrated(bundle, config, rest, held)
    bundle.save(out)
    return bundle


def calibrated(
    bundle: Bundle, config: TrainConfig, rest: Sequence[Clip], held: Sequence[Clip]
) -> Bundle:
    """Return the bundle with its temperature and its figures, both from the held-out speakers.

    The figures of each speaker are made with a temperature fitted on all the other held-out
    speakers, so that no voice is judged with a temperature that it helped to choose.
    """
    heard = _listen(bundle, held)
    temperature = _fit(heard)
    found = np.zeros((len(heard), len(bundle.labels)), np.float32)
    for speaker in {h.clip.speaker for h in heard}:
        own = [i for i, h in enumerate(heard) if h.clip.speaker == speaker]
        others = [h for h in heard if h.clip.speaker != speaker]
        of_others = _fit(others) if others else temperature
        found[own] = mean_probabilities([heard[i].logits for i in own], of_others)

    calibration = Calibration(temperature=round(temperature, 4))
    truth = np.array([h.truth for h in heard], np.int64)
    corpora = np.array([h.clip.corpus for h in heard])
    groups = {"all": np.ones(len(heard), bool)} | {
        c: corpora == c for c in sorted(set(corpora) - {""})
    }
    metrics = {
        name: score(
            bundle.labels.labels, truth[inside], found[inside], calibration.uncertain_below
        ).to_dict()
        for name, inside in groups.items()
    }
    return replace(bundle, calibration=calibration, about=_about(config, rest, held, metrics))


def _listen(bundle: Bundle, held: Sequence[Clip]) -> list[_Heard]:
    """Hear the held-out clips as the node does: windows in which nobody speaks have no say."""
    classifier = Classifier(bundle, runtime="onnxruntime", threads=2)
    features = bundle.features
    heard = []
    for clip in held:
        truth = bundle.labels.index(clip.emotion)
        if truth is None:
            continue
        windows = list(
            windows_of(audio.load(clip.path, features.rate), features.window, features.window // 2)
        )
        spoken = [
            w for w in windows if classifier.gate.ratio(w) >= classifier.min_speech_ratio
        ] or windows
        logits = np.stack([classifier.runtime(classifier.image(w)) for w in spoken])
        heard.append(_Heard(clip, truth, logits))
    return heard


def _fit(heard: Sequence[_Heard]) -> float:
    """Fit the temperature with every corpus weighing the same."""
    names = [h.clip.corpus for h in heard]
    weight = np.array([1.0 / names.count(name) for name in names])
    truth = np.array([h.truth for h in heard], np.int64)
    return fit_temperature([h.logits for h in heard], truth, weight)


def _speakers(clips: Sequence[Clip]) -> int:
    return len({clip.speaker for clip in clips})


def _about(
    config: TrainConfig,
    rest: Sequence[Clip],
    held: Sequence[Clip],
    metrics: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    labels = config.label_set
    used = [clip for clip in rest if labels.index(clip.emotion) is not None]
    corpora: dict[str, dict[str, Any]] = {
        name or "unnamed": {
            "clips": sum(clip.corpus == name for clip in used),
            "speakers": _speakers([clip for clip in used if clip.corpus == name]),
            "licence": LICENCES.get(name, "not known here; ask where the recordings came from"),
        }
        for name in sorted({clip.corpus for clip in used})
    }
    return {
        "description": config.description,
        "licence": _licence({entry["licence"] for entry in corpora.values()}),
        "training": {
            "corpora": corpora,
            "noises": "esc10 (CC BY 3.0)" if config.noise_folder else "none",
            "held_out_speakers": sorted({clip.speaker for clip in held}),
            "settings": config.deciding(),
            "ser_ros": __version__,
        },
        "metrics": {
            "split": (
                f"unseen speakers, fold {config.held_out_fold} held out; mean of the windows of a "
                "clip; ece with a temperature fitted on the other held-out speakers"
            ),
            "seed": config.seed,
            "held_out": metrics,
        },
    }


def _licence(of_data: set[str]) -> str:
    """Weights carry the strictest licence of what they were trained on."""
    if any("NC-SA" in licence for licence in of_data):
        return "CC BY-NC-SA 4.0"
    return "; ".join(sorted(of_data))
