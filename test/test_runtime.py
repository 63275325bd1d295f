"""What computes the network: all say the same, and what does not fit is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import tiny

from ser_ros.classifier import softmax
from ser_ros.errors.config import BadValue
from ser_ros.errors.models import BundleMismatch, RuntimeUnavailable
from ser_ros.features import ImageMaker
from ser_ros.framing import windows_of
from ser_ros.labels import LabelSet
from ser_ros.runtime import CHOICES, _openvino_works, open_runtime

here = pytest.mark.parametrize(
    "name",
    [
        "onnxruntime",
        pytest.param(
            "openvino",
            marks=pytest.mark.skipif(
                find_spec("openvino") is None, reason="openvino is not installed"
            ),
        ),
    ],
)


@pytest.fixture(scope="module")
def images(shipped_bundle, voices):
    maker, size = ImageMaker(shipped_bundle.features), shipped_bundle.features.window
    return [maker(next(windows_of(voice, size, size))) for voice in voices[:4]]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("onnxruntime", 1e-3),
        pytest.param(
            "openvino",
            1e-2,
            marks=pytest.mark.skipif(
                find_spec("openvino") is None, reason="openvino is not installed"
            ),
        ),
    ],
)
def test_runtimes_agree_with_torch(shipped_bundle, images, name, tolerance):
    pytest.importorskip("torch", reason="torch, to compare with, is in the extra train")
    reference, runtime = open_runtime(shipped_bundle, "torch"), open_runtime(shipped_bundle, name)
    temperature = shipped_bundle.calibration.temperature
    for image in images:
        expected, found = reference(image), runtime(image)
        assert found.shape == (4,)
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            softmax(found, temperature), softmax(expected, temperature), atol=tolerance
        )


@here
def test_a_network_is_computed(name):
    bundle = tiny.bundle(bias=[1, 2, 3, 4], slope=0.5)
    runtime = open_runtime(bundle, name, threads=2)
    assert runtime.name == name
    image = np.full(bundle.features.shape, 0.25, np.float32)
    for _ in range(2):
        np.testing.assert_allclose(runtime(image), [1, 2.125, 3.25, 4.375], atol=1e-2)


def test_an_answer_outlives_the_next_question():
    for name in ("onnxruntime", *(["openvino"] if find_spec("openvino") else [])):
        runtime = open_runtime(tiny.bundle(), name)
        first = runtime(np.ones(tiny.FEATURES.shape, np.float32))
        kept = first.copy()
        runtime(-np.ones(tiny.FEATURES.shape, np.float32))
        np.testing.assert_array_equal(first, kept)


def test_auto_takes_what_is_installed():
    expected = "openvino" if find_spec("openvino") else "onnxruntime"
    assert open_runtime(tiny.bundle()).name == expected
    assert CHOICES[0] == "auto"


@pytest.mark.parametrize("breaks", ["import openvino_of_another_architecture", "CPU = 1"])
def test_auto_computes_where_openvino_fails(monkeypatch, caplog, tmp_path, breaks):
    core = "\nclass Core:\n    available_devices = ['GPU']\n"
    (tmp_path / "openvino.py").write_text(breaks + core)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openvino", raising=False)
    _openvino_works.cache_clear()
    try:
        assert [open_runtime(tiny.bundle()).name for _ in range(2)] == ["onnxruntime"] * 2
    finally:
        _openvino_works.cache_clear()
        sys.modules.pop("openvino", None)  # the stand-in; what was there is put back
    assert caplog.text.count("OpenVINO is installed and cannot be used (") == 1
    assert "another_architecture" in caplog.text or "no CPU, only ['GPU']" in caplog.text


def test_an_unknown_runtime_is_refused():
    with pytest.raises(BadValue, match="auto, onnxruntime, openvino, torch"):
        open_runtime(tiny.bundle(), "tensorrt")


def test_a_runtime_that_is_not_installed_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(RuntimeUnavailable, match=r"onnxruntime.*runtime to auto"):
        open_runtime(tiny.bundle(), "onnxruntime")


MISFITS = {
    "no network": (b"this is no network" * 10, "network"),
    "nothing": (b"", "network"),
    "another input shape": (tiny.network((3, 8, 157)), "input shape"),
    "another number of outputs": (tiny.network(outputs=5), "number of outputs"),
    "another input name": (tiny.network(names=("picture", "logits")), "network"),
    "another output name": (tiny.network(names=("image", "scores")), "network"),
    "weights that are no numbers": (tiny.network(bias=[float("nan")] * 4), "finite"),
}


@here
@pytest.mark.parametrize("what", MISFITS)
def test_a_network_that_does_not_fit_its_manifest_is_refused(name, what):
    content, named = MISFITS[what]
    with pytest.raises(BundleMismatch, match=named) as caught:
        open_runtime(replace(tiny.bundle(), network=content), name)
    assert "\n" not in str(caught.value)


@pytest.mark.train
@pytest.mark.parametrize("what", ["no network", "another number of outputs"])
def test_torch_refuses_what_is_no_densenet(what):
    pytest.importorskip("torch", reason="torch is in the extra train")
    with pytest.raises(BundleMismatch, match="network"):
        open_runtime(replace(tiny.bundle(), network=MISFITS[what][0]), "torch")


@pytest.mark.train
def test_torch_refuses_a_densenet_with_other_outputs(shipped_bundle):
    pytest.importorskip("torch", reason="torch is in the extra train")
    three = replace(shipped_bundle, labels=LabelSet(("angry", "sad", "happy")))
    with pytest.raises(BundleMismatch, match="network"):
        open_runtime(three, "torch")
