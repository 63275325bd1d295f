"""The page in a real browser, by a server that does what a test tells it to."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterator

import browsing
import numpy as np
import pytest
import soundfile
import tiny
from browsing import DESK, fits, painted, violations
from page_double import Double, live_messages, served
from playwright.sync_api import expect

from ser_ros.audio import NETWORK_RATE
from ser_ros.classifier import Classifier

pytestmark = pytest.mark.slow

browser, opened, spoken = browsing.browser, browsing.opened, browsing.spoken


@pytest.fixture
def judge() -> Classifier:
    return Classifier(tiny.bundle(bias=(0, 0, 2, 0)), "onnxruntime")


@pytest.fixture
def double(judge) -> Iterator[Double]:
    with served(judge) as server:
        yield server


def feed(double: Double, voices: list[np.ndarray], judge: Classifier, ago_s: float = 12) -> None:
    double.wait_for_viewer()
    sound = np.concatenate([voices[0], np.zeros(20000, "f4"), voices[1], voices[2]])
    status = {"name": "ear: inference", "level": 1, "message": "raise hop", "values": [["a", "b"]]}
    double.say({"type": "health", "statuses": [status]})
    double.say(*live_messages(sound, judge, time.time() - ago_s))


# ── its own scripts ──


def test_a_minute_begins_anew_where_time_goes_back(double, opened):
    """A clock was set by less than a minute, or a short bag begins again."""
    shown = opened(double.url).evaluate(
        """async () => {
            const { Minute } = await import("./minute.js");
            const minute = new Minute(), base = Date.now() / 1000;
            const hear = (from, to, label) => {
                for (let s = from; s < to; s += 1) {
                    minute.hearState({ stamp: base + s, since: base + s, label });
                    minute.hearWindow({ stamp: base + s - 2.5, duration_s: 2.5, label });
                }
            };
            hear(0, 40, "sad");
            minute.hearState({ stamp: base + 37, since: base, label: "angry" });  // late
            const kept = minute.states.length + minute.windows.length;
            hear(0, 5, "happy");
            const labels = new Set(minute.shown().map((part) => part.label));
            return [kept, [...labels], minute.windows.length];
        }"""
    )
    assert shown == [41, ["happy"], 5]


def test_a_phone_that_wakes_has_one_line(double, opened):
    page = opened(double.url)
    double.wait_for_viewer()
    states = page.evaluate(
        """async () => {
            const { Link } = await import("./link.js");
            const lines = [], Real = WebSocket;
            window.WebSocket = class extends Real {
                constructor(...words) { super(...words); lines.push(this); }
            };
            const link = new Link(() => {}, () => {});
            link.wake();  // the screen is on again; then the network is back
            link.wake();
            await new Promise((done) => setTimeout(done, 1500));
            window.WebSocket = Real;
            return [link.up, lines.map((line) => line.readyState === Real.OPEN)];
        }"""
    )
    assert states == [True, [False, False, True]]


# ── live ──────────────────────────────────────────────────────────────────────────────────────


def test_the_live_page_shows_what_the_nodes_say(double, judge, voices, opened):
    page = opened(double.url)
    feed(double, voices, judge)
    expect(page.locator("#live-word")).to_have_text("sad")
    expect(page.locator("#live-sure")).to_have_text(re.compile(r"^\d+% sure$"))
    expect(page.locator("#live-bars .bar")).to_have_count(4)
    expect(page.locator("#health")).to_contain_text("raise hop")
    expect(page.locator("#live-latency")).to_have_text("21 ms")
    page.wait_for_function("() => document.getElementById('minute').ariaLabel?.includes('sad')")
    assert painted(page, "#minute")
    assert fits(page)


@pytest.mark.parametrize(
    ("label", "word", "sure"),
    [
        ("uncertain", "not sure", "Nearest: neutral, 45%"),
        ("no_speech", "no speech", "Nobody is speaking"),
    ],
)
def test_what_is_no_emotion_is_shown_as_what_it_is(double, opened, label, word, sure):
    page = opened(double.url)
    double.wait_for_viewer()
    state = browsing.state(
        label, confidence=0.45, probabilities=[0.2, 0.45, 0.3, 0.05], speech_ratio=0.4
    )
    double.say(state)
    expect(page.locator("#live-word")).to_have_text(word)
    expect(page.locator("#live-sure")).to_have_text(sure)
    expect(page.locator("#say")).not_to_contain_text("neutral")


def test_a_dropped_connection_comes_back_and_leaves_a_gap(double, judge, voices, opened):
    page = opened(double.url)
    feed(double, voices, judge)
    expect(page.locator("#link")).to_have_text("Connected")
    double.hang_up()
    expect(page.locator("#link")).to_contain_text("Not connected")
    page.wait_for_timeout(500)  # long enough for a gap that can be seen
    double.take_up()
    expect(page.locator("#link")).to_have_text("Connected")
    expect(page.locator("#missed")).to_have_text(re.compile(r"Missed: \d+ s"))
    feed(double, voices, judge, ago_s=8)
    expect(page.locator("#live-word")).to_have_text("sad")


def test_a_state_of_long_ago_is_not_shown_as_now(double, opened):
    page = opened(double.url)
    double.wait_for_viewer()
    old = time.time() - 90
    state = browsing.state("sad", stamp=old, since=old)
    double.say(state)
    expect(page.locator("#live-sure")).to_have_text(re.compile(r"for 9\d s. The last word was"))
    double.say(state | {"stamp": time.time()})
    expect(page.locator("#live-sure")).to_have_text("90% sure")


def test_a_slow_viewer_is_told_what_it_missed(double, judge, voices, opened):
    page = opened(double.url)
    feed(double, voices, judge)
    double.say({"type": "gap", "seconds": 7})
    expect(page.locator("#missed")).to_have_text("Missed: 7 s (hatched).")


def test_the_screen_reader_is_not_talked_to_death(double, opened):
    page = opened(double.url)
    double.wait_for_viewer()
    page.evaluate(
        "window.said = 0; new MutationObserver(() => window.said++)"
        ".observe(document.getElementById('say'), {childList: true})"
    )
    for i in range(40):
        label = ("sad", "happy")[i % 2]
        double.say(
            {
                "type": "state",
                "stamp": time.time(),
                "since": time.time(),
                "label": label,
                "confidence": 0.9,
                "labels": ["sad", "happy"],
                "probabilities": [0.9, 0.1],
                "speech_ratio": 1,
                "level_dbfs": -20,
            }
        )
    expect(page.locator("#live-word")).to_have_text("happy")
    assert 1 <= page.evaluate("window.said") <= 2


def test_a_server_without_ros_offers_to_try_a_voice(judge, opened):
    with served(judge, ros=False) as double:
        page = opened(double.url)
        expect(page.locator("#record")).to_be_visible()
        page.click('nav a[href="#live"]')
        expect(page.locator("#no-ros")).to_be_visible()
        expect(page.locator("#live")).to_be_hidden()


# ── try a voice ───────────────────────────────────────────────────────────────────────────────


def test_a_voice_is_recorded_and_answered(double, opened, tmp_path):
    page = opened(double.url + "#try")
    browsing.record(page)
    expect(page.locator("#answer .word")).to_contain_text("sad")
    expect(page.locator("#answer .remark")).to_contain_text("This voice sounds sad.")
    for name in ("course", "wave", "tones"):
        page.wait_for_function(f"() => document.querySelector('#answer .{name}').width > 100")
        assert painted(page, f"#answer .{name}"), name
    assert fits(page)
    answer = double.answers["1"]["answer"]
    assert answer["duration_s"] >= 1
    assert answer["level_dbfs"] > -45, "the microphone's sound did not arrive"
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG").click()
    card = tmp_path / "card.png"
    download.value.save_as(card)
    assert card.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    download.value.save_as(tmp_path / "answer.json")
    assert json.loads((tmp_path / "answer.json").read_text())["label"] == "sad"


def test_playing_moves_a_cursor_over_the_pictures(double, opened, spoken):
    page = opened(double.url + "#try")
    page.set_input_files("#file", spoken)
    page.wait_for_selector("#answer audio")
    page.eval_on_selector("#answer audio", "a => { a.muted = true; return a.play(); }")
    page.wait_for_function("() => parseFloat(document.querySelector('.cursor').style.left) > 5")
    # A tap on a picture plays from there.
    page.eval_on_selector("#answer audio", "a => a.pause()")
    box = page.locator("#answer .wave").bounding_box()
    assert box
    page.locator("#answer .wave").click(position={"x": box["width"] / 2, "y": 10})
    page.wait_for_function(
        "() => Math.abs(parseFloat(document.querySelector('.cursor').style.left) - 50) < 3"
    )


def test_a_file_of_a_very_long_name_is_dropped(double, opened, voices):
    page = opened(double.url + "#try")
    short = io.BytesIO()
    soundfile.write(short, voices[0][:8000], NETWORK_RATE, format="WAV")
    page.evaluate(
        """async bytes => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], 'dropped_'.repeat(15) + '.wav'));
          document.getElementById('drop').dispatchEvent(
            new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        list(short.getvalue()),
    )
    page.wait_for_selector("#answer:not([hidden])")
    expect(page.locator("#answer")).to_contain_text("dropped_.wav")
    assert fits(page)


