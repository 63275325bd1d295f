"""A server of the page on a free port, and what a page asks of it, by aiohttp's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from ser_ros.web import addresses
from ser_ros.web.hub import Hub
from ser_ros.web.listening import Listener
from ser_ros.web.server import Server, Setting
from ser_ros.web.thread import ServerThread

T = TypeVar("T")
WAIT_S = 60.0


@dataclass
class Served:
    server: Server
    client: aiohttp.ClientSession
    port: int

    async def get(self, path: str, **more: Any) -> tuple[int, Any]:
        return await self.ask("GET", path, **more)

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.client.request(method, path, **more) as answer:
            return answer.status, await answer.json()

    async def send(self, content: Any, path: str = "/api/try?name=voice.wav") -> str:
        status, told = await self.ask("POST", path, data=content)
        assert status == 202, told
        return told["id"]

    async def ended(self, id_: str) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_S):
            while True:
                status, told = await self.get(f"/api/try/{id_}")
                assert status == 200, told
                assert 0 <= told["share"] <= 1
                if told["state"] in ("done", "failed"):
                    return told
                assert told["state"] in ("waiting", "decoding", "listening")
                await asyncio.sleep(0.02)

    async def heard(self, content: Any, path: str = "/api/try?name=voice.wav") -> dict[str, Any]:
        told = await self.ended(await self.send(content, path))
        assert told["state"] == "done", told
        return told["answer"]


@asynccontextmanager
async def serving(
    listener: Listener, host: str = "127.0.0.1", cookies: Any = None, **setting: Any
) -> AsyncIterator[Served]:
    taken = addresses.listening_socket(host, 0)
    port = taken.getsockname()[1]
    server = Server(listener, Setting(addresses.own_names(host), **setting))
    await server.start(taken)
    jar = aiohttp.CookieJar(unsafe=True)  # of an address rather than a name
    scheme = "https" if setting.get("context") else "http"
    try:
        async with aiohttp.ClientSession(f"{scheme}://127.0.0.1:{port}", cookie_jar=jar) as client:
            yield Served(server, client, port)
    finally:
        await server.close()
        taken.close()


async def news(live: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """Return what a live view is told next, but for the signs of life."""
    while (told := await live.receive_json())["type"] == "alive":
        pass
    return told


@contextmanager
def served_aside(
    listener: Listener, hub: Hub | None = None, port: int = 0, **setting: Any
) -> Iterator[str]:
    """Serve in a thread, as the dashboard does; yield the address."""
    host = "127.0.0.1"
    taken = addresses.listening_socket(host, port)
    url = addresses.url(host, taken.getsockname()[1], secure=False)
    server = ServerThread(
        Server(listener, Setting(addresses.own_names(host), **setting), hub), taken
    )
    try:
        yield url
    finally:
        server.close()


def run(work: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(2 * WAIT_S):
            return await work

    return asyncio.run(limited())
