"""Recordings sent to a real server: judged as everywhere else, refused in a sentence, forgotten."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
import json
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("aiohttp", reason="aiohttp is in the extra web")
pytest.importorskip("av", reason="PyAV is in the extra web")
import soundfile
import tiny
import uploads
from served import news, run, serving

from ser_ros import audio
from ser_ros.baseline import VoiceBaseline
from ser_ros.bundle import Bundle
from ser_ros.classifier import Classifier
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.web import NotRemembered
from ser_ros.web.limits import Limits
from ser_ros.web.listening import Listener
from ser_ros.web.saving import DAY_S, SavingFolder
from ser_ros.web.tries import Tries

BUNDLE = tiny.bundle(bias=(0.1, 0.4, 0.2, 0.0), slope=0.5, neutral_logits=(0.0, 1.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(BUNDLE, "onnxruntime")


# ── what is answered ──────────────────────────────────────────────────────────────────────────


def test_a_recording_is_judged_as_by_the_classifier(
    listener: Listener, recordings: list[Path], voices: list[audio.Samples]
) -> None:
    whole, windows = Classifier(BUNDLE, "onnxruntime").clip(voices[0])

    async def work() -> dict[str, Any]:
        async with serving(listener) as page:
            path = "/api/try?name=../x/voice.flac"
            return await page.heard(recordings[0].read_bytes(), path)

    answer = run(work())
    assert (answer["name"], answer["label"]) == ("voice.flac", whole.label)
    assert answer["probabilities"] == pytest.approx(whole.probabilities.tolist(), abs=1e-4)
    assert answer["confidence"] == pytest.approx(whole.confidence, abs=1e-4)
    assert answer["duration_s"] == pytest.approx(len(voices[0]) / 16_000, abs=1e-3)
    assert [w["label"] for w in answer["windows"]] == [w.label for w in windows]
    starts = [w["start_s"] for w in answer["windows"]]
    assert starts[0] == 0 and starts[-1] == pytest.approx(answer["duration_s"] - 2.5, abs=1e-3)
    assert answer["baseline"] is None and len(answer["sha256"]) == 64
    low, high = answer["envelope"]["low"], answer["envelope"]["high"]
    assert len(low) == len(high) == 1200 and -127 <= min(low) < 0 < max(high) <= 127
    picture = answer["spectrogram"]
    data = np.frombuffer(base64.b64decode(picture["data"]), np.uint8)
    assert len(data) == picture["bands"] * picture["frames"] and data.max() == 255


@pytest.mark.slow
def test_every_format_has_the_label_of_the_original(
    shipped_bundle: Bundle, classifier: Classifier, voices: list[audio.Samples]
) -> None:
    """Of the clearest voice, for which a codec's noise is no reason to say something else."""
    judged = [classifier.clip(voice)[0] for voice in voices]
    best = max(range(len(voices)), key=lambda k: judged[k].confidence)

    async def work() -> dict[str, dict[str, Any]]:
        async with serving(Listener(shipped_bundle, "onnxruntime")) as page:
            return {
                name: await page.heard(uploads.encoded(voices[best], name))
                for name in uploads.FORMATS
            }

    for name, answer in run(work()).items():
        assert answer["label"] == judged[best].label, name
        assert answer["duration_s"] == pytest.approx(len(voices[best]) / 16_000, abs=0.15), name


