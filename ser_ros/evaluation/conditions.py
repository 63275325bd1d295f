"""What becomes of a voice on its way to the network: noise, gain, a room, a telephone.

A condition is a pure function: the same samples, name and seed give the same samples.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, AudioFormat, SampleFormat, Samples
from ser_ros.corpora.noises import recordings_in, split_noises
from ser_ros.errors.audio import AudioError
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra

CLEAN = "clean"
SNRS_DB = (20, 15, 10, 5, 0)
GAINS_DB = (-30, -20, -10, 10, 20)
ROOM, TELEPHONE = "room", "telephone"

NOISES = tuple(f"noise {snr:d} dB" for snr in SNRS_DB)
GAINS = tuple(f"gain {gain:+d} dB" for gain in GAINS_DB)
CONDITIONS = (*NOISES, *GAINS, ROOM, TELEPHONE)
"""Every condition but `clean`, by name."""

TELEPHONE_RATE = 8_000
TELEPHONE_BAND_HZ = (300.0, 3400.0)
_BAND_ORDER = 4

ROOM_M = (4.0, 5.0, 2.6)
ROOM_RT60_S = 0.4
_MICROPHONE_M = (1.5, 1.2, 1.0)
"""Where the robot's microphone is, off the middle, where standing waves are."""
_TALKER_M = (1.5 + 0.9, 1.2 + 1.104, 1.0 + 0.46)
"""1.5 m from the microphone, and as high as a mouth."""

_FRAME = NETWORK_RATE // 50
"""20 ms, over which a level is taken."""

_SOUNDING_DB = 30.0
"""A frame this much below the loudest one is a pause."""


