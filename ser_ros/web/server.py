"""The server of the page: everything put together, started and ended."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ser_ros import __version__
from ser_ros.web.api import Api
from ser_ros.web.guard import Guard
from ser_ros.web.hub import Hub
from ser_ros.web.limits import Limits
from ser_ros.web.listening import Listener
from ser_ros.web.page_files import PageFiles
from ser_ros.web.saving import SavingFolder
from ser_ros.web.sockets import Microphone, Sockets
from ser_ros.web.tries import Tries

log = logging.getLogger(__name__)

_TIDY_S = 60.0
_END_S = 2.0
"""Given to requests that are being answered when the server ends."""


@dataclass(frozen=True)
class Setting:
    """What a server is made of, beside the model."""

    names: list[str]
    """Hosts that it may be asked for as (`addresses.own_names`)."""
    token: str | None = None
    context: ssl.SSLContext | None = None
    limits: Limits = field(default_factory=Limits)
    saving: SavingFolder | None = None
    ros: bool = False
    microphone: Microphone | None = None
    """What hears a phone; None where no robot does."""


class Server:
    """One page on one port; for one event loop, which may be that of a thread of its own."""

    def __init__(self, listener: Listener, setting: Setting, hub: Hub | None = None) -> None:
        self.hub = hub or Hub()
        self._setting = setting
        self._files = PageFiles()
        self._about = _about(listener, setting, self._files)
        self._listener = listener
        self._runner: web.AppRunner | None = None
        self._tries: Tries | None = None
        self._tidy: asyncio.Task[None] | None = None

    async def start(self, taken: socket.socket) -> None:
        """Serve on a socket (`addresses.listening_socket`)."""
        self.hub.start()
        setting = self._setting
        self._tries = Tries(self._listener, setting.limits, setting.saving)
        guard = Guard(setting.names, setting.token, setting.context is not None)
        app = web.Application(middlewares=[guard.middleware])
        app.on_response_prepare.append(guard.headers)
        sockets = Sockets(self.hub, self._about, setting.limits.viewers, setting.microphone)
        app.on_shutdown.append(sockets.close)
        app.add_routes([*Api(self._tries, self._about).routes(), *sockets.routes()])
        app.add_routes([web.get("/", self._page), web.get("/kiosk", self._page)])
        app.add_routes([web.get("/{name:.+}", self._file)])
        self._runner = web.AppRunner(
            app,
            access_log=None,  # it would tell who listens to whom
            handle_signals=False,
            shutdown_timeout=_END_S,
            auto_decompress=False,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, taken, ssl_context=setting.context).start()
        self._tidy = asyncio.create_task(self._keep_tidy(self._tries))

    async def close(self) -> None:
        """End every recording and every view, and give the port back."""
        if self._tidy is not None:
            self._tidy.cancel()
        if self._tries is not None:
            await self._tries.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        return self._files.answer(request, "index.html")

    async def _file(self, request: web.Request) -> web.Response:
        return self._files.answer(request, request.match_info["name"])

    async def _keep_tidy(self, tries: Tries) -> None:
        """Forget, and delete, what is old, also while nobody asks."""
        while True:
            await asyncio.sleep(_TIDY_S)
            tries.forget_old()
            if tries.saving is not None:
                try:
                    await asyncio.to_thread(tries.saving.age_out)
                except OSError as error:
                    log.warning("The saved recordings cannot be looked through: %s", error)


def _about(listener: Listener, setting: Setting, files: PageFiles) -> dict[str, Any]:
    bundle, limits = listener.bundle, setting.limits
    return {
        "version": __version__,
        "ros": setting.ros,
        "saving": setting.saving is not None,
        "microphone": setting.microphone is not None,
        "model": {
            "name": bundle.name,
            "labels": list(bundle.labels.labels),
            "window_s": bundle.features.window_s,
            "uncertain_below": listener.uncertain_below,
            "baseline": bundle.neutral_logits is not None,
            "description": str(bundle.about.get("description", "")),
            "licence": str(bundle.about.get("licence", "")),
        },
        "limits": {
            "upload_mb": limits.upload_mb,
            "seconds": limits.seconds,
            "at_once": limits.at_once,
        },
        "languages": files.languages,
    }


async def serve(server: Server, taken: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `ready` is called once the page can be opened."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    try:
        await server.start(taken)
        ready()
        await stop.wait()
    finally:
        await server.close()