def test_a_baseline_is_taken_into_account_and_left_out_again(double, opened, spoken):
    page = opened(double.url + "#try")
    page.click("#baseline")
    page.wait_for_function(
        "() => /[1-9] s left/.test(document.getElementById('baseline').textContent)"
    )
    page.click("#baseline")
    expect(page.locator("#baseline-state")).to_contain_text("In use")
    page.set_input_files("#file", spoken)
    page.wait_for_selector("#answer:not([hidden])")
    expect(page.locator("#answer .remark")).to_contain_text("Knowing the ordinary voice")
    assert double.asked == [("/api/baseline", double.asked[0][1]), ("/api/try", double.asked[1][1])]
    assert "baseline=1" in double.asked[1][1]
    page.click("#baseline-off")
    page.set_input_files("#file", spoken)
    page.wait_for_function("() => document.getElementById('working').hidden")
    assert "baseline" not in double.asked[2][1]


def test_what_the_server_refuses_is_said_in_ones_own_language(double, opened, spoken):
    page = opened(double.url + "#try", locale="ko-KR")
    double.refuse = {"kind": "too_long", "sentence": "It is too long."}
    page.set_input_files("#file", spoken)
    expect(page.locator("#try-trouble")).to_contain_text("소리가 너무 길어요")
    double.refuse = {"kind": "something_new", "sentence": "It smells."}
    page.set_input_files("#file", spoken)
    expect(page.locator("#try-trouble")).to_contain_text("It smells.")
    double.refuse = None
    page.set_input_files("#file", spoken)
    page.wait_for_selector("#answer:not([hidden])")
    expect(page.locator("#try-trouble")).to_be_hidden()


