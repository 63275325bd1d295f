"""The room is there for every test of this folder."""

from pulse import room, sound_server  # noqa: F401
