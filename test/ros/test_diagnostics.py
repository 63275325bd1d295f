"""What the nodes say of themselves, and what else is written down about it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from graph import Graph
from rcl_interfaces.srv import DescribeParameters

from ser_ros.audio import Samples
from ser_ros.nodes import topics
from ser_ros.nodes.behavior import BehaviorNode
from ser_ros.nodes.capture import CaptureNode
from ser_ros.nodes.dashboard import DashboardNode
from ser_ros.nodes.inference import InferenceNode
from ser_ros.nodes.managed import ManagedNode

pytestmark = [pytest.mark.ros, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "recordings" / "03a05Wa.flac"
NODES: dict[type[ManagedNode], dict[str, object]] = {
    CaptureNode: {"source": "file", "files": [str(FILE)]},
    InferenceNode: {},
    BehaviorNode: {},
    DashboardNode: {"port": 0, "runtime": "onnxruntime"},
}


def name_of(kind: type[ManagedNode]) -> str:
    return kind.__name__.removesuffix("Node").lower()


def analyzers() -> dict[str, Any]:
    file = yaml.safe_load((ROOT / "config" / "diagnostics_aggregator.yaml").read_text())
    return file["analyzers"]["ros__parameters"]["ser_ros"]["analyzers"]


def matching(name: str) -> list[str]:
    """Return the analyzers that take a status; the whole name must match, as in the aggregator."""
    return [
        analyzer
        for analyzer, told in analyzers().items()
        if any(re.fullmatch(pattern, name) for pattern in told["regex"])
    ]


@pytest.mark.parametrize("namespace", ["", "/robots/one"])
def test_the_aggregator_sorts_every_status(graph: Graph, namespace: str) -> None:
    told = ("-r", f"__ns:={namespace or '/'}")
    arrays = graph.collect(DiagnosticArray, topics.DIAGNOSTICS)

    def names() -> list[str]:
        return sorted({status.name for array in arrays for status in array.status})

    prefix = f"{namespace}/".lstrip("/")
    expected = []
    for kind, parameters in NODES.items():
        name = name_of(kind)
        graph.start(name, *told, "-r", f"__node:=my_{name}", **parameters)
        expected.append(f"{prefix}my_{name}: {name}")
        graph.until(lambda: names() == sorted(expected), f"a status of {name}")
    assert sorted(found for name in names() for found in matching(name)) == sorted(analyzers())
    hardware = {status.hardware_id for array in arrays for status in array.status}
    assert socket.gethostname() in hardware
    assert all(hardware)
    assert matching("camera: capture rate") == []


def test_what_was_lost_warns_and_says_what_to_do(graph: Graph, long_speech: Samples) -> None:
    graph.start("inference", hop=0.05, max_age=0.1)
    diagnostics = graph.diagnostics("inference")
    graph.speak(long_speech)
    graph.until(lambda: diagnostics().get("windows dropped", "0") != "0", "dropped windows")
    assert diagnostics()["level"] == "1"
    assert re.search(r"windows dropped: \d+ in the last 30 s; .*hop", diagnostics()["message"])


def test_a_behaviour_without_states_says_so(graph: Graph) -> None:
    graph.start("behavior", "-r", "emotion_state:=mood")
    diagnostics = graph.diagnostics("behavior")
    graph.until(lambda: diagnostics().get("level") == "1", "a warning")
    assert "Nobody publishes emotion_state" in diagnostics()["message"]
    graph.start("inference", "-r", "emotion_state:=mood")
    graph.until(lambda: diagnostics().get("level") == "0", "that it is well")


@pytest.mark.parametrize("kind", NODES, ids=lambda kind: kind.__name__)
def test_ranges_and_descriptions_are_told_to_who_asks(
    graph: Graph, kind: type[ManagedNode]
) -> None:
    """By the service that rqt_reconfigure asks."""
    name = name_of(kind)
    graph.start(name, **NODES[kind])
    request = DescribeParameters.Request(names=[spec.name for spec in kind.SPECS])
    answer = graph.call(DescribeParameters, f"/{name}/describe_parameters", request)
    for spec, told in zip(kind.SPECS, answer.descriptors, strict=True):
        assert told.description.startswith(spec.description)
        ranges = [(span.from_value, span.to_value) for span in told.floating_point_range]
        ranges += [(span.from_value, span.to_value) for span in told.integer_range]
        assert ranges == ([] if spec.low is None else [(spec.low, spec.high)])
        assert all(choice in told.additional_constraints for choice in spec.choices)


def documented(node: str) -> set[str]:
    """Return the keys that the README explains for a node."""
    table = (ROOT / "README.md").read_text().partition("| key | node |")[2].partition("\n\n")[0]
    rows = [row.split("|")[1:3] for row in table.splitlines() if row.startswith("| `")]
    return {key for keys, of in rows if of.strip() == node for key in re.findall("`([^`]+)`", keys)}


def test_the_readme_explains_every_key_and_no_other(graph: Graph, long_speech: Samples) -> None:
    said = {}
    for kind, parameters in NODES.items():
        graph.start(name_of(kind), **parameters)
        said[name_of(kind)] = graph.diagnostics(name_of(kind))
    graph.speak(long_speech)
    graph.until(lambda: said["inference"]().get("windows judged", "0") != "0", "a window")
    for name, newest in said.items():
        graph.until(newest, f"what {name} says")
        keys = {re.sub("^label .*", "label ...", key) for key in newest()}
        assert keys - {"level", "message"} == documented(name)
