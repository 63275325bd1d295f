"""Every error of the project, in one small tree.

    SerError
    ├── LabelError       UnknownLabel · BadLabelSet
    ├── AudioError       UnknownSampleFormat · UnsupportedFormat · PartialFrame · EmptyAudio
    │                    UnreadableFile
    ├── DeviceError      DeviceNotFound · AmbiguousDevice · DeviceRefused · DeviceLost
    │                    DeviceFailed · MicrophoneUnavailable
    ├── BundleError      BundleMissing · BundleDamaged · BundleMismatch · RuntimeUnavailable
    ├── VoiceError       VoiceUnreadable · VoiceMismatch · VoiceNotKept · VoiceNotKnown
    │                    VoiceNotListened · BadVoiceName · NoBaseline · BaselineOff
    │                    EnrolmentGoesOn
    ├── ConfigError      UnreadableConfig · UnknownKey · BadValue
    ├── ManifestError    BadManifest · NothingToScore · UnknownLayout · NothingReadable
    │                    SpeakersInTraining
    ├── BagError         BagMissing · BagUnreadable · BagThere · BagOfBags · RosbagsMissing
    │                    NoAudioTopic · SeveralAudioTopics · AudioTypeUnknown · TopicUnknown
    │                    TypeUnknown · TypeDiffers · MessageUnreadable · FieldMissing
    │                    BadTrack · NothingRecorded · NothingToPlay · NoBagHeard
    ├── FileError        CannotWrite
    ├── ReportError      NotAReport · UnreadableReport · NothingInCommon
    ├── RosError         RosMissing · RosRefused · NotReady
    ├── WebError         AddressRefused · CertificateRefused
    ├── Refusal          UploadEmpty · UploadTooLarge · UploadSlow · UploadEncoded · UploadNoRoom
    │                    NotARecording · NoSoundInside · RecordingDamaged · RecordingTooLong
    │                    RecordingTooHeavy · NobodySpeaks · TooManyAtOnce · NotRemembered
    │                    BaselineNotRemembered · NotHeardYet · SavingOff · NotSaved
    │                    StrangeHost · StrangeOrigin · TokenMissing · TooManyViewers
    │                    MicrophoneRefused
    └── TrainingError    EmptyClass · NonFiniteLoss · CheckpointDamaged · MissingExtra
                         NonFiniteStart · CheckpointThere · CheckpointMismatch · NoVoiceToHold
                         ViewDamaged · ProcessLost

Each class takes facts and writes its own sentence: what is, what was expected, what to do about it.
A caller that wants to know what happened catches a class; a person reads the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class SerError(Exception):
    """The root: anything that the project refuses, in one sentence for a person."""


def _listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)


def _few(words: Iterable[object]) -> str:
    """List three at most, and how many more there are."""
    all_of_them = list(words)
    more = len(all_of_them) - 3
    return _listed(all_of_them[:3]) + (f" and {more} more" if more > 0 else "")


# ── labels ────────────────────────────────────────────────────────────────────────────────────


class LabelError(SerError):
    """A word that should name an emotion does not."""


class UnknownLabel(LabelError):
    def __init__(self, word: str, known: Iterable[str]) -> None:
        super().__init__(f"'{word}' is not an emotion known here; use one of {_listed(known)}.")


class BadLabelSet(LabelError):
    def __init__(self, labels: Iterable[str]) -> None:
        super().__init__(
            f"The label set '{_listed(labels)}' cannot be told apart by a model; "
            "name at least two emotions, each once."
        )


# ── audio ─────────────────────────────────────────────────────────────────────────────────────


class AudioError(SerError):
    """Samples, or what says how to read them, are not as they should be."""


class UnknownSampleFormat(AudioError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The sample format is '{name}', expected one of {_listed(known)}; "
            "set it in audio_info or in the parameter sample_format."
        )


class UnsupportedFormat(AudioError):
    def __init__(self, what: str, value: float, low: float, high: float) -> None:
        super().__init__(
            f"The {what} is {value:g}, expected {low:g} to {high:g}; correct it where the audio "
            "is captured."
        )


class PartialFrame(AudioError):
    def __init__(self, size: int, frame: int) -> None:
        super().__init__(
            f"{size} bytes of audio are not a whole number of {frame}-byte frames; the message is "
            "truncated, or its sample format or channel count is not what audio_info says."
        )


class EmptyAudio(AudioError):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what} holds no samples; expected at least one. Record it again.")


class UnreadableFile(AudioError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' cannot be read as audio ({why}); give a wav, flac, ogg/opus or mp3 file "
            "that you may read."
        )


# ── devices ───────────────────────────────────────────────────────────────────────────────────


class DeviceError(SerError):
    """A microphone is not there, or not as asked."""


class DeviceNotFound(DeviceError):
    def __init__(self, wanted: object, devices: Iterable[str]) -> None:
        listing = "".join(f"\n  {device}" for device in devices) or "\n  (none)"
        super().__init__(
            f"No input device is '{wanted}'; expected the index or a unique part of the name of "
            f"one of these:{listing}"
        )


class AmbiguousDevice(DeviceError):
    def __init__(self, wanted: str, matches: Iterable[str]) -> None:
        listing = "".join(f"\n  {match}" for match in matches)
        super().__init__(
            f"Several input devices match '{wanted}'; give an index or a longer part of the name "
            f"of one of these:{listing}"
        )


class DeviceRefused(DeviceError):
    def __init__(self, device: str, why: str) -> None:
        super().__init__(
            f"The input device '{device}' cannot be opened ({why}); check that no other program "
            "holds it and that it has the channels asked for."
        )


class DeviceLost(DeviceError):
    def __init__(self, device: str, seconds: float) -> None:
        super().__init__(
            f"The input device '{device}' has given nothing for {seconds:.1f} s, expected a "
            "steady stream; it is opened again until it answers. Check its plug."
        )


class DeviceFailed(DeviceError):
    def __init__(self, device: str, why: BaseException) -> None:
        super().__init__(
            f"The input device '{device}' was being heard when {type(why).__name__} was raised "
            f"({why}), expected its sound; it is opened again. Report this."
        )


class MicrophoneUnavailable(DeviceError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"The microphone library cannot be used ({why}); install PortAudio (the Debian "
            "package libportaudio2) and the Python package sounddevice."
        )


# ── model bundles ─────────────────────────────────────────────────────────────────────────────


class BundleError(SerError):
    """A model bundle cannot be trusted or used."""


class BundleMissing(BundleError):
    def __init__(self, path: Path | str, what: str, known: Iterable[str] = ()) -> None:
        names = _listed(known)
        hint = f" Bundles found: {names}." if names else ""
        super().__init__(
            f"The model bundle '{path}' has no {what}; expected a folder with manifest.json and "
            f"the network file it names.{hint}"
        )


class BundleDamaged(BundleError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The model file '{path}' is damaged: its {what} is {found}, the manifest says "
            f"{expected}; copy the bundle again from where it came."
        )


class BundleMismatch(BundleError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The model bundle '{path}' does not fit: {what} is {found}, expected {expected}; "
            "export it again with this version's `train`."
        )


class RuntimeUnavailable(BundleError):
    def __init__(self, runtime: str, why: str) -> None:
        super().__init__(
            f"The runtime '{runtime}' cannot be used ({why}); install it, or set runtime to auto."
        )


# ── configuration and manifests ───────────────────────────────────────────────────────────────


class VoiceError(SerError):
    """A voice's baseline cannot be used."""


