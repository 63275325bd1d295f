"""The dashboard: what passes on the topics is on its page, and a phone is heard by the robot."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from audio_common_msgs.msg import AudioDataStamped, AudioInfo
from graph import Graph, Process
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from programs import ROOT
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile

from ser_ros.audio import AudioFormat, Samples, encode
from ser_ros.nodes import messages, topics
from ser_ros.nodes.dashboard import DashboardNode

aiohttp = pytest.importorskip("aiohttp", reason="it is in the extra web")

pytestmark = [pytest.mark.ros, pytest.mark.slow]

ADDRESS = re.compile(r"The page is at (http://\S+?)/?$", re.M)


def serve(graph: Graph, **parameters: object) -> tuple[Process, str]:
    process = graph.start("dashboard", port=0, runtime="onnxruntime", **parameters)
    graph.until(lambda: ADDRESS.search(process.output), "the address")
    asked = GetState.Request()

    def active() -> bool:
        state = graph.call(GetState, "/dashboard/get_state", asked).current_state.id
        return state == State.PRIMARY_STATE_ACTIVE

    graph.until(active, "its activity")
    return process, ADDRESS.search(process.output)[1]


class Page:
    """A view in a browser's place; it lets the graph's messages come while it waits."""

    def __init__(self, graph: Graph, address: str, path: str) -> None:
        self._graph, self._address, self._path = graph, address, path
        self._loop = asyncio.new_event_loop()
        self.heard: list[dict[str, Any]] = []

    def __enter__(self) -> Page:
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._session.close())
        self._loop.close()

    def _run(self, what: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(what, 30))

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(
            self._address + self._path, origin=self._address
        )

    def until(self, *kinds: str, also: Callable[[dict[str, Any]], bool] = lambda _: True) -> Any:
        """Return the newest message of some kinds, once there is one."""

        def found() -> list[dict[str, Any]]:
            return [told for told in self.heard if told["type"] in kinds and also(told)]

        def come() -> bool:
            try:
                message = self._loop.run_until_complete(self._socket.receive(timeout=0.02))
            except TimeoutError:
                return bool(found())
            self.heard.append(json.loads(message.data))
            return bool(found())

        self._graph.until(come, f"a message of type {' or '.join(kinds)}")
        return found()[-1]

    def say(self, *words: dict[str, Any] | bytes) -> None:
        for word in words:
            send = self._socket.send_bytes if isinstance(word, bytes) else self._socket.send_json
            self._run(send(word))


def test_the_readme_has_every_parameter_with_its_default() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| dashboard \| (.*?) \| (.*?) \|", text, re.M)
    told = {
        name.strip("`"): default.strip("`")
        for names, defaults in rows
        for name, default in zip(names.split(", "), defaults.split(", "), strict=True)
    }
    assert told == {
        spec.name: spec.default
        if isinstance(spec.default, str) and spec.default
        else json.dumps(spec.default).removesuffix(".0")
        for spec in DashboardNode.SPECS
    }


def test_the_page_is_told_what_the_nodes_say(graph: Graph, long_speech: Samples) -> None:
    process, address = serve(graph)
    inference = graph.start("inference")
    with Page(graph, address, "/ws/live") as page:
        about = page.until("hello")["about"]
        assert about["ros"] is True
        assert about["microphone"] is True
        graph.until(lambda: graph.probe.count_subscribers(topics.AUDIO) >= 2, "both nodes")
        graph.pause(0.5)
        graph.speak(long_speech)
        window = page.until("window")
        assert window["labels"] == ["angry", "neutral", "sad", "happy"]
        assert sum(window["probabilities"]) == pytest.approx(1, abs=1e-5)
        assert window["duration_s"] == 2.5
        state = page.until("state")
        assert state["since"] <= state["stamp"]
        sound = page.until("sound")
        assert len(sound["low"]) == len(sound["high"]) == 50
        assert sound["spectrogram"]["bands"] == 64
        health = page.until(
            "health", also=lambda told: any("inference" in s["name"] for s in told["statuses"])
        )
        assert {s["level"] for s in health["statuses"]} <= {0, 1, 2, 3}
        inference.kill()

        def silent(told: dict[str, Any]) -> bool:
            return any("inference" in s["name"] and s["level"] == 3 for s in told["statuses"])

        assert "Nothing was said for" in json.dumps(page.until("health", also=silent))
    assert process.end(signal.SIGINT) == 0
    assert "Traceback" not in process.output


def test_a_phone_is_the_robots_microphone(graph: Graph, speech: Samples) -> None:
    _, address = serve(graph)
    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    formats = graph.collect(AudioInfo, topics.AUDIO_INFO, topics.LATCHED)
    graph.until(lambda: graph.probe.count_publishers(topics.AUDIO), "the dashboard")
    graph.pause(0.5)
    pcm = encode(speech, AudioFormat().sample_format)
    with Page(graph, address, "/ws/microphone") as page:
        page.say({"rate": 16000, "channels": 1})
        page.until("on")
        began = time.monotonic()
        for i in range(0, len(pcm), 8000):  # as it is spoken
            page.say(pcm[i : i + 8000])
            graph.pause(began + (i + 8000) / 32_000 - time.monotonic())
        graph.until(lambda: len(chunks) == len(pcm) // 16_000, "every whole chunk")
    assert (formats[-1].sample_rate, formats[-1].channels) == (16_000, 1)
    heard = b"".join(bytes(chunk.audio.data) for chunk in chunks)
    assert heard == pcm[: len(heard)]
    stamps = [messages.ns_of(chunk.header.stamp) for chunk in chunks]
    assert np.diff(stamps) == pytest.approx(5e8, abs=1)
    assert {chunk.header.frame_id for chunk in chunks} == {"phone"}


def test_of_a_phone_that_went_no_format_is_left(graph: Graph) -> None:
    _, address = serve(graph)
    with Page(graph, address, "/ws/live") as view:
        with Page(graph, address, "/ws/microphone") as page:
            page.say({"rate": 48000, "channels": 1})
            page.until("on")
        view.until("microphone", also=lambda told: not told["on"])
    formats = graph.collect(AudioInfo, topics.AUDIO_INFO, topics.LATCHED)
    graph.pause(1.0)
    with Page(graph, address, "/ws/microphone") as page:
        page.say({"rate": 8000, "channels": 1})
        page.until("on")
        graph.until(lambda: formats, "the next phone's format")
    assert [info.sample_rate for info in formats] == [8000]


def test_a_node_that_is_deactivated_hears_no_phone(graph: Graph) -> None:
    _, address = serve(graph)

    def change(transition: int) -> None:
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, "/dashboard/change_state", request).success

    chunks = graph.collect(AudioDataStamped, topics.AUDIO)
    start = {"rate": 16000, "channels": 1}
    with Page(graph, address, "/ws/microphone") as page:
        page.say(start)
        page.until("on")
        change(Transition.TRANSITION_DEACTIVATE)
        page.say(bytes(32_000))
        assert page.until("refused")["kind"] == "not_active"
    with Page(graph, address, "/ws/microphone") as page:
        page.say(start)
        assert page.until("on", "refused")["kind"] == "not_active"
    graph.pause(0.5)
    assert not chunks
    change(Transition.TRANSITION_ACTIVATE)
    with Page(graph, address, "/ws/microphone") as page:
        page.say(start)
        page.until("on")
        page.say(bytes(32_000))
        graph.until(lambda: chunks, "the phone")


def test_a_phone_is_refused_where_the_robot_hears_itself(graph: Graph) -> None:
    _, address = serve(graph)
    file = ROOT / "recordings" / "03a05Wa.flac"
    graph.start("capture", source="file", files=f"['{file}']", loop="true")

    def answer() -> dict[str, Any]:
        with Page(graph, address, "/ws/microphone") as page:
            page.say({"rate": 16000, "channels": 1})
            return page.until("on", "refused")

    # The dashboard learns whose the publisher is when it learns it, later where all are busy.
    refusals: list[dict[str, Any]] = []

    def refused() -> bool:
        refusals.append(answer())
        return refusals[-1].get("kind") == "robot_hears"

    graph.until(refused, "a refusal")
    assert "deactivate and clean up" in refusals[-1]["sentence"]
    for transition in (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP):
        request = ChangeState.Request(transition=Transition(id=transition))
        assert graph.call(ChangeState, "/capture/change_state", request).success
    graph.until(lambda: answer()["type"] == "on", "what the sentence promises")


def test_the_token_is_on_the_terminal_and_on_no_topic(graph: Graph) -> None:
    # What was logged before the probe was found, too.
    every = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    logged = graph.collect(Log, "/rosout", every)
    process, _ = serve(graph, host="0.0.0.0")
    graph.until(lambda: "token=" in process.output, "the token")
    health = graph.diagnostics("dashboard")
    graph.until(health, "the diagnostics")
    graph.until(lambda: any("The page is at" in log.msg for log in logged), "the log")
    assert not any("token" in log.msg for log in logged)
    assert "token" not in json.dumps(health())


def test_an_address_in_use_is_a_sentence(graph: Graph) -> None:
    _, address = serve(graph)
    second = graph.start("dashboard", port=int(address.rpartition(":")[2]))
    assert second.wait() == 1
    assert "it is in use" in second.output
    assert "Traceback" not in second.output
