"""Judge many clips, once: in several processes, kept in a folder, going on where it stopped.

The windows of a clip are heard as the node hears them. What is kept are logits, so that every
figure, under any temperature or threshold, is a matter of seconds afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.bundle import Bundle
from ser_ros.classifier import MIN_SPEECH_RATIO, Classifier
from ser_ros.display import progress
from ser_ros.errors.audio import AudioError
from ser_ros.evaluation.clips import Heard, Item
from ser_ros.evaluation.conditions import Condition, without_ends
from ser_ros.files import DAMAGED_ZIP, make_folder, written_aside
from ser_ros.framing import windows_of
from ser_ros.processes import each

_CHUNK = 32
"""Clips that are kept in a file: what an interruption loses at most, for each process."""

_FORMAT = 1
"""Raise it when what is kept, or how a clip is heard, changes."""


@dataclass(frozen=True)
class Task:
    """Who listens, and how."""

    bundle: Path
    condition: Condition = field(default_factory=Condition)
    runtime: str = "onnxruntime"
    threads: int = 1


@dataclass(frozen=True)
class HeardClips:
    """What was heard of the clips that can be read, in their order."""

    heard: list[Heard]
    unreadable: list[str]
    """A sentence for each of the others."""


Part = list[Heard | str]
"""For each clip of a chunk what was heard, or the sentence that tells why it cannot be read."""


def judge(
    task: Task, items: Sequence[Item], work: Path | None = None, jobs: int = 1, what: str = ""
) -> HeardClips:
    """Judge clips; those that `work` has from before are not judged again.

    Raises `BundleError`, `CannotWrite` for a `work` that cannot be written to, or `ProcessLost`.
    """
    chunks = [tuple(items[i : i + _CHUNK]) for i in range(0, len(items), _CHUNK)]
    told = _told_by(task.bundle)
    kept = [_kept_at(work, task, told, chunk) for chunk in chunks]
    found: dict[int, Part] = {}
    missing = []
    for index, path in enumerate(kept):
        part = _read(path, chunks[index]) if path is not None else None
        if part is None:
            missing.append(index)
        else:
            found[index] = part
    tasks = [(task, told, chunks[index]) for index in missing]
    parts = each(_judge_chunk, tasks, jobs, "judged clips", kept=work is not None)
    for _, (number, part) in zip(progress(missing, what or "judging"), parts, strict=True):
        index = missing[number]
        found[index] = part
        path = kept[index]
        if path is not None:
            _write(path, part)
    everything = [h for index in range(len(chunks)) for h in found[index]]
    return HeardClips(
        [h for h in everything if isinstance(h, Heard)],
        [h for h in everything if isinstance(h, str)],
    )


def hear(classifier: Classifier, samples: Samples, item: Item) -> Heard:
    """Hear a clip: windows in which nobody speaks are counted, and have no say."""
    windows = list(windows_of(samples, classifier.window, classifier.window // 2))
    ratios = np.array([classifier.gate.ratio(window) for window in windows], np.float32)
    logits = [
        classifier.runtime(classifier.image(window))
        for window, ratio in zip(windows, ratios, strict=True)
        if ratio >= classifier.min_speech_ratio
    ]
    return Heard(
        item.clip,
        item.truth,
        np.stack(logits) if logits else np.zeros((0, len(classifier.labels)), np.float32),
        ratios,
    )


# ── in a process ──────────────────────────────────────────────────────────────────────────────


Told = tuple[str, str]
"""What decides what a bundle hears: the SHA-256 of its network, and the images it is shown."""

Chunk = tuple[Task, Told, tuple[Item, ...]]
"""A task, what tells its bundle from others, and clips."""


def classifier_of(task: Task) -> Classifier:
    """Return what hears a task's clips in this process, loaded once."""
    return _classifier(task.bundle, _told_by(task.bundle), task.runtime, task.threads)


def _told_by(bundle: Path) -> Told:
    found = Bundle.load(bundle)
    return found.sha256, json.dumps([found.labels.labels, found.features.to_dict()])


@lru_cache(maxsize=1)
def _classifier(bundle: Path, told: Told, runtime: str, threads: int) -> Classifier:
    return Classifier(Bundle.load(bundle), runtime, threads)


def _judge_chunk(chunk: Chunk) -> Part:
    task, told, items = chunk
    classifier = _classifier(task.bundle, told, task.runtime, task.threads)
    found: Part = []
    for item in items:
        try:
            samples = load(item, classifier.bundle.features.rate)
        except AudioError as error:
            found.append(str(error))
            continue
        found.append(hear(classifier, task.condition(samples, name_of(item)), item))
    return found


def load(item: Item, rate: int) -> Samples:
    """Read what a clip is made of. Raises `AudioError`."""
    if not item.parts:
        samples = audio.load(item.clip.path, rate)
    else:
        samples = np.concatenate([without_ends(audio.load(p, rate)) for p in item.parts])
    return samples if item.seconds is None else samples[: int(item.seconds * rate)]


def name_of(item: Item) -> str:
    """Return what a clip is called wherever its corpus lies."""
    return f"{item.clip.corpus} {item.clip.speaker} {item.clip.path.name}"


# ── in the folder ─────────────────────────────────────────────────────────────────────────────


def _kept_at(work: Path | None, task: Task, told: Told, items: Sequence[Item]) -> Path | None:
    """Return where a chunk is kept: a name made of everything that what is heard depends on."""
    if work is None:
        return None
    paths = [path for item in items for path in (item.parts or (item.clip.path,))]
    deciding = [
        _FORMAT,
        told,
        MIN_SPEECH_RATIO,
        task.runtime,
        task.condition.name,
        task.condition.seed,
        [[str(path.absolute()), *_stamp(path)] for path in task.condition.noises],
        [[name_of(item), item.truth, item.seconds, len(item.parts)] for item in items],
        [[str(path.absolute()), *_stamp(path)] for path in paths],
    ]
    digest = hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:20]
    folder = f"{told[0][:12]}-{task.condition.name.replace(' ', '-')}"
    return work / "heard" / folder / f"{digest}.npz"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, -1)
    return (status.st_size, status.st_mtime_ns)


def _write(path: Path, part: Part) -> None:
    at = [i for i, h in enumerate(part) if isinstance(h, Heard)]
    heard = [h for h in part if isinstance(h, Heard)]
    arrays: dict[str, Any] = {
        "at": np.array(at, np.int64),
        "spoken": np.array([len(h.logits) for h in heard], np.int64),
        "windows": np.array([len(h.ratios) for h in heard], np.int64),
        "logits": np.concatenate([h.logits for h in heard]) if heard else np.zeros((0, 0)),
        "ratios": np.concatenate([h.ratios for h in heard]) if heard else np.zeros(0),
        "unreadable": np.array([h for h in part if isinstance(h, str)], np.str_),
    }
    make_folder(path.parent)
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _read(path: Path, items: Sequence[Item]) -> Part | None:
    """Return what was kept of these clips; None where nothing was, or a file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        part: Part = [""] * len(items)
        rest = iter(arrays["unreadable"].tolist())
        spoken = np.split(arrays["logits"], np.cumsum(arrays["spoken"]))
        ratios = np.split(arrays["ratios"], np.cumsum(arrays["windows"]))
        for k, i in enumerate(arrays["at"].tolist()):
            item = items[i]
            part[i] = Heard(item.clip, item.truth, spoken[k], ratios[k])
        return [h if isinstance(h, Heard) else str(next(rest)) for h in part]
    except (OSError, ValueError, LookupError, StopIteration, EOFError, *DAMAGED_ZIP):
        return None
