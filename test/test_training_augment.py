"""Each augmentation does what it claims, and what is done to a batch of images too."""

from __future__ import annotations

import random as python_random

import numpy as np
import pytest
import soundfile
import trainings  # noqa: F401 - skips where there is no training

from ser_ros.audio import level_dbfs
from ser_ros.features import FeatureConfig, ImageMaker
from ser_ros.training.augment import (
    _CODECS,
    coded,
    draw_masks,
    draw_spoken,
    faster,
    mask,
    place,
    room_responses,
    silenced,
    waveform_augmentation,
)
from ser_ros.training.blend import blended_loss, colours_mixed, mixup
from ser_ros.training.config import SHARES, AugmentConfig

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.train

RATE = 16_000


def only(name: str, **settings: object) -> AugmentConfig:
    return AugmentConfig(**{**dict.fromkeys(SHARES, 0.0), name: 1.0, **settings})


def sine(hertz: float, seconds: float = 1.0, amplitude: float = 0.3):
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(RATE * seconds) / RATE)).astype("f4")


def loudest(samples) -> float:
    """The frequency that is strongest, in Hz."""
    return float(
        np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples))))) * RATE / len(samples)
    )


def changed(config: AugmentConfig, samples, seed: int = 1, noises=None, rooms=None):
    python_random.seed(seed)
    np.random.seed(seed)
    return waveform_augmentation(config, noises, rooms)(samples, RATE)


@pytest.mark.parametrize("ratio", [0.87, 1.15])
def test_speed_changes_length_and_pitch(ratio):
    found = faster(sine(500), ratio)
    assert len(found) == pytest.approx(RATE / ratio, abs=2)
    assert loudest(found) == pytest.approx(500 * ratio, abs=3)


def test_pitch_keeps_the_length_and_stretch_keeps_the_pitch():
    pitches, lengths = [], []
    for seed in range(6):
        shifted = changed(only("pitch"), sine(500), seed)
        assert len(shifted) == RATE
        pitches.append(12 * np.log2(loudest(shifted) / 500))
        stretched = changed(only("stretch"), sine(500), seed)
        assert loudest(stretched) == pytest.approx(500, abs=8)
        lengths.append(len(stretched) / RATE)
    assert -2.2 < min(pitches) < -0.4 and 0.4 < max(pitches) < 2.2
    assert 0.82 < min(lengths) < 0.97 and 1.03 < max(lengths) < 1.22


def test_gain_goes_beyond_20_db_either_way():
    voice = sine(500, amplitude=0.01)
    gains = [level_dbfs(changed(only("gain"), voice, n)) - level_dbfs(voice) for n in range(60)]
    assert -25.5 < min(gains) < -20
    assert 20 < max(gains) < 25.5
    loud = changed(only("gain"), sine(500, amplitude=0.9), int(np.argmax(gains)))
    assert np.abs(loud).max() == 1.0  # a converter's full scale


@pytest.mark.parametrize("codec", range(len(_CODECS)), ids=lambda n: _CODECS[n][1])
@pytest.mark.parametrize("length", [16_000, 44_803])
def test_a_codec_keeps_length_time_and_voice(voices, codec, length):
    voice = np.resize(voices[0], length)
    found = coded(voice, RATE, codec)
    assert found.shape == voice.shape and found.dtype == np.float32
    lags = range(-200, 201)
    inner = slice(400, -400)
    likeness = [np.corrcoef(np.roll(found, lag)[inner], voice[inner])[0, 1] for lag in lags]
    assert max(likeness) > 0.8
    assert abs(lags[int(np.argmax(likeness))]) <= 40
    assert not np.array_equal(found, voice)


@pytest.mark.parametrize("codec", [2, 3], ids=["GSM", "mu-law"])
def test_a_telephone_has_no_treble(codec):
    assert level_dbfs(coded(sine(6000), RATE, codec)) < level_dbfs(sine(6000)) - 30
    assert level_dbfs(coded(sine(1000), RATE, codec)) > level_dbfs(sine(1000)) - 3


def test_a_band_limit_takes_bass_and_treble():
    noise = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)

    def share(samples, low, high):
        power = np.abs(np.fft.rfft(samples)) ** 2
        return power[low:high].sum() / power.sum()

    for seed in range(5):
        found = changed(only("band_limit"), noise, seed)
        assert share(found, 6000, 8000) < share(noise, 6000, 8000) / 3
        assert share(found, 1000, 2500) > share(noise, 1000, 2500)