def test_a_baseline_is_learned_and_its_effect_told(
    listener: Listener, recordings: list[Path], voices: list[audio.Samples]
) -> None:
    judge = Classifier(BUNDLE, "onnxruntime")
    plain, windows = judge.clip(voices[0])
    voice = VoiceBaseline(BUNDLE)
    voice.enroll(np.stack([w.logits for w in windows if w.logits is not None]))
    judge.voice = voice
    adapted, _ = judge.clip(voices[0])

    async def work() -> tuple[dict[str, Any], dict[str, Any], str]:
        async with serving(listener) as page:
            id_ = await page.send(recordings[0].read_bytes(), "/api/baseline?name=me.flac")
            learned = await page.ended(id_)
            path = f"/api/try?name=voice.flac&baseline={id_}"
            return learned, await page.heard(recordings[0].read_bytes(), path), id_

    learned, answer, id_ = run(work())
    assert learned["answer"] == {"seconds": pytest.approx(len(voices[0]) / 16_000, abs=0.05)}
    assert answer["probabilities"] == pytest.approx(adapted.probabilities.tolist(), abs=2e-4)
    told = answer["baseline"]
    assert (told["id"], told["seconds"]) == (id_, learned["answer"]["seconds"])
    assert told["without"]["label"] == plain.label
    assert told["without"]["probabilities"] == pytest.approx(plain.probabilities.tolist(), abs=2e-4)
    assert told["without"]["probabilities"] != answer["probabilities"]


def test_a_baseline_needs_a_voice_and_is_told_where_it_is_gone(listener: Listener) -> None:
    silence = uploads.encoded(np.zeros(48_000, np.float32), "wav")

    async def work() -> None:
        async with serving(listener) as page:
            told = await page.ended(await page.send(silence, "/api/baseline"))
            assert told["error"]["kind"] == "nobody_speaks"
            answer = await page.heard(silence)
            assert (answer["label"], answer["confidence"]) == ("no_speech", 0)
            status, told = await page.ask("POST", "/api/try?baseline=unknown", data=silence)
            assert (status, told["error"]["kind"]) == (404, "unknown_baseline")

    run(work())


def test_downloads_say_the_same(listener: Listener, recordings: list[Path]) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            path = "/api/try?name=%EB%AA%A9%EC%86%8C%EB%A6%AC%22%0D%0A.flac"
            id_ = await page.send(recordings[0].read_bytes(), path)
            answer = (await page.ended(id_))["answer"]
            async with page.client.get(f"/api/try/{id_}/answer.json") as got:
                assert await got.json() == answer
                disposition = got.headers["Content-Disposition"]
                assert "filename*=UTF-8''%EB%AA%A9" in disposition and disposition.isascii()
            async with page.client.get(f"/api/try/{id_}/answer.csv") as got:
                rows = list(csv.DictReader(io.StringIO(await got.text())))
            assert [row["label"] for row in rows] == [w["label"] for w in answer["windows"]]
            for row, window in zip(rows, answer["windows"], strict=True):
                told = [float(row[label]) for label in answer["labels"]]
                assert told == window["probabilities"]

    run(work())


# ── what is refused ───────────────────────────────────────────────────────────────────────────


def hostile() -> dict[str, tuple[bytes, str]]:
    second = np.full(16_000, 0.1, np.float32)
    return {
        "a program": (b"MZ" + bytes(range(256)) * 500, "not_a_recording"),
        "random": (np.random.default_rng(0).bytes(100_000), "not_a_recording"),
        "a film without sound": (uploads.film_without_sound(), "no_sound"),
        "no sample": (uploads.empty_wav(), "empty"),
        "cut off": (uploads.encoded(second, "mp4")[:500], "not_a_recording"),
    }


def test_each_hostile_upload_has_its_answer_and_the_server_lives_on(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener, limits=Limits(seconds=10)) as page:
            for what, (content, kind) in hostile().items():
                told = await page.ended(await page.send(content))
                assert told["state"] == "failed", what
                assert told["error"]["kind"] == kind, what
                assert told["error"]["sentence"].endswith("."), what
            claim = uploads.claiming_a_terabyte(np.full(16_000, 0.1, np.float32))
            assert (await page.heard(claim))["duration_s"] == 1.0
            status, told = await page.ask("POST", "/api/try", data=b"")
            assert (status, told["error"]["kind"]) == (400, "empty")
            headers = {"Content-Encoding": "gzip"}
            status, told = await page.ask("POST", "/api/try", data=b"x", headers=headers)
            assert (status, told["error"]["kind"]) == (415, "encoded")
            assert (await page.get("/api/about"))[0] == 200

    run(work())


