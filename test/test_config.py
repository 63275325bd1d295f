"""YAML to dataclasses: what is not understood is refused in a sentence that names the place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from ser_ros.config import build, read_yaml
from ser_ros.errors.config import BadValue, ConfigError, UnknownKey, UnreadableConfig


@dataclass(frozen=True)
class Inner:
    size: float = 1.0
    pair: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class Outer:
    name: str
    count: int = 1
    switch: bool = False
    maybe: int | None = None
    words: tuple[str, ...] = ()
    table: Mapping[str, str] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    many: tuple[Inner, ...] = ()


def test_everything_that_is_understood(tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(
        "name: a\ncount: 3\nswitch: true\nmaybe: null\nwords: [x, y]\ntable: {calm: neutral}\n"
        "inner: {size: 2, pair: [1, 2.5]}\nmany: [{size: 4}, {}]\n"
    )
    made = build(Outer, read_yaml(file), "all.yaml")
    assert made == Outer(
        "a",
        3,
        True,
        None,
        ("x", "y"),
        {"calm": "neutral"},
        Inner(2.0, (1.0, 2.5)),
        (Inner(4.0), Inner()),
    )
    assert isinstance(made.inner.size, float)


def test_a_number_without_a_point_before_its_exponent(tmp_path):
    file = tmp_path / "number.yaml"
    file.write_text("size: 6e-4\n")
    assert build(Inner, read_yaml(file), "number.yaml").size == 6e-4
    file.write_text("size: 6e\n")
    with pytest.raises(BadValue):
        build(Inner, read_yaml(file), "number.yaml")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"name": 3}, "here.name"),
        ({"name": None}, "here.name"),
        ({"name": "a", "count": "many"}, "here.count"),
        ({"name": "a", "count": 1.5}, "here.count"),
        ({"name": "a", "count": True}, "here.count"),
        ({"name": "a", "switch": 1}, "here.switch"),
        ({"name": "a", "maybe": "x"}, "here.maybe"),
        ({"name": "a", "words": "xy"}, "here.words"),
        ({"name": "a", "words": [1]}, "here.words"),
        ({"name": "a", "table": ["calm"]}, "here.table"),
        ({"name": "a", "table": {"calm": 1}}, "here.table.calm"),
        ({"name": "a", "inner": 1}, "here.inner"),
        ({"name": "a", "inner": {"size": "big"}}, "here.inner.size"),
        ({"name": "a", "inner": {"size": False}}, "here.inner.size"),
        ({"name": "a", "inner": {"size": 10**400}}, "here.inner.size"),
        ({"name": "a", "inner": {"size": float("nan")}}, "here.inner.size"),
        ({"name": "a", "inner": {"pair": [1]}}, "here.inner.pair"),
        ({"name": "a", "inner": {"pair": [1, 2, 3]}}, "here.inner.pair"),
        ({"name": "a", "many": [{"size": []}]}, "here.many.size"),
        ({}, "here"),
    ],
)
def test_a_wrong_kind_of_value_is_refused_with_its_place(values, place):
    with pytest.raises(BadValue) as caught:
        build(Outer, values, "here")
    assert str(caught.value).startswith(f"{place} is ")
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    "values", [{"name": "a", "cuont": 1}, {"name": "a", "inner": {"cuont": 1}}, {"cuont": 1}]
)
def test_an_unknown_key_is_refused_and_the_known_ones_are_listed(values):
    with pytest.raises(UnknownKey, match=r"'cuont'.*expected one of") as caught:
        build(Outer, values, "here")
    assert ("size" if "inner" in values else "count") in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"- a list\n",
        b"just words\n",
        b"a: [1, 2\n",
        b"a: {b: c\n",
        b"\xff\xfe\x00",
        b"a: \x00\n",
        b"a: 2024-13-45\n",
        b"a: !!int xyz\n",
        b"a: !!python/object/apply:os.getcwd []\n",
        b"a: &x [*y]\n",
        b"\t- tabs\n",
        b"a: " + b"[" * 3000,
    ],
)
def test_a_broken_file_is_one_sentence_with_its_name(tmp_path, content):
    file = tmp_path / "broken.yaml"
    file.write_bytes(content)
    with pytest.raises(UnreadableConfig) as caught:
        read_yaml(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path):
    for path in (tmp_path / "missing.yaml", tmp_path):
        with pytest.raises(ConfigError, match=r"cannot be read \(.+\)"):
            read_yaml(path)
