"""What the live views are told: newest wins, and a slow viewer slows nobody.

Each viewer has a short queue of its own. What does not fit pushes out the oldest, and the viewer is
told of a gap in its place.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]

KEPT = ("state", "health", "microphone")
"""What holds until it changes: the newest of each is told to newcomers, and again after a gap."""

_QUEUE = 32
"""Messages; some three seconds of a lively robot."""


class Viewer:
    """One live view's queue."""

    def __init__(self, hub: Hub, page: str, size: int, now: Callable[[], float]) -> None:
        self.page = page
        """What tells this page from the others, or nothing."""
        self._hub = hub
        self._now = now
        self._size = size
        self._queue: deque[tuple[float, str]] = deque()
        self._missed_since: float | None = None
        self._news = asyncio.Event()

    def put(self, text: str) -> None:
        if len(self._queue) >= self._size:
            came, _ = self._queue.popleft()
            if self._missed_since is None:
                self._missed_since = came
        self._queue.append((self._now(), text))
        self._news.set()

    async def get(self) -> str:
        """Wait for the next message, as JSON; a gap is told before what comes after it."""
        while not self._queue:
            self._news.clear()
            await self._news.wait()
        if self._missed_since is not None:
            again = self._queue[0][0]
            seconds, ago = max(0.0, again - self._missed_since), self._now() - again
            self._missed_since = None
            held = self._hub.kept_for(self)
            # What holds goes to the front, and may be older than what waits: it is told first.
            self._queue.extendleft((again, text) for text in reversed(held))
            return json.dumps({"type": "gap", "seconds": round(seconds, 3), "ago": round(ago, 3)})
        return self._queue.popleft()[1]


class Hub:
    """Tells every viewer; for one event loop, but for `publish_threadsafe`."""

    def __init__(self, queue: int = _QUEUE, now: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._now = now
        self._viewers: set[Viewer] = set()
        self._kept: dict[str, Message] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def start(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def publish(self, message: Message) -> None:
        """Tell a message, an object with a `type`, to all viewers; it never waits."""
        if message["type"] in KEPT:
            self._kept[message["type"]] = message
        text = None if message["type"] == "microphone" else json.dumps(message)
        for viewer in self._viewers:
            viewer.put(text if text is not None else _for(viewer, message))

    def publish_threadsafe(self, message: Message) -> None:
        """Tell a message from any thread; before the start, and after the end, to nobody."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop was closed
                self._loop.call_soon_threadsafe(self.publish, message)

    def enter(self, page: str = "") -> Viewer:
        """Begin a view; it is told at once what holds."""
        viewer = Viewer(self, page, self._queue, self._now)
        for text in self.kept_for(viewer):
            viewer.put(text)
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)

    def kept_for(self, viewer: Viewer) -> list[str]:
        return [_for(viewer, message) for message in self._kept.values()]


def _for(viewer: Viewer, message: Message) -> str:
    """Write a message for a viewer, which alone is told that the microphone is its own."""
    if message["type"] != "microphone":
        return json.dumps(message)
    mine = bool(viewer.page) and message.get("page") == viewer.page
    return json.dumps({"type": "microphone", "on": message["on"], "by_you": mine})
