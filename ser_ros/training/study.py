"""The study: train every model that an honest figure needs, measure them, train the one to ship.

    FOLDER/
        views/          augmented clips, shared by all trainings
        fold-K/         checkpoint, learning curves and bundle of the model that never heard fold K
        corpus-NAME/    the same without a whole corpus
        fold-NAME-K/    with `adapt`, in the place of fold-K: the model of corpus-NAME, which then
                        learned the corpus without its fold K (a further stage begins with the
                        model of the same name)
        final/          trained on everything, once the figures are made
        measured/       what the models said of the clips that they had not heard

Whatever is finished is not done again, so an interrupted study goes on where it stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numpy as np

from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip
from ser_ros.errors.config import BadValue
from ser_ros.errors.models import BundleError
from ser_ros.evaluation.calibration import kept
from ser_ros.evaluation.seen import noises_of
from ser_ros.evaluation.splits import FOLD, Split, learned_in_turn
from ser_ros.processes import each
from ser_ros.training.about import about, noises_told
from ser_ros.training.config import TrainConfig
from ser_ros.training.run import clips_of, make_views, run
from ser_ros.training.split import split
from ser_ros.training.start import beginnings, origin
from ser_ros.training.tasks import Task


def train_all(tasks: Sequence[Task], views: Path, jobs: int) -> None:
    """Train what is not trained yet, `jobs` at a time; each then computes on one thread.

    Those that begin with another's model come when all others are done.
    """
    _train_some([task for task in tasks if task.after is None], views, jobs)
    _train_some([task for task in tasks if task.after is not None], views, jobs)


def _train_some(tasks: Sequence[Task], views: Path, jobs: int) -> None:
    missing = [task for task in tasks if not _finished(task)]
    if jobs > 1 and missing:
        # Once, before the trainings that share them begin side by side.
        for config in {task.config.corpora: task.config for task in missing}.values():
            make_views(config, clips_of(config), views)
        # Also where one alone is missing: the figures do not hang on where a study was interrupted.
        missing = [replace(task, config=replace(task.config, threads=1)) for task in missing]
    for _ in each(partial(_train, views=views), missing, jobs, "trained a model", kept=True):
        pass


def _finished(task: Task) -> bool:
    """Whether the task's bundle is there.

    Raises `BadValue` for one of another study: other settings, or other clips of other speakers.
    """
    try:
        bundle = Bundle.load(task.bundle)
    except BundleError:
        return False
    training, config = bundle.training, task.config
    began = origin(config)
    told = about(config, split(config, clips_of(config)), began, "", {})["training"]
    same = all(training.get(key) == told.get(key) for key in _VOICES)
    same = same and training.get("settings") == as_written(config)
    same = same and noises_of(bundle) == noises_told(config, began)
    if not same or training.get("began_with") not in beginnings(config, began):
        where = f"What '{task.folder}' was trained by"
        raise BadValue(where, "another study", "this one; name another folder with --run")
    return True


_VOICES = ("corpora", "speakers", "held_out_speakers")
"""What a manifest tells of whom it heard: how many clips of each corpus, and who."""


def as_written(config: TrainConfig) -> Any:
    """Return a configuration's deciding settings as a manifest gives them back."""
    return json.loads(json.dumps(config.deciding()))


def _train(task: Task, views: Path) -> None:
    if parent_process() is not None:  # beside others; it may have trained another model before
        told = f"{task.folder.name}: %(message)s"
        logging.basicConfig(level=logging.INFO, format=told, force=True)
    run(task.config, task.folder, task.bundle, views)


def splits_of(tasks: Sequence[Task], clips: Sequence[Clip]) -> list[Split]:
    """Return what each trained model is to be measured on."""
    splits = []
    for task in tasks:
        parts = split(task.config, clips)
        name = task.folder.name
        splits.append(Split(name, task.kind, task.bundle, parts.held, parts.validation))
    return splits


def shipped(task: Task, results: dict[str, Any]) -> Bundle:
    """Return the model that was trained on everything, with what the others' figures tell of it.

    Nobody is left to calibrate it on. The temperature is the geometric mean of those of the folds,
    its population the mean of theirs, the threshold that of all of them; they come from speakers
    that a model had not heard.
    """
    bundle = Bundle.load(task.bundle)
    folds = [s for s in results["splits"] if s["kind"] == FOLD]
    temperature = float(np.exp(np.mean(np.log([s["temperature"] for s in folds]))))
    neutral = [s["neutral_logits"] for s in folds if s["neutral_logits"] is not None]
    uncertain_below = results["risk_coverage"]["uncertain_below"]
    others = "of the same settings"
    if learned_in_turn(results["splits"]):
        others = "that had learned the other corpora and were then adapted"
    figures = {
        "split": f"unseen speakers, by {len(folds)} models {others}; this one was trained on "
        "everybody afterwards. See RESULTS.md.",
        "unseen_speakers": {
            name: {key: found[key] for key in ("n", "uar", "ece")}
            for name, found in {
                "all": results["folds"]["all"],
                **results["folds"]["corpora"],
            }.items()
        },
    }
    # Everybody was strange to one of the folds' models, which gave the temperature.
    training = {**bundle.training, "calibrated_on": bundle.training.get("speakers", [])}
    return replace(
        bundle,
        calibration=kept(temperature, uncertain_below),
        neutral_logits=tuple(np.mean(neutral, axis=0).tolist()) if neutral else None,
        about={**bundle.about, "training": training, "metrics": figures},
    )
