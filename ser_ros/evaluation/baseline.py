"""What it brings to know the speaker: none, enrolled, or followed as they speak.

Here is decided which clips may be used for what; what is made of them is an adapter's. The same
clips are scored in all three modes, so that a difference is the baseline's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

import numpy as np

from ser_ros.baseline import VoiceBaseline
from ser_ros.bundle import Bundle
from ser_ros.errors.config import BadValue
from ser_ros.evaluation.clips import Heard, Item
from ser_ros.runtime import Logits
from ser_ros.voices import ENROLL, MODES, NONE, RUNNING

ENROLMENT_CLIPS = 3
"""Neutral clips of a speaker that are kept for `enroll`, about ten seconds."""


class Adapter(Protocol):
    """What fits a model to a voice."""

    def reset(self) -> None:
        """Forget the voice."""

    def enroll(self, logits: Logits, /) -> None:
        """Take windows, in sequence, as this voice when it is neutral."""

    def hear(self, logits: Logits, /) -> Logits:
        """Return the logits (windows, labels) as this voice has them.

        A voice that was not enrolled since the reset goes on being learned from what is heard. A
        window may use itself and those before it, not those that follow.
        """


MakeAdapter = Callable[[Bundle], Adapter]

AdapterOf = Callable[[str], Adapter | None]
"""From a speaker to what fits the model to this voice."""


def make_adapter(bundle: Bundle) -> Adapter:
    """Return what fits this model to a voice. Raises `NoBaseline` for a model that has no such."""
    return _OfLogits(VoiceBaseline(bundle))


class _OfLogits:
    """The baseline that the nodes have; what was enrolled stays, what was not is followed."""

    def __init__(self, voice: VoiceBaseline) -> None:
        self._voice = voice
        self._enrolled = False

    def reset(self) -> None:
        self._voice.reset()
        self._enrolled = False

    def enroll(self, logits: Logits, /) -> None:
        self._voice.enroll(logits)
        self._enrolled = True

    def hear(self, logits: Logits, /) -> Logits:
        if self._enrolled:
            return self._voice(logits)
        return np.stack([self._follow(window) for window in logits])

    def _follow(self, window: Logits) -> Logits:
        adapted = self._voice(window)
        self._voice.follow(window)
        return adapted


def enrolment(
    items: Sequence[Item | Heard], neutral: int | None, clips: int = ENROLMENT_CLIPS
) -> dict[str, list[int]]:
    """Return the indices of each speaker's first neutral clips, by the clips' paths.

    A speaker who would have no clip left to score, or none that is neutral, is not enrolled; nor
    are clips without a speaker, which are nobody's, or in which no speech was heard.
    """
    own: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        if item.clip.speaker:
            own[item.clip.speaker].append(i)
    found = {}
    for speaker, indices in sorted(own.items()):
        candidates = [i for i in indices if items[i].truth == neutral and _has_speech(items[i])]
        chosen = sorted(candidates, key=lambda i: str(items[i].clip.path))[:clips]
        if chosen and len(indices) > len(chosen):
            found[speaker] = chosen
    return found


def _has_speech(item: Item | Heard) -> bool:
    """Whether speech was heard in a clip; so it counts until it was listened to."""
    return isinstance(item, Item) or len(item.logits) > 0


def population(heard: Sequence[Heard], neutral: int | None) -> tuple[float, ...] | None:
    """Return what the network says of neutral speech, shape (labels,).

    Every speaker counts alike within a corpus, and every corpus. None where no clip is neutral, or
    none is heard.
    """
    windows: dict[tuple[str, str], list[Logits]] = defaultdict(list)
    for h in heard:
        if h.truth == neutral and len(h.logits):
            windows[h.clip.corpus, h.clip.speaker].append(h.logits)
    corpora: dict[str, list[Logits]] = defaultdict(list)
    for (corpus, _), logits in sorted(windows.items()):
        corpora[corpus].append(np.concatenate(logits).mean(axis=0))
    if not corpora:
        return None
    mean = np.mean([np.mean(means, axis=0) for means in corpora.values()], axis=0)
    return tuple(round(float(value), 4) for value in mean)


def adapters_of(
    bundle: Bundle,
    make: MakeAdapter,
    neutral: int | None,
    pool: Sequence[Heard] | None,
    speakers: Iterable[str],
) -> AdapterOf | None:
    """Return what gives the adapter of each of some speakers. Raises `NoBaseline`.

    The speaker is compared with the population of a `pool` of clips, as far as others speak in it:
    no voice is a part of what it is compared with. Without a pool it is that of the bundle. None
    where none of the speakers has anybody to be compared with.
    """
    own = make(bundle)

    @cache  # clips of nobody are many, and have one population
    def of(speaker: str) -> Adapter | None:
        if pool is None:
            return own
        others = [h for h in pool if h.clip.speaker not in ("", speaker)]
        found = population(others, neutral)
        return None if found is None else make(replace(bundle, neutral_logits=found))

    return of if any(of(speaker) is not None for speaker in {*speakers}) else None


def in_modes(
    heard: Sequence[Sequence[Heard]],
    adapters: Sequence[AdapterOf | None],
    neutral: int | None,
    seed: int = 0,
) -> dict[str, list[list[Heard]]]:
    """Return what is scored in each mode that can be: the same clips in all, of each model.

    `heard` are each model's clips, `adapters` what gives its adapters. `NONE` is always there;
    `ENROLL` where somebody can be enrolled.
    """
    wanted: tuple[str, ...] = MODES
    if None in adapters:
        wanted = (NONE,)
    elif not any(enrolment(clips, neutral) for clips in heard):
        wanted = tuple(mode for mode in MODES if mode != ENROLL)
    return {
        mode: [
            adapted(clips, mode, adapter_of, neutral, seed)
            for clips, adapter_of in zip(heard, adapters, strict=True)
        ]
        for mode in wanted
    }


def adapted(
    heard: Sequence[Heard],
    mode: str,
    adapter_of: AdapterOf | None,
    neutral: int | None,
    seed: int = 0,
    clips: int = ENROLMENT_CLIPS,
) -> list[Heard]:
    """Return the clips that are scored, with the logits that their speaker's adapter makes of them.

    `enroll`: each clip is heard by an adapter that knows the enrolment and nothing else, so that
    no scored clip teaches it. `running`: a speaker's clips come in an order drawn by the seed, and
    each is heard by an adapter that knows those before it. A speaker without an adapter is heard as
    nobody. Raises `BadValue` for another mode, or one that needs adapters and has none.
    """
    if mode not in MODES:
        raise BadValue("--baseline", mode, f"one of {', '.join(MODES)}")
    enrolled = enrolment(heard, neutral, clips)
    kept_out = {i for chosen in enrolled.values() for i in chosen}
    scored = [i for i in range(len(heard)) if i not in kept_out]
    if mode == NONE:
        return [heard[i] for i in scored]
    if adapter_of is None:
        raise BadValue("--baseline", mode, "none, for this model has no voice baseline")
    own: dict[tuple[str, int], list[int]] = defaultdict(list)
    for i in scored:
        speaker = heard[i].clip.speaker
        own[speaker, -1 if speaker else i].append(i)
    found = {i: heard[i] for i in scored}
    random = np.random.default_rng(seed)
    for (speaker, _), indices in sorted(own.items()):
        order = random.permutation(indices)
        adapter = adapter_of(speaker) if mode == RUNNING or speaker in enrolled else None
        if adapter is None:
            continue
        adapter.reset()  # several may share it
        for i in order:
            if mode == ENROLL:
                adapter.reset()
                for index in enrolled[speaker]:
                    adapter.enroll(heard[index].logits)
            found[i] = _heard_by(adapter, heard[i])
    return [found[i] for i in scored]


def _heard_by(adapter: Adapter, heard: Heard) -> Heard:
    if not len(heard.logits):
        return heard
    logits = adapter.hear(heard.logits)
    return replace(heard, logits=np.asarray(logits, np.float32))
