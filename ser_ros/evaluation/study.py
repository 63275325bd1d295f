"""The study: models that have not heard the voices, measured in everything.

A split is a model and the clips that it was not trained on. Every figure is made of what the models
of all splits said of their own held-out clips: each clip is judged by the one model that does not
know its speaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros.bundle import Bundle
from ser_ros.corpora.noises import split_noises
from ser_ros.errors.config import BadManifest, BadValue
from ser_ros.errors.models import BundleMismatch, NoBaseline
from ser_ros.evaluation import baseline, listening, silence
from ser_ros.evaluation.baseline import AdapterOf, MakeAdapter
from ser_ros.evaluation.calibration import (
    calibrated,
    choose_threshold,
    even_weights,
    reliability,
    risk_coverage,
)
from ser_ros.evaluation.clips import (
    Heard,
    Item,
    items_of,
    speakers_of,
    subset,
)
from ser_ros.evaluation.conditions import CLEAN, CONDITIONS, NOISES, Condition, conditions
from ser_ros.evaluation.judging import Task, judge
from ser_ros.evaluation.metrics import UNHEARD
from ser_ros.evaluation.seen import strangers
from ser_ros.evaluation.sides import Side, brings_calibration, set_temperature, strangers_to
from ser_ros.evaluation.splits import CORPUS, FOLD, Split, check_splits
from ser_ros.evaluation.tables import Opinions, gained_in, lost_in, summaries, summary
from ser_ros.labels import NEUTRAL
from ser_ros.voices import NONE

LIMIT = 300
"""Clips of each corpus that are heard under each condition."""

_VOICES = 10
"""Voices of 10 s of each speaker and emotion."""


class Study:
    """Everything that is measured, one section at a time; what was heard is kept in `work`."""

    def __init__(
        self,
        splits: Sequence[Split],
        work: Path,
        jobs: int = 1,
        seed: int = 0,
        runtime: str = "onnxruntime",
    ) -> None:
        """Judge the held-out clips of every split as they are.

        Raises `SpeakersInTraining` for a split that would flatter, `BadValue` for a clip that two
        splits of a kind hold or a kind that is unknown, and `BadManifest` for clips that cannot be
        read: a figure must not depend on what happened to be missing.
        """
        self.work, self.jobs, self.seed, self.runtime = work, jobs, seed, runtime
        self.notes: list[str] = []
        check_splits(splits)
        self.sides = [self._side(split) for split in splits]
        for side in self.sides:
            set_temperature(side, [s for s in self.sides if s.split.kind == side.split.kind])
        self.labels = self.sides[0].bundle.labels.labels
        for side in self.sides:
            if side.bundle.labels != self.sides[0].bundle.labels:
                found = ", ".join(side.bundle.labels.labels)
                expected = f"those of the other splits ({', '.join(self.labels)})"
                raise BundleMismatch(side.split.bundle_path, "its label set", found, expected)
        self.folds = [side for side in self.sides if side.split.kind == FOLD]
        self.corpora = [side for side in self.sides if side.split.kind == CORPUS]
        alone = len(self.folds) == 1
        self.brought = alone and brings_calibration(self.folds[0], self.folds)
        self.uncertain_below = 0.5
        if self.brought:
            self.uncertain_below = self.folds[0].bundle.calibration.uncertain_below
        elif self.folds:
            clean = self.opinions(self.folds)
            even = even_weights(clean.corpora)
            self.uncertain_below = choose_threshold(clean.confidence, weight=even)

    def _side(self, split: Split) -> Side:
        bundle = Bundle.load(split.bundle_path)
        known = strangers(bundle, split.held)
        if known.untold:
            self.notes.append(f"{split.name}: {known.sentence}")
        items = items_of(split.held, bundle.labels)
        if not items:
            raise BadValue(f"The split '{split.name}'", 0, "clips of emotions that it tells apart")
        heard = self.judge(split, items)
        validation: list[Heard] = []
        if split.validation:
            validation = self.judge(split, items_of(split.validation, bundle.labels))
        return Side(split, bundle, items, heard, validation, np.ones(len(heard)), 1.0)

    def judge(
        self, split: Split, items: Sequence[Item], condition: Condition | None = None
    ) -> list[Heard]:
        condition = condition or Condition()
        task = Task(split.bundle_path, condition, self.runtime)
        found = judge(task, items, self.work, self.jobs, f"{split.name}, {condition.name}")
        if found.unreadable:
            raise BadManifest(split.name, found.unreadable[0])
        return found.heard

    def opinions(self, sides: Sequence[Side], heard: Sequence[list[Heard]] = ()) -> Opinions:
        """Return what the sides say of their clips, or of others of the same speakers."""
        own = heard or [side.heard for side in sides]
        said = [
            calibrated([h.logits for h in clips], side.of(clips))
            for side, clips in zip(sides, own, strict=True)
            if clips
        ]
        together = [h for clips in own for h in clips]
        return Opinions(self.labels, together, np.concatenate(said), self.seed)

    # ── sections ──

    def unseen_speakers(self) -> dict[str, Any]:
        return self._clean(self.folds)

    def left_out(self) -> dict[str, Any]:
        """Each corpus by the model that was trained on the others."""
        return self._clean(self.corpora)

    def _clean(self, sides: Sequence[Side]) -> dict[str, Any]:
        clean = self.opinions(sides)
        return {
            "all": summary(clean, self.uncertain_below),
            "uar_mean": clean.interval(clean.uar_of_corpora).to_dict(),
            "corpora": summaries(clean, "corpus", self.uncertain_below),
            "languages": summaries(clean, "language", self.uncertain_below),
            "genders": summaries(clean, "gender", self.uncertain_below),
        }

    def conditions(self, noise_folder: Path | None, limit: int = LIMIT) -> dict[str, Any]:
        """Hear the same clips again in noise, at other gains, in a room, by telephone."""
        chosen = {id(i) for i in subset([i for s in self.folds for i in s.items], limit, self.seed)}
        items = [[i for i in side.items if id(i) in chosen] for side in self.folds]

        def heard_in(condition: Condition) -> Opinions:
            heard = [
                self.judge(side.split, own, condition)
                for side, own in zip(self.folds, items, strict=True)
            ]
            return self.opinions(self.folds, heard)

        clean = heard_in(Condition(CLEAN))
        rows: dict[str, Any] = {}
        names = [n for n in CONDITIONS if noise_folder is not None or n not in NOISES]
        if noise_folder is not None and not split_noises(noise_folder)[1]:
            self.notes.append("Noise: one recording; who was trained with it has heard it.")
        for condition in conditions(names, noise_folder, self.seed, held_out=True):
            found = heard_in(condition)
            rows[condition.name] = lost_in(clean, found)
        of_clean = lost_in(clean, clean)
        return {"clean": of_clean, "rows": rows, "limit": limit, "n": len(clean.heard)}

    def no_speech(self, noise_folder: Path | None) -> dict[str, Any]:
        """Let every fold's model hear what is no speech."""
        items = silence.silent_items(
            noise_folder, self.work / "no-speech", self.seed, held_out=True
        )
        heard: list[Heard] = []
        said: list[tuple[float, float]] = []
        for side in self.folds:
            own = self.judge(side.split, items)
            heard += own
            said += [(side.temperature, self.uncertain_below)] * len(own)
        return silence.claimed(heard, said, self.seed) | {"models": len(self.folds)}

    def calibration(self) -> dict[str, Any]:
        clean = self.opinions(self.folds)
        heard = clean.guess != UNHEARD
        raw = calibrated([h.logits for h in clean.heard], np.ones(len(clean.heard)))
        before = Opinions(self.labels, clean.heard, raw, self.seed)
        return {
            "ece": clean.interval(clean.ece_of_corpora).to_dict(),
            "ece_pooled": clean.interval(clean.ece).to_dict(),
            "ece_before": before.interval(before.ece_of_corpora).to_dict(),
            "bins": [
                b.to_dict() for b in reliability(clean.confidence[heard], clean.correct[heard])
            ],
        }

    def risk_coverage(self) -> dict[str, Any]:
        clean = self.opinions(self.folds)
        even = even_weights(clean.corpora)
        curve = risk_coverage(clean.confidence, clean.correct, even)
        gained = clean.interval(clean.accuracy_gained())
        return {
            "coverage": curve.coverage,
            "risk": curve.risk,
            "area": curve.area,
            "gained": gained.to_dict(),
            "uncertain_below": self.uncertain_below,
            "answered": float(np.average(clean.confidence >= self.uncertain_below, weights=even)),
            "brought": self.brought,
        }

    def listening(self) -> dict[str, Any]:
        """Hear the first seconds of the same voices."""
        voices = [listening.voices(s.items, self.seed, limit=_VOICES) for s in self.folds]
        rows = {}
        for seconds in listening.LENGTHS_S:
            heard = [
                self.judge(side.split, listening.first(own, seconds))
                for side, own in zip(self.folds, voices, strict=True)
            ]
            if any(heard):
                found = self.opinions(self.folds, heard)
                rows[f"{seconds:g}"] = lost_in(found, found)
        return {"rows": rows, "voices": sum(map(len, voices))}

    def baseline(self, make_adapter: MakeAdapter | None) -> dict[str, Any]:
        """Score the same clips without, with an enrolled and with a running voice baseline."""
        return {
            name: self._modes(sides, make_adapter)
            for name, sides in (("folds", self.folds), ("left_out", self.corpora))
            if sides
        }

    def _modes(self, sides: Sequence[Side], make: MakeAdapter | None) -> dict[str, Any]:
        neutral = self.sides[0].bundle.labels.index(NEUTRAL)
        adapters: list[AdapterOf | None] = [None] * len(sides)
        if make is not None:
            with suppress(NoBaseline):  # labels of the user's own may have no neutral
                adapters = [
                    baseline.adapters_of(
                        side.bundle,
                        make,
                        neutral,
                        strangers_to(side, sides),
                        speakers_of(side.heard),
                    )
                    for side in sides
                ]
        heard = baseline.in_modes([side.heard for side in sides], adapters, neutral, self.seed)
        said = {mode: self.opinions(sides, clips) for mode, clips in heard.items()}
        return {mode: gained_in(said[NONE], found) for mode, found in said.items()}
