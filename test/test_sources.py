"""Files as a source of sound: whole chunks, in time, one after the other."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from clocks import Clock
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_ros import audio
from ser_ros.clock import SECOND
from ser_ros.errors.audio import (
    EmptyAudio,
    UnreadableFile,
    UnsupportedFormat,
)
from ser_ros.errors.config import BadValue
from ser_ros.sources import AudioFile, Ended

SPEECH = Path(__file__).parent / "data" / "emodb_angry_03a01Wa.flac"

RATE = 16000


def write(path, samples, rate=RATE):
    soundfile.write(path, samples, rate)
    return path


def play(file, timeout_s=0.5):
    """Open and read until the end."""
    file.open()
    blocks = []
    while True:
        try:
            block = file.read(timeout_s)
        except Ended:
            return blocks
        if block is not None:
            blocks.append(block)


def joined(blocks):
    return np.concatenate([b.samples for b in blocks])


def contiguous(blocks, rate=RATE):
    steps = [b.stamp_ns - a.stamp_ns - len(a.samples) * SECOND / rate
             for a, b in itertools.pairwise(blocks)]  # fmt: skip
    return max(map(abs, steps), default=0) < 0.001 * SECOND


def noise(seconds, rate=RATE, channels=1, seed=0):
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), channels))
    return samples.astype(np.float32)


def test_a_file_gives_its_samples_then_silence(tmp_path):
    samples = noise(3.1)
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    heard = joined(play(AudioFile(path, pace=0)))
    assert heard.shape == (2 * 40000, 1)
    assert np.array_equal(heard[: len(samples)], samples)
    assert not heard[len(samples) :].any()


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(100, 30000), min_size=1, max_size=3),
    pad=st.sampled_from([0.0, 0.1, 0.75, 2.5]),
    rate=st.sampled_from([8000, 16000, 22050, 44100]),
)
def test_each_file_fills_whole_chunks_and_starts_where_one_starts(
    tmp_path_factory, lengths, pad, rate
):
    folder = tmp_path_factory.mktemp("files")
    paths = [write(folder / f"{k}.wav", noise(n / rate, rate), rate) for k, n in enumerate(lengths)]
    starts = []
    clock = Clock()
    file = AudioFile(
        paths, pace=0, pad_to=pad, now_ns=clock.now_ns, on_file=lambda *a: starts.append(a)
    )
    blocks = play(file)
    total = len(joined(blocks))
    assert [path for path, _ in starts] == paths
    assert contiguous(blocks)
    assert total == pytest.approx(file.check(), abs=2 * len(paths))
    if pad:
        offsets = [(ns - starts[0][1]) * RATE / SECOND for _, ns in starts]
        assert all(abs(o / (pad * RATE) - round(o / (pad * RATE))) < 1e-3 for o in offsets)
        assert total % round(pad * RATE) == 0
    # Nothing lies in the future: time has not passed at all.
    assert blocks[-1].stamp_ns + len(blocks[-1].samples) * SECOND // RATE <= clock.now_ns() + 10**6


def test_it_is_resampled_without_a_seam(tmp_path):
    t = np.arange(2 * 44100) / 44100
    path = write(tmp_path / "a.wav", (0.4 * np.sin(2 * np.pi * 440 * t)).astype(np.float32), 44100)
    heard = joined(play(AudioFile(path, pace=0, pad_to=0)))[:, 0]
    expected = 0.4 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / RATE)
    assert len(heard) == pytest.approx(2 * RATE, abs=1)
    assert np.abs(heard - expected)[200:-200].max() < 1e-3


@pytest.mark.parametrize(("channel", "level"), [(None, 0.2), (0, 0.3), (1, 0.1)])
def test_stereo_is_mixed_or_one_channel_is_chosen(tmp_path, channel, level):
    path = write(tmp_path / "a.wav", np.tile(np.float32([0.3, 0.1]), (1000, 1)))
    heard = joined(play(AudioFile(path, channel=channel, pace=0, pad_to=0)))
    assert heard[:, 0] == pytest.approx(level, abs=1e-3)


def test_both_channels_can_be_delivered_also_resampled(tmp_path):
    path = write(tmp_path / "a.wav", np.tile(np.float32([0.3, 0.1]), (44100, 1)), 44100)
    heard = joined(play(AudioFile(path, channels=2, pace=0, pad_to=0)))
    assert heard.shape == (16000, 2)
    assert heard[1000:-1000] == pytest.approx(np.tile([0.3, 0.1], (14000, 1)), abs=1e-3)
    with pytest.raises(UnsupportedFormat):
        AudioFile(SPEECH, channels=2).open()


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_kind_of_file_plays(tmp_path, suffix):
    t = np.arange(2 * RATE) / RATE
    path = write(tmp_path / f"a.{suffix}", 0.4 * np.sin(2 * np.pi * 440 * t))
    heard = joined(play(AudioFile(path, pace=0)))
    assert len(heard) == 40000
    # A steady tone, whole: nothing lost where one block ends and the next begins.
    levels = [audio.level_dbfs(heard[k : k + 400]) for k in range(2000, 30000, 400)]
    assert levels == pytest.approx([-11] * len(levels), abs=0.5)


@pytest.mark.parametrize("pace", [1.0, 0.25, 0.01, 3.0])
def test_pace(pace):
    clock = Clock()
    began_s, began_ns = clock.s, clock.now_ns()
    file = AudioFile(SPEECH, pace=pace, now_ns=clock.now_ns, steady=clock.steady, wait=clock.wait)
    file.open()
    blocks, when_s = [], []
    while True:
        before_s = clock.s
        try:
            block = file.read(0.2)
        except Ended:
            break
        assert clock.s - before_s <= 0.2 + 1e-9
        if block is not None:
            blocks.append(block)
            when_s.append(clock.s)
            ends_ns = block.stamp_ns + len(block.samples) * SECOND // RATE
            assert ends_ns <= clock.now_ns() + 10**6
    assert clock.s - began_s == pytest.approx(2.5 / pace, rel=1e-6)
    assert contiguous(blocks)
    # Never so long without a block that a loop would think the source dead.
    assert np.diff(when_s).max() <= 0.2
    if pace == 1:
        assert abs(blocks[0].stamp_ns - began_ns) < 10**6


def test_a_clock_that_drifts_is_followed_in_real_time(tmp_path):
    path = write(tmp_path / "a.wav", noise(2.5))
    clock = Clock()

    def wait(seconds):
        clock.s += seconds
        clock.offset_ns += round(seconds * 1e-3 * SECOND)

    file = AudioFile(path, loop=True, now_ns=clock.now_ns, steady=clock.steady, wait=wait)
    file.open()
    for _ in range(36000):
        block = file.read(1.0)
        ends_ns = block.stamp_ns + len(block.samples) * SECOND // RATE
        assert abs(ends_ns - clock.now_ns()) < 0.02 * SECOND


def test_a_loop_tells_each_file_each_time(tmp_path):
    paths = [write(tmp_path / f"{k}.wav", noise(0.3)) for k in range(2)]
    told = []
    clock = Clock()
    file = AudioFile(
        paths, loop=True, pad_to=0.5, on_file=lambda path, ns: told.append((path, ns)),
        now_ns=clock.now_ns, steady=clock.steady, wait=clock.wait,
    )  # fmt: skip
    file.open()
    for _ in range(25):
        file.read(1.0)
    assert [path for path, _ in told] == [*paths, *paths, paths[0]]
    assert [ns - told[0][1] for _, ns in told] == [
        pytest.approx(k * SECOND // 2, abs=10**6) for k in range(5)
    ]


def test_it_can_be_opened_again():
    file = AudioFile(SPEECH, pace=0)
    first = joined(play(file))
    with pytest.raises(Ended):
        file.read(0)
    assert np.array_equal(joined(play(file)), first)
    file.open()
    file.read(0)
    file.close()
    assert np.array_equal(joined(play(file)), first)


def bad_files(tmp_path):
    (tmp_path / "text.wav").write_text("this is not audio")
    (tmp_path / "nothing.wav").touch()
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    return {
        "text.wav": UnreadableFile,
        "nothing.wav": UnreadableFile,
        "empty.wav": EmptyAudio,
        "missing.wav": UnreadableFile,
        "": UnreadableFile,
    }


@pytest.mark.parametrize("name", ["text.wav", "nothing.wav", "empty.wav", "missing.wav", ""])
def test_a_wrong_file_is_told_before_anything_plays(tmp_path, name):
    error = bad_files(tmp_path)[name]
    with pytest.raises(error) as caught:
        AudioFile([SPEECH, tmp_path / name]).open()
    assert str(tmp_path / name) in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_file_that_breaks_in_the_middle_is_told_and_the_next_one_plays(tmp_path):
    broken = tmp_path / "broken.flac"
    soundfile.write(broken, noise(5), RATE)
    data = bytearray(broken.read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    broken.write_bytes(data)
    told = []
    file = AudioFile([broken, SPEECH], pace=0, on_file=lambda path, ns: told.append(path))
    file.open()
    blocks, errors = [], []
    while True:
        try:
            blocks.append(file.read(0))
        except Ended:
            break
        except UnreadableFile as error:
            errors.append(error)
    assert len(errors) == 1 and "broken.flac" in str(errors[0])
    assert told == [broken, SPEECH]
    # So that no chunk holds sound of two files.
    assert [b.broken for b in blocks].count("gap") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"pace": -1},
        {"pace": math.nan},
        {"pace": 0, "loop": True},
        {"pace": 2, "loop": True},
        {"pad_to": -1},
    ],
)
def test_a_wrong_way_to_play_is_refused(wrong):
    with pytest.raises(BadValue):
        AudioFile(SPEECH, **wrong)


def test_no_file_at_all_is_refused():
    with pytest.raises(BadValue):
        AudioFile([])