def test_rooms_add_a_tail_after_the_direct_sound(tmp_path):
    pytest.importorskip("pyroomacoustics")
    rooms = room_responses(4, RATE, 1)
    again = room_responses(4, RATE, 1)
    for room, same in zip(rooms, again, strict=True):
        np.testing.assert_array_equal(room, same)
        assert np.argmax(np.abs(room)) <= 16  # the direct sound; a filter's ringing before it
        assert np.abs(room).max() == 1.0
        tail = room[64:]
        assert len(tail) > 0.05 * RATE and (tail**2).sum() > 0.01 * (room**2).sum()
    assert not np.array_equal(rooms[0][:500], rooms[1][:500])
    soundfile.write(tmp_path / "room.wav", rooms[0], RATE, "FLOAT")
    click = np.zeros(RATE // 2, np.float32)
    click[1000] = 0.5
    found = changed(only("room"), click, rooms=tmp_path)
    assert len(found) == len(click)
    assert abs(int(np.argmax(np.abs(found))) - 1000) <= 16
    assert np.abs(found[1100:]).max() > 0.005


@pytest.mark.parametrize("name", ["noise", "hiss"])
@pytest.mark.parametrize("decibels", [0.0, 12.0])
def test_noise_has_the_ratio_that_was_asked_for(tmp_path, name, decibels):
    noise = np.random.default_rng(1).normal(0, 0.02, 2 * RATE)
    soundfile.write(tmp_path / "noise.wav", noise, RATE, "FLOAT")
    voice = sine(500)
    config = only(name, noise_snr_db=(decibels, decibels), hiss_snr_db=(decibels, decibels))
    added = changed(config, voice, noises=tmp_path) - voice
    assert level_dbfs(voice) - level_dbfs(added) == pytest.approx(decibels, abs=0.5)


def test_an_equaliser_colours_and_adds_nothing():
    noise = np.random.default_rng(1).normal(0, 0.05, RATE).astype(np.float32)

    def decibels(samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        return np.array([10 * np.log10(part.sum()) for part in np.array_split(power, 16)])

    for seed in range(5):
        found = changed(only("equaliser", equaliser_db=10.0), noise, seed)
        colour = decibels(found) - decibels(noise)
        assert colour.max() - colour.min() > 2
        assert np.abs(colour).max() < 25
        silent = changed(only("equaliser"), np.zeros(RATE, np.float32), seed)
        assert not silent.any()


def test_clipping_cuts_the_peaks_off_and_leaves_the_rest():
    voice = sine(500, amplitude=0.8)
    cut = [changed(only("clipping"), voice, seed) for seed in range(8)]
    tops = [np.abs(found).max() for found in cut]
    assert min(tops) < 0.79
    for found, top in zip(cut, tops, strict=True):
        inner = np.abs(voice) < top - 1e-3
        np.testing.assert_allclose(found[inner], voice[inner], atol=1e-6)
        assert np.mean(np.abs(np.abs(found) - top) < 1e-3) >= np.mean(np.abs(voice) > top)


@pytest.mark.parametrize("name", ["pitch", "stretch", "equaliser", "hiss", "gain"])
def test_an_augmentation_happens_as_often_as_it_is_told(name):
    python_random.seed(1)
    np.random.seed(1)
    change = waveform_augmentation(only(name, **{name: 0.3}), None, None)
    voice = sine(500, 0.1, amplitude=0.8)
    often = sum(not np.array_equal(change(voice, RATE), voice) for _ in range(200)) / 200
    assert 0.2 < often < 0.4


def test_everything_at_once_stays_a_number(voices):
    names = ("hiss", "equaliser", "band_limit", "clipping", "pitch", "stretch", "gain", "codec")
    config = AugmentConfig(**dict.fromkeys(names, 1.0))
    for seed, voice in enumerate(voices[:3]):
        found = changed(config, np.ascontiguousarray(voice[:40_000]), seed)
        assert np.isfinite(found).all() and np.abs(found).max() > 0


def test_place_keeps_what_fits_and_pads_the_rest():
    random = np.random.default_rng(1)
    clip = np.arange(1, 101, dtype=np.float32)
    assert place(clip, 30, random) is clip
    starts = set()
    for _ in range(100):
        padded = place(clip, 105, random)
        assert len(padded) == 105
        np.testing.assert_array_equal(padded[padded > 0], clip)
        starts.add(int(np.argmax(padded > 0)))
    assert starts == set(range(6))


@pytest.mark.parametrize("shape", [(3, 128, 157), (1, 8, 11)])
def test_masks_of_any_width_fit_any_image(shape):
    random = np.random.default_rng(1)
    image = random.standard_normal(shape).astype(np.float32)
    masked = mask(image.copy(), draw_masks(shape, AugmentConfig(masks=4), random))
    assert masked.shape == shape
    hidden = (masked != image).all(axis=0)
    assert hidden.any()
    np.testing.assert_allclose(masked[0][hidden], image[0].mean(), atol=1e-6)
    untouched = mask(image.copy(), draw_masks(shape, AugmentConfig(masks=0), random))
    np.testing.assert_array_equal(untouched, image)


def test_an_utterance_begins_or_ends_within_a_partial_window():
    random = np.random.default_rng(1)
    config = AugmentConfig(partial=1.0, partial_least=0.4)
    drawn = [draw_spoken(100, config, random) for _ in range(200)]
    assert {spoken.start == 0 or spoken.stop == 100 for spoken in drawn} == {True}
    lengths = [spoken.stop - spoken.start for spoken in drawn]
    assert 40 <= min(lengths) < 50 and 90 < max(lengths) <= 100
    assert any(spoken.start > 0 for spoken in drawn) and any(spoken.stop < 100 for spoken in drawn)
    whole = AugmentConfig(partial=0.0)
    assert all(draw_spoken(100, whole, random) == slice(0, 100) for _ in range(20))


def test_what_is_not_spoken_is_as_quiet_as_the_clip_can_be():
    random = np.random.default_rng(1)
    loud = random.uniform(-20, 0, (8, 90)).astype(np.float32)
    noise = random.uniform(-60, -50, (8, 30)).astype(np.float32)
    clip = np.concatenate([loud, noise], axis=1)
    found = silenced(clip, slice(10, 60), slice(20, 50))
    np.testing.assert_array_equal(found[:, 20:], clip[:, 30:60])
    assert found[:, :20].max() < -49
    assert set(found[0, :20]) <= set(clip[0, 90:]), "its own noise, and none made up"
    np.testing.assert_array_equal(clip[:, :90], loud)  # the clip itself stays as it is
    pause = silenced(clip, slice(60, 110), slice(30, 50))
    np.testing.assert_array_equal(pause, clip[:, 60:110])


# ── a batch of images ─────────────────────────────────────────────────────────────────────────


def test_mixed_colours_are_one_shift_of_each_band_and_keep_the_slopes_true(voices):
    maker = ImageMaker(FeatureConfig(bands=32, hop=1024))
    images = torch.from_numpy(np.stack([maker(np.resize(v, 40_000)) for v in voices]))
    found = colours_mixed(images.clone(), np.random.default_rng(1))
    shift = found[:, 0] - images[:, 0]
    assert shift.abs().max() > 0.05
    np.testing.assert_allclose(shift, shift[:, :, :1].expand_as(shift), atol=1e-5)
    recomputed = found[:, 0].numpy() @ maker._slopes
    np.testing.assert_allclose(found[:, 1], recomputed, atol=1e-4)
    np.testing.assert_allclose(found[:, 2], recomputed @ maker._slopes, atol=1e-4)
    mean, levels = found[:, 0].mean(dim=2), images[:, 0].mean(dim=2)
    assert (mean <= levels.amax(0) + 1e-5).all() and (mean >= levels.amin(0) - 1e-5).all()


def test_mixup_blends_images_and_their_losses_by_the_same_share():
    random = np.random.default_rng(3)
    images, labels = torch.arange(6.0).reshape(6, 1, 1, 1), torch.arange(6) % 3
    mixed, other, share = mixup(images, 0.4, random)
    assert 0 < share < 1
    np.testing.assert_allclose(
        mixed.flatten(), share * np.arange(6) + (1 - share) * other.numpy(), atol=1e-6
    )
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    loss = torch.nn.CrossEntropyLoss()
    expected = share * loss(logits, labels) + (1 - share) * loss(logits, labels[other])
    assert blended_loss(logits, labels, other, share, 0.0) == pytest.approx(float(expected))
    plain, _, share = mixup(images, 0.0, random)
    assert share == 1.0 and torch.equal(plain, images)