def test_a_file_that_is_too_large_is_not_sent(double, opened, tmp_path):
    large = tmp_path / "large.wav"
    large.write_bytes(bytes((3 << 20) + 1))
    page = opened(double.url + "#try")
    page.set_input_files("#file", large)
    expect(page.locator("#try-trouble")).to_contain_text("larger than 3 MB")
    assert double.asked == []


def test_an_answer_is_deleted_on_demand(double, opened, spoken):
    page = opened(double.url + "#try")
    page.set_input_files("#file", spoken)
    expect(page.locator("#working")).to_be_in_viewport()
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("button", name="Delete now").click()
    expect(page.locator("#answer")).to_be_hidden()
    assert double.answers == {}


def test_without_a_microphone_the_page_says_what_to_do(double, browser, opened):
    page = opened(double.url + "#try")
    page.evaluate("""() => { navigator.mediaDevices.getUserMedia = () =>
        Promise.reject(new DOMException('no', 'NotAllowedError')); }""")
    page.click("#record")
    expect(page.locator("#try-trouble")).to_contain_text("not allowed to use the microphone")
    expect(page.locator("#record")).to_have_text("Record")


# ── the phone as microphone ───────────────────────────────────────────────────────────────────


def test_the_phone_is_the_robots_microphone_with_a_sign(double, judge, voices, opened):
    page = opened(double.url)
    feed(double, voices, judge)
    page.click("#phone-start")
    expect(page.locator("#on-air")).to_be_visible()
    expect(page).to_have_title("● The robot hears this device")
    while sum(isinstance(sent, bytes) for sent in double.microphone) < 20:
        page.wait_for_timeout(50)
    assert double.microphone[0] == {"rate": double.microphone[0]["rate"], "channels": 1}
    assert double.microphone[0]["rate"] in (16000, 44100, 48000)
    sound = np.frombuffer(b"".join(double.microphone[1:]), "<i2")
    assert np.abs(sound).max() > 1000, "silence was sent"
    page.click('nav a[href="#try"]')
    expect(page.locator("#on-air")).to_be_visible()
    page.click("#phone-stop")
    expect(page.locator("#on-air")).to_be_hidden()
    while double.microphone[-1] != "closed":
        page.wait_for_timeout(20)


