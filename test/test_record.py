"""`record` and `devices` where no microphone is needed: what they refuse, and what they keep."""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_ros.cli import devices, record
from ser_ros.errors.audio import DeviceLost, MicrophoneUnavailable
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotWrite
from ser_ros.sources import Block

ROOT = Path(__file__).parents[1]


class Voice:
    """A microphone that hears a steady 0.25, then does what the test wants."""

    name = "voice"
    device_rate = 16000

    def __init__(self, rate=16000, channels=1, blocks=1000, then=None):
        self.rate = rate
        self.channels = channels
        self.closed = 0
        self.left = blocks
        self.then = then

    def open(self):
        pass

    def read(self, timeout_s):
        if self.left == 0:
            raise self.then
        self.left -= 1
        return Block(np.full((1600, self.channels), 0.25, np.float32), 0)

    def close(self):
        self.closed += 1


@pytest.fixture
def voice(monkeypatch):
    def use(**named):
        made = []

        def microphone(device, rate, channels):
            made.append(Voice(rate, channels, **named))
            return made[-1]

        monkeypatch.setattr(record, "Microphone", microphone)
        return made

    return use


def run(*words):
    parser = argparse.ArgumentParser()
    record.add_arguments(parser)
    return record.run(parser.parse_args([str(word) for word in words]))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_what_is_heard_is_written_to_the_sample(tmp_path, voice, suffix):
    made = voice()
    out = tmp_path / f"a{suffix}"
    assert run(out, "--seconds", 1.03, "--channels", 2, "--rate", 8000) == 0
    samples, rate = soundfile.read(out, always_2d=True)
    assert (rate, samples.shape) == (8000, (8240, 2))
    assert samples == pytest.approx(0.25)
    assert made[0].closed == 1
    assert list(tmp_path.iterdir()) == [out]


def test_an_existing_file_is_kept_unless_it_is_forced(tmp_path, voice):
    voice()
    out = tmp_path / "a.wav"
    out.write_text("precious")
    with pytest.raises(BadValue, match="--force"):
        run(out)
    assert out.read_text() == "precious"
    assert run(out, "--force", "--seconds", 0.5) == 0
    assert soundfile.info(out).duration == 0.5


SENSELESS = [
    ("a.mp3",),
    ("a",),
    ("a.wav", "--seconds", 0),
    ("a.wav", "--seconds", "nan"),
    ("a.wav", "--seconds", "inf"),
]


@pytest.mark.parametrize("words", SENSELESS)
def test_what_makes_no_sense_is_refused(tmp_path, voice, words):
    made = voice()
    with pytest.raises(BadValue):
        run(tmp_path / words[0], *words[1:])
    assert not made and not list(tmp_path.iterdir())


def test_a_folder_that_is_missing_is_told_before_anything_is_recorded(tmp_path, voice):
    made = voice()
    with pytest.raises(CannotWrite, match="No such file"):
        run(tmp_path / "missing" / "a.wav")
    assert all(v.left == 1000 for v in made)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_disk_that_is_full_is_told_in_a_sentence(tmp_path, suffix):
    script = (
        "import sys\n"
        f"sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'test')!r}]\n"
        "import numpy as np, resource\n"
        "import test_record, ser_ros.cli.record as record\n"
        "from ser_ros.__main__ import main\n"
        "from ser_ros.sources import Block\n"
        "class Noise(test_record.Voice):\n"
        "    def read(self, timeout_s):\n"
        "        x = np.random.default_rng(0).uniform(-1, 1, (1600, 1))\n"
        "        return Block(x.astype(np.float32), 0)\n"
        "record.Microphone = lambda device, rate, channels: Noise(rate, channels)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        f"sys.exit(main(['record', {str(tmp_path / 'a') + '.' + suffix!r}, '--seconds', '10']))\n"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert child.returncode == 1
    assert child.stderr.count("\n") == 1
    assert "cannot be written" in child.stderr
    assert not list(tmp_path.iterdir())


def test_ctrl_c_keeps_what_was_recorded_and_says_how_much(tmp_path, voice, capsys):
    made = voice(blocks=7, then=KeyboardInterrupt())
    out = tmp_path / "a.wav"
    assert run(out) == 0
    assert soundfile.info(out).duration == 0.7
    assert "0.7 s" in capsys.readouterr().out
    assert made[0].closed == 1


def test_ctrl_c_before_the_first_sound_leaves_nothing(tmp_path, voice):
    voice(blocks=0, then=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.wav")
    assert not list(tmp_path.iterdir())


def test_a_microphone_that_disappears_leaves_what_it_gave(tmp_path, voice, capsys):
    voice(blocks=7, then=DeviceLost("voice", 2.0))
    assert run(tmp_path / "a.wav") == 1
    assert soundfile.info(tmp_path / "a.wav").duration == 0.7
    assert "voice" in capsys.readouterr().err
    voice(blocks=0, then=DeviceLost("voice", 2.0))
    with pytest.raises(DeviceLost):
        run(tmp_path / "b.wav")
    assert not (tmp_path / "b.wav").exists()


def test_a_loss_is_told(tmp_path, voice, monkeypatch, capsys):
    voice()
    given = iter([Block(np.zeros((1600, 1), np.float32), 0),
                  Block(np.zeros((1600, 1), np.float32), 0, 800, "overflow")])  # fmt: skip
    monkeypatch.setattr(Voice, "read", lambda self, timeout_s: next(given))
    assert run(tmp_path / "a.wav", "--seconds", 0.2) == 0
    told = capsys.readouterr().out
    assert "1 gap(s) of 0.05 s" in told and "muted" in told


def test_devices_without_any_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(devices, "devices", lambda: [])
    assert devices.run(argparse.Namespace()) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1


def test_devices_without_the_library_says_what_to_install(monkeypatch):
    def fail():
        raise MicrophoneUnavailable("no")

    monkeypatch.setattr(devices, "devices", fail)
    with pytest.raises(MicrophoneUnavailable, match="libportaudio2"):
        devices.run(argparse.Namespace())
