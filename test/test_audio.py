"""Formats, PCM, levels, files, resampling."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from programs import python

from ser_ros import audio
from ser_ros.audio import AudioFormat, Resampler, SampleFormat
from ser_ros.errors.audio import (
    AudioError,
    EmptyAudio,
    PartialFrame,
    UnknownSampleFormat,
    UnreadableFile,
    UnsupportedFormat,
)

RNG = np.random.default_rng(1)


# ── formats and PCM ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "width"), [("s16le", 2), (" S16BE ", 2), ("S32LE", 4), ("f32LE", 4)]
)
def test_sample_formats_by_name(name, width):
    assert AudioFormat(16000, 3, SampleFormat.named(name)).bytes_per_frame == 3 * width


@pytest.mark.parametrize("name", ["", "S24LE", "U8", "mp3", "16"])
def test_an_unknown_format_is_refused_and_the_known_ones_are_listed(name):
    with pytest.raises(UnknownSampleFormat, match="S16LE, S16BE, S32LE, F32LE"):
        SampleFormat.named(name)


@pytest.mark.parametrize(
    ("rate", "channels"), [(7999, 1), (96001, 1), (0, 1), (-16000, 1), (16000, 0), (16000, 65)]
)
def test_rates_and_channels_out_of_range_are_refused(rate, channels):
    with pytest.raises(UnsupportedFormat, match="expected"):
        AudioFormat(rate, channels)


@pytest.mark.parametrize("fmt", SampleFormat)
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_what_is_encoded_is_decoded(fmt, channels):
    samples = RNG.uniform(-1, 1, (200, channels)).astype(np.float32)
    samples[0], samples[1], samples[2] = -1.0, 0.0, 0.5
    data = audio.encode(samples, fmt)
    assert len(data) == 200 * AudioFormat(16000, channels, fmt).bytes_per_frame
    found = audio.decode(data, AudioFormat(16000, channels, fmt))
    assert found.dtype == np.float32
    assert found.shape == samples.shape
    tolerance = {"S16LE": 1 / 65000, "S16BE": 1 / 65000}.get(fmt.name, 1e-7)
    np.testing.assert_allclose(found, samples, atol=tolerance)


def test_bytes_mean_what_they_say():
    mono = {f: AudioFormat(16000, 1, f) for f in SampleFormat}
    assert audio.decode(b"\x00\x40", mono[SampleFormat.S16LE])[0, 0] == 0.5
    assert audio.decode(b"\x40\x00", mono[SampleFormat.S16BE])[0, 0] == 0.5
    assert audio.decode(b"\x00\x00\x00\xc0", mono[SampleFormat.S32LE])[0, 0] == -0.5
    assert audio.decode(b"\x00\x00\x00\x3f", mono[SampleFormat.F32LE])[0, 0] == 0.5
    stereo = audio.decode(b"\x00\x40\x00\xc0", AudioFormat(16000, 2))
    np.testing.assert_array_equal(stereo, [[0.5, -0.5]])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_is_read(kind):
    assert audio.decode(kind(b"\x00\x40"), AudioFormat()).shape == (1, 1)


@pytest.mark.parametrize("fmt", [SampleFormat.S16LE, SampleFormat.S16BE, SampleFormat.S32LE])
def test_what_is_too_loud_is_clipped_never_wrapped(fmt):
    data = audio.encode(np.array([1.5, -1.5, 1.0, -1.0], np.float32), fmt)
    found = audio.decode(data, AudioFormat(16000, 1, fmt))[:, 0]
    np.testing.assert_allclose(found, [1, -1, 1, -1], atol=1e-4)


def test_no_bytes_and_half_frames_are_refused():
    with pytest.raises(EmptyAudio):
        audio.decode(b"", AudioFormat())
    for size in (1, 3, 5):
        with pytest.raises(PartialFrame, match=f"{size} bytes"):
            audio.decode(bytes(size), AudioFormat(16000, 2))


# ── channels, levels, repairs ─────────────────────────────────────────────────────────────────


def test_channels_to_one():
    stereo = np.array([[1, 0], [0.5, -0.5]], np.float32)
    np.testing.assert_array_equal(audio.to_mono(stereo), [0.5, 0.0])
    np.testing.assert_array_equal(audio.to_mono(stereo, 1), [0.0, -0.5])
    np.testing.assert_array_equal(audio.to_mono(stereo[:, 0]), [1.0, 0.5])
    for channel in (2, -1):
        with pytest.raises(UnsupportedFormat, match="channel asked for"):
            audio.to_mono(stereo, channel)


def test_levels():
    t = np.arange(16000) / 16000
    sine = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    assert audio.level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert audio.level_dbfs(sine * np.float32(0.1)) == pytest.approx(-23.01, abs=0.01)
    assert audio.level_dbfs(np.ones(10, np.float32)) == pytest.approx(0)
    for nothing in (
        np.zeros(10, np.float32),
        np.zeros(0, np.float32),
        np.full(9, 1e-9, np.float32),
    ):
        assert audio.level_dbfs(nothing) == -120.0


def test_samples_that_are_no_numbers_become_silence_and_are_counted():
    bad = np.array([0.1, np.nan, np.inf, -np.inf, 0.2], np.float32)
    repaired, count = audio.repair(bad)
    assert count == 3
    np.testing.assert_allclose(repaired, [0.1, 0, 0, 0, 0.2])
    assert np.isnan(bad[1])  # the caller's samples are the caller's
    good = np.ones(3, np.float32)
    assert audio.repair(good) == (good, 0) or audio.repair(good)[1] == 0


def test_full_scale_is_counted_for_integers_and_floats():
    data = np.array([32767, -32768, 32766, 0], "<i2").tobytes()
    assert audio.clipped(audio.decode(data, AudioFormat())) == 2
    assert audio.clipped(np.array([1.0, 2.0, -1.0, 0.99], np.float32)) == 3


# ── resampling ────────────────────────────────────────────────────────────────────────────────


@given(
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000]),
    cuts=st.lists(st.integers(0, 20000), max_size=8),
)
def test_a_resampled_stream_has_no_seams(rate, cuts):
    t = np.arange(20000) / rate
    sound = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)

    def through(blocks):
        stream = Resampler(rate, 16000)
        return np.concatenate([*[stream.push(b) for b in blocks], stream.flush()])

    whole = through([sound])
    assert abs(len(whole) - 20000 * 16000 / rate) <= 1
    np.testing.assert_allclose(through(np.split(sound, sorted(cuts))), whole, atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_a_resampled_sample_keeps_its_time(rate):
    sound = np.zeros(2 * rate, np.float32)
    sound[rate - 40 : rate + 41] = np.hanning(81)  # a bump whose middle is at exactly 1 s
    stream = Resampler(rate, 16000)
    found = np.concatenate([stream.push(sound), stream.flush()])
    assert abs(int(np.argmax(found)) - 16000) <= 1


def test_several_channels_are_resampled_apart():
    stereo = np.zeros((4800, 2), np.float32)
    stereo[:, 1] = 0.5
    stream = Resampler(48000, 16000, channels=2)
    found = np.concatenate([stream.push(stereo), stream.flush()])
    assert found.shape == (1600, 2)
    assert np.abs(found[:, 0]).max() == 0
    assert found[800, 1] == pytest.approx(0.5, abs=1e-3)
    assert Resampler(16000, 16000, 2).flush().shape == (0, 2)


# ── files ─────────────────────────────────────────────────────────────────────────────────────


def written(path: Path, samples: np.ndarray, rate: int = 16000, **how: str) -> Path:
    soundfile.write(path, samples, rate, **how)
    return path


@pytest.fixture(scope="module")
def tone() -> np.ndarray:
    return (0.3 * np.sin(np.arange(16000) / 16000 * 2 * np.pi * 300)).astype(np.float32)


@pytest.mark.parametrize(
    ("suffix", "how"),
    [
        (".wav", {"subtype": "PCM_16"}),
        (".wav", {"subtype": "FLOAT"}),
        (".wav", {"subtype": "PCM_24"}),
        (".flac", {}),
        (".ogg", {"format": "OGG", "subtype": "OPUS"}),
        (".ogg", {"format": "OGG", "subtype": "VORBIS"}),
        (".mp3", {"format": "MP3"}),
    ],
)
def test_the_kinds_of_files_that_people_have(tmp_path, tone, suffix, how):
    found = audio.load(written(tmp_path / f"tone{suffix}", tone, **how))
    assert found.dtype == np.float32
    assert abs(len(found) - 16000) < 2500  # a lossy codec pads
    assert audio.level_dbfs(found) == pytest.approx(audio.level_dbfs(tone), abs=1.0)


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".txt", ""])
def test_a_wrong_extension_does_not_matter(tmp_path, tone, recordings, suffix):
    copy = tmp_path / f"copy{suffix}"
    shutil.copy(recordings[0], copy)
    np.testing.assert_array_equal(audio.load(copy), audio.load(recordings[0]))


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_file_of_any_rate_comes_out_at_the_rate_asked_for(tmp_path, rate, channels):
    t = np.arange(rate) / rate
    sound = 0.3 * np.sin(2 * np.pi * 300 * t)
    file = written(tmp_path / "a.wav", np.stack([sound] * channels, axis=1), rate, subtype="FLOAT")
    found = audio.load(file)
    expected = 0.3 * np.sin(2 * np.pi * 300 * np.arange(16000) / 16000)
    assert len(found) == 16000
    np.testing.assert_allclose(found[500:-500], expected[500:-500], atol=2e-3)


def test_a_file_longer_than_a_block_is_whole(tmp_path):
    sound = RNG.uniform(-0.5, 0.5, 8000 * 25).astype(np.float32)
    file = written(tmp_path / "long.wav", sound, 8000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.load(file, 8000), sound)
    np.testing.assert_array_equal(
        np.concatenate([b for b, _ in audio.blocks_of(file, 0.1)])[:, 0], sound
    )


def test_a_file_with_nan_is_silence_there(tmp_path):
    sound = np.full(1000, 0.25, np.float32)
    sound[10] = np.nan
    found = audio.load(written(tmp_path / "nan.wav", sound, subtype="FLOAT"))
    assert np.isfinite(found).all()
    assert found[10] == 0
    assert found[11] == 0.25


def bad_files(folder: Path, flac: Path) -> dict[str, Path]:
    content = flac.read_bytes()
    files = {
        "empty": b"",
        "text": b"this is no sound\n" * 50,
        "noise": bytes(RNG.integers(0, 256, 5000, dtype=np.uint8)),
        "flac cut in its header": content[:20],
        "flac cut in the middle": content[: len(content) // 2],
        "wav header only": b"RIFF\x24\x00\x00\x00WAVE",
    }
    made = {}
    for name, data in files.items():
        made[name] = folder / f"{name.replace(' ', '_')}.flac"
        made[name].write_bytes(data)
    made["missing"] = folder / "missing.wav"
    made["a folder"] = folder
    return made


@pytest.mark.parametrize(
    "which",
    [
        "empty",
        "text",
        "noise",
        "flac cut in its header",
        "flac cut in the middle",
        "wav header only",
        "missing",
        "a folder",
    ],
)
def test_a_file_that_is_no_audio_is_one_sentence_with_its_name(tmp_path, recordings, which):
    path = bad_files(tmp_path, recordings[0])[which]
    with pytest.raises(UnreadableFile) as caught:
        audio.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_samples_is_empty(tmp_path):
    with pytest.raises(EmptyAudio, match=r"nothing\.wav"):
        audio.load(written(tmp_path / "nothing.wav", np.zeros(0)))


def test_a_file_of_a_rate_that_is_not_understood(tmp_path):
    with pytest.raises(UnsupportedFormat, match="4000"):
        audio.load(written(tmp_path / "slow.wav", np.zeros(100), 4000))


def test_a_channel_that_the_file_has_not(tmp_path):
    with pytest.raises(AudioError, match="channel asked for"):
        audio.load(written(tmp_path / "mono.wav", np.ones(100)), channel=1)


def test_a_file_with_no_read_permission(tmp_path_factory, recordings):
    """Root may read everything, so that root asks another user, who may not."""
    folder = tmp_path_factory.mktemp("closed")
    file = folder / "closed.flac"
    shutil.copy(recordings[0], file)
    file.chmod(0)
    if os.geteuid():
        with pytest.raises(UnreadableFile, match=r"Permission denied"):
            audio.load(file)
        return
    # As root: give up every right to files first, in a process that is thrown away.
    code = (
        "import os, sys\n"
        "from ser_ros import audio\n"
        "from ser_ros.errors.audio import UnreadableFile\n"
        "root = os.open('/', os.O_RDONLY)\n"
        f"os.chdir({str(folder)!r})\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try:\n"
        "    audio.load('closed.flac')\n"
        "except UnreadableFile as error:\n"
        "    print(error); sys.exit(7)\n"
    )
    done = python("-c", code)
    assert done.returncode == 7, done.stderr
    assert "'closed.flac' cannot be read as audio (Permission denied)" in done.stdout
