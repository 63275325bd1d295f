"""The page in a real browser, served by `python -m ser_ros web` as a person starts it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect, sync_playwright
from programs import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    words = [sys.executable, "-u", "-m", "ser_ros", "web", "--port", "0"]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = None
        for line in server.stdout:
            found = re.search(r"http://\S+", line)
            if found:
                break
        assert found, "the server ended"
        yield found[0]
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def test_a_person_tries_recordings_on_the_real_server(address, recordings):
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed; scripts/setup --test installs it")
    sad = next(path for path in recordings if path.stem == "08a02Tb")
    complaints: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 740}, locale="ko-KR")
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type == "error" else None,
        )
        page.goto(address)
        page.click("#understood")
        page.set_input_files("#file", ROOT / "setup.py")
        expect(page.locator("#try-trouble")).to_contain_text("알 수 없는 형식", timeout=30_000)
        page.set_input_files("#file", sad)
        expect(page.locator("#answer .word")).to_contain_text("슬픔", timeout=30_000)
        page.wait_for_function("() => document.querySelector('#answer audio').duration > 2")
        expect(page.locator("#answer")).to_contain_text("08a02Tb.flac")
        for kind in ("JSON", "CSV"):
            with page.expect_download() as download:
                page.get_by_role("link", name=kind).click()
            assert download.value.failure() is None
        browser.close()
    assert complaints == []
