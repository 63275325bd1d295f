"""The message types: those that we write, and those that a bag brings its own definitions of."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from rosbags.interfaces import MessageDefinition, MessageDefinitionFormat
from rosbags.serde import SerdeError
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.store import Typestore

from ser_ros.carried import definitions_folder
from ser_ros.errors.bags import MessageUnreadable, TypeDiffers, TypeUnknown

AUDIO_STAMPED = "audio_common_msgs/msg/AudioDataStamped"
AUDIO_PLAIN = "audio_common_msgs/msg/AudioData"
AUDIO_INFO = "audio_common_msgs/msg/AudioInfo"
EMOTION = "ser_ros/msg/Emotion"
EMOTION_STATE = "ser_ros/msg/EmotionState"
GROUND_TRUTH = "ser_ros/msg/GroundTruth"
BOOL = "std_msgs/msg/Bool"

AUDIO_TYPES = (AUDIO_STAMPED, AUDIO_PLAIN)

OURS = (AUDIO_PLAIN, AUDIO_STAMPED, AUDIO_INFO, EMOTION, EMOTION_STATE, GROUND_TRUTH)

Decode = Callable[[bytes], Any]
"""From a serialised message to an object with its fields. Raises `MessageUnreadable`."""

_NAME = re.compile(r"(\w+)/(?:msg/)?(\w+)")


@cache
def typestore() -> Typestore:
    """Return the types of ROS 2, of audio_common_msgs and of this package."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name in OURS:
        package, _, kind = name.split("/")
        text = (definitions_folder(package) / f"{kind}.msg").read_text(encoding="utf-8")
        store.register(get_types_from_msg(text, name))
    return store


def know(name: str) -> Typestore:
    """Return the types with that one among them, from the ROS that is sourced if need be.

    Raises `TypeUnknown`.
    """
    store = typestore()
    match = _NAME.fullmatch(name)
    if match is None:
        raise TypeUnknown(name)
    package, kind = match.groups()
    full = f"{package}/msg/{kind}"
    if full in store.fielddefs:
        return store
    for prefix in filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)):
        path = Path(prefix, "share", package, "msg", f"{kind}.msg")
        if path.is_file():
            break
    else:
        raise TypeUnknown(name)
    try:
        types = get_types_from_msg(path.read_text(encoding="utf-8"), full)
        for _, fields in types.values():
            for part in _NAME.findall(repr(fields)):
                know("/".join(part))
        store.register(types)
    except TypesysError as error:
        raise TypeUnknown(name) from error
    return store


def check(name: str, digest: str) -> None:
    """Make sure that what a publisher sends, by the hash of its type, is what we would call so.

    Two packages are called audio_common_msgs. Raises `TypeUnknown` or `TypeDiffers`.
    """
    if digest.startswith("RIHS01_") and know(name).hash_rihs01(name) != digest:
        raise TypeDiffers(name)


def check_definition(name: str, definition: MessageDefinition) -> None:
    """Make sure that a bag means by a type what is meant by it here, so its bytes can be published.

    What cannot be compared, for one side does not define it in full, passes. Raises `TypeDiffers`.
    """
    if _untold(definition):
        return
    try:
        check(name, _store(name, definition).hash_rihs01(name))
    except (TypeUnknown, TypesysError, KeyError):
        return


def _untold(definition: MessageDefinition) -> bool:
    return definition.format is MessageDefinitionFormat.NONE or not definition.data.strip()


def _store(name: str, definition: MessageDefinition) -> Typestore:
    """Return the types that a bag defines. Raises `TypeUnknown`."""
    parse = {
        MessageDefinitionFormat.MSG: lambda: get_types_from_msg(definition.data, name),
        MessageDefinitionFormat.IDL: lambda: get_types_from_idl(definition.data),
    }[definition.format]
    try:
        store = get_typestore(Stores.EMPTY)
        store.register(parse())
    except (TypesysError, SyntaxError, ValueError) as error:
        raise TypeUnknown(name) from error
    return store


@lru_cache(maxsize=64)
def decoder(name: str, definition: MessageDefinition) -> Decode:
    """Return what decodes a type by the definition that came with it.

    A bag may be older or younger than this package, so its own word goes first; ours stands in
    where it has none. Raises `TypeUnknown`.
    """
    store = know(name) if _untold(definition) else _store(name, definition)

    def decode(raw: bytes) -> Any:
        try:
            return store.deserialize_cdr(raw, name)
        except (SerdeError, KeyError, IndexError, ValueError) as error:
            raise MessageUnreadable(name, str(error)) from error

    return decode
