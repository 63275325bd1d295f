"""The loop from source to chunks, on a clock that the test moves."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import ser_ros.capture as capture_module
from ser_ros import audio
from ser_ros.audio import AudioFormat, SampleFormat
from ser_ros.capture import PAUSES_S, Capture, Chunk
from ser_ros.clock import SECOND
from ser_ros.errors.audio import DeviceLost, DeviceNotFound, DeviceRefused, UnreadableFile
from ser_ros.errors.config import BadValue
from ser_ros.sources import AudioFile, Block, Ended
from ser_ros.stream import AudioStream

RATE = 16000
EPOCH_NS = 1_700_000_000 * SECOND
SPEECH = Path(__file__).parent / "data" / "emodb_angry_03a01Wa.flac"


class Log:
    def __init__(self):
        self.lines = []

    def info(self, message):
        self.lines.append(("info", message))

    def warning(self, message):
        self.lines.append(("warning", message))

    def error(self, message):
        self.lines.append(("error", message))


class Fake:
    """A source that the test tells what to do, and the clock it goes by."""

    def __init__(self, rate=RATE, channels=1):
        self.rate = rate
        self.channels = channels
        self.name = "fake"
        self.device_rate = 48000
        self.s = 100.0
        self.script = []
        """What the next reads give: a block, an exception, or None; then `then`."""
        self.then = lambda: None
        self.refuse = lambda: None
        self.calls = []
        self.is_open = False

    def open(self):
        self.calls.append(("open", self.s))
        error = self.refuse()
        if error is not None:
            raise error
        self.is_open = True

    def read(self, timeout_s):
        assert self.is_open
        given = self.script.pop(0) if self.script else self.then()
        if isinstance(given, BaseException):
            raise given
        if given is None:
            self.s += timeout_s
        else:
            self.s += len(given.samples) / self.rate
        return given

    def close(self):
        self.calls.append(("close", self.s))
        self.is_open = False

    def wait(self, seconds):
        self.s += seconds

    def block(self, samples=None, lost=0, broken="", frames=1600):
        """A block whose last sample is heard at the moment when it is read."""
        if samples is None:
            samples = np.full((frames, self.channels), 0.25, np.float32)
        return Block(samples, EPOCH_NS + round(self.s * SECOND), lost, broken)

    def opened(self):
        return [at for what, at in self.calls if what == "open"]


def capturing(source, on_chunk=None, **named):
    chunks: list[Chunk] = []
    log = Log()
    capture = Capture(
        source,
        on_chunk or chunks.append,
        monotonic=lambda: source.s,
        wait=source.wait,
        log=log,
        **named,
    )
    capture.begin()
    return capture, chunks, log


def step_for(capture, source, seconds):
    end = source.s + seconds
    while source.s < end:
        capture.step()


def pcm(chunks):
    return b"".join(c.data for c in chunks)


# ── chunks ────────────────────────────────────────────────────────────────────────────────────


@given(
    sizes=st.lists(st.integers(1, 4000), min_size=1, max_size=30),
    chunk_s=st.floats(0.01, 0.3),
    channels=st.integers(1, 3),
    sample_format=st.sampled_from(SampleFormat),
)
def test_the_chunks_are_the_sound(sizes, chunk_s, channels, sample_format):
    source = Fake(channels=channels)
    random = np.random.default_rng(0)
    sounds = [random.uniform(-1, 1, (n, channels)).astype(np.float32) for n in sizes]
    heard = 0
    for sound in sounds:
        stamp_ns = EPOCH_NS + heard * SECOND // RATE
        source.script.append(Block(sound, stamp_ns))
        heard += len(sound)
    source.script.append(Ended())
    capture, chunks, _ = capturing(source, chunk_s=chunk_s, sample_format=sample_format)
    while capture.status().state != "ended":
        capture.step()
    assert pcm(chunks) == audio.encode(np.concatenate(sounds), sample_format)
    assert all(c.frames == capture.size for c in chunks[:-1])
    frame = AudioFormat(RATE, channels, sample_format).bytes_per_frame
    assert all(len(c.data) == c.frames * frame for c in chunks)
    begin = 0
    for chunk in chunks:
        assert abs(chunk.stamp_ns - EPOCH_NS - begin * SECOND / RATE) < 5
        begin += chunk.frames
    assert not any(c.lost for c in chunks)


@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(0, 9000)), min_size=1, max_size=25))
def test_no_chunk_spans_a_gap_and_every_loss_is_told_once(parts):
    source = Fake()
    time_ns = EPOCH_NS
    pieces = []  # (first sample's time, last's) of every stretch without a gap
    for n, lost in parts:
        time_ns += lost * SECOND // RATE
        broken = "overflow" if lost else ""
        source.script.append(Block(np.full((n, 1), 0.1, np.float32), time_ns, lost, broken))
        if broken or not pieces:
            pieces.append([time_ns, time_ns])
        time_ns += n * SECOND // RATE
        pieces[-1][1] = time_ns
    source.script.append(Ended())
    capture, chunks, _ = capturing(source, chunk_s=0.1)
    while capture.status().state != "ended":
        capture.step()
    for chunk in chunks:
        ends_ns = chunk.stamp_ns + chunk.frames * SECOND // RATE
        assert any(a - 99 <= chunk.stamp_ns and ends_ns <= b + 99 for a, b in pieces)
    assert sum(c.frames for c in chunks) == sum(n for n, _ in parts)
    assert sum(c.lost for c in chunks) == sum(lost for _, lost in parts)
    assert capture.status().lost == sum(lost for _, lost in parts)
    assert capture.status().overflows == sum(1 for _, lost in parts if lost)


def test_the_chunk_before_a_gap_is_short_and_the_one_after_it_carries_the_loss():
    source = Fake()
    capture, chunks, log = capturing(source, chunk_s=0.3)
    source.script = [
        source.block(frames=4000),
        source.block(frames=4000),
        source.block(frames=4000, lost=800, broken="dropped"),
        source.block(frames=4000),
    ]
    for _ in range(5):
        capture.step()
    assert [(c.frames, c.lost) for c in chunks] == [(4800, 0), (3200, 0), (4800, 800)]
    status = capture.status()
    assert (status.drops, status.overflows, status.gaps, status.lost) == (1, 0, 0, 800)
    assert any("0.05 s" in line for _, line in log.lines)


def test_a_consumer_finds_whole_windows_in_the_chunks():
    """Another way to say that the stamps of consecutive chunks fit together."""
    source = Fake()
    capture, chunks, _ = capturing(source)
    source.then = source.block
    step_for(capture, source, 26)
    stream = AudioStream(40000, 40000)
    windows = []
    for chunk in chunks:
        found, remarks = stream.push(chunk.data, AudioFormat(), chunk.stamp_ns, chunk.stamp_ns)
        assert not [r for r in remarks if r.kind != "from_future"]
        windows += found
    assert len(windows) == len(chunks) == 10


# ── a source that fails ───────────────────────────────────────────────────────────────────────


def test_a_source_that_falls_silent_is_seen_within_three_seconds_and_opened_again():
    source = Fake()
    capture, chunks, log = capturing(source, chunk_s=10)
    source.script = [source.block() for _ in range(20)]
    while source.script or not source.is_open:
        capture.step()
    silent_since = source.s
    while capture.status().state == "listening":
        capture.step()
    assert 2.0 <= source.s - silent_since < 3
    assert capture.status().state == "reopening"
    assert not source.is_open
    # What was heard until then is not lost.
    assert [c.frames for c in chunks] == [20 * 1600]
    assert "has given nothing" in capture.status().last_error
    assert ("warning", capture.status().last_error) in log.lines
    source.then = source.block
    step_for(capture, source, 1)
    status = capture.status()
    assert (status.state, status.reopenings) == ("listening", 1)
    step_for(capture, source, 10)
    # From the last block to the first new one nobody listened: what the clock says.
    assert chunks[1].lost == pytest.approx((source.opened()[1] - silent_since) * RATE, abs=RATE / 4)
    assert sum(c.lost for c in chunks) == capture.status().lost


def test_a_first_block_may_take_a_little_longer():
    source = Fake()
    capture, _, _ = capturing(source)
    source.script = [None] * 11  # 2.2 s
    source.then = source.block
    step_for(capture, source, 5)
    assert source.opened() == [100.0]
    source = Fake()
    capture, _, _ = capturing(source)
    while capture.status().state != "reopening":
        capture.step()
    assert source.s - 100 < 3


def test_a_machine_that_is_too_busy_does_not_flood_the_log():
    source = Fake()
    capture, _, log = capturing(source)
    source.then = lambda: source.block(lost=10, broken="overflow", frames=400)
    step_for(capture, source, 60)
    told = [line for kind, line in log.lines if kind == "warning"]
    assert 10 <= len(told) <= 13
    assert "more of this kind" in told[1]
    assert capture.status().overflows > 2000


def test_a_file_that_cannot_be_read_is_not_one_that_has_been_played():
    source, ended = Fake(), []
    capture, _, _ = capturing(source, on_end=lambda: ended.append(1))
    source.refuse = lambda: UnreadableFile("a.wav", "No such file")
    capture.step()
    status = capture.status()
    assert (status.state, status.failed, ended) == ("ended", True, [])
    assert "a.wav" in status.last_error
    capture.begin()
    assert not capture.status().failed


def test_a_file_that_vanishes_from_a_loop_ends_it():
    source = Fake()
    capture, _, log = capturing(source)
    source.script = [source.block() for _ in range(20)]
    source.then = lambda: UnreadableFile("a.wav", "No such file")
    while source.script or not source.is_open:
        capture.step()
    source.refuse = lambda: UnreadableFile("a.wav", "No such file")
    began_s = source.s
    while capture.status().state != "ended" and source.s < began_s + 10:
        capture.step()
    assert (capture.status().state, capture.status().failed) == ("ended", True)
    assert len(log.lines) <= 5


def test_what_was_before_listening_began_anew_is_no_loss():
    source = Fake()
    capture, _, _ = capturing(source)
    source.then = source.block
    step_for(capture, source, 5)
    capture.finish()
    source.s += 3600
    capture.begin()
    source.refuse = lambda: DeviceNotFound("fake", [])
    step_for(capture, source, 0.4)
    source.refuse = lambda: None
    step_for(capture, source, 5)
    assert capture.status().state == "listening"
    assert capture.status().lost < 6 * RATE


def test_a_device_that_does_not_close_is_told(monkeypatch):
    source = Fake()
    capture, _, _ = capturing(source)
    source.then = source.block
    step_for(capture, source, 1)

    def hang():
        raise DeviceRefused("fake", "it is still being closed")

    monkeypatch.setattr(source, "close", hang)
    capture.finish()
    assert capture.status().hangs
    assert not capture.stop()
    monkeypatch.undo()
    capture.begin()
    step_for(capture, source, 1)
    capture.finish()
    assert not capture.status().hangs
    assert capture.stop()


def test_a_day_of_a_device_that_is_gone():
    source = Fake()
    capture, _, log = capturing(source)
    source.refuse = lambda: DeviceNotFound("fake", [])
    step_for(capture, source, 24 * 3600)
    pauses = np.diff(source.opened())
    assert pauses[:6] == pytest.approx(PAUSES_S[:6], abs=0.01)
    assert pauses[6:] == pytest.approx(30, abs=0.01)
    assert len(pauses) > 2800
    assert capture.status().reopenings == len(pauses)
    assert capture.status().state == "reopening"
    # One sentence, and not one each time.
    assert len(log.lines) == 1
    source.refuse = lambda: None
    source.then = source.block
    step_for(capture, source, 40)
    assert capture.status().state == "listening"


def test_the_pauses_begin_anew_only_after_a_while_of_sound():
    source = Fake()
    capture, _, _ = capturing(source)
    # One block, then it breaks, over and over: no storm of attempts.
    source.then = lambda: DeviceLost("fake", 0.0)
    source.open_before = source.open

    def open_with_a_block():
        source.open_before()
        source.script = [source.block()]

    source.open = open_with_a_block
    step_for(capture, source, 300)
    assert np.diff(source.opened())[-1] == pytest.approx(30, abs=0.5)
    source.then = source.block
    step_for(capture, source, 60)
    source.script = [DeviceLost("fake", 0.0)]
    before = len(source.opened())
    capture.step()
    failed_s = source.s
    while len(source.opened()) == before:
        capture.step()
    assert source.opened()[-1] - failed_s == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    "error", [DeviceLost("fake", 1.0), ZeroDivisionError("a bug"), OSError("a bug")]
)
def test_any_failure_of_the_source_is_told_and_survived(error):
    source = Fake()
    capture, _, _ = capturing(source)
    source.script = [source.block(), error]
    source.then = source.block
    step_for(capture, source, 5)
    status = capture.status()
    assert (status.state, status.reopenings) == ("listening", 1)
    assert str(error) in status.last_error


def test_a_close_that_fails_ends_nothing():
    source = Fake()
    capture, _, _ = capturing(source)

    def close():
        source.is_open = False
        raise DeviceRefused("fake", "the sound system has not answered for 2 s")

    source.close = close
    source.script = [source.block(), DeviceLost("fake", 0.0)]
    source.then = source.block
    step_for(capture, source, 5)
    assert capture.status().state == "listening"


def test_a_chunk_that_cannot_be_handed_over_is_counted_and_the_next_is_tried():
    taken = []

    def on_chunk(chunk):
        taken.append(chunk)
        if len(taken) == 2:
            raise ZeroDivisionError("a bug")

    source = Fake()
    capture, _, log = capturing(source, on_chunk, chunk_s=0.1)
    source.then = source.block
    step_for(capture, source, 1)
    assert len(taken) >= 9
    assert capture.status().handler_errors == 1
    assert capture.status().state == "listening"
    assert any("ZeroDivisionError" in line for _, line in log.lines)


def test_a_muted_microphone_is_told_and_not_opened_again():
    source = Fake()
    capture, _, _ = capturing(source)
    source.then = lambda: source.block(np.zeros((1600, 1), np.float32))
    step_for(capture, source, 2.5)
    assert not capture.status().muted
    step_for(capture, source, 3600)
    assert capture.status().muted
    assert capture.status().silent_s == pytest.approx(3602, abs=2)
    assert len(source.opened()) == 1
    source.then = source.block
    capture.step()
    assert not capture.status().muted


def test_the_status_is_plain():
    source = Fake()
    capture, _, _ = capturing(source, chunk_s=0.1)
    assert capture.status().since_last_block_s is None
    source.script = [source.block() for _ in range(5)]
    for _ in range(6):
        capture.step()
    source.s += 1.5
    status = capture.status()
    assert (status.device, status.device_rate) == ("fake", 48000)
    assert (status.blocks, status.chunks) == (5, 5)
    assert status.since_last_block_s == pytest.approx(1.5)
    assert status.last_error == ""


# ── files ─────────────────────────────────────────────────────────────────────────────────────


def test_the_end_of_a_file_is_told_and_nothing_is_opened_again():
    ended = []
    chunks = []
    capture = Capture(
        AudioFile(SPEECH, pace=0, pad_to=1.0), chunks.append, 1.0, on_end=lambda: ended.append(1)
    )
    capture.run()
    assert capture.status().state == "ended"
    assert ended == [1]
    assert [c.frames for c in chunks] == [16000, 16000]
    assert pcm(chunks)[: 2 * 30045] == audio.encode(audio.load(SPEECH), SampleFormat.S16LE)[:60090]


def test_a_file_that_cannot_be_read_ends_at_once(tmp_path):
    capture = Capture(AudioFile(tmp_path / "missing.wav"), lambda chunk: None)
    capture.run()
    assert capture.status().state == "ended"
    assert "missing.wav" in capture.status().last_error


def test_one_file_of_several_that_breaks_is_told_and_the_rest_is_heard():
    source = Fake()
    capture, chunks, _ = capturing(source, chunk_s=0.1)
    source.script = [
        source.block(),
        UnreadableFile("b.flac", "it ends in the middle"),
        source.block(broken="gap"),
        Ended(),
    ]
    while capture.status().state != "ended":
        capture.step()
    assert len(chunks) == 2
    assert "b.flac" in capture.status().last_error
    assert len(source.opened()) == 1


# ── the thread ────────────────────────────────────────────────────────────────────────────────


def until(what, seconds=5.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_start_and_stop_from_another_thread(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(RATE * 30, 0.25), RATE)
    chunks = []
    threads = set()

    def on_chunk(chunk):
        chunks.append(chunk)
        threads.add(threading.current_thread())

    source = AudioFile(path)
    capture = Capture(source, on_chunk, 0.1)
    assert capture.status().state == "closed"
    for _ in range(3):
        before = len(chunks)
        capture.start()
        capture.start()  # harmless
        until(lambda before=before: len(chunks) >= before + 3)
        assert capture.stop()
        assert capture.stop()  # harmless
        assert capture.status().state == "closed"
        count = len(chunks)
        time.sleep(0.15)
        assert len(chunks) == count
    assert len(threads) == 3
    assert threading.main_thread() not in threads
    # Nobody listened in between; that is no loss.
    assert capture.status().lost == 0


def test_what_was_heard_before_a_stop_is_handed_out():
    source = Fake()
    capture, chunks, _ = capturing(source, chunk_s=2.5)
    source.script = [source.block() for _ in range(3)]
    for _ in range(4):
        capture.step()
    capture.finish()
    assert [c.frames for c in chunks] == [3 * 1600]
    assert source.calls[-1][0] == "close"
    assert capture.status().state == "closed"


def test_a_stop_does_not_wait_for_a_pause(monkeypatch):
    monkeypatch.setattr(capture_module, "PAUSES_S", (60.0,))
    source = Fake()
    source.refuse = lambda: DeviceNotFound("fake", [])
    capture = Capture(source, lambda chunk: None, log=Log())
    capture.start()
    until(lambda: capture.status().state == "reopening")
    assert capture.stop()  # it gives up after some seconds
    assert capture.status().state == "closed"


def test_a_stop_from_within_the_callback_does_not_wait_for_itself():
    capture = Capture(AudioFile(SPEECH, pace=0, pad_to=0.1), lambda chunk: capture.stop(), 0.1)
    capture.start()
    until(lambda: capture.status().state in ("closed", "ended"))
    assert capture.status().chunks < 19
    assert capture.status().handler_errors == 0


def test_a_capture_that_has_ended_can_start_again():
    chunks = []
    capture = Capture(AudioFile(SPEECH, pace=0), chunks.append)
    for count in (1, 2, 3):
        capture.start()
        until(lambda count=count: len(chunks) == count)
        until(lambda: capture.status().state == "ended")


@pytest.mark.parametrize("chunk_s", [0, -1, float("nan")])
def test_a_chunk_of_nothing_is_refused(chunk_s):
    with pytest.raises(BadValue):
        Capture(Fake(), lambda chunk: None, chunk_s)