def test_what_is_too_large_is_refused_before_it_has_come(listener: Listener) -> None:
    given = 0

    async def endless() -> Any:
        nonlocal given
        for _ in range(400):
            given += 1 << 18
            yield bytes(1 << 18)

    async def work() -> None:
        async with serving(listener, limits=Limits(upload_mb=1)) as page:
            status, told = await page.ask("POST", "/api/try", data=bytes((1 << 20) + 1))
            assert (status, told["error"]["kind"]) == (413, "too_large")
            # What comes without a length is counted as it comes; what the sockets hold is sent too.
            status, told = await page.ask("POST", "/api/try", data=endless())
            assert (status, told["error"]["kind"]) == (413, "too_large")
            assert (await page.get("/api/about"))[0] == 200

    run(work())
    assert given < 100 << 20


def test_who_sends_nothing_more_is_let_go_and_one_too_many_told(listener: Listener) -> None:
    more = asyncio.Event

    async def work() -> None:
        limits = Limits(at_once=1, idle_s=3)
        began, stop = more(), more()

        async def stalled() -> Any:
            yield b"RIFF"
            began.set()
            await stop.wait()

        async with serving(listener, limits=limits) as page:
            first = asyncio.create_task(page.ask("POST", "/api/try", data=stalled()))
            await began.wait()
            kinds = set()
            while "busy" not in kinds and not first.done():
                status, told = await page.ask("POST", "/api/try", data=b"RIFF")
                if status == 202:  # the first had not come yet
                    await page.ended(told["id"])
                else:
                    assert status == 429
                    kinds.add(told["error"]["kind"])
            assert kinds == {"busy"}
            status, told = await first
            stop.set()
            assert (status, told["error"]["kind"]) == (408, "too_slow")
            await page.ended(await page.send(b"RIFF"))  # its place is free again

    run(work())