class VoiceUnreadable(VoiceError):
    def __init__(self, path: Path | str, why: object) -> None:
        super().__init__(
            f"The voice '{path}' cannot be read ({why}); enrol it again, or take one that is there."
        )


class VoiceMismatch(VoiceError):
    def __init__(self, path: Path | str, model: str) -> None:
        super().__init__(
            f"The voice '{path}' was enrolled with another model than '{model}'; enrol it again."
        )


class VoiceNotKept(VoiceError):
    def __init__(self, name: str, folder: Path | str, kept: Iterable[str]) -> None:
        names = _listed(kept)
        super().__init__(
            f"No voice of the name '{name}' is kept in '{folder}', "
            + (f"expected one of {names}." if names else "and no other; enrol one first.")
        )


class VoiceNotKnown(VoiceError):
    def __init__(self) -> None:
        super().__init__("Nothing is known of the voice yet, so nothing is kept; enrol it first.")


class BadVoiceName(VoiceError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"The name of the voice is {name!r}, expected 1 to 64 letters, digits, '_', '.' and "
            "'-', the first a letter or a digit."
        )


class NoBaseline(VoiceError):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model '{model}' does not know what neutral speech is, so no voice can be taken "
            "out; take a model whose manifest has neutral_logits."
        )


class BaselineOff(VoiceError):
    def __init__(self) -> None:
        super().__init__(
            "The parameter baseline is none, so no voice is listened to; set it to enroll or "
            "running."
        )


