"""What a page says of how the measured models came about."""

from __future__ import annotations

import pytest

from ser_ros.evaluation.splits import CORPUS, FOLD, learned_in_turn


def told(kind: str, corpora: list[str], last: list[str], before: list[str]) -> dict[str, object]:
    return {"kind": kind, "corpora": corpora, "learned_last": last, "learned_before": before}


LEFT_OUT = told(CORPUS, ["a"], ["b"], [])
ADAPTED = told(FOLD, ["a"], ["a"], ["b"])


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        ([LEFT_OUT, ADAPTED], True),
        ([ADAPTED], False),
        ([LEFT_OUT], False),
        ([], False),
        ([LEFT_OUT, told(FOLD, ["a", "b"], ["a", "b"], [])], False),
        ([told(FOLD, ["a"], ["a"], [])], False),
        ([told(FOLD, ["a"], ["a", "b"], ["c"])], False),
        ([ADAPTED, told(FOLD, ["a"], ["a"], [])], False),
    ],
)
def test_whether_every_fold_learned_other_corpora_and_then_its_own_alone(splits, expected):
    assert learned_in_turn(splits) is expected
