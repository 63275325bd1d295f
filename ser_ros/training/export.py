"""From a trained network to the ONNX file of a bundle, and back for comparison."""

from __future__ import annotations

import io

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from ser_ros.bundle import Bundle
from ser_ros.errors.models import BundleMismatch
from ser_ros.features import FeatureConfig
from ser_ros.network import build_network
from ser_ros.runtime import INPUT, OUTPUT

OPSET = 18

_HALF = ".half"
"""Suffix of a weight that is stored in 16 bits; a cast of its plain name stands beside it."""

_SMALL = 1024
"""Weights of fewer elements stay in 32 bits: they save nothing, and the norms need them exact."""


def to_onnx(network: torch.nn.Module, features: FeatureConfig) -> bytes:
    """Return a network as ONNX: `image` (n, channels, bands, frames) to `logits` (n, labels).

    Weights keep the names of the network's parameters and are stored in 16 bits, which halves the
    file; a runtime brings them to 32 bits when it loads them, and computes in its own precision.
    """
    plain = without_dropout(network).eval()
    with torch.no_grad():
        model = _exported(plain, features)
    _store_in_half(model)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _exported(network: torch.nn.Module, features: FeatureConfig) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(
        network,
        (torch.zeros(1, *features.shape),),
        file,  # type: ignore[arg-type]  # without dynamo it may be a file in memory
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
        opset_version=OPSET,
        # Keeps every parameter under its own name; a runtime folds the norms when it loads.
        training=torch.onnx.TrainingMode.PRESERVE,
        do_constant_folding=False,
        dynamo=False,
    )
    return onnx.load_from_string(file.getvalue())


def only(network: torch.nn.Module, labels: int) -> torch.nn.Module:
    """Leave the network its first `labels` outputs, in place: what was learned along goes.

    Under a softmax the others then share what is left as they did before.
    """
    last = without_dropout(network).classifier
    assert isinstance(last, torch.nn.Linear)
    if last.out_features > labels:
        fewer = torch.nn.Linear(last.in_features, labels)
        with torch.no_grad():
            fewer.weight.copy_(last.weight[:labels])
            fewer.bias.copy_(last.bias[:labels])
        network.classifier = fewer
    return network


def without_dropout(network: torch.nn.Module) -> torch.nn.Module:
    """Put the bare classifier in the place of (dropout, classifier), in place."""
    if isinstance(network.classifier, torch.nn.Sequential):
        network.classifier = network.classifier[-1]
    return network


def _store_in_half(model: onnx.ModelProto) -> None:
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _SMALL:
            continue
        name = tensor.name
        half = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, name + _HALF))
        casts.append(helper.make_node("Cast", [name + _HALF], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def network_of(bundle: Bundle) -> torch.nn.Module:
    """Return the network of a bundle in torch, on the CPU, in evaluation mode.

    Raises `BundleMismatch` where its weights are not those of a DenseNet121.
    """
    network = build_network(bundle.features, len(bundle.labels))
    where = bundle.folder or bundle.name
    try:
        model = onnx.load_from_string(bundle.network)
    except Exception as error:  # protobuf's, which is not ours to import
        raise BundleMismatch(where, "the network", error, "a valid ONNX file") from None
    weights = {
        tensor.name.removesuffix(_HALF): torch.from_numpy(
            numpy_helper.to_array(tensor).astype(np.float32)
        )
        for tensor in model.graph.initializer
    }
    for node in model.graph.node:  # weights that are equal are stored once
        if node.op_type == "Identity" and node.input[0] in weights:
            weights[node.output[0]] = weights[node.input[0]]
    # torch counts the batches that a norm has seen; no graph needs that.
    own = {name for name in network.state_dict() if not name.endswith("num_batches_tracked")}
    if not own <= weights.keys():
        raise BundleMismatch(
            where,
            "the network's weights",
            f"without {sorted(own - weights.keys())[0]}",
            "those of a DenseNet121",
        )
    expected = network.state_dict()
    for name in sorted(own):
        if weights[name].shape != expected[name].shape:
            raise BundleMismatch(
                where,
                f"the network's weight {name}",
                f"of shape {tuple(weights[name].shape)}",
                tuple(expected[name].shape),
            )
    network.load_state_dict({name: weights[name] for name in own}, strict=False)
    return network.eval()
