"""A bag that ends early: what was whole before the cut is read, and the bag says that it is cut."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bagged import START, make, messages, sound, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from programs import ROOT

from ser_ros.bags.reading import Message, open_bag
from ser_ros.errors.bags import BagUnreadable

SHARES = st.floats(0, 1, exclude_max=True)
often = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])


def cut(whole: Path, into: Path, size: int, name: str = "") -> Path:
    part = into / (name or f"cut{whole.suffix}")
    part.write_bytes(whole.read_bytes()[:size])
    return part


def read(path: Path) -> tuple[list[Message], bool]:
    """Return what a bag that may be damaged gives, and whether it says that it is cut."""
    try:
        with open_bag(path) as bag:
            found = list(bag.messages())
            assert sum(t.count for t in bag.topics) == len(found) or bag.cut
            return found, bag.cut
    except BagUnreadable as error:
        assert len(str(error)) > 40
        return [], True


@pytest.fixture(scope="module")
def chunked(tmp_path_factory) -> Path:
    """An MCAP bag of 40 messages, three to a chunk."""
    said = [("/audio", START + n, sound(START + n, 50 + n)) for n in range(40)]
    return write(tmp_path_factory.mktemp("bags") / "a", *said, chunk=3)


@given(share=SHARES)
@often
def test_no_whole_message_of_mcap_before_the_cut_is_lost(tmp_path, chunked, share):
    file = chunked / "a.mcap"
    raw, whole = file.read_bytes(), messages(chunked)
    size = int(share * len(raw))
    ends, at = [], 0
    for message in whole:
        at = raw.index(message.data, at) + len(message.data)
        ends.append(at)
    found, says = read(cut(file, tmp_path, size))
    assert found == whole[: sum(end <= size for end in ends)]
    assert says


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    said = [("/audio", START + n, sound(START + n, 50 + n)) for n in range(12)]
    return write(tmp_path_factory.mktemp("z") / "a", *said, compression="storage", chunk=3)


@given(share=SHARES)
@often
def test_of_chunks_that_are_compressed_the_whole_ones_are_read(tmp_path, packed, share):
    whole, size = messages(packed), (packed / "a.mcap").stat().st_size
    found, says = read(cut(packed / "a.mcap", tmp_path, int(share * size)))
    assert found == whole[: len(found)]
    assert says


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Path:
    said = [("/audio", START + n, sound(START + n, 3_000 + n)) for n in range(60)]
    return write(tmp_path_factory.mktemp("bags") / "a", *said, storage="sqlite3")


@given(share=SHARES)
@example(share=0.9921875)  # all rows are there, and of their index an end is missing
@often
def test_of_a_cut_sqlite_bag_the_rows_before_the_cut_are_read(tmp_path, database, share):
    file, whole = database / "a.db3", messages(database)
    size = int(share * file.stat().st_size)
    found, says = read(cut(file, tmp_path, size))
    assert says
    assert found == whole[: len(found)]
    # A row of 6 kB lies on three pages of 4 kB or so; the last ones of all hold no rows.
    bytes_per_row = file.stat().st_size / len(whole)
    assert len(found) >= size / bytes_per_row - 8


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_packed_file_is_unpacked_as_far_as_it_goes(tmp_path, storage):
    made = make(tmp_path / "a", storage=storage, compression="file")
    file = next(made.glob("*.zstd"))
    whole = messages(made)
    counts = []
    for percent in (0, 1, 40, 80, 99):
        size = file.stat().st_size * percent // 100
        found, says = read(cut(file, tmp_path, size, file.name))
        assert found == whole[: len(found)]
        assert says
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] > len(whole) // 2 > 0 == counts[0]


@given(at=SHARES, noise=st.binary(min_size=1, max_size=200))
@often
def test_damage_within_a_bag_is_told_and_never_raised(tmp_path, chunked, at, noise):
    """What comes before is read; a byte within a message cannot be known to be wrong."""
    raw, whole = bytearray((chunked / "a.mcap").read_bytes()), messages(chunked)
    data_end = raw.rindex(b"\x0f\x04" + bytes(7))
    place = int(at * len(raw))
    ends = [raw.index(message.data) + len(message.data) for message in whole]
    raw[place : place + len(noise)] = noise
    (tmp_path / "a.mcap").write_bytes(raw)
    found, says = read(tmp_path / "a.mcap")
    if place < data_end:
        before = sum(end <= place for end in ends)
        assert found[:before] == whole[:before]
        assert says or len(found) == len(whole)


def test_a_chunk_that_differs_from_its_sum_costs_none_of_those_before_it(tmp_path):
    said = [("/audio", START + n, sound(START + n, 5_000)) for n in range(10)]
    raw = bytearray((write(tmp_path / "a", *said, chunk=1) / "a.mcap").read_bytes())
    contents = [message.data for message in messages(tmp_path / "a")]
    for chunk in chunks_of(raw):  # `ros2 bag record` writes sums, and rosbags none
        struct.pack_into("<I", raw, chunk.crc, zlib.crc32(raw[chunk.begin : chunk.end]))
    at = raw.index(contents[7]) + 3_000
    raw[at : at + 4_000] = b"\xff" * 4_000  # another page of the disk
    cut_off = raw.index(contents[9])
    (tmp_path / "b.mcap").write_bytes(raw[:cut_off])
    found, says = read(tmp_path / "b.mcap")
    assert says
    assert [message.data for message in found] == contents[:7]


class Chunk(NamedTuple):
    crc: int
    begin: int
    end: int


def chunks_of(raw: bytes) -> Iterator[Chunk]:
    """Find where each chunk of an MCAP keeps its sum, and its content."""
    at = 8
    while at + 9 <= len(raw) and (kind := raw[at]) != 0x0F:
        (length,) = struct.unpack_from("<Q", raw, at + 1)
        if kind == 6:
            (width,) = struct.unpack_from("<I", raw, at + 9 + 28)
            yield Chunk(at + 9 + 24, at + 9 + 32 + width + 8, at + 9 + length)
        at += 9 + length


def test_of_damage_there_is_one_remark_however_often_a_bag_is_read(tmp_path, chunked):
    raw = bytearray((chunked / "a.mcap").read_bytes())
    at = raw.index(messages(chunked)[20].data) - 30
    raw[at : at + 8] = b"\xff" * 8  # the length of its record
    (tmp_path / "a.mcap").write_bytes(raw)
    with open_bag(tmp_path / "a.mcap") as bag:
        first = list(bag.messages())
        assert len(first) == 20
        (remark,) = bag.remarks
        assert "a.mcap is damaged" in remark
        assert list(bag.messages()) == first
        assert bag.remarks == [remark]


def test_zeros_that_a_power_cut_left_at_the_end_are_no_messages(tmp_path, chunked):
    whole = messages(chunked)
    raw = (chunked / "a.mcap").read_bytes()
    at = raw.index(whole[20].data)
    path = tmp_path / "a.mcap"
    path.write_bytes(raw[:at] + bytes(len(raw) - at))
    found, says = read(path)
    assert says
    assert found[:20] == whole[:20]
    assert len(found) <= 21


def test_a_clock_that_was_set_back_does_not_stop_the_reading(tmp_path):
    said = [("/audio", START - n, sound(START, 20 + n)) for n in range(6)]
    made = write(tmp_path / "a", *said)
    raw = (made / "a.mcap").read_bytes()
    path = cut(made / "a.mcap", tmp_path, raw.index(b"\x0f\x04" + bytes(7)))
    found, _ = read(path)
    assert [m.log_ns for m in found] == [START - n for n in range(6)]


# ── a writer that is killed ───────────────────────────────────────────────────────────────────

WRITER = """
import sys
from pathlib import Path
from bagged import START, sound
from ser_ros.bags import types
from ser_ros.bags.writing import BagWriter
store = types.typestore()
kind, fields = sound(START, 40_000)
raw = store.serialize_cdr(store.types[kind](**fields), kind)
writer = BagWriter(Path(sys.argv[1]), sys.argv[2])
writer.add_topic("/audio", kind)
for n in range(10**6):
    writer.write("/audio", START + n, raw)
    if n % 4 == 3:
        writer.flush()
        print(n + 1, flush=True)
