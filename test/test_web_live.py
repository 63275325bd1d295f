"""Live views and the phone as a microphone: newest wins, nobody slows anybody, nonsense is told."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("aiohttp", reason="aiohttp is in the extra web")
import tiny
from aiohttp import WSMsgType, WSServerHandshakeError
from served import news, run, serving

from ser_ros.errors.web import MicrophoneRefused
from ser_ros.web import addresses, sockets
from ser_ros.web.hub import Hub
from ser_ros.web.limits import Limits
from ser_ros.web.listening import Listener
from ser_ros.web.server import Server, Setting
from ser_ros.web.thread import ServerThread


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(tiny.bundle(), "onnxruntime")


class Heard:
    """A robot's ear that writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.refuses = False

    def begin(self, rate: int) -> None:
        if self.refuses:
            raise MicrophoneRefused("taken", "The robot listens to its own microphone.")
        self.said.append(rate)

    def hear(self, pcm: bytes) -> None:
        self.said.append(pcm)

    def end(self) -> None:
        self.said.append("end")


# ── the hub ───────────────────────────────────────────────────────────────────────────────────


def window(number: int) -> dict[str, Any]:
    return {"type": "window", "stamp": number}


def test_the_newest_wins_and_the_gap_is_told() -> None:
    async def work() -> None:
        now = [0.0]
        hub = Hub(queue=4, now=lambda: now[0])
        hub.publish({"type": "state", "label": "sad"})
        slow, quick = hub.enter(), hub.enter()
        for viewer in (slow, quick):
            assert json.loads(await viewer.get())["label"] == "sad"
        for number in range(10):
            now[0] = float(number)
            hub.publish(window(number))
            assert json.loads(await quick.get()) == window(number)
        # 0 to 5 were pushed out; 6 is the first that is left.
        assert json.loads(await slow.get()) == {"type": "gap", "seconds": 6.0, "ago": 3.0}
        assert json.loads(await slow.get()) == {"type": "state", "label": "sad"}
        assert [json.loads(await slow.get())["stamp"] for _ in range(4)] == [6, 7, 8, 9]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow.get(), 0.01)
        hub.leave(slow)
        hub.publish(window(10))
        assert hub.viewers == 1

    run(work())


def test_newcomers_are_told_what_holds() -> None:
    async def work() -> None:
        hub = Hub()
        for label in ("sad", "happy"):
            hub.publish({"type": "state", "label": label})
        hub.publish({"type": "health", "statuses": []})
        hub.publish(window(1))
        viewer = hub.enter()
        told = [json.loads(await viewer.get()) for _ in range(2)]
        assert told == [{"type": "state", "label": "happy"}, {"type": "health", "statuses": []}]

    run(work())


def test_other_threads_may_publish_before_while_and_after() -> None:
    hub = Hub()
    hub.publish_threadsafe(window(0))  # to nobody

    async def work() -> None:
        hub.start()
        viewer = hub.enter()
        thread = threading.Thread(
            target=lambda: [hub.publish_threadsafe(window(n)) for n in (1, 2)]
        )
        thread.start()
        assert [json.loads(await viewer.get())["stamp"] for _ in range(2)] == [1, 2]
        thread.join()

    run(work())
    hub.publish_threadsafe(window(3))


# ── the live view ─────────────────────────────────────────────────────────────────────────────

ASKED_FOR_A_VIEW = (
    b"GET /ws/live HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def test_twenty_viewers_hear_the_same_and_one_that_does_not_read_slows_nobody(
    listener: Listener,
) -> None:
    async def work() -> None:
        async with serving(listener, ros=True, limits=Limits(viewers=21)) as page:
            views = [await page.client.ws_connect("/ws/live") for _ in range(20)]
            # It opens a view and then reads nothing; its buffers fill.
            _, writer = await asyncio.open_connection("127.0.0.1", page.port)
            writer.write(ASKED_FOR_A_VIEW)
            while page.server.hub.viewers < 21:
                await asyncio.sleep(0.01)
            status, told = await page.get("/ws/live")
            assert (status, told["error"]["kind"]) == (503, "too_many_viewers")
            for socket in views:
                told = await news(socket)
                assert told["type"] == "hello" and told["about"]["ros"] is True
            big = "x" * 100_000
            for number in range(200):
                page.server.hub.publish({**window(number), "sound": big})
                for socket in views:
                    assert (await news(socket))["stamp"] == number
            writer.transport.abort()
            for socket in views:
                await socket.close()
            while page.server.hub.viewers:
                await asyncio.sleep(0.01)

    run(work())


def test_of_a_viewer_that_is_taken_off_nothing_is_kept(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "_HEARTBEAT_S", 0.2)

    async def work() -> None:
        async with serving(listener) as page:
            _, writer = await asyncio.open_connection("127.0.0.1", page.port, limit=1024)
            writer.write(ASKED_FOR_A_VIEW)
            while page.server.hub.viewers < 1:
                await asyncio.sleep(0.01)
            number = 0
            while page.server.hub.viewers:  # until it is noticed that it answers nothing
                page.server.hub.publish({**window(number), "sound": "x" * 500_000})
                number += 1
                await asyncio.sleep(0.01)
            assert page.server._runner is not None and page.server._runner.server is not None
            while page.server._runner.server.connections:  # though it took nothing of what waits
                await asyncio.sleep(0.01)
            writer.transport.abort()

    run(work())


