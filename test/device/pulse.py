"""A room with a microphone on a machine without either: a private PulseAudio and a null sink.

What is played into the sink is heard at its monitor. Unloading the sink pulls the microphone's
plug, and stopping the server's process is a sound system that hangs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

SINK = "mic"

# Two more names for the same room, so that a part of a name can be ambiguous.
ALSA = """
</usr/share/alsa/alsa.conf>
pcm.array_front { type pulse device "mic.monitor" }
pcm.array_rear { type pulse device "mic.monitor" }
"""


class Room:
    """A private sound server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "asound.conf").write_text(ALSA)
        self.environment = {
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_RUNTIME_PATH": str(folder / "pulse"),
            "PULSE_SERVER": f"unix:{folder}/native",
            "PULSE_SOURCE": f"{SINK}.monitor",
            "PULSE_SINK": SINK,
            "PULSE_COOKIE": str(folder / "cookie"),
            "ALSA_CONFIG_PATH": str(folder / "asound.conf"),
        }
        self._server: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> str:
        return subprocess.run(
            command, env=os.environ | self.environment, check=True, capture_output=True, text=True,
            timeout=30,
        ).stdout  # fmt: skip

    def start(self) -> None:
        self._server = subprocess.Popen(
            [
                "pulseaudio", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "-n",
                "-L", f"module-native-protocol-unix auth-anonymous=1 socket={self.folder}/native",
            ],
            env=os.environ | self.environment,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(100):
            if subprocess.run(
                ["pactl", "info"], env=os.environ | self.environment, capture_output=True
            ).returncode == 0:  # fmt: skip
                return
            time.sleep(0.1)
        raise RuntimeError("The private PulseAudio server has not answered within 10 s.")

    def stop(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)
            self._server.terminate()
            self._server.wait(10)

    def freeze(self) -> None:
        """Let the server hang."""
        assert self._server is not None
        self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._server is not None
        self._server.send_signal(signal.SIGCONT)

    def plug(self, channels: int = 2, sleepy: bool = False) -> None:
        """Plug the microphone in. A `sleepy` one takes 2 s until its first sound, as null sinks do
        unless told otherwise."""
        self.run(
            "pactl", "load-module", "module-null-sink", f"sink_name={SINK}", "rate=48000",
            f"channels={channels}", *([] if sleepy else ["norewinds=1"]),
        )  # fmt: skip

    def unplug(self) -> None:
        self.run("pactl", "unload-module", "module-null-sink")

    def plugged(self) -> bool:
        return f"{SINK}.monitor" in self.run("pactl", "list", "short", "sources")

    def play(self, samples: npt.NDArray[np.float32], rate: int = 48000) -> subprocess.Popen[bytes]:
        """Begin to play samples, shape (n,) or (n, channels)."""
        path = self.folder / f"played-{time.monotonic_ns()}.wav"
        soundfile.write(path, samples, rate)
        return self.play_file(path)

    def play_file(self, path: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen(["paplay", str(path)], env=os.environ | self.environment)


def _look_again() -> None:
    """Let PortAudio look for devices again, if it was imported before the server was up.

    pyroomacoustics, for one, imports sounddevice.
    """
    if "sounddevice" in sys.modules:
        sounddevice = sys.modules["sounddevice"]
        sounddevice._terminate()
        sounddevice._initialize()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[Room]:
    """A private PulseAudio without any device; this process talks to it too."""
    for program in ("pulseaudio", "pactl", "paplay"):
        if shutil.which(program) is None:
            pytest.skip(
                f"{program} is not installed; install the Debian packages pulseaudio, "
                "pulseaudio-utils and libasound2-plugins to test with a microphone"
            )
    # Short: the path of a socket has at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="room") as folder:
        room = Room(Path(folder))
        room.start()
        with pytest.MonkeyPatch.context() as patch:
            for key, value in room.environment.items():
                patch.setenv(key, value)
            _look_again()
            try:
                yield room
            finally:
                room.stop()


@pytest.fixture
def room(sound_server: Room) -> Iterator[Room]:
    """A room with a microphone."""
    sound_server.plug()
    try:
        yield sound_server
    finally:
        sound_server.thaw()
        if sound_server.plugged():
            sound_server.unplug()
