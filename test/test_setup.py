"""A new user's first minutes: a clean clone, set-up, the demo, a plain workspace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.ros]

# What scripts/env.sh of this copy has set must not help the clone.
FOREIGN = re.compile(
    r"^(SER_ROS_|_?ROS_|AMENT_|COLCON_|CMAKE_|VIRTUAL_ENV|PYTHONPATH|LD_LIBRARY_PATH)"
)


def clean_environment() -> dict[str, str]:
    environment = {k: v for k, v in os.environ.items() if not FOREIGN.match(k)}
    path = environment["PATH"].split(os.pathsep)
    environment["PATH"] = os.pathsep.join(p for p in path if not p.startswith(str(ROOT)))
    return environment


def clone(into: Path) -> Path:
    """Clone what is committed, and lay what is not over it, as `git add` would."""
    subprocess.run(["git", "clone", "-q", str(ROOT), str(into)], check=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        source, target = ROOT / name, into / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    return into


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_the_demo_of_a_clean_clone(tmp_path: Path) -> None:
    folder = clone(tmp_path / "ser_ros")
    demo = run(["scripts/demo"], folder, SER_ROS_PYTHON=sys._base_executable)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    headings = re.findall(r"^(\S+\.flac) · an actor \(", demo.stdout, re.M)
    assert sorted(headings) == sorted(path.name for path in ROOT.glob("recordings/*.flac"))
    lines = re.findall(r"^ *0:\d\d\.\d\d  \w+ .* ms$", demo.stdout, re.M)
    assert len(lines) == 16
    assert not list(folder.glob(".venv/lib/*/site-packages/torch")), "torch for a demo"

    again = run(["scripts/setup"], folder)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize("distro", ["jazzy", "kilted"])
def test_a_plain_build_in_a_workspace(tmp_path: Path, distro: str) -> None:
    environment = ROOT / (".venv" if distro == "jazzy" else ".venv-kilted")
    if not environment.is_dir():
        pytest.fail(f"no {environment.name}: run SER_ROS_DISTRO={distro} scripts/setup")
    clone(tmp_path / "src" / "ser_ros")
    told = {
        "PATH": f"{environment / 'bin'}{os.pathsep}{clean_environment()['PATH']}",
        "AMENT_PREFIX_PATH": str(environment),
        "CMAKE_PREFIX_PATH": str(environment),
    }
    built = run(["colcon", "build"], tmp_path, **told)
    assert built.returncode == 0, built.stdout + built.stderr
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from ser_ros.msg import Emotion, EmotionState\n"
        "from ser_ros.srv import Voice\n"
        "from ser_ros.labels import FOUR\n"
        "print(Emotion(label='sad', labels=FOUR.labels).label, EmotionState().label == '',\n"
        "    Voice.Request(name='anna').name)\n"
    )
    package = next(tmp_path.glob("install/ser_ros/lib/python*/site-packages"))
    libraries = {"LD_LIBRARY_PATH": str(tmp_path / "install" / "ser_ros" / "lib")}
    used = run(
        [str(environment / "bin" / "python"), "-c", code, str(package)],
        tmp_path,
        **told,
        **libraries,
    )
    assert used.stdout.split() == ["sad", "True", "anna"], used.stderr
    share = tmp_path / "install" / "ser_ros" / "share" / "ser_ros"
    for carried in ("launch/ser.launch.py", "config/ser.yaml", "models/densenet121/manifest.json"):
        assert (share / carried).is_file()
    for program in ("capture", "inference", "behavior"):
        assert os.access(tmp_path / "install/ser_ros/lib/ser_ros" / program, os.X_OK)


def test_a_wrong_distribution_is_refused() -> None:
    answer = run(["scripts/setup"], ROOT, SER_ROS_DISTRO="foxy")
    assert answer.returncode == 2
    assert "jazzy and kilted, not on 'foxy'" in answer.stderr


def test_the_nodes_on_kilted() -> None:
    command = ". scripts/env.sh && exec python -m ser_ros run recordings/03a05Wa.flac"
    heard = run(["bash", "-c", command], ROOT, SER_ROS_DISTRO="kilted", ROS_DOMAIN_ID="102")
    assert heard.returncode == 0, heard.stdout + heard.stderr
    assert len(re.findall(r"^ *0:\d\d\.\d\d  \w+ .* ms$", heard.stdout, re.M)) == 2
