"""The dashboard in a real browser, fed by the demo's nodes."""

from __future__ import annotations

import re

import browsing
import pytest
from graph import Graph

pytest.importorskip("aiohttp", reason="it is in the extra web")
from playwright.sync_api import expect
from test_dashboard import serve

pytestmark = [pytest.mark.ros, pytest.mark.slow]

browser, opened, spoken = browsing.browser, browsing.opened, browsing.spoken


def test_a_person_sees_what_the_robot_hears(graph: Graph, recordings, opened) -> None:
    sad = next(path for path in recordings if path.stem == "08a02Tb")
    _, address = serve(graph)
    graph.start("inference", runtime="onnxruntime")
    page = opened(address)
    capture = graph.start("capture", source="file", files=f"[{sad}]", loop="true")
    expect(page.locator("#live-word")).to_have_text("sad", timeout=60_000)
    expect(page.locator("#live-sure")).to_have_text(re.compile(r"^\d+% sure$"))
    expect(page.locator("#health")).to_contain_text("inference")
    page.wait_for_function("() => document.getElementById('minute').ariaLabel?.includes('sad')")
    assert browsing.painted(page, "#minute")
    capture.end()
    expect(page.locator("#live")).to_have_class(re.compile("stale"), timeout=60_000)
    expect(page.locator("#live-sure")).to_contain_text("The last word was")
