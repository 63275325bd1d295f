"""What computes the network: ONNX Runtime, OpenVINO, or torch, behind one call.

`auto` takes OpenVINO where it is installed, for it is the fastest on the processors that robots
carry, and ONNX Runtime where it is not or fails. Torch is only there to compare with.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ser_ros.bundle import Bundle
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra
from ser_ros.errors.models import BundleMismatch, RuntimeUnavailable
from ser_ros.features import Image

Logits = npt.NDArray[np.float32]
"""float32 of shape (labels,)."""

_log = logging.getLogger(__name__)

INPUT, OUTPUT = "image", "logits"


class Runtime(Protocol):
    """A loaded network."""

    name: str

    def __call__(self, image: Image) -> Logits: ...


class OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, bundle: Bundle, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # A robot's other nodes need the core more than this one needs the last microsecond.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                bundle.network, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions share no base class
            raise _no_network(bundle, error) from None
        _check_input(bundle, [tuple(i.shape) for i in self._session.get_inputs()])

    def __call__(self, image: Image) -> Logits:
        (logits,) = self._session.run([OUTPUT], {INPUT: image[None]})
        return np.asarray(logits[0], np.float32)


class OpenVino:
    name = "openvino"

    def __init__(self, bundle: Bundle, threads: int) -> None:
        import openvino

        core = openvino.Core()
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
        try:
            model = core.read_model(model=bundle.network)
            self._model = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise _no_network(bundle, error) from None
        shapes = [
            tuple(d.get_length() if d.is_static else None for d in i.get_partial_shape())
            for i in model.inputs
        ]
        _check_input(bundle, shapes)
        self._request = self._model.create_infer_request()

    def __call__(self, image: Image) -> Logits:
        found = self._request.infer({INPUT: image[None]})
        return np.array(found[OUTPUT][0], np.float32)


class Torch:
    name = "torch"

    def __init__(self, bundle: Bundle, threads: int) -> None:
        import torch

        from ser_ros.training.export import network_of

        torch.set_num_threads(threads)
        self._torch = torch
        self._network = network_of(bundle)

    def __call__(self, image: Image) -> Logits:
        with self._torch.inference_mode():
            logits = self._network(self._torch.from_numpy(image[None]))
        return np.asarray(logits[0].numpy(), np.float32)


RUNTIMES: dict[str, Callable[[Bundle, int], Runtime]] = {
    runtime.name: runtime for runtime in (OnnxRuntime, OpenVino, Torch)
}
CHOICES = ("auto", *RUNTIMES)


def chosen(name: str) -> str:
    """Return which runtime `auto` is here; another name stays. Raises `BadValue`."""
    if name not in CHOICES:
        raise BadValue("runtime", name, f"one of {', '.join(CHOICES)}")
    if name == "auto":
        return "openvino" if _openvino_works() else "onnxruntime"
    return name


@cache
def _openvino_works() -> bool:
    """Return whether OpenVINO is installed and finds the processor; a warning where only the first.

    An install may be of another architecture, or lack what its libraries ask of the system.
    """
    if find_spec("openvino") is None:
        return False
    try:
        import openvino

        devices = openvino.Core().available_devices
    except (ImportError, OSError, RuntimeError) as error:
        why = " ".join(str(error).split())
    else:
        if "CPU" in devices:
            return True
        why = f"it finds no CPU, only {devices}"
    _log.warning("OpenVINO is installed and cannot be used (%s); ONNX Runtime computes.", why)
    return False


def open_runtime(bundle: Bundle, name: str = "auto", threads: int = 1) -> Runtime:
    """Load the network. Raises `RuntimeUnavailable`, or `BundleMismatch` where it does not fit."""
    name = chosen(name)
    try:
        runtime = RUNTIMES[name](bundle, threads)
    except (ImportError, MissingExtra) as error:
        raise RuntimeUnavailable(name, str(error)) from error
    try:
        logits = runtime(np.zeros(bundle.features.shape, np.float32))
    except Exception as error:  # as above; it has no input or output of the names expected
        raise _no_network(bundle, error, f"from '{INPUT}' to '{OUTPUT}'") from None
    if logits.shape != (len(bundle.labels),):
        raise BundleMismatch(
            _where(bundle), "the network's number of outputs", logits.shape, (len(bundle.labels),)
        )
    if not np.isfinite(logits).all():
        raise BundleMismatch(_where(bundle), "the network's output", logits, "finite numbers")
    return runtime


def _no_network(
    bundle: Bundle, error: Exception, expected: str = "a valid ONNX file"
) -> BundleMismatch:
    why = " ".join(str(error).split())  # OpenVINO tells its story in many lines
    return BundleMismatch(_where(bundle), "the network", f"not usable ({why})", expected)


def _where(bundle: Bundle) -> Path | str:
    return bundle.folder or bundle.name


def _check_input(bundle: Bundle, shapes: list[tuple[object, ...]]) -> None:
    """Refuse a network whose input is not the image that the manifest tells of."""
    found = shapes[0][1:] if len(shapes) == 1 else shapes
    if found != bundle.features.shape:
        raise BundleMismatch(
            _where(bundle), "the network's own input shape", found, bundle.features.shape
        )


def trim_memory() -> None:
    """Give memory that loading a network has used and freed back to the system, where it can be.

    A network is parsed, copied and folded while it is loaded; glibc keeps some 40 MB of what that
    took for a process that will never need it again.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such call
        ctypes.CDLL(None).malloc_trim(0)
