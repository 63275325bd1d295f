"""Images equal librosa's, are the same at every gain, and refuse what has no meaning."""

from __future__ import annotations

import numpy as np
import pytest

from ser_ros.errors.config import BadValue, UnknownKey
from ser_ros.features import (
    FeatureConfig,
    ImageMaker,
    hz_to_mel,
    mel_filter_bank,
    mel_to_hz,
    slope_matrix,
)
from ser_ros.framing import windows_of

CONFIG = FeatureConfig()


@pytest.fixture(scope="module")
def librosa():
    return pytest.importorskip(
        "librosa", reason="librosa, which the images are compared with, is in the extra train"
    )


@pytest.fixture(scope="module")
def window(voices):
    return next(windows_of(voices[0], CONFIG.window, CONFIG.window))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        FeatureConfig(n_fft=512, hop=160, bands=64, fmin=0.0),
        FeatureConfig(rate=22050, window=55125, n_fft=2048, hop=512, fmin=20.0, fmax=11025.0),
    ],
    ids=["default", "512", "22 kHz"],
)
def test_filter_bank_and_spectrogram_equal_librosas(librosa, window, config):
    how = {"sr": config.rate, "n_fft": config.n_fft, "n_mels": config.bands}
    how |= {"fmin": config.fmin, "fmax": config.fmax}
    np.testing.assert_allclose(mel_filter_bank(config), librosa.filters.mel(**how), atol=1e-7)
    assert mel_filter_bank(config).shape == (config.bands, 1 + config.n_fft // 2)

    samples = np.resize(window, config.window)
    ours = ImageMaker(config).mel_power(samples)
    theirs = librosa.feature.melspectrogram(y=samples, hop_length=config.hop, **how)
    assert ours.shape == theirs.shape == (config.bands, config.frames)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * theirs.max() * 1e-3)


def test_the_image_equals_librosas_decibels_and_slopes(librosa, window):
    image = ImageMaker(CONFIG)(window)
    power = librosa.feature.melspectrogram(
        y=window, sr=16000, n_fft=1024, hop_length=256, n_mels=128, fmin=50, fmax=8000
    )
    decibels = librosa.power_to_db(power, ref=np.max, amin=1e-14, top_db=70.0)
    np.testing.assert_allclose(image[0], decibels / 35 + 1, atol=1e-4)
    slope = librosa.feature.delta(image[0], width=9, mode="interp")
    np.testing.assert_allclose(image[1], slope * 10, atol=1e-4)
    slope_of_slope = librosa.feature.delta(image[1], width=9, mode="interp")
    np.testing.assert_allclose(image[2], slope_of_slope * 10, atol=1e-4)


@pytest.mark.parametrize("cepstra", [13, 128])
def test_the_cepstrum_is_the_cosine_transform_of_the_bands(window, cepstra):
    fft = pytest.importorskip("scipy.fft", reason="scipy is in the extra train")
    config = FeatureConfig(cepstra=cepstra)
    image = ImageMaker(config)(window)
    assert image.shape == config.shape == (3, cepstra, 157)
    bands = ImageMaker(CONFIG)(window)[0]
    expected = fft.dct(bands, type=2, axis=0, norm="ortho")[:cepstra]
    np.testing.assert_allclose(image[0] * np.sqrt(128), expected, atol=1e-4)
    assert np.abs(image[0]).max() <= 1
    np.testing.assert_allclose(image[1], image[0] @ slope_matrix(157) * 10, atol=1e-5)


def test_the_mel_scale_is_slaneys_and_has_an_inverse(librosa):
    hz = np.linspace(0, 11000, 500)
    np.testing.assert_allclose(hz_to_mel(hz), librosa.hz_to_mel(hz), rtol=1e-9)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz)), hz, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("decibels", [-30, -12, 0, 6, 20])
def test_the_image_is_the_same_at_every_gain(window, decibels):
    gain = np.float32(10 ** (decibels / 20))
    maker = ImageMaker(CONFIG)
    np.testing.assert_allclose(maker(window * gain), maker(window), atol=2e-4)


@pytest.mark.parametrize("deltas", [0, 1, 2])
@pytest.mark.parametrize("bands", [16, 128])
def test_shapes(window, deltas, bands):
    config = FeatureConfig(deltas=deltas, bands=bands)
    image = ImageMaker(config)(window)
    assert image.shape == config.shape == (1 + deltas, bands, 157)
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image[0].max() == 1.0
    assert image[0].min() == -1.0
    assert config.window_s == 2.5


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(40000, np.float32),
        np.full(40000, 1e-30, np.float32),
        np.ones(40000, np.float32),
        np.eye(1, 40000, 20000, dtype=np.float32)[0],
    ],
    ids=["silence", "almost silence", "constant", "click"],
)
def test_an_image_is_finite_and_within_bounds(samples):
    image = ImageMaker(CONFIG)(samples)
    assert np.isfinite(image).all()
    assert -1 <= image[0].min() <= image[0].max() == 1


def test_slopes_of_a_straight_line_are_its_slope():
    line = np.arange(20, dtype=np.float32)[None] * 3
    np.testing.assert_allclose(line @ slope_matrix(20), np.full((1, 20), 3), atol=1e-5)


@pytest.mark.parametrize("shape", [(39999,), (40001,), (1, 40000), (0,)])
def test_a_window_of_another_shape_is_refused(shape):
    with pytest.raises(BadValue, match=r"expected \(40000,\)"):
        ImageMaker(CONFIG)(np.zeros(shape, np.float32))


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"window": -1},
        {"n_fft": 0},
        {"n_fft": 1023},
        {"hop": 0},
        {"bands": 0},
        {"range_db": 0.0},
        {"range_db": float("nan")},
        {"range_db": float("inf")},
        {"fmin": -1.0},
        {"fmin": 8000.0},
        {"fmax": 8001.0},
        {"fmax": float("nan")},
        {"deltas": 3},
        {"cepstra": -1},
        {"cepstra": 129},
        {"window": 2000},
    ],
    ids=str,
)
def test_a_configuration_without_meaning_is_refused(change):
    with pytest.raises(BadValue, match=r"^features\."):
        FeatureConfig(**change)


def test_a_configuration_travels_as_a_dictionary():
    config = FeatureConfig(bands=64, deltas=1)
    assert FeatureConfig.from_dict(config.to_dict()) == config
    with pytest.raises(UnknownKey, match="'mels'"):
        FeatureConfig.from_dict({"mels": 3})
    for bad in ({"bands": "64"}, {"bands": True}, {"bands": 64.0}, {"fmin": None}):
        with pytest.raises(BadValue):
            FeatureConfig.from_dict(bad)
    assert isinstance(FeatureConfig.from_dict({"fmin": 60}).fmin, float)
