"""The server beside other work: an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading

from ser_ros.web.server import Server

_END_S = 10.0


class ServerThread:
    """A server that is started and ended from another thread."""

    def __init__(self, server: Server, taken: socket.socket) -> None:
        """Serve on a socket (`addresses.listening_socket`), and return once it does."""
        self._server = server
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(server.start(taken), self._loop).result()
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """End every view, give the port back, and wait for the thread."""
        try:
            asyncio.run_coroutine_threadsafe(self._server.close(), self._loop).result(_END_S)
        finally:
            self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_S)
        self._loop.close()
