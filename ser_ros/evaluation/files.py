"""Audio files as sources of a report: every window of every labelled clip, judged."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.classifier import Classifier
from ser_ros.corpora import Clip
from ser_ros.display import progress
from ser_ros.errors.audio import AudioError
from ser_ros.evaluation.judged import Judged, Sound, Source
from ser_ros.evaluation.judging import Task, classifier_of
from ser_ros.framing import windows_of
from ser_ros.processes import each

_CHUNK = 16
"""Clips that a process is given at a time."""


def judge_files(
    task: Task, clips: Sequence[Clip], root: Path, jobs: int = 1
) -> tuple[list[Source], list[str]]:
    """Judge the windows of clips, as `Classifier.clip` cuts them.

    Returns a source for each clip that can be read, named by its path below `root` (absolute, and
    above all of them), and a sentence for each of the others. Raises `BundleError` or
    `ProcessLost`.
    """
    parts = [(task, clips[i : i + _CHUNK], root) for i in range(0, len(clips), _CHUNK)]
    rate = classifier_of(task).bundle.features.rate
    judged = each(_judge_part, parts, jobs, "judged clips", kept=False)
    shown = progress(parts, "judging, for the report")
    by_part = dict(done for _, done in zip(shown, judged, strict=True))
    found = [one for index in range(len(parts)) for one in by_part[index]]
    sources = [
        replace(source, sound=sound_of(Path(source.path), rate))
        for source in found
        if isinstance(source, Source)
    ]
    return sources, [sentence for sentence in found if isinstance(sentence, str)]


def sound_of(path: Path, rate: int) -> Sound:
    """Return what reads a stretch of a file."""

    def sound(start_s: float, length_s: float) -> Samples:
        first = round(start_s * rate)
        return audio.load(path, rate)[first : first + round(length_s * rate)]

    return sound


def judge_file(
    classifier: Classifier, clip: Clip, name: str, clock: Callable[[], float] = perf_counter
) -> Source:
    """Judge a clip, whose truth is its emotion if the model knows it. Raises `AudioError`."""
    rate, size = classifier.bundle.features.rate, classifier.window
    samples = audio.load(clip.path, rate)
    truth = classifier.bundle.labels.index(clip.emotion)
    windows = []
    hop = size // 2
    for k, window in enumerate(windows_of(samples, size, hop)):
        began = clock()
        estimate = classifier(window)
        latency_s = clock() - began
        first = min(k * hop, max(len(samples) - size, 0))
        windows.append(
            Judged(
                source=name,
                stamp_ns=first * 1_000_000_000 // rate,
                start_s=first / rate,
                duration_s=size / rate,
                label=estimate.label,
                confidence=estimate.confidence,
                probabilities=tuple(estimate.probabilities.tolist()),
                speech_ratio=estimate.speech_ratio,
                level_dbfs=estimate.level_dbfs,
                latency_s=latency_s,
                lost=0,
                truth="" if truth is None else classifier.labels[truth],
                speaker=clip.speaker,
                utterance=0,
            )
        )
    with clip.path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Source(name, str(clip.path), sha256, len(samples) / rate, tuple(windows))


# ── in a process ──────────────────────────────────────────────────────────────────────────────


Part = tuple[Task, Sequence[Clip], Path]


def _judge_part(part: Part) -> list[Source | str]:
    task, clips, root = part
    classifier = classifier_of(task)
    found: list[Source | str] = []
    for clip in clips:
        name = clip.path.absolute().relative_to(root).as_posix()
        try:
            found.append(judge_file(classifier, clip, name))
        except AudioError as error:
            found.append(str(error))
    return found
