"""From states to behaviours: no flicker, no action on doubt, rest when nobody speaks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ser_ros.behaviors import BehaviorTable, Rule, Selector, read_table
from ser_ros.carried import config_folder
from ser_ros.classifier import Estimate
from ser_ros.clock import SECOND
from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue, UnknownKey, UnreadableConfig
from ser_ros.errors.models import UnknownLabel
from ser_ros.labels import FOUR
from ser_ros.tracking import Tracker, TrackingConfig

TABLE = BehaviorTable(
    (
        Rule("angry", "give_room", 0.6, min_duration_s=1.0, cooldown_s=10.0),
        Rule("Happiness", "beam", 0.6, min_duration_s=1.0, cooldown_s=5.0),
        Rule("neutral", "attend", 0.5, min_duration_s=0.0, cooldown_s=0.0),
    ),
    silence_s=2.0,
    timeout_s=5.0,
)


class Robot:
    def __init__(self, table: BehaviorTable = TABLE) -> None:
        self.selector = Selector(table)

    def state(self, label: str, at: float, confidence: float = 0.9) -> str:
        return self.selector.state(label, confidence, round(at * SECOND))

    def tick(self, at: float) -> str:
        return self.selector.tick(round(at * SECOND))


def test_it_rests_before_anything_is_heard():
    robot = Robot()
    assert robot.selector.current == "rest"
    assert robot.tick(1e6) == "rest"


def test_a_behaviour_begins_after_its_duration_and_holds():
    robot = Robot()
    assert robot.state("angry", 0) == "rest"
    assert robot.tick(0.99) == "rest"
    assert robot.tick(1.0) == "give_room"
    assert robot.state("angry", 2) == "give_room"


def test_a_break_begins_the_duration_anew():
    robot = Robot()
    robot.state("angry", 0)
    robot.state("uncertain", 0.8)
    assert robot.state("angry", 0.9) == "rest"
    assert robot.tick(1.8) == "rest"
    assert robot.tick(1.9) == "give_room"


def test_a_break_without_any_state_begins_the_duration_anew():
    robot = Robot()
    robot.state("angry", 0)
    assert robot.state("angry", 60) == "rest", "nobody knows what was in between"
    assert robot.tick(61) == "give_room"


def test_too_little_confidence_begins_nothing_and_ends_nothing():
    robot = Robot()
    for second in range(5):
        assert robot.state("angry", second, confidence=0.59) == "rest"
    assert robot.state("angry", 5, confidence=0.6) == "give_room"
    assert robot.state("angry", 6, confidence=0.3) == "give_room"


def test_doubt_changes_nothing():
    robot = Robot()
    robot.state("neutral", 0)
    for second in range(1, 20):
        assert robot.state("uncertain", second) == "attend"


def test_an_emotion_without_a_rule_changes_nothing():
    robot = Robot()
    robot.state("neutral", 0)
    for second in range(1, 20):
        assert robot.state("sad", second) == "attend"


def test_it_rests_when_nobody_has_spoken_for_a_while():
    robot = Robot()
    robot.state("neutral", 0)
    assert robot.state("no_speech", 1) == "attend"
    assert robot.tick(2.9) == "attend"
    assert robot.tick(3.0) == "rest"


def test_a_pause_for_breath_is_no_silence():
    robot = Robot()
    robot.state("neutral", 0)
    for second in range(1, 30, 2):
        robot.state("no_speech", second)
        assert robot.state("neutral", second + 1) == "attend"


def test_it_rests_when_states_stop():
    robot = Robot()
    robot.state("neutral", 0)
    assert robot.tick(5.0) == "attend"
    assert robot.tick(5.1) == "rest"
    assert robot.tick(1e6) == "rest"
    assert robot.state("neutral", 1e6 + 1) == "attend"


def test_a_behaviour_does_not_begin_again_before_it_has_cooled_down():
    robot = Robot()
    robot.state("angry", 0)
    assert robot.state("angry", 1) == "give_room"
    assert robot.state("neutral", 2) == "attend"  # ends it
    robot.state("angry", 3)
    for at in (5, 8, 11.9):
        assert robot.state("angry", at) == "attend"
    assert robot.state("angry", 12.0) == "give_room"


@pytest.mark.parametrize("period", [0.25, 0.5, 0.9])
def test_alternating_states_do_not_flicker(period):
    robot = Robot(
        BehaviorTable(
            (Rule("angry", "a", 0.5, 1.0, cooldown_s=0.0), Rule("happy", "b", 0.5, 1.0, 0.0))
        )
    )
    shown = [robot.state(("angry", "happy")[k % 2], k * period) for k in range(400)]
    assert set(shown) == {"rest"}
    # Slower than the duration asked for, it is a change of mood and not a flicker.
    slow = [robot.state(("angry", "happy")[k // 8 % 2], 500 + k * period) for k in range(64)]
    assert {"a", "b"} <= set(slow)


@pytest.mark.parametrize("hop", [0.25, 0.5, 1.25, 2.5])
@pytest.mark.parametrize("pair", [("angry", "happy"), ("neutral", "angry"), ("neutral", "happy")])
def test_the_carried_table_does_not_flicker_on_estimates_that_alternate(hop, pair):
    """The whole way, with the defaults: estimate, state, behaviour, a tick ten times a second."""
    tracker = Tracker(FOUR.labels, TrackingConfig())
    robot = Robot(read_table(config_folder() / "behavior.yaml"))
    shown = []
    for k in range(200):
        found = np.zeros(4, np.float32)
        found[FOUR.index(pair[k % 2])] = 1.0
        estimate = Estimate(pair[k % 2], 1.0, FOUR.labels, found, 0.8, -20.0)
        at = k * hop
        state = tracker.update(estimate, round(at * SECOND))
        shown.append(robot.state(state.label, at, state.confidence))
        shown += [robot.tick(at + t / 10) for t in range(1, round(hop * 10))]
    assert sum(a != b for a, b in pairwise(shown)) <= 1


def test_time_that_goes_back_is_a_new_beginning():
    robot = Robot()
    robot.state("angry", 1000)
    robot.state("angry", 1001)
    robot.state("neutral", 1002)
    assert robot.state("angry", 10) == "attend"
    assert robot.state("angry", 11) == "give_room", "no cool-down from a time to come"


def test_it_rests_when_time_goes_back_and_no_state_comes():
    robot = Robot()
    robot.state("neutral", 1000)
    assert robot.tick(1001) == "attend"
    assert robot.tick(10) == "rest"
    assert robot.tick(1001) == "attend"
    assert robot.tick(999.5) == "attend", "a clock that was set right"
    assert robot.tick(11) == "rest"
    assert robot.state("neutral", 12) == "attend"


def test_a_day_of_silence():
    robot = Robot()
    for second in range(0, 24 * 3600, 2):
        robot.state("no_speech", second)
    assert robot.selector.current == "rest"
    assert len(robot.selector._ended_ns) <= len(TABLE.rules) + 1


# ── the table ─────────────────────────────────────────────────────────────────────────────────


def test_the_carried_table_knows_the_models_emotions(shipped_bundle):
    table = read_table(config_folder() / "behavior.yaml")
    assert {rule.label for rule in table.rules} == set(shipped_bundle.labels.labels)
    assert table.resting == "rest"


def test_defaults_and_synonyms(tmp_path):
    file = tmp_path / "table.yaml"
    file.write_text("rules: [{label: Joy, behavior: beam}]\n")
    table = read_table(file)
    assert table.rules == (Rule("happy", "beam"),)


RULE = "label: angry, behavior: go"


@pytest.mark.parametrize(
    ("content", "error", "named"),
    [
        ("", UnreadableConfig, "mapping"),
        ("rules: [", UnreadableConfig, "cannot be read"),
        ("resting: rest", BadValue, "rules"),
        ("rules: {}", BadValue, "rules"),
        ("rules: [angry]", BadValue, "rules"),
        ("rules: []\nrestin: x", UnknownKey, "restin"),
        ("rules: []\nresting: ''", BadValue, "resting"),
        ("rules: []\nresting: no", BadValue, "resting"),
        ("rules: []\nsilence_s: -1", BadValue, "silence_s"),
        ("rules: []\ntimeout_s: 0", BadValue, "timeout_s"),
        ("rules: []\ntimeout_s: soon", BadValue, "timeout_s"),
        ("rules: []\ntimeout_s: .nan", BadValue, "timeout_s"),
        ("rules: [{label: angry}]", BadValue, "behavior"),
        ("rules: [{behavior: go}]", BadValue, "label"),
        ("rules: [{label: cross, behavior: go}]", UnknownLabel, "cross"),
        ("rules: [{label: uncertain, behavior: go}]", UnknownLabel, "uncertain"),
        ("rules: [{label: no_speech, behavior: go}]", UnknownLabel, "no_speech"),
        ("rules: [{label: angry, behavior: ''}]", BadValue, "behavior"),
        (f"rules: [{{{RULE}}}, {{label: rage, behavior: x}}]", BadValue, "one rule for each"),
        (f"rules: [{{{RULE}, min_confidence: 1.1}}]", BadValue, "min_confidence"),
        (f"rules: [{{{RULE}, min_confidence: .nan}}]", BadValue, "min_confidence"),
        (f"rules: [{{{RULE}, min_confidence: high}}]", BadValue, "min_confidence"),
        (f"rules: [{{{RULE}, min_duration_s: -1}}]", BadValue, "min_duration_s"),
        (f"rules: [{{{RULE}, cooldown_s: -1}}]", BadValue, "cooldown_s"),
        (f"rules: [{{{RULE}, cooldown: 1}}]", UnknownKey, "cooldown"),
    ],
)
def test_a_table_without_meaning_is_refused_in_a_sentence(tmp_path, content, error, named):
    file = tmp_path / "table.yaml"
    file.write_text(content)
    with pytest.raises(error, match=named) as caught:
        read_table(file)
    assert isinstance(caught.value, SerError)
    assert "\n" not in str(caught.value)


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(UnreadableConfig, match="No such file"):
        read_table(tmp_path / "missing.yaml")
