"""`web`: the page in the browser, without ROS: recordings, and the browser's own microphone."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from ser_ros.cli.options import add_model_arguments, positive
from ser_ros.errors.machine import MissingExtra

HELP = "serve a page on which a voice can be tried, from files or the browser's microphone"
EXAMPLE = """  python -m ser_ros web                                 # this machine alone
  python -m ser_ros web --host 0.0.0.0 --make-certificate   # phones too, with a QR code
  python -m ser_ros web --save-folder voices --save-days 7"""

PORT = 8088


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to serve at; 0.0.0.0 for all (127.0.0.1)"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"0 for any that is free ({PORT})")
    parser.add_argument(
        "--name", action="append", default=[], help="another name that this machine is known by"
    )
    parser.add_argument("--certificate", type=Path, help="certificate for HTTPS, PEM")
    parser.add_argument("--key", type=Path, help="its key, PEM")
    parser.add_argument(
        "--make-certificate", action="store_true", help="HTTPS with a certificate made here"
    )
    parser.add_argument(
        "--save-folder", type=Path, help="folder for what a person presses save for (none)"
    )
    parser.add_argument(
        "--save-days", type=positive, default=30, help="days after which it is deleted (30)"
    )
    parser.add_argument(
        "--upload-mb", type=positive, default=50, help="the largest file in MB (50)"
    )
    parser.add_argument(
        "--seconds", type=positive, default=600, help="the longest recording in s (600)"
    )
    parser.add_argument(
        "--at-once", type=positive, default=4, help="recordings that are listened to at once (4)"
    )
    add_model_arguments(parser)


def check_web() -> None:
    """Raise `MissingExtra` where a package of the page is not installed."""
    try:
        import aiohttp  # noqa: F401
        import av  # noqa: F401
        import ifaddr  # noqa: F401
        import segno  # noqa: F401
    except ImportError as error:
        raise MissingExtra(error.name or str(error), "web") from error


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the ordinary end: 0."""
    check_web()
    from ser_ros.bundle import Bundle, find_bundle
    from ser_ros.web import addresses, certificates, state
    from ser_ros.web.limits import Limits
    from ser_ros.web.listening import Listener
    from ser_ros.web.saving import SavingFolder
    from ser_ros.web.server import Server, Setting, serve

    host, names = options.host, addresses.own_names(options.host, tuple(options.name))
    token = None if addresses.is_local(host) else state.token(state.state_folder())
    context = certificates.chosen(options.certificate, options.key, options.make_certificate, names)
    limits = Limits(options.upload_mb, float(options.seconds), options.at_once)
    saving = SavingFolder(options.save_folder, options.save_days) if options.save_folder else None
    with addresses.listening_socket(host, options.port) as taken:
        port = taken.getsockname()[1]
        bundle = Bundle.load(find_bundle(options.model))
        listener = Listener(bundle, options.runtime, options.threads)
        server = Server(listener, Setting(names, token, context, limits, saving))
        urls = addresses.shown_urls(host, port, context is not None, token)
        asyncio.run(serve(server, taken, lambda: _ready(urls, token, context is not None)))
    return 0


def _ready(urls: list[str], token: str | None, secure: bool) -> None:
    from ser_ros.web.addresses import show

    show(urls, token, secure)
    print("Ctrl-C ends it.", flush=True)
