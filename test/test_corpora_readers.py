"""The layouts that people have, each with the corpus's own names; no recording is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ser_ros.corpora import Clip, find_clips, read_corpus
from ser_ros.corpora.found import Found, Options
from ser_ros.corpora.layouts import CHOICES, LAYOUTS
from ser_ros.errors import SerError
from ser_ros.errors.config import BadManifest, BadValue, NothingReadable, UnknownLayout
from ser_ros.labels import VOCABULARY


def touch(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def told(found: Found) -> dict[str, tuple[str, str, str]]:
    """Return (emotion, speaker, gender) of each file name."""
    return {clip.path.name: (clip.emotion, clip.speaker, clip.gender) for clip in found.clips}


def skipped(found: Found) -> dict[str, str]:
    return {path.name: why for path, why in found.skipped}


def alike(found: Found) -> set[tuple[str, str, str]]:
    return {(clip.corpus, clip.language, clip.licence) for clip in found.clips}


# ── corpora whose names tell everything ───────────────────────────────────────────────────────

NAMED = {
    "ravdess": (
        {
            "Actor_01/03-01-01-01-01-01-01.wav": ("neutral", "ravdess/01", "male"),
            "Actor_12/03-01-02-02-01-02-12.wav": ("calm", "ravdess/12", "female"),
            "Actor_12/03-01-03-01-02-01-12.flac": ("happy", "ravdess/12", "female"),
            "Actor_12/03-01-04-01-02-01-12.wav": ("sad", "ravdess/12", "female"),
            "Actor_24/03-01-05-01-02-01-24.wav": ("angry", "ravdess/24", "female"),
            "Actor_23/03-01-06-01-02-01-23.wav": ("fear", "ravdess/23", "male"),
            "Actor_23/03-01-07-01-02-01-23.WAV": ("disgust", "ravdess/23", "male"),
            "Actor_23/03-01-08-01-02-01-23.mp3": ("surprise", "ravdess/23", "male"),
        },
        {
            "03-02-05-01-02-01-12.wav": "sung",
            "03-01-09-01-02-01-12.wav": "name",
            "03-01-05-01-02-01-25.wav": "name",
            "03-01-05-01-02-01.wav": "name",
        },
        ("ravdess", "en", "CC BY-NC-SA 4.0"),
    ),
    "emodb": (
        {
            "wav/03a01Wa.wav": ("angry", "emodb/03", "male"),
            "wav/08a02Lb.wav": ("boredom", "emodb/08", "female"),
            "wav/09b03Ec.wav": ("disgust", "emodb/09", "female"),
            "wav/10b10Ad.wav": ("fear", "emodb/10", "male"),
            "wav/11a05Fb.wav": ("happy", "emodb/11", "male"),
            "wav/13a01Tb.wav": ("sad", "emodb/13", "female"),
            "wav/16b01Na.flac": ("neutral", "emodb/16", "female"),
            "wav/15b01N.wav": ("neutral", "emodb/15", "male"),
        },
        {"04a01Fa.wav": "name", "03a01Xa.wav": "name", "readme.wav": "name"},
        ("emodb", "de", "CC0 1.0"),
    ),
    "tess": (
        {
            "OAF_angry/OAF_back_angry.wav": ("angry", "tess/OAF", "female"),
            "OAF_Fear/OAF_back_fear.wav": ("fear", "tess/OAF", "female"),
            "OAF_neutral/OA_bite_neutral.wav": ("neutral", "tess/OAF", "female"),
            "YAF_pleasant_surprised/YAF_back_ps.wav": ("surprise", "tess/YAF", "female"),
            "YAF_disgust/YAF_bar_disgust.wav": ("disgust", "tess/YAF", "female"),
            "YAF_sad/YAF_bar_sad.wav": ("sad", "tess/YAF", "female"),
            "YAF_happy/YAF_bar_happy.wav": ("happy", "tess/YAF", "female"),
        },
        {"MAF_bar_happy.wav": "name", "YAF_bar_bored.wav": "name"},
        ("tess", "en", "non-commercial, see its terms"),
    ),
    "savee": (
        {
            "ALL/DC_a01.wav": ("angry", "savee/DC", "male"),
            "ALL/JE_sa15.wav": ("sad", "savee/JE", "male"),
            "AudioData/JK/su03.wav": ("surprise", "savee/JK", "male"),
            "AudioData/KL/n30.wav": ("neutral", "savee/KL", "male"),
            "AudioData/KL/d01.wav": ("disgust", "savee/KL", "male"),
            "AudioData/KL/f01.wav": ("fear", "savee/KL", "male"),
            "AudioData/KL/h01.wav": ("happy", "savee/KL", "male"),
        },
        {"a01.wav": "name", "XX_a01.wav": "name", "DC_s01.wav": "name"},
        ("savee", "en", "see its terms"),
    ),
    "cremad": (
        {
            "AudioWAV/1001_DFA_ANG_XX.wav": ("angry", "cremad/1001", ""),
            "AudioWAV/1001_IEO_DIS_LO.wav": ("disgust", "cremad/1001", ""),
            "AudioWAV/1002_IEO_FEA_MD.wav": ("fear", "cremad/1002", ""),
            "AudioWAV/1002_IEO_HAP_HI.wav": ("happy", "cremad/1002", ""),
            "AudioWAV/1091_WSI_NEU_XX.wav": ("neutral", "cremad/1091", ""),
            "AudioWAV/1040_ITH_SAD_X.wav": ("sad", "cremad/1040", ""),
        },
        {"1001_DFA_SUR_XX.wav": "name", "2001_DFA_ANG_XX.wav": "name"},
        ("cremad", "en", "ODbL 1.0, contents DbCL 1.0"),
    ),
    "nemo": (
        {
            "samples/EB0_anger_1.wav": ("angry", "nemo/EB0", "female"),
            "samples/KS0_fear_12.opus": ("fear", "nemo/KS0", "male"),
            "samples/MK0_happiness_90.wav": ("happy", "nemo/MK0", "female"),
            "samples/MP0_neutral_3.wav": ("neutral", "nemo/MP0", "male"),
            "samples/SM0_sadness_4.ogg": ("sad", "nemo/SM0", "male"),
            "samples/WR0_surprised_5.wav": ("surprise", "nemo/WR0", "male"),
        },
        {"EB0_disgust_1.wav": "name", "anger_1.wav": "name"},
        ("nemo", "pl", "CC BY-NC-SA 4.0"),
    ),
}


@pytest.mark.parametrize("corpus", NAMED)
def test_a_named_corpus(tmp_path, corpus):
    good, bad, common = NAMED[corpus]
    touch(tmp_path, *good, *(f"odd/{name}" for name in bad), "notes.txt", "good/._x.wav")
    found = find_clips(tmp_path)
    assert found.layout == corpus
    assert told(found) == {Path(name).name: wanted for name, wanted in good.items()}
    assert alike(found) == {common}
    whys = skipped(found)
    assert set(whys) == set(bad)
    for name, word in bad.items():
        assert word in whys[name]


def test_the_genders_of_crema_d_come_from_its_table(tmp_path):
    touch(tmp_path, "AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_DFA_ANG_XX.wav")
    table = '"ActorID","Age","Sex","Race","Ethnicity"\n1001,51,"Male","",""\n1002,21,"Female","",""'
    (tmp_path / "VideoDemographics.csv").write_text(table)
    for root in (tmp_path, tmp_path / "AudioWAV"):
        assert [clip.gender for clip in find_clips(root).clips] == ["male", "female"]


def test_every_emotion_of_every_naming_is_in_the_vocabulary_and_every_layout_can_be_told():
    emotions = {wanted[0] for good, _, _ in NAMED.values() for wanted in good.values()}
    assert emotions == set(VOCABULARY)
    assert {layout.name for layout in LAYOUTS} < set(CHOICES)


# ── KESDy18 ───────────────────────────────────────────────────────────────────────────────────

KESDY18 = {
    "data/F001_01a01.wav": "angry",
    "data/F001_01n01.wav": "neutral",
    "data/M002_01s01.wav": "sad",
    "data/M002_01h01.wav": "happy",
}


def test_kesdy18_flat_by_the_eighth_character(tmp_path):
    found = find_clips(touch(tmp_path, *KESDY18))
    assert found.layout == "kesdy18"
    emotions = {f"data/{clip.path.name}": clip.emotion for clip in found.clips}
    assert emotions == KESDY18
    assert alike(found) == {("kesdy18", "ko", "ETRI licence agreement, see its terms")}
    assert {clip.speaker for clip in found.clips} == {""}


def test_kesdy18_says_which_names_it_cannot_read(tmp_path):
    touch(tmp_path, *KESDY18, "data/F001_01x01.wav", "data/short.wav")
    found = find_clips(tmp_path, "kesdy18")
    assert len(found.clips) == 4
    assert set(skipped(found)) == {"F001_01x01.wav", "short.wav"}
    assert "eighth" in skipped(found)["short.wav"]


@pytest.mark.parametrize("layout", ["auto", "kesdy18"])
def test_kesdy18_in_a_folder_per_emotion(tmp_path, layout):
    names = ("angry/1.wav", "neutral/1.wav", "sad/1.wav", "happy/1.wav")
    found = find_clips(touch(tmp_path / "KESDy18", *names), layout)
    assert found.layout == "kesdy18"
    assert [clip.emotion for clip in found.clips] == ["angry", "happy", "neutral", "sad"]


def test_some_letters_at_the_eighth_place_are_no_kesdy18(tmp_path):
    with pytest.raises(UnknownLayout):
        find_clips(touch(tmp_path, "speakers.wav", "recordings.wav"))


def test_the_pattern_for_speakers_finds_them_in_the_paths(tmp_path):
    touch(tmp_path, *KESDY18)
    clips = read_corpus(tmp_path, speaker=r"^data/(\w{4})_")
    assert [c.speaker for c in clips] == ["kesdy18/F001"] * 2 + ["kesdy18/M002"] * 2
    with pytest.raises(BadManifest, match="fits no path"):
        read_corpus(tmp_path, speaker="(Z+)")
    with pytest.raises(BadValue, match="regular expression"):
        read_corpus(tmp_path, speaker="(")


def test_a_group_that_fits_nothing_names_nobody(tmp_path):
    touch(tmp_path, "03a01Fa.wav", "08a01Fa.wav")
    clips = read_corpus(tmp_path, speaker=r"03(a0)|(zz)?$")
    assert [clip.speaker for clip in clips] == ["emodb/a0", "emodb/08"]


# ── nothing is left out in silence ────────────────────────────────────────────────────────────


def test_what_cannot_be_listed_or_decoded_is_told(tmp_path):
    touch(tmp_path, "sad/a.wav", "sad/b.m4a", "sad/c.AIFF", "sad/notes.txt", "sad/d.au")
    (tmp_path / "angry").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "sad" / "pipe.wav")
    found = find_clips(tmp_path)
    assert [clip.path.name for clip in found.clips] == ["a.wav", "c.AIFF", "d.au"]
    assert skipped(found) == {
        "angry": "it is a link to nothing",
        "b.m4a": ".m4a is not decoded here; make it a wav or flac",
        "pipe.wav": "it is no regular file",
    }


def test_a_folder_that_is_closed_is_told(tmp_path, monkeypatch):
    touch(tmp_path, "sad/a.wav", "angry/deep/b.wav")

    def scandir(path, _real=os.scandir):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return _real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_clips(tmp_path)
    assert [clip.path.name for clip in found.clips] == ["a.wav"]
    assert skipped(found) == {"deep": "it cannot be listed: Permission denied"}


def test_what_came_after_the_folders_manifest_is_told(tmp_path):
    touch(tmp_path, "sad/a.wav", "sad/b.wav")
    (tmp_path / "manifest.csv").write_text("path,emotion\nsad/../sad/a.wav,sad\n")
    found = find_clips(tmp_path)
    assert [clip.path.name for clip in found.clips] == ["a.wav"]
    assert skipped(found) == {"b.wav": "manifest.csv, which lies there, does not name it"}


def test_crema_d_as_its_repository_has_it_counts_once(tmp_path):
    touch(tmp_path, "AudioMP3/1001_DFA_ANG_XX.mp3", "AudioWAV/1001_DFA_ANG_XX.wav")
    touch(tmp_path, "AudioMP3/1001_DFA_SAD_XX.mp3")
    found = find_clips(tmp_path)
    assert [c.path.name for c in found.clips] == ["1001_DFA_SAD_XX.mp3", "1001_DFA_ANG_XX.wav"]
    assert skipped(found) == {"1001_DFA_ANG_XX.mp3": "it is there as .wav too"}


def test_names_that_spell_emotions_out_are_no_kesdy18(tmp_path):
    touch(tmp_path, *(f"spk_01_{word}.wav" for word in ("happy", "sad", "neutral", "angry")))
    with pytest.raises(UnknownLayout):
        find_clips(tmp_path)


# ── AIHUB 263 ─────────────────────────────────────────────────────────────────────────────────


def release(table: Path, rows: dict[str, tuple[str, ...]], fourth: str = "4번 감정세기") -> None:
    """Write a release as AIHUB does: CP949, two columns for each of five annotators."""
    columns = ["wav_id", "발화문", "상황"]
    for k in range(1, 6):
        columns += [f"{k}번 감정", fourth if k == 4 else f"{k}번 감정세기"]
    lines = [",".join([*columns, "나이", "성별"])]
    for name, votes in rows.items():
        cells = [cell for word in votes for cell in (word, "1")]
        lines.append(",".join([name, '"어, 그래?"', "anger", *cells, "30", "female"]))
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp949"))


ROWS = {
    "5e01": ("Angry", "angry", "anger ", "ANGRY", "angry"),
    "5e02": ("Sadness", "sadness", "sadness", "fear", "neutral"),
    "5e03": ("Happiness", "happiness", "surprise", "surprise", "neutral"),
    "5e04": ("disgust", "disgust", "angry", "fear", "neutral"),
    "5e05": ("", "", "?", "", ""),
    "5e06": ("Neutral", "Neutral", "Neutral", "Neutral", "Sadness"),
}


def aihub(root: Path) -> Path:
    release(root / "4차년도.csv", ROWS)
    return touch(root, *(f"4차년도/{name}.wav" for name in ROWS))


@pytest.mark.parametrize(
    ("min_agreement", "clear"),
    [
        (1, {"5e01": "angry", "5e02": "sad", "5e04": "disgust", "5e06": "neutral"}),
        (3, {"5e01": "angry", "5e02": "sad", "5e06": "neutral"}),
        (4, {"5e01": "angry", "5e06": "neutral"}),
        (5, {"5e01": "angry"}),
    ],
)
def test_aihub263_takes_what_enough_annotators_agree_on(tmp_path, min_agreement, clear):
    found = find_clips(aihub(tmp_path), options=Options(min_agreement))
    assert found.layout == "aihub263"
    assert {clip.path.stem: clip.emotion for clip in found.clips} == clear
    assert {(c.speaker, c.gender) for c in found.clips} == {("", "female")}
    assert alike(found) == {("aihub263", "ko", "AI Hub terms of use, see its terms")}
    whys = {name.removesuffix(".wav"): why for name, why in skipped(found).items()}
    assert set(whys) == set(ROWS) - set(clear)
    assert "divided (2 happy, 2 surprise, 1 neutral)" in whys["5e03"]
    assert "no annotator" in whys["5e05"]
    if min_agreement == 3:
        assert "fewer than 3" in whys["5e04"]


def test_aihub263_with_a_quote_that_is_not_closed(tmp_path):
    table = aihub(tmp_path) / "4차년도.csv"
    text = table.read_bytes().decode("cp949")
    table.write_bytes(text.replace('5e01,"어, 그래?"', '5e01,"어, 그래?').encode("cp949"))
    found = find_clips(tmp_path)
    assert {clip.path.stem for clip in found.clips} == {"5e06"}
    whys = skipped(found)
    assert whys["5e01.wav"] == "a quote that is not closed hides the row of '5e02' in its own"
    assert whys["5e02.wav"] == "no row names it"


def test_aihub263_in_its_three_releases(tmp_path):
    """Recordings beside the table, in its folder, or a folder deeper; a column misspelt."""
    votes = ("fear",) * 5
    release(tmp_path / "4차년도" / "4차년도.csv", {"5e01": votes})
    release(tmp_path / "5차년도.csv", {"5f01": votes, "5e01": ("sad",) * 5})
    release(tmp_path / "5차년도_2차.csv", {"6a01": ("surprise",) * 5}, fourth="4번감정세기")
    touch(tmp_path, "4차년도/5e01.wav", "5차년도/5차_wav/5f01.wav", "5차년도/5차_wav/5e01.wav")
    touch(tmp_path, "5차년도_2차/6a01.wav")
    found = find_clips(tmp_path)
    emotions = {clip.path.relative_to(tmp_path).as_posix(): clip.emotion for clip in found.clips}
    assert emotions == {
        "4차년도/5e01.wav": "fear",
        "5차년도/5차_wav/5f01.wav": "fear",
        "5차년도/5차_wav/5e01.wav": "sad",
        "5차년도_2차/6a01.wav": "surprise",
    }
    assert found.skipped == []


def test_aihub263_says_what_is_missing_on_either_side(tmp_path):
    release(tmp_path / "4차년도.csv", {"5e01": ("sad",) * 5, "gone": ("sad",) * 5})
    touch(tmp_path, "5e01.wav", "alone.wav")
    found = find_clips(tmp_path)
    assert "not there" in skipped(found)["gone.wav"]
    assert "no row" in skipped(found)["alone.wav"]


def test_aihub263_takes_the_recording_that_is_nearest_to_its_table(tmp_path):
    release(tmp_path / "4" / "4차년도.csv", {"5e01": ("sad",) * 5})
    release(tmp_path / "5" / "5차년도.csv", {"5e02": ("fear",) * 5})
    touch(tmp_path, "4/4차년도/5e01.wav", "4/5e01.wav", "4/0/5e01.wav", "4/5e02.wav")
    found = find_clips(tmp_path)
    assert [clip.path for clip in found.clips] == [tmp_path / "4" / "5e01.wav"]
    # What lies with another release is another release's.
    assert (tmp_path / "5" / "5e02.wav") in {path for path, why in found.skipped}


def test_aihub263_takes_a_recording_once(tmp_path):
    for name in ("4차년도.csv", "4차년도 copy.csv"):
        release(tmp_path / name, {"5e01": ("sad",) * 5})
    found = find_clips(touch(tmp_path, "5e01.wav"))
    assert len(found.clips) == 1
    assert "once more" in skipped(found)["5e01.wav"]


def test_aihub263_with_a_letter_that_is_none(tmp_path):
    aihub(tmp_path)
    table = tmp_path / "4차년도.csv"
    table.write_bytes(table.read_bytes().replace("어, 그래?".encode("cp949"), b"\xff, ?", 1))
    assert {clip.path.stem for clip in read_corpus(tmp_path)} >= {"5e01", "5e02", "5e06"}


def test_aihub263_as_a_spreadsheet_saves_it(tmp_path):
    aihub(tmp_path)
    table = tmp_path / "4차년도.csv"
    table.write_text(table.read_bytes().decode("cp949"), encoding="utf-8-sig")
    assert len(find_clips(tmp_path).clips) == 3


@pytest.mark.parametrize("number", [0, 6])
def test_more_than_five_cannot_agree(tmp_path, number):
    with pytest.raises(BadValue, match="1 to 5"):
        find_clips(aihub(tmp_path), options=Options(number))


# ── a folder per emotion, and a manifest ──────────────────────────────────────────────────────


def test_a_folder_per_emotion_in_anyones_words(tmp_path):
    names = ("Anger/a.wav", "기쁨/b.flac", "train/SADNESS/x/c.wav", "Pleasant surprise/d.mp3")
    root = touch(tmp_path / "mine", *names, "noise/e.wav", "f.wav")
    found = find_clips(root)
    assert found.layout == "folders"
    assert told(found) == {
        "a.wav": ("angry", "", ""),
        "b.flac": ("happy", "", ""),
        "c.wav": ("sad", "", ""),
        "d.mp3": ("surprise", "", ""),
    }
    assert alike(found) == {("mine", "", "")}
    assert set(skipped(found)) == {"e.wav", "f.wav"}


def test_the_nearest_folder_that_names_an_emotion_counts(tmp_path):
    (clip,) = find_clips(touch(tmp_path, "happy/sad/takes/a.wav")).clips
    assert clip.emotion == "sad"


def test_a_link_in_a_circle_ends(tmp_path):
    touch(tmp_path, "angry/a.wav", "sad/b.wav")
    (tmp_path / "sad" / "again").symlink_to(tmp_path)
    assert len(find_clips(tmp_path).clips) == 2


def test_a_manifest_alone_or_in_a_folder_comes_before_every_guess(tmp_path):
    touch(tmp_path, "angry/a.wav", "sad/b.wav")
    (tmp_path / "manifest.csv").write_text("path,emotion\nangry/a.wav,happy\n")
    for path in (tmp_path, tmp_path / "manifest.csv"):
        found = find_clips(path)
        assert found.layout == "manifest"
        assert found.clips == [Clip(tmp_path / "angry/a.wav", "happy")]
    assert len(find_clips(tmp_path, "folders").clips) == 2


# ── what is no corpus ─────────────────────────────────────────────────────────────────────────


def test_an_unknown_layout_is_told_with_those_that_are_known(tmp_path):
    with pytest.raises(UnknownLayout) as caught:
        find_clips(touch(tmp_path, "one.wav", "two.wav"))
    assert "\n" not in str(caught.value)
    for layout in LAYOUTS:
        assert layout.name in str(caught.value) and layout.looks_like in str(caught.value)


@pytest.mark.parametrize(
    ("names", "layout", "error", "says"),
    [
        ((), "auto", UnknownLayout, "holds no wav"),
        (("x.txt",), "emodb", NothingReadable, "holds no recording"),
        (("x.wav",), "emodb", NothingReadable, "not like 03a01Fa.wav"),
        (("x.wav",), "iemocap", BadValue, "layout is 'iemocap'"),
        (("x.wav",), "manifest", BadManifest, "No such file"),
    ],
)
def test_a_folder_without_what_was_asked_for(tmp_path, names, layout, error, says):
    with pytest.raises(error, match=says):
        find_clips(touch(tmp_path, *names), layout)


def test_a_path_that_is_not_there_or_a_file_for_a_folder(tmp_path):
    with pytest.raises(BadValue, match=r"nowhere.*that is there"):
        find_clips(tmp_path / "nowhere")
    with pytest.raises(SerError, match="a folder in the layout emodb"):
        find_clips(touch(tmp_path, "03a01Fa.wav") / "03a01Fa.wav", "emodb")
