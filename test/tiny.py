"""The smallest networks that a bundle can hold, as ONNX, written without the onnx package.

They are no models: they look at the mean of each channel and nothing else. They stand in where a
test is about what surrounds the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ser_ros.bundle import Bundle, Calibration
from ser_ros.features import FeatureConfig
from ser_ros.labels import FOUR, LabelSet

FEATURES = FeatureConfig(bands=16, deltas=0)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(raw)) + raw


def _node(operator: str, inputs: Sequence[str], output: str) -> bytes:
    named = b"".join(_bytes(1, name) for name in inputs)
    return named + _bytes(2, output) + _bytes(4, operator)


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = b"".join(_number(1, size) for size in array.shape)
    raw = np.ascontiguousarray(array, "<f4").tobytes()
    return dims + _number(2, 1) + _bytes(8, name) + _bytes(9, raw)


def _value(name: str, shape: Sequence[int | str]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, d) if isinstance(d, int) else _bytes(2, d)) for d in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def network(
    shape: tuple[int, int, int] = FEATURES.shape,
    outputs: int = 4,
    bias: Sequence[float] | None = None,
    slope: float = 1.0,
    names: tuple[str, str] = ("image", "logits"),
) -> bytes:
    """logits = bias + slope * (mean of channel 0) * (0, 1, 2, ...)."""
    weights = np.zeros((shape[0], outputs))
    weights[0] = slope * np.arange(outputs)
    offsets = np.zeros(outputs) if bias is None else np.asarray(bias, float)
    graph = b"".join(
        (
            _bytes(1, _node("GlobalAveragePool", [names[0]], "pooled")),
            _bytes(1, _node("Flatten", ["pooled"], "flat")),
            _bytes(1, _node("Gemm", ["flat", "weights", "bias"], names[1])),
            _bytes(2, "tiny"),
            _bytes(5, _tensor("weights", weights)),
            _bytes(5, _tensor("bias", offsets)),
            _bytes(11, _value(names[0], ("n", *shape))),
            _bytes(12, _value(names[1], ("n", outputs))),
        )
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 17))


def bundle(
    bias: Sequence[float] | None = None,
    slope: float = 1.0,
    features: FeatureConfig = FEATURES,
    labels: LabelSet = FOUR,
    calibration: Calibration | None = None,
    neutral_logits: Sequence[float] | None = None,
) -> Bundle:
    content = network(features.shape, len(labels), bias, slope)
    about = {"description": "a stand-in, not a model", "licence": "CC0 1.0"}
    neutral = None if neutral_logits is None else tuple(neutral_logits)
    return Bundle(
        "tiny",
        labels,
        features,
        calibration or Calibration(),
        content,
        about,
        neutral_logits=neutral,
    )
