"""The sections of `RESULTS.md`, each made of its part of the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ser_ros.evaluation.splits import FOLD, learned_in_turn

Results = Mapping[str, Any]

_NOT_MEASURED = "not measured"

_ENOUGH = 6
"""Speakers of a corpus from which an interval needs no warning."""

# ── words and numbers ─────────────────────────────────────────────────────────────────────────


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: float | None, unit: str = "") -> str:
    if value is None:
        return "-"
    if unit == "%":
        return f"{100 * value:.1f} %"
    return f"{value:+.3f}" if unit == "+" else f"{value:.3f}"


def _interval(found: Results | None, unit: str = "") -> str:
    if found is None:
        return _NOT_MEASURED
    low, high = _number(found["low"], unit), _number(found["high"], unit)
    return f"{_number(found['value'], unit)} [{low}, {high}]"


def _limit(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:g} %"
    return f"{value:+g}" if unit == "+" else f"{value:g}"


# ── sections ──────────────────────────────────────────────────────────────────────────────────


def head(results: Results) -> str:
    about = results["about"]
    splits = results.get("splits", [])
    labels = len(results["labels"])
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    lines = [
        "# Results",
        "",
        "This page is written by a program; do not edit it. In brackets: 95 % intervals of a",
        f"bootstrap that draws whole speakers (1000 draws, within each corpus). With {labels}",
        f"emotions chance is {1 / labels:.2f}. UAR is the mean of the recalls. A clip counts by",
        "the mean probability of its windows; one in which no speech was heard counts as a miss.",
        "",
        "| | |",
        "|---|---|",
        f"| command | `{about['command'] or 'not told'}` |",
        f"| commit | {about['commit']} |",
        *_model_row(splits),
        f"| split | {_split_sentence(splits)} |",
        f"| seed | {about['seed']} |",
        f"| runtime | {about['runtime']} |",
        f"| versions | {versions} |",
        f"| machine | {about['machine']} |",
    ]
    lines += [f"\n{note}" for note in [*_few(results), *results.get("notes", [])]]
    return "\n".join(lines)


def _few(results: Results) -> list[str]:
    """Say what an interval over few speakers is worth (simulated, normal voices)."""
    corpora = results.get("folds", {}).get("corpora", {})
    few = [name for name, found in corpora.items() if found["speakers"] < _ENOUGH]
    if not few:
        return []
    return [
        f"An interval over so few speakers as there are of {', '.join(few)} is too narrow: over "
        "two it holds the truth about every second time, over three 70 % of the time, over six "
        "86 %. Over one there is none."
    ]


def _model_row(splits: Sequence[Results]) -> list[str]:
    """Return whose figures these are, where one model has all of them."""
    if len(splits) != 1:
        return []
    return [f"| model | {splits[0]['model']}, SHA-256 {splits[0]['sha256']} |"]


def _split_sentence(splits: Sequence[Results]) -> str:
    folds = [s for s in splits if s["kind"] == "fold"]
    corpora = [s for s in splits if s["kind"] == "corpus"]
    parts = []
    if folds:
        clips, speakers = sum(s["clips"] for s in folds), sum(s["speakers"] for s in folds)
        parts.append(
            f"unseen speakers: {_scored(folds)} on the speakers that it was not trained on "
            f"({clips} clips of {speakers} speakers)"
        )
        if learned_in_turn(splits):
            parts.append(
                "each of these had learned the other corpora, as a model of the unseen corpus has, "
                "and then the other folds of its own corpus alone"
            )
    if corpora:
        parts.append(
            f"unseen corpora: {_scored(corpora)} on a corpus that it was not trained on "
            f"({sum(s['clips'] for s in corpora)} clips)"
        )
    return "; ".join(parts) or "not told"


def _each(models: int) -> str:
    return "the one model" if models == 1 else f"each of {models} models"


def _scored(splits: Sequence[Results]) -> str:
    return "one model, scored" if len(splits) == 1 else f"{len(splits)} models, each scored"


def _targets(results: Results) -> str:
    def row(target: Results) -> list[str]:
        unit, measured = target["unit"], target["measured"]
        met = f"**{target['met']}**" if target["met"] == "no" else target["met"]
        return [
            target["figure"],
            _limit(target["least"], unit),
            _limit(target["aim"], unit),
            _interval(measured, unit),
            met,
        ]

    head = ("figure", "reach at least", "aim", "measured [95 % interval]", "met?")
    return (
        "## What was to be reached\n\n"
        + _table(head, [row(target) for target in results["targets"]])
        + "\n\nUnseen speakers, no voice baseline unless said. Of ECE, of what is claimed where "
        "nobody speaks and of what is lost, less is better: the first two columns are then upper "
        "limits."
        + (" They are meant for all folds; this is one of them." if _lone(results) else "")
    )


def _lone(results: Results) -> bool:
    return sum(split["kind"] == FOLD for split in results["splits"]) == 1


def _scores(found: Mapping[str, Results], first: str) -> str:
    labels = next(iter(found.values()))["labels"]
    head = [first, "clips, speakers", "UAR", "accuracy", "ECE", *labels]
    rows = []
    for name, s in found.items():
        intervals = s["intervals"]
        recalls = [_number(s["per_class_recall"][label]) for label in labels]
        ece = _interval(intervals["ece"]) if "ece" in intervals else "-"
        uar, accuracy = _interval(intervals["uar"]), _interval(intervals["accuracy"])
        rows.append([name, f"{s['n']}, {s['speakers']}", uar, accuracy, ece, *recalls])
    return _table(head, rows)


def _folded(results: Results) -> str:
    """Say whether several models were measured, or the speakers of one."""
    models = sum(split["kind"] == FOLD for split in results["splits"])
    if not _lone(results):
        return f"By {models} models, each on the speakers held out from it."
    return "One model and the speakers held out from it: others may do some points better or worse."


def _folds(results: Results) -> str:
    found = results["folds"]
    parts = [
        "## Speakers that the model has not heard",
        f"{_folded(results)} Mean UAR of the corpora: "
        f"{_interval(found['uar_mean'])}. The last columns are the recalls. (To draw "
        "few speakers makes an ECE larger than it is, so its interval leans upward.)",
        _scores({**found["corpora"], "all": found["all"]}, "corpus"),
    ]
    for key, word in (("languages", "language"), ("genders", "gender")):
        if found.get(key):
            parts.append(_scores(found[key], word))
    return "\n\n".join(parts)


def _left_out(results: Results) -> str:
    found = results["left_out"]
    return (
        "## A corpus that the model has not heard\n\n"
        "Trained on the others: another language, other microphones, other ways to act. Mean UAR: "
        f"{_interval(found['uar_mean'])}.\n\n" + _scores(found["corpora"], "left out")
    )


def _conditions(results: Results) -> str:
    found = results["conditions"]
    rows = [["clean", _interval(found["clean"]["uar"]), "", str(found["clean"]["no_speech"])]]
    rows += [
        [name, _interval(r["uar"]), _interval(r["lost"], "+"), str(r["no_speech"])]
        for name, r in found["rows"].items()
    ]
    return (
        "## Noise, gain, a room, a telephone\n\n"
        f"The same {found['n']} clips under each condition, at most {found['limit']} of a corpus, "
        "drawn evenly over speakers and emotions; mean UAR of the corpora, and what it loses "
        "against the same clips as they are. Noise: everyday sounds, the level of the speech "
        "without its pauses over that of the noise. Gain: then clipped at full scale and rounded "
        "to 16 bits. Room: 4 x 5 x 2.6 m, RT60 0.4 s, 1.5 m from the talker. Telephone: 8 kHz, "
        "300 to 3400 Hz, mu-law.\n\n"
        + _table(("condition", "UAR", "UAR lost", "no speech heard"), rows)
    )


def _no_speech(results: Results) -> str:
    found = results["no_speech"]
    rows = [
        [name, str(k["n"]), str(k["claimed"]), _interval(k["share"], "%")]
        for name, k in {
            **found["kinds"],
            "recordings": found["recorded"],
            "all": found["all"],
        }.items()
        if k
    ]
    return (
        "## Where nobody speaks\n\n"
        f"How often a window gets an emotion as its label, from {_each(found['models'])}; "
        "`uncertain` is none.\n\n" + _table(("what is heard", "windows", "claimed", "share"), rows)
    )


def _calibration(results: Results) -> str:
    found = results["calibration"]
    rows = [
        ["mean of the corpora", _interval(found["ece"])],
        ["all clips together", _interval(found["ece_pooled"])],
        ["mean of the corpora, without a temperature", _interval(found["ece_before"])],
    ]
    return (
        "## Calibration\n\nNo speaker is judged with a temperature that was fitted on this "
        "speaker.\n\n" + _table(("ECE, 15 bins", "measured"), rows)
    )


def _risk_coverage(results: Results) -> str:
    found = results["risk_coverage"]
    return (
        "## Leaving out what the model is least sure of\n\n"
        f"Below a confidence of {found['uncertain_below']:.3f} the label is `uncertain`: "
        f"{_threshold(found)}. Accuracy gained by leaving out the least sure 30 %: "
        f"{_interval(found['gained'], '+')}. The area under the curve of "
        f"risk against coverage (AURC) is {found['area']:.3f}."
    )


def _threshold(found: Results) -> str:
    if found["brought"]:
        answered = f"{found['answered']:.0%} of the clips are answered"
        return f"the threshold that the model brings; {answered}, every corpus weighing the same"
    return (
        "the largest threshold that still answers 70 % of the clips, every corpus weighing the same"
    )


def _listening(results: Results) -> str:
    found = results["listening"]
    rows = [
        [f"{seconds} s", _interval(r["uar"]), str(r["no_speech"])]
        for seconds, r in found["rows"].items()
    ]
    return (
        "## The length of listening\n\n"
        f"The beginnings of {found['voices']} voices: clips of the same speaker and emotion, one "
        "after the other, without the silence at their ends.\n\n"
        + _table(("heard", "UAR", "no speech heard"), rows)
    )


def _baseline(results: Results) -> str:
    names = {"folds": "unseen speakers", "left_out": "unseen corpora"}
    rows = [
        [f"{names[key]}, {mode}", str(r["n"]), _interval(r["uar"]), _interval(r["gained"], "+")]
        for key, modes in results["baseline"].items()
        for mode, r in modes.items()
    ]
    return (
        "## Knowing the voice\n\n"
        "The same clips in all modes: `enroll` knows up to three neutral clips of the speaker, "
        "which are scored in none of them; `running` knows what it has heard of the speaker so "
        f"far, in a random order. {_compared(results)} Mean UAR of the corpora.\n\n"
        + _table(("voice baseline", "clips", "UAR", "UAR gained"), rows)
    )


def _compared(results: Results) -> str:
    """Return what a voice's neutral speech was compared with."""
    told = "What either knows is compared with the neutral speech of other voices that were not "
    if len(results["splits"]) == 1:
        return f"{told}learned."
    return f"{told}learned, as the models of the other splits heard it."


SECTIONS: dict[str, Callable[[Results], str]] = {
    "targets": _targets,
    "folds": _folds,
    "left_out": _left_out,
    "conditions": _conditions,
    "no_speech": _no_speech,
    "calibration": _calibration,
    "risk_coverage": _risk_coverage,
    "listening": _listening,
    "baseline": _baseline,
}