def test_an_upload_that_breaks_off_gives_its_place_back(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener, limits=Limits(at_once=1)) as page:
            _, writer = await asyncio.open_connection("127.0.0.1", page.port)
            head = f"POST /api/try HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n"
            writer.write(f"{head}Content-Length: 9999\r\n\r\nRIFF".encode())
            await writer.drain()
            writer.transport.abort()
            while True:
                status, told = await page.ask("POST", "/api/try", data=b"RIFF")
                if status == 202:
                    break
            await page.ended(told["id"])

    run(work())


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(content=st.binary(min_size=1, max_size=3000), name=st.text(max_size=300))
def test_random_uploads_are_answered(content: bytes, name: str, listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            async with page.client.post("/api/try", params={"name": name}, data=content) as got:
                assert got.status == 202
                id_ = (await got.json())["id"]
            told = await page.ended(id_)
            assert told["state"] == "done" or told["error"]["kind"] in (
                "not_a_recording",
                "damaged",
            )

    run(work())


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


def test_nothing_is_ever_on_the_disk(
    listener: Listener, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    seen: set[str] = set()

    async def watch() -> None:
        while True:
            seen.update(os.listdir(tmp_path))
            await asyncio.sleep(0)

    async def work() -> None:
        watcher = asyncio.create_task(watch())
        async with serving(listener) as page:
            await page.heard(recordings[0].read_bytes())
            await page.ended(await page.send(b"no recording"))
        watcher.cancel()

    run(work())
    assert seen | set(os.listdir(tmp_path)) == set()


def test_no_room_for_a_file_is_told(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    async def work() -> None:
        async with serving(listener) as page:
            status, told = await page.ask("POST", "/api/try", data=b"RIFF")
            assert (status, told["error"]["kind"]) == (507, "no_room")

    run(work())


def test_what_is_forgotten_is_gone(listener: Listener, recordings: list[Path]) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            id_ = await page.send(recordings[0].read_bytes())
            await page.ended(id_)
            assert (await page.ask("DELETE", f"/api/try/{id_}"))[0] == 200
            for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/answer.csv")):
                status, told = await page.ask(method, f"/api/try/{id_}{path}")
                assert (status, told["error"]["kind"]) == (404, "gone")

    run(work())


def kept(tries: Tries, content: bytes) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the try closes it
    file.write(content)
    file.flush()
    return tries.begin(file, "voice", "", None, False)


def test_answers_are_forgotten_in_time_and_when_there_are_too_many(listener: Listener) -> None:
    second = uploads.encoded(np.full(16_000, 0.1, np.float32), "wav")

    async def work() -> None:
        now = [0.0]
        tries = Tries(listener, Limits(remember_s=900), now=lambda: now[0])
        one = kept(tries, second)
        await one.task
        now[0] = 900.0
        assert tries.get(one.id) is one  # and was asked for now
        now[0] = 1800.5
        with pytest.raises(NotRemembered):
            tries.get(one.id)
        await tries.close()

        ending = Tries(listener, Limits(remember_s=900), now=lambda: now[0])
        await kept(ending, second).task
        now[0] += 1000.0
        await ending.close()  # what was to be forgotten anyway is no hindrance

        crowded = Tries(listener, Limits(remember_mb=0), now=lambda: now[0])
        ids = []
        for _ in range(3):
            now[0] += 1
            one = kept(crowded, second)
            await one.task
            ids.append(one.id)
        assert crowded.get(ids[-1]).state == "done"
        for id_ in ids[:-1]:
            with pytest.raises(NotRemembered):
                crowded.get(id_)
        await crowded.close()

    run(work())


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: to who writes it, a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_a_person_saves_is_kept_for_days(
    listener: Listener, recordings: list[Path], voices: list[audio.Samples], tmp_path: Path
) -> None:
    now = [1_700_000_000.0]
    folder = SavingFolder(tmp_path / "voices", days=2, now=lambda: now[0])
    (folder.folder / "mine.flac").write_bytes(b"not yours")

    async def work() -> None:
        async with serving(listener, saving=folder) as page:
            id_ = await page.send(recordings[0].read_bytes())
            answer = (await page.ended(id_))["answer"]
            assert [p.name for p in folder.folder.iterdir()] == ["mine.flac"]
            status, told = await page.ask("POST", f"/api/try/{id_}/save")
            assert status == 200
            sound = folder.folder / f"{told['saved']}.flac"
            words = folder.folder / f"{told['saved']}.json"
            assert json.loads(words.read_text()) == answer
            np.testing.assert_allclose(soundfile.read(sound)[0], voices[0], atol=1e-4)
            assert {p.stat().st_mode & 0o777 for p in (sound, words)} == {0o600}
            for path in (sound, words):
                os.utime(path, (now[0], now[0]))
            folder.folder.rename(tmp_path / "away")
            status, told = await page.ask("POST", f"/api/try/{id_}/save")
            assert (status, told["error"]["kind"]) == (507, "not_saved")
            assert str(tmp_path) not in told["error"]["sentence"]
            (tmp_path / "away").rename(folder.folder)

    run(work())
    now[0] += 2 * DAY_S - 1
    assert folder.age_out() == 0
    now[0] += 2
    assert folder.age_out() == 2
    assert [p.name for p in folder.folder.iterdir()] == ["mine.flac"]


@pytest.mark.parametrize("loud", [0.5, 0.0], ids=["for the sound", "for the words"])
def test_a_full_disk_leaves_nothing_half_and_the_next_save_works(
    listener: Listener, tmp_path: Path, loud: float
) -> None:
    """Noise is large as flac; of silence the answer is the larger file."""
    noise = np.random.default_rng(0).uniform(-loud, loud, 16_000 * 10).astype(np.float32)
    upload = uploads.encoded(noise, "ogg")
    folder = SavingFolder(tmp_path / "voices", days=2)

    async def work() -> None:
        async with serving(listener, saving=folder) as page:
            id_ = await page.send(upload)
            await page.ended(id_)
            with largest_file(50_000):
                status, told = await page.ask("POST", f"/api/try/{id_}/save")
            assert (status, told["error"]["kind"]) == (507, "not_saved")
            assert list(folder.folder.iterdir()) == []
            assert (await page.ask("POST", f"/api/try/{id_}/save"))[0] == 200
            assert {p.suffix for p in folder.folder.iterdir()} == {".flac", ".json"}
            assert all(p.stat().st_size for p in folder.folder.iterdir())

    run(work())


def test_what_a_crash_left_of_a_save_ages_out_too(tmp_path: Path) -> None:
    now = [1_700_000_000.0]
    folder = SavingFolder(tmp_path, days=2, now=lambda: now[0])
    name = folder.save(np.zeros(16_000, np.float32), {})
    left = tmp_path / f".{name}-a1b2c3d4.flac"
    (tmp_path / f"{name}.flac").rename(left)
    (tmp_path / ".mine.flac").touch()
    for path in tmp_path.iterdir():
        os.utime(path, (now[0], now[0]))
    now[0] += 2 * DAY_S + 1
    assert folder.age_out() == 2
    assert [path.name for path in tmp_path.iterdir()] == [".mine.flac"]


def test_saving_is_off_unless_told_and_its_folder_is_tried_at_once(
    listener: Listener, recordings: list[Path], tmp_path: Path
) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            id_ = await page.send(recordings[0].read_bytes())
            await page.ended(id_)
            status, told = await page.ask("POST", f"/api/try/{id_}/save")
            assert (status, told["error"]["kind"]) == (404, "saving_off")

    run(work())
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite):
        SavingFolder(tmp_path / "file" / "below", 1)
    (tmp_path / "try").write_text("mine")
    SavingFolder(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "try"]
    assert (tmp_path / "try").read_text() == "mine"


# ── while it listens ──────────────────────────────────────────────────────────────────────────


class Held(Listener):
    """A listener that begins when it is let."""

    def __init__(self) -> None:
        super().__init__(BUNDLE, "onnxruntime")
        self.let = threading.Event()

    def listen(self, *arguments: Any) -> dict[str, Any]:
        self.let.wait(30)
        return super().listen(*arguments)


def test_the_live_view_goes_on_while_a_recording_is_listened_to(recordings: list[Path]) -> None:
    held = Held()

    async def work() -> None:
        async with serving(held) as page, page.client.ws_connect("/ws/live") as live:
            assert (await news(live))["type"] == "hello"
            id_ = await page.send(recordings[0].read_bytes())
            while (await page.get(f"/api/try/{id_}"))[1]["state"] != "listening":
                await asyncio.sleep(0.02)
            status, told = await page.get(f"/api/try/{id_}/answer.json")
            assert (status, told["error"]["kind"]) == (409, "not_done")
            page.server.hub.publish({"type": "window", "label": "sad"})
            assert await news(live) == {"type": "window", "label": "sad"}
            held.let.set()
            assert (await page.ended(id_))["state"] == "done"

    run(work())


def test_ten_hours_are_too_long_and_the_live_view_goes_on(listener: Listener) -> None:
    async def work() -> None:
        limits = Limits(seconds=60)
        async with (
            serving(listener, limits=limits) as page,
            page.client.ws_connect("/ws/live") as live,
        ):
            assert (await news(live))["type"] == "hello"
            id_ = await page.send(uploads.ten_hours(), "/api/try?name=day.aac")
            while (told := (await page.get(f"/api/try/{id_}"))[1])["state"] != "failed":
                page.server.hub.publish({"type": "window", "label": "sad"})
                assert await news(live) == {"type": "window", "label": "sad"}
            assert told["error"]["kind"] == "too_long"
            assert "60 s" in told["error"]["sentence"]

    run(work())


def test_what_nobody_waits_for_any_more_ends_and_the_next_one_goes_on(
    recordings: list[Path],
) -> None:
    held = Held()

    async def work() -> None:
        async with serving(held, limits=Limits(at_once=1)) as page:
            id_ = await page.send(recordings[0].read_bytes())
            while (await page.get(f"/api/try/{id_}"))[1]["state"] != "listening":
                await asyncio.sleep(0.02)
            assert (await page.ask("DELETE", f"/api/try/{id_}"))[0] == 200
            held.let.set()
            assert (await page.heard(recordings[1].read_bytes()))["label"]

    run(work())
