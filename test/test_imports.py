"""Imports point down, and what a process does not need it does not load."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from programs import ROOT, python

PACKAGE = ROOT / "ser_ros"

ORDER = (
    ("errors",),
    ("labels", "config", "files", "processes"),
    ("audio",),
    ("framing", "soundcard"),
    ("clock", "features", "carried", "health"),
    ("sources", "speech", "bundle", "stream"),
    ("microphone", "capture", "runtime", "behaviors", "baseline"),
    ("classifier",),
    ("tracking", "display", "corpora", "voices"),
    ("bags",),
    ("hearing", "network", "evaluation", "watching"),
    ("replay", "web"),
    ("fleet", "training", "nodes", "report"),
    ("benchmark",),
    ("cli",),
    ("__main__",),
)
"""Rooms from the bottom up; one may import what stands on a line below its own, or itself."""

LATER = {("runtime", "training")}
"""Imports against the order, within functions only: torch is a guest, and reads its own weights."""

LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found[name] = path
    return found


def imports(path: Path) -> list[tuple[str, int, bool]]:
    """Return (module, line, whether it stands within a function)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found += [(name, node.lineno, id(node) in inside) for name in names]
    return found


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_module_has_its_room():
    assert {room(name) for name in modules() if name} <= set(LEVEL)


def test_imports_point_down():
    upward = []
    for name, path in modules().items():
        for imported, line, within in imports(path):
            if not name or not imported.startswith("ser_ros."):
                continue
            target = imported.split(".")[1]
            if target not in LEVEL:  # a name of the package itself, or the generated messages
                assert target in ("__version__", "msg", "srv"), imported
                continue
            own = room(name)
            if target == own or LEVEL[target] < LEVEL[own] or (within and (own, target) in LATER):
                continue
            upward.append(f"{path.relative_to(ROOT)}:{line} imports {imported}")
    assert upward == []


def test_the_readme_shows_the_rooms_in_their_order():
    told = (ROOT / "README.md").read_text(encoding="utf-8").partition("## How it is built")[2]
    lines = [line.split("|")[1] for line in told.splitlines() if line.startswith("| `")]
    place = {name: i for i, line in enumerate(lines) for name in re.findall(r"`(\w+)/?`", line)}
    assert set(place) == set(LEVEL) - {"__main__"}
    for name, path in modules().items():
        for imported, line, within in imports(path):
            own, target = room(name), imported.split(".")[1] if "." in imported else ""
            if imported.startswith("ser_ros.") and target in place and own in place and not within:
                assert place[target] <= place[own], f"{path}:{line}"


def test_no_circle_within_a_room():
    """Modules of one room import one another in one direction."""
    edges: dict[str, set[str]] = {name: set() for name in modules()}
    for name, path in modules().items():
        for imported, _, within in imports(path):
            inner = imported.removeprefix("ser_ros.")
            if within or inner == imported:
                continue
            for candidate in (inner, inner.rpartition(".")[0]):
                if candidate in edges and candidate != name:
                    edges[name].add(candidate)
                    break

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join((*way, name))}"
        if name in done:
            return
        for target in edges[name]:
            # A package gathers what lies in it.
            if not target.startswith(f"{name}."):
                visit(target, (*way, name))
        done.add(name)

    done: set[str] = set()
    for name in edges:
        visit(name, ())


ROS = {"rclpy", "rcl_interfaces", "lifecycle_msgs", "audio_common_msgs", "builtin_interfaces"}
ROS |= {
    "std_msgs",
    "std_srvs",
    "sensor_msgs",
    "rosgraph_msgs",
    "diagnostic_msgs",
    "launch",
    "launch_ros",
}
GENERATED_AND_NODES = ("ser_ros.msg", "ser_ros.srv", "ser_ros.nodes")
DOORS = {"cli.bag_play", "cli.bag_record", "cli.run", "cli.watch"}
"""Commands that need ROS."""


def test_only_the_nodes_know_ros():
    for name, path in modules().items():
        if room(name) == "nodes" or name in DOORS:
            continue
        for imported, line, within in imports(path):
            knows = room(imported) in ROS or imported.startswith(GENERATED_AND_NODES)
            # The benchmark may measure the nodes, once asked to.
            allowed = within and room(name) == "benchmark"
            assert not knows or allowed, f"{path}:{line} imports {imported}"


# ── what a process loads ──────────────────────────────────────────────────────────────────────

HEAVY = ("torch", "torchvision", "librosa", "numba", "scipy", "sklearn", "matplotlib", "onnx")
RUNTIMES = ("onnxruntime", "openvino")


def loaded(*names: str) -> dict[str, list[str]]:
    """Import modules in a new process; return what it has loaded then, and its threads."""
    code = (
        "import sys, threading, json, importlib\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps({'modules': sorted(sys.modules), "
        "'threads': [t.name for t in threading.enumerate()]}))"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_capture_side_loads_no_network():
    found = loaded(
        *(f"ser_ros.{name}" for name in ("audio", "framing", "sources", "capture", "health")),
        "ser_ros.cli.record",
        "ser_ros.cli.devices",
    )
    assert not {*HEAVY, *RUNTIMES, "ser_ros.network"} & set(found["modules"])


def test_the_inference_side_loads_no_torch():
    found = loaded(
        *(f"ser_ros.{name}" for name in ("hearing", "behaviors", "health", "carried")),
        *(f"ser_ros.cli.{name}" for name in ("predict", "evaluate", "train")),
    )
    assert not {*HEAVY, *RUNTIMES} & set(found["modules"])


def test_judging_a_window_loads_no_torch(tmp_path):
    code = (
        "import sys, numpy, tiny\n"
        "from ser_ros.classifier import Classifier\n"
        "judge = Classifier(tiny.bundle(), 'onnxruntime', min_speech_ratio=0.0)\n"
        "judge(numpy.zeros(40000, 'f4'))\n"
        "print(*sys.modules)"
    )
    done = python("-c", code, cwd=ROOT / "test")
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.split())
    assert "onnxruntime" in found
    assert not {*HEAVY, "openvino"} & found


def test_importing_starts_no_thread_and_says_nothing():
    names = [
        f"ser_ros.{name}".rstrip(".")
        for name in modules()
        if room(name) not in ("nodes", "training", "benchmark", "__main__") and name not in DOORS
    ]
    found = loaded(*names)
    assert found["threads"] == ["MainThread"]


@pytest.mark.train
def test_importing_the_training_starts_no_thread():
    for name in ("torch", "scipy", "onnx"):
        pytest.importorskip(name, reason=f"{name} is in the extra train")
    names = [f"ser_ros.{name}" for name in modules() if room(name) == "training"]
    assert loaded(*names)["threads"] == ["MainThread"]
