"""A recording without ROS: its ends, and the ring of which only the newest is kept."""

from __future__ import annotations

import shutil

import pytest
from bagged import START, info, messages, sound

from ser_ros.bags import types
from ser_ros.bags.reading import open_bag
from ser_ros.bags.recording import MEGABYTE, Limits, Recording
from ser_ros.bags.writing import quality
from ser_ros.errors.bags import BagOfBags, BagThere
from ser_ros.errors.machine import CannotWrite


class Clock:
    def __init__(self):
        self.s = 100.0

    def __call__(self):
        return self.s


def raw(kind, fields):
    store = types.typestore()
    return bytes(store.serialize_cdr(store.types[kind](**fields), kind))


FORMAT, CHUNK = raw(*info()), raw(*sound(START, 16_000))


@pytest.fixture
def begin(tmp_path):
    def begin(**limits):
        clock = Clock()
        made = Recording(tmp_path / "out", limits.pop("storage", "mcap"), Limits(**limits), clock)
        made.add_topic("/audio_info", types.AUDIO_INFO, [quality(latched=True)])
        made.add_topic("/audio", types.AUDIO_STAMPED, [quality()])
        return made, clock

    return begin


def go_on(recording, clock, seconds):
    """A chunk of a second each second."""
    for _ in range(seconds):
        recording.write("/audio", START + int((clock.s - 100) * 10**9), CHUNK)
        clock.s += 1
        recording.tick()


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_without_limits_it_is_one_bag_with_everything(tmp_path, begin, storage):
    recording, clock = begin(storage=storage)
    recording.write("/audio_info", START, FORMAT)
    go_on(recording, clock, 5)
    # Everything before a tick can be read already.
    with open_bag(tmp_path / "out") as bag:
        assert len(list(bag.messages())) == 6
        assert bag.cut
    recording.close()
    assert recording.bags == [tmp_path / "out"]
    assert [m.data for m in messages(tmp_path / "out")] == [FORMAT, *[CHUNK] * 5]
    with open_bag(tmp_path / "out") as bag:
        assert not bag.cut
        assert [t.count for t in bag.topics] == [5, 1]


def test_it_ends_after_its_seconds_or_at_its_size(begin, tmp_path):
    recording, clock = begin(seconds=10)
    clock.s += 9.9
    assert recording.over == ""
    recording.start()
    clock.s += 9.9
    assert recording.over == ""
    clock.s += 0.2
    assert recording.over == "after 10 s"
    recording.close()
    assert list(tmp_path.iterdir()) == []
    recording, clock = begin(megabytes=0.1)
    go_on(recording, clock, 3)
    assert recording.over == ""
    go_on(recording, clock, 1)
    assert recording.over == "at the limit of 0.1 MB"


def test_nothing_older_than_its_age_is_kept(begin, tmp_path):
    recording, clock = begin(keep_seconds=60)
    recording.write("/audio_info", START, FORMAT)
    for minute in range(1, 4):
        go_on(recording, clock, 60)
        oldest = min(m.log_ns for path in recording.bags for m in messages(path))
        age = clock.s - 100 - (oldest - START) / 10**9
        assert 50 <= age <= 61 or minute == 1
        assert len(recording.bags) <= 11
    recording.close()
    for path in recording.bags:
        with open_bag(path) as bag:
            assert not bag.cut
    for path in (tmp_path / "out").glob("*/metadata.yaml"):
        path.unlink()
        with pytest.raises(BagOfBags, match=r"folder of bags \(out_0"):
            open_bag(tmp_path / "out")


def test_what_was_recorded_grows_old_also_when_nothing_comes_any_more(begin, tmp_path):
    recording, clock = begin(keep_seconds=60)
    go_on(recording, clock, 20)
    for _ in range(70):
        clock.s += 1
        recording.tick()
    assert [m for path in recording.bags for m in messages(path)] == []
    go_on(recording, clock, 1)
    recording.close()
    assert len(recording.bags) == 1
    assert recording.bags == list((tmp_path / "out").iterdir())


def test_the_format_of_the_sound_is_in_every_bag_of_a_ring(begin):
    recording, clock = begin(keep_seconds=30)
    recording.write("/audio_info", START, FORMAT)
    go_on(recording, clock, 100)
    recording.close()
    for path in recording.bags:
        found = messages(path)
        assert found[0].data == FORMAT
        assert [m.topic for m in found[1:]] == ["/audio"] * (len(found) - 1)
        assert found[0].log_ns == found[1].log_ns


def test_no_more_than_its_size_is_kept_and_the_newest_is(begin, tmp_path):
    recording, clock = begin(keep_megabytes=0.5)
    go_on(recording, clock, 100)
    on_disk = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    assert recording.size == on_disk
    assert 0.35 * MEGABYTE < on_disk <= 0.5 * MEGABYTE
    recording.close()
    kept = [m.log_ns for path in recording.bags for m in messages(path)]
    assert kept == [START + n * 10**9 for n in range(100 - len(kept), 100)]


def test_what_cannot_be_deleted_is_told_and_tried_again(begin, tmp_path):
    recording, clock = begin(keep_seconds=20)
    go_on(recording, clock, 10)
    oldest = recording.bags[0]
    oldest.rename(tmp_path / "elsewhere")
    oldest.symlink_to(tmp_path / "elsewhere")
    go_on(recording, clock, 20)
    assert f"'{oldest}' is to be kept no longer and cannot be deleted" in recording.complaint
    assert recording.bags[0] == oldest
    assert len(recording.bags) <= 12, "the others go all the same"
    oldest.unlink()
    (tmp_path / "elsewhere").rename(oldest)
    go_on(recording, clock, 1)
    assert recording.complaint == ""
    assert not oldest.exists()
    recording.close()


def test_a_recording_without_a_message_leaves_nothing(begin, tmp_path):
    for limits in ({}, {"keep_seconds": 10}):
        recording, _ = begin(**limits)
        recording.tick()
        recording.close()
        assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_never_recorded_over(begin, tmp_path):
    (tmp_path / "out").write_text("mine")
    for limits in ({}, {"keep_seconds": 10}):
        with pytest.raises(BagThere):
            begin(**limits)
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_folder_that_is_taken_away_is_told(begin, tmp_path, storage):
    recording, clock = begin(storage=storage)
    recording.write("/audio_info", START, FORMAT)
    shutil.rmtree(tmp_path / "out")
    with pytest.raises(CannotWrite, match="out"):
        go_on(recording, clock, 2)
    with pytest.raises(CannotWrite):
        recording.close()


def test_a_place_that_takes_no_bag_is_told_at_once(tmp_path):
    (tmp_path / "file").write_text("")
    for limits in (Limits(), Limits(keep_megabytes=1)):
        with pytest.raises(CannotWrite, match="Not a directory"):
            Recording(tmp_path / "file" / "out", "mcap", limits, Clock())
