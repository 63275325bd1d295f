"""`train`: recordings to a model bundle. Needs the extra `train`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import yaml

from ser_ros.errors import BadValue, MissingExtra, UnknownKey

HELP = "train a DenseNet121 on labelled recordings and save it as a bundle"
EXAMPLE = """  python -m ser_ros train config/train/densenet121.yaml --out models/mine \\
      --set manifest=/data/manifest.csv --set noise_folder=/data/noises"""

_NEEDED = ("torch", "torchvision", "audiomentations", "scipy", "onnx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("config", help="YAML file, see config/train")
    parser.add_argument(
        "--out", type=Path, help="folder of the bundle (runs/NAME/bundle); must not exist yet"
    )
    parser.add_argument(
        "--run", type=Path, help="folder of the checkpoint, to go on from it (runs/NAME)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="take another value for a key of the configuration; paths are relative to here",
    )
    parser.add_argument("--force", action="store_true", help="replace a bundle that exists")


def run(options: argparse.Namespace) -> int:
    for module in _NEEDED:
        if find_spec(module) is None:
            raise MissingExtra(module, "train")
    # Only here: a robot without torch must still be able to read this command's help.
    from ser_ros.training.config import TrainConfig, read_train_config
    from ser_ros.training.run import run as train

    changes = dict(_change(text) for text in options.set)
    for key in changes:
        if key not in {f.name for f in fields(TrainConfig)} - {"root"}:
            raise UnknownKey("--set", key, {f.name for f in fields(TrainConfig)} - {"root"})
    for key in ("manifest", "noise_folder"):
        if changes.get(key):
            changes[key] = str(Path(str(changes[key])).expanduser().absolute())
    config = read_train_config(options.config, changes)
    folder = options.run or Path("runs") / config.name
    out = options.out or folder / "bundle"
    if out.exists() and not options.force:
        raise BadValue("--out", str(out), "a folder that does not exist yet, or --force with it")
    bundle = train(config, folder, out)
    scores = bundle.about["metrics"]["held_out"]
    for name, found in scores.items():
        print(f"{name:12} n {found['n']:5}  uar {found['uar']:.3f}  ece {found['ece']:.3f}")
    print(f"The bundle is in {out}.")
    return 0


def _change(text: str) -> tuple[str, object]:
    key, separator, value = text.partition("=")
    if not separator:
        raise BadValue("--set", text, "KEY=VALUE")
    try:
        return key.strip(), yaml.safe_load(value)
    except (yaml.YAMLError, ValueError):
        raise BadValue(f"--set {key.strip()}", value, "a value as in the YAML file") from None
