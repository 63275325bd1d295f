"""Sources without a sound card: the clock, the queue, the devices' names, and files."""

import itertools
import math
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_ros import audio, soundcard
from ser_ros import microphone as microphone_module
from ser_ros.clock import StreamClock
from ser_ros.errors.audio import (
    AmbiguousDevice,
    DeviceFailed,
    DeviceLost,
    DeviceNotFound,
    DeviceRefused,
    EmptyAudio,
    MicrophoneUnavailable,
    UnreadableFile,
    UnsupportedFormat,
)
from ser_ros.errors.config import BadValue
from ser_ros.framing import SECOND
from ser_ros.microphone import Microphone
from ser_ros.soundcard import Device, find_device
from ser_ros.sources import AudioFile, Ended

SPEECH = Path(__file__).parent / "data" / "emodb_angry_03a01Wa.flac"

EPOCH_NS = 1_700_000_000 * SECOND


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.s = 100.0
        self.offset_ns = EPOCH_NS

    def steady(self) -> float:
        return self.s

    def now_ns(self) -> int:
        return self.offset_ns + round(self.s * SECOND)

    def wait(self, seconds: float) -> None:
        self.s += seconds


# ── the clock of a stream ─────────────────────────────────────────────────────────────────────

RATE = 16000


class Card:
    """A sound card: crystal, period, delay, and what its clock says."""

    def __init__(self, frames=400, crystal=0.0, jitter=0.0, delay=0.0, seed=0):
        self.clock = StreamClock(RATE)
        self.time = Clock()
        self.frames = frames
        self.crystal = crystal
        self.jitter = jitter
        self.delay = delay
        self.random = np.random.default_rng(seed)
        self.heard_s = self.time.s
        """When the next sample is heard, in truth."""

    def block(self, adc=True, late=0.0, anew=False):
        """Return (stamp, its error against the truth in s, missing)."""
        began_s = self.heard_s
        self.heard_s += self.frames / RATE * (1 + self.crystal)
        jitter = self.jitter * self.random.random()
        self.time.s = max(self.time.s, self.heard_s + self.delay + jitter + late)
        ages = [self.time.s - began_s + self.jitter * (self.random.random() - 0.5)] if adc else []
        if callable(adc):
            ages = [adc(ages[0])]
        stamp_ns, missing_ns = self.clock.stamp(
            self.frames,
            [*ages, self.frames / RATE],
            self.time.now_ns(),
            self.time.steady(),
            anew=anew,
        )
        true_ns = self.time.offset_ns + round(began_s * SECOND)
        return stamp_ns, (stamp_ns - true_ns) / SECOND, missing_ns


