"""The tree of errors is whole, and an error goes from process to process."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest
from programs import ROOT

from ser_ros import errors
from ser_ros.errors import SerError
from ser_ros.errors.machine import CannotWrite, MissingExtra
from ser_ros.errors.web import MicrophoneRefused, UploadSlow


def all_errors(kind: type[SerError] = SerError) -> Iterator[type[SerError]]:
    for below in kind.__subclasses__():
        yield below
        yield from all_errors(below)


def test_the_tree_shows_every_error_under_its_branch():
    for module in iter_modules(errors.__path__):
        import_module(f"ser_ros.errors.{module.name}")
    drawn: dict[str, set[str]] = {}
    branch = ""
    for line in (errors.__doc__ or "").splitlines():
        words = re.findall(r"\w+", line)
        if "──" in line:
            branch, *words = words
        elif not line.startswith("    ") or words == ["SerError"]:
            continue
        drawn.setdefault(branch, set()).update(words)
    ours = [kind for kind in all_errors() if kind.__module__.startswith("ser_ros.errors.")]
    assert set(drawn) == {kind.__name__ for kind in ours if kind.__base__ is SerError}
    for kind in ours:
        if kind.__base__ is not SerError:
            assert kind.__base__ is not None
            assert kind.__name__ in drawn[kind.__base__.__name__]
    assert sum(map(len, drawn.values())) + len(drawn) == len(ours)


def test_an_error_is_the_same_in_another_process():
    for error in (CannotWrite("a", "full"), MicrophoneRefused("taken", "It is."), UploadSlow(2.0)):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)


@pytest.mark.parametrize("extra", ["dask", "train", "web"])
def test_what_is_to_be_installed_for_an_extra_is_there(extra):
    remedy = str(MissingExtra("this", extra))
    named = re.findall(r"-r (\S+\.txt)", remedy)
    told = [remedy, *((ROOT / path).read_text(encoding="utf-8") for path in named)]
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    needed = re.search(rf'"{extra}": \[(.*?)\]', setup, re.S)
    assert needed
    for package in re.findall(r'"([\w-]+)[=><]', needed[1]):
        assert any(package in text for text in told), package
    option = f"scripts/setup --{extra}"
    assert (option in remedy) == (f"--{extra}) " in (ROOT / "scripts/setup").read_text())
