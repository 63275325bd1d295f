"""Who may open the page, by which address, and over what."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is in the extra web")
pytest.importorskip("cryptography", reason="cryptography is in the extra web")
import aiohttp
import tiny
from programs import ROOT
from served import run, serving

from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.web import AddressRefused, CertificateRefused
from ser_ros.web import addresses, certificates, state
from ser_ros.web.listening import Listener

TOKEN = "a-token-of-the-test"


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(tiny.bundle(), "onnxruntime")


# ── hosts and origins ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/", "/api/about", "/style.css", "/ws/live"])
@pytest.mark.parametrize(
    ("header", "value", "kind"),
    [
        ("Host", "evil.example", "wrong_host"),
        ("Host", "127.0.0.1.evil.example:8088", "wrong_host"),
        ("Host", "[::1", "wrong_host"),
        ("Host", "127.0.0.1/;script-src *", "wrong_host"),
        ("Origin", "http://evil.example", "wrong_origin"),
        ("Origin", "null", "wrong_origin"),
        ("Origin", "https://127.0.0.1", "wrong_origin"),
    ],
)
def test_strangers_are_refused(
    listener: Listener, path: str, header: str, value: str, kind: str
) -> None:
    async def work() -> None:
        headers = {header: value}
        async with serving(listener) as page, page.client.get(path, headers=headers) as got:
            assert (got.status, (await got.json())["error"]["kind"]) == (403, kind)
            policy = got.headers["Content-Security-Policy"]
            assert "evil" not in policy and "script-src" not in policy

    run(work())


def test_an_address_that_came_after_the_start_is_answered(listener: Listener) -> None:
    """A robot may start before its network does; 127.0.0.2 stands for what it gets then."""

    async def work() -> None:
        async with serving(listener, host="0.0.0.0") as page:
            for host, status in (("127.0.0.2", 200), ("127.0.0.3", 403), ("new.example", 403)):
                asked = f"http://127.0.0.2:{page.port}/api/about"
                async with page.client.get(asked, headers={"Host": f"{host}:{page.port}"}) as got:
                    assert got.status == status, host

    run(work())


def test_another_page_sends_and_deletes_nothing(listener: Listener) -> None:
    """It could with the cookie, which comes along from there; its origin tells it apart."""

    async def work() -> None:
        async with serving(listener, token=TOKEN) as page:
            async with page.client.get(f"/?token={TOKEN}") as got:
                assert got.status == 200
            id_ = await page.send(b"RIFF")
            other = {"Origin": "http://localhost:1234"}
            for method, path in (("POST", "/api/try"), ("DELETE", f"/api/try/{id_}")):
                status, told = await page.ask(method, path, data=b"RIFF", headers=other)
                assert (status, told["error"]["kind"]) == (403, "wrong_origin")
            assert (await page.ended(id_))["state"] == "failed"

    run(work())


def test_the_page_itself_may_ask(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            own = {"Origin": f"http://127.0.0.1:{page.port}"}
            assert (await page.get("/api/about", headers=own))[0] == 200
            async with page.client.ws_connect("/ws/live", headers=own) as live:
                assert (await live.receive_json())["type"] == "hello"
            named = {"Host": f"LOCALHOST:{page.port}"}
            assert (await page.get("/api/about", headers=named))[0] == 200

    run(work())


def test_every_answer_has_the_headers(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener) as page:
            for path in ("/", "/api/about", "/nothing", "/api/try/unknown"):
                async with page.client.get(path) as got:
                    policy = got.headers["Content-Security-Policy"]
                    assert policy.startswith("default-src 'self'; ") and "unsafe" not in policy
                    assert policy.endswith(f"; connect-src 'self' ws://127.0.0.1:{page.port}")
                    assert got.headers["X-Content-Type-Options"] == "nosniff"
                    assert got.headers["Referrer-Policy"] == "no-referrer"
                    assert "microphone=(self)" in got.headers["Permissions-Policy"]

    run(work())


@pytest.mark.parametrize("path", ["/../setup.py", "/%2e%2e/%2e%2e/setup.py", "//etc/passwd", "/."])
def test_no_path_leads_out_of_the_page(listener: Listener, path: str) -> None:
    async def work() -> bytes:
        async with serving(listener) as page:
            reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            return await reader.read()

    assert run(work()).startswith((b"HTTP/1.1 404", b"HTTP/1.1 400", b"HTTP/1.1 403"))


def test_a_token_holds_for_a_day_and_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    first = state.token(folder)
    file = folder / "page.token"
    assert (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert state.token(folder) == first
    for age_s in (25 * 3600, -3600):  # too old; of a clock that was wrong
        os.utime(file, (0, time.time() - age_s))
        again = state.token(folder)
        assert again != first and len(again) >= 20
    file.write_text("short")
    assert len(state.token(folder)) >= 20
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    assert state.token(nowhere) != state.token(nowhere), "made all the same"


# ── the token ─────────────────────────────────────────────────────────────────────────────────


def test_the_token_is_taken_for_a_cookie_and_leaves_the_address(listener: Listener) -> None:
    async def work() -> None:
        async with serving(listener, token=TOKEN) as page:
            for path in ("/api/about", "/ws/live", "/ws/microphone", "/style.css"):
                status, told = await page.get(path)
                assert (status, told["error"]["kind"]) == (401, "token")
            status, told = await page.get(f"/api/about?token={TOKEN}")
            assert status == 401  # it counts only where the address is then cleaned
            for wrong in ("", "?token=", "?token=wrong", "?token=%ff%00"):
                async with page.client.get(f"/{wrong}") as got:
                    assert got.status == 401 and "Set-Cookie" not in got.headers
                    assert "QR" in await got.text()
            for path in ("/", "/kiosk"):
                entry = f"{path}?token={TOKEN}&language=ko"
                async with page.client.get(entry, allow_redirects=False) as got:
                    assert (got.status, got.headers["Location"]) == (303, f"{path}?language=ko")
                    cookie = got.headers["Set-Cookie"]
                    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
                    assert TOKEN not in cookie and "Secure" not in cookie
            assert (await page.get("/api/about"))[0] == 200
            async with page.client.ws_connect("/ws/live") as live:
                assert (await live.receive_json())["type"] == "hello"

    run(work())


def test_a_token_that_nobody_asked_for_is_taken_off_the_address(listener: Listener) -> None:
    async def work() -> None:
        async with (
            serving(listener) as page,
            page.client.get("/?token=old", allow_redirects=False) as got,
        ):
            assert (got.status, got.headers["Location"]) == (303, "/")
            assert "Set-Cookie" not in got.headers

    run(work())


# ── HTTPS ─────────────────────────────────────────────────────────────────────────────────────

NAMES = ["localhost", "127.0.0.1", "robot.local"]


def test_a_certificate_made_here_serves_the_page(listener: Listener, tmp_path: Path) -> None:
    certificate, key = certificates.made_for(NAMES, tmp_path / "state")
    assert key.stat().st_mode & 0o777 == 0o600

    async def work() -> None:
        context = certificates.context(certificate, key)
        async with serving(listener, context=context, token=TOKEN) as page:
            trust = ssl.create_default_context(cafile=certificate)
            entry = f"/?token={TOKEN}"
            async with page.client.get(entry, ssl=trust, allow_redirects=False) as got:
                assert "Secure" in got.headers["Set-Cookie"]
                policy = got.headers["Content-Security-Policy"]
                assert policy.endswith(f"; connect-src 'self' wss://127.0.0.1:{page.port}")
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await page.client.get("/", ssl=True)

    run(work())


def test_a_certificate_is_made_anew_only_for_new_names(tmp_path: Path) -> None:
    first = certificates.made_for(NAMES, tmp_path)[0].read_bytes()
    assert certificates.made_for(NAMES[:2], tmp_path)[0].read_bytes() == first
    assert certificates.made_for([*NAMES, "10.0.0.7"], tmp_path)[0].read_bytes() != first
    (tmp_path / "page.crt").write_text("damaged")
    assert certificates.context(*certificates.made_for(NAMES, tmp_path))


def test_a_certificate_that_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    certificate, key = certificates.made_for(NAMES, tmp_path / "one")
    _, other = certificates.made_for(NAMES, tmp_path / "two")
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"\x00\xff nothing")
    locked = tmp_path / "locked"
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    cases: list[tuple[Path, Path, str]] = [
        (certificate, other, "does not belong"),
        (certificate, tmp_path / "none", "No such file"),
        (tmp_path, key, "Is a directory"),
        (garbage, key, "cannot be used"),
        (certificate, garbage, "cannot be used"),
        (certificate, locked, "password"),
    ]
    for one, two, why in cases:
        with pytest.raises(CertificateRefused, match=why) as caught:
            certificates.context(one, two)
        assert str(caught.value).count("\n") == 0


def test_a_folder_that_takes_no_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite):
        certificates.made_for(NAMES, tmp_path / "file" / "state")


# ── addresses ─────────────────────────────────────────────────────────────────────────────────


def test_addresses_that_cannot_be_served_at() -> None:
    with addresses.listening_socket("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressRefused, match="in use"):
            addresses.listening_socket("127.0.0.1", port)
    for host, asked in (("203.0.113.1", 0), ("no.such.host.invalid", 0), ("127.0.0.1", 70_000)):
        with pytest.raises(AddressRefused):
            addresses.listening_socket(host, asked)


def test_the_names_that_a_page_answers_to() -> None:
    assert addresses.own_names("127.0.0.1") == list(addresses.LOCAL_NAMES)
    everywhere = addresses.own_names("0.0.0.0", ("Robot.example",))
    assert "robot.example" in everywhere and "0.0.0.0" not in everywhere
    assert f"{socket.gethostname().lower().split('.')[0]}.local" in everywhere
    assert set(addresses.own_addresses()) <= set(everywhere)
    shown = addresses.shown_urls("0.0.0.0", 80, False, None)
    assert shown and not any("[" in url for url in shown)
    assert addresses.own_names("192.0.2.7")[-1] == "192.0.2.7"
    assert addresses.own_names("127.0.0.1", ("Küche",))[-1] == "xn--kche-0ra"
    with pytest.raises(BadValue, match="name of a host"):
        addresses.own_names("127.0.0.1", ("ü" * 80,))
    assert addresses.url("::1", 80, True, "a&b") == "https://[::1]:80/?token=a%26b"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_are_those_of_ipv4_too() -> None:
    with addresses.listening_socket("::", 0) as taken:
        address = ("127.0.0.1", taken.getsockname()[1])
        socket.create_connection(address, timeout=10).close()


# ── the command ───────────────────────────────────────────────────────────────────────────────


SOON = ("--runtime", "onnxruntime")
"""It starts in half the time of the fastest one."""


def started(*words: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """Start the command; return it and the address that it tells."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ser_ros", "web", "--port", "0", *SOON, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"https?://\S+", line)
    assert found, line + process.stdout.read()
    return process, found[0]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_well_with_a_view_open(number: int) -> None:
    process, url = started()

    async def work() -> Any:
        async with aiohttp.ClientSession() as client, client.ws_connect(f"{url}ws/live") as live:
            assert (await live.receive_json())["type"] == "hello"
            process.send_signal(number)
            told = await live.receive()
            while told.type is aiohttp.WSMsgType.TEXT:  # a sign of life
                told = await live.receive()
            return told

    try:
        assert run(work()).data == 1001
        rest, _ = process.communicate(timeout=60)
        assert (process.returncode, "Traceback" in rest) == (0, False), rest
    finally:
        process.kill()


