"""`study`: every figure of a model, from clips to RESULTS.md. Needs the extra `train`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser_ros.cli.options import positive, typed
from ser_ros.cli.train import changes_of, check_place, require_extra
from ser_ros.errors.config import BadValue

HELP = (
    "train and measure on unseen speakers and corpora, write RESULTS.md, then train on everything"
)
EXAMPLE = """  python -m ser_ros study config/train/study.yaml --out runs/out \\
      --set manifest=/data/manifest.csv --set noise_folder=/data/noises --jobs 2"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # After --folds the configuration would be one of these.
    parser.usage = "%(prog)s CONFIG --out DIR [option ...]"
    parser.add_argument("config", help="YAML file, see config/train")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for RESULTS.md, its pictures and the bundle"
    )
    parser.add_argument(
        "--run", type=Path, help="folder of everything in between (runs/NAME-study)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="take another value for a key of the configuration; paths are relative to here",
    )
    parser.add_argument(
        "--adapt",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="train long only without each corpus in turn; these models then learn the folds of "
        "that corpus in short trainings, with these other values, such as epochs=4",
    )
    parser.add_argument(
        "--begin",
        type=Path,
        metavar="FOLDER",
        help="an earlier study's --run: each training begins with what the same one made there",
    )
    parser.add_argument("--jobs", type=positive, default=1, help="trainings side by side (1)")
    parser.add_argument(
        "--folds", type=int, nargs="*", metavar="N", help="only these folds, for a first look"
    )
    parser.add_argument(
        "--corpora", nargs="*", metavar="NAME", help="leave out only these corpora in turn"
    )
    parser.add_argument(
        "--figures-only", action="store_true", help="do not train on everything, ship no bundle"
    )


def run(options: argparse.Namespace) -> int:
    require_extra()
    # Only here: a robot without torch must still be able to read this command's help.
    from ser_ros.evaluation.baseline import make_adapter
    from ser_ros.evaluation.measure import measure
    from ser_ros.evaluation.splits import FOLD
    from ser_ros.training import study
    from ser_ros.training.checks import checked
    from ser_ros.training.config import read_train_config
    from ser_ros.training.run import clips_of
    from ser_ros.training.start import origin
    from ser_ros.training.tasks import final_task, tasks_of

    config = read_train_config(options.config, changes_of(options.set))
    folder = options.run or Path("runs") / f"{config.name}-study"
    if not options.figures_only:
        check_place(options.out / config.name)
    clips, views = clips_of(config), folder / "views"
    adapt = None
    if options.adapt:
        adapt = read_train_config(options.config, changes_of([*options.set, *options.adapt]))
    tasks = tasks_of(config, clips, folder, options.folds, options.corpora, adapt, options.begin)
    if not tasks:
        raise BadValue("--folds", options.folds, "at least one fold or corpus")
    if not options.figures_only and all(task.kind != FOLD for task in tasks):
        expected = "a fold, for the temperature of the final model, or --figures-only"
        raise BadValue("--folds", options.folds, expected)
    final = None if options.figures_only else final_task(config, folder, options.begin)
    if final is not None:  # what it would be refused for, too
        checked(final.config, clips, origin(final.config), final.folder.name)
    study.train_all(tasks, views, options.jobs)
    results = measure(
        study.splits_of(tasks, clips),
        next(iter(config.noise_folders), None),
        folder / "measured",
        options.out,
        options.jobs,
        config.seed,
        _command(options),
        make_adapter=make_adapter,
    )
    for target in results["targets"]:
        print(f"{target['figure']:60} {target['met']}")
    print(f"The figures are in {options.out / 'RESULTS.md'}.")
    if final is not None:
        study.train_all([final], views, 1)
        study.shipped(final, results).save(options.out / config.name)
        print(f"The bundle is in {options.out / config.name}.")
    return 0


def _command(options: argparse.Namespace) -> str:
    """Return what a reader types for the same figures."""
    words = ["python", "-m", "ser_ros", "study", options.config, "--out", options.out]
    for option in ("set", "adapt"):
        for change in getattr(options, option):
            words += [f"--{option}", change]
    for option in ("begin", "run"):
        if getattr(options, option):
            words += [f"--{option}", getattr(options, option)]
    if options.jobs > 1:
        words += ["--jobs", options.jobs]
    for option in ("folds", "corpora"):
        if getattr(options, option) is not None:
            words += [f"--{option}", *getattr(options, option)]
    if options.figures_only:
        words.append("--figures-only")
    return typed(words)
