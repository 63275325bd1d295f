"""The speech gate: real voices pass, and what is no voice does not."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ser_ros.carried import models_folder
from ser_ros.classifier import MIN_SPEECH_RATIO
from ser_ros.errors.models import BundleDamaged, BundleMissing
from ser_ros.framing import windows_of
from ser_ros.speech import SpeechGate

WINDOW = 40_000
T = np.arange(WINDOW) / 16_000


@pytest.fixture(scope="module")
def gate() -> SpeechGate:
    return SpeechGate()


@pytest.fixture(scope="module")
def spoken(voices):
    return [next(windows_of(voice, WINDOW, WINDOW)) for voice in voices]


def test_every_carried_voice_is_speech(gate, spoken):
    for window in spoken:
        assert gate.ratio(window) >= 2 * MIN_SPEECH_RATIO


@pytest.mark.parametrize("decibels", [-40, -20, 10])
def test_a_quiet_voice_is_speech_as_well_as_a_loud_one(gate, spoken, decibels):
    gain = np.float32(10 ** (decibels / 20))
    for window in spoken[:3]:
        assert gate.ratio(window * gain) == pytest.approx(gate.ratio(window), abs=0.03)


def noise(seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(WINDOW)).astype(np.float32)


NO_VOICES = {
    "silence": np.zeros(WINDOW, np.float32),
    "noise of a converter": noise(1) * np.float32(1e-4),
    "white noise": noise(2),
    "faint white noise": noise(3) * np.float32(0.01),
    "brown noise": (np.cumsum(noise(4)) / 40).astype(np.float32),
    "tone of 100 Hz": (0.3 * np.sin(2 * np.pi * 100 * T)).astype(np.float32),
    "tone of 440 Hz": (0.3 * np.sin(2 * np.pi * 440 * T)).astype(np.float32),
    "tone of 3 kHz": (0.3 * np.sin(2 * np.pi * 3000 * T)).astype(np.float32),
    "clicks": (np.arange(WINDOW) % 4000 == 0).astype(np.float32),
    "full scale": np.ones(WINDOW, np.float32),
}


@pytest.mark.parametrize("what", NO_VOICES)
def test_what_is_no_voice_is_no_speech(gate, what):
    assert gate.ratio(NO_VOICES[what]) < MIN_SPEECH_RATIO


def test_a_word_in_a_silent_window_counts_by_its_length(gate, voices):
    word = np.zeros(WINDOW, np.float32)
    word[:12_000] = voices[3][6_000:18_000]
    assert 0.15 < gate.ratio(word) < 0.5


def test_nothing_is_remembered_from_window_to_window(gate, spoken):
    first = [gate.probabilities(window) for window in spoken]
    for window in reversed(spoken):
        gate.ratio(NO_VOICES["white noise"])
        gate.ratio(window)
    for window, before in zip(spoken, first, strict=True):
        np.testing.assert_array_equal(gate.probabilities(window), before)
        np.testing.assert_array_equal(SpeechGate().probabilities(window), before)


def test_the_samples_are_left_as_they_are(gate, spoken):
    before = spoken[0].copy()
    gate.ratio(spoken[0])
    np.testing.assert_array_equal(spoken[0], before)


def test_windows_of_any_length(gate, spoken):
    assert gate.probabilities(spoken[0]).shape == (WINDOW // 512,)
    assert gate.probabilities(spoken[0][:512]).shape == (1,)
    for short in (0, 1, 511):
        assert gate.ratio(spoken[0][:short]) == 0.0


def test_a_damaged_detector_is_refused(tmp_path):
    file = next((models_folder() / "silero-vad").glob("*.onnx"))
    copy = tmp_path / file.name
    shutil.copy(file, copy)
    SpeechGate(copy)
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    with pytest.raises(BundleDamaged, match="SHA-256"):
        SpeechGate(copy)
    copy.write_bytes(bytes(content[:1000]))
    with pytest.raises(BundleDamaged):
        SpeechGate(copy)
    copy.unlink()
    with pytest.raises(BundleMissing, match=copy.name):
        SpeechGate(copy)
