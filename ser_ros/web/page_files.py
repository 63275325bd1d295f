"""The page's own files, read once: they are small, and no path of a request touches the disk."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path

from aiohttp import web

FOLDER = Path(__file__).resolve().parent / "page"

_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".json": "application/json"}
"""Not left to the machine's own table, with which a module may become plain text."""


class PageFiles:
    """All files below a folder, by their path in the address."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }

    @property
    def languages(self) -> list[str]:
        """The languages there is a file for, English first."""
        found = [n[5:-5] for n in self._files if n.startswith("lang/") and n.endswith(".json")]
        return sorted(found, key=lambda code: (code != "en", code))

    def answer(self, request: web.Request, name: str) -> web.Response:
        """Raises `HTTPNotFound`."""
        content = self._files.get(name)
        if content is None:
            raise web.HTTPNotFound
        tag = hashlib.sha256(content).hexdigest()[:16]
        # Asked for each time, and sent only when it has changed: an old page and a new server
        # would not understand one another.
        headers = {"Cache-Control": "no-cache", "ETag": f'"{tag}"'}
        if f'"{tag}"' in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        suffix = Path(name).suffix
        kind = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        charset = "utf-8" if kind.startswith("text/") or suffix in _TYPES else None
        return web.Response(body=content, content_type=kind, charset=charset, headers=headers)
