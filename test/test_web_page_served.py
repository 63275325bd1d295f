"""The page in a real browser, served by `python -m ser_ros web` as a person starts it."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import browsing
import numpy as np
import pytest
import uploads
from playwright.sync_api import expect
from programs import ROOT

pytestmark = pytest.mark.slow

browser, opened, spoken = browsing.browser, browsing.opened, browsing.spoken


@dataclass
class Command:
    address: str
    pid: int
    folder: Path


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> Iterator[Command]:
    folder = tmp_path_factory.mktemp("saved")
    words = [sys.executable, "-u", "-m", "ser_ros", "web", "--port", "0"]
    words += ["--runtime", "onnxruntime", "--save-folder", str(folder)]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        found = None
        for line in server.stdout:
            found = re.search(r"http://\S+", line)
            if found:
                break
        assert found, "the server ended"
        yield Command(found[0], server.pid, folder)
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0


def test_a_person_tries_recordings_and_saves_one_though_the_disk_was_full(
    command, recordings, opened
):
    sad = next(path for path in recordings if path.stem == "08a02Tb")
    page = opened(command.address, told=False, locale="ko-KR")
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
    save = page.get_by_role("button", name="서버에 저장하기")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.prlimit(command.pid, resource.RLIMIT_FSIZE, (5_000, unlimited[1]))
    save.click()
    expect(page.locator("#try-trouble")).to_contain_text("저장하지 못했어요")
    assert list(command.folder.iterdir()) == []
    resource.prlimit(command.pid, resource.RLIMIT_FSIZE, unlimited)
    save.click()
    expect(page.get_by_role("button", name="저장했어요")).to_be_disabled()
    expect(page.locator("#try-trouble")).to_be_hidden()
    assert {path.suffix for path in command.folder.iterdir()} == {".flac", ".json"}


def test_a_voice_is_recorded_and_answered_by_the_carried_model(command, opened, tmp_path):
    """The fake microphone plays the first recording, an actor's joy, again and again."""
    page = opened(command.address + "#try")
    browsing.record(page, seconds=4)
    assert browsing.painted(page, "#answer .tones")
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    download.value.save_as(tmp_path / "answer.json")
    answer = json.loads((tmp_path / "answer.json").read_text())
    # Where in the recording it begins is by chance, so that it need not be sure of it.
    assert answer["labels"][np.argmax(answer["probabilities"])] == "happy"
    assert answer["duration_s"] >= 4


@pytest.mark.parametrize("name", uploads.FORMATS)
def test_every_format_is_answered(command, opened, voices, tmp_path, name):
    file = tmp_path / f"joy.{name}"
    file.write_bytes(uploads.encoded(voices[0], name))
    page = opened(command.address + "#try")
    page.set_input_files("#file", file)
    expect(page.locator("#answer .word")).to_contain_text("happy", timeout=30_000)
    expect(page.locator("#answer")).to_contain_text(file.name)
