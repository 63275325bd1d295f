"""The stream: windows at their time, whatever the chunks, and odd ones are remarked upon."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_ros import audio
from ser_ros.audio import AudioFormat, SampleFormat, Samples
from ser_ros.clock import SECOND
from ser_ros.stream import AudioStream, Remark, Window

RATE = 16000
T0 = 1_700_000_000 * SECOND
MONO = AudioFormat(RATE, 1, SampleFormat.S16LE)
SIZE, HOP = 1600, 800


def sound(seconds: float, rate: int = RATE, seed: int = 1) -> Samples:
    """Something that has no two equal stretches and survives resampling: a rising tone."""
    t = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 + 300 * t + seed) * t)).astype(np.float32)


@dataclass
class Talk:
    """A publisher and its stream."""

    fmt: AudioFormat = MONO
    size: int = SIZE
    hop: int = HOP
    windows: list[Window] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = AudioStream(self.size, self.hop)
        self.now_ns = T0

    def say(self, data: Samples | bytes, stamp_ns: int | None = None, fmt=None) -> list[str]:
        """Publish a chunk that ends now, in step with the clock; return the remarks' kinds."""
        fmt = fmt or self.fmt
        if not isinstance(data, bytes):
            data = audio.encode(data, fmt.sample_format)
        start = self.now_ns
        self.now_ns += len(data) // fmt.bytes_per_frame * SECOND // fmt.rate
        stamp_ns = start if stamp_ns is None else stamp_ns
        windows, remarks = self.stream.push(data, fmt, stamp_ns, self.now_ns)
        self.windows += windows
        self.remarks += remarks
        return [remark.kind for remark in remarks]

    def lost(self) -> int:
        return sum(window.lost for window in self.windows)

    def goes_on(self, lost: int, fmt: AudioFormat | None = None) -> None:
        """Hold that the stream hears what follows, at the right time, having lost `lost` before."""
        before, fmt = len(self.windows), fmt or self.fmt
        start = self.now_ns
        wide = np.repeat(sound(1.0, fmt.rate, seed=9)[:, None], fmt.channels, axis=1)
        for half in np.split(wide, 2):
            self.say(half, fmt=fmt)
        new = self.windows[before:]
        assert len(new) >= 10, "the stream has fallen silent"
        expected = sound(1.0, seed=9)
        for window in new[-8:]:
            at = round((window.stamp_ns - start) * RATE / SECOND)
            assert at >= 0
            np.testing.assert_allclose(window.samples, expected[at : at + SIZE], atol=2e-2)
        assert sum(window.lost for window in new) == pytest.approx(lost, abs=2)
        assert self.windows[-1].lost == 0


@settings(max_examples=40)
@given(
    rate=st.sampled_from([8000, 16000, 22050, 44100, 48000, 96000]),
    channels=st.integers(1, 4),
    sample_format=st.sampled_from(list(SampleFormat)),
    cuts=st.lists(st.integers(1, 2**16), max_size=12),
)
def test_the_same_windows_whatever_the_chunks(rate, channels, sample_format, cuts):
    fmt = AudioFormat(rate, channels, sample_format)
    mono = sound(0.5, rate)
    wide = np.repeat(mono[:, None], channels, axis=1)

    def through(edges):
        talk = Talk(fmt)
        for part in np.split(wide, edges):
            assert talk.say(part) == [] if len(part) else True
        return talk

    whole, cut = through([]), through(sorted({c % (len(wide) - 1) + 1 for c in cuts}))
    assert len(whole.windows) >= 7
    assert len(cut.windows) == len(whole.windows)
    assert not cut.remarks
    assert cut.lost() == 0
    for a, b in zip(whole.windows, cut.windows, strict=True):
        np.testing.assert_allclose(a.samples, b.samples, atol=1e-4)
        assert abs(a.stamp_ns - b.stamp_ns) < 1000  # ns; chunks of uneven length round
    t = np.arange(len(mono)) / rate
    for window in whole.windows:
        at = (window.stamp_ns - T0) / SECOND + np.arange(SIZE) / RATE
        inner = (at > 0.02) & (at < 0.48)
        np.testing.assert_allclose(window.samples[inner], np.interp(at, t, mono)[inner], atol=0.02)


