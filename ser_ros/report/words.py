"""What a report says in sentences: the summary that a person reads first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ser_ros.evaluation.judged import Source

Found = Mapping[str, Any]


def seconds(value: float) -> str:
    """Write a length of time: `3.2 s`, `4 min 05 s`, `2 h 03 min`."""
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def many(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def interval(found: Found | None) -> str:
    """Write the ends of an interval; in words where nothing is known of them."""
    if found is None or found["value"] is None:
        return "–"
    if found["low"] is None:
        return "not known: a corpus of one voice"
    return f"{found['low']:.3f} to {found['high']:.3f}"


def hits(source: Source, labels: Sequence[str]) -> str:
    """Tell how many windows of a source have what is true as their likeliest emotion."""
    known = [window for window in source.windows if window.truth]
    if not known:
        return many(len(source.windows), "window")
    right = sum(
        any(window.probabilities) and labels[int(np.argmax(window.probabilities))] == window.truth
        for window in known
    )
    truths = ", ".join(dict.fromkeys(window.truth for window in known))
    return f"{truths}: {right} of {many(len(known), 'window')} right"


def lead(content: Found) -> Iterator[str]:
    """Yield the sentences at the top of the page."""
    heard, labels = content["heard"], content["model"]["labels"]
    sources = content["sources"]
    length = seconds(sum(source["duration_s"] for source in sources))
    yield (
        f"{content['model']['name']} listened to {many(len(sources), 'recording')}, {length} of "
        f"sound, in {many(heard['windows'], 'window')} of {seconds(content['model']['window_s'])}."
    )
    scored = content["scored"]
    if scored is None:
        yield (
            "Nobody told what was true, so there is nothing to score against: this page says what "
            "was heard, not whether it was right."
        )
        return
    of_windows, of_utterances = scored["windows"], scored["utterances"]
    yield _scored(of_windows, "window", len(labels), scored["voices"])
    if not scored["same"]:
        yield (
            f"Of the {many(of_utterances['n'], 'utterance')} (labelled stretches, by the mean of "
            f"their windows) {percent(of_utterances['accuracy'])} were heard right, UAR "
            f"{of_utterances['uar']:.3f}."
        )
    yield from _weakness(of_windows)
    yield _silence(of_windows)
    rest = heard["windows"] - heard["with_truth"]
    if rest:
        yield f"{many(rest, 'window')} more, whose truth is not known, are not scored."


def _scored(found: Found, one: str, classes: int, voices: int) -> str:
    uar = found["intervals"]["uar"]
    swing = "; with a corpus of one voice there is no interval"
    if uar["low"] is not None:
        swing = f"; with {voices} other voices, 95 %: {uar['low']:.3f} to {uar['high']:.3f}"
    return (
        f"Of the {many(found['n'], one)} whose truth is known, {percent(found['accuracy'])} were "
        f"heard right. The mean over the emotions, UAR, is {found['uar']:.3f} (chance: "
        f"{1 / classes:.2f}{swing})."
    )


def _weakness(found: Found) -> Iterator[str]:
    recalls = {k: r for k, r in found["per_class_recall"].items() if r is not None}
    worst = min(recalls, key=lambda label: recalls[label])
    if len(recalls) < 2 or recalls[worst] == 1:
        return
    row = np.array(found["confusion"][found["labels"].index(worst)])
    row[found["labels"].index(worst)] = 0
    sentence = f"It finds {worst} least: {percent(recalls[worst])} of it"
    if row.any():
        other = found["labels"][int(row.argmax())]
        sentence += f"; {many(int(row.max()), 'time')} it was taken for {other}"
    yield sentence + "."


def _silence(found: Found) -> str:
    certain = found["accuracy_when_certain"]
    sentence = f"It called {many(found['uncertain'], 'window')} uncertain"
    if certain is not None:
        sentence += f"; of those that it put a name to, {percent(certain)} were right"
    if found["no_speech"]:
        misses = "which is a miss" if found["no_speech"] == 1 else "which are misses"
        sentence += f". In {found['no_speech']:,} it heard no speech, {misses}"
    return sentence + "."
