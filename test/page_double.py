"""A server that speaks to the page as the real one does, and does what a test tells it to.

It hears for real: what is sent to it is decoded, and judged by the classifier that it was given. It
also refuses, falls silent and hangs up on demand, which the real one does not.
"""

from __future__ import annotations

import asyncio
import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from aiohttp import WSMsgType, web

from ser_ros import audio
from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.classifier import Classifier
from ser_ros.features import FeatureConfig, ImageMaker

PAGE = Path(__file__).resolve().parent.parent / "ser_ros" / "web" / "page"

POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def pictures(samples: Samples) -> dict[str, Any]:
    """Return envelope and spectrogram of samples at 16 kHz, as the messages carry them."""
    maker = ImageMaker(FeatureConfig())
    padded = np.pad(samples, (0, max(0, 1600 - len(samples)))).astype("f4")
    decibels = maker.decibels(padded)
    grey = np.clip((decibels + 60) / 80 * 255, 0, 255).astype(np.uint8)
    parts = np.array_split(padded, min(len(padded), max(8, len(padded) // 400)))
    return {
        "low": [int(np.clip(part.min() * 127, -128, 127)) for part in parts],
        "high": [int(np.clip(part.max() * 127, -128, 127)) for part in parts],
        "spectrogram": {
            "bands": grey.shape[0],
            "frames": grey.shape[1],
            "data": base64.b64encode(grey.tobytes()).decode(),
        },
    }


def said(estimate: Any) -> dict[str, Any]:
    return {
        "label": estimate.label,
        "confidence": float(estimate.confidence),
        "probabilities": [float(p) for p in estimate.probabilities],
        "speech_ratio": float(estimate.speech_ratio),
        "level_dbfs": float(estimate.level_dbfs),
    }


def live_messages(samples: Samples, judge: Classifier, start: float) -> list[dict[str, Any]]:
    """Return what the nodes would have said of samples that begin at `start`, in seconds."""
    messages: list[dict[str, Any]] = []
    hop, labels = judge.window // 2, list(judge.labels)
    since, before = start, None
    for first in range(0, len(samples) - judge.window + 1, hop):
        at_s = start + first / NETWORK_RATE
        end_s = at_s + judge.window / NETWORK_RATE
        piece = samples[first : first + hop]
        sound = pictures(piece) | {"stamp": at_s, "seconds": len(piece) / NETWORK_RATE}
        messages.append({"type": "sound"} | sound)
        heard = said(judge(samples[first : first + judge.window])) | {"labels": labels}
        window = heard | {"stamp": at_s, "duration_s": judge.window / NETWORK_RATE, "lost": 0}
        messages.append({"type": "window", "latency_s": 0.021, "model": judge.bundle.name} | window)
        if heard["label"] != before:
            before, since = heard["label"], end_s - hop / NETWORK_RATE
        messages.append({"type": "state"} | heard | {"stamp": end_s, "since": since})
    return messages


class Double:
    """The server, on a thread and a port of its own."""

    def __init__(self, judge: Classifier, ros: bool = True, saving: bool = False) -> None:
        self.judge, self.ros, self.saving = judge, ros, saving
        self.viewers: set[web.WebSocketResponse] = set()
        self.answers: dict[str, dict[str, Any]] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuse: dict[str, Any] | None = None
        """An error with which every upload is answered."""
        self.microphone_refused: dict[str, Any] | None = None
        self.microphone: list[Any] = []
        self.down = False
        self.loop = asyncio.new_event_loop()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def about(self) -> dict[str, Any]:
        model = {
            "name": self.judge.bundle.name,
            "labels": list(self.judge.labels),
            "window_s": self.judge.window / NETWORK_RATE,
            "uncertain_below": 0.62,
            "description": "for a test",
            "licence": "Apache-2.0",
        }
        limits = {"upload_mb": 3, "seconds": 60, "at_once": 4}
        languages = sorted(path.stem for path in (PAGE / "lang").glob("*.json"))
        return {
            "version": "0.1.0",
            "ros": self.ros,
            "saving": self.saving,
            "model": model,
            "limits": limits,
            "languages": languages,
        }

    # ── what a test does ──────────────────────────────────────────────────────────────────────

    def say(self, *messages: dict[str, Any]) -> None:
        async def send() -> None:
            for viewer in list(self.viewers):
                for message in messages:
                    await viewer.send_json(message)

        asyncio.run_coroutine_threadsafe(send(), self.loop).result(10)

    def hang_up(self) -> None:
        """Close every line, and take no new one until `take_up`."""
        self.down = True

        async def close() -> None:
            for viewer in list(self.viewers):
                await viewer.close()

        asyncio.run_coroutine_threadsafe(close(), self.loop).result(10)

    def take_up(self) -> None:
        self.down = False

    def wait_for_viewer(self, seconds: float = 15) -> None:
        end = time.monotonic() + seconds
        while not self.viewers:
            assert time.monotonic() < end, "the page has opened no line"
            time.sleep(0.02)

    # ── what the page asks ────────────────────────────────────────────────────────────────────

    async def live(self, request: web.Request) -> web.StreamResponse:
        if self.down:
            raise web.HTTPServiceUnavailable
        viewer = web.WebSocketResponse()
        await viewer.prepare(request)
        await viewer.send_json({"type": "hello", "about": self.about(), "now": time.time()})
        self.viewers.add(viewer)
        alive = asyncio.create_task(self.live_on(viewer))
        try:
            async for _ in viewer:
                pass
        finally:
            alive.cancel()
            self.viewers.discard(viewer)
        return viewer

    async def live_on(self, viewer: web.WebSocketResponse) -> None:
        while not viewer.closed:
            await asyncio.sleep(1)
            await viewer.send_json({"type": "alive"})

    async def take_microphone(self, request: web.Request) -> web.StreamResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        async for message in line:
            if message.type is WSMsgType.TEXT:
                self.microphone.append(message.json())
                refused = self.microphone_refused
                await line.send_json({"type": "refused"} | refused if refused else {"type": "on"})
            else:
                self.microphone.append(message.data)
        self.microphone.append("closed")
        return line

    async def upload(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.path, request.query_string))
        if self.refuse:
            return web.json_response({"error": self.refuse}, status=400)
        name = str(len(self.asked))
        answer = await asyncio.to_thread(self.hear, request, body)
        self.answers[name] = {"polls": 0, "answer": answer}
        return web.json_response({"id": name}, status=202)

    def hear(self, request: web.Request, body: bytes) -> dict[str, Any]:
        samples, rate = soundfile.read(io.BytesIO(body), dtype="float32")
        heard = audio.Resampler(rate, NETWORK_RATE).push(samples.reshape(-1, 1))[:, 0]
        if request.path == "/api/baseline":
            return {"seconds": len(heard) / NETWORK_RATE}
        whole, windows = self.judge.clip(heard, self.judge.window // 2)
        hop_s = self.judge.window / 2 / NETWORK_RATE
        picture = pictures(heard)
        without = {k: said(whole)[k] for k in ("label", "confidence", "probabilities")}
        used = request.query.get("baseline")
        return said(whole) | {
            "name": request.query["name"],
            "duration_s": len(heard) / NETWORK_RATE,
            "sha256": "0" * 64,
            "model": self.judge.bundle.name,
            "labels": list(self.judge.labels),
            "uncertain_below": 0.62,
            "windows": [
                {"start_s": i * hop_s, "duration_s": 2 * hop_s} | said(window)
                for i, window in enumerate(windows)
            ],
            "envelope": {"low": picture["low"], "high": picture["high"]},
            "spectrogram": picture["spectrogram"],
            "baseline": {"id": used, "seconds": 10.0, "without": without} if used else None,
        }

    async def progress(self, request: web.Request) -> web.Response:
        kept = self.answers[request.match_info["id"]]
        kept["polls"] += 1
        if kept["polls"] < 3:
            return web.json_response({"state": "listening", "share": kept["polls"] / 3})
        return web.json_response({"state": "done", "share": 1, "answer": kept["answer"]})

    async def forget(self, request: web.Request) -> web.Response:
        self.answers.pop(request.match_info["id"], None)
        return web.json_response({})

    async def download(self, request: web.Request) -> web.Response:
        return web.json_response(self.answers[request.match_info["id"]]["answer"])

    # ── running ───────────────────────────────────────────────────────────────────────────────

    def app(self) -> web.Application:
        async def guard(request: web.Request, response: web.StreamResponse) -> None:
            response.headers["Content-Security-Policy"] = POLICY

        async def index(request: web.Request) -> web.FileResponse:
            return web.FileResponse(PAGE / "index.html")

        async def tell(request: web.Request) -> web.Response:
            return web.json_response(self.about())

        app = web.Application(client_max_size=8 << 20)
        app.on_response_prepare.append(guard)
        app.add_routes(
            [
                web.get("/", index),
                web.get("/kiosk", index),
                web.get("/api/about", tell),
                web.post("/api/try", self.upload),
                web.post("/api/baseline", self.upload),
                web.get("/api/try/{id}", self.progress),
                web.delete("/api/try/{id}", self.forget),
                web.get("/api/try/{id}/answer.json", self.download),
                web.get("/ws/live", self.live),
                web.get("/ws/microphone", self.take_microphone),
                web.static("/", PAGE),
            ]
        )
        return app

    def serve(self) -> Iterator[None]:
        runner = web.AppRunner(self.app(), shutdown_timeout=0.1)

        async def up() -> None:
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]

        thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        thread.start()
        asyncio.run_coroutine_threadsafe(up(), self.loop).result(10)
        yield
        asyncio.run_coroutine_threadsafe(runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        thread.join(5)


@contextmanager
def served(judge: Classifier, **how: bool) -> Iterator[Double]:
    double = Double(judge, **how)
    running = double.serve()
    next(running)
    try:
        yield double
    finally:
        next(running, None)