@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000, 96000])
def test_the_stamp_of_a_window_is_the_time_of_its_first_sample(rate):
    clap = np.zeros(2 * rate, np.float32)
    middle = rate * 103 // 100  # 1.03 s after the beginning
    clap[middle - 30 : middle + 31] = 0.9 * np.hanning(61)
    talk = Talk(AudioFormat(rate))
    for part in np.array_split(clap, 13):
        talk.say(part)
    with_clap = [w for w in talk.windows if w.samples.max() > 0.5]
    assert len(with_clap) == 2  # the hop is half a window
    for window in with_clap:
        at_ns = window.stamp_ns + int(np.argmax(window.samples)) * SECOND // RATE - T0
        assert abs(at_ns - SECOND * 103 // 100) < 2 * SECOND / min(rate, RATE)


def test_a_channel_may_be_chosen():
    stereo = np.stack([np.zeros(3200), np.full(3200, 0.25)], axis=1).astype(np.float32)
    for channel, level in ((0, 0.0), (1, 0.25), (None, 0.125)):
        stream = AudioStream(SIZE, HOP, channel=channel)
        windows, _ = stream.push(
            audio.encode(stereo, SampleFormat.S16LE), AudioFormat(RATE, 2), T0, T0
        )
        assert windows[0].samples == pytest.approx(level, abs=1e-4)


# ── one row for each thing that is odd ────────────────────────────────────────────────────────


def test_steady_audio_is_not_remarked_upon():
    talk = Talk()
    talk.goes_on(lost=0)
    assert talk.remarks == []
    assert not talk.stream.counts


def test_a_gap():
    talk = Talk()
    talk.say(sound(0.25))
    talk.now_ns += SECOND
    assert talk.say(sound(0.25)) == ["gap"]
    assert "1.000 s" in talk.remarks[0].sentence
    assert talk.stream.counts["gap"] == 1
    assert talk.lost() == RATE
    heard = talk.windows[-1]
    assert heard.stamp_ns >= T0 + 1.25 * SECOND, "a window must not span a gap"
    talk.goes_on(lost=0)


def test_what_never_fills_a_window_is_lost():
    talk = Talk()
    for _ in range(10):
        talk.say(sound(0.09))
        talk.now_ns += SECOND // 5
    assert not talk.windows
    assert talk.stream.lost == pytest.approx(9 * 0.29 * RATE, abs=10)


@pytest.mark.parametrize(
    ("then", "lost_s"),
    [
        ("gap", 0.03 + 0.5),
        ("time_went_back", 0),  # another recording, and this one was over
        ("format_change", 0),
        ("refused", 0.03 + 61),
        ("absence", 0),  # nobody listened any more
    ],
)
def test_the_rest_before_what_is_lost_is_lost_too(then, lost_s):
    talk = Talk()
    talk.say(sound(0.25 + 0.03))  # the windows end at 0.25 s
    steps = {"gap": SECOND // 2, "time_went_back": -10 * SECOND, "absence": 3600 * SECOND}
    talk.now_ns += steps.get(then, 0)
    fmt = AudioFormat(48000) if then == "format_change" else MONO
    odd = bytes(2 * RATE * 61) if then == "refused" else sound(0.25, fmt.rate)
    assert talk.say(odd, fmt=fmt) == [then]
    talk.say(sound(0.25, fmt.rate), fmt=fmt)
    assert talk.lost() == pytest.approx(lost_s * RATE, abs=2)


def test_jitter_of_the_stamps_is_no_gap_and_time_follows_the_stamps():
    talk = Talk()
    for k in range(40):
        late = SECOND * (60 if k % 2 else 20) // 1000
        assert talk.say(sound(0.25), talk.now_ns + late) == []
    off_ns = talk.windows[-1].stamp_ns - (talk.now_ns - SIZE * SECOND // RATE)
    assert 10e6 < off_ns < 70e6


def test_clocks_that_drift_apart_do_not_add_up_to_a_gap():
    talk = Talk()
    for _ in range(2000):  # 500 s at 1000 ppm: half a second, five times the tolerance
        assert talk.say(sound(0.25)) == []
        talk.now_ns += SECOND // 4000
    assert abs(talk.windows[-1].stamp_ns + SIZE * SECOND // RATE - talk.now_ns) < 0.01 * SECOND


def test_a_jump_back_in_time():
    talk = Talk()
    talk.say(sound(0.25))
    talk.now_ns -= 3600 * SECOND
    assert talk.say(sound(0.25)) == ["time_went_back"]
    assert talk.stream.counts["time_went_back"] == 1
    assert talk.windows[-1].stamp_ns < T0 - 3000 * SECOND
    talk.goes_on(lost=0)


def test_a_jump_of_the_clock_by_decades_forward():
    """A robot without a clock battery wakes up in 1970 until the network tells it the time."""
    talk = Talk()
    talk.now_ns = 100 * SECOND
    talk.say(sound(0.25))
    talk.now_ns = T0
    assert talk.say(sound(0.25)) == ["absence"]
    talk.goes_on(lost=0)


def test_a_repeated_stamp():
    talk = Talk()
    talk.say(sound(0.25))
    assert talk.say(sound(0.25), T0) == ["repeated_stamp"]
    assert talk.stream.counts["repeated_stamp"] == 1
    assert talk.windows[-1].stamp_ns == T0 + 0.4 * SECOND, "it is heard after the one before"
    talk.goes_on(lost=0)
    assert talk.stream.counts["gap"] == talk.stream.counts["time_went_back"] == 0


def test_zero_stamps_follow_one_another_and_end_now():
    talk = Talk()
    for _ in range(4):
        assert talk.say(sound(0.25), 0) == []
    assert [w.stamp_ns for w in talk.windows[:2]] == [T0, T0 + HOP * SECOND // RATE]
    assert talk.windows[-1].stamp_ns == T0 + 0.9 * SECOND
    talk.goes_on(lost=0)  # a publisher that has learnt to stamp


def test_zero_stamps_with_a_new_format_still_end_now():
    talk = Talk()
    talk.say(sound(0.25), 0)
    fmt = AudioFormat(48000)
    assert talk.say(sound(0.25, 48000), 0, fmt) == ["format_change"]
    assert talk.say(sound(0.25, 48000), 0, fmt) == []
    assert abs(talk.windows[-1].stamp_ns - (T0 + 0.65 * SECOND)) < 0.06 * SECOND


def test_zero_stamps_after_a_pause_end_now_and_no_window_spans_it():
    talk = Talk()
    for _ in range(3):
        talk.say(sound(0.25), 0)
    talk.now_ns += 10 * SECOND
    before, begin = len(talk.windows), talk.now_ns
    assert talk.say(sound(0.25), 0) == ["gap"]
    assert talk.windows[before].stamp_ns == begin
    assert talk.say(sound(0.25), 0) == []
    late = talk.now_ns + SECOND // 2
    talk.now_ns = late  # half a second is the jitter of a busy machine
    assert talk.say(sound(0.25), 0) == []


def test_zero_stamps_after_a_refused_chunk_still_end_now():
    talk = Talk()
    talk.say(sound(0.25), 0)
    talk.say(bytes(2 * RATE * 61), 0)
    talk.say(sound(0.25), 0)
    assert abs(talk.windows[-1].stamp_ns + SIZE * SECOND // RATE - talk.now_ns) < SECOND / 10


@pytest.mark.parametrize("drift", [-1, 1], ids=["fast card", "slow card"])
def test_zero_stamps_follow_the_clock(drift):
    talk = Talk()
    for _ in range(1000):  # 250 s at 4000 ppm: a second, either way
        assert talk.say(sound(0.25), 0) == []
        talk.now_ns += drift * SECOND // 1000
    assert abs(talk.windows[-1].stamp_ns + SIZE * SECOND // RATE - talk.now_ns) < 0.03 * SECOND


def test_chunks_without_stamps_that_are_lost_one_by_one_are_missed():
    talk = Talk()
    for k in range(3000):  # 60 s, every tenth chunk lost: 6 s
        if k % 10 == 9:
            talk.now_ns += SECOND // 50
        else:
            talk.say(sound(0.02), 0)
    assert 4 <= talk.stream.counts["gap"] <= 6


@pytest.mark.parametrize(
    ("chunk_s", "every", "gaps"), [(0.02, 10, 40), (0.02, 6, 70), (0.05, 20, 15)]
)
def test_stamped_chunks_that_are_lost_one_by_one_are_missed(chunk_s, every, gaps):
    """And not heard as if they had been one piece."""
    talk = Talk()
    for k in range(round(60 / chunk_s)):
        if k % every == every - 1:
            talk.now_ns += round(chunk_s * SECOND)
        else:
            talk.say(sound(chunk_s), talk.now_ns)
    assert talk.stream.counts["gap"] >= gaps


@pytest.mark.parametrize("chunk_s", [0.02, 0.1])
def test_stamps_that_jitter_are_no_losses(chunk_s):
    talk, random = Talk(), np.random.default_rng(0)
    for _ in range(round(60 / chunk_s)):
        talk.say(sound(chunk_s), talk.now_ns + round(random.uniform(0, 0.06) * SECOND))
    assert talk.stream.counts["gap"] == talk.stream.counts["time_went_back"] == 0


@pytest.mark.parametrize("chunk_s", [0.25, 2.5])
def test_zero_stamps_that_come_all_at_once_end_now_and_in_one_piece(chunk_s):
    talk = Talk()
    talk.say(sound(chunk_s), 0)
    talk.now_ns += 20 * SECOND  # a stall; then all that was said meanwhile
    came_ns = talk.now_ns
    for k in range(round(20 / chunk_s)):
        talk.now_ns = came_ns - round(chunk_s * SECOND)  # a chunk ends when it comes
        assert talk.say(sound(chunk_s), 0) == ([] if k else ["gap"])
    assert came_ns - talk.windows[-1].stamp_ns > -SECOND
    stamps = [window.stamp_ns for window in talk.windows]
    assert stamps == sorted(stamps), "or the state would begin anew with each"
    assert len(talk.windows) > 380, "what came in one piece is heard in one piece"
    talk.goes_on(lost=0)


def test_zero_stamps_when_a_simulation_begins_again():
    talk = Talk()
    talk.say(sound(0.25), 0)
    talk.now_ns -= 3600 * SECOND
    begin = talk.now_ns
    before = len(talk.windows)
    assert talk.say(sound(0.25), 0) == ["time_went_back"]
    assert talk.windows[before].stamp_ns == begin
    assert talk.say(sound(0.25), 0) == []
    talk.goes_on(lost=0)


def test_a_chunk_from_the_future():
    talk = Talk()
    assert talk.say(sound(0.25), T0 + 5 * SECOND) == ["from_future"]
    assert "chrony" in talk.remarks[0].sentence
    assert talk.stream.counts["from_future"] == 1
    assert talk.windows[0].stamp_ns == T0 + 5 * SECOND
    kinds = talk.say(sound(0.25))
    assert kinds == ["time_went_back"]
    talk.goes_on(lost=0)


@pytest.mark.parametrize(
    "new",
    [
        AudioFormat(48000),
        AudioFormat(RATE, 2),
        AudioFormat(RATE, 1, SampleFormat.F32LE),
        AudioFormat(8000, 3, SampleFormat.S16BE),
    ],
    ids=str,
)
def test_a_format_that_changes_in_mid_stream(new):
    talk = Talk()
    talk.say(sound(0.25))
    begin = talk.now_ns
    wide = np.repeat(sound(0.25, new.rate)[:, None], new.channels, axis=1)
    before = len(talk.windows)
    assert talk.say(wide, fmt=new) == ["format_change"]
    assert str(new) in talk.remarks[0].sentence
    assert talk.stream.counts["format_change"] == 1
    assert talk.stream.format == new
    assert talk.windows[before].stamp_ns == begin
    talk.goes_on(lost=0, fmt=new)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [RATE, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_numbers(bad, rate, channels):
    fmt = AudioFormat(rate, channels, SampleFormat.F32LE)
    talk = Talk(fmt)
    piece = np.repeat(sound(0.25, rate)[:, None], channels, axis=1)
    piece[100:103] = bad
    assert talk.say(piece) == ["not_finite"]
    assert talk.remarks[0].sentence.startswith("3 of ")
    assert talk.stream.counts["not_finite"] == 1
    assert all(np.isfinite(window.samples).all() for window in talk.windows)
    talk.goes_on(lost=0)


def test_an_empty_chunk():
    talk = Talk()
    talk.say(sound(0.25))
    assert talk.say(b"") == ["refused"]
    assert talk.stream.counts["refused"] == 1
    talk.goes_on(lost=0)
    assert talk.stream.counts["gap"] == 0


@pytest.mark.parametrize("extra", [1, 3])
def test_an_odd_length(extra):
    fmt = AudioFormat(RATE, 2)
    talk = Talk(fmt)
    whole = audio.encode(np.repeat(sound(0.25)[:, None], 2, axis=1), fmt.sample_format)
    assert talk.say(whole + bytes(extra)) == ["partial_frame"]
    assert f"{len(whole) + extra} bytes" in talk.remarks[0].sentence
    assert talk.stream.counts["partial_frame"] == 1
    assert len(talk.windows) == 4, "the whole frames of it are heard"
    talk.goes_on(lost=0)


def test_less_than_a_frame():
    talk = Talk()
    talk.say(sound(0.25))
    assert "refused" in talk.say(b"\x01")
    talk.goes_on(lost=0)


def test_a_message_of_100_mb():
    talk = Talk()
    talk.say(sound(0.25))
    before = len(talk.windows)
    assert talk.say(bytes(100_000_000)) == ["refused"]
    assert talk.stream.counts["refused"] == 1
    assert len(talk.windows) == before
    talk.goes_on(lost=50_000_000)
    assert talk.stream.counts["gap"] == 0, "what was refused is lost once, not twice"


def test_a_channel_that_is_not_there_is_lost_once():
    talk = Talk(AudioFormat(RATE, 2))
    talk.stream = AudioStream(SIZE, HOP, channel=1)
    stereo = np.repeat(sound(0.25)[:, None], 2, axis=1)
    talk.say(stereo)
    assert talk.say(sound(0.5), fmt=MONO) == ["refused"]
    talk.goes_on(lost=RATE // 2)


def test_clipping():
    talk = Talk()
    assert talk.say(np.clip(4 * sound(0.25), -1, 1)) == ["clipped"]
    assert talk.stream.counts["clipped"] == 1
    loud = sound(0.25)
    loud[5] = 1.0
    assert talk.say(loud) == [], "a single peak is no clipping"
    talk.goes_on(lost=0)


def test_floats_beyond_full_scale_are_clipped():
    fmt = AudioFormat(RATE, 1, SampleFormat.F32LE)
    talk = Talk(fmt)
    assert talk.say(100 * sound(0.25)) == ["clipped"]
    assert all(np.abs(window.samples).max() <= 1 for window in talk.windows)
    talk.goes_on(lost=0)


def test_silence_is_audio_like_any_other():
    talk = Talk()
    assert talk.say(np.zeros(RATE, np.float32)) == []
    assert len(talk.windows) == 19
    assert not any(window.samples.any() for window in talk.windows)
    talk.goes_on(lost=0)


def test_an_absence_is_no_loss():
    """Push to talk was off for an hour, or a clock was set."""
    talk = Talk()
    talk.say(sound(0.25))
    talk.now_ns += 3600 * SECOND
    assert talk.say(sound(0.25)) == ["absence"]
    assert talk.stream.counts["gap"] == 0
    talk.goes_on(lost=0)


def test_restart_forgets_the_stretch_before():
    talk = Talk()
    talk.say(sound(0.09))
    talk.stream.restart()
    talk.now_ns += 10 * SECOND
    assert talk.say(sound(0.25)) == [], "a beginning is no gap"
    assert talk.windows[0].stamp_ns == T0 + 10 * SECOND + SECOND * 9 // 100


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.binary(max_size=5000),
            st.sampled_from(SampleFormat),
            st.sampled_from([8000, 16000, 96000]),
            st.integers(1, 3),
            st.integers(0, 2**40) | st.integers(T0 - SECOND, T0 + 10 * SECOND),
        ),
        max_size=12,
    )
)
def test_no_bytes_and_no_stamps_break_the_stream(chunks):
    talk = Talk()
    for data, sample_format, rate, channels, stamp in chunks:
        fmt = AudioFormat(rate, channels, sample_format)
        talk.say(data, stamp, fmt)
    talk.windows.clear()
    talk.now_ns = T0 + 100 * SECOND
    talk.say(sound(0.25))
    talk.windows[0:1] = []
    talk.goes_on(lost=0)
    assert all(np.isfinite(w.samples).all() and len(w.samples) == SIZE for w in talk.windows)