@dataclass(frozen=True)
class Condition:
    """A condition by name; a process of its own can be handed one."""

    name: str = CLEAN
    noises: tuple[Path, ...] = ()
    """The recordings of noise that `noise` draws from."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name not in (CLEAN, *CONDITIONS):
            raise BadValue("condition", self.name, f"one of {', '.join(CONDITIONS)}")
        if self.name in NOISES and not self.noises:
            raise BadValue("--noise-folder", "", "a folder that holds recordings of noise")

    def __call__(self, samples: Samples, clip: str) -> Samples:
        """Change samples, shape (n,), at 16 kHz; `clip` names them and chooses the noise."""
        if self.name in NOISES:
            snr_db = SNRS_DB[NOISES.index(self.name)]
            return with_noise(samples, _noise_for(clip, self.noises, self.seed), snr_db)
        if self.name in GAINS:
            return with_gain(samples, GAINS_DB[GAINS.index(self.name)])
        change: Callable[[Samples], Samples] = {ROOM: in_room, TELEPHONE: by_telephone}.get(
            self.name, lambda unchanged: unchanged
        )
        return change(samples)


def conditions(
    names: Sequence[str], noise_folder: Path | None, seed: int, held_out: bool = False
) -> list[Condition]:
    """Return conditions by name, with all noises of a folder or those that no training uses.

    Raises `BadValue`.
    """
    noises = unheard_noises(noise_folder, held_out) if noise_folder else ()
    return [Condition(name, noises if name in NOISES else (), seed) for name in names]


def unheard_noises(folder: Path, held_out: bool) -> tuple[Path, ...]:
    """Return the recordings of a folder, or those that no training uses where there are enough."""
    kept = split_noises(folder)[1] if held_out else []
    return tuple(kept or recordings_in(folder))


# ── levels ────────────────────────────────────────────────────────────────────────────────────


def sounding(samples: Samples) -> npt.NDArray[np.bool_]:
    """Tell which frames of 20 ms are no pause, shape (n // 320,)."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    return (power > 0) & (power >= power.max(initial=0.0) * 10 ** (-_SOUNDING_DB / 10))


def without_pauses(samples: Samples) -> Samples:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return frames[sounding(samples)].reshape(-1)


def without_ends(samples: Samples) -> Samples:
    """Leave out the silence before and after; what is shorter than a frame stays as it is."""
    (there,) = np.nonzero(sounding(samples))
    return samples[there[0] * _FRAME : (there[-1] + 1) * _FRAME] if len(there) else samples


def _power(samples: Samples) -> float:
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


# ── noise and gain ────────────────────────────────────────────────────────────────────────────


def with_noise(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Add noise, repeated to the length of the speech, `snr_db` below it.

    Both levels are RMS without pauses: a clip with a second of silence at its ends is no quieter,
    and a dog that barks once barks all along. The sum may exceed full scale: the microphone has
    room, and loudness has conditions of its own.
    """
    noise = without_pauses(noise)
    speech_power, noise_power = _power(without_pauses(samples)), _power(noise)
    if not speech_power or not noise_power:
        return samples
    scale = np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10))
    return samples + np.float32(scale) * np.resize(noise, len(samples))


def _noise_for(clip: str, noises: Sequence[Path], seed: int) -> Samples:
    """Return the noise of a clip, the same at every SNR, from a place that the clip draws."""
    digest = hashlib.sha256(f"{seed} {clip}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    for index in random.permutation(len(noises))[:8]:
        try:
            noise = without_pauses(audio.load(noises[index], NETWORK_RATE))
        except AudioError:
            continue
        if len(noise):
            return np.roll(noise, int(random.integers(len(noise))))
    raise BadValue("The folder of noises", str(noises[0].parent), "recordings that are not silent")


def with_gain(samples: Samples, gain_db: float) -> Samples:
    """Return what a 16-bit converter gives at another gain: clipped at full scale, rounded."""
    louder = samples * np.float32(10 ** (gain_db / 20))
    pcm = audio.encode(louder, SampleFormat.S16LE)
    return audio.to_mono(audio.decode(pcm, AudioFormat())) if pcm else samples


# ── room and telephone ────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def room_response() -> Samples:
    """Return the response of the room from talker to microphone, from the direct sound on.

    A shoebox by image sources; its walls absorb what Sabine asks for. Raises `MissingExtra`.
    """
    try:
        import pyroomacoustics
    except ImportError as error:
        raise MissingExtra("pyroomacoustics", "train") from error
    absorption, order = pyroomacoustics.inverse_sabine(ROOM_RT60_S, ROOM_M)
    material = pyroomacoustics.Material(absorption)
    room = pyroomacoustics.ShoeBox(ROOM_M, NETWORK_RATE, materials=material, max_order=order)
    room.add_source(_TALKER_M)
    room.add_microphone(_MICROPHONE_M)
    room.compute_rir()
    response = np.asarray(room.rir[0][0], np.float32)
    direct = int(np.argmax(np.abs(response) > 0.5 * np.abs(response).max()))
    return response[max(direct - _FRAME // 8, 0) :]


def in_room(samples: Samples) -> Samples:
    """Return the voice as heard 1.5 m away in the room, as loud and as long as it was."""
    try:
        from scipy.signal import fftconvolve
    except ImportError as error:
        raise MissingExtra("scipy", "train") from error
    heard = fftconvolve(samples, room_response())[: len(samples)]
    power = _power(heard)
    scale = np.sqrt(_power(samples) / power) if power else 1.0
    return (heard * scale).astype(np.float32)


@lru_cache(maxsize=1)
def _band_pass() -> npt.NDArray[np.float64]:
    try:
        from scipy.signal import butter
    except ImportError as error:
        raise MissingExtra("scipy", "train") from error
    return np.asarray(
        butter(_BAND_ORDER, TELEPHONE_BAND_HZ, "bandpass", fs=TELEPHONE_RATE, output="sos")
    )


def by_telephone(samples: Samples) -> Samples:
    """Return the voice after a telephone line: 8 kHz, 300 to 3400 Hz, mu-law (ITU-T G.711)."""
    sections = _band_pass()
    from scipy.signal import sosfilt

    narrow = soxr.resample(samples, NETWORK_RATE, TELEPHONE_RATE)
    narrow = np.clip(sosfilt(sections, narrow), -1.0, 1.0).astype(np.float32)
    line = io.BytesIO()
    soundfile.write(line, narrow, TELEPHONE_RATE, format="WAV", subtype="ULAW")
    line.seek(0)
    heard, _ = soundfile.read(line, dtype="float32")
    wide = np.asarray(soxr.resample(heard, TELEPHONE_RATE, NETWORK_RATE), np.float32)
    wide = wide[: len(samples)]
    return np.pad(wide, (0, len(samples) - len(wide)))
