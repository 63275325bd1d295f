"""What each condition does to a voice, measured; and what is no speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.errors.config import BadValue
from ser_ros.evaluation import conditions as c
from ser_ros.evaluation.clips import NOT_SPEECH, Heard
from ser_ros.evaluation.judging import Task, judge
from ser_ros.evaluation.silence import SILENCE, claimed, silent_items

RANDOM = np.random.default_rng(0)
CHANGING = (*c.NOISES, *c.GAINS, c.ROOM, c.TELEPHONE)


def power_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


def tone(hz: float, seconds: float = 1.0, peak: float = 0.2) -> Samples:
    time = np.arange(int(seconds * NETWORK_RATE)) / NETWORK_RATE
    return (peak * np.sin(2 * np.pi * hz * time)).astype(np.float32)


@pytest.fixture(scope="module")
def noises(tmp_path_factory):
    """A hum, and a bark with a long silence after it."""
    folder = tmp_path_factory.mktemp("noises")
    (folder / "dog_bark").mkdir()
    bark = np.zeros(5 * NETWORK_RATE)
    bark[:4000] = RANDOM.standard_normal(4000) * 0.1
    soundfile.write(folder / "dog_bark" / "1.wav", bark, NETWORK_RATE)
    soundfile.write(folder / "hum.flac", tone(120, 3.0), NETWORK_RATE)
    (folder / "README.md").write_text("no sound")
    return folder


@pytest.mark.parametrize("snr_db", c.SNRS_DB)
def test_noise_lies_as_far_below_the_speech_as_it_says(voices, noises, snr_db):
    condition = c.conditions([f"noise {snr_db} dB"], noises, seed=3)[0]
    for index, voice in enumerate(voices[:3]):
        added = condition(voice, f"clip {index}") - voice
        assert len(added) == len(voice)
        speech = voice[: len(voice) // 320 * 320].reshape(-1, 320)[c.sounding(voice)]
        assert power_db(speech) - power_db(added) == pytest.approx(snr_db, abs=0.6)
        # Also under the end of the clip, where a single bark would long be over.
        assert power_db(added[-8000:]) == pytest.approx(power_db(added), abs=3)


def test_a_second_of_silence_makes_speech_no_quieter():
    voice = tone(300)
    padded = np.concatenate((np.zeros(NETWORK_RATE, np.float32), voice))
    noise = RANDOM.standard_normal(8000).astype(np.float32)
    alone, after = c.with_noise(voice, noise, 10) - voice, c.with_noise(padded, noise, 10) - padded
    assert power_db(after) == pytest.approx(power_db(alone), abs=0.2)
    silence = np.zeros(8000, np.float32)
    np.testing.assert_array_equal(c.with_noise(silence, noise, 10), silence)


@pytest.mark.parametrize("name", CHANGING)
def test_a_condition_is_a_function_of_clip_and_seed(voices, noises, name):
    voice, before = voices[0], voices[0].copy()
    (condition,) = c.conditions([name], noises, seed=1)
    heard = condition(voice, "a")
    assert (heard.dtype, heard.shape) == (np.float32, voice.shape)
    assert np.isfinite(heard).all()
    assert np.abs(heard - voice).max() > 1e-6
    np.testing.assert_array_equal(voice, before)
    np.testing.assert_array_equal(heard, condition(voice, "a"))
    others = [c.conditions([name], noises, seed=2)[0](voice, "a"), condition(voice, "b")]
    differ = any(np.abs(other - heard).max() > 1e-6 for other in others)
    assert differ == (name in c.NOISES), "noise is drawn, the rest is not"


def test_clean_is_as_it_was(voices):
    np.testing.assert_array_equal(c.Condition()(voices[0], "a"), voices[0])


def test_gain_clips_and_rounds_as_a_converter_does():
    voice = tone(200, peak=0.5)
    quiet, loud = c.with_gain(voice, -30), c.with_gain(voice, 10)
    assert power_db(quiet) == pytest.approx(power_db(voice) - 30, abs=0.01)
    steps = quiet * 32768
    np.testing.assert_array_equal(steps, np.rint(steps))
    assert audio.clipped(loud) > 100
    assert np.abs(loud).max() <= 1
    unclipped = np.abs(voice) < 0.3
    np.testing.assert_allclose(loud[unclipped], voice[unclipped] * 10**0.5, atol=2e-5)


def test_the_telephone_has_its_band():
    lost = {
        hz: power_db(tone(hz)) - power_db(c.by_telephone(tone(hz)))
        for hz in (60, 150, 300, 1000, 3000, 3700, 5000)
    }
    assert abs(lost[1000]) < 0.5
    assert abs(lost[3000]) < 1
    assert lost[300] == pytest.approx(3, abs=1)
    assert lost[150] > 12
    assert min(lost[60], lost[3700], lost[5000]) > 6
    assert min(lost[60], lost[5000]) > 25
    found = c.by_telephone(tone(1000, 0.50003))
    assert len(found) == len(tone(1000, 0.50003))


def test_the_room_echoes_as_long_as_it_says(voices):
    response = c.room_response().astype(np.float64)
    assert np.argmax(np.abs(response)) < 0.006 * NETWORK_RATE, "the voice is not late"
    energy = np.cumsum(np.square(response)[::-1])[::-1]
    decay = 10 * np.log10(energy / energy[0])
    t20 = (np.argmax(decay < -25) - np.argmax(decay < -5)) / NETWORK_RATE
    assert 3 * t20 == pytest.approx(c.ROOM_RT60_S, abs=0.06)
    assert power_db(c.in_room(voices[0])) == pytest.approx(power_db(voices[0]), abs=0.01)
    distance = np.linalg.norm(np.subtract(c._TALKER_M, c._MICROPHONE_M))
    assert distance == pytest.approx(1.5, abs=0.01)


def test_a_condition_that_is_not_known_or_has_no_noise(tmp_path):
    with pytest.raises(BadValue, match="telephone"):
        c.conditions(["underwater"], None, 0)
    with pytest.raises(BadValue, match="noise"):
        c.conditions(["noise 10 dB"], None, 0)
    with pytest.raises(BadValue, match="holds recordings"):
        c.conditions(["noise 10 dB"], tmp_path, 0)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), NETWORK_RATE)
    (condition,) = c.conditions(["noise 10 dB"], tmp_path, 0)
    with pytest.raises(BadValue, match="not silent"):
        condition(tone(200), "a")


def test_only_the_ends_are_cut():
    pause = np.zeros(3200, np.float32)
    voice = np.concatenate((pause, tone(200), pause, tone(300), pause))
    np.testing.assert_array_equal(c.without_ends(voice), voice[3200:-3200])
    assert len(c.without_pauses(voice)) == 2 * NETWORK_RATE
    np.testing.assert_array_equal(c.without_ends(pause), pause)


# ── where nobody speaks ───────────────────────────────────────────────────────────────────────


def test_what_is_no_speech_is_listed_and_made(noises, tmp_path):
    items = silent_items(noises, tmp_path / "made", seed=1)
    kinds = [item.clip.corpus for item in items]
    assert kinds[:2] == ["dog bark", noises.name]
    levels = {i.clip.corpus: audio.level_dbfs(audio.load(i.clip.path)) for i in items[2:]}
    assert levels[SILENCE] == audio.SILENCE_DBFS
    for level in (-60, -40, -20):
        assert levels[f"white noise {level} dBFS"] == pytest.approx(level, abs=0.1)
    first = [item.clip.path.read_bytes() for item in items]
    assert first == [i.clip.path.read_bytes() for i in silent_items(noises, tmp_path / "b", 1)]
    assert {item.truth for item in items} == {NOT_SPEECH}


def test_silence_and_noise_reach_no_emotion(tmp_path):
    tiny.bundle(bias=[9, 0, 0, 0]).save(tmp_path / "sure")
    items = silent_items(None, tmp_path, seed=0)
    heard = judge(Task(tmp_path / "sure"), items).heard
    assert [len(h.ratios) for h in heard] == [47] * 4
    found = claimed(heard, [(1.0, 0.5)] * 4)
    assert found["all"]["n"] == 188
    assert found["all"]["claimed"] == 0
    assert found["recorded"] is None, "all of it was made"


def test_a_claim_is_an_emotion_that_is_sure_enough():
    clip = silent_clip = tiny_clip("rain")
    logits = np.array([[4, 0, 0, 0], [0, 0, 0, 0]], np.float32)  # sure, and not sure at all
    spoken = Heard(clip, NOT_SPEECH, logits, np.array([1, 1, 0, 0], np.float32))
    quiet = Heard(silent_clip, NOT_SPEECH, logits[:0], np.zeros(6, np.float32))
    found = claimed([spoken, quiet], [(1.0, 0.5), (1.0, 0.5)])
    assert (found["all"]["claimed"], found["all"]["n"]) == (1, 10)
    assert found["kinds"]["rain"]["share"]["value"] == pytest.approx(0.1)
    # Less sure of everything, or less to be sure of.
    assert claimed([spoken], [(9.0, 0.5)])["all"]["claimed"] == 0
    assert claimed([spoken], [(1.0, 0.2)])["all"]["claimed"] == 2


def test_what_never_happened_may_happen():
    """Three of 100 would be missed about every twentieth time."""
    quiet = np.zeros(6, np.float32)
    heard = [
        Heard(replace(tiny_clip("rain"), path=Path(f"{k % 84}.wav")), NOT_SPEECH, NONE, quiet)
        for k in range(168)  # two models heard each of them
    ]
    found = claimed(heard, [(1.0, 0.5)] * 168)["recorded"]["share"]
    assert (found["value"], found["low"]) == (0, 0)
    assert found["high"] == pytest.approx(0.0430, abs=1e-4)  # scipy.stats.beta.ppf(.975, 1, 84)


NONE = np.zeros((0, 4), np.float32)


def tiny_clip(kind):
    from ser_ros.corpora import Clip

    return Clip(path=Path(f"{kind}.wav"), emotion="neutral", corpus=kind)
