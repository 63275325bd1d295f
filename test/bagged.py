"""Bags for tests: made of the carried recordings, or message by message."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from ser_ros.bags import types
from ser_ros.bags.making import Making, make_bag
from ser_ros.bags.reading import Message, open_bag
from ser_ros.bags.records import Record
from ser_ros.carried import recordings_folder
from ser_ros.corpora import read_manifest

SECOND = 10**9
START = 1_700_000_000 * SECOND


def make(path: Path, *clips: int, **told: Any) -> Path:
    """Make a bag of the carried recordings of these numbers, or of all."""
    carried = read_manifest(recordings_folder() / "manifest.csv")
    make_bag([carried[n] for n in clips] if clips else carried, path, Making(**told))
    return path


def messages(path: Path) -> list[Message]:
    with open_bag(path) as bag:
        return list(bag.messages())


def records(path: Path, audio: str = "") -> list[Record]:
    with open_bag(path) as bag:
        return list(bag.records(bag.audio_topic(audio)))


def header(ns: int) -> Any:
    store = types.typestore().types
    stamp = store["builtin_interfaces/msg/Time"](sec=ns // SECOND, nanosec=ns % SECOND)
    return store["std_msgs/msg/Header"](stamp=stamp, frame_id="head")


def sound(ns: int, samples: int = 160) -> tuple[str, dict[str, Any]]:
    """Return a chunk of silence, as (type, fields)."""
    data = types.typestore().types[types.AUDIO_PLAIN](data=np.zeros(2 * samples, np.uint8))
    return types.AUDIO_STAMPED, {"header": header(ns), "audio": data}


def plain(samples: int = 160) -> tuple[str, dict[str, Any]]:
    return types.AUDIO_PLAIN, {"data": np.zeros(2 * samples, np.uint8)}


def info(rate: int = 16_000, sample_format: str = "S16LE", coding: str = "wave") -> Any:
    fields = {"channels": 1, "sample_rate": rate, "bitrate": 0, "coding_format": coding}
    return types.AUDIO_INFO, fields | {"sample_format": sample_format}


def write(
    path: Path,
    *said: tuple[str, int, tuple[str, dict[str, Any]]],
    storage: str = "mcap",
    compression: str = "none",
    chunk: int = 1,
) -> Path:
    """Write (topic, ns, (type, fields)) by rosbags alone, `chunk` messages to an MCAP chunk."""
    store = types.typestore()
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections: dict[tuple[str, str], Any] = {}
        for number, (topic, ns, (kind, fields)) in enumerate(said, 1):
            if (topic, kind) not in connections:
                connections[topic, kind] = writer.add_connection(topic, kind, typestore=store)
            raw = store.serialize_cdr(store.types[kind](**fields), kind)
            writer.write(connections[topic, kind], ns, raw)
            if storage == "mcap" and number % chunk == 0:
                writer.storage.close_chunk()
    return path


def write_foreign(path: Path, topic: str, kind: str, definition: str, **fields: Any) -> Path:
    """Write one message of a type whose definition is not ours."""
    store = get_typestore(Stores.ROS2_JAZZY)
    known = types.typestore()
    store.register(
        {
            name: known.fielddefs[name]
            for name in types.OURS
            if name != kind and kind not in repr(known.fielddefs[name])
        }
    )
    store.register(get_types_from_msg(definition, kind))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(topic, kind, typestore=store)
        writer.write(connection, START, store.serialize_cdr(store.types[kind](**fields), kind))
    return path
