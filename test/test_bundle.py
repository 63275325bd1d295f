"""Bundles: what is saved is loaded, and every kind of damage is named."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny

from ser_ros import carried
from ser_ros.bundle import MANIFEST, NETWORK, Bundle, Calibration, bundles, find_bundle
from ser_ros.carried import definitions_folder, models_folder
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.models import BundleDamaged, BundleError, BundleMismatch, BundleMissing
from ser_ros.labels import FOUR


@pytest.fixture
def folder(tmp_path) -> Path:
    made = tmp_path / "models" / "tiny"
    tiny.bundle(calibration=Calibration(1.5, 0.4)).save(made)
    return made


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def test_what_is_saved_is_loaded(folder):
    found = Bundle.load(folder)
    made = tiny.bundle(calibration=Calibration(1.5, 0.4))
    assert (found.name, found.labels, found.features) == (made.name, made.labels, made.features)
    assert (found.calibration, found.network) == (made.calibration, made.network)
    assert found.about == made.about
    assert found.sha256 == made.sha256
    assert found.folder == folder
    assert sorted(path.name for path in folder.iterdir()) == [MANIFEST, NETWORK]
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"], "nothing is left aside"


def test_saving_again_replaces_the_whole_bundle(folder):
    (folder / "old notes.txt").write_text("of the old model")
    tiny.bundle(slope=2.0).save(folder)
    assert Bundle.load(folder).network == tiny.bundle(slope=2.0).network
    assert not (folder / "old notes.txt").exists()


# ── damage ────────────────────────────────────────────────────────────────────────────────────


def flip_byte(folder: Path) -> None:
    content = bytearray((folder / NETWORK).read_bytes())
    content[len(content) // 2] ^= 0x10
    (folder / NETWORK).write_bytes(content)


def truncate(folder: Path) -> None:
    content = (folder / NETWORK).read_bytes()
    (folder / NETWORK).write_bytes(content[:-1])


def same_size_other_network(folder: Path) -> None:
    (folder / NETWORK).write_bytes(tiny.bundle(slope=3.0).network)


def write_manifest(text: str | bytes) -> Callable[[Path], object]:
    raw = text.encode() if isinstance(text, str) else text
    return lambda folder: (folder / MANIFEST).write_bytes(raw)


def entry(*keys: str, value: object) -> Callable[[Path], object]:
    def change(manifest: dict[str, Any]) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = value

    return lambda folder: edit(folder, change)


def without(*keys: str) -> Callable[[Path], object]:
    def change(manifest: dict[str, Any]) -> None:
        for key in keys[:-1]:
            manifest = manifest[key]
        del manifest[keys[-1]]

    return lambda folder: edit(folder, change)


DAMAGE: dict[str, tuple[Callable[[Path], object], type[BundleError], str]] = {
    "no folder": (shutil.rmtree, BundleMissing, "manifest.json"),
    "no manifest": (lambda f: (f / MANIFEST).unlink(), BundleMissing, "manifest.json"),
    "no network": (lambda f: (f / NETWORK).unlink(), BundleMissing, NETWORK),
    "a flipped byte": (flip_byte, BundleDamaged, "SHA-256"),
    "a truncated network": (truncate, BundleDamaged, "size in bytes"),
    "an empty network": (lambda f: (f / NETWORK).write_bytes(b""), BundleDamaged, "size"),
    "another network": (same_size_other_network, BundleDamaged, "SHA-256"),
    "no JSON": (write_manifest("labels: [angry]"), BundleMismatch, "no JSON"),
    "half a manifest": (write_manifest('{"schema": 1, "name"'), BundleMismatch, "no JSON"),
    "no text": (write_manifest(b"\xff\xfe\x00{"), BundleMismatch, "no JSON"),
    "a bottomless manifest": (write_manifest("[" * 200_000), BundleMismatch, "no JSON"),
    "a list": (write_manifest("[]"), BundleMismatch, "list"),
    "a huge manifest": (write_manifest("{" + " " * (1 << 24) + "}"), BundleDamaged, "size"),
    "another schema": (entry("schema", value=2), BundleMismatch, "schema is 2, expected 1"),
    "no schema": (without("schema"), BundleMismatch, "schema"),
    "no name": (without("name"), BundleMismatch, "name"),
    "no labels": (without("labels"), BundleMismatch, "labels"),
    "an unknown label": (entry("labels", value=["angry", "meh"]), BundleMismatch, "meh"),
    "a label twice": (entry("labels", value=["sad", "sad"]), BundleMismatch, "sad, sad"),
    "labels that are no list": (entry("labels", value=4), BundleMismatch, "manifest"),
    "labels that are no words": (entry("labels", value=[1, 2]), BundleMismatch, "manifest"),
    "merged that is no table": (entry("merged", value=["calm"]), BundleMismatch, "manifest"),
    "no features": (without("features"), BundleMismatch, "features"),
    "an unknown feature": (entry("features", "mels", value=1), BundleMismatch, "'mels'"),
    "a bad feature": (entry("features", "bands", value=-1), BundleMismatch, "features.bands"),
    "a feature that is no number": (
        entry("features", "bands", value="x"),
        BundleMismatch,
        "features.bands",
    ),
    "a feature that is NaN": (
        entry("features", "range_db", value=float("nan")),
        BundleMismatch,
        "features.range_db",
    ),
    "other features": (entry("features", "bands", value=32), BundleMismatch, "input shape"),
    "another rate": (entry("features", "rate", value=17_000), BundleMismatch, "rate of its images"),
    "another input shape": (
        entry("network", "input_shape", value=[3, 224, 224]),
        BundleMismatch,
        "input shape",
    ),
    "no input shape": (without("network", "input_shape"), BundleMismatch, "input_shape"),
    "no network entry": (without("network"), BundleMismatch, "network"),
    "a network that is no table": (entry("network", value="x"), BundleMismatch, "manifest"),
    "no network file": (without("network", "file"), BundleMismatch, "file"),
    "no size": (without("network", "bytes"), BundleMismatch, "bytes"),
    "no hash": (without("network", "sha256"), BundleMismatch, "sha256"),
    "a size that is null": (entry("network", "bytes", value=None), BundleError, "size|bytes"),
    "a hash that is null": (entry("network", "sha256", value=None), BundleError, "SHA-256|sha256"),
    "a path upwards": (
        entry("network", "file", value="../tiny/model.onnx"),
        BundleMismatch,
        "file",
    ),
    "an absolute path": (entry("network", "file", value="/etc/passwd"), BundleMismatch, "file"),
    "the folder itself": (entry("network", "file", value=".."), BundleMismatch, "file"),
    "an empty file name": (entry("network", "file", value=""), BundleMismatch, "file"),
    "a file name with NUL": (entry("network", "file", value="a\0b"), BundleMismatch, "file"),
    "no calibration": (without("calibration"), BundleMismatch, "calibration"),
    "a calibration of 0": (entry("calibration", "temperature", value=0), BundleMismatch, "calibr"),
    "a calibration that lets nothing be finite": (
        entry("calibration", "temperature", value=1e-320),
        BundleMismatch,
        "calibr",
    ),
    "neutral logits beyond all numbers": (
        entry("neutral_logits", value=[10**400, 0, 0, 0]),
        BundleMismatch,
        "manifest",
    ),
    "a highest frequency beyond all numbers": (
        entry("features", "fmax", value=10**400),
        BundleMismatch,
        "manifest",
    ),
    "a calibration below 0": (
        entry("calibration", "temperature", value=-1),
        BundleMismatch,
        "calibration",
    ),
    "a calibration that is NaN": (
        entry("calibration", "temperature", value=float("nan")),
        BundleMismatch,
        "calibration",
    ),
    "a calibration without end": (
        entry("calibration", "temperature", value=float("inf")),
        BundleMismatch,
        "calibration",
    ),
    "a calibration in words": (
        entry("calibration", "temperature", value="1"),
        BundleMismatch,
        "calibration",
    ),
    "a threshold above 1": (
        entry("calibration", "uncertain_below", value=1.5),
        BundleMismatch,
        "calibration",
    ),
    "a threshold that is nothing": (
        entry("calibration", "uncertain_below", value=None),
        BundleMismatch,
        "calibration",
    ),
    "an unknown calibration": (
        entry("calibration", "bias", value=1),
        BundleMismatch,
        "bias",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named(folder, what):
    damage, error, named = DAMAGE[what]
    damage(folder)
    with pytest.raises(error, match=named) as caught:
        Bundle.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_network_without_read_permission_or_a_folder_in_its_place(folder):
    (folder / NETWORK).unlink()
    (folder / NETWORK).mkdir()
    with pytest.raises(BundleError, match=NETWORK):
        Bundle.load(folder)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(carried, "_MAX_BYTES", 10)
    (tmp_path / "large").write_bytes(bytes(11))
    with pytest.raises(BundleDamaged, match="at most 10"):
        carried.verified_file(tmp_path / "large", "")


# ── a disk that is full ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("method", ["write_bytes", "write_text"])
def test_a_full_disk_leaves_the_old_bundle_and_nothing_half_written(folder, monkeypatch, method):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(self, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, method, full)
    with pytest.raises(CannotWrite, match="No space left"):
        tiny.bundle(slope=2.0).save(folder)
    with pytest.raises(CannotWrite, match="No space left"):
        tiny.bundle(slope=2.0).save(folder.parent / "new")
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_move_that_fails_brings_the_old_bundle_back(folder, monkeypatch):
    rename = Path.rename

    def fails(self, target):
        if self.name == "new":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(CannotWrite, match="Input/output error"):
        tiny.bundle(slope=2.0).save(folder)
    monkeypatch.undo()
    assert Bundle.load(folder).network == tiny.bundle().network
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CannotWrite):
        tiny.bundle().save(tmp_path / "file" / "tiny")


# ── finding ───────────────────────────────────────────────────────────────────────────────────


def test_beside_an_installed_package_lie_others(monkeypatch, tmp_path):
    """`models` and `config` are names that other packages have in site-packages, too."""
    site, share = tmp_path / "site-packages", tmp_path / "ros" / "share" / "ser_ros"
    for folder in (site / "ser_ros", site / "models", site / "msg", share / "models"):
        folder.mkdir(parents=True)
    monkeypatch.setattr("ser_ros.carried._PACKAGE", site / "ser_ros")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path / 'other'}:{tmp_path / 'ros'}")
    monkeypatch.delenv("SER_ROS_MODELS", raising=False)
    assert models_folder() == share / "models"
    assert definitions_folder("ser_ros") == site / "ser_ros" / "definitions" / "ser_ros"
    (share / "models").rmdir()
    assert models_folder() == site / "ser_ros" / "models", "where the error says it is missing"


def test_a_bundle_is_found_by_name_and_by_path(folder, monkeypatch):
    monkeypatch.setenv("SER_ROS_MODELS", str(folder.parent))
    assert bundles() == ["tiny"]
    assert find_bundle("tiny") == folder
    assert find_bundle(str(folder)) == folder
    assert find_bundle() == folder.parent / "densenet121"
    with pytest.raises(BundleMissing, match="Bundles found: tiny"):
        Bundle.load(find_bundle("tinny"))
    monkeypatch.setenv("SER_ROS_MODELS", str(folder.parent / "nowhere"))
    with pytest.raises(BundleMissing):
        Bundle.load(find_bundle("tiny"))


# ── the carried model ─────────────────────────────────────────────────────────────────────────


def test_the_carried_model_is_what_its_manifest_says(shipped_bundle, shipped_folder):
    manifest = json.loads((shipped_folder / MANIFEST).read_text())
    assert shipped_bundle.labels == FOUR
    assert shipped_bundle.features.shape == (3, 128, 157)
    assert shipped_bundle.features.window_s == 2.5
    assert manifest["network"]["sha256"] == shipped_bundle.sha256
    assert manifest["network"]["bytes"] == (shipped_folder / NETWORK).stat().st_size
    assert shipped_bundle.manifest() == manifest


def test_the_carried_model_tells_people_where_it_comes_from(shipped_bundle):
    about = shipped_bundle.about
    assert about["licence"] == "CC BY-NC-SA 4.0"
    assert {"ravdess", "emodb", "nemo"} <= set(about["training"]["corpora"])
    for corpus in about["training"]["corpora"].values():
        assert corpus["clips"] > 0
        assert corpus["licence"]
    held_out = about["metrics"]["held_out"]
    assert {"all", "ravdess", "emodb", "nemo"} <= set(held_out)
    for figures in held_out.values():
        assert 0.25 < figures["uar"] <= 1, "no better than a guess"
        assert 0 <= figures["ece"] <= 1
        assert figures["n"] == sum(map(sum, figures["confusion"])) + figures["no_speech"]
    answered = [1 - f["uncertain"] / f["n"] for name, f in held_out.items() if name != "all"]
    assert sum(answered) / len(answered) == pytest.approx(0.7, abs=0.01), "of its threshold"
    # It learned everybody in its last stage: figures and calibration are of the one before.
    training = about["training"]
    assert {"emodb/03", "emodb/08"} <= {*training["calibrated_on"]} <= {*training["speakers"]}
    assert training["held_out_speakers"] == []
    assert training["fourth"]["sha256"] in about["metrics"]["of"]
    assert training["fourth"]["sha256"] in training["began_with"]
