"""The model that `evaluate` scores, and how it is asked."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from ser_ros.bundle import find_bundle
from ser_ros.cli.evaluate_text import Found
from ser_ros.errors.config import NobodyToCompare, NobodyToEnroll
from ser_ros.errors.models import NoBaseline
from ser_ros.evaluation import baseline
from ser_ros.evaluation.baseline import AdapterOf
from ser_ros.evaluation.calibration import mean_probabilities
from ser_ros.evaluation.clips import Heard, Item, speakers_of
from ser_ros.evaluation.conditions import Condition
from ser_ros.evaluation.judging import HeardClips, Task, classifier_of, judge
from ser_ros.evaluation.seen import acquaintance, fitted_on, knows_noises
from ser_ros.evaluation.silence import claimed, silent_items
from ser_ros.evaluation.tables import Opinions, gained_in, lost_in
from ser_ros.labels import NEUTRAL
from ser_ros.runtime import chosen
from ser_ros.voices import ENROLL, NONE


class Evaluation:
    """A model, and how it is asked."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.task = task = Task(
            find_bundle(options.model), runtime=chosen(options.runtime), threads=options.threads
        )
        self.work = options.work
        self.jobs, self.seed = options.jobs, options.seed
        self.manifest = options.manifest
        self.classifier = classifier_of(task)
        self.neutral = self.classifier.bundle.labels.index(NEUTRAL)

    def judge(self, task: Task, items: Sequence[Item]) -> HeardClips:
        return judge(task, items, self.work, self.jobs, f"judging, {task.condition.name}")

    def opinions(self, heard: list[Heard]) -> Opinions:
        temperature = self.classifier.calibration.temperature
        said = mean_probabilities([h.logits for h in heard], temperature)
        return Opinions(self.classifier.labels, heard, said, self.seed)

    def check_baseline(self, items: Sequence[Item | Heard], wanted: str) -> None:
        """Raises an error for a mode that cannot be scored.

        `NoBaseline`, `NobodyToEnroll` or `NobodyToCompare`.
        """
        if wanted != NONE:
            baseline.make_adapter(self.classifier.bundle)
            if not self._comparable(items):
                raise NobodyToCompare(self.manifest)
        if wanted == ENROLL and not baseline.enrolment(items, self.neutral):
            raise NobodyToEnroll(self.manifest)

    def baselines(self, heard: list[Heard], wanted: str) -> tuple[Opinions, Found]:
        """Return what is said in the mode that is wanted, and all modes on the same clips.

        Raises what `check_baseline` does.
        """
        self.check_baseline(heard, wanted)  # again: no speech may have been heard
        adapter_of: AdapterOf | None = None
        with suppress(NoBaseline):
            adapter_of = self._adapter_of(heard)
            if adapter_of is None and wanted != NONE:
                raise NobodyToCompare(self.manifest)
        modes = baseline.in_modes([heard], [adapter_of], self.neutral, self.seed)
        said = {mode: self.opinions(clips) for mode, (clips,) in modes.items()}
        return said[wanted], {m: gained_in(said[NONE], s) for m, s in said.items()}

    def _comparable(self, items: Sequence[Item | Heard]) -> bool:
        """Whether somebody can be compared with another, where the bundle's own will not do."""
        learned = self._learned_beside_own(items)
        if learned is None:
            return True
        neutral = {item.clip.speaker for item in items if item.truth == self.neutral}
        return any(neutral - learned - {"", item.clip.speaker} for item in items)

    def _adapter_of(self, heard: list[Heard]) -> AdapterOf | None:
        """Return what gives a voice's adapter. Raises `NoBaseline`."""
        learned = self._learned_beside_own(heard)
        pool = None if learned is None else [h for h in heard if h.clip.speaker not in learned]
        return baseline.adapters_of(
            self.classifier.bundle, baseline.make_adapter, self.neutral, pool, speakers_of(heard)
        )

    def _learned_beside_own(self, items: Sequence[Item | Heard]) -> set[str] | None:
        """Return which of the speakers the bundle learned; None where its own population will do.

        It will not where strangers are here of whom it is made: they are compared with one another.
        """
        bundle, clips = self.classifier.bundle, [item.clip for item in items]
        learned = {*acquaintance(bundle, clips).seen}
        return learned if fitted_on(bundle, clips) - learned else None

    def conditions(
        self, heard: list[Heard], items: Sequence[Item], changed: Sequence[Condition]
    ) -> Found:
        """Return what is lost under each condition, on the clips that can be read."""
        clean = self.opinions(heard)
        found = {"clean": lost_in(clean, clean)}
        there = {h.clip.path for h in heard}
        same = [item for item in items if item.clip.path in there]
        for condition in changed:
            again = self.judge(replace(self.task, condition=condition), same)
            found[condition.name] = lost_in(clean, self.opinions(again.heard))
        return found

    def no_speech(self, folder: Path) -> Found:
        with ExitStack() as stack:
            made = self.work or stack.enter_context(tempfile.TemporaryDirectory())
            held_out = knows_noises(self.classifier.bundle, folder)
            items = silent_items(folder, Path(made) / "no-speech", self.seed, held_out)
            judged = self.judge(self.task, items)
        calibration = self.classifier.calibration
        said = (calibration.temperature, calibration.uncertain_below)
        found = claimed(judged.heard, [said] * len(judged.heard), self.seed)
        return {**found, "unreadable": judged.unreadable}
