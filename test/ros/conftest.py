from pathlib import Path

import numpy as np
import pytest
from graph import graph  # noqa: F401

from ser_ros import audio
from ser_ros.audio import Samples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def speech() -> Samples:
    """About 3.4 s of acted anger, 16 kHz mono."""
    return audio.load(ROOT / "recordings" / "03a05Wa.flac")


@pytest.fixture(scope="session")
def long_speech(speech: Samples) -> Samples:
    """Ten seconds of it."""
    return np.tile(speech, 4)[:160_000]
