"""How much of everything a stranger may ask for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The first three are told to the page, and may be set at the start."""

    upload_mb: int = 50
    """A file, in MiB: ten minutes of wav in stereo at 48 kHz are 110, of a phone's format 5."""
    seconds: float = 600.0
    """A recording."""
    at_once: int = 4
    """Recordings that are being sent, decoded, or listened to."""
    idle_s: float = 20.0
    """Without a byte of an upload."""
    decode_s: float = 90.0
    """Decoding, by the clock on the wall; `decoder.CPU_S` limits the computing."""
    decode_mb: int = 512
    """Address space of the decoder, in MiB; Python and FFmpeg alone take about 130."""
    remember_s: float = 15 * 60.0
    """An answer, from when it was last asked for."""
    remember_mb: int = 256
    """All answers, and the sound that may still be saved, in MiB; the oldest go first."""
    viewers: int = 50
    """Live views."""
