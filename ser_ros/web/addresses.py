"""Where the page is found: names and addresses of this machine, the port, and what is typed."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from urllib.parse import urlencode

import ifaddr
import segno

from ser_ros.errors.config import BadValue
from ser_ros.errors.web import AddressRefused

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_ANY = ("0.0.0.0", "::")


def is_local(host: str) -> bool:
    """Whether only this machine itself reaches an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_addresses() -> list[str]:
    """Return this machine's addresses that others reach it by, IPv4 first."""
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            address = ipaddress.ip_address(text)
            # A link-local address of IPv6 means nothing without the name of an interface.
            if not address.is_loopback and not (address.version == 6 and address.is_link_local):
                found.append(address)
    return [str(address) for address in sorted(set(found), key=lambda a: (a.version, int(a)))]


def own_names(host: str, more: tuple[str, ...] = ()) -> list[str]:
    """Return every name and address that the page may be asked for by, on this host.

    What is left out is refused, so that no stranger's name can be made to point here.
    """
    names = [*LOCAL_NAMES, *more]
    if not is_local(host):
        machine = socket.gethostname().lower()
        names += [machine, f"{machine.split('.')[0]}.local"]
        names += own_addresses() if host in _ANY else [host]
    return list(dict.fromkeys(_as_asked(name) for name in names))


def _as_asked(name: str) -> str:
    """Return a name as browsers ask for it: in lower case, and in ASCII. Raises `BadValue`."""
    try:
        return name.lower() if name.isascii() else name.lower().encode("idna").decode()
    except UnicodeError as error:
        raise BadValue("--name", name, "the name of a host") from error


def listening_socket(host: str, port: int) -> socket.socket:
    """Take the port; 0 takes any that is free. Raises `AddressRefused`."""
    if not 0 <= port < 1 << 16:
        raise AddressRefused(host, port, "a port is a number from 0 to 65535")
    try:
        (family, _, _, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        both = host == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=128, dualstack_ipv6=both)
    except socket.gaierror as error:
        raise AddressRefused(host, port, error.strerror or str(error)) from error
    except (OSError, UnicodeError) as error:
        why = str(error)
        if isinstance(error, OSError):
            in_use = error.errno == errno.EADDRINUSE
            why = "it is in use" if in_use else (error.strerror or why)
        raise AddressRefused(host, port, why) from error


def url(host: str, port: int, secure: bool, token: str | None = None) -> str:
    shown = f"[{host}]" if ":" in host else host
    query = f"?{urlencode({'token': token})}" if token else ""
    return f"{'https' if secure else 'http'}://{shown}:{port}/{query}"


def shown_urls(host: str, port: int, secure: bool, token: str | None) -> list[str]:
    """Return the addresses to type, the likeliest first."""
    hosts = [host]
    if host in _ANY:
        # 0.0.0.0 is all of IPv4, :: is all there is.
        hosts = [one for one in own_addresses() if host == "::" or ":" not in one] or ["127.0.0.1"]
    return [url(one, port, secure, token) for one in hosts]


def show(urls: list[str], token: str | None, secure: bool) -> None:
    """Tell where the page is; as a QR code too where others may open it and a person looks."""
    for one in urls:
        print(f"The page is at {one}", flush=True)
    if token is not None:
        if sys.stdout.isatty():
            segno.make(urls[0], error="l", micro=False).terminal(compact=True, border=2)
        if not secure:
            print(
                "Without HTTPS phones give no microphone and others in the network can listen; "
                "--make-certificate helps.",
                flush=True,
            )
