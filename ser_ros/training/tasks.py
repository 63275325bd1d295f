"""Which trainings a study is made of, and what must hold before the first of them begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from ser_ros.corpora import Clip
from ser_ros.errors.config import BadValue
from ser_ros.evaluation.splits import CORPUS, FOLD
from ser_ros.training.checks import checked
from ser_ros.training.config import RANDOM, TrainConfig
from ser_ros.training.start import origin

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
    begin: Path | None = None,
) -> list[Task]:
    """Return a training for every fold, and one for every corpus where there are several.

    `folds` and `corpora` are those to take, where not all are wanted. With `adapt` the long
    trainings are those of the corpora left out; each of them then learns the folds of its corpus
    in short ones, as `adapt` says. With `begin`, the folder of an earlier study, each training
    begins with the model that the one of the same name made there.

    Raises `BadValue` for clips without folds or a fold or corpus that is not there, and what
    `checked` raises of any of the trainings.
    """
    if RANDOM in (config.split, (adapt or config).split):
        raise BadValue("split", RANDOM, "speakers, for a study measures voices that are not known")
    if adapt is not None and adapt.label_set != config.label_set:
        found = ", ".join(adapt.label_set.labels)
        raise BadValue("labels of --adapt", found, ", ".join(config.label_set.labels))
    if adapt is not None and adapt.manifest != config.manifest:
        raise BadValue("manifest of --adapt", adapt.manifest, config.manifest)
    told = _folds_of(clips)
    if len(told) < 2:
        raise BadValue("The manifest's folds", told, "at least two, each with its own speakers")
    named = sorted({clip.corpus for clip in clips if clip.corpus})
    folds = told if folds is None else _chosen("--folds", folds, told)
    corpora = named if corpora is None else _chosen("--corpora", corpora, named)
    if len(named) < 2:
        if adapt is not None:
            raise BadValue("--adapt", "a study of one corpus", "a manifest that names several")
        corpora = []
    left_out = {
        corpus: Task(
            _named(
                config,
                f"corpus-{corpus}",
                held_out_corpus=corpus,
                **_begun(begin, f"corpus-{corpus}"),
            ),
            folder / f"corpus-{corpus}",
            CORPUS,
        )
        for corpus in corpora
    }
    if adapt is None:
        tasks = [_fold(config, fold, told, folder, begin) for fold in folds]
        tasks += left_out.values()
    else:
        tasks = list(left_out.values())
        for corpus, long in left_out.items():
            own = [clip for clip in clips if clip.corpus == corpus]
            tasks += _adapted(adapt, long, own, folds, folder, begin)
    for task in tasks:
        # What it would be refused for, so that no other is waited for in vain.
        began = origin(task.config) if task.after is None else None
        checked(task.config, clips, began, task.folder.name)
    return tasks


def final_task(config: TrainConfig, folder: Path, begin: Path | None = None) -> Task:
    """Return the training on everything. Raises `BadValue`."""
    changed = replace(
        config,
        held_out_fold=None,
        held_out_corpus="",
        validation_fold=None,
        patience=0,
        **_begun(begin, FINAL),
    )
    return Task(changed, folder / FINAL, FINAL)


def _fold(
    config: TrainConfig, fold: int, told: Sequence[int], folder: Path, begin: Path | None
) -> Task:
    name = f"fold-{fold}"
    changed = _named(config, name, **_held(config, fold, told), **_begun(begin, name))
    return Task(changed, folder / name, FOLD)


def _begun(begin: Path | None, name: str) -> dict[str, Any]:
    """Return what lets a training begin with the model of the same name in an earlier study."""
    if begin is None:
        return {}
    bundle = begin.resolve() / name / "bundle"
    if not bundle.is_dir():
        raise BadValue("--begin", str(begin), f"the folder of a study that has '{name}/bundle'")
    return {"weights": str(bundle)}


def _adapted(
    adapt: TrainConfig,
    long: Task,
    clips: Sequence[Clip],
    folds: Sequence[int],
    folder: Path,
    begin: Path | None,
) -> list[Task]:
    """Return trainings on all but one fold of a corpus.

    Each begins with what `long` learned of the other corpora, or, with `begin`, with what the
    training of its own name learned in an earlier study.
    """
    corpus, told = clips[0].corpus, _folds_of(clips)
    if len(told) < 2:
        raise BadValue(f"The folds of '{corpus}'", told, "at least two, to adapt to one and score")
    tasks = []
    for fold in (fold for fold in folds if fold in told):
        name = f"fold-{corpus}-{fold}"
        config = _named(
            adapt,
            name,
            corpora=(corpus,),
            **_held(adapt, fold, told),
            **(_begun(begin, name) or {"weights": str(long.bundle.resolve())}),
        )
        tasks.append(Task(config, folder / name, FOLD, None if begin else long))
    return tasks


def _held(config: TrainConfig, fold: int, told: Sequence[int]) -> dict[str, Any]:
    """Hold a fold out; where it is the one that chooses the epoch, the next one does."""
    validation = config.validation_fold
    if validation == fold:
        validation = told[(told.index(fold) + 1) % len(told)]
    return {"held_out_fold": fold, "held_out_corpus": "", "validation_fold": validation}


def _folds_of(clips: Sequence[Clip]) -> list[int]:
    return sorted({clip.fold for clip in clips if clip.fold is not None})


def _chosen(option: str, wanted: Sequence[T], known: Sequence[T]) -> list[T]:
    for each in wanted:
        if each not in known:
            raise BadValue(option, each, f"one of {', '.join(map(str, known))}")
    return list(wanted)


def _named(config: TrainConfig, name: str, **changes: Any) -> TrainConfig:
    return replace(config, name=f"{config.name}-{name}", **changes)
