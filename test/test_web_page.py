"""The page's files: small, on their own, in every language, readable; and the remark's words."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from ser_ros.errors.web import Refusal
from ser_ros.labels import ANSWERS_WITHOUT_EMOTION, VOCABULARY

PAGE = Path(__file__).resolve().parent.parent / "ser_ros" / "web" / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))
LANGUAGES = sorted(PAGE.glob("lang/*.json"))


def words(path: Path) -> dict[str, str]:
    return json.loads(path.read_text(encoding="utf-8"))


def node(*arguments: str, given: str = "") -> str:
    """Run Node; return what it printed."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed; apt-get install nodejs")
    done = subprocess.run([found, *arguments], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ── files ─────────────────────────────────────────────────────────────────────────────────────


def test_the_page_is_small():
    assert sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file()) < 150_000


def test_every_script_is_a_module_that_node_can_read(tmp_path):
    assert len(SCRIPTS) > 10
    for script in SCRIPTS:
        module = tmp_path / f"{script.stem}.mjs"
        module.write_bytes(script.read_bytes())
        node("--check", str(module))


def test_every_import_finds_its_module_and_its_name():
    exported = {
        path.name: set(
            re.findall(r"^export (?:async )?(?:function|class|const|let) (\w+)", text, re.M)
        )
        for path in SCRIPTS
        for text in [path.read_text(encoding="utf-8")]
    }
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        for names, source in re.findall(r"^import \{([^}]*)\} from \"\./([^\"]+)\"", text, re.M):
            wanted = {name.strip() for name in names.split(",")}
            assert wanted <= exported[source], (script.name, source)
            used = re.sub(r"^import .*$", "", text, flags=re.M)
            assert all(re.search(rf"\b{name}\b", used) for name in wanted), script.name


def test_nothing_comes_from_elsewhere_and_nothing_is_inline():
    """A robot is offline; and the policy of the page's security allows files of its own only."""
    for path in (*SCRIPTS, PAGE / "index.html", PAGE / "style.css"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://\w|//cdn|@import|url\(", text), path.name
        assert not re.search(r"\binnerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! type=\"module\" src=)", index)


# ── languages ─────────────────────────────────────────────────────────────────────────────────


class Keys(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value or "" for name, value in attrs if name in ("data-t", "data-t-label")}


def used_keys() -> tuple[set[str], tuple[str, ...]]:
    """Return the keys that the page names, and the beginnings of those that it composes."""
    index = Keys()
    index.feed((PAGE / "index.html").read_text(encoding="utf-8"))
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS)
    named = set(re.findall(r"[\"'`]([a-z_]+(?:\.[a-z_0-9]+)?)[\"'`]", scripts))
    composed = tuple(re.findall(r"`([a-z_]+\.)\$\{", scripts))
    return index.found | named, composed


def test_there_are_english_and_korean():
    assert {"en", "ko"} <= {path.stem for path in LANGUAGES}


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_a_language_says_everything(path):
    english, own = words(PAGE / "lang" / "en.json"), words(path)
    assert own.keys() == english.keys()
    for key, sentence in own.items():
        assert sentence.strip(), key
        facts = set(re.findall(r"\{(\w+)\}", english[key]))
        assert set(re.findall(r"\{(\w+)\}", sentence)) == facts, key
    for label in (*VOCABULARY, *ANSWERS_WITHOUT_EMOTION):
        assert {f"label.{label}", f"sounds.{label}"} <= own.keys()


def test_every_word_is_used_and_every_used_word_is_there():
    known = words(PAGE / "lang" / "en.json").keys()
    named, composed = used_keys()
    assert {key for key in named if key.split(".")[0] in ("live", "try", "about")} <= {
        *known,
        *("live", "try", "about"),
    }
    assert "live." not in composed
    unused = {key for key in known if key not in named and not key.startswith(composed)}
    assert unused <= {"name"}


def test_every_refusal_of_the_server_is_said_in_every_language():
    for_programs = {"refused", "encoded", "not_done"}
    kinds = {error.kind for error in Refusal.__subclasses__()} - for_programs
    assert len(kinds) > 10
    for path in LANGUAGES:
        assert {f"error.{kind}" for kind in kinds} <= words(path).keys()


def test_korean_is_polite():
    """해요체 in every sentence that ends with a full stop."""
    for key, sentence in words(PAGE / "lang" / "ko.json").items():
        for part in re.findall(r"[^.]*[가-힣]\.(?=\s|$)", sentence):
            assert re.search(r"(요|\)|죠)\.$", part.strip()), (key, part)


# ── looks ─────────────────────────────────────────────────────────────────────────────────────


def themes() -> list[dict[str, str]]:
    css = (PAGE / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.S)[:2]
    found = [dict(re.findall(r"--(\w[\w-]*): (#[0-9a-f]+)", part)) for part in (light, dark)]
    return [found[0], found[0] | found[1]]