class VoiceNotListened(VoiceError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' is not the voice that is listened to; leave the name empty to reset the one "
            "that is, or delete a kept voice with ~/forget_voice."
        )


class EnrolmentGoesOn(VoiceError):
    def __init__(self, heard_s: float, wanted_s: float) -> None:
        super().__init__(
            f"An enrolment is going on ({heard_s:.1f} of {wanted_s:g} s of speech were heard); "
            "wait for its end, or end it with ~/reset_voice."
        )


# ── configuration ─────────────────────────────────────────────────────────────────────────────


class ConfigError(SerError):
    """A configuration file says something that has no meaning here."""


class UnreadableConfig(ConfigError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"The configuration '{path}' cannot be read ({why}); correct the file.")


class UnknownKey(ConfigError):
    def __init__(self, where: str, key: str, known: Iterable[str]) -> None:
        super().__init__(
            f"{where} has the unknown key '{key}'; expected one of {_listed(sorted(known))}."
        )


class BadValue(ConfigError):
    def __init__(self, where: str, value: object, expected: str) -> None:
        super().__init__(f"{where} is {value!r}, expected {expected}.")


class ManifestError(SerError):
    """A list of recordings cannot be used."""


class BadManifest(ManifestError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The manifest '{path}' cannot be used ({why}); expected a CSV with the columns path "
            "and emotion, and optionally speaker."
        )


class NothingToScore(ManifestError):
    def __init__(self, path: Path | str, labels: Iterable[str]) -> None:
        super().__init__(
            f"No clip of '{path}' has an emotion that the model knows; expected some of "
            f"{_listed(labels)}."
        )


class UnknownLayout(ManifestError):
    def __init__(self, path: Path | str, why: str, known: Iterable[tuple[str, str]]) -> None:
        listing = "; ".join(f"{name} ({looks_like})" for name, looks_like in known)
        super().__init__(
            f"The recordings of '{path}' are in no layout known here ({why}); give a manifest, or "
            f"arrange them like one of these and name it with --layout: {listing}."
        )


class NothingReadable(ManifestError):
    def __init__(self, path: Path | str, layout: str, looks_like: str, why: str) -> None:
        super().__init__(
            f"'{path}' has no recording in the layout {layout} ({why}); expected {looks_like}."
        )


# ── bags ──────────────────────────────────────────────────────────────────────────────────────


class BagError(SerError):
    """A bag, or what is said to be true of its sound, cannot be used."""


class BagMissing(BagError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"There is no bag at '{path}'; expected a folder of rosbag2, or a file of one (.mcap, "
            ".db3, or either with .zstd)."
        )


class BagUnreadable(BagError):
    def __init__(self, path: Path | str, why: object) -> None:
        super().__init__(
            f"Nothing of the bag '{path}' can be read ({why}); expected a rosbag2 bag in MCAP or "
            "SQLite. Copy it again from where it came."
        )


