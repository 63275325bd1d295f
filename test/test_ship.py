"""What is shipped beside the code says the same as the code."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="the parameters are those of ROS nodes")

ROOT = Path(__file__).resolve().parents[1]
NODES = ("capture", "inference", "behavior", "dashboard")


def specs(name: str) -> dict[str, Any]:
    from ser_ros.nodes import managed

    module = importlib.import_module(f"ser_ros.nodes.{name}")
    node = getattr(module, f"{name.capitalize()}Node")
    return {spec.name: spec for spec in (*node.SPECS, managed.AUTOSTART)}


@pytest.mark.parametrize("name", NODES)
def test_the_parameter_file_has_every_parameter_with_its_default(name: str) -> None:
    file = yaml.safe_load((ROOT / "config" / "ser.yaml").read_text())
    told = file[f"/**/{name}"]["ros__parameters"]
    assert told == {key: spec.default for key, spec in specs(name).items()}


@pytest.mark.parametrize("name", NODES)
def test_every_parameter_is_described(name: str) -> None:
    for spec in specs(name).values():
        assert spec.description.endswith(".")
        spec.check(spec.default)


def test_the_launch_file_names_parameters_that_exist() -> None:
    tree = ast.parse((ROOT / "launch" / "ser.launch.py").read_text())
    values = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    parameters = ast.literal_eval(values["PARAMETERS"])
    assert tuple(parameters) == NODES
    for name, own in parameters.items():
        assert set(own) <= specs(name).keys() | {"use_sim_time"}  # every node of ROS has it
    arguments = values["ARGUMENTS"]
    defaults = {
        ast.literal_eval(key): ast.unparse(value.elts[0])
        for key, value in zip(arguments.keys, arguments.values, strict=True)
    }
    # Not told, it overrides nothing of the parameter file.
    assert {defaults[key] for own in parameters.values() for key in own} == {"''"}


def test_the_launch_file_refuses_a_parameter_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What it imports comes with an installed ROS only; this function needs none of that.
    tree = ast.parse((ROOT / "launch" / "ser.launch.py").read_text())
    named = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    scope: dict[str, Any] = {"Path": Path}
    function = ast.Module([named["_params_file"]], [])
    exec(compile(function, "ser.launch.py", "exec"), scope)
    assert "_params_file(told['params_file'])" in ast.unparse(named["_nodes"])
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    assert scope["_params_file"]("~/mine.yaml") == str(tmp_path / "mine.yaml")
    for wrong in ("~/yours.yaml", str(tmp_path), ""):
        with pytest.raises(RuntimeError, match="expected the path of a YAML file"):
            scope["_params_file"](wrong)


def test_the_launch_file_makes_a_description() -> None:
    launch = pytest.importorskip("launch_ros", reason="launch comes with an installed ROS only")
    assert launch
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    source = PythonLaunchDescriptionSource(str(ROOT / "launch" / "ser.launch.py"))
    assert source.try_get_launch_description_without_context()


def test_versions_agree() -> None:
    import ser_ros

    manifest = (ROOT / "package.xml").read_text()
    assert f"<version>{ser_ros.__version__}</version>" in manifest
    assert f"## [{ser_ros.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