def contrast(one: str, other: str) -> float:
    """Return the ratio of WCAG 2.2 between two colours."""

    def luminance(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_white_on_black():
    assert contrast("#fff", "#000000") == pytest.approx(21)


@pytest.mark.parametrize("theme", themes(), ids=("light", "dark"))
def test_text_and_shapes_stand_out(theme):
    for ground in ("paper", "card", "warn"):
        assert contrast(theme["ink"], theme[ground]) >= 7
    for ground in ("paper", "card"):
        assert contrast(theme["faint"], theme[ground]) >= 4.5
        assert contrast(theme["link"], theme[ground]) >= 4.5
        assert contrast(theme["edge"], theme[ground]) >= 3
        for label in (*VOCABULARY, *ANSWERS_WITHOUT_EMOTION):
            assert contrast(theme[label], theme[ground]) >= 3, label
    assert contrast(theme["on-accent"], theme["accent"]) >= 4.5


def test_every_label_has_a_shape_and_a_face_of_its_own():
    shapes = re.search(r"const SHAPES = \{(.*?)\};", (PAGE / "look.js").read_text(), re.S)
    faces = re.search(r"const FACES = \{(.*?)\};", (PAGE / "kiosk.js").read_text(), re.S)
    for found in (shapes, faces):
        assert found
        drawn = dict(re.findall(r"^  (\w+): (.*),$", found[1], re.M))
        assert drawn.keys() == {*VOCABULARY, *ANSWERS_WITHOUT_EMOTION}
        assert len(set(drawn.values())) == len(drawn)


# ── the remark ────────────────────────────────────────────────────────────────────────────────


def heard(label: str, probabilities: list[float], **more: Any) -> dict[str, Any]:
    answer = {
        "label": label,
        "confidence": max(probabilities),
        "labels": ["angry", "neutral", "sad", "happy"],
        "probabilities": probabilities,
        "duration_s": 5.0,
        "level_dbfs": -20.0,
        "speech_ratio": 0.9,
        "windows": [{"label": label}, {"label": label}],
        "baseline": None,
    }
    return answer | more


def remarks(answer: dict[str, Any]) -> list[list[Any]]:
    script = (
        f"import {{ remark }} from {(PAGE / 'remark.js').as_uri()!r};"
        f"console.log(JSON.stringify(remark({json.dumps(answer)}, 2.5)))"
    )
    return json.loads(node("--no-warnings", "--input-type=module", given=script))


def keys(answer: dict[str, Any]) -> list[str]:
    return [key for key, _ in remarks(answer)]


def test_a_sure_answer_says_so_and_that_nothing_else_is_near():
    said = ["sounds.sad", "remark.very", "remark.nothing_else", "remark.steady", "remark.end"]
    assert keys(heard("sad", [0.02, 0.03, 0.94, 0.01])) == said


def test_a_less_sure_answer_names_what_else_it_could_be():
    said = remarks(heard("sad", [0.02, 0.2, 0.77, 0.01]))
    assert said[1][0] == "remark.fairly"
    assert said[2] == ["remark.also", {"label": "neutral", "percent": 0.2}]
    said = remarks(heard("sad", [0.15, 0.2, 0.65, 0.0]))
    assert said[1][0] == "remark.little"
    assert said[2][0] == "remark.also_two"
    assert (said[2][1]["label"], said[2][1]["label2"]) == ("neutral", "angry")


def test_uncertain_is_never_dressed_up():
    said = keys(heard("uncertain", [0.1, 0.5, 0.3, 0.1]))
    assert said[:3] == ["sounds.uncertain", "remark.nearest", "remark.also"]
    assert not {"remark.very", "remark.fairly", "remark.little"} & set(said)


def test_no_speech_speaks_of_no_emotion():
    silence = heard("no_speech", [0.0] * 4, level_dbfs=-80.0, speech_ratio=0.0)
    assert keys(silence) == ["sounds.no_speech", "remark.quiet", "remark.end"]


def test_changes_short_quiet_and_little_speech_are_told():
    labels = ("sad", "sad", "happy", "no_speech")
    windows = [{"label": label} for label in labels]
    said = remarks(heard("sad", [0, 0, 0.95, 0.05], windows=windows))
    assert ["remark.changes", {"counts": [["sad", 2], ["happy", 1]], "all": 3}] in said
    poor = heard("sad", [0, 0, 1, 0], duration_s=1.2, level_dbfs=-55, speech_ratio=0.2)
    assert {"remark.short", "remark.quiet", "remark.little_speech"} <= set(keys(poor))


@pytest.mark.parametrize(("without", "said"), [("sad", "same"), ("happy", "other")])
def test_a_baseline_tells_its_effect(without, said):
    before = {"label": without, "confidence": 0.7, "probabilities": [0, 0, 0.3, 0.7]}
    answer = heard("sad", [0, 0.1, 0.9, 0], baseline={"id": "b", "seconds": 10, "without": before})
    expected = [f"remark.baseline_{said}", {"label": without, "percent": 0.7}]
    assert expected in remarks(answer)