"""


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_what_was_flushed_survives_a_kill(tmp_path, storage):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a"), storage]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        for _ in range(3):
            flushed = int(process.stdout.readline())
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        flushed = int((process.stdout.read().split() or [flushed])[-1])
    found, says = read(tmp_path / "a")
    assert says
    assert len(found) >= flushed
    assert [m.log_ns for m in found] == list(range(START, START + len(found)))


def tmpfs(command: list[str], folder: Path, size: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a small disk of its own at `folder`, and look at it afterwards."""
    inside = f'mount -t tmpfs -o size={size} tmpfs "{folder}" && {{ "$@"; echo "exit $?"; }}'
    words = ["unshare", "-rm", "sh", "-c", f"{inside}; cp -r {folder}/. {folder}.kept", "sh"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([*words, *command], capture_output=True, text=True, env=environment)


@pytest.fixture
def disk(tmp_path) -> Path:
    """A folder to mount a small disk on."""
    folder = tmp_path / "disk"
    folder.mkdir()
    (tmp_path / "disk.kept").mkdir()
    if tmpfs(["true"], folder, "64k").returncode:
        pytest.skip("this machine lets nobody mount a disk")
    return folder


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_full_disk_keeps_what_was_written(disk, storage):
    done = tmpfs([sys.executable, "-c", WRITER, str(disk / "a"), storage], disk, "1m")
    assert "exit 1" in done.stdout
    assert "CannotWrite" in done.stderr
    assert "that has room" in done.stderr
    flushed = int(done.stdout.split()[-3])
    found, says = read(Path(f"{disk}.kept") / "a")
    assert says
    assert len(found) >= flushed > 0


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_bag_that_does_not_fit_is_not_made(disk, storage):
    manifest = ROOT / "recordings" / "manifest.csv"
    words = ["-m", "ser_ros", "bag", "make", str(manifest), str(disk / "a"), "--storage", storage]
    done = tmpfs([sys.executable, *words], disk, "500k")
    assert "exit 1" in done.stdout
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(Path(f"{disk}.kept").iterdir()) == []
