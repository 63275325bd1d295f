"""The viewers' process: `python -m ser_ros.benchmark.viewers.audience ADDRESS`.

A line in is a word, and a line of JSON answers it:

    here     asks whether it is there
    open N   opens N views that behave as a browser does, and one that nobody reads
    stuck    gives that one up, and opens another
    close    closes all of them, and says what each of them saw

Times are of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

_PATH = "/ws/live"

_DEFLATE = 15
"""Browsers ask for compressed messages, with the largest window."""

_BUFFER_BYTES, _SEGMENT_BYTES = 4096, 1400
"""What a stuck view takes at most, and what fits a packet of a real network; the loopback's own
packets and buffers are so large that it would take minutes to fill them."""

_DRAIN_S = 0.5
"""Seconds for which a stuck view is read at its end."""

TOLD = ("window", "state")
"""Messages whose way is timed; their `stamp` tells them from one another."""


@dataclass
class View:
    """What one viewer saw."""

    opened_s: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    """Messages by their type."""
    arrived: list[tuple[str, float, float]] = field(default_factory=list)
    """(type, stamp, time) of each message that is timed."""
    gap_s: float = 0.0
    """Seconds that it was told to have missed."""
    ended: bool = False
    """Whether the server ended it."""

    def take(self, now_s: float, message: dict[str, Any]) -> None:
        kind = message["type"]
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if kind in TOLD:
            self.arrived.append((kind, message["stamp"], now_s))
        elif kind == "gap":
            self.gap_s += message["seconds"]


class Stuck:
    """A view that nobody reads: what it is sent fills its window, then waits at the server."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname and parts.port
        self._server = (parts.hostname, parts.port)
        self._socket = socket.socket()
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)

    async def open(self) -> None:
        # A library would read what comes.
        loop, (host, port) = asyncio.get_running_loop(), self._server
        await loop.sock_connect(self._socket, self._server)
        asked = (
            f"GET {_PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await loop.sock_sendall(self._socket, asked.encode())

    async def close(self) -> dict[str, Any]:
        """Read at last what there is, and return what that was."""
        unsent = self._unsent()
        with self._socket:
            came, ended = await self._drain()
        return {
            "unsent_bytes": unsent,
            "windows": came.count(b'"type": "window"'),
            "gaps": came.count(b'"type": "gap"'),
            "ended": ended,
        }

    def _unsent(self) -> int:
        """Return the bytes that wait in the server's kernel, as Linux tells them."""
        own = self._socket.getsockname()[1]
        for local, remote, queues in _connections():
            if (local, remote) == (self._server[1], own):
                return int(queues.partition(":")[0], 16)
        return 0

    async def _drain(self) -> tuple[bytes, bool]:
        loop, came = asyncio.get_running_loop(), bytearray()
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_DRAIN_S):
                while more := await loop.sock_recv(self._socket, 1 << 16):
                    came += more
                return bytes(came), True
        return bytes(came), False


def _connections() -> Iterator[tuple[int, int, str]]:
    """Yield (local port, remote port, `sent:received` bytes that wait) of IPv4."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, _, queues, *_ = line.split()
        yield int(local[-4:], 16), int(remote[-4:], 16), queues


class Audience:
    """All viewers of a page."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address.rstrip("/")
        self._views: list[View] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._stuck: Stuck | None = None

    async def obey(self, word: str, *more: str) -> Any:
        if word == "open":
            return await self._open(int(more[0]))
        if word == "stuck":
            return [await self._end_stuck(), await self._begin_stuck()]
        return await self._close() if word == "close" else None

    async def _open(self, count: int) -> float:
        """Open the views; return when all of them were."""
        self._views = [View() for _ in range(count)]
        opened = [asyncio.Event() for _ in self._views]
        self._tasks = [
            asyncio.create_task(self._watch(view, event))
            for view, event in zip(self._views, opened, strict=True)
        ]
        greeted: asyncio.Future[Any] = asyncio.gather(*(event.wait() for event in opened))
        # A view that is refused ends before it is open.
        first: list[asyncio.Future[Any]] = [greeted, *self._tasks]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        for task in self._tasks:
            if task.done():
                task.result()
        await greeted
        return await self._begin_stuck()

    async def _watch(self, view: View, opened: asyncio.Event) -> None:
        async with self._session.ws_connect(
            self._address + _PATH, origin=self._address, compress=_DEFLATE
        ) as line:
            async for message in line:
                view.take(time.monotonic(), json.loads(message.data))
                if not opened.is_set():
                    view.opened_s = time.monotonic()
                    opened.set()
        view.ended = True

    async def _begin_stuck(self) -> float:
        self._stuck = Stuck(self._address)
        await self._stuck.open()
        return time.monotonic()

    async def _end_stuck(self) -> dict[str, Any]:
        assert self._stuck
        found, self._stuck = await self._stuck.close(), None
        return found

    async def _close(self) -> dict[str, Any]:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return {"views": [asdict(view) for view in self._views], "stuck": await self._end_stuck()}


async def _listen(address: str) -> None:
    async with aiohttp.ClientSession() as session:
        audience = Audience(session, address)
        while words := (await asyncio.to_thread(sys.stdin.readline)).split():
            print(json.dumps(await audience.obey(*words)), flush=True)


def main() -> int:
    """Obey until stdin ends; 1, with a sentence on stderr, where a view cannot be opened."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    try:
        asyncio.run(_listen(sys.argv[1]))
    except (aiohttp.ClientError, OSError) as error:
        print(f"A view could not be opened: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
