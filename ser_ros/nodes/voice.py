"""The services about voices: enrol one, keep it, load it, forget it, by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.task import Future
from rclpy.timer import Timer

from ser_ros.classifier import Classifier
from ser_ros.errors import SerError
from ser_ros.errors.models import NoBaseline, VoiceMismatch, VoiceNotKept, VoiceUnreadable
from ser_ros.errors.ros import NotReady
from ser_ros.nodes import topics
from ser_ros.nodes.managed import ManagedNode
from ser_ros.srv import Voice
from ser_ros.voices import ENROLL, NONE, RUNNING, Voices, default_folder


class VoiceServices:
    """A doorway to `Voices`, open in every state of the node."""

    def __init__(self, node: ManagedNode, voices: Callable[[], Voices | None]) -> None:
        """`voices` gives those of the model that is configured, None where none is."""
        self._node = node
        self._find = voices
        self._outcome: Future | None = None
        """What the caller of `~/enroll` waits for: (success, sentence)."""
        self._limit: Timer | None = None
        self._missed = ""
        # While one caller waits, the service must still hear another, if only to refuse.
        together = ReentrantCallbackGroup()
        node.create_service(Voice, topics.ENROLL, self._enroll, callback_group=together)
        for topic, act in (
            (topics.SAVE_VOICE, self._save),
            (topics.LOAD_VOICE, self._load),
            (topics.RESET_VOICE, self._reset),
            (topics.FORGET_VOICE, self._forget),
        ):
            node.create_service(Voice, topic, partial(self._answer, act))

    def make(self, classifier: Classifier) -> Voices:
        """Return the voices of a model, and listen to the one of the parameter.

        Raises `BadVoiceName` for a name that no voice can have. One that was forgotten since, or
        is another model's, keeps no robot from hearing: it is told, and nobody is listened to.
        """
        value, log = self._node.value, self._node.get_logger()
        told, mode = value("voices_folder"), value("baseline")
        folder = Path(os.path.expanduser(told)) if told else default_folder()
        voices, self._missed = Voices(classifier, folder, value("hop")), ""
        if name := value("voice"):
            voices.listen(ENROLL)
            try:
                voices.load(name)
            except (NoBaseline, VoiceMismatch, VoiceNotKept, VoiceUnreadable) as error:
                self._missed = f"The parameter voice has no effect: {error}"
                log.warning(self._missed)
            else:
                ignored = ", and ignored, for baseline is none" if mode == NONE else ""
                log.info(f"The voice '{name}' is loaded ({voices.shift}){ignored}.")
        elif mode == RUNNING and voices.voice is None:
            log.warning(f"The model '{classifier.bundle.name}' can follow no voice.")
        voices.listen(mode)
        return voices

    @property
    def missed(self) -> str:
        """Why the parameter's voice is not listened to; empty once one with a name is."""
        voices = self._find()
        return "" if voices is None or voices.name else self._missed

    def listen(self, mode: str) -> None:
        """Take another mode from now on."""
        voices = self._find()
        if voices is None:
            return
        voices.listen(mode)
        if mode == NONE:
            self.end_enrolment("baseline was set to none")

    def heard(self) -> None:
        """End the enrolment if the window that was just judged gave it enough speech."""
        voices = self._find()
        if voices is None or voices.enrolment is None or not voices.enrolment.done:
            return
        enrolment = voices.enrolment
        success, kept = True, f" It is kept as '{enrolment.name}'." if enrolment.name else ""
        try:
            voices.finish()
        except SerError as error:
            success, kept = False, f" It is listened to, but it is not kept: {error}"
        learned = f"The voice was learned from {enrolment.heard_s:.1f} s of speech"
        self._end(success, f"{learned} ({voices.shift}).{kept}")

    def end_enrolment(self, why: str) -> None:
        """End the enrolment before its time, if one is going on."""
        voices = self._find()
        if voices is None or voices.enrolment is None:
            return
        heard_s, wanted_s = voices.enrolment.heard_s, voices.enrolment.wanted_s
        voices.enrolment = None
        self._end(
            False,
            f"The enrolment ended with {heard_s:.1f} of {wanted_s:g} s of speech, for {why}; the "
            "voice is as it was before.",
        )

    def diagnose(self) -> dict[str, str]:
        """Return what is known of the voice, for the diagnostics."""
        voices = self._find()
        if voices is None:
            return {}
        if voices.voice is None:
            return {"baseline": "not in this model"}
        enrolment = voices.enrolment
        return {
            "baseline": voices.mode,
            "voice": voices.name or "unknown",
            "voice windows": f"{voices.voice.windows:.1f}",
            "voice shift": voices.shift,
            "enrolment": (
                f"{enrolment.heard_s:.1f} s of {enrolment.wanted_s:g} s" if enrolment else "none"
            ),
        }

    # ── the services ──────────────────────────────────────────────────────────────────────────

    async def _enroll(self, request: Voice.Request, response: Voice.Response) -> Voice.Response:
        """Answer once enough was heard; messages go on meanwhile."""
        try:
            if not self._node.active:
                raise NotReady("active")
            seconds = self._node.value("enroll_seconds")
            self._voices().begin(request.name, seconds)
        except SerError as error:
            return self._say(response, False, str(error))
        self._outcome = outcome = Future()
        limit_s = self._node.value("enroll_limit")
        late = partial(self.end_enrolment, f"more was not heard within {limit_s:g} s")
        # Simulated time may stand still, and the caller waits in real time.
        self._limit = self._node.create_timer(limit_s, late, clock=self._node.steady)
        self._node.get_logger().info(f"Enrolment: speak normally for {seconds:g} seconds.")
        response.success, response.message = await outcome
        return response

    def _end(self, success: bool, sentence: str) -> None:
        # rclpy wants one severity for each line that logs.
        if success:
            self._node.get_logger().info(sentence)
        else:
            self._node.get_logger().warning(sentence)
        if self._limit is not None:
            self._node.destroy_timer(self._limit)
        if self._outcome is not None:
            self._outcome.set_result((success, sentence))
        self._limit = self._outcome = None

    def _save(self, name: str) -> str:
        kept = self._voices().save(name)
        return f"The voice is kept as '{kept}'."

    def _load(self, name: str) -> str:
        voices = self._voices()
        voices.load(name)
        return f"The voice '{name}' is listened to ({voices.shift})."

    def _reset(self, name: str) -> str:
        voices = self._voices()
        voices.check_listened(name)
        self.end_enrolment("the voice was reset")
        voices.reset()
        return "No voice is known; what is kept by name stays."

    def _forget(self, name: str) -> str:
        voices = self._voices()
        if name and voices.enrolment is not None and voices.enrolment.name == name:
            self.end_enrolment("its voice shall be forgotten")  # or it would be kept at the end
            if name not in voices.kept:
                return f"The voice '{name}' is not enrolled."
        voices.forget(name)
        return f"The voice '{name}' was deleted and is no longer listened to."

    def _voices(self) -> Voices:
        voices = self._find()
        if voices is None:
            raise NotReady("configured")
        return voices

    def _answer(
        self, act: Callable[[str], str], request: Voice.Request, response: Voice.Response
    ) -> Voice.Response:
        try:
            sentence, success = act(request.name), True
        except SerError as error:
            sentence, success = str(error), False
        return self._say(response, success, sentence)

    def _say(self, response: Voice.Response, success: bool, sentence: str) -> Voice.Response:
        # rclpy wants one severity for each line that logs.
        if success:
            self._node.get_logger().info(sentence)
        else:
            self._node.get_logger().warning(sentence)
        response.success, response.message = success, sentence
        return response
