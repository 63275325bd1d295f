"""Emotions: one spelling inside, everyone's outside."""

from __future__ import annotations

import pytest

from ser_ros.errors.models import BadLabelSet, LabelError, UnknownLabel
from ser_ros.labels import (
    ANSWERS_WITHOUT_EMOTION,
    FOUR,
    LABEL_SETS,
    SEVEN,
    SYNONYMS,
    VOCABULARY,
    LabelSet,
    canonical,
    label_set,
)


def test_the_four_are_in_the_order_of_kesdy18():
    assert FOUR.labels == ("angry", "neutral", "sad", "happy")
    assert [FOUR.index(label) for label in FOUR.labels] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Anger", "angry"),
        (" HAPPINESS ", "happy"),
        ("Joy", "happy"),
        ("pleasant surprise", "surprise"),
        ("Pleasant-Surprise", "surprise"),
        ("neutral\n", "neutral"),
        ("분노", "angry"),
        ("분노", "angry"),  # its letters apart, as macOS writes the name of a folder
        ("무감정", "neutral"),
        ("놀람", "surprise"),
    ],
)
def test_everyones_spelling_is_understood(word, name):
    assert canonical(word) == name


def test_the_vocabulary_names_itself_and_synonyms_lead_into_it():
    assert [canonical(word) for word in VOCABULARY] == list(VOCABULARY)
    assert set(SYNONYMS.values()) <= set(VOCABULARY)
    assert not set(SYNONYMS) & set(VOCABULARY)
    assert not set(ANSWERS_WITHOUT_EMOTION) & (set(VOCABULARY) | set(SYNONYMS))


@pytest.mark.parametrize("word", ["", "hangry", "uncertain", "no_speech", "an gry"])
def test_a_word_that_is_no_emotion_is_refused_and_the_known_ones_are_listed(word):
    with pytest.raises(UnknownLabel) as caught:
        canonical(word)
    assert all(known in str(caught.value) for known in VOCABULARY)


def test_merged_emotions_count_as_another_and_others_are_left_out():
    assert FOUR.index("calm") == FOUR.index("Neutral") == 1
    assert FOUR.index("fear") is None
    with pytest.raises(UnknownLabel):
        FOUR.index("meh")


def test_a_label_set_from_anyones_spelling():
    made = LabelSet.of(["Anger", "Joy"], {"Rage": "Anger", "calm": "boredom"})
    assert made.labels == ("angry", "happy")
    assert len(made) == 2
    assert made.index("calm") is None  # merged into an emotion that the set leaves out


@pytest.mark.parametrize(
    ("labels", "merged", "error"),
    [
        ([], {}, BadLabelSet),
        (["sad"], {}, BadLabelSet),
        (["sad", "sadness"], {}, BadLabelSet),
        (["sad", "Freude"], {}, UnknownLabel),
        (["sad", "happy"], {"zen": "sad"}, UnknownLabel),
        (["sad", "happy"], {"calm": "zen"}, UnknownLabel),
    ],
)
def test_a_label_set_that_tells_nothing_apart_is_refused(labels, merged, error):
    with pytest.raises(error) as caught:
        LabelSet.of(labels, merged)
    assert isinstance(caught.value, LabelError)


def test_direct_construction_asks_for_canonical_names():
    with pytest.raises(UnknownLabel):
        LabelSet(("Anger", "happy"))


def test_the_seven_are_the_four_and_three_more():
    assert SEVEN.labels == (*FOUR.labels, "fear", "disgust", "surprise")
    assert SEVEN.index("calm") == SEVEN.index("neutral")
    assert SEVEN.index("boredom") is None
    assert {"four": FOUR, "seven": SEVEN} == LABEL_SETS


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("four", FOUR),
        (" Seven ", SEVEN),
        (list(FOUR.labels), FOUR),
        ("Anger, Joy", LabelSet(("angry", "happy"))),
        (["neutral", "sad"], LabelSet(("neutral", "sad"), {"calm": "neutral"})),
        (["neutral", "calm"], LabelSet(("neutral", "calm"))),
        (["boredom", "joy"], LabelSet(("boredom", "happy"))),
    ],
)
def test_a_configuration_names_a_label_set_or_lists_its_own(value, expected):
    assert label_set(value) == expected


def test_who_says_what_is_merged_gets_that_and_nothing_else():
    assert label_set("four", {}).index("calm") is None
    told = label_set("four", {"fear": "sad"})
    assert (told.index("fear"), told.index("calm")) == (2, None)


@pytest.mark.parametrize(
    ("value", "error"), [("six", UnknownLabel), ("", BadLabelSet), ("angry", BadLabelSet)]
)
def test_a_name_that_is_no_label_set_is_refused(value, error):
    with pytest.raises(error):
        label_set(value)
