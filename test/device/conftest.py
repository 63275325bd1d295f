"""The room is there for every test of this folder, and a ROS graph where there is ROS."""

from contextlib import suppress

from pulse import room, sound_server  # noqa: F401

with suppress(ImportError):
    from graph import graph  # noqa: F401
