"""What the page asks for by HTTP: recordings in, answers out."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ser_ros.errors.web import UploadEncoded, UploadSlow, UploadTooLarge
from ser_ros.web.guard import as_json
from ser_ros.web.receiving import receive
from ser_ros.web.tries import Tries

_NAME_LENGTH = 120


class Api:
    """The handlers; whatever they raise of `SerError` becomes an answer (`Guard`)."""

    def __init__(self, tries: Tries, about: dict[str, Any]) -> None:
        self._tries = tries
        self._about = about

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/about", self.about),
            web.post("/api/try", self.send),
            web.post("/api/baseline", self.learn),
            web.get("/api/try/{id}", self.ask),
            web.delete("/api/try/{id}", self.forget),
            web.get("/api/try/{id}/answer.json", self.download_json),
            web.get("/api/try/{id}/answer.csv", self.download_csv),
            web.post("/api/try/{id}/save", self.save),
        ]

    async def about(self, request: web.Request) -> web.Response:
        return web.json_response(self._about)

    async def send(self, request: web.Request) -> web.Response:
        return await self._take(request, request.query.get("baseline"), learn=False)

    async def learn(self, request: web.Request) -> web.Response:
        return await self._take(request, None, learn=True)

    async def _take(
        self, request: web.Request, baseline_id: str | None, learn: bool
    ) -> web.Response:
        """Receive a file. What is too large, or one too many, is refused before it is read."""
        limits = self._tries.limits
        encoding = request.headers.get("Content-Encoding", "identity")
        if encoding.lower() != "identity":
            raise UploadEncoded(encoding[:40])
        if (request.content_length or 0) > limits.upload_mb << 20:
            raise UploadTooLarge(limits.upload_mb)
        baseline = self._tries.baseline(baseline_id) if baseline_id else None
        with self._tries.place():
            pieces = _pieces(request, limits.idle_s)
            file, digest = await receive(pieces, limits.upload_mb)
            name = _name(request.query.get("name", ""))
            one = self._tries.begin(file, name, digest, baseline, learn)
        return web.json_response({"id": one.id}, status=202)

    async def ask(self, request: web.Request) -> web.Response:
        one = self._tries.get(request.match_info["id"])
        told: dict[str, Any] = {"state": one.state, "share": round(one.share, 4)}
        if one.error is not None:
            told["error"] = as_json(one.error)
        if one.answer is not None:
            told["answer"] = one.answer
        return web.json_response(told)

    async def forget(self, request: web.Request) -> web.Response:
        self._tries.forget(request.match_info["id"])
        return web.json_response({})

    async def save(self, request: web.Request) -> web.Response:
        return web.json_response({"saved": await self._tries.save(request.match_info["id"])})

    async def download_json(self, request: web.Request) -> web.Response:
        answer = self._tries.answer(request.match_info["id"])
        text = json.dumps(answer, indent=1, ensure_ascii=False) + "\n"
        return _download(text, "application/json", f"{answer['name']}.json")

    async def download_csv(self, request: web.Request) -> web.Response:
        answer = self._tries.answer(request.match_info["id"])
        return _download(_csv(answer), "text/csv", f"{answer['name']}.csv")


async def _pieces(request: web.Request, idle_s: float) -> AsyncIterator[bytes]:
    """Yield a body as it comes. Raises `UploadSlow` where nothing does for a while."""
    while True:
        try:
            async with asyncio.timeout(idle_s):
                piece = await request.content.readany()
        except TimeoutError:
            raise UploadSlow(idle_s) from None
        if not piece:
            return
        yield piece


def _name(told: str) -> str:
    """Return a file's own name, without folders or what cannot be printed."""
    last = told.replace("\\", "/").rpartition("/")[2]
    shown = "".join(c for c in last if c.isprintable())[:_NAME_LENGTH].strip()
    return shown or "recording"


def _csv(answer: dict[str, Any]) -> str:
    """Return a row per window."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    first = ("start_s", "duration_s", "label", "confidence")
    last = ("speech_ratio", "level_dbfs")
    writer.writerow((*first, *answer["labels"], *last))
    for window in answer["windows"]:
        writer.writerow(
            (
                *(window[key] for key in first),
                *window["probabilities"],
                *(window[key] for key in last),
            )
        )
    return out.getvalue()


def _download(text: str, kind: str, name: str) -> web.Response:
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_. ") else "_" for c in name)
    # Both ways of telling a name (RFC 6266): what is not ASCII goes into the second.
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return web.Response(
        text=text,
        content_type=kind,
        charset="utf-8",
        headers={"Content-Disposition": disposition},
    )
