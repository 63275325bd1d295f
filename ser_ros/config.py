"""YAML files to dataclasses: a key that nobody knows and a value of the wrong kind are refused."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from ser_ros.errors.config import BadValue, UnknownKey, UnreadableConfig

T = TypeVar("T")

_POINTLESS = re.compile(r"[-+]?\d+[eE][-+]?\d+")
"""A number such as 1e-3, which YAML 1.1, and so PyYAML, takes for text: it asks for 1.0e-3."""


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a YAML mapping. Raises `UnreadableConfig` with the line where it breaks."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableConfig(path, error.strerror or str(error)) from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date or a tag that cannot be
        raise UnreadableConfig(path, " ".join(str(error).split())) from error
    except RecursionError as error:
        raise UnreadableConfig(path, "it is nested too deep") from error
    if not isinstance(content, dict):
        raise UnreadableConfig(path, "it is not a mapping of keys to values")
    return content


def build(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """Make a dataclass from a mapping, nested dataclasses too.

    Raises `UnknownKey` or `BadValue`, which name the place as `where.key`; what the dataclass
    itself checks is for its own `__post_init__`.
    """
    hints = get_type_hints(kind)
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    arguments: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UnknownKey(where, str(key), known)
        arguments[key] = _convert(hints[key], value, f"{where}.{key}")
    try:
        return kind(**arguments)
    except TypeError as error:
        raise BadValue(where, dict(values), f"all of the keys it needs ({error})") from error


def _convert(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise BadValue(where, value, "a mapping")
        return build(hint, value, where)  # type: ignore[arg-type]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        if value is None and type(None) in arguments:
            return None
        members = [a for a in arguments if a is not type(None)]
        lists = [a for a in members if get_origin(a) is tuple]
        return _convert(lists[0] if lists and isinstance(value, list) else members[0], value, where)
    if origin is tuple:
        if not isinstance(value, list) or (
            arguments[-1] is not ... and len(value) != len(arguments)
        ):
            raise BadValue(where, value, "a list" if arguments[-1] is ... else "a pair")
        kinds = [arguments[0]] * len(value) if arguments[-1] is ... else arguments
        return tuple(_convert(kind, item, where) for kind, item in zip(kinds, value, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise BadValue(where, value, "a mapping")
        return {str(k): _convert(arguments[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise BadValue(where, f"a whole number of {len(str(value))} digits", "less") from error
    if hint is float and isinstance(value, str) and _POINTLESS.fullmatch(value):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise BadValue(where, value, f"a value of type {hint.__name__}")
    if isinstance(value, float) and math.isnan(value):
        # It would pass every check of the kind `value < 0`.
        raise BadValue(where, value, "a number")
    return value
