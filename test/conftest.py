"""What several tests share."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from programs import python

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.bundle import DEFAULT_MODEL, Bundle
from ser_ros.carried import models_folder, recordings_folder
from ser_ros.classifier import Classifier

# A shell starts what runs in its background deaf to Ctrl-C, and so would be what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes on a busy machine tells nothing.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def recordings() -> list[Path]:
    """The eight carried recordings of acted speech."""
    found = sorted(recordings_folder().glob("*.flac"))
    assert len(found) == 8
    return found


@pytest.fixture(scope="session")
def voices(recordings: list[Path]) -> list[Samples]:
    """The carried recordings as samples at the network's rate."""
    return [audio.load(path) for path in recordings]


@pytest.fixture(scope="session")
def shipped_folder() -> Path:
    return models_folder() / DEFAULT_MODEL


@pytest.fixture(scope="session")
def shipped_bundle(shipped_folder: Path) -> Bundle:
    """The model that the package carries; a package without it is broken, so nothing skips."""
    return Bundle.load(shipped_folder)


@pytest.fixture(scope="session")
def classifier(shipped_bundle: Bundle) -> Classifier:
    return Classifier(shipped_bundle, "onnxruntime")


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def ser_ros() -> Command:
    """Run `python -m ser_ros ...` as a user does; return its exit code and what it wrote."""

    def run(*words: object, env: dict[str, str] | None = None, cwd: Path | None = None):
        return python("-m", "ser_ros", *[str(word) for word in words], env=env, cwd=cwd)

    return run


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast tests first: who broke something wants to know soon."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
