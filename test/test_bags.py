"""Bags that are made of clips, and bags of others, read back."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import yaml
from bagged import SECOND, START, info, make, messages, plain, records, sound, write, write_foreign
from programs import python

from ser_ros import audio
from ser_ros.audio import AudioFormat, SampleFormat
from ser_ros.bags import types
from ser_ros.bags.reading import open_bag
from ser_ros.bags.records import Chunk, Format, Muted, Said, Truth
from ser_ros.bags.summary import summarise
from ser_ros.bags.writing import BagWriter
from ser_ros.bags.zstandard import unpack
from ser_ros.carried import recordings_folder
from ser_ros.cli import bag
from ser_ros.corpora import read_manifest
from ser_ros.errors.audio import UnreadableFile
from ser_ros.errors.bags import (
    AudioTypeUnknown,
    BagMissing,
    BagOfBags,
    BagThere,
    BagUnreadable,
    FieldMissing,
    NoAudioTopic,
    RosbagsMissing,
    SeveralAudioTopics,
    TopicUnknown,
    TypeDiffers,
    TypeUnknown,
)
from ser_ros.errors.machine import CannotWrite

EVERY = [(s, c) for s in ("mcap", "sqlite3") for c in ("none", "message", "file")]


def heard(found: list) -> np.ndarray:
    chunks = [r for r in found if isinstance(r, Chunk)]
    return np.concatenate([audio.decode(c.data, AudioFormat())[:, 0] for c in chunks])


# ── made ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("storage", "compression"), EVERY)
def test_a_made_bag_holds_every_sample_and_every_label(tmp_path, voices, storage, compression):
    found = records(make(tmp_path / "a", storage=storage, compression=compression))
    clips = read_manifest(recordings_folder() / "manifest.csv")
    by_name = dict(zip(sorted(c.path.name for c in clips), voices, strict=True))
    samples = heard(found)
    at = 0
    truths = [r for r in found if isinstance(r, Truth)]
    for clip, truth in zip(clips, truths, strict=True):
        voice = by_name[clip.path.name]
        assert np.abs(samples[at : at + len(voice)] - voice).max() <= 2**-15
        assert (truth.label, truth.speaker, truth.annotator) == (
            clip.emotion,
            clip.speaker,
            "emodb",
        )
        assert truth.start_ns == 1_600_000_000 * SECOND + at * SECOND // 16_000
        assert truth.duration_ns == pytest.approx(len(voice) * SECOND / 16_000, abs=1)
        at += len(voice) + 16_000
        assert not samples[at - 16_000 : at].any()
    assert len(samples) == at
    assert found[0] == Format(AudioFormat(16_000, 1, SampleFormat.S16LE), "", found[0].log_ns)


def test_the_chunks_follow_one_another_and_all_is_in_the_order_of_hearing(tmp_path):
    found = records(make(tmp_path / "a", 0, 1, chunk_s=0.25, gap_s=0.3, start_ns=START))
    chunks = [r for r in found if isinstance(r, Chunk)]
    ends = [c.stamp_ns + len(c.data) * SECOND // 32_000 for c in chunks]
    assert [c.stamp_ns for c in chunks[1:]] == ends[:-1]
    assert [c.log_ns for c in chunks] == ends
    assert {len(c.data) for c in chunks[:-1]} == {8_000}
    assert chunks[0].stamp_ns == START
    logged = [r.log_ns for r in found]
    assert logged == sorted(logged)


def test_the_same_clips_make_the_same_messages(tmp_path):
    first = messages(make(tmp_path / "a", 0, 3))
    assert first == messages(make(tmp_path / "b", 0, 3))
    assert first == messages(make(tmp_path / "c", 0, 3, storage="sqlite3", compression="message"))


def test_a_bag_that_cannot_be_made_leaves_nothing(tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    (tmp_path / "m.csv").write_text("path,emotion\nbad.wav,angry\n")
    from ser_ros.bags.making import Making, make_bag

    with pytest.raises(UnreadableFile, match=r"bad\.wav"):
        make_bag(read_manifest(tmp_path / "m.csv"), tmp_path / "out", Making())
    with pytest.raises(CannotWrite, match="nowhere"):
        make(tmp_path / "nowhere" / "out", 0)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.wav", "m.csv"]


def test_a_bag_is_never_overwritten(tmp_path):
    make(tmp_path / "a", 0)
    before = messages(tmp_path / "a")
    with pytest.raises(BagThere):
        make(tmp_path / "a", 1)
    assert messages(tmp_path / "a") == before


def test_the_types_are_those_of_ros():
    """The hash of a definition is what ROS 2 knows a type by."""
    store = types.typestore()
    checked = 0
    for name in types.OURS:
        package, _, kind = name.split("/")
        for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
            path = Path(prefix, "share", package, "msg", f"{kind}.json")
            if prefix and path.is_file():
                told = json.loads(path.read_text())["type_hashes"][0]
                assert (told["type_name"], told["hash_string"]) == (name, store.hash_rihs01(name))
                checked += 1
    if not checked:
        pytest.skip("no ROS with these messages is sourced")


def test_a_type_of_the_same_name_with_other_fields_is_refused():
    types.check(types.BOOL, types.typestore().hash_rihs01(types.BOOL))
    types.check(types.BOOL, "INVALID")  # a middleware that does not tell
    with pytest.raises(TypeDiffers, match="std_msgs/msg/Bool of the publisher"):
        types.check(types.BOOL, "RIHS01_" + "0" * 64)
    with pytest.raises(TypeUnknown, match="nowhere_msgs/msg/Nothing has no definition"):
        types.check("nowhere_msgs/msg/Nothing", "RIHS01_" + "0" * 64)


def test_a_bag_that_means_another_layout_by_a_type_is_known(tmp_path):
    with open_bag(make(tmp_path / "ours", 0)) as bag:
        assert len(bag.topics) == 3
        for topic in bag.topics:
            types.check_definition(topic.type, topic.definition)
    older = "string label"
    write_foreign(tmp_path / "old", "/t", types.GROUND_TRUTH, older, label="sad")
    with open_bag(tmp_path / "old") as bag:
        definition = bag.topics[0].definition
    with pytest.raises(TypeDiffers):
        types.check_definition(types.GROUND_TRUTH, definition)
    half = definition._replace(data="nowhere_msgs/Nothing x")
    types.check_definition(types.GROUND_TRUTH, half)


# ── of others ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_file_without_its_folder_is_a_bag(tmp_path, storage):
    whole = make(tmp_path / "a", 0, storage=storage)
    file = next(p for p in whole.iterdir() if p.suffix != ".yaml")
    alone = shutil.copy(file, tmp_path / f"50% of #1?{file.suffix}")
    assert messages(Path(alone)) == messages(whole)


@pytest.mark.parametrize("metadata", [True, False])
def test_the_files_of_a_split_bag_are_read_in_their_order(tmp_path, metadata):
    names = []
    out = tmp_path / "split"
    out.mkdir()
    for n in (1, 2, 10):
        part = write(tmp_path / f"split_{n}", ("/audio", START + n, sound(START + n)))
        shutil.move(part / f"split_{n}.mcap", out)
        names.append(f"split_{n}.mcap")
    if metadata:
        told = {"rosbag2_bagfile_information": {"relative_file_paths": [f"x/{n}" for n in names]}}
        (out / "metadata.yaml").write_text(yaml.safe_dump(told))
    with open_bag(out) as bag:
        assert [m.log_ns - START for m in bag.messages()] == [1, 2, 10]
        assert [t.count for t in bag.topics] == [3]
        assert bag.cut is not metadata
        assert ("metadata.yaml is missing" in " ".join(bag.remarks)) is not metadata
    if metadata:
        (out / "split_2.mcap").unlink()
        with open_bag(out) as bag:
            assert [m.log_ns - START for m in bag.messages()] == [1, 10]
            assert bag.cut
            assert "split_2.mcap is missing" in bag.remarks[0]


@pytest.mark.parametrize(("storage", "chunk"), [("mcap", 1), ("mcap", 99), ("sqlite3", 1)])
def test_a_clock_that_was_set_back_mixes_nothing(tmp_path, storage, chunk):
    """Two stretches of sound of which one lies in the time of the other."""
    times = [START + n * SECOND // 2 for n in (0, 2, 4, 6, 3, 5, 7, 9)]
    said = [("/audio", ns, sound(ns)) for ns in times]
    found = messages(write(tmp_path / "a", *said, storage=storage, chunk=chunk))
    assert [message.log_ns for message in found] == times


def test_what_was_being_compressed_is_read_once(tmp_path):
    packed = make(tmp_path / "a", 0, compression="file")
    whole = messages(packed)
    (packed / "metadata.yaml").unlink()
    (file,) = packed.iterdir()
    assert unpack(file, packed / file.stem)
    assert messages(packed) == whole
    file.write_bytes(file.read_bytes()[:9_000])
    assert messages(packed) == whole


def test_chunks_of_one_topic_each_are_read_in_the_order_of_time(tmp_path):
    said = [("/audio", START + n, sound(START)) for n in (1, 3, 5)]
    said += [("/audio_info", START + n, info()) for n in (0, 2, 4)]
    found = messages(write(tmp_path / "a", *said, chunk=3))
    assert [message.log_ns - START for message in found] == list(range(6))


def test_chunks_that_mcap_compresses_are_read(tmp_path):
    said = [("/audio", START + n, sound(START + n)) for n in range(5)]
    packed = write(tmp_path / "a", *said, compression="storage", chunk=2)
    assert messages(packed) == messages(write(tmp_path / "b", *said))


def test_an_old_bag_without_definitions_is_read_by_ours(tmp_path):
    path = make(tmp_path / "a", 0, storage="sqlite3")
    whole = records(path)
    with sqlite3.connect(path / "a.db3") as database:
        database.executescript(
            "DROP TABLE message_definitions; UPDATE schema SET schema_version = 3;"
        )
    found = records(path)
    assert len(found) == len(whole)
    assert np.array_equal(heard(found), heard(whole))
    assert [r for r in found if isinstance(r, Truth)] == [r for r in whole if isinstance(r, Truth)]


OLD_EMOTION = "std_msgs/Header header\nstring label\nfloat32[] probabilities\n"


def test_an_older_layout_gives_what_it_has(tmp_path):
    from bagged import header

    path = write_foreign(
        tmp_path / "a",
        "/emotion",
        types.EMOTION,
        OLD_EMOTION,
        header=header(START),
        label="angry",
        probabilities=np.array([0.75, 0.25], np.float32),
    )
    with open_bag(path) as bag:
        (said,) = bag.records(None)
    assert isinstance(said, Said)
    assert (said.stamp_ns, said.label, said.probabilities) == (START, "angry", (0.75, 0.25))
    assert (said.latency_s, said.model, said.duration_ns) == (0.0, "", 0)


@pytest.mark.parametrize(
    ("kind", "definition", "fields", "missing"),
    [
        (types.EMOTION, "string label", {"label": "sad"}, "header.stamp"),
        (types.GROUND_TRUTH, "string label", {"label": "sad"}, "header.stamp"),
        (types.AUDIO_INFO, "uint8 channels", {"channels": 1}, "sample_rate"),
        (types.AUDIO_PLAIN, "int32[] samples", {"samples": np.zeros(2, np.int32)}, "data"),
    ],
)
def test_a_field_that_is_needed_and_not_there_is_named(tmp_path, kind, definition, fields, missing):
    path = write_foreign(tmp_path / "a", "/topic", kind, definition, **fields)
    with open_bag(path) as bag, pytest.raises(FieldMissing, match=f"/topic .* no field {missing}"):
        list(bag.records("/topic" if kind == types.AUDIO_PLAIN else None))


def test_a_message_that_is_none_is_left_out_and_counted(tmp_path):
    path = make(tmp_path / "a", 0, storage="sqlite3")
    with sqlite3.connect(path / "a.db3") as database:
        database.execute("UPDATE messages SET data = x'00010000ff' WHERE id = 3")
    with open_bag(path) as bag:
        found = list(bag.records("/audio"))
        assert len(found) == 3
        assert "1 message(s) of /audio cannot be decoded" in bag.remarks[0]


# ── which topic ───────────────────────────────────────────────────────────────────────────────


def test_the_sound_is_the_topic_called_audio_or_the_only_one(tmp_path):
    one = write(tmp_path / "a", ("/ear", 1, plain()), ("/other/info", 2, info()))
    two = write(tmp_path / "b", ("/ear", 1, plain()), ("/head/audio", 2, sound(5)))
    both = write(tmp_path / "c", ("/l/audio", 1, sound(5)), ("/r/audio", 2, sound(5)))
    with open_bag(one) as bag:
        assert bag.audio_topic() == "/ear"
        assert bag.companions("/ear") == {types.AUDIO_INFO: "/other/info"}
    with open_bag(two) as bag:
        assert bag.audio_topic() == "/head/audio"
        assert bag.audio_topic("ear") == "/ear"
        with pytest.raises(TopicUnknown, match="/nose; expected one of /ear, /head/audio"):
            bag.audio_topic("/nose")
    with open_bag(both) as bag:
        with pytest.raises(SeveralAudioTopics, match="/l/audio, /r/audio"):
            bag.audio_topic()
        assert bag.audio_topic("/r/audio") == "/r/audio"


def test_each_robot_has_what_belongs_to_its_own_sound(tmp_path):
    said = [
        (f"/{robot}/{topic}", START + n, message)
        for n, robot in enumerate(("a", "b"))
        for topic, message in (
            ("audio_info", info(rate=8_000 * (n + 1))),
            ("robot_speaking", (types.BOOL, {"data": bool(n)})),
            ("audio", sound(START)),
        )
    ]
    path = write(tmp_path / "a", *said, ("/light", START, (types.BOOL, {"data": True})))
    fmt, muted, chunk = records(path, "/b/audio")
    assert fmt.format.rate == 16_000
    assert muted == Muted(True, START + 1)
    assert isinstance(chunk, Chunk)
    assert chunk.frame_id == "head"


def test_no_sound_and_sound_of_another_type_are_told_apart(tmp_path):
    with open_bag(write(tmp_path / "a", ("/audio_info", 1, info()))) as bag:
        with pytest.raises(NoAudioTopic, match="its topics: /audio_info"):
            bag.audio_topic()
        with pytest.raises(AudioTypeUnknown, match=r"AudioInfo, expected .*AudioDataStamped"):
            bag.audio_topic("audio_info")
        assert summarise(bag).sound is None
    foreign = write_foreign(
        tmp_path / "b", "/audio", "other_msgs/msg/Audio", "float32[] pcm", pcm=np.zeros(2, "f4")
    )
    with open_bag(foreign) as bag, pytest.raises(AudioTypeUnknown, match="other_msgs/msg/Audio"):
        bag.audio_topic()


def test_sound_without_stamps_has_the_time_of_its_receipt(tmp_path):
    (chunk,) = records(write(tmp_path / "a", ("/audio", START, plain(7))))
    assert (chunk.stamp_ns, chunk.log_ns, len(chunk.data)) == (0, START, 14)


def test_a_format_that_is_not_understood_is_passed_on_as_such(tmp_path):
    path = write(
        tmp_path / "a",
        ("/audio_info", 1, info(coding="mp3")),
        ("/audio_info", 2, info(rate=5)),
        ("/audio_info", 3, info(sample_format="s16le")),
        ("/audio", 4, sound(5)),
    )
    first, second, third, _ = records(path)
    assert first.format is None
    assert "'mp3'" in first.refusal
    assert second.format is None
    assert "sample rate in Hz is 5" in second.refusal
    assert third.format == AudioFormat()
    with open_bag(path) as bag:
        assert summarise(bag).sound.format == str(AudioFormat())


# ── no bag ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["a.mcap", "a.db3", "a.mcap.zstd", "a.db3.zstd"])
@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"no bag at all", b"\x89MCAP0\r\n" + b"x"])
def test_a_file_that_is_no_bag_is_refused_in_a_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BagUnreadable, match=r"Nothing of the bag '.*' can be read \(.+\)"):
        open_bag(path)
    folder = tmp_path / "bag"
    folder.mkdir()
    shutil.move(path, folder)
    with pytest.raises(BagUnreadable):
        open_bag(folder)


@pytest.mark.parametrize("name", ["demo#1", "mon?x", "lab %31/demo"])
def test_what_sqlite_would_write_elsewhere_is_refused(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    with pytest.raises(CannotWrite, match="'%'"):
        BagWriter(path, "sqlite3")
    assert not path.exists()
    with BagWriter(path) as writer:
        writer.add_topic("/a", "std_msgs/msg/String")
    assert path.is_dir()


def test_a_row_that_is_damaged_is_told(tmp_path):
    whole = make(tmp_path / "a", storage="sqlite3")
    with closing(sqlite3.connect(whole / "a.db3")) as database, database:
        database.execute("UPDATE messages SET timestamp = 'x' WHERE id = 3")
    with open_bag(whole) as bag:
        assert len(list(bag.messages())) == 2
        assert "damaged" in bag.remarks[0]
    with closing(sqlite3.connect(whole / "a.db3")) as database, database:
        database.execute("UPDATE topics SET name = x'00ff' WHERE id = 1")
    with pytest.raises(BagUnreadable, match="topic"):
        open_bag(whole)


def test_a_name_that_no_folder_has_is_refused(tmp_path):
    with pytest.raises(BagUnreadable, match="too long"):
        open_bag(tmp_path / ("x" * 300))


def test_a_topic_is_shown_and_not_obeyed(tmp_path, ser_ros):
    write(tmp_path / "a", ("/a\x1b[2Jb", START, info()), ("/audio", START, sound(START)))
    done = ser_ros("bag", "info", tmp_path / "a")
    assert "\x1b" not in done.stdout
    assert r"/a\x1b[2Jb" in done.stdout


def test_what_is_not_there_is_refused(tmp_path):
    (tmp_path / "text.txt").write_text("x")
    for path in (tmp_path / "none", tmp_path, tmp_path / "text.txt"):
        with pytest.raises(BagMissing):
            open_bag(path)
    make(tmp_path / "a", 0)
    with pytest.raises(BagOfBags, match=r"folder of bags \(a\)"):
        open_bag(tmp_path)


# ── what is in it ─────────────────────────────────────────────────────────────────────────────


def test_the_summary_counts_what_is_odd(tmp_path):
    # In 10 ms, each chunk as long: steady, within the tolerance, a gap, a jump back.
    said = [
        ("/audio", START + n, sound(START + at * 10**7)) for n, at in enumerate((0, 1, 10, 40, 5))
    ]
    with open_bag(write(tmp_path / "a", *said)) as bag:
        told = summarise(bag)
    assert told.sound.odd == {"gap": 1, "time_went_back": 1}
    assert (told.sound.messages, told.sound.seconds) == (5, 0.05)


def test_the_commands_make_a_bag_and_tell_of_it(tmp_path, ser_ros):
    manifest = recordings_folder() / "manifest.csv"
    done = ser_ros("bag", "make", manifest, tmp_path / "a", "--storage", "sqlite3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "8 clips, 33.6 s of sound" in done.stdout
    again = ser_ros("bag", "make", manifest, tmp_path / "a")
    assert again.returncode == 1
    assert "is there already" in again.stderr
    told = ser_ros("bag", "info", tmp_path / "a", tmp_path / "none", tmp_path / "a", "--json")
    assert told.returncode == 1
    assert "There is no bag at" in told.stderr
    first, second = map(json.loads, told.stdout.splitlines())
    assert first == second
    assert first["sound"]["seconds"] == pytest.approx(33.63)
    assert first["truth"]["angry"]["stretches"] == 2
    assert first["speakers"] == ["emodb/03", "emodb/08"]
    assert first["cut"] is False
    text = ser_ros("bag", "info", tmp_path / "a").stdout
    assert "sound: 33.6 s in 14 messages" in text
    assert max(map(len, text.splitlines()[1:])) <= 80


@pytest.mark.parametrize(
    ("option", "value"), [("--gap", -1), ("--chunk", 0), ("--chunk", 61), ("--start", "nan")]
)
def test_settings_that_make_no_sense_are_refused(tmp_path, ser_ros, option, value):
    manifest = recordings_folder() / "manifest.csv"
    done = ser_ros("bag", "make", manifest, tmp_path / "a", option, value)
    assert done.returncode == 1
    assert f"bag: {option} is" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_rosbags_the_help_is_there_and_the_rest_is_refused(monkeypatch):
    code = (
        "import argparse, sys\n"
        "from ser_ros.cli import bag\n"
        "bag.add_arguments(argparse.ArgumentParser())\n"
        "assert 'rosbags' not in sys.modules"
    )
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
    monkeypatch.setattr(bag, "find_spec", lambda _: None)
    with pytest.raises(RosbagsMissing, match="pip install"):
        bag.run(argparse.Namespace(verb="info"))