def test_a_slow_viewer_is_told_of_its_gap(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener) as page, page.client.ws_connect("/ws/live") as live:
            await news(live)
            for number in range(100):  # without a pause in which it could be sent
                page.server.hub.publish(window(number))
            told = [await news(live)]
            while told[-1].get("stamp") != 99:
                told.append(await news(live))
            stamps = [one["stamp"] for one in told if one["type"] == "window"]
            assert len(stamps) < 100 and stamps == sorted(stamps)
            assert "gap" in [one["type"] for one in told]

    run(work())


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(words=st.lists(st.one_of(st.text(max_size=6000), st.binary(max_size=6000)), max_size=4))
def test_whatever_a_viewer_says_others_go_on(listener: Listener, words: list[Any]) -> None:
    async def work() -> None:
        async with serving(listener) as page, page.client.ws_connect("/ws/live") as other:
            assert (await news(other))["type"] == "hello"
            async with page.client.ws_connect("/ws/live") as live:
                for word in words:
                    with suppress(ConnectionError):
                        await (live.send_str if isinstance(word, str) else live.send_bytes)(word)
            page.server.hub.publish(window(1))
            assert await news(other) == window(1)

    run(work())


def test_a_view_is_told_that_the_line_lives(listener: Listener) -> None:
    """Where nothing happens: a page cannot see the heartbeat of a WebSocket."""

    async def work() -> None:
        async with serving(listener) as page, page.client.ws_connect("/ws/live") as live:
            assert (await news(live))["type"] == "hello"
            assert await live.receive_json() == {"type": "alive"}
            page.server.hub.publish(window(1))
            assert await news(live) == window(1)

    run(work())


# ── the microphone ────────────────────────────────────────────────────────────────────────────

START = {"rate": 16_000, "channels": 1}


def test_without_ros_no_phone_is_heard(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener) as page, page.client.ws_connect("/ws/microphone") as phone:
            told = await phone.receive_json()
            assert (told["type"], told["kind"]) == ("refused", "no_ros")
            assert (await phone.receive()).type == WSMsgType.CLOSE

    run(work())


def test_one_phone_at_a_time_is_heard_and_all_are_told(listener: Listener) -> None:
    ear = Heard()

    async def work() -> None:
        async with serving(listener, microphone=ear) as page:
            mine = await page.client.ws_connect("/ws/live?page=me")
            other = await page.client.ws_connect("/ws/live?page=other")
            for live in (mine, other):
                assert (await news(live))["about"]["microphone"] is True
            async with page.client.ws_connect("/ws/microphone?page=me") as phone:
                await phone.send_json(START)
                assert await phone.receive_json() == {"type": "on"}
                on = {"type": "microphone", "on": True}
                assert await news(mine) == {**on, "by_you": True}
                assert await news(other) == {**on, "by_you": False}
                async with page.client.ws_connect("/ws/microphone") as second:
                    await second.send_json(START)
                    assert (await second.receive_json())["kind"] == "taken"
                await phone.send_bytes(b"\x01\x02\x03\x04")
            for live in (mine, other):
                assert (await news(live))["on"] is False
            # The place is free again; a robot that will not may refuse.
            ear.refuses = True
            async with page.client.ws_connect("/ws/microphone") as phone:
                await phone.send_json(START)
                assert "own microphone" in (await phone.receive_json())["sentence"]

    run(work())
    assert ear.said == [16_000, b"\x01\x02\x03\x04", "end"]


@pytest.mark.parametrize(
    ("messages", "kind"),
    [
        (["no json"], "bad_start"),
        (["[" * 2000], "bad_start"),
        (["[]"], "bad_start"),
        ([b"\x00\x00"], "bad_start"),
        (['{"rate": true}'], "bad_start"),
        (['{"rate": 4000}'], "bad_start"),
        (['{"rate": 16000, "channels": 2}'], "bad_start"),
        ([json.dumps(START), b"\x00"], "bad_sound"),
        ([json.dumps(START), "text"], "bad_sound"),
        ([json.dumps(START), *[bytes(200_000)] * 3], "too_fast"),
    ],
)
def test_what_is_no_microphone_is_told(listener: Listener, messages: list[Any], kind: str) -> None:
    ear = Heard()

    async def work() -> None:
        async with serving(listener, microphone=ear) as page:
            async with page.client.ws_connect("/ws/microphone") as phone:
                for message in messages:
                    text = isinstance(message, str)
                    await (phone.send_str if text else phone.send_bytes)(message)
                told = await phone.receive_json()
                if told["type"] == "on":
                    told = await phone.receive_json()
                assert (told["type"], told["kind"]) == ("refused", kind)
                assert told["sentence"].endswith(".")
            async with page.client.ws_connect("/ws/microphone") as phone:
                await phone.send_json(START)
                assert await phone.receive_json() == {"type": "on"}

    run(work())


def test_a_message_of_sound_has_a_limit(listener: Listener) -> None:
    ear = Heard()

    async def work() -> None:
        async with (
            serving(listener, microphone=ear) as page,
            page.client.ws_connect("/ws/microphone") as phone,
        ):
            await phone.send_json(START)
            assert await phone.receive_json() == {"type": "on"}
            await phone.send_bytes(bytes(1 << 20))
            closed = await phone.receive()
            assert closed.type == WSMsgType.CLOSE and closed.data == 1009

    run(work())
    assert ear.said == [16_000, "end"]


def test_a_stranger_opens_no_socket(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener, microphone=Heard()) as page:
            for path in ("/ws/live", "/ws/microphone"):
                with pytest.raises(WSServerHandshakeError) as caught:
                    await page.client.ws_connect(path, origin="http://evil.example")
                assert caught.value.status == 403

    run(work())


def test_a_server_that_cannot_start_leaves_no_thread(listener: Listener) -> None:
    before = set(threading.enumerate())
    with pytest.raises(OSError), addresses.listening_socket("127.0.0.1", 0) as taken:
        taken.close()
        ServerThread(Server(listener, Setting(["127.0.0.1"])), taken)
    assert set(threading.enumerate()) <= before