def test_a_refused_microphone_is_explained(double, opened):
    double.microphone_refused = {"kind": "in_use", "sentence": "Another phone is the microphone."}
    page = opened(double.url)
    page.click("#phone-start")
    expect(page.locator("#phone-trouble")).to_contain_text("Another phone is the microphone.")
    expect(page.locator("#on-air")).to_be_hidden()


# ── people ────────────────────────────────────────────────────────────────────────────────────


def test_a_first_time_user_reads_what_it_cannot_tell(double, opened):
    page = opened(double.url, told=False, size={"width": 360, "height": 640})
    expect(page.locator("#first")).to_be_visible()
    expect(page.locator("#understood")).to_be_in_viewport(ratio=1)
    expect(page.locator("#first")).to_contain_text("not what a person feels")
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#first")).to_be_hidden()
    page.reload()
    expect(page.locator("#live-word")).to_be_visible()
    expect(page.locator("#first")).to_be_hidden()


@pytest.mark.parametrize(("locale", "scheme"), [("en-GB", "light"), ("ko-KR", "dark")])
def test_no_serious_barrier_in_any_view(double, judge, voices, opened, spoken, scheme, locale):
    page = opened(double.url, locale=locale, color_scheme=scheme)
    assert page.locator("html").get_attribute("lang") == locale[:2]
    feed(double, voices, judge)
    page.wait_for_function("() => document.querySelectorAll('#live-bars .bar').length === 4")
    assert violations(page) == []
    page.click('nav a[href="#try"]')
    page.set_input_files("#file", spoken)
    page.wait_for_selector("#answer:not([hidden])")
    page.click("#answer summary")
    assert violations(page) == []
    page.click('nav a[href="#about"]')
    assert violations(page) == []
    assert fits(page)


def test_the_language_is_chosen_and_remembered(double, judge, voices, opened):
    page = opened(double.url, locale="de-DE")
    feed(double, voices, judge)
    expect(page.locator("#live-word")).to_have_text("sad")
    page.select_option("#language", "ko")
    expect(page.locator("#live-word")).to_have_text("슬픔")
    expect(page.locator("#live-bars")).to_contain_text("화남")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ko")


def test_the_keyboard_reaches_everything(double, opened, spoken):
    page = opened(double.url, size=DESK)
    page.wait_for_selector("#live-word")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#view-try h1")).to_be_focused()
    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"record", "file", "baseline"} <= reached


def test_the_kiosk_shows_the_word_and_a_face_and_nothing_else(double, judge, voices, opened):
    page = opened(double.url + "kiosk", told=False, size={"width": 800, "height": 480})
    expect(page.locator("#kiosk-word")).to_have_text("listening")
    feed(double, voices, judge)
    expect(page.locator("#kiosk-word")).to_have_text("sad")
    shown = page.evaluate(
        "[...document.body.children].filter(e => e.checkVisibility()).map(e => e.id)"
    )
    assert shown == ["view-kiosk"]
    assert page.locator("#face *").count() >= 4
    assert violations(page) == []
    double.hang_up()
    expect(page.locator("#kiosk-word")).to_have_text("not connected")


def test_less_motion_is_respected(double, judge, voices, opened):
    """A person who wants less motion gets one picture a second, and bars that jump."""
    page = opened(double.url, reduced_motion="reduce")
    feed(double, voices, judge)
    page.wait_for_function("() => document.querySelectorAll('#live-bars .bar').length === 4")
    moving = page.eval_on_selector(
        "#live-bars .track > span", "e => getComputedStyle(e).transitionDuration"
    )
    assert moving == "0s"
