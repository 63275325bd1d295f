"""From a window, or a clip, to an estimate."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny

from ser_ros import audio
from ser_ros.bundle import Calibration
from ser_ros.carried import recordings_folder
from ser_ros.classifier import Classifier, decide, softmax
from ser_ros.framing import windows_of

WINDOW = 40_000
SILENCE = np.zeros(WINDOW, np.float32)


def made(**how) -> Classifier:
    return Classifier(tiny.bundle(**how), "onnxruntime")


@pytest.fixture(scope="module")
def voice(voices):
    return next(windows_of(voices[0], WINDOW, WINDOW))


def test_a_voice_gets_the_networks_answer(voice):
    found = made(bias=[0, 4, 0, 0], slope=0)(voice)
    assert found.label == "neutral"
    assert found.labels == ("angry", "neutral", "sad", "happy")
    assert found.confidence == pytest.approx(np.exp(4) / (np.exp(4) + 3), abs=1e-5)
    assert found.probabilities.sum() == pytest.approx(1)
    assert found.probabilities.dtype == np.float32
    assert found.image is not None
    assert found.image.shape == tiny.FEATURES.shape
    assert found.speech_ratio > 0.4
    assert found.level_dbfs == pytest.approx(audio.level_dbfs(voice))


def test_without_speech_the_network_is_not_asked():
    classifier = made(bias=[9, 0, 0, 0])
    classifier.runtime = None  # type: ignore[assignment]  # would raise if it were called
    found = classifier(SILENCE)
    assert (found.label, found.confidence, found.speech_ratio) == ("no_speech", 0.0, 0.0)
    assert not found.probabilities.any()
    assert found.probabilities.shape == (4,)
    assert found.level_dbfs == -120
    assert found.image is None


def test_below_the_threshold_the_label_is_uncertain(voice):
    assert made(slope=0)(voice).label == "uncertain"
    sure = made(slope=0, calibration=Calibration(1.0, 0.25))(voice)
    assert sure.label == "angry"
    own = Classifier(tiny.bundle(slope=0), "onnxruntime", uncertain_below=0.2)
    assert own(voice).label == "angry"
    assert own.calibration.temperature == own.bundle.calibration.temperature
    assert made(slope=0)(voice).confidence == pytest.approx(0.25)


def test_the_threshold_itself_is_certain():
    assert decide(("a", "b"), np.array([0.5, 0.5], np.float32), 0.5) == "a"
    assert decide(("a", "b"), np.array([0.49, 0.51], np.float32), 0.52) == "uncertain"


def test_the_temperature_makes_probabilities_flatter(voice):
    sharp = made(bias=[3, 0, 0, 0], slope=0, calibration=Calibration(0.5))(voice)
    flat = made(bias=[3, 0, 0, 0], slope=0, calibration=Calibration(3.0))(voice)
    assert sharp.confidence > 0.99 > 0.6 > flat.confidence
    np.testing.assert_allclose(
        flat.probabilities, np.array([np.e, 1, 1, 1]) / (np.e + 3), rtol=1e-5
    )


def test_softmax_holds_extreme_logits():
    found = softmax(np.array([1e4, -1e4, 0, 0], np.float32), 0.01)
    np.testing.assert_array_equal(found, [1, 0, 0, 0])


def test_min_speech_ratio_decides(voice):
    classifier = made(bias=[9, 0, 0, 0])
    ratio = classifier(voice).speech_ratio
    classifier.min_speech_ratio = min(1.0, ratio + 0.01)
    assert classifier(voice).label == "no_speech"
    assert classifier(voice).speech_ratio == ratio
    classifier.min_speech_ratio = 0.0
    assert classifier(SILENCE).label == "angry"


# ── clips ─────────────────────────────────────────────────────────────────────────────────────


def test_a_clip_is_the_mean_of_its_windows_with_speech(voices):
    classifier = made(slope=2.0)
    clip = np.concatenate([voices[0], np.zeros(2 * WINDOW, np.float32), voices[4]])
    whole, windows = classifier.clip(clip)
    assert len(windows) == len(list(windows_of(clip, WINDOW, WINDOW // 2)))
    spoken = [w for w in windows if w.label != "no_speech"]
    assert 0 < len(spoken) < len(windows)
    assert np.ptp([w.confidence for w in spoken]) > 1e-3, "windows that differ, or this is no test"
    np.testing.assert_allclose(
        whole.probabilities, np.mean([w.probabilities for w in spoken], axis=0), atol=1e-6
    )
    assert whole.confidence == pytest.approx(float(whole.probabilities.max()))
    assert whole.speech_ratio == pytest.approx(np.mean([w.speech_ratio for w in windows]))
    assert whole.level_dbfs == pytest.approx(audio.level_dbfs(clip))


def test_a_short_clip_is_one_window(voices):
    whole, windows = made(bias=[9, 0, 0, 0]).clip(voices[0][: WINDOW // 2])
    assert len(windows) == 1
    np.testing.assert_array_equal(whole.probabilities, windows[0].probabilities)


def test_a_clip_without_speech(voices):
    whole, windows = made().clip(np.zeros(3 * WINDOW, np.float32))
    assert whole.label == "no_speech"
    assert {w.label for w in windows} == {"no_speech"}
    assert not whole.probabilities.any()


def test_the_hop_of_a_clip_may_be_chosen(voices):
    clip = np.resize(voices[0], 3 * WINDOW)
    assert [len(made().clip(clip, hop)[1]) for hop in (None, WINDOW, 10_000)] == [5, 3, 9]


# ── the carried model ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_golden_probabilities_of_one_stored_clip(shipped_bundle, runtime):
    """The carried model says of one recording what it said when it was made.

    Make the file anew after the model has changed, and only then:

        python -m ser_ros predict --runtime onnxruntime --json recordings/03a05Wa.flac \
            > test/data/golden.json
    """
    if runtime == "openvino":
        pytest.importorskip("openvino", reason="openvino is not installed")
    golden = json.loads((Path(__file__).parent / "data" / "golden.json").read_text())
    classifier = Classifier(shipped_bundle, runtime)
    clip = recordings_folder() / Path(golden["path"]).name
    found, windows = classifier.clip(audio.load(clip))
    tolerance = 1e-3 if runtime == "onnxruntime" else 1e-2
    assert dict(zip(found.labels, found.probabilities.tolist(), strict=True)) == pytest.approx(
        golden["probabilities"], abs=tolerance
    )
    assert found.speech_ratio == pytest.approx(golden["speech_ratio"], abs=1e-3)
    assert [window.label for window in windows] == golden["windows"]
    assert found.label == golden["label"]


def test_the_carried_model_judges_every_carried_recording(classifier, voices):
    for voice in voices:
        whole, _ = classifier.clip(voice)
        assert whole.label != "no_speech"
        assert whole.probabilities.sum() == pytest.approx(1, abs=1e-5)
