"""The study: train every model that an honest figure needs, measure them, train the one to ship.

    FOLDER/
        views/          augmented clips, shared by all trainings
        fold-K/         checkpoint, learning curves and bundle of the model that never heard fold K
        corpus-NAME/    the same without a whole corpus
        fold-NAME-K/    with `adapt`, in the place of fold-K: the model of corpus-NAME, which then
                        learned the corpus without its fold K
        final/          trained on everything, once the figures are made
        measured/       what the models said of the clips that they had not heard

Whatever is finished is not done again, so an interrupted study goes on where it stopped.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ser_ros.bundle import Bundle, Calibration
from ser_ros.corpora import Clip
from ser_ros.errors.config import BadValue
from ser_ros.errors.models import BundleError
from ser_ros.evaluation.splits import CORPUS, FOLD, Split
from ser_ros.training.config import TrainConfig
from ser_ros.training.run import clips_of, make_views, run
from ser_ros.training.split import split

T = TypeVar("T", int, str)

FINAL = "final"


@dataclass(frozen=True)
class Task:
    """One training of the study."""

    config: TrainConfig
    folder: Path
    kind: str
    after: Task | None = None
    """The training whose model this one begins with."""

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"


def tasks_of(
    config: TrainConfig,
    clips: Sequence[Clip],
    folder: Path,
    folds: Sequence[int] | None = None,
    corpora: Sequence[str] | None = None,
    adapt: TrainConfig | None = None,
) -> list[Task]:
    """Return a training for every fold, and one for every corpus where there are several.

    `folds` and `corpora` are those to take, where not all are wanted. With `adapt` the long
    trainings are those of the corpora left out; each of them then learns the folds of its corpus
    in short ones, as `adapt` says. Raises `BadValue` for clips without folds, or a fold or corpus
    that is not there.
    """
    told = sorted({clip.fold for clip in clips if clip.fold is not None})
    if len(told) < 2:
        raise BadValue("The manifest's folds", told, "at least two, each with its own speakers")
    named = sorted({clip.corpus for clip in clips if clip.corpus})
    folds = told if folds is None else _chosen("--folds", folds, told)
    corpora = named if corpora is None else _chosen("--corpora", corpora, named)
    left_out = [
        Task(
            _named(config, f"corpus-{corpus}", held_out_corpus=corpus),
            folder / f"corpus-{corpus}",
            CORPUS,
        )
        for corpus in corpora
        if len(named) > 1
    ]
    if adapt is not None:
        return left_out + [
            _adapted(adapt, task, corpus, fold, folder)
            for task, corpus in zip(left_out, corpora, strict=True)
            for fold in folds
            if any(clip.corpus == corpus and clip.fold == fold for clip in clips)
        ]
    return [
        Task(_named(config, f"fold-{fold}", held_out_fold=fold), folder / f"fold-{fold}", FOLD)
        for fold in folds
    ] + left_out


def _adapted(adapt: TrainConfig, begin: Task, corpus: str, fold: int, folder: Path) -> Task:
    """Return a training on all but one fold of a corpus, after that on the other corpora."""
    name = f"fold-{corpus}-{fold}"
    config = _named(
        adapt,
        name,
        corpora=(corpus,),
        held_out_fold=fold,
        held_out_corpus="",
        weights=str(begin.bundle.resolve()),
    )
    return Task(config, folder / name, FOLD, begin)


def _chosen(option: str, wanted: Sequence[T], known: Sequence[T]) -> list[T]:
    for each in wanted:
        if each not in known:
            raise BadValue(option, each, f"one of {', '.join(map(str, known))}")
    return list(wanted)


def final_task(config: TrainConfig, folder: Path) -> Task:
    """Return the training on everything."""
    changed = replace(config, held_out_fold=None, held_out_corpus="", validation_fold=None)
    return Task(changed, folder / FINAL, FINAL)


def _named(config: TrainConfig, name: str, **changes: Any) -> TrainConfig:
    return replace(config, name=f"{config.name}-{name}", **changes)


def train_all(tasks: Sequence[Task], views: Path, jobs: int) -> None:
    """Train what is not trained yet, `jobs` at a time; each then computes on one thread.

    Those that begin with another's model come when all others are done.
    """
    _train_some([task for task in tasks if task.after is None], views, jobs)
    _train_some([task for task in tasks if task.after is not None], views, jobs)


def _train_some(tasks: Sequence[Task], views: Path, jobs: int) -> None:
    missing = [task for task in tasks if not _finished(task)]
    if jobs <= 1 or len(missing) <= 1:
        for task in missing:
            _train(task, views)
        return
    # Once, before the trainings that share them begin side by side.
    make_views(missing[0].config, clips_of(missing[0].config), views)
    context = get_context("spawn")  # a forked torch may hang on the threads of its parent
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        alone = [replace(task, config=replace(task.config, threads=1)) for task in missing]
        for future in [pool.submit(_train, task, views) for task in alone]:
            future.result()


def _finished(task: Task) -> bool:
    """Whether the task's bundle is there. Raises `BadValue` for one of other settings."""
    try:
        bundle = Bundle.load(task.bundle)
    except BundleError:
        return False
    if bundle.about.get("training", {}).get("settings") != as_written(task.config):
        where = f"The settings of '{task.folder}'"
        raise BadValue(where, "another study's", "the same as now; name another folder with --run")
    return True


def as_written(config: TrainConfig) -> Any:
    """Return a configuration's deciding settings as a manifest gives them back."""
    return json.loads(json.dumps(config.deciding()))


def _train(task: Task, views: Path) -> None:
    logging.basicConfig(level=logging.INFO, format=f"{task.folder.name}: %(message)s")
    run(task.config, task.folder, task.bundle, views)


def splits_of(tasks: Sequence[Task]) -> list[Split]:
    """Return what each trained model is to be measured on."""
    return [
        Split(
            task.folder.name, task.kind, task.bundle, split(task.config, clips_of(task.config)).held
        )
        for task in tasks
    ]


def shipped(task: Task, results: dict[str, Any]) -> Bundle:
    """Return the model that was trained on everything, with what the others' figures tell of it.

    Nobody is left to calibrate it on. The temperature is the geometric mean of those of the folds,
    the threshold that of all of them; both come from speakers that a model had not heard.
    """
    bundle = Bundle.load(task.bundle)
    told = [s["temperature"] for s in results["splits"] if s["kind"] == FOLD]
    temperature = float(np.exp(np.mean(np.log(told))))
    uncertain_below = results["risk_coverage"]["uncertain_below"]
    figures = {
        "split": "five folds of unseen speakers, by models of the same settings; this one was "
        "trained on all of them afterwards. See RESULTS.md.",
        "unseen_speakers": {
            name: {"uar": found["uar"], "ece": found["ece"]}
            for name, found in results["folds"]["corpora"].items()
        },
    }
    return replace(
        bundle,
        calibration=Calibration(round(temperature, 4), round(uncertain_below, 4)),
        about={**bundle.about, "metrics": figures},
    )
