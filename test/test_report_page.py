"""The page: whole, without network, whatever files are called; and in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import reported
from reported import ABOUT

from ser_ros.report import page
from ser_ros.report.writing import write_report

for name in ("matplotlib", "sklearn", "jinja2"):
    pytest.importorskip(name, reason=f"{name} is in the extra train")

BUNDLE = reported.model()

NASTY = "<script>alert(1)</script>\"'&amp;\n\x00$x^2$\udcff{{ 7 * 7 }}.wav"

VOID = {"meta", "br", "img", "hr", "link", "input", "source"}
SECTIONS = ("figures", "confusion", "confidence", "mistakes", "heard", "timelines", "tables")


class Page(HTMLParser):
    """Reads a page and holds that every element is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data):
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return reported.judged(BUNDLE, tmp_path_factory.mktemp("model") / "tiny")


def written(sources, folder: Path) -> Path:
    write_report(sources, BUNDLE, ABOUT, folder, ["A note on <this>."])
    return folder / "report.html"


@pytest.fixture(scope="module")
def nasty(sources, tmp_path_factory) -> Path:
    """A page of two sources of which one has the worst of names."""
    first = sources[0]
    windows = tuple(replace(w, speaker=NASTY) for w in first.windows)
    bad = replace(first, name=NASTY, path=NASTY, windows=windows, remarks=(NASTY,))
    return written([bad, *sources[1:]], tmp_path_factory.mktemp("page") / "r")


@pytest.fixture(scope="module")
def read(nasty) -> Page:
    return Page(nasty.read_text(encoding="utf-8"))


def test_it_is_whole_and_has_its_sections(read):
    assert {"html", "head", "body", "main", "title", "h1"} <= {tag for tag, _ in read.elements}
    ids = Counter(attributes["id"] for _, attributes in read.elements if "id" in attributes)
    assert set(SECTIONS) <= set(ids)
    links = [a["href"] for a in read.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= set(ids)
    assert [name for name, times in ids.items() if times > 1] == []
    assert all(cell.get("scope") for cell in read.all("th"))
    assert all(image.get("alt") for image in read.all("img"))
    pictures = [svg for svg in read.all("svg")]
    assert len(pictures) == 4 + 8, "four charts, a timeline of each source"
    assert all(svg.get("aria-label") for svg in pictures)


def test_names_are_text_and_nothing_else(read, nasty):
    assert read.all("script") == []
    assert not any(name.startswith("on") for _, attributes in read.elements for name in attributes)
    assert "<script>alert(1)</script>\"'&amp;" in read.text
    assert "\\n\\x00$x^2$\\udcff{{ 7 * 7 }}" in read.text, "what is no character is shown as a code"
    assert "A note on <this>." in read.text
    assert b"\0" not in nasty.read_bytes()


def test_nothing_is_fetched(read, nasty):
    for tag, attributes in read.elements:
        for name in ("src", "href", "xlink:href", "data", "poster", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), f"{tag} {name}={value[:60]}"
    text = nasty.read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\((?!#)", re.sub(r"base64,[\w+/=]*", "", text))
    (policy,) = [m["content"] for m in read.all("meta") if "http-equiv" in m]
    assert policy is not None
    assert policy.startswith("default-src 'none'")


def test_mistakes_can_be_heard(read):
    players = read.all("audio")
    assert len(players) == len(read.all("img")) > 0
    assert all(
        "controls" in player and player["src"].startswith("data:audio") for player in players
    )


def test_without_truth_it_says_what_was_heard(sources, tmp_path):
    told = [
        replace(s, windows=tuple(replace(w, truth="", speaker="") for w in s.windows))
        for s in sources[:2]
    ]
    found = Page(written(told, tmp_path / "r").read_text())
    assert "nothing to score against" in found.text
    ids = {attributes.get("id") for _, attributes in found.elements}
    assert {"heard", "timelines", "tables"} <= ids
    assert not {"figures", "confusion", "confidence", "mistakes"} & ids
    assert "UAR" not in found.text


@pytest.mark.parametrize(
    "change",
    [
        {"windows": (), "duration_s": 0.0},
        {"sound": None},
        {"sound": lambda start, length: np.zeros(0, np.float32)},
    ],
)
def test_sources_with_little_in_them(sources, tmp_path, change):
    found = Page(written([replace(sources[7], **change)], tmp_path / "r").read_text())
    assert len(found.all("svg")) >= 2
    assert found.all("audio") == []


def test_nobody_was_heard_at_all(sources, tmp_path):
    silent = tuple(
        replace(w, label="no_speech", probabilities=(0.0,) * 4, confidence=0.0)
        for w in sources[0].windows
    )
    found = Page(written([replace(sources[0], windows=silent)], tmp_path / "r").read_text())
    assert "nothing was claimed" in found.text


def test_a_full_page_says_what_it_leaves_out(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "TIMELINES_BYTES", 30_000)
    found = Page(written(sources, tmp_path / "r").read_text())
    drawn = len(found.all("svg")) - 4
    assert 1 <= drawn < 8
    assert f"{8 - drawn} recordings more are not drawn" in found.text.replace("\n", " ")


def test_the_same_judgements_make_the_same_report(sources, tmp_path):
    one, other = written(sources[:2], tmp_path / "a"), written(sources[:2], tmp_path / "b")
    for name in ("report.json", "windows.csv", "report.html"):
        assert (one.parent / name).read_bytes() == (other.parent / name).read_bytes()


# ── in a browser ──────────────────────────────────────────────────────────────────────────────


def shown(page: Path, picture: Path, width: int) -> tuple[np.ndarray, str]:
    """Open a page in headless Chromium; return its picture and what the browser complains of."""
    from matplotlib.image import imread

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed; scripts/setup --test installs it")
    words = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    words += ["--enable-logging=stderr", f"--user-data-dir={picture.parent / 'profile'}"]
    words += [f"--screenshot={picture}", f"--window-size={width},2400", page.as_uri()]
    done = subprocess.run([chromium, *words], capture_output=True, text=True, timeout=100)
    assert picture.is_file(), done.stderr
    complaints = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return imread(picture)[..., :3], "\n".join(complaints)


@pytest.mark.slow
def test_a_browser_shows_it_and_refuses_nothing(nasty, tmp_path):
    seen, complaints = shown(nasty, tmp_path / "wide.png", 1280)
    assert complaints == ""
    assert seen.shape == (2400, 1280, 3)
    colours = {tuple(c) for c in (seen[::3, ::3].reshape(-1, 3) * 255).astype(int).tolist()}
    assert (0, 114, 178) in colours, "the blue of the charts"
    assert (213, 94, 0) in colours, "the orange of the marks"
    assert len(colours) > 300, "the spectrograms have many"
    # What would be complained of, to know that it would.
    text = nasty.read_text(encoding="utf-8")
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(text.replace("<main>", '<main><img src="missing.png" alt="x">'))
    _, complaints = shown(spoilt, tmp_path / "spoilt.png", 1280)
    assert "missing.png" in complaints