@settings(deadline=None, max_examples=40)
@given(
    frames=st.integers(100, 2000),
    crystal=st.floats(-2e-4, 2e-4),
    jitter=st.floats(0, 0.02),
    seed=st.integers(0, 999),
)
def test_stamps_neither_jitter_nor_drift(frames, crystal, jitter, seed):
    card = Card(frames, crystal, jitter, seed=seed)
    stamps, errors, missing = zip(*(card.block() for _ in range(60 * RATE // frames)), strict=True)
    steps = np.diff(np.array(stamps) - stamps[0]) / SECOND - frames / RATE
    assert np.abs(steps).max() < 1e-3
    # In the last half the loop has settled: what is left is far less than the jitter.
    assert np.abs(errors[len(errors) // 2 :]).max() < 0.002 + jitter / 2
    assert not any(missing)


def test_a_day_of_a_crystal_that_is_off_stays_in_time():
    card = Card(frames=1600, crystal=1e-4, jitter=0.01)
    errors = [card.block()[1] for _ in range(24 * 3600 * 10)]
    assert np.abs(errors[1000:]).max() < 0.01


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -1.7e9, 1.7e9, 0.73])
def test_a_card_without_a_sensible_clock_counts_from_the_arrival(nonsense):
    card = Card(delay=0.02, jitter=0.02)
    blocks = [card.block(adc=lambda age: nonsense) for _ in range(2000)]
    stamps = np.array([stamp for stamp, _, _ in blocks])
    assert np.abs(np.diff(stamps - stamps[0]) / SECOND - 400 / RATE).max() < 1e-3
    assert max(abs(error - 0.03) for _, error, _ in blocks) < 0.012
    assert not any(missing for _, _, missing in blocks)


def test_a_card_whose_clock_comes_to_its_senses_is_no_gap():
    """PulseAudio says 0.7 s of delay at first, less and less, and then the truth."""
    card = Card()
    blocks = [
        card.block(adc=lambda age, k=k: age + max(0.0, 0.73 - max(0, k - 40) * 0.02))
        for k in range(400)
    ]
    assert not any(missing for _, _, missing in blocks)
    assert max(abs(error) for _, error, _ in blocks) < 0.03


def test_blocks_that_are_caught_up_with_keep_their_time():
    card = Card()
    for _ in range(100):
        card.block()
    # A second long nobody was there to take a block; the time only stands while they are taken.
    late = [card.block(late=1.0 if k == 0 else 0.0) for k in range(60)]
    assert max(abs(error) for _, error, _ in late) < 0.002
    assert not any(missing for _, _, missing in late)


def test_samples_that_nobody_reported_lost_are_noticed():
    card = Card()
    for _ in range(100):
        card.block()
    card.heard_s += 0.3
    blocks = [card.block() for _ in range(60)]
    missing = [m for _, _, m in blocks if m]
    assert missing == [pytest.approx(0.3 * SECOND, abs=0.01 * SECOND)]
    # Within the hold, and right from then on.
    first = next(k for k, b in enumerate(blocks) if b[2])
    assert first * 400 / RATE < 0.6
    assert abs(blocks[-1][1]) < 0.002


def test_an_overflow_counts_at_once_and_time_never_goes_back():
    card = Card(jitter=0.01)
    for _ in range(100):
        before_ns, _, _ = card.block()
    card.heard_s += 0.05
    stamp_ns, error, missing_ns = card.block(anew=True)
    assert missing_ns == pytest.approx(0.05 * SECOND, abs=0.012 * SECOND)
    assert abs(error) < 0.012
    for _ in range(50):
        stamp_ns, _, missing_ns = card.block(anew=True)
        assert missing_ns >= 0
        assert stamp_ns > before_ns
        before_ns = stamp_ns


def test_known_losses_move_time_on():
    card = Card()
    first, _, _ = card.block()
    card.clock.skip(8000)
    card.heard_s += 0.5
    second, error, missing = card.block()
    assert (second - first) / SECOND == pytest.approx(0.525, abs=1e-3)
    assert abs(error) < 1e-3
    assert missing == 0


@pytest.mark.parametrize("step_s", [-1e9, -3600, -0.5, 0.5, 3600, 1e9])
def test_ros_time_that_is_set_moves_the_stamps_and_loses_nothing(step_s):
    card = Card()
    for _ in range(100):
        card.block()
    card.time.offset_ns += round(step_s * SECOND)
    for _ in range(100):
        _, error, missing = card.block()
        assert abs(error) < 1e-3
        assert missing == 0


def test_simulated_time_that_is_slow_is_followed_and_loses_nothing():
    card = Card()
    for _ in range(2000):
        card.time.offset_ns -= round(0.1 * 400 / RATE * SECOND)
        _, error, missing = card.block()
        assert missing == 0
        assert abs(error) < 0.15


# ── devices ───────────────────────────────────────────────────────────────────────────────────


def a_device(index, name, default=False):
    return Device(index, name, "ALSA", 2, 48000, default)


DEVICES = [
    a_device(0, "HDA Intel: ALC257 (hw:0,0)"),
    a_device(2, "USB Audio"),
    a_device(3, "USB Audio Front (hw:2,0)", default=True),
    a_device(7, "2"),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (0, 0),
        ("0", 0),
        (" 3 ", 3),
        ("alc257", 0),
        ("FRONT", 3),
        ("USB Audio", 2),  # the exact name, though it is a part of another
        ("2", 7),  # the exact name, though it is an index
        (None, 3),
        ("", 3),
    ],
)
def test_a_device_is_found(wanted, index):
    assert find_device(wanted, DEVICES).index == index


def test_a_device_that_is_not_there_is_told_with_those_that_are():
    with pytest.raises(DeviceNotFound) as caught:
        find_device("headset", DEVICES)
    for device in DEVICES:
        assert str(device) in str(caught.value)
    with pytest.raises(DeviceNotFound):
        find_device(1, DEVICES)
    with pytest.raises(DeviceNotFound):
        find_device(None, DEVICES[:1])


def test_an_ambiguous_name_lists_only_what_fits():
    with pytest.raises(AmbiguousDevice) as caught:
        find_device("usb", DEVICES)
    assert "Front" in str(caught.value) and "ALC257" not in str(caught.value)


@given(st.text(max_size=8), st.lists(st.text(max_size=5), max_size=5))
def test_never_another_device_than_was_asked_for(wanted, names):
    devices = [a_device(10 + k, name) for k, name in enumerate(names)]
    try:
        found = find_device(wanted, devices)
    except (DeviceNotFound, AmbiguousDevice):
        return
    word = wanted.strip()
    assert word and (word.casefold() in found.name.casefold() or int(word) == found.index)


class Library:
    """Stands for the module sounddevice: devices, and streams that the test feeds."""

    class PortAudioError(Exception):
        pass

    def __init__(self, *names, channels=2, refuses=lambda rate, channels: False):
        self.names = list(names)
        self.channels = channels
        self.refuses = refuses
        self.streams = []
        self.calls = []
        self.default = SimpleNamespace(device=[0, 0])

    def query_hostapis(self):
        return [{"name": "ALSA"}]

    def query_devices(self):
        return [
            {
                "name": name,
                "hostapi": 0,
                "max_input_channels": self.channels,
                "default_samplerate": 48000.0,
            }
            for name in self.names
        ]

    def _terminate(self):
        self.calls.append("terminate")

    def _initialize(self):
        self.calls.append("initialize")

    def _exit_handler(self):
        pass

    def InputStream(self, **options):
        if self.refuses(options["samplerate"], options["channels"]):
            raise self.PortAudioError("Error opening InputStream: Invalid sample rate")
        self.streams.append(Stream(options))
        return self.streams[-1]


class Stream:
    def __init__(self, options):
        self.options = options
        self.calls = []
        self.time = 0.0

    def start(self):
        self.calls.append("start")

    def abort(self, ignore_errors):
        self.calls.append("abort")

    def close(self, ignore_errors=True):
        self.calls.append("close")

    def hear(self, samples, adc_s, overflow=False):
        self.time = adc_s + len(samples) / self.options["samplerate"]
        self.options["callback"](
            samples,
            len(samples),
            SimpleNamespace(inputBufferAdcTime=adc_s),
            SimpleNamespace(input_overflow=overflow),
        )


@pytest.fixture
def library(monkeypatch):
    def use(*arguments, **named):
        library = Library(*arguments, **named)
        monkeypatch.setattr(soundcard, "_sounddevice", lambda: library)
        monkeypatch.setattr(soundcard, "library", soundcard.SoundLibrary())
        return library

    return use


def test_importing_opens_nothing(monkeypatch):
    def fail():
        raise AssertionError("PortAudio was started")

    monkeypatch.setattr(soundcard, "_sounddevice", fail)
    Microphone("usb")


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.setattr(soundcard, "library", soundcard.SoundLibrary())
    with pytest.raises(MicrophoneUnavailable, match="libportaudio2"):
        Microphone().open()
    with pytest.raises(MicrophoneUnavailable):
        soundcard.devices()


def test_a_device_is_asked_for_the_wanted_rate_first(library):
    sd = library("usb", channels=2, refuses=lambda rate, channels: rate != 48000 or channels != 2)
    mic = Microphone(rate=16000)
    mic.open()
    assert mic.device_rate == 48000
    clock = Clock()
    for _ in range(50):
        clock.s += 0.02
        sd.streams[0].hear(np.full((960, 2), [0.2, 0.6], np.float32), clock.s)
    samples = np.concatenate([b.samples for b in iter(lambda: mic.read(0), None)])
    assert samples.shape[1] == 1
    assert len(samples) == pytest.approx(16000, abs=1000)
    assert samples[2000:-2000] == pytest.approx(0.4, abs=1e-3)
    mic.close()
    assert sd.streams[0].calls == ["start", "abort", "close"]


def test_an_overflow_breaks_the_block_after_it(library):
    sd = library("usb")
    clock = Clock()
    mic = Microphone(now_ns=clock.now_ns, steady=clock.steady)
    mic.open()
    block = np.zeros((320, 1), np.float32)
    for k in range(20):
        clock.s += 0.02
        if k == 10:
            clock.s += 0.1
        sd.streams[0].hear(block, clock.s - 0.02, overflow=k == 10)
    blocks = list(iter(lambda: mic.read(0), None))
    assert [b.broken for b in blocks] == [""] * 10 + ["overflow"] + [""] * 9
    assert blocks[10].lost == pytest.approx(1600, abs=20)


def test_what_the_queue_has_no_room_for_is_counted_exactly(library, monkeypatch):
    monkeypatch.setattr(microphone_module, "QUEUE_S", 0.1)
    sd = library("usb", refuses=lambda rate, channels: False)
    clock = Clock()
    mic = Microphone(rate=48000, now_ns=clock.now_ns, steady=clock.steady)
    mic.open()

    def hear(count):
        for _ in range(count):
            clock.s += 0.02
            sd.streams[0].hear(np.zeros((960, 1), np.float32), clock.s - 0.02)

    hear(9)
    blocks = list(iter(lambda: mic.read(0), None))
    hear(1)
    blocks += list(iter(lambda: mic.read(0), None))
    assert [b.lost for b in blocks] == [0, 0, 0, 0, 0, 4 * 960]
    assert blocks[-1].broken == "dropped"
    step = (blocks[-1].stamp_ns - blocks[-2].stamp_ns) / SECOND
    assert step == pytest.approx(5 * 0.02, abs=1e-3)


def test_an_exception_in_the_callback_reaches_the_reader(library):
    sd = library("usb")

    def now_ns():
        raise ZeroDivisionError("a clock that breaks")

    mic = Microphone(now_ns=now_ns)
    mic.open()
    sd.streams[0].hear(np.zeros((320, 1), np.float32), 1.0)  # does not raise
    with pytest.raises(DeviceFailed, match="ZeroDivisionError"):
        mic.read(0)


def test_a_stream_that_ends_is_a_device_that_is_lost_once_all_was_read(library):
    sd = library("usb")
    mic = Microphone()
    mic.open()
    sd.streams[0].hear(np.zeros((320, 1), np.float32), 1.0)
    sd.streams[0].options["finished_callback"]()
    assert mic.read(0) is not None
    with pytest.raises(DeviceLost):
        mic.read(0)


def test_the_list_is_read_afresh_for_a_second_attempt_and_never_under_a_stream(library):
    sd = library("usb")
    mic = Microphone("usb")
    mic.open()
    assert sd.calls == []
    soundcard.devices()  # a second look, while the first stream runs, must not end it
    assert sd.calls == []
    mic.close()
    mic.open()
    assert sd.calls == ["terminate", "initialize"]


def test_after_a_replug_the_same_device_is_taken_whatever_its_index(library):
    sd = library("usb", "headset")
    mic = Microphone(1)
    mic.open()
    mic.close()
    sd.names = ["usb", "camera", "headset"]
    mic.open()
    assert sd.streams[-1].options["device"] == 2
    mic.close()
    sd.names = ["usb", "camera"]
    with pytest.raises(DeviceNotFound, match="headset"):
        mic.open()


def test_a_close_that_hangs_is_given_up_and_no_call_is_made_beside_it(library, monkeypatch):
    monkeypatch.setattr(soundcard, "CLOSE_S", 0.05)
    monkeypatch.setattr(soundcard, "OPEN_S", 0.05)
    sd = library("usb")
    answers = threading.Event()
    mic = Microphone()
    mic.open()
    sd.streams[0].abort = lambda ignore_errors: answers.wait(5)
    with pytest.raises(DeviceRefused, match="not answered"):
        mic.close()
    with pytest.raises(DeviceRefused, match="not answered"):
        mic.open()
    assert len(sd.streams) == 1
    answers.set()
    monkeypatch.setattr(soundcard, "OPEN_S", 5.0)
    mic.open()
    assert len(sd.streams) == 2


def test_a_device_that_opens_too_late_is_closed_again(library, monkeypatch):
    sd = library("usb")
    opens = threading.Event()
    real = sd.InputStream

    def slow(**options):
        opens.wait(5)
        return real(**options)

    sd.InputStream = slow
    monkeypatch.setattr(soundcard, "OPEN_S", 0.2)
    mic = Microphone()
    with pytest.raises(DeviceRefused):
        mic.open()
    opens.set()
    monkeypatch.setattr(soundcard, "OPEN_S", 5.0)
    soundcard.devices()  # waits until the late call is through
    assert sd.streams[0].calls == ["start", "abort", "close"]


@pytest.mark.parametrize("wrong", [{"rate": 7000}, {"channels": 0}, {"channel": -1}])
def test_a_microphone_that_cannot_be_is_refused_at_once(wrong):
    with pytest.raises(UnsupportedFormat):
        Microphone(**wrong)


# ── files ─────────────────────────────────────────────────────────────────────────────────────


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


@settings(max_examples=30, deadline=None)
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
