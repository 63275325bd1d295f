"""`corpus check`: what would spoil a training is found before it, and said."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ser_ros import corpora
from ser_ros.__main__ import main
from ser_ros.audio import Samples
from ser_ros.corpora import Clip, read_manifest
from ser_ros.corpora.check import Report, examine
from ser_ros.corpora.folds import assign_folds, complete_folds
from ser_ros.corpora.heard import Heard, in_runs, listen
from ser_ros.corpora.tables import lines
from ser_ros.errors.config import BadValue
from ser_ros.labels import FOUR, SEVEN

RATE = 16_000


def voice(seed: int, seconds: float = 0.3, gain: float = 0.1) -> Samples:
    noise = np.random.default_rng(seed).uniform(-gain, gain, int(RATE * seconds))
    return np.round(noise * 32768).astype(np.float32) / np.float32(32768)


def write(path: Path, samples: Samples) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    return path


def emodb(root: Path, speakers: str = "03 08") -> Path:
    """Make a sound corpus: every speaker once in each of the four emotions."""
    for speaker in speakers.split():
        for letter in "WNTF":
            name = f"{speaker}a01{letter}a.wav"
            write(root / name, voice(int(speaker) * 10 + "WNTF".index(letter)))
    return root


def report_of(*clips: Clip, labels=FOUR) -> Report:
    return examine([listen(clip) for clip in clips], labels)


def kinds(report: Report) -> dict[str, bool]:
    return {problem.kind: problem.spoils for problem in report.problems}


def a_clip(path: Path, emotion="angry", speaker="a", fold: int | None = None) -> Clip:
    return Clip(path, emotion, speaker, fold=fold)


@pytest.fixture
def others(tmp_path) -> list[Clip]:
    """Clips that are fine, so that no class is empty."""
    return [
        a_clip(write(tmp_path / "others" / f"{label}.wav", voice(900 + k)), label, "other")
        for k, label in enumerate(FOUR.labels)
    ]


# ── one recording ─────────────────────────────────────────────────────────────────────────────


def test_what_a_recording_is_like(tmp_path):
    tone = np.float32(0.5) * np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)
    heard = listen(a_clip(write(tmp_path / "a.wav", np.stack([tone, tone], axis=1))))
    assert (heard.rate, heard.channels, heard.error) == (RATE, 2, "")
    assert heard.seconds == pytest.approx(1.0)
    assert heard.level == pytest.approx(-9.03, abs=0.01)
    assert (heard.clipped, heard.silent) == (0, False)


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        ([], 0),
        ([1, 1], 0),
        ([0, 1, 0, 1, 0, -1], 0),
        ([0, 1, 1, 1, 0], 3),
        ([1, 1, 1, 1, 0, 1, 1, 0, -1, -1, -1], 7),
        ([1, -1, 1], 3),
        ([0.999] * 9, 0),
    ],
)
def test_only_runs_at_full_scale_are_clipping(samples, count):
    mono = np.array(samples, np.float32).reshape(-1, 1)
    assert in_runs(mono) == count
    assert in_runs(np.hstack([mono, np.zeros_like(mono)])) == count


def test_the_same_samples_in_another_container_are_the_same_recording(tmp_path):
    samples = voice(1)
    wav = listen(a_clip(write(tmp_path / "a.wav", samples)))
    flac = listen(a_clip(write(tmp_path / "b.flac", samples)))
    soundfile.write(tmp_path / "c.wav", samples, RATE, subtype="FLOAT")
    other = listen(a_clip(write(tmp_path / "d.wav", voice(2))))
    soundfile.write(tmp_path / "e.wav", samples, 2 * RATE, subtype="PCM_16")
    assert wav.digest == flac.digest == listen(a_clip(tmp_path / "c.wav")).digest
    assert len({wav.digest, other.digest, listen(a_clip(tmp_path / "e.wav")).digest}) == 3


# ── what is wrong ─────────────────────────────────────────────────────────────────────────────


def test_nothing_is_wrong_with_what_is_fine(others):
    report = report_of(*others)
    assert kinds(report) == {}
    assert not report.spoilt
    assert report.fit_for_training() == others


def test_an_unreadable_file(tmp_path, others):
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound\n" * 100)
    report = report_of(a_clip(bad), a_clip(tmp_path / "missing.wav"), *others)
    assert kinds(report) == {"unreadable": True}
    files = [[Path(name).name for name in problem.files] for problem in report.problems]
    assert files == [["bad.wav"], ["missing.wav"]], "each reason has a line"
    assert report.fit_for_training() == others


def test_a_silent_and_a_clipped_file(tmp_path, others):
    silent = a_clip(write(tmp_path / "silent.wav", voice(1, gain=0.0002)))
    clipped = a_clip(write(tmp_path / "clipped.wav", np.clip(voice(2, gain=3), -1, 1)))
    report = report_of(silent, clipped, *others)
    assert kinds(report) == {"silent": False, "clipped": False}
    files = {problem.kind: [Path(f).name for f in problem.files] for problem in report.problems}
    assert files == {"silent": ["silent.wav"], "clipped": ["clipped.wav"]}
    assert report.fit_for_training() == [clipped, *others]


@pytest.mark.parametrize(
    ("one", "two", "kind", "spoils", "kept"),
    [
        ({}, {}, "duplicate", False, 1),
        ({}, {"emotion": "sad"}, "duplicate_labels", True, 0),
        ({}, {"speaker": "b"}, "duplicate_speakers", True, 0),
        ({"speaker": "a", "fold": 0}, {"speaker": "b", "fold": 1}, "duplicate_folds", True, 0),
        ({"speaker": "", "fold": 0}, {"speaker": "", "fold": 1}, "duplicate_folds", True, 1),
    ],
)
def test_a_recording_that_is_there_twice(tmp_path, others, one, two, kind, spoils, kept):
    first = a_clip(write(tmp_path / "one.wav", voice(1)), **one)
    second = a_clip(write(tmp_path / "two.flac", voice(1)), **two)
    report = report_of(first, second, *others)
    assert kinds(report)[kind] is spoils
    assert report.fit_for_training() == [first][:kept] + others


def test_a_copy_without_a_speaker_spoils_nothing(tmp_path, others):
    samples = voice(1)
    named = a_clip(write(tmp_path / "a.wav", samples), speaker="a")
    copy = a_clip(write(tmp_path / "b.wav", samples), speaker="")
    for both in ([named, copy], [copy, named]):
        report = report_of(*both, *others)
        assert kinds(report) == {"duplicate": False, "no_speaker": False}
        assert report.fit_for_training() == [named, *others]


def test_damaged_files_that_can_be_decoded_are_told(tmp_path, others):
    broken = voice(1)
    broken[::2] = np.nan
    soundfile.write(tmp_path / "nan.wav", broken, RATE, subtype="FLOAT")
    half = write(tmp_path / "half.wav", voice(2))
    half.write_bytes(half.read_bytes()[:5000])
    streamed = write(tmp_path / "streamed.wav", voice(3))
    content = bytearray(streamed.read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    streamed.write_bytes(content)
    clips = [a_clip(tmp_path / name) for name in ("nan.wav", "half.wav", "streamed.wav")]
    report = report_of(*clips, *others)
    told = {problem.kind: [Path(f).name for f in problem.files] for problem in report.problems}
    assert told == {"no_numbers": ["nan.wav"], "cut_short": ["half.wav"]}
    assert not report.spoilt


def test_two_silences_are_no_duplicates(tmp_path, others):
    silent = [a_clip(write(tmp_path / f"{k}.wav", voice(k, gain=0))) for k in range(2)]
    assert kinds(report_of(*silent, *others)) == {"silent": False}


def test_a_speaker_on_both_sides_of_a_split(tmp_path, others):
    one = a_clip(write(tmp_path / "1.wav", voice(1)), fold=0)
    two = a_clip(write(tmp_path / "2.wav", voice(2)), fold=1)
    report = report_of(one, two, *others)
    assert kinds(report) == {"speaker_in_several_folds": True}
    assert "1 speaker in more than one fold" in report.problems[0].says


def test_an_empty_class_and_one_that_only_silence_fills(tmp_path, others):
    silent = a_clip(write(tmp_path / "silent.wav", voice(1, gain=0)), "angry")
    report = report_of(silent, *others[1:])
    assert kinds(report) == {"empty_class": True, "silent": False}
    assert "'angry'" in report.problems[0].says


def test_what_the_labels_leave_out_is_counted_apart(tmp_path, others):
    fear = a_clip(write(tmp_path / "fear.wav", voice(1)), "fear")
    calm = a_clip(write(tmp_path / "calm.wav", voice(2)), "calm")
    report = report_of(fear, calm, *others)
    assert [row.clips for row in report.by_label()] == [1, 2, 1, 1]
    assert [row.name for row in report.left_out()] == ["fear"]
    seven = report_of(fear, calm, *others, labels=SEVEN)
    assert [row.clips for row in seven.by_label()] == [1, 2, 1, 1, 1, 0, 0]
    assert sum(problem.kind == "empty_class" for problem in seven.problems) == 2


def test_unknown_speakers_and_skipped_files_are_told(tmp_path, others):
    heard = [listen(a_clip(write(tmp_path / "a.wav", voice(1)), speaker="")), *map(listen, others)]
    left = [("odd.wav", "its name is odd"), ("a", "few agree (2 sad)"), ("b", "few agree (1 sad)")]
    report = examine(heard, FOUR, [(Path(name), why) for name, why in left])
    assert kinds(report) == {"no_speaker": False, "skipped": False}
    text = "\n".join(lines(report))
    assert "1 file skipped: 'odd.wav': its name is odd" in text
    assert "2 files skipped: 'a': few agree (2 sad)" in text
    assert "no figure for unseen speakers" in text


def test_the_tables_of_an_empty_report_are_written_all_the_same():
    bad = Heard(a_clip(Path("a.wav")), error="'a.wav' cannot be read")
    text = "\n".join(lines(examine([bad], FOUR)))
    assert text.count("PROBLEM") == 1 + len(FOUR)


# ── folds ─────────────────────────────────────────────────────────────────────────────────────


def some(speakers: int, clips: int) -> list[Clip]:
    made = []
    for s in range(speakers):
        gender = "male" if s % 2 else "female"
        for c in range(clips):
            emotion = FOUR.labels[c % 4]
            made.append(Clip(Path(f"{s}-{c}.wav"), emotion, f"x/{s:02}", "x", gender))
    return made


@pytest.mark.train
def test_folds_share_no_speaker_and_are_of_one_size():
    pytest.importorskip("sklearn", reason="scikit-learn is in the extra train")
    clips = assign_folds(some(10, 8), 5)
    of_speaker = defaultdict(set)
    for clip in clips:
        of_speaker[clip.speaker].add(clip.fold)
    assert all(len(folds) == 1 for folds in of_speaker.values())
    assert Counter(clip.fold for clip in clips) == dict.fromkeys(range(5), 16)
    # A woman and a man in each.
    assert len({(clip.fold, clip.gender) for clip in clips}) == 10
    assert assign_folds(some(10, 8), 5) == clips


@pytest.mark.train
@pytest.mark.parametrize(("speakers", "clips"), [(2, 1), (3, 4), (5, 1), (7, 3)])
def test_every_fold_has_clips_however_few_there_are(speakers, clips):
    pytest.importorskip("sklearn", reason="scikit-learn is in the extra train")
    found = {clip.fold for clip in assign_folds(some(speakers, clips), 5)}
    assert found == set(range(min(speakers, 5)))


@pytest.mark.train
def test_no_fold_is_empty_where_speakers_are_unlike():
    """Four speakers, nearly each with emotions of their own, leave a stratified fold empty."""
    pytest.importorskip("sklearn", reason="scikit-learn is in the extra train")
    said = {"a": "30103100320", "b": "3", "c": "331", "d": "111111"}
    clips = [
        Clip(Path(f"{speaker}{k}.wav"), FOUR.labels[int(number)], speaker)
        for speaker, numbers in said.items()
        for k, number in enumerate(numbers)
    ]
    assert {clip.fold for clip in assign_folds(clips, 5)} == {0, 1, 2, 3}


def test_without_speakers_there_are_no_folds():
    assert {clip.fold for clip in assign_folds(some(1, 8))} == {None}
    nobody = Clip(Path("a.wav"), "sad")
    assert assign_folds([nobody]) == [nobody]
    with pytest.raises(BadValue, match="at least 2"):
        assign_folds([nobody], 1)


# ── the command ───────────────────────────────────────────────────────────────────────────────

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(capsys) -> Check:
    """Run the command in this process: a new one would load everything anew for each test."""

    def run(*words: object) -> tuple[int, str, str]:
        code = main(["corpus", "check", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_sound_corpus_is_fine(check, tmp_path):
    code, out, err = check(emodb(tmp_path / "wav"))
    assert (code, err) == (0, "")
    assert "emodb, 8 clips" in out
    assert "CC0 1.0" in out
    assert "nothing here would spoil a training" in out
    (row,) = (line.split() for line in out.splitlines() if line.startswith("emodb/08"))
    assert row[:8] == ["emodb/08", "female", "1", "1", "1", "1", "4", "0.0"]
    assert -70 < float(row[8]) < 0


def test_a_folder_with_everything_that_can_be_wrong(check, tmp_path):
    root = emodb(tmp_path / "wav")
    write(root / "03a02Wa.wav", voice(31))  # the samples of 03a01Na, which is neutral
    write(root / "03a04Wa.wav", voice(1, gain=0))
    write(root / "03a05Wa.wav", np.clip(voice(2, gain=3), -1, 1))
    (root / "03a07Wa.wav").write_bytes(b"RIFF")
    write(root / "take one.wav", voice(3))
    code, out, _ = check(root, "--json", tmp_path / "out.json")
    assert code == 1
    found = json.loads((tmp_path / "out.json").read_text())
    assert {p["kind"]: p["spoils"] for p in found["problems"]} == {
        "unreadable": True,
        "duplicate_labels": True,
        "silent": False,
        "clipped": False,
        "skipped": False,
    }
    assert all(problem["says"] in out for problem in found["problems"])
    assert found["spoilt"] is True
    assert found["emotions"]["angry"]["clips"] == 5
    speaker = found["speakers"]["emodb/08"]
    assert speaker["emotions"] == {"angry": 1, "happy": 1, "neutral": 1, "sad": 1}
    assert speaker["clips"] == 4 and speaker["minutes"] > 0
    assert -70 < speaker["level"][1] < 0


@pytest.mark.train
def test_from_folders_to_a_manifest_with_folds(check, tmp_path):
    pytest.importorskip("sklearn", reason="scikit-learn is in the extra train")
    one, two = emodb(tmp_path / "a", "03 08 09"), emodb(tmp_path / "b", "10 11")
    write(one / "03a02Wa.flac", voice(30))  # 03a01Wa once more
    out = tmp_path / "manifest.csv"
    code, said, _ = check(one, two, "--manifest", out, "--folds", 5)
    assert code == 0
    assert "20 clips, 5 folds that share no speaker, 1 left out" in said
    clips = read_manifest(out)
    assert {clip.speaker: clip.fold for clip in clips}.keys() == {
        f"emodb/{s}" for s in ("03", "08", "09", "10", "11")
    }
    for fold in range(5):
        rest, held = corpora.held_out(clips, fold)
        assert (len(rest), len(held)) == (16, 4)
    # What was written is checked like anything else, and keeps its folds.
    before = out.read_text()
    assert check(out, "--manifest", out)[0] == 0
    assert out.read_text() == before
    # Further voices join the folds that there are.
    later = emodb(tmp_path / "c", "12 13")
    code, said, _ = check(out, later, "--manifest", tmp_path / "more.csv")
    assert code == 0
    assert "given one of those that are there: 8" in said
    more = read_manifest(tmp_path / "more.csv")
    assert [clip.fold for clip in more[:20]] == [clip.fold for clip in clips]
    assert Counter(clip.fold for clip in more) == {0: 8, 1: 8, 2: 4, 3: 4, 4: 4}
    # A voice that is there already, in a folder that was checked before and has grown.
    write(one / "03a07Wa.flac", voice(77))
    assert check(out, one, "--manifest", tmp_path / "grown.csv")[0] == 0
    grown = {clip.path.name: clip for clip in read_manifest(tmp_path / "grown.csv")}
    (fold,) = {clip.fold for clip in clips if clip.speaker == "emodb/03"}
    assert grown["03a07Wa.flac"].fold == fold
    # Whichever is named first.
    assert check(one, out, "--manifest", tmp_path / "turned.csv")[0] == 0
    turned = {clip.path.name: clip for clip in read_manifest(tmp_path / "turned.csv")}
    assert turned == grown


def test_a_speaker_has_the_fold_of_his_other_clips_or_the_emptiest():
    a, b, c = some(3, 4)[:4], some(3, 4)[4:8], some(3, 4)[8:]
    told = [
        replace(clip, fold=fold) for clip, fold in zip((a[0], b[0], b[1]), (3, 7, 7), strict=True)
    ]
    nobody = Clip(Path("x.wav"), "sad")
    found = complete_folds([*told, *a[1:], *c, nobody])
    assert [clip.fold for clip in found] == [3, 7, 7, 3, 3, 3, 7, 7, 7, 7, None]
    # A further corpus is in every fold, however large the folds are.
    other = [replace(clip, corpus="y", speaker=f"y{clip.speaker[1:]}") for clip in some(4, 4)]
    found = complete_folds([*found[:-1], *other])
    assert Counter(clip.fold for clip in found[10:]) == {3: 8, 7: 8}
    with pytest.raises(BadValue, match="'x/00' is '3 and 7', expected one"):
        complete_folds([told[0], replace(a[1], fold=7)])


def test_a_split_that_shares_a_speaker_is_refused(check, tmp_path):
    emodb(tmp_path / "wav")
    table = tmp_path / "manifest.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "emotion", "speaker", "fold"])
        for k, path in enumerate(sorted((tmp_path / "wav").iterdir())):
            writer.writerow([path, FOUR.labels[k % 4], path.name[:2], k % 2])
    code, out, _ = check(table)
    assert code == 1
    assert "2 speakers in more than one fold" in out


def test_without_speakers_the_manifest_has_no_folds_and_says_so(check, tmp_path):
    for k, label in enumerate(FOUR.labels):
        write(tmp_path / "mine" / label / f"anna-{k}.wav", voice(k))
        write(tmp_path / "mine" / label / f"bert-{k}.wav", voice(100 + k))
    out = tmp_path / "m.csv"
    code, _, err = check(tmp_path / "mine", "--manifest", out)
    assert code == 0
    assert "no figure for unseen speakers" in err
    assert {clip.fold for clip in read_manifest(out)} == {None}


def test_the_labels_of_ones_own(check, tmp_path):
    root = emodb(tmp_path / "wav")
    write(root / "03a01La.wav", voice(1))
    code, out, _ = check(root, "--labels", "boredom,happy")
    assert code == 0
    assert out.count("PROBLEM") == 0
    code, out, _ = check(root, "--labels", "seven")
    assert code == 1
    assert out.count("PROBLEM  no clip of") == 3
    code, _, err = check(root, "--labels", "six,sad")
    assert code == 1
    assert "'six' is not an emotion" in err


def test_a_folder_of_another_kind_is_one_sentence(check, tmp_path):
    write(tmp_path / "take one.wav", voice(1))
    code, _, err = check(tmp_path)
    assert code == 1
    assert err.count("\n") == 1
    assert "no layout known here" in err


# ── the picture ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.train
def test_the_picture_is_a_png(check, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra train")
    from matplotlib.image import imread

    root = emodb(tmp_path / "wav")
    write(root / "03a01Ea.wav", voice(1, seconds=3.0))
    out = tmp_path / "check.png"
    # Two of the seven have no clip, and are drawn as empty.
    assert check(root, "--labels", "seven", "--picture", out)[0] == 1
    pixels = imread(out)
    height, width, _ = pixels.shape
    assert 1000 < height < 2000 < 2 * width < 6000
    # Every class has its colour somewhere, and most of the picture is white.
    assert 0.3 < np.mean(pixels[..., :3].min(axis=2) > 0.99) < 0.9
    red, green, blue = np.array([0xC8, 0x55, 0x3D]) / 255
    near = np.abs(pixels[..., :3] - (red, green, blue)).max(axis=2) < 0.01
    assert near.sum() > 1000


@pytest.mark.train
def test_names_that_no_font_has_are_no_trouble(check, tmp_path, recwarn):
    pytest.importorskip("matplotlib", reason="matplotlib is in the extra train")
    root = emodb(tmp_path / "말뭉치 a$x_$b")
    odd = os.fsdecode(b"\xb8\xbb.wav")  # CP949, as an archive from Windows brings it
    write(tmp_path / "plain.wav", voice(1)).rename(root / odd)
    outs = tmp_path / "check.png", tmp_path / "check.json"
    code, _, err = check(root, "--picture", outs[0], "--json", outs[1])
    assert (code, err) == (0, "")
    assert outs[0].stat().st_size > 10_000
    assert not [str(w.message) for w in recwarn if "Glyph" in str(w.message)]
    told = json.loads(outs[1].read_text(encoding="utf-8"))
    assert any(path.endswith(odd) for problem in told["problems"] for path in problem["files"])


@pytest.mark.parametrize("option", ["--json", "--manifest", "--picture"])
def test_a_place_that_is_not_there_is_refused_before_anything_is_read(check, tmp_path, option):
    code, out, err = check(emodb(tmp_path / "wav"), option, tmp_path / "none" / "x")
    assert (code, out) == (1, "")
    assert "there is no folder" in err


def test_without_matplotlib_the_picture_is_refused_before_anything_is_read(
    check, tmp_path, monkeypatch
):
    monkeypatch.setattr("ser_ros.cli.corpus.find_spec", lambda name: None)
    root = emodb(tmp_path / "wav")
    for option, missing in (("--picture", "matplotlib"), ("--manifest", "sklearn")):
        code, out, err = check(root, option, tmp_path / "out")
        assert (code, out) == (1, "")
        assert f"'{missing}' is not installed" in err
    assert check(root)[0] == 0
