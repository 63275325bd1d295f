"""HTTPS: a certificate that is given, or one that is made on the spot for the local network."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.web import CertificateRefused
from ser_ros.files import PRIVATE, written_aside
from ser_ros.web.state import state_folder

_DAYS = 397
"""The longest that browsers take (CA/Browser Forum, 2020)."""
_RENEW_DAYS = 14


def chosen(
    certificate: Path | None, key: Path | None, make: bool, names: list[str]
) -> ssl.SSLContext | None:
    """Return what serves HTTPS: by what is given, or made here; None for neither.

    Raises `CertificateRefused`, `BadValue` or `CannotWrite`.
    """
    if make:
        if certificate or key:
            raise BadValue("make_certificate", True, "no certificate and key beside it")
        certificate, key = made_for(names, state_folder())
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing, there = ("key", "certificate") if certificate else ("certificate", "key")
        raise BadValue(missing, None, f"a file too, for a {there} is given")
    return context(certificate, key)


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return what serves HTTPS. Raises `CertificateRefused`."""
    for path in (certificate, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise CertificateRefused(path, error.strerror or str(error)) from error
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password of ours OpenSSL would ask for one in the terminal.
        found.load_cert_chain(certificate, key, password=lambda: b"")
    except ssl.SSLError as error:
        raise CertificateRefused(*_fault(certificate, key, error)) from error
    except (ValueError, OSError) as error:
        raise CertificateRefused(key, str(error)) from error
    return found


def _fault(certificate: Path, key: Path, error: ssl.SSLError) -> tuple[Path, str]:
    reason = error.reason or ""
    if reason == "KEY_VALUES_MISMATCH":
        return certificate, f"it does not belong to the key '{key}'"
    if b"ENCRYPTED" in key.read_bytes():
        return key, "the key is locked by a password"
    return certificate, reason.replace("_", " ").lower() or "one of the two is no PEM file"


def made_for(names: list[str], folder: Path) -> tuple[Path, Path]:
    """Return a certificate and key for these names and addresses, made unless there.

    Self-signed: a phone warns once, and then gives its microphone. Raises `CannotWrite`.
    """
    certificate, key = folder / "page.crt", folder / "page.key"
    if not (key.is_file() and _still_good(certificate, names)):
        try:
            _make(names, certificate, key)
        except OSError as error:
            raise CannotWrite(folder, error.strerror or str(error)) from error
    return certificate, key


def _still_good(path: Path, names: list[str]) -> bool:
    """Whether a certificate is of these names, and will be for a while."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        told = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    covered = {str(name.value).lower() for name in told}
    left = found.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return set(names) <= covered and left > datetime.timedelta(days=_RENEW_DAYS)


def _make(names: list[str], certificate: Path, key: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ser_ros")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # a robot's clock may be late
        .not_valid_after(now + datetime.timedelta(days=_DAYS - 1))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(private, hashes.SHA256())
    )
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    told = made.public_bytes(serialization.Encoding.PEM)
    for path, content in ((key, secret), (certificate, told)):
        with written_aside(path, PRIVATE) as aside:
            aside.write_bytes(content)


def _general(name: str):  # type: ignore[no-untyped-def]
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
