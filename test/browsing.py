"""Chromium in a test: a browser, pages as people open them, and what is asked of each page.

Fixtures are taken by name: `opened = browsing.opened`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from ser_ros.audio import NETWORK_RATE

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}

WAIT_MS = 20_000
"""How long a page may take on a busy machine: an upper bound of the waiting, not a measurement."""

expect.set_options(timeout=WAIT_MS)

TOLD = "localStorage.setItem('ser_ros.told', '1')"
"""A person who has read what the page cannot tell."""

Opener = Callable[..., Page]


@pytest.fixture(scope="module")
def spoken(voices, tmp_path_factory) -> Path:
    """What the fake microphone hears: a carried recording, again and again."""
    path = tmp_path_factory.mktemp("spoken") / "voice.wav"
    soundfile.write(path, voices[0], NETWORK_RATE, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(spoken: Path) -> Iterator[Browser]:
    """One for a module, and no longer: while it lives no other event loop can run."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed; scripts/setup --test installs it")
    arguments = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
        "--no-sandbox",
        "--autoplay-policy=no-user-gesture-required",
    )
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(arguments))
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opener]:
    """Open an address as a person with such a screen; complain of whatever the browser says."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(
        url: str, told: bool = True, size: Any = PHONE, ours: bool = True, **how: Any
    ) -> Page:
        context = browser.new_context(viewport=size, **{"locale": "en-GB", **how})
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: (
                complaints.append(said.text)
                if said.type in ("error", "warning")
                and "ERR_" not in said.text
                # A server that is told to be away refuses the line.
                and "WebSocket connection" not in said.text
                and "Failed to load resource" not in said.text
                else None
            ),
        )
        if told:
            page.add_init_script(TOLD)
        page.goto(url)
        if ours:
            # The last that is done at the start.
            page.locator("#language option").first.wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical", "moderate")
    ]


def fits(page: Page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def painted(page: Page, selector: str) -> bool:
    """Whether a canvas shows more than one colour."""
    return page.eval_on_selector(
        selector,
        "c => new Set(new Uint32Array(c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data.buffer)).size > 5",
    )


def record(page: Page, seconds: float = 1) -> None:
    """Speak into the microphone of the page for a while, and wait for the answer."""
    page.click("#record")
    page.wait_for_function(
        "least => (([m, s]) => 60 * m + +s >= least)"
        "(document.getElementById('record-time').textContent.split(':'))",
        arg=seconds,
    )
    page.click("#record")
    page.wait_for_selector("#answer:not([hidden])")


def state(label: str, **more: object) -> dict[str, object]:
    """Return a state as the live view is told it; `more` takes the place of its fields."""
    now = time.time()
    return {
        "type": "state",
        "stamp": now,
        "since": now,
        "label": label,
        "confidence": 0.9,
        "labels": ["angry", "neutral", "sad", "happy"],
        "probabilities": [0.02, 0.04, 0.9, 0.04],
        "speech_ratio": 1.0,
        "level_dbfs": -20.0,
        **more,
    }