class BagThere(BagError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"'{path}' is there already, and bags are never overwritten; give another name, or "
            "move it away."
        )


class BagOfBags(BagError):
    def __init__(self, path: Path | str, bags: Iterable[str]) -> None:
        super().__init__(
            f"'{path}' is no bag but a folder of bags ({_few(bags)}); give these: '{path}'/*"
        )


class RosbagsMissing(BagError):
    def __init__(self) -> None:
        super().__init__(
            "The Python module 'rosbags' is not installed; run scripts/setup, or "
            "pip install 'ser_ros[bags]'."
        )


class NoAudioTopic(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has no sound (its topics: {_listed(topics) or 'none'}); expected a "
            "topic of audio_common_msgs/msg/AudioDataStamped or AudioData. Record `audio` too."
        )


class SeveralAudioTopics(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has several topics of sound ({_listed(topics)}); name the one that "
            "is meant with --audio."
        )


class AudioTypeUnknown(BagError):
    def __init__(self, path: Path | str, topic: str, kind: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The topic {topic} of the bag '{path}' is of the type {kind}, expected one of "
            f"{_listed(known)}; record it with a node that publishes these."
        )


class TopicUnknown(BagError):
    def __init__(self, path: Path | str, topic: str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has no topic {topic}; expected one of {_listed(topics) or 'none'}."
        )


class TypeUnknown(BagError):
    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The message type {kind} has no definition that can be read, neither in the bag nor "
            "in the ROS that is sourced; source the workspace that has it."
        )


class TypeDiffers(BagError):
    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The message type {kind} of the publisher is not the one that is known here by that "
            "name; take the same package on both sides, for sound that of ros-drivers."
        )


class MessageUnreadable(BagError):
    def __init__(self, kind: str, why: str) -> None:
        super().__init__(
            f"A message is no {kind} ({why}); it was damaged, or written by another definition of "
            "that type than the one that is with it."
        )


class FieldMissing(BagError):
    def __init__(self, topic: str, kind: str, field: str) -> None:
        super().__init__(
            f"The messages of {topic} ({kind}) have no field {field}, which is needed; they are of "
            "an older or foreign definition of that type. Record anew with this version."
        )


class BadTrack(BagError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The labels of '{path}' cannot be used ({why}); expected a CSV with the columns "
            "start,end,label and optionally speaker, or Audacity's labels: seconds from the first "
            "sample, or since 1970, one stretch after the other."
        )


class NothingToPlay(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"The bag '{path}' has nothing to play (its topics: {_listed(topics) or 'none'}); "
            "name others with --topics, or install the messages of theirs."
        )


class NoBagHeard(BagError):
    def __init__(self, count: int) -> None:
        super().__init__(
            f"None of {count} bag(s) could be heard, so there is nothing to report; see what was "
            "said of each."
        )


class NothingRecorded(BagError):
    def __init__(self, path: Path | str, topics: Iterable[str]) -> None:
        super().__init__(
            f"Nothing came on {_listed(topics)}, so there is no bag '{path}'; check with "
            "`ros2 topic list` the names, the namespace and ROS_DOMAIN_ID."
        )


# ── files ─────────────────────────────────────────────────────────────────────────────────────


class FileError(SerError):
    """A file cannot be made."""


class CannotWrite(FileError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' cannot be written ({why}); choose a folder that exists, that you may write "
            "to and that has room."
        )


# ── reports ───────────────────────────────────────────────────────────────────────────────────


class ReportError(SerError):
    """A report cannot be written there, read, or compared."""


class NotAReport(ReportError):
    def __init__(self, folder: Path | str, why: str) -> None:
        super().__init__(
            f"'{folder}' {why}, expected a report, an empty folder or none; give the report "
            "another folder."
        )


class UnreadableReport(ReportError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The report '{path}' cannot be read ({why}); give the folder of a report, or make it "
            "again with --report."
        )


