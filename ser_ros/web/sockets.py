"""The two WebSockets: the live view, and a phone as the robot's microphone."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any, Protocol

from aiohttp import WSCloseCode, WSMsgType, web

from ser_ros.audio import RATES
from ser_ros.errors import SerError
from ser_ros.errors.web import MicrophoneRefused, TooManyViewers
from ser_ros.web.guard import as_json
from ser_ros.web.hub import Hub, Viewer

_HEARTBEAT_S = 15.0
"""A phone that sleeps answers none, and is then taken off."""

_ALIVE_S = 2.0
"""A view is told something at least so often: a page sees no heartbeat, and a line that died while
a phone slept, or with its network, ends without a word. `page/link.js` waits a few of them."""

_FIRST_S = 10.0
_WORD_BYTES = 4096
"""A live view has nothing to say."""
_SOUND_BYTES = 1 << 18
"""A message of sound; 2.7 s at 48 kHz."""

_AHEAD_S = 10.0
_FASTER = 1.25
"""A microphone cannot be faster than time; what a network held up may come at once."""


_ALIVE = json.dumps({"type": "alive"})


class Microphone(Protocol):
    """What hears a phone. No method may wait: the event loop calls them."""

    def begin(self, rate: int) -> None:
        """Begin a stretch of mono S16LE at `rate` Hz; a `SerError` refuses it."""

    def hear(self, pcm: bytes) -> None:
        """Take what it heard; a `SerError` ends it."""

    def end(self) -> None: ...


class Sockets:
    """The handlers."""

    def __init__(
        self, hub: Hub, about: dict[str, Any], viewers: int, microphone: Microphone | None
    ) -> None:
        self._hub = hub
        self._about = about
        self._limit = viewers
        self._microphone = microphone
        self._taken = False
        self._open: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/ws/live", self.live, allow_head=False),
            web.get("/ws/microphone", self.microphone, allow_head=False),
        ]

    async def close(self, _: web.Application) -> None:
        """End all of them, when the server ends."""
        ends = [socket.close(code=1001, message=b"the server ends") for socket in self._open]
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*ends, return_exceptions=True)

    async def live(self, request: web.Request) -> web.StreamResponse:
        if self._hub.viewers >= self._limit:
            raise TooManyViewers(self._limit)
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=_WORD_BYTES)
        viewer = self._hub.enter(request.query.get("page", "")[:64])
        self._open.add(socket)
        teller: asyncio.Task[None] | None = None
        try:
            await socket.prepare(request)
            teller = asyncio.create_task(self._tell(socket, viewer))
            async for _ in socket:  # whatever it says, until it goes
                pass
        finally:
            self._hub.leave(viewer)
            self._open.discard(socket)
            if socket.close_code == WSCloseCode.ABNORMAL_CLOSURE and request.transport is not None:
                # Who answers no heartbeat takes none of what still waits to be sent either, and
                # to close in order would keep it for as long as the line stays.
                request.transport.abort()
            if teller is not None:
                teller.cancel()
                await asyncio.gather(teller, return_exceptions=True)
        return socket

    async def _tell(self, socket: web.WebSocketResponse, viewer: Viewer) -> None:
        with suppress(ConnectionError):  # it goes; who reads from it notices too
            await socket.send_json({"type": "hello", "about": self._about, "now": time.time()})
            while True:
                try:
                    async with asyncio.timeout(_ALIVE_S):
                        word = await viewer.get()
                except TimeoutError:
                    word = _ALIVE
                await socket.send_str(word)

    async def microphone(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=_SOUND_BYTES)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await self._hear(socket, request.query.get("page", "")[:64])
        except SerError as error:
            with suppress(ConnectionError):
                await socket.send_json({"type": "refused", **as_json(error)})
        finally:
            self._open.discard(socket)
            await socket.close()
        return socket

    async def _hear(self, socket: web.WebSocketResponse, page: str) -> None:
        """Hand on what a phone hears until it ends. Raises `SerError`."""
        microphone = self._microphone
        if microphone is None:
            raise MicrophoneRefused(
                "no_ros", "No robot listens here: this server runs without ROS; start `dashboard`."
            )
        rate = await _first(socket)
        if self._taken:
            raise MicrophoneRefused(
                "taken", "Another phone is the robot's microphone; end it there first."
            )
        self._taken = True
        try:
            microphone.begin(rate)
            try:
                self._hub.publish({"type": "microphone", "on": True, "page": page})
                await socket.send_json({"type": "on"})
                await _stream(socket, rate, microphone)
            finally:
                microphone.end()
                self._hub.publish({"type": "microphone", "on": False, "page": page})
        finally:
            self._taken = False


async def _first(socket: web.WebSocketResponse) -> int:
    """Return the rate that the first message tells. Raises `MicrophoneRefused`."""
    low, high = RATES
    wrong = MicrophoneRefused(
        "bad_start",
        f"The first message is no JSON object with a rate of {low} to {high} Hz and channels 1; "
        "send that first, then 16-bit samples.",
    )
    try:
        async with asyncio.timeout(_FIRST_S):
            message = await socket.receive()
        told = json.loads(message.data) if message.type == WSMsgType.TEXT else None
    except (TimeoutError, ValueError, RecursionError):
        raise wrong from None
    rate = told.get("rate") if isinstance(told, dict) else None
    if not isinstance(told, dict) or type(rate) is not int or told.get("channels", 1) != 1:
        raise wrong
    if not low <= rate <= high:
        raise wrong
    return int(rate)


async def _stream(socket: web.WebSocketResponse, rate: int, microphone: Microphone) -> None:
    """Raises `MicrophoneRefused` for what is no sound, or faster than sound is."""
    began, heard = time.monotonic(), 0
    async for message in socket:
        if message.type != WSMsgType.BINARY or len(message.data) % 2:
            raise MicrophoneRefused(
                "bad_sound", "A message is no whole number of 16-bit samples; send nothing else."
            )
        heard += len(message.data)
        if heard / 2 / rate > (time.monotonic() - began) * _FASTER + _AHEAD_S:
            raise MicrophoneRefused(
                "too_fast", f"More sound came than {rate} Hz give; tell the rate as it is."
            )
        microphone.hear(message.data)
