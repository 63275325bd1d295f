"""Microphones without a sound card: the devices' names, the queue, what a library may do."""

import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from clocks import Clock
from hypothesis import given
from hypothesis import strategies as st

from ser_ros import microphone as microphone_module
from ser_ros import soundcard
from ser_ros.clock import SECOND
from ser_ros.errors.audio import (
    AmbiguousDevice,
    DeviceFailed,
    DeviceLost,
    DeviceNotFound,
    DeviceRefused,
    MicrophoneUnavailable,
    UnsupportedFormat,
)
from ser_ros.microphone import Microphone
from ser_ros.soundcard import Device, find_device


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
        self.broken = False
        """Whether PortAudio does not start."""
        self._initialized = 1
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
        if not self._initialized:
            raise self.PortAudioError("Error terminating PortAudio: PortAudio not initialized")
        self._initialized -= 1
        self.calls.append("terminate")

    def _initialize(self):
        if self.broken:
            raise self.PortAudioError("Error initializing PortAudio: Unanticipated host error")
        self._initialized += 1
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


def test_a_sound_system_that_failed_to_start_once_comes_back(library):
    sd = library("usb")
    mic = Microphone("usb")
    mic.open()
    mic.close()
    sd.broken = True
    for _ in range(2):
        with pytest.raises(MicrophoneUnavailable, match="initializing"):
            mic.open()
    sd.broken = False
    mic.open()
    assert sd.calls == ["terminate", "initialize"]
    assert len(sd.streams) == 2


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


def test_a_card_that_got_another_number_is_the_same_unless_it_had_a_twin(library):
    sd = library("HDA (hw:0,0)", "USB: Audio (hw:1,0)")
    mic = Microphone("usb")
    mic.open()
    mic.close()
    sd.names = ["HDA (hw:0,0)", "HDMI (hw:1,0)", "USB: Audio (hw:2,0)"]
    mic.open()
    assert sd.streams[-1].options["device"] == 2
    assert mic.name == "USB: Audio (hw:2,0)"
    mic.close()
    sd.names = ["HDA (hw:0,0)", "USB: Audio (hw:1,0)", "USB: Audio (hw:2,0)"]
    mic.open()
    assert mic.name == "USB: Audio (hw:2,0)"
    mic.close()
    sd.names = ["HDA (hw:0,0)", "USB: Audio (hw:1,0)"]
    with pytest.raises(DeviceNotFound, match="hw:2,0"):
        mic.open()  # that is the other one


def test_a_close_that_hangs_is_given_up_and_no_call_is_made_beside_it(library, monkeypatch):
    sd = library("usb")
    answers = threading.Event()
    mic = Microphone()
    mic.open()
    monkeypatch.setattr(soundcard, "CLOSE_S", 0.05)
    monkeypatch.setattr(soundcard, "OPEN_S", 0.05)
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
