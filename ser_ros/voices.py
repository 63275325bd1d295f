"""The voices of one model: which one is listened to, how one is enrolled, what is kept by name.

Of each voice that is kept there are four numbers in a file that only its owner may read, one per
emotion; its sound is not kept, and cannot be made of them.
"""

from __future__ import annotations

import copy
import os
import re
from pathlib import Path

import numpy as np

from ser_ros.baseline import VoiceBaseline
from ser_ros.classifier import Classifier, Estimate
from ser_ros.errors.machine import CannotWrite
from ser_ros.errors.models import (
    BadVoiceName,
    BaselineOff,
    EnrolmentGoesOn,
    NoBaseline,
    VoiceNotKept,
    VoiceNotKnown,
    VoiceNotListened,
)
from ser_ros.runtime import Logits

NONE, ENROLL, RUNNING = "none", "enroll", "running"
MODES = (NONE, ENROLL, RUNNING)
"""No voice is taken out; the one that was enrolled or loaded is; it is, and it is followed."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SUFFIX = ".json"


def default_folder() -> Path:
    """Return where voices are kept unless told otherwise: beside what else ROS keeps of a user."""
    home = os.environ.get("ROS_HOME") or os.path.join("~", ".ros")
    return Path(os.path.expanduser(home), "ser_ros", "voices")


class Enrolment:
    """A voice that is being learned on purpose, from windows that overlap."""

    def __init__(self, name: str, wanted_s: float, step_s: float) -> None:
        """`step_s` is how many seconds of a window were not in the one before."""
        self.name = name
        self.wanted_s = wanted_s
        self.heard_s = 0.0
        """Seconds of speech that were heard."""
        self._step_s = step_s
        self._logits: list[Logits] = []

    @property
    def done(self) -> bool:
        return self.heard_s >= self.wanted_s

    @property
    def logits(self) -> Logits:
        """What the network said of the windows with speech, shape (windows, labels)."""
        return np.stack(self._logits)

    def hear(self, estimate: Estimate) -> None:
        """Take in a window; one in which nobody speaks counts nothing."""
        if estimate.logits is not None and not self.done:
            self._logits.append(estimate.logits)
            self.heard_s += estimate.speech_ratio * self._step_s


class Voices:
    """What a classifier knows of the person that it listens to."""

    def __init__(self, classifier: Classifier, folder: Path, hop_s: float) -> None:
        """`folder` is made when the first voice is kept; `hop_s` is seconds from window to window.

        A model that does not know what neutral speech is can be given none; `mode` has no effect.
        """
        bundle = classifier.bundle
        self.folder = folder
        self.mode = NONE
        self.name = ""
        """The name of the voice that is listened to; empty for one without."""
        self.enrolment: Enrolment | None = None
        """The one that is going on."""
        self.voice = VoiceBaseline(bundle) if bundle.neutral_logits is not None else None
        self._told = copy.copy(self.voice)
        """The voice as it was enrolled or loaded, before it was followed."""
        self._classifier = classifier
        self._model = bundle.name
        self._step_s = min(hop_s, bundle.features.window_s)
        if self.voice is not None:
            # Half a window is the step that the baseline counts in.
            self.voice.step = 2 * self._step_s / bundle.features.window_s

    @property
    def shift(self) -> str:
        """What is taken off the logits, for a person to read: `angry -0.4, neutral +0.1`."""
        if self.voice is None:
            return ""
        labels = self._classifier.labels
        told = zip(labels, self.voice.shift, strict=True)
        return ", ".join(f"{label} {value:+.1f}" for label, value in told)

    def listen(self, mode: str) -> None:
        """Take a mode of `MODES`; what was learned by following is lost when following ends."""
        if self.mode == RUNNING and mode != RUNNING:
            self.voice = copy.copy(self._told)
        self.mode = mode
        self._classifier.voice = None if mode == NONE else self.voice
        self._classifier.following = mode == RUNNING

    def hear(self, estimate: Estimate) -> None:
        """Take in a window of a person, never one of the robot itself."""
        if self.enrolment is not None:
            self.enrolment.hear(estimate)

    # ── learned on purpose ────────────────────────────────────────────────────────────────────

    def begin(self, name: str, wanted_s: float) -> Enrolment:
        """Begin an enrolment, which goes on until so many seconds of speech were heard.

        With a name the voice is kept as well. Raises `VoiceError`, and `CannotWrite` where that
        would fail at the end.
        """
        self._baseline()
        self._not_enrolling()
        if name:
            self._path(name)
            self._make_folder()
        self.enrolment = Enrolment(name, wanted_s, self._step_s)
        return self.enrolment

    def finish(self) -> None:
        """Take what the enrolment has heard as the voice. Raises `CannotWrite`, with it taken."""
        enrolment, self.enrolment = self.enrolment, None
        assert enrolment is not None
        voice = self._baseline()
        voice.reset()
        voice.enroll(enrolment.logits)
        self._tell(enrolment.name)
        if enrolment.name:
            self._write(voice, enrolment.name)

    # ── kept by name ──────────────────────────────────────────────────────────────────────────

    @property
    def kept(self) -> list[str]:
        """The names of the voices in the folder."""
        try:
            found = [path.stem for path in self.folder.iterdir() if path.suffix == _SUFFIX]
        except OSError:  # not made yet
            return []
        return sorted(name for name in found if _NAME.fullmatch(name))

    def save(self, name: str) -> str:
        """Keep the voice under a name, or its own; return it. Raises `VoiceError`, `CannotWrite`.

        Who is followed is kept as known by now.
        """
        voice = self._baseline()
        self._not_enrolling()
        if not voice.windows:
            raise VoiceNotKnown()
        name = name or self.name
        self._path(name)
        self._make_folder()
        self._write(voice, name)
        self._tell(name)
        return name

    def load(self, name: str) -> None:
        """Take a kept voice. Raises `VoiceError`, and stays."""
        voice = self._baseline()
        self._not_enrolling()
        path = self._path(name)
        if name not in self.kept:
            raise VoiceNotKept(name, self.folder, self.kept)
        voice.load(path)
        self._tell(name)

    def check_listened(self, name: str) -> None:
        """Raise `VoiceError` for a name that is not the one of the voice that is listened to."""
        self._baseline()
        if name not in ("", self.name):
            raise VoiceNotListened(name)

    def reset(self) -> None:
        """Forget whom it listens to; what is kept stays. Raises `VoiceError`."""
        self._baseline().reset()
        self._tell("")

    def forget(self, name: str) -> None:
        """Delete a kept voice, and no longer listen to it. Raises `VoiceError`, `CannotWrite`.

        It is possible whatever the mode and the model: who wants to be forgotten is.
        """
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise VoiceNotKept(name, self.folder, self.kept) from error
        except OSError as error:
            raise CannotWrite(path, error.strerror or str(error)) from error
        if name == self.name and self.voice is not None:
            self.voice.reset()
            self._tell("")

    def _tell(self, name: str) -> None:
        self.name, self._told = name, copy.copy(self.voice)

    def _baseline(self) -> VoiceBaseline:
        if self.voice is None:
            raise NoBaseline(self._model)
        if self.mode == NONE:
            raise BaselineOff()
        return self.voice

    def _not_enrolling(self) -> None:
        if self.enrolment is not None:
            raise EnrolmentGoesOn(self.enrolment.heard_s, self.enrolment.wanted_s)

    def _path(self, name: str) -> Path:
        """Raises `BadVoiceName`: a name is no path, and leads nowhere but into the folder."""
        if not _NAME.fullmatch(name):
            raise BadVoiceName(name)
        return self.folder / f"{name}{_SUFFIX}"

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK | os.X_OK):
                raise PermissionError("it may not be written to")
        except OSError as error:
            raise CannotWrite(self.folder, error.strerror or str(error)) from error

    def _write(self, voice: VoiceBaseline, name: str) -> None:
        voice.save(self._path(name))
