"""The emotions: their names, their order, their synonyms. They are spelled nowhere else.

A corpus, a robot team and a model each have words of their own for the same emotion. Everything
that comes in goes through `canonical`, everything inside the project is one of `VOCABULARY`, and a
`LabelSet` says which of them a model tells apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from ser_ros.errors import BadLabelSet, UnknownLabel

UNCERTAIN = "uncertain"
"""What a message says when no emotion is likely enough."""

NO_SPEECH = "no_speech"
"""What a message says when nobody speaks."""

ANSWERS_WITHOUT_EMOTION = (UNCERTAIN, NO_SPEECH)

ANGRY, NEUTRAL, SAD, HAPPY = "angry", "neutral", "sad", "happy"

VOCABULARY = (ANGRY, NEUTRAL, SAD, HAPPY, "fear", "disgust", "surprise", "calm", "boredom")

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "anger": ANGRY,
        "rage": ANGRY,
        "normal": NEUTRAL,
        "sadness": SAD,
        "happiness": HAPPY,
        "joy": HAPPY,
        "joyful": HAPPY,
        "fearful": "fear",
        "afraid": "fear",
        "anxiety": "fear",
        "disgusted": "disgust",
        "surprised": "surprise",
        "pleasant_surprise": "surprise",
        "ps": "surprise",
        "calmness": "calm",
        "bored": "boredom",
    }
)


def canonical(word: str) -> str:
    """Return the project's name for an emotion: `Anger` and `angry ` are both `angry`.

    Raises `UnknownLabel`, which lists what is known.
    """
    key = word.strip().lower().replace(" ", "_").replace("-", "_")
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
    def of(cls, words: Sequence[str], merged: Mapping[str, str] | None = None) -> LabelSet:
        """Build a label set from anyone's spelling. Raises `UnknownLabel` or `BadLabelSet`."""
        return cls(
            tuple(canonical(word) for word in words),
            {canonical(a): canonical(b) for a, b in (merged or {}).items()},
        )

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, word: str) -> int | None:
        """Return the output that stands for an emotion, or None where the set leaves it out.

        Raises `UnknownLabel` for a word that is no emotion at all.
        """
        name = canonical(word)
        name = self.merged.get(name, name)
        return self.labels.index(name) if name in self.labels else None


FOUR = LabelSet((ANGRY, NEUTRAL, SAD, HAPPY), {"calm": NEUTRAL})
"""The default, in the order of KESDy18: angry 0, neutral 1, sad 2, happy 3."""
