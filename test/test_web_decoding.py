"""Uploads become samples, in a process of its own, whatever they claim to be."""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("av", reason="PyAV is in the extra web")
import uploads

from ser_ros import audio
from ser_ros.errors.web import (
    NoSoundInside,
    NotARecording,
    RecordingDamaged,
    RecordingTooHeavy,
    RecordingTooLong,
    Refusal,
    UploadEmpty,
)
from ser_ros.web import decoder
from ser_ros.web.decoding import decode
from ser_ros.web.limits import Limits

SECOND = np.sin(np.arange(16_000, dtype=np.float32) * 0.1) * np.float32(0.3)


def decoded(content: bytes, limits: Limits | None = None) -> audio.Samples:
    with tempfile.TemporaryFile() as file:
        file.write(content)
        file.flush()
        return asyncio.run(decode(file, limits or Limits()))


def test_the_decoder_has_the_rate_of_the_project() -> None:
    assert decoder.RATE == audio.NETWORK_RATE


@pytest.mark.parametrize("name", uploads.FORMATS)
def test_every_format_sounds_as_before(name: str, voices: list[audio.Samples]) -> None:
    found = decoded(uploads.encoded(voices[0], name))
    assert found.dtype == np.float32
    assert len(found) == pytest.approx(len(voices[0]), abs=0.1 * audio.NETWORK_RATE)
    assert audio.level_dbfs(found) == pytest.approx(audio.level_dbfs(voices[0]), abs=1.0)


def test_what_is_not_compressed_is_the_same_to_the_sample(recordings: list[Path]) -> None:
    found = decoded(recordings[0].read_bytes())
    np.testing.assert_array_equal(found, audio.load(recordings[0]))


def test_stereo_is_brought_to_mono() -> None:
    out = io.BytesIO()
    import soundfile

    soundfile.write(out, np.stack((SECOND, 0 * SECOND), axis=1), 16_000, format="WAV")
    np.testing.assert_allclose(decoded(out.getvalue()), SECOND / 2, atol=1e-4)


def test_a_header_that_claims_a_terabyte_is_not_believed() -> None:
    assert len(decoded(uploads.claiming_a_terabyte(SECOND))) == 16_000


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("voice.wav", bytes(50_000_000))
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", NotARecording),
        (b"hello", NotARecording),
        (Path(sys.executable).resolve().read_bytes()[:300_000], NotARecording),
        (zip_bomb(), NotARecording),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n", NotARecording),
        (b"ffconcat version 1.0\nfile '/etc/passwd'\n", NotARecording),
        (uploads.film_without_sound(), NoSoundInside),
        (uploads.empty_wav(), UploadEmpty),
    ],
    ids=["nothing", "text", "program", "zip", "playlist", "concatenation", "silent film", "empty"],
)
def test_what_is_no_recording_is_told_as_such(content: bytes, error: type[Refusal]) -> None:
    with pytest.raises(error):
        decoded(content)


def test_ten_hours_are_refused_once_the_limit_is_reached() -> None:
    with pytest.raises(RecordingTooLong, match="10 s"):
        decoded(uploads.ten_hours(), Limits(seconds=10))


def test_memory_is_limited() -> None:
    with pytest.raises(Refusal) as caught:
        decoded(uploads.encoded(SECOND, "mp4"), Limits(decode_mb=64))
    assert isinstance(caught.value, RecordingTooHeavy | RecordingDamaged)


def test_time_is_limited_and_the_process_ended() -> None:
    with pytest.raises(RecordingTooHeavy, match="time"):
        decoded(uploads.encoded(SECOND, "wav"), Limits(decode_s=0.01))


@pytest.mark.parametrize("name", uploads.FORMATS)
def test_a_truncated_file_is_heard_as_far_as_it_goes_or_refused(name: str) -> None:
    content = uploads.encoded(np.tile(SECOND, 3), name)
    try:
        assert len(decoded(content[: len(content) * 2 // 3])) <= 3.2 * 16_000
    except (NotARecording, RecordingDamaged):
        assert name in ("m4a", "mp4")  # what tells where the sound lies is at the end


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(uploads.FORMATS)),
    where=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=400),
)
def test_damage_anywhere_is_heard_over_or_refused(name: str, where: float, noise: bytes) -> None:
    content = bytearray(uploads.encoded(SECOND, name))
    start = int(where * len(content))
    content[start : start + len(noise)] = noise
    try:
        found = decoded(bytes(content))
    except Refusal as refusal:
        assert str(refusal).endswith(".")
    else:
        assert 0 < len(found) <= 600.5 * 16_000 and np.all(np.abs(found) <= 1)
