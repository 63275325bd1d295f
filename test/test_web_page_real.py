"""The page in a real browser, on the real server in a thread, as the dashboard has it."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import browsing
import pytest
import tiny
from playwright.sync_api import expect
from served import served_aside

from ser_ros.web.hub import Hub
from ser_ros.web.listening import Listener

pytestmark = pytest.mark.slow

browser, opened, spoken = browsing.browser, browsing.opened, browsing.spoken

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(tiny.bundle(bias=(0, 0, 2, 0)), "onnxruntime")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def elsewhere(folder: Path) -> Iterator[str]:
    """Serve a folder at an origin of its own, as any other site would."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        yield f"http://localhost:{other.server_port}/"
        other.shutdown()


# ── who comes in ──────────────────────────────────────────────────────────────────────────────


def test_a_link_on_another_page_opens_it(listener, opened, tmp_path):
    """As from a chat: the cookie must come along to where the token's address leads."""
    with served_aside(listener, token=TOKEN) as url, elsewhere(tmp_path) as other:
        link = f'<a href="{url}?token={TOKEN}">the robot</a>'
        (tmp_path / "index.html").write_text(f"<!doctype html>{link}")
        page = opened(other, ours=False)
        page.click("a")
        expect(page.locator("#record")).to_be_visible()
        assert page.url == url
        # The same without the token, the next day.
        page.goto(other)
        page.eval_on_selector("a", "a => { a.href = a.href.split('?')[0]; }")
        page.click("a")
        expect(page.locator("#record")).to_be_visible()


# ── who sleeps, and who starts again ──────────────────────────────────────────────────────────


MISSED_LONG = re.compile(r"Missed: [56]\d s")
"""All of the last minute, less what has passed since."""

TEN_MINUTES_LATER = "(real => { Date.now = () => real() + 600_000; })(Date.now)"


def test_a_page_that_slept_for_long_opens_a_new_line(listener, opened):
    """Its old one may be dead without a word; what was said meanwhile is a gap."""
    hub = Hub()
    with served_aside(listener, hub, ros=True) as url:
        page = opened(url)
        hub.publish_threadsafe(browsing.state("sad"))
        expect(page.locator("#live-word")).to_have_text("sad")
        lines = []
        page.on("websocket", lambda line: lines.append(line))
        page.evaluate(TEN_MINUTES_LATER)
        hub.publish_threadsafe(browsing.state("happy"))
        expect(page.locator("#missed")).to_have_text(MISSED_LONG)
        expect(page.locator("#live-word")).to_have_text("happy")
        assert len(lines) == 1


def test_a_page_survives_a_restart_of_the_server(listener, opened):
    with served_aside(listener, ros=True) as url:
        page = opened(url)
        expect(page.locator("#link")).to_have_text("Connected")
    expect(page.locator("#link")).to_contain_text("Not connected")
    page.wait_for_timeout(1000)  # a gap of less than half a second is not told
    port = int(url.rstrip("/").rpartition(":")[2])
    hub = Hub()
    with served_aside(listener, hub, port, ros=True):
        expect(page.locator("#link")).to_have_text("Connected")
        hub.publish_threadsafe(browsing.state("sad"))
        expect(page.locator("#live-word")).to_have_text("sad")
        expect(page.locator("#missed")).to_have_text(re.compile(r"Missed: \d+ s"))


def test_a_page_that_slept_through_a_restart_comes_back(listener, opened):
    hub = Hub()
    with served_aside(listener, ros=True) as url:
        page = opened(url)
        expect(page.locator("#link")).to_have_text("Connected")
        page.evaluate(TEN_MINUTES_LATER)
    with served_aside(listener, hub, int(url.rstrip("/").rpartition(":")[2]), ros=True):
        expect(page.locator("#missed")).to_have_text(MISSED_LONG)
        hub.publish_threadsafe(browsing.state("happy"))
        expect(page.locator("#live-word")).to_have_text("happy")
