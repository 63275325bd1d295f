"""A real PortAudio, hearing what is really played in a room of its own."""

import argparse
import itertools
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from pulse import Room

from ser_ros import audio
from ser_ros import microphone as microphone_module
from ser_ros.capture import Capture
from ser_ros.cli import devices as devices_command
from ser_ros.cli import record as record_command
from ser_ros.clock import SECOND
from ser_ros.errors.audio import AmbiguousDevice, DeviceLost, DeviceNotFound, DeviceRefused
from ser_ros.microphone import Microphone
from ser_ros.sources import Block

pytestmark = [pytest.mark.device, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SPEECH = Path(__file__).parents[1] / "data" / "emodb_angry_03a01Wa.flac"


@pytest.fixture
def microphone(room):
    opened = []

    def make(*arguments, **named):
        opened.append(Microphone(*arguments, **named))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def hear(microphone: Microphone, seconds: float) -> list[Block]:
    """Read until that much sound was heard, or twice that time has passed."""
    blocks: list[Block] = []
    end = time.monotonic() + 2 * seconds + 4
    while sum(len(b.samples) for b in blocks) < seconds * microphone.rate:
        assert time.monotonic() < end, "the microphone gives too little"
        block = microphone.read(0.2)
        if block is not None:
            blocks.append(block)
    return blocks


def joined(blocks: list[Block]) -> np.ndarray:
    return np.concatenate([b.samples for b in blocks])


def tone(frequency: float, seconds: float = 3.0, rate: int = 48000) -> np.ndarray:
    t = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def strength(samples: np.ndarray, frequency: float, rate: int) -> float:
    """Amplitude of one frequency, shape (n,), in the loudest second."""
    best = 0.0
    for start in range(0, len(samples) - rate + 1, rate // 10):
        t = np.arange(rate) / rate
        wave = np.exp(-2j * np.pi * frequency * t) * np.hanning(rate) * 2
        best = max(best, float(2 * abs(np.mean(samples[start : start + rate] * wave))))
    return best


def wait_for(what, seconds: float) -> float:
    """Wait until it is so, and tell how long that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        time.sleep(0.02)
    return time.monotonic() - began


def test_hears_the_words_that_are_spoken(room, microphone):
    mic = microphone("pulse")
    mic.open()
    hear(mic, 0.3)
    speaker = room.play_file(SPEECH)
    heard = joined(hear(mic, 3.5))[:, 0]
    speaker.wait(10)
    spoken = audio.load(SPEECH)
    size = len(heard) + len(spoken)
    across = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size)), size)
    start = int(np.argmax(across))
    same = heard[start : start + len(spoken)]
    assert len(same) == len(spoken)
    assert np.corrcoef(same, spoken)[0, 1] > 0.98
    assert abs(audio.level_dbfs(same) - audio.level_dbfs(spoken)) < 1


def test_stamps_follow_the_samples_and_the_clock(room, microphone):
    mic = microphone("pulse")
    mic.open()
    blocks: list[Block] = []
    ages = []
    end = time.monotonic() + 10
    while time.monotonic() < end:
        block = mic.read(0.5)
        if block is not None:
            blocks.append(block)
            ends_ns = block.stamp_ns + len(block.samples) * SECOND // mic.rate
            ages.append((time.time_ns() - ends_ns) / SECOND)
    steps = [
        (b.stamp_ns - a.stamp_ns) / SECOND - len(a.samples) / mic.rate
        for a, b in itertools.pairwise(blocks)
    ]
    assert not any(b.broken for b in blocks)
    assert max(map(abs, steps)) < 0.003
    assert min(ages) > -0.05 and np.median(ages) < 0.1
    first, last = blocks[0], blocks[-1]
    heard_s = sum(len(b.samples) for b in blocks[:-1]) / mic.rate
    assert abs((last.stamp_ns - first.stamp_ns) / SECOND - heard_s) < 0.1


def test_a_click_has_the_time_at_which_it_was_played(room, microphone):
    mic = microphone("pulse")
    mic.open()
    hear(mic, 0.5)
    samples = np.zeros(48000, np.float32)
    samples[24000:26400] = 0.5
    began_ns = time.time_ns()
    speaker = room.play(samples)
    blocks = hear(mic, 1.5)
    speaker.wait(10)
    loud = next(b for b in blocks if np.abs(b.samples).max() > 0.2)
    index = int(np.argmax(np.abs(loud.samples[:, 0]) > 0.2))
    heard_ns = loud.stamp_ns + index * SECOND // mic.rate
    # paplay needs some time to start, and the room is up to 50 ms deep.
    assert 0.45 < (heard_ns - began_ns) / SECOND < 1.0


def test_a_microphone_that_needs_two_seconds_is_waited_for(sound_server):
    sound_server.plug(sleepy=True)
    chunks = []
    capture = Capture(Microphone("pulse"), chunks.append, chunk_s=0.5)
    try:
        capture.start()
        wait_for(lambda: len(chunks) >= 5, 10)
        assert capture.status().reopenings == 0
        times = [c.stamp_ns for c in chunks]
        assert np.ptp(np.diff(times)) < 0.05 * SECOND
        # PulseAudio believes at first that this sound is 0.7 s old.
        assert abs(time.time_ns() - times[-1]) < 1.2 * SECOND
    finally:
        capture.stop()
        sound_server.unplug()


def refuse(monkeypatch, refuses):
    """Make PortAudio refuse what a device with fixed settings refuses; the rest stays real."""
    import sounddevice

    real = sounddevice.InputStream
    tried = []

    def stream(**options):
        tried.append((options["samplerate"], options["channels"]))
        if refuses(*tried[-1]):
            raise sounddevice.PortAudioError(
                "Error opening InputStream: Invalid sample rate", -9997
            )
        return real(**options)

    monkeypatch.setattr(sounddevice, "InputStream", stream)
    return tried


def test_a_device_that_refuses_the_rate_is_resampled(room, microphone, monkeypatch):
    tried = refuse(monkeypatch, lambda rate, channels: rate != 44100)
    mic = microphone("pulse", rate=16000)
    mic.open()
    assert tried[0][0] == 16000
    assert (mic.device_rate, mic.rate) == (44100, 16000)
    hear(mic, 0.3)
    speaker = room.play(tone(1000))
    blocks = hear(mic, 2.5)
    speaker.wait(10)
    assert strength(joined(blocks)[:, 0], 1000, 16000) == pytest.approx(0.4, abs=0.04)
    ends = [b.stamp_ns + len(b.samples) * SECOND / 16000 for b in blocks]
    steps = [b.stamp_ns - end for b, end in zip(blocks[1:], ends, strict=False)]
    assert max(map(abs, steps)) < 0.003 * SECOND


def test_a_device_that_takes_nothing_says_why(room, microphone, monkeypatch):
    refuse(monkeypatch, lambda rate, channels: True)
    with pytest.raises(DeviceRefused, match=r"'pulse' .*Invalid sample rate"):
        microphone("pulse").open()


@pytest.mark.parametrize(
    ("channel", "left", "right"), [(0, 0.4, 0.0), (1, 0.0, 0.4), (None, 0.2, 0.2)]
)
def test_stereo_is_mixed_or_one_channel_is_chosen(
    room, microphone, monkeypatch, channel, left, right
):
    # As a sound card that has two channels and no less.
    refuse(monkeypatch, lambda rate, channels: channels == 1)
    find = microphone_module.find_device
    monkeypatch.setattr(microphone_module, "find_device", lambda *a: replace(find(*a), channels=2))
    mic = microphone("pulse", channel=channel)
    mic.open()
    hear(mic, 0.3)
    speaker = room.play(np.stack([tone(700), tone(1900)], axis=1))
    heard = joined(hear(mic, 2.5))[:, 0]
    speaker.wait(10)
    assert strength(heard, 700, 16000) == pytest.approx(left, abs=0.03)
    assert strength(heard, 1900, 16000) == pytest.approx(right, abs=0.03)


def test_a_plug_that_is_pulled_is_seen_and_put_back_is_heard(room):
    chunks = []
    capture = Capture(Microphone("pulse"), chunks.append, chunk_s=0.5)
    capture.start()
    try:
        wait_for(lambda: len(chunks) >= 3, 8)
        room.unplug()
        assert wait_for(lambda: capture.status().state == "reopening", 3) < 3
        assert "pulse" in capture.status().last_error
        time.sleep(2)
        assert capture.status().state == "reopening"
        room.plug()
        wait_for(lambda: capture.status().state == "listening", 12)
        before = len(chunks)
        wait_for(lambda: len(chunks) >= before + 3, 8)
        status = capture.status()
        assert status.reopenings >= 1
        assert status.lost > 1.5 * 16000
        assert sum(c.lost for c in chunks) == status.lost
        # What follows the loss says so, and lies after it.
        first = next(k for k, c in enumerate(chunks) if c.lost)
        apart = (chunks[first].stamp_ns - chunks[first - 1].stamp_ns) / SECOND
        heard = chunks[first - 1].frames / 16000 + chunks[first].lost / 16000
        assert apart == pytest.approx(heard, abs=0.3)
    finally:
        assert capture.stop()


def test_a_sound_system_that_hangs_hangs_neither_the_loop_nor_a_stop(room):
    chunks = []
    capture = Capture(Microphone("pulse"), chunks.append, chunk_s=0.5)
    capture.start()
    try:
        wait_for(lambda: len(chunks) >= 2, 8)
        room.freeze()
        assert wait_for(lambda: capture.status().state == "reopening", 3) < 3
        time.sleep(3)
        began = time.monotonic()
        capture.stop()
        assert time.monotonic() - began < 9
        room.thaw()
        before = len(chunks)
        capture.start()
        wait_for(lambda: len(chunks) >= before + 2, 20)
    finally:
        room.thaw()
        assert capture.stop()


def test_a_process_ends_although_the_sound_system_hangs(room):
    script = (
        "import sys, time\n"
        "from ser_ros.capture import Capture\n"
        "from ser_ros.microphone import Microphone\n"
        "capture = Capture(Microphone('pulse'), lambda c: print('chunk', flush=True), 0.3)\n"
        "capture.start()\n"
        "sys.stdin.readline()\n"
        "capture.stop()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "chunk\n"
        room.freeze()
        child.stdin.write("end\n")
        child.stdin.flush()
        assert child.wait(15) == 0
    finally:
        room.thaw()
        child.kill()
        child.communicate()


def test_the_microphone_is_really_closed_while_nobody_listens(room):
    capture = Capture(Microphone("pulse"), lambda chunk: None, chunk_s=0.3)

    def listeners():
        return room.run("pactl", "list", "short", "source-outputs").strip()

    for _ in range(2):
        capture.start()
        wait_for(lambda: capture.status().state == "listening", 8)
        assert listeners()
        assert capture.stop()
        assert capture.status().state == "closed"
        assert not listeners()


def test_an_exception_in_the_callback_is_told_and_survived(room):
    broken = threading.Event()

    def now_ns():
        if broken.is_set():
            broken.clear()
            raise ZeroDivisionError("a clock that breaks")
        return time.time_ns()

    chunks = []
    capture = Capture(Microphone("pulse", now_ns=now_ns), chunks.append, chunk_s=0.3)
    capture.start()
    try:
        wait_for(lambda: chunks, 8)
        broken.set()
        wait_for(lambda: capture.status().reopenings == 1, 8)
        before = len(chunks)
        wait_for(lambda: len(chunks) > before + 1, 8)
        assert "ZeroDivisionError" in capture.status().last_error
    finally:
        assert capture.stop()


def test_a_queue_that_nobody_empties_drops_and_says_how_much(room, microphone, monkeypatch):
    monkeypatch.setattr(microphone_module, "QUEUE_S", 0.2)
    mic = microphone("pulse", rate=44100)
    mic.open()
    hear(mic, 0.3)
    began = time.monotonic()
    time.sleep(1.0)
    slept_s = time.monotonic() - began
    blocks = hear(mic, 1.0)
    lost = [b for b in blocks if b.broken]
    assert {b.broken for b in lost} == {"dropped"}
    assert slept_s - 0.5 < lost[0].lost / 44100 < slept_s
    before = blocks[blocks.index(lost[0]) - 1]
    expected_ns = before.stamp_ns + (len(before.samples) + lost[0].lost) * SECOND // 44100
    assert abs(lost[0].stamp_ns - expected_ns) < 0.003 * SECOND


def test_wrong_and_ambiguous_names_open_nothing(room, microphone):
    with pytest.raises(DeviceNotFound, match=r"(?s)'no such'.*array_front.*pulse"):
        microphone("no such").open()
    with pytest.raises(AmbiguousDevice, match=r"(?s)'array'.*array_front.*array_rear"):
        microphone("array").open()
    assert not room.run("pactl", "list", "short", "source-outputs").strip()
    mic = microphone("ARRAY_r")
    mic.open()
    assert mic.name == "array_rear"
    hear(mic, 0.3)


def test_a_plug_that_is_pulled_ends_the_reading(room, microphone):
    mic = microphone("pulse")
    mic.open()
    hear(mic, 0.3)
    room.unplug()
    with pytest.raises(DeviceLost):
        hear(mic, 3)


def options(module, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(words)


def test_devices_lists_them(room, capsys):
    assert devices_command.run(options(devices_command)) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("array_front" in line and "ALSA" in line for line in lines)
    assert sum("default" in line.split()[-1:] for line in lines) == 1


def test_record_writes_what_is_heard(room, tmp_path, capsys):
    out = tmp_path / "heard.flac"
    speaker = room.play(tone(1000, 5))
    words = (str(out), "--seconds", "2", "--device", "pulse", "--rate", "22050", "--channels", "2")
    assert record_command.run(options(record_command, *words)) == 0
    speaker.wait(10)
    samples, rate = soundfile.read(out, dtype="float32")
    assert (rate, samples.shape) == (22050, (44100, 2))
    assert strength(samples[:, 1], 1000, rate) == pytest.approx(0.4, abs=0.05)
    assert "2.0 s from 'pulse'" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == [out]


def test_record_keeps_what_it_has_when_the_plug_is_pulled(room, tmp_path, capsys):
    out = tmp_path / "heard.wav"
    timer = threading.Timer(2.5, room.unplug)
    timer.start()
    assert record_command.run(options(record_command, str(out), "--seconds", "30")) == 1
    timer.join()
    assert 0.5 < soundfile.info(out).duration < 4
    assert "has given nothing" in capsys.readouterr().err


def test_record_keeps_what_it_has_at_ctrl_c(room, tmp_path):
    out = tmp_path / "heard.wav"
    child = subprocess.Popen(
        [sys.executable, "-m", "ser_ros", "record", str(out), "--seconds", "60"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: room.run("pactl", "list", "short", "source-outputs").strip(), 20)
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        told, _ = child.communicate(timeout=10)
    finally:
        child.kill()
    assert child.returncode == 0
    assert "interrupted" in told
    assert 0.5 < soundfile.info(out).duration < 4


def test_the_room_holds_one_speaker_and_nothing_of_the_machine(room: Room):
    assert room.run("pactl", "list", "short", "sinks").count("\n") == 1