@pytest.mark.slow
def test_another_address_has_a_token_and_a_certificate(tmp_path: Path) -> None:
    words = ("--host", "0.0.0.0", "--make-certificate")
    process, url = started(*words, XDG_STATE_HOME=str(tmp_path))
    try:
        assert url.startswith("https://") and re.search(r"\?token=[\w-]{20,}$", url)
        assert {p.name for p in (tmp_path / "ser_ros").iterdir()} == {
            "page.crt",
            "page.key",
            "page.token",
        }
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        assert process.returncode == 0, rest
    finally:
        process.kill()


@pytest.mark.slow
def test_what_cannot_be_served_is_one_sentence(ser_ros: Any, tmp_path: Path) -> None:
    with addresses.listening_socket("127.0.0.1", 0) as taken:
        done = ser_ros("web", "--port", taken.getsockname()[1])
    assert done.returncode == 1 and "(it is in use)" in done.stderr
    for words, why in (
        (("--certificate", tmp_path / "none"), "key is None"),
        (("--certificate", tmp_path / "none", "--key", tmp_path / "none"), "No such file"),
        (("--port", 0, "--model", tmp_path), "manifest.json"),
    ):
        done = ser_ros("web", *words)
        assert done.returncode == 1 and why in done.stderr and done.stderr.count("\n") == 1
