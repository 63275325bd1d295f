"""Manifests, and who may train on whom."""

from __future__ import annotations

from pathlib import Path

import pytest

from ser_ros.carried import recordings_folder
from ser_ros.corpora import Clip, held_out, read_manifest, write_manifest
from ser_ros.corpora.noises import split_noises
from ser_ros.errors.config import BadManifest, BadValue
from ser_ros.errors.machine import CannotWrite


def manifest(folder: Path, content: str | bytes) -> Path:
    path = folder / "manifest.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_carried_manifest_lists_the_carried_recordings():
    clips = read_manifest(recordings_folder() / "manifest.csv")
    assert len(clips) == 8
    assert all(clip.path.is_file() for clip in clips)
    assert {clip.speaker for clip in clips} == {"emodb/03", "emodb/08"}
    assert {clip.emotion for clip in clips} == {"angry", "neutral", "sad", "happy"}


def test_only_path_and_emotion_are_needed(tmp_path):
    path = manifest(tmp_path, "emotion,path\nAnger,a/b.wav\n happy , /c.wav \n\n")
    one, two = read_manifest(path)
    assert one == Clip(tmp_path / "a/b.wav", "angry")
    assert two == Clip(Path("/c.wav"), "happy")


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "with byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_what_spreadsheets_write(tmp_path, start, end):
    lines = [b"path,emotion,fold,corpus,speaker,note", b'"a, b.wav",sad,2,emodb,03,"x"', b""]
    (clip,) = read_manifest(manifest(tmp_path, start + end.join(lines)))
    assert clip == Clip(
        tmp_path / "a, b.wav", "sad", "emodb/03", "emodb", licence="CC0 1.0", fold=2
    )


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "no column"),
        ("path,label\na.wav,sad\n", "no column emotion"),
        ("file,label\na.wav,sad\n", "no column emotion and no column path"),
        ("path|emotion\na.wav|sad\n", "no column"),
        ("path,emotion\n", "no recording"),
        ("path,emotion\na.wav,sad\nb.wav,meh\n", "line 3: 'meh'"),
        ("path,emotion\na.wav\n", "line 2"),
        ("path,emotion\n,sad\n", "line 2"),
        ("path,emotion\na.wav,\n", "line 2"),
        ("path,emotion,fold\na.wav,sad,first\n", "line 2: the fold is 'first'"),
        ("path,emotion,fold\na.wav,sad,0.5\n", "line 2: the fold is '0.5'"),
        ("path,emotion,fold\na.wav,sad,inf\n", "line 2: the fold is 'inf'"),
        ("path,emotion\na\0b.wav,sad\n", "line"),
        ('path,emotion,note\na.wav,sad,"so\nb.wav,sad,\n', "quote that is not closed"),
        ('path,emotion,note\na.wav,sad,"so\nb.wav,sad,"no"\n', "quote that is not closed"),
        (b"path,emotion\n\xff\xfe.wav,sad\n", "not in UTF-8"),
        (b"\x7fELF\x02\x01" + bytes(100), "column|UTF-8|line|NUL"),
    ],
)
def test_a_manifest_without_meaning_names_the_line(tmp_path, content, named):
    path = manifest(tmp_path, content)
    with pytest.raises(BadManifest, match=named) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_manifest_that_is_not_there_or_a_folder(tmp_path):
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(BadManifest, match=r"No such file|directory"):
            read_manifest(path)


def test_a_spreadsheets_own_ways(tmp_path):
    (clip,) = read_manifest(
        manifest(tmp_path, "Path; Emotion;FOLD;gender\na, b.wav;sad;1.0;여성\n")
    )
    assert clip == Clip(tmp_path / "a, b.wav", "sad", gender="female", fold=1)
    (clip,) = read_manifest(manifest(tmp_path, "path\temotion\tgender\na.wav\tsad\tother\n"))
    assert clip == Clip(tmp_path / "a.wav", "sad", gender="other")


def clip(speaker: str, fold: int | None) -> Clip:
    return Clip(Path(f"{speaker}.wav"), "sad", speaker, fold=fold)


def test_held_out_speakers_are_in_one_part_only():
    clips = [clip("a", 0), clip("b", 1), clip("a", 0), clip("c", 2)]
    rest, held = held_out(clips, 0)
    assert rest == [clips[1], clips[3]]
    assert held == [clips[0], clips[2]]


@pytest.mark.parametrize(
    ("clips", "named"),
    [
        ([clip("a", 0), clip("b", None)], "fold of 'b.wav'"),
        ([clip("a", 1), clip("b", 2)], "held_out_fold"),
        ([clip("a", 0), clip("b", 0)], "held_out_fold"),
        ([], "held_out_fold"),
        ([clip("a", 0), clip("a", 1), clip("b", 1)], "fold of a speaker is 'a'"),
    ],
)
def test_a_split_that_proves_nothing_is_refused(clips, named):
    with pytest.raises(BadValue, match=named):
        held_out(clips, 0)


# ── written, and read back ────────────────────────────────────────────────────────────────────


def test_a_manifest_that_was_written_reads_back_as_the_same_clips(tmp_path):
    clips = [
        Clip(tmp_path / "angry" / 'a, "b".wav', "angry", "mine/anna", "mine", "female", "de"),
        Clip(tmp_path / "분노.wav", "calm", "emodb/03", "emodb", licence="CC0 1.0", fold=3),
        Clip(Path("/elsewhere/c.wav"), "fear", "bob", licence="ask Bob", fold=0),
    ]
    write_manifest(tmp_path / "manifest.csv", clips)
    assert read_manifest(tmp_path / "manifest.csv") == clips


def test_a_manifest_moves_with_its_recordings(tmp_path):
    (tmp_path / "here").mkdir()
    write_manifest(tmp_path / "here" / "m.csv", [Clip(tmp_path / "here" / "a.wav", "sad")])
    (tmp_path / "here").rename(tmp_path / "there")
    (clip,) = read_manifest(tmp_path / "there" / "m.csv")
    assert clip.path == tmp_path / "there" / "a.wav"


def test_a_name_that_is_no_text_cannot_stand_in_a_manifest(tmp_path):
    with pytest.raises(CannotWrite, match="not text"):
        write_manifest(tmp_path / "m.csv", [Clip(tmp_path / "\udcff.wav", "sad")])
    assert list(tmp_path.iterdir()) == []


def test_what_a_manifest_says_of_its_licence_is_believed(tmp_path):
    content = "path,emotion,corpus,licence\na.wav,sad,emodb,bought\nb.wav,sad,emodb,\n"
    one, two = read_manifest(manifest(tmp_path, content))
    assert (one.licence, two.licence) == ("bought", "CC0 1.0")


def test_a_fifth_of_the_noises_is_kept_wherever_they_lie(tmp_path):
    def noises(name: str, *inner: int) -> tuple[list[str], list[str]]:
        for k, count in enumerate(inner):
            (tmp_path / name / str(k)).mkdir(parents=True)
            for i in range(count):
                (tmp_path / name / str(k) / f"{i}.wav").touch()
        root = tmp_path / name
        training, held = split_noises(root)
        return (
            [path.relative_to(root).as_posix() for path in training],
            [path.relative_to(root).as_posix() for path in held],
        )

    training, held = noises("many", 10, 5, 4)
    assert held == ["0/8.wav", "0/9.wav", "1/4.wav"]
    assert len(training) == 16
    training, held = noises("few", 3, 4)
    assert held == ["1/3.wav"] and len(training) == 6
    assert noises("two", 1, 1) == (["0/0.wav"], ["1/0.wav"])
    assert noises("one", 1) == (["0/0.wav"], [])
