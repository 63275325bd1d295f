"""The emotions: their names, their order, their synonyms. They are spelled nowhere else.

A corpus, a robot team and a model each have words of their own for the same emotion. Everything
that comes in goes through `canonical`, everything inside the project is one of `VOCABULARY`, and a
`LabelSet` says which of them a model tells apart.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ser_ros.errors.models import BadLabelSet, UnknownLabel

UNCERTAIN = "uncertain"
"""What a message says when no emotion is likely enough."""

NO_SPEECH = "no_speech"
"""What a message says when nobody speaks."""

ANSWERS_WITHOUT_EMOTION = (UNCERTAIN, NO_SPEECH)

ANGRY, NEUTRAL, SAD, HAPPY = "angry", "neutral", "sad", "happy"
FEAR, DISGUST, SURPRISE = "fear", "disgust", "surprise"
CALM, BOREDOM = "calm", "boredom"

VOCABULARY = (ANGRY, NEUTRAL, SAD, HAPPY, FEAR, DISGUST, SURPRISE, CALM, BOREDOM)

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "anger": ANGRY,
        "ang": ANGRY,
        "rage": ANGRY,
        "분노": ANGRY,
        "화남": ANGRY,
        "normal": NEUTRAL,
        "neu": NEUTRAL,
        "중립": NEUTRAL,
        "무감정": NEUTRAL,
        "sadness": SAD,
        "슬픔": SAD,
        "happiness": HAPPY,
        "hap": HAPPY,
        "joy": HAPPY,
        "joyful": HAPPY,
        "기쁨": HAPPY,
        "행복": HAPPY,
        "fearful": FEAR,
        "fea": FEAR,
        "afraid": FEAR,
        "anxiety": FEAR,
        "공포": FEAR,
        "두려움": FEAR,
        "disgusted": DISGUST,
        "dis": DISGUST,
        "혐오": DISGUST,
        "surprised": SURPRISE,
        "pleasant_surprise": SURPRISE,
        "pleasant_surprised": SURPRISE,
        "ps": SURPRISE,
        "놀람": SURPRISE,
        "calmness": CALM,
        "평온": CALM,
        "bored": BOREDOM,
        "지루함": BOREDOM,
    }
)


def canonical(word: str) -> str:
    """Return the project's name for an emotion: `Anger` and `angry ` are both `angry`.

    Raises `UnknownLabel`, which lists what is known.
    """
    # A folder that macOS has made spells 분노 with its letters apart.
    key = unicodedata.normalize("NFC", word).strip().lower().replace(" ", "_").replace("-", "_")
    name = SYNONYMS.get(key, key)
    if name not in VOCABULARY:
        raise UnknownLabel(word, VOCABULARY)
    return name


@dataclass(frozen=True)
class LabelSet:
    """The emotions that one model tells apart, in the order of its outputs."""

    labels: tuple[str, ...]
    merged: Mapping[str, str] = field(default_factory=dict)
    """Emotions that count as another: RAVDESS `calm` is somebody's `neutral`."""

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise BadLabelSet(self.labels)
        for label in (*self.labels, *self.merged.keys(), *self.merged.values()):
            if label not in VOCABULARY:
                raise UnknownLabel(label, VOCABULARY)

    @classmethod
    def of(cls, words: str | Sequence[str], merged: Mapping[str, str] | None = None) -> LabelSet:
        """Build a label set from one of `LABEL_SETS` by name, or from anyone's spelling.

        A text that names no set is a list with commas. Without a word about merging, calm counts
        as neutral where neutral is asked for and calm is not; an empty mapping merges nothing.
        Raises `UnknownLabel` or `BadLabelSet`.
        """
        if isinstance(words, str):
            named = LABEL_SETS.get(words.strip().lower())
            words = named.labels if named else [word for word in words.split(",") if word.strip()]
        labels = tuple(canonical(word) for word in words)
        if merged is None:
            merged = {CALM: NEUTRAL} if NEUTRAL in labels and CALM not in labels else {}
        return cls(labels, {canonical(a): canonical(b) for a, b in merged.items()})

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, word: str) -> int | None:
        """Return the output that stands for an emotion, or None where the set leaves it out.

        Raises `UnknownLabel` for a word that is no emotion at all.
        """
        name = self.name(word)
        return self.labels.index(name) if name in self.labels else None

    def name(self, word: str) -> str:
        """Return what an emotion counts as here. Raises `UnknownLabel`."""
        name = canonical(word)
        return self.merged.get(name, name)


FOUR = LabelSet((ANGRY, NEUTRAL, SAD, HAPPY), {CALM: NEUTRAL})
"""The default, in the order of KESDy18: angry 0, neutral 1, sad 2, happy 3."""

SEVEN = LabelSet((*FOUR.labels, FEAR, DISGUST, SURPRISE), FOUR.merged)
"""The four and Ekman's other three."""

LABEL_SETS: Mapping[str, LabelSet] = MappingProxyType({"four": FOUR, "seven": SEVEN})
"""The label sets that a configuration can ask for by name."""


def label_set(value: str | Sequence[str], merged: Mapping[str, str] | None = None) -> LabelSet:
    """Return what a configuration's `labels` means: `four`, `seven`, or a list of its own.

    Raises `UnknownLabel` or `BadLabelSet`.
    """
    return LabelSet.of(value, merged)