class NothingInCommon(ReportError):
    def __init__(self, first: Path | str, second: Path | str) -> None:
        super().__init__(
            f"The reports '{first}' and '{second}' have no window in common, expected the same "
            "bags or files; make both from the same material."
        )


# ── ROS ───────────────────────────────────────────────────────────────────────────────────────


class RosError(SerError):
    """ROS is not as it should be."""


class RosMissing(RosError):
    def __init__(self, module: str) -> None:
        super().__init__(
            f"The Python module '{module}' is not found, expected ROS 2 and its messages; "
            "run scripts/setup and then `. scripts/env.sh`, or source your workspace."
        )


class RosRefused(RosError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"ROS cannot start with these arguments ({' '.join(why.split())}); check "
            "--params-file, remappings and the namespace."
        )


class NotReady(RosError):
    def __init__(self, state: str) -> None:
        super().__init__(f"The node is not {state}; bring it there first, then ask again.")


# ── the page in the browser ───────────────────────────────────────────────────────────────────


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


# ── training ──────────────────────────────────────────────────────────────────────────────────


class TrainingError(SerError):
    """A training cannot start or go on."""


class EmptyClass(TrainingError):
    def __init__(self, label: str, where: str) -> None:
        super().__init__(
            f"There is no clip of '{label}' in {where}; add recordings, or take the emotion out "
            "of the labels."
        )


class NonFiniteLoss(TrainingError):
    def __init__(self, epoch: int, checkpoint: Path | str) -> None:
        super().__init__(
            f"The loss of epoch {epoch} is not a finite number; lower the learning rate. What was "
            f"learnt in the epochs before it is kept in '{checkpoint}'."
        )


class CheckpointDamaged(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The checkpoint '{path}' cannot be read ({why}); delete it to train from the start."
        )


class MissingExtra(TrainingError):
    def __init__(self, module: str, extra: str) -> None:
        own_setup = f"run scripts/setup --{extra}, or " if extra in ("train", "web") else ""
        super().__init__(
            f"The Python module '{module}' is not installed; {own_setup}"
            f"pip install 'ser_ros[{extra}]'."
        )


class NonFiniteStart(TrainingError):
    def __init__(self) -> None:
        super().__init__(
            "The loss of the first epoch is not a finite number; lower the learning rate. Nothing "
            "was learnt yet."
        )


class CheckpointThere(TrainingError):
    def __init__(self, path: Path | str) -> None:
        super().__init__(
            f"There is a training already, '{path}'; go on with it by --resume, give another "
            "folder with --run, or begin afresh in its place by --force."
        )


class CheckpointMismatch(TrainingError):
    def __init__(self, path: Path | str, what: str, found: object, expected: object) -> None:
        super().__init__(
            f"The checkpoint '{path}' is of another training: its {what} is {found}, here it is "
            f"{expected}; give what it was begun with, another folder with --run, or --force "
            "without --resume to begin afresh."
        )


class NoVoiceToHold(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"'{path}' {why}, so no voice can be kept out of the training; tell who speaks in the "
            "column speaker, or set `split: random` for figures of voices that were trained on, "
            "or `held_out_fold: null` for no figures."
        )


class ViewDamaged(TrainingError):
    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(
            f"The view '{path}' cannot be read ({why}); delete it, and begin again: it is made "
            "anew."
        )


class ProcessLost(TrainingError):
    def __init__(self, did: str, option: str) -> None:
        super().__init__(
            f"A process that {did} was ended from outside, maybe for want of memory; what was done "
            f"is kept: begin again with a smaller number of {option}."
        )


# ── evaluation ────────────────────────────────────────────────────────────────────────────────


class SpeakersInTraining(ManifestError):
    def __init__(self, bundle: Path | str, speakers: Iterable[str]) -> None:
        super().__init__(
            f"The model '{bundle}' was trained, or calibrated, on speakers that it shall be scored "
            f"on ({_few(speakers)}), expected speakers that it has not heard; hold them out of its "
            "training."
        )
