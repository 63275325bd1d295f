"""Which clips are used for what: subsets, baselines, the length of listening, who is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE
from ser_ros.bundle import Bundle
from ser_ros.corpora import Clip
from ser_ros.errors.config import BadValue
from ser_ros.evaluation.baseline import (
    Adapter,
    adapted,
    adapters_of,
    enrolment,
    in_modes,
    population,
)
from ser_ros.evaluation.clips import Heard, Item, items_of, subset
from ser_ros.evaluation.conditions import Condition
from ser_ros.evaluation.judging import HeardClips, Task, judge, load, name_of
from ser_ros.evaluation.listening import first, voices
from ser_ros.evaluation.seen import acquaintance, knows_noises
from ser_ros.labels import FOUR
from ser_ros.voices import ENROLL, MODES, NONE, RUNNING

NEUTRAL = 1


def clip(name: str, speaker: str = "c/a", emotion: str = "neutral", corpus: str = "c") -> Clip:
    return Clip(Path(f"{name}.wav"), emotion, speaker, corpus)


def heard(name: str, speaker: str, truth: int, windows: int = 2) -> Heard:
    logits = np.full((windows, 4), float(truth), np.float32)
    return Heard(clip(name, speaker), truth, logits, np.ones(windows, np.float32))


def speaker_of(count: int, speaker: str) -> list[Heard]:
    return [heard(f"{speaker}-{i:02}", speaker, i % 4) for i in range(count)]


# ── subsets ───────────────────────────────────────────────────────────────────────────────────


def test_a_subset_is_even_over_speakers_and_emotions():
    items = [
        Item(clip(f"{c}{s}{t}{i}", f"{c}/{s}", corpus=c), t)
        for c, size in (("a", 30), ("b", 3))
        for s in range(2)
        for t in range(2)
        for i in range(size if s else size * 3)  # one speaker has three times as many
    ]
    kept = subset(items, 40, seed=1)
    assert len(kept) == 40 + 24
    for speaker in range(2):
        for truth in range(2):
            found = [i for i in kept if (i.clip.speaker, i.truth) == (f"a/{speaker}", truth)]
            assert len(found) == 10
    assert kept == sorted(kept, key=items.index), "in their order"
    assert kept == subset(items, 40, seed=1)
    assert kept != subset(items, 40, seed=2)


# ── voice baseline ────────────────────────────────────────────────────────────────────────────


class Counting:
    """An adapter whose logits tell what it knew: clips enrolled, and windows heard before."""

    def reset(self) -> None:
        self.enrolled, self.before = 0, 0

    def enroll(self, logits):
        assert (logits == NEUTRAL).all()
        self.enrolled += 1

    def hear(self, logits):
        said = np.zeros_like(logits)
        said[:, 0], said[:, 1] = self.enrolled, self.before
        self.before += len(logits)
        return said


def test_the_first_neutral_clips_are_enrolled():
    clips = [*speaker_of(20, "c/b"), *speaker_of(6, "c/a"), heard("nobody", "", NEUTRAL)]
    found = enrolment(clips[::-1], NEUTRAL)
    names = {s: [str(clips[::-1][i].clip.path) for i in chosen] for s, chosen in found.items()}
    assert names == {
        "c/a": ["c/a-01.wav", "c/a-05.wav"],
        "c/b": ["c/b-01.wav", "c/b-05.wav", "c/b-09.wav"],
    }
    assert enrolment([heard("only", "c/a", NEUTRAL)], NEUTRAL) == {}, "none would be left"
    assert enrolment([heard("x", "c/a", 0), heard("y", "c/a", 2)], NEUTRAL) == {}
    assert enrolment(clips, None) == {}
    # Before they were listened to, the same clips, but for those in which nothing was heard.
    items = [Item(h.clip, h.truth) for h in clips]
    assert enrolment(items, NEUTRAL) == enrolment(clips, NEUTRAL)
    neutral = [Item(h.clip, NEUTRAL) for h in clips[:3]]
    assert enrolment(neutral, NEUTRAL) == {}, "none would be left"


def test_the_same_clips_are_scored_in_all_modes():
    clips = [*speaker_of(20, "c/b"), *speaker_of(6, "c/a"), heard("nobody", "", NEUTRAL)]
    said = {mode: adapted(clips, mode, lambda _: Counting(), NEUTRAL) for mode in MODES}
    names = [str(h.clip.path) for h in said[NONE]]
    assert len(names) == 27 - 5
    assert not {"c/a-01.wav", "c/a-05.wav", "c/b-09.wav"} & set(names)
    for mode in (ENROLL, RUNNING):
        assert [str(h.clip.path) for h in said[mode]] == names
        assert [h.truth for h in said[mode]] == [h.truth for h in said[NONE]]


def test_enrolled_an_adapter_learns_nothing_from_what_is_scored():
    clips = [*speaker_of(20, "c/b"), *speaker_of(6, "c/a"), heard("nobody", "", NEUTRAL)]
    found = adapted(clips, ENROLL, lambda _: Counting(), NEUTRAL)
    known = {(h.clip.speaker, float(h.logits[0, 0]), float(h.logits[0, 1])) for h in found}
    unchanged = ("", float(NEUTRAL), float(NEUTRAL))  # who is nobody is not adapted to
    assert known == {("c/a", 2, 0), ("c/b", 3, 0), unchanged}


def test_running_an_adapter_knows_what_came_before_from_this_voice_alone():
    clips = [*speaker_of(20, "c/b"), *speaker_of(6, "c/a"), heard("nobody", "", NEUTRAL)]
    found = adapted(clips, RUNNING, lambda _: Counting(), NEUTRAL, seed=1)
    for speaker, count in (("c/a", 4), ("c/b", 17), ("", 1)):
        before = [float(h.logits[0, 1]) for h in found if h.clip.speaker == speaker]
        assert sorted(before) == [2 * i for i in range(count)]
        assert all(h.logits[0, 0] == 0 for h in found)
    order = [float(h.logits[0, 1]) for h in found]
    again = adapted(clips, RUNNING, lambda _: Counting(), NEUTRAL, seed=1)
    other = adapted(clips, RUNNING, lambda _: Counting(), NEUTRAL, seed=2)
    assert order == [float(h.logits[0, 1]) for h in again]
    assert order != [float(h.logits[0, 1]) for h in other]


def said_of(speaker: str, corpus: str, truth: int, *logits: float) -> Heard:
    windows = np.array([logits], np.float32)
    return Heard(clip("x", speaker, corpus=corpus), truth, windows, np.ones(1, np.float32))


def test_a_population_is_every_corpus_and_in_it_every_speaker_alike():
    clips = [
        *[said_of("a/1", "a", NEUTRAL, 0, 8)] * 5,
        said_of("a/2", "a", NEUTRAL, 0, 4),
        said_of("b/1", "b", NEUTRAL, 4, 0),
        said_of("b/1", "b", 0, 99, 99),
    ]
    assert population(clips, NEUTRAL) == (2.0, 3.0)
    quiet = replace(clips[0], logits=np.zeros((0, 2), np.float32))
    assert population([quiet, clips[-1]], NEUTRAL) is None
    assert population(clips, None) is None


def test_no_voice_is_a_part_of_the_population_that_it_is_compared_with():
    bundle = tiny.bundle(neutral_logits=(0.0, 0.5, 0.0, 0.0))
    pool = [
        said_of("a/1", "a", NEUTRAL, 1, 1, 1, 1),
        said_of("a/2", "a", NEUTRAL, 2, 2, 2, 2),
        said_of("", "a", NEUTRAL, 9, 9, 9, 9),
    ]

    def told(made: Bundle) -> Any:
        return made.neutral_logits

    among = adapters_of(bundle, told, NEUTRAL, pool, ["a/1", "a/2", "b/1"])
    assert among is not None
    assert among("a/1") == (2.0,) * 4
    assert among("a/2") == (1.0,) * 4
    assert among("b/1") == (1.5,) * 4
    alone = adapters_of(bundle, told, NEUTRAL, pool[:1], ["a/1", "b/1"])
    assert alone is not None and alone("b/1") is not None
    assert alone("a/1") is None, "nobody else speaks"
    assert adapters_of(bundle, told, NEUTRAL, pool[:1], ["a/1"]) is None
    assert adapters_of(bundle, told, NEUTRAL, [], ["a/1"]) is None
    of_the_bundle = adapters_of(bundle, told, NEUTRAL, None, ["a/1"])
    assert of_the_bundle is not None and of_the_bundle("a/1") == bundle.neutral_logits


def test_a_mode_is_scored_of_all_models_or_of_none():
    some, others = speaker_of(6, "c/a"), [heard("x", "c/b", 0)]

    def counting(_: str) -> Adapter:
        return Counting()

    assert list(in_modes([some, others], [counting, counting], NEUTRAL)) == [*MODES]
    assert list(in_modes([others], [counting], NEUTRAL)) == [NONE, RUNNING], "nobody to enrol"
    assert list(in_modes([some, others], [counting, None], NEUTRAL)) == [NONE]
    found = in_modes([some, others], [counting, counting], NEUTRAL, seed=1)[RUNNING]
    for clips, of_one in zip((some, others), found, strict=True):
        alone = adapted(clips, RUNNING, counting, NEUTRAL, seed=1)
        assert [h.logits.tolist() for h in of_one] == [h.logits.tolist() for h in alone]


def test_who_has_no_adapter_is_heard_as_nobody():
    clips = speaker_of(20, "c/b")
    for mode in (ENROLL, RUNNING):
        assert adapted(clips, mode, lambda _: None, NEUTRAL) == adapted(clips, NONE, None, NEUTRAL)


def test_a_clip_without_speech_is_not_asked_about():
    quiet = replace(heard("q", "c/a", 0), logits=np.zeros((0, 4), np.float32))
    (found,) = adapted([quiet], RUNNING, lambda _: Counting(), NEUTRAL)
    assert found == quiet


def test_a_mode_that_is_not_known_or_has_no_adapter():
    with pytest.raises(BadValue, match="enroll"):
        adapted([], "always", None, NEUTRAL)
    with pytest.raises(BadValue, match="no voice baseline"):
        adapted([], ENROLL, None, NEUTRAL)


# ── the length of listening ───────────────────────────────────────────────────────────────────


@pytest.fixture
def short_clips(tmp_path):
    """Seven clips of 1.5 s of a voice, each with half a second of silence at both ends."""
    items = []
    pause = np.zeros(NETWORK_RATE // 2)
    for i in range(7):
        sound = 0.1 * np.sin(np.arange(int(1.5 * NETWORK_RATE)) * (0.1 + 0.05 * i))
        path = tmp_path / f"{i}.wav"
        soundfile.write(path, np.concatenate((pause, sound, pause)), NETWORK_RATE)
        items.append(Item(Clip(path, "sad", "c/a", "c"), 2))
    return items


def test_a_voice_is_made_of_clips_that_no_other_has(short_clips):
    found = voices(short_clips, seed=0, seconds=4)
    assert [len(item.parts) for item in found] == [3, 3]
    assert len({path for item in found for path in item.parts}) == 6
    assert found == voices(short_clips, seed=0, seconds=4)
    assert found != voices(short_clips, seed=1, seconds=4)
    assert len(voices(short_clips, seed=0, seconds=4, limit=1)) == 1
    whole = load(found[0], NETWORK_RATE)
    assert len(whole) == pytest.approx(4.5 * NETWORK_RATE, abs=2000), "without the pauses"
    (second,) = first(found[:1], 1.0)
    np.testing.assert_array_equal(load(second, NETWORK_RATE), whole[:NETWORK_RATE])


def test_voices_are_of_one_speaker_and_emotion(short_clips):
    other = [replace(i, truth=0) if k % 2 else i for k, i in enumerate(short_clips)]
    for voice in voices(other, seed=0, seconds=2):
        truths = {i.truth for i in other if i.clip.path in voice.parts}
        assert truths == {voice.truth}
    nameless = [replace(i, clip=replace(i.clip, speaker="")) for i in short_clips]
    assert voices(nameless, seed=0, seconds=2) == []
    missing = replace(short_clips[0], clip=replace(short_clips[0].clip, path=Path("no.wav")))
    assert voices([missing], seed=0, seconds=0.1) == []


# ── judging ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def model(tmp_path):
    tiny.bundle(slope=1.0).save(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def items(recordings):
    emotions = {"W": "angry", "N": "neutral", "T": "sad", "F": "happy"}
    clips = [Clip(p, emotions[p.stem[5]], f"emodb/{p.stem[:2]}", "emodb") for p in recordings]
    return items_of(clips, FOUR)


def same(one: HeardClips, other: HeardClips) -> None:
    assert one.unreadable == other.unreadable
    assert [h.clip for h in one.heard] == [h.clip for h in other.heard]
    for a, b in zip(one.heard, other.heard, strict=True):
        assert a.truth == b.truth
        np.testing.assert_array_equal(a.logits, b.logits)
        np.testing.assert_array_equal(a.ratios, b.ratios)


def test_judging_hears_what_the_classifier_hears(model, items):
    from ser_ros.bundle import Bundle
    from ser_ros.classifier import Classifier
    from ser_ros.evaluation.calibration import mean_probabilities

    found = judge(Task(model), items)
    classifier = Classifier(Bundle.load(model), "onnxruntime")
    for item, h in zip(items, found.heard, strict=True):
        mean, windows = classifier.clip(audio.load(item.clip.path))
        assert len(h.ratios) == len(windows)
        said = mean_probabilities([h.logits], 1.0)[0]
        np.testing.assert_allclose(said, mean.probabilities, atol=1e-5)


def test_judging_goes_on_where_it_stopped(model, items, tmp_path, monkeypatch):
    from ser_ros.evaluation import judging

    missing = Item(Clip(tmp_path / "missing.wav", "sad", "emodb/03", "emodb"), 2)
    everything = [items[0], missing, *items[1:]]
    monkeypatch.setattr(judging, "_CHUNK", 3)
    work = tmp_path / "work"
    fresh = judge(Task(model), everything, work)
    assert len(fresh.heard) == 8
    assert "missing.wav" in fresh.unreadable[0]
    (kept := sorted(work.rglob("*.npz")))[1].write_bytes(b"cut off")
    assert len(kept) == 3

    heard = []
    original = judging.hear
    monkeypatch.setattr(judging, "hear", lambda *a: heard.append(a[2]) or original(*a))
    same(judge(Task(model), everything, work), fresh)
    assert 2 <= len(heard) <= 3, "the damaged part alone is heard again"
    heard.clear()
    same(judge(Task(model), everything, work), fresh)
    assert heard == []
    judge(Task(model), items[:1], work)
    tiny.bundle(slope=2.0).save(model)
    again = judge(Task(model), everything, work)
    assert len(heard) == 1 + 8, "another network, and all is heard again"
    bundle = tiny.bundle(slope=2.0)
    replace(bundle, features=replace(bundle.features, range_db=30.0)).save(model)
    judge(Task(model), everything, work)
    assert len(heard) == 1 + 2 * 8, "the same network is shown other images"
    heard.clear()
    noise = tmp_path / "noise.wav"
    loud = Task(model, Condition("noise 10 dB", noises=(noise,)))
    for level in (0.1, 0.2):
        samples = np.random.default_rng(0).standard_normal(16_000) * level
        soundfile.write(noise, samples, 16_000, subtype="FLOAT")
        judge(loud, items, work)
    assert len(heard) == 2 * 8, "another noise under the same name"
    assert np.abs(again.heard[0].logits - fresh.heard[0].logits).max() > 0.01


@pytest.mark.slow
def test_judging_in_several_processes(model, items, monkeypatch):
    from ser_ros.evaluation import judging

    monkeypatch.setattr(judging, "_CHUNK", 4)
    same(judge(Task(model), items, jobs=2), judge(Task(model), items))


def test_clips_have_names_that_do_not_depend_on_the_folder(items):
    moved = replace(items[0].clip, path=Path(items[0].clip.path.name))
    assert name_of(items[0]) == name_of(replace(items[0], clip=moved))
    assert len({name_of(item) for item in items}) == len(items)


# ── who is known ──────────────────────────────────────────────────────────────────────────────

CLIPS = [clip("1", "c/a"), clip("2", "c/b"), clip("3", "d/x", corpus="d")]


@pytest.mark.parametrize(
    ("training", "seen"),
    [
        ({"corpora": {"c": {}}, "held_out_speakers": ["c/a", "c/b"]}, []),
        ({"corpora": {"c": {}}, "held_out_speakers": ["c/a"]}, ["c/b"]),
        ({"corpora": {"c": {}, "d": {}}, "held_out_speakers": []}, ["c/a", "c/b", "d/x"]),
        ({"corpora": {"e": {}}, "held_out_speakers": []}, []),
        ({"speakers": ["d/x", "e/y"], "held_out_speakers": []}, ["d/x"]),
        (
            {
                "corpora": {"c": {}},
                "held_out_speakers": ["c/a", "c/b"],
                "settings": {"split": "random"},
            },
            ["c/a", "c/b"],
        ),
    ],
)
def test_who_was_in_the_training(training, seen):
    bundle = replace(tiny.bundle(), about={"training": training})
    found = acquaintance(bundle, CLIPS)
    assert (found.seen, found.untold) == (seen, False)
    assert ("were in the training" in found.sentence) == bool(seen)
    for speaker in seen:
        assert speaker in found.sentence


def test_what_is_not_told_is_said():
    assert "not told" in acquaintance(tiny.bundle(), CLIPS).sentence
    bundle = replace(tiny.bundle(), about={"training": {"speakers": ["c/z"]}})
    assert acquaintance(bundle, CLIPS).sentence == ""
    assert "not told" in acquaintance(bundle, [*CLIPS, clip("4", "")]).sentence
    for by_hand in (None, "by hand"):
        bundle = replace(tiny.bundle(), about={"training": by_hand})
        assert "not told" in acquaintance(bundle, CLIPS).sentence


@pytest.mark.parametrize("told", [{"speakers": ["c/z"]}, {"corpora": {"e": {}}}])
def test_whose_voice_the_temperature_was_fitted_on_is_said(told):
    training = {**told, "held_out_speakers": [CLIPS[0].speaker]}
    found = acquaintance(replace(tiny.bundle(), about={"training": training}), CLIPS)
    assert found.seen == []
    assert "temperature was fitted on some of these speakers" in found.sentence


@pytest.mark.parametrize(
    "told", ["esc10 (CC BY 3.0), my noises", ["esc10 (CC BY 3.0)", "my noises", "a, b (old)"]]
)
def test_noises_that_were_trained_with_are_known_by_their_folder(tmp_path, monkeypatch, told):
    bundle = replace(tiny.bundle(), about={"training": {"noises": told}})
    for name, known in (
        ("esc10", True),
        ("my noises", True),
        ("a, b (old)", isinstance(told, list)),
        ("CC BY 3.0", False),
        ("none", False),
    ):
        folder = tmp_path / name
        folder.mkdir()
        assert knows_noises(bundle, folder) is known
        monkeypatch.chdir(folder)
        assert knows_noises(bundle, Path(".")) is known
        assert not knows_noises(replace(bundle, about={}), folder)
