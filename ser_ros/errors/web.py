"""The page in the browser: what keeps it from starting, and what it refuses a stranger."""

from __future__ import annotations

from pathlib import Path

from ser_ros.errors import SerError


class WebError(SerError):
    """The page cannot be served."""


class AddressRefused(WebError):
    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"The page cannot be served at {host}, port {port} ({why}); give an address of this "
            "machine with --host and a port that nobody uses with --port."
        )


class CertificateRefused(WebError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The certificate or key '{path}' cannot be used ({why}), expected two PEM files that "
            "belong together; correct --certificate and --key, or let --make-certificate make both."
        )


class Refusal(SerError):
    """Something that the page, or whoever sends what it sends, is refused.

    `kind` is the word that the page translates, `status` that of HTTP.
    """

    kind = "refused"
    status = 400


class UploadEmpty(Refusal):
    kind = "empty"

    def __init__(self) -> None:
        super().__init__("The recording holds no sound at all; record it again.")


class UploadTooLarge(Refusal):
    kind, status = "too_large", 413

    def __init__(self, limit_mb: int) -> None:
        super().__init__(
            f"The file is larger than {limit_mb} MB, the most that is taken; send a shorter or a "
            "compressed recording."
        )


class UploadSlow(Refusal):
    kind, status = "too_slow", 408

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"Nothing more of the file came for {seconds:g} s, expected all of it; send it again."
        )


class UploadEncoded(Refusal):
    kind, status = "encoded", 415

    def __init__(self, encoding: str) -> None:
        super().__init__(
            f"The upload is encoded as {encoding!r}, expected the file as it is; send it without "
            "Content-Encoding."
        )


class UploadNoRoom(Refusal):
    kind, status = "no_room", 507

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The server has no room for the file ({why}); send a smaller one, or make room there."
        )


class NotARecording(Refusal):
    kind, status = "not_a_recording", 415

    def __init__(self) -> None:
        super().__init__(
            "The file is no recording of a known format; send wav, flac, mp3, ogg, webm, m4a, aac "
            "or mp4."
        )


class NoSoundInside(Refusal):
    kind, status = "no_sound", 415

    def __init__(self) -> None:
        super().__init__("The file has pictures but no sound; send one in which somebody speaks.")


class RecordingDamaged(Refusal):
    kind, status = "damaged", 422

    def __init__(self) -> None:
        super().__init__(
            "The recording is damaged or cut off, and no sound could be read from it; send it "
            "again, or save it anew in another format."
        )


class RecordingTooLong(Refusal):
    kind, status = "too_long", 413

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The recording is longer than {seconds:g} s, the most that is listened to; send a "
            "part of it."
        )


class NobodySpeaks(Refusal):
    kind, status = "nobody_speaks", 422

    def __init__(self) -> None:
        super().__init__(
            "Nobody speaks in the recording, expected some seconds of ordinary speech; record it "
            "again, closer to the microphone."
        )


class RecordingTooHeavy(Refusal):
    kind, status = "too_heavy", 422

    def __init__(self, what: str) -> None:
        super().__init__(
            f"To decode the recording took more {what} than a recording may; save it anew in an "
            "ordinary format."
        )


class TooManyAtOnce(Refusal):
    kind, status = "busy", 429

    def __init__(self, at_once: int) -> None:
        super().__init__(
            f"{at_once} recordings are being listened to already, the most at once; try again in "
            "a moment."
        )


class NotRemembered(Refusal):
    kind, status = "gone", 404

    def __init__(self) -> None:
        super().__init__(
            "The recording is not known here, or was forgotten since, for nothing is kept for "
            "long; send it again."
        )


class BaselineNotRemembered(Refusal):
    kind, status = "unknown_baseline", 404

    def __init__(self) -> None:
        super().__init__(
            "The ordinary voice is not known here, or was forgotten since; record it again."
        )


class NotHeardYet(Refusal):
    kind, status = "not_done", 409

    def __init__(self, state: str) -> None:
        super().__init__(f"The recording has no answer (it is {state}); wait until it is done.")


class SavingOff(Refusal):
    kind, status = "saving_off", 404

    def __init__(self) -> None:
        super().__init__(
            "Nothing is saved here: the server was started without a folder for it (--save-folder)."
        )


class NotSaved(Refusal):
    kind, status = "not_saved", 507

    def __init__(self) -> None:
        super().__init__(
            "The recording could not be saved; the server's log says why. Make room there, and "
            "press save again."
        )


class StrangeHost(Refusal):
    kind, status = "wrong_host", 403

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The page was asked for as {host!r}, which is no name of this machine; use the "
            "address that was shown at the start, or tell the name with --name."
        )


class StrangeOrigin(Refusal):
    kind, status = "wrong_origin", 403

    def __init__(self, origin: str) -> None:
        super().__init__(
            f"The request comes from the page {origin!r}, expected this server's own; open the "
            "page at the address that was shown at the start."
        )


class TokenMissing(Refusal):
    kind, status = "token", 401

    def __init__(self) -> None:
        super().__init__(
            "This browser is not known here; open the page by the address, or the QR code, that "
            "the server showed at its start."
        )


class TooManyViewers(Refusal):
    kind, status = "too_many_viewers", 503

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} views are open already, the most at once; close one of them.")


class MicrophoneRefused(Refusal):
    """`kind` tells which of the reasons it is."""

    def __init__(self, kind: str, why: str) -> None:
        self.kind = kind
        super().__init__(why)
