"""`train`: recordings to a model bundle. Needs the extra `train`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import yaml

from ser_ros.bundle import Bundle, replaceable
from ser_ros.errors.config import BadValue, UnknownKey
from ser_ros.errors.machine import MissingExtra
from ser_ros.errors.training import CheckpointThere
from ser_ros.files import check_folder

HELP = "train a DenseNet121 on labelled recordings and save it as a bundle"
EXAMPLE = r"""  python -m ser_ros corpus check /data/voices --manifest /data/manifest.csv \
      --speaker '([a-z]+)_\d+\.wav$'
  python -m ser_ros train config/train/yours.yaml --out models/mine \
      --set manifest=/data/manifest.csv --set epochs=40 --set augment.noise=0.7

The run folder holds checkpoint.pt, history.csv and curves.png, all written after each epoch.
After a kill or a full disk, the same command with --resume goes on to the same curve."""

_NEEDED = ("torch", "torchvision", "audiomentations", "scipy", "sklearn", "onnx")

_RUNS = Path("runs")

_log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="YAML file; config/train/yours.yaml explains each key")
    parser.add_argument(
        "--out", type=Path, help="folder of the bundle (RUN/bundle); must not exist yet"
    )
    parser.add_argument(
        "--run", type=Path, help="folder of the checkpoint and the curves (runs/NAME)"
    )
    parser.add_argument(
        "--views",
        type=Path,
        help="folder of augmented clips, which trainings on the same clips share "
        "(runs/views, or RUN/views with --run)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="take another value for a key of the configuration, augment.KEY and features.KEY "
        "too; paths are relative to here",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on from the run folder's checkpoint, if any"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace a bundle that exists and, without --resume, a checkpoint that exists",
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write RUN/tensorboard too, after each epoch"
    )


def run(options: argparse.Namespace) -> int:
    require_extra()
    # Only here: a robot without torch must still be able to read this command's help.
    from ser_ros.training.checkpoint import CHECKPOINT
    from ser_ros.training.config import read_train_config
    from ser_ros.training.run import run as train

    changes = changes_of(options.set)
    if options.tensorboard:
        changes["tensorboard"] = True
    config = read_train_config(options.config, changes)
    folder = options.run or _RUNS / config.name
    out = options.out or folder / "bundle"
    views = options.views or (folder if options.run else _RUNS) / "views"
    if out.exists() and not options.force:
        raise BadValue("--out", str(out), "a folder that does not exist yet, or --force with it")
    check_place(out)
    checkpoint = folder / CHECKPOINT
    if checkpoint.exists() and not options.resume and not options.force:
        raise CheckpointThere(checkpoint)
    if options.resume and not checkpoint.exists():
        _log.info("There is no '%s' to go on from: a training begins.", checkpoint)
    print_figures(train(config, folder, out, views, options.resume))
    print(f"The bundle is in {out}.")
    return 0


def check_place(out: Path) -> None:
    """Hold that a bundle can be saved there, before anybody waits for it.

    Raises `BadValue` where it would replace what is no bundle, or `CannotWrite`.
    """
    check_folder(out)
    if out.exists() and not replaceable(out):
        raise BadValue("--out", str(out), "a new folder, or a bundle to replace; this is neither")


def require_extra() -> None:
    """Raises `MissingExtra` where a module that trainings need is not installed."""
    for module in _NEEDED:
        if find_spec(module) is None:
            raise MissingExtra(module, "train")


def print_figures(bundle: Bundle) -> None:
    """Print what a bundle tells of its figures, and whose they are."""
    metrics = bundle.about.get("metrics")
    if metrics is None:
        print("No clip was held out, so there are no figures.")
        return
    if "of" in metrics:
        print(f"No clip was held out. Figures of {metrics['of']}, before everybody was learned:")
    print(f"Figures of: {metrics['split']}.")
    for name, found in (metrics.get("held_out") or metrics.get("unseen_speakers") or {}).items():
        ece = "-" if found["ece"] is None else f"{found['ece']:.3f}"  # no speech was heard
        print(f"{name:12} n {found['n']:5}  uar {found['uar']:.3f}  ece {ece}")


def changes_of(texts: Iterable[str]) -> dict[str, object]:
    """Return what --set says, with `augment.KEY` as {augment: {KEY: ...}}.

    Raises `UnknownKey` or `BadValue`; what the values may be is for the configuration.
    """
    from ser_ros.training.config import TrainConfig

    known = {f.name for f in fields(TrainConfig)} - {"root"}
    changes: dict[str, object] = {}
    for text in texts:
        key, value = _change(text)
        name, _, inner = key.partition(".")
        if name not in known:
            raise UnknownKey("--set", name, known)
        if inner:
            group = changes.setdefault(name, {})
            if not isinstance(group, dict):
                raise BadValue(f"--set {name}", group, f"a mapping beside --set {key}")
            group[inner] = _absolute(inner, value)
        elif isinstance(value, dict):
            changes[name] = {k: _absolute(k, v) for k, v in value.items()}
        else:
            changes[name] = _absolute(name, value)
    return changes


def _absolute(key: str, value: object) -> object:
    """Let a path of the command line be relative to here, not to the configuration."""
    if key not in ("manifest", "noise_folder", "room_folder", "weights"):
        return value
    if isinstance(value, list):
        return [_absolute(key, item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    path = Path(value).expanduser().absolute()
    return value if key == "weights" and not path.exists() else str(path)  # or a carried bundle


def _change(text: str) -> tuple[str, object]:
    key, separator, value = text.partition("=")
    if not separator:
        raise BadValue("--set", text, "KEY=VALUE")
    try:
        return key.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        raise BadValue(f"--set {key.strip()}", value, "a value as in the YAML file") from None
