"""The page in a real browser, on the real server in a thread, as the dashboard has it."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import browsing
import pytest
import tiny
from playwright.sync_api import expect
from served import served_aside

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
        expect(page.locator("#record")).to_be_visible(timeout=browsing.WAIT_MS)
        assert page.url == url
        # The same without the token, the next day.
        page.goto(other)
        page.eval_on_selector("a", "a => { a.href = a.href.split('?')[0]; }")
        page.click("a")
        expect(page.locator("#record")).to_be_visible(timeout=browsing.WAIT_MS)
