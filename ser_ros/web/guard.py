"""Who may ask: hosts, origins and the token; and the headers that every answer has."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
from urllib.parse import urlencode, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from multidict import CIMultiDict

from ser_ros.errors import SerError
from ser_ros.errors.web import Refusal, StrangeHost, StrangeOrigin, TokenMissing

log = logging.getLogger(__name__)

COOKIE = "ser_ros"
_PAGES = ("/", "/kiosk")
_DAY_S = 86_400


def refused(error: SerError) -> web.Response:
    """Return an error as the page reads it."""
    status = error.status if isinstance(error, Refusal) else 500
    return web.json_response({"error": as_json(error)}, status=status)


def as_json(error: SerError) -> dict[str, str]:
    kind = error.kind if isinstance(error, Refusal) else "failed"
    return {"kind": kind, "sentence": str(error)}


def _told(kind: str, sentence: str, status: int) -> web.Response:
    return web.json_response({"error": {"kind": kind, "sentence": sentence}}, status=status)


class Guard:
    """Checks each request before anything else looks at it."""

    def __init__(self, names: list[str], token: str | None, secure: bool) -> None:
        self._names = frozenset(names)
        self._token = token
        # The cookie is made of the token, and tells nothing of it.
        self._cookie = hashlib.sha256(f"cookie {token}".encode()).hexdigest()
        self._secure = secure

    @property
    def middleware(self) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                self._check_host(request)
                self._check_origin(request)
                answer = self._exchange(request) or await self._entered(request, handler)
            except TokenMissing as error:
                answer = _door(error) if request.path in _PAGES else refused(error)
            except SerError as error:
                answer = refused(error)
            except web.HTTPException as error:
                answer = _plain(error)
            except ConnectionError:
                raise  # who asked has gone
            except Exception:
                log.exception("A request to %s failed.", request.path)
                answer = _told("failed", "The server failed over this; its log tells more.", 500)
            return answer

        return guard

    async def headers(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Set what every answer has; also one that is a stream or a WebSocket."""
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        connect = "connect-src 'self'"
        if self._knows(request):
            # Safari before 15.4 does not count WebSockets to 'self'.
            connect += f" {'wss' if self._secure else 'ws'}://{request.host}"
        answer.headers["Content-Security-Policy"] = f"{_POLICY}; {connect}"

    def _knows(self, request: web.Request) -> bool:
        host = _host(request.headers.get("Host", ""))
        return host in self._names or host == _reached(request)

    def _check_host(self, request: web.Request) -> None:
        if not self._knows(request):
            raise StrangeHost(request.headers.get("Host", "")[:100])

    def _check_origin(self, request: web.Request) -> None:
        """A browser tells the origin of whatever could do harm; other programs tell none."""
        origin = request.headers.get("Origin")
        own = f"{'https' if self._secure else 'http'}://{request.host}"
        if origin is not None and origin.lower() != own.lower():
            raise StrangeOrigin(origin[:100])

    def _exchange(self, request: web.Request) -> web.Response | None:
        """Take the token of an address for a cookie, and the address without it."""
        given = request.query.get("token")
        if given is None or request.path not in _PAGES:
            return None
        rest = [(name, value) for name, value in request.query.items() if name != "token"]
        where = request.path + (f"?{urlencode(rest)}" if rest else "")
        answer = web.Response(status=303, headers=CIMultiDict(Location=where))
        if self._token is not None:
            if not _same(given, self._token):
                raise TokenMissing
            answer.set_cookie(
                COOKIE,
                self._cookie,
                httponly=True,
                # Strict would keep it from the redirect of a link in a chat. Whatever changes
                # something, and every WebSocket, tells its origin, which is checked.
                samesite="Lax",
                secure=self._secure,
                max_age=_DAY_S,
                path="/",
            )
        return answer

    async def _entered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._token is not None and not _same(request.cookies.get(COOKIE, ""), self._cookie):
            raise TokenMissing
        return await handler(request)


_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def _reached(request: web.Request) -> str:
    """Return the address of this machine that a request came to: it may be newer than we are.

    No stranger's name can be made to point here by it, for it is no name.
    """
    try:
        address = ipaddress.ip_address(request.get_extra_info("sockname")[0].partition("%")[0])
    except (TypeError, ValueError, IndexError):
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def _host(told: str) -> str:
    """Return the name of a Host header without its port; nothing for what is more than that."""
    if not all(c.isalnum() or c in ".-_:[]" for c in told):
        return ""
    try:
        return (urlsplit(f"//{told}").hostname or "").lower()
    except ValueError:
        return ""


def _plain(error: web.HTTPException) -> web.StreamResponse:
    if error.status < 400:
        return error
    kind = {404: "not_found", 405: "not_allowed"}.get(error.status, "refused")
    return _told(kind, f"There is nothing of that kind here ({error.reason}).", error.status)


def _door(error: TokenMissing) -> web.Response:
    """Return a page for a person."""
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>ser_ros</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<p>{error}</p>"
        '<p lang="ko">이 브라우저는 아직 등록되지 않았어요. 서버를 시작할 때 나온 주소나 QR 코드로 '
        "열어 주세요.</p></html>"
    )
    return web.Response(text=text, status=error.status, content_type="text/html", charset="utf-8")
