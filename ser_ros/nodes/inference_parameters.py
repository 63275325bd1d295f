"""The parameters of the inference node, and the settings that they make together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ser_ros.audio import SampleFormat
from ser_ros.bundle import Calibration
from ser_ros.classifier import MIN_SPEECH_RATIO, Classifier
from ser_ros.errors.config import BadValue
from ser_ros.hearing import HOP_S, HearingConfig
from ser_ros.nodes.parameters import Spec
from ser_ros.runtime import CHOICES
from ser_ros.tracking import TrackingConfig
from ser_ros.voices import ENROLL, MODES

SPECS = (
    Spec("model", "", "Name of a carried model bundle or path of one; empty for the default."),
    Spec("runtime", "auto", "What computes the network.", choices=CHOICES),
    Spec("threads", 1, "Threads of the network and the speech gate.", 1, 64),
    Spec("hop", 1.25, "Seconds from window to window.", *HOP_S),
    Spec(
        "min_speech_ratio",
        MIN_SPEECH_RATIO,
        "Share of a window that must be speech for an emotion to be claimed.",
        0.0,
        1.0,
        live=True,
    ),
    Spec(
        "uncertain_below",
        -1.0,
        "Probability of the likeliest emotion below which the label is `uncertain`; -1 takes "
        "the bundle's own.",
        -1.0,
        1.0,
        live=True,
    ),
    Spec("max_age", 2.0, "Seconds a window may wait before it is dropped.", 0.1, 60.0, live=True),
    Spec("time_constant", 2.0, "Seconds over which the state is smoothed.", 0.1, 60.0, live=True),
    Spec(
        "margin",
        0.1,
        "How much likelier an emotion must be to replace another.",
        0.0,
        1.0,
        live=True,
    ),
    Spec(
        "silence",
        3.0,
        "Seconds without speech before the state is `no_speech`.",
        0.0,
        60.0,
        live=True,
    ),
    Spec(
        "baseline",
        ENROLL,
        "What of a voice's own sound is taken out: none; what was enrolled or loaded (enroll); "
        "or that, followed as it is heard (running).",
        choices=MODES,
        live=True,
    ),
    Spec("voice", "", "Name of the kept voice to listen to at first; empty for none."),
    Spec(
        "voices_folder",
        "",
        "Where voices are kept; empty for ser_ros/voices in $ROS_HOME, or in ~/.ros.",
    ),
    Spec("enroll_seconds", 10.0, "Seconds of speech of an enrolment.", 3.0, 120.0, live=True),
    Spec(
        "enroll_limit",
        60.0,
        "Seconds after which an enrolment without enough speech ends.",
        3.0,
        3600.0,
        live=True,
    ),
    Spec("stamped", True, "Whether `audio` is AudioDataStamped; false for plain AudioData."),
    Spec("best_effort", False, "Whether to take `audio` from a best-effort publisher."),
    Spec("rate", 16000, "Sample rate in Hz until `audio_info` says otherwise.", 8000, 96000),
    Spec("channels", 1, "Number of channels until `audio_info` says otherwise.", 1, 64),
    Spec(
        "sample_format",
        "S16LE",
        "Sample format until `audio_info` says otherwise.",
        choices=tuple(SampleFormat.__members__),
    ),
    Spec("channel", -1, "Which channel to hear, from 0; -1 for the mean of all.", -1, 63),
    Spec("mute_tail", 0.5, "Seconds muted after the robot has spoken.", 0.0, 10.0, live=True),
    Spec(
        "mute_limit",
        30.0,
        "Seconds after which the robot is taken to have stopped speaking.",
        1.0,
        600.0,
        live=True,
    ),
    Spec("frame_id", "microphone", "frame_id of the messages where the audio has none."),
)


def settings_of(
    value: Callable[[str], Any], classifier: Classifier
) -> tuple[HearingConfig, TrackingConfig]:
    """Read the settings by the parameters' names, and give the classifier its own.

    Raises `BadValue` for parameters that do not fit together.
    """
    if value("enroll_limit") < value("enroll_seconds"):
        expected = f"at least the {value('enroll_seconds'):g} s of enroll_seconds"
        raise BadValue("The parameter enroll_limit", value("enroll_limit"), expected)
    own, calibration = value("uncertain_below"), classifier.bundle.calibration
    threshold = calibration.uncertain_below if own < 0 else own
    classifier.calibration = Calibration(calibration.temperature, threshold)
    classifier.min_speech_ratio = value("min_speech_ratio")
    hearing = HearingConfig(
        value("hop"),
        value("max_age"),
        value("mute_tail"),
        value("mute_limit"),
        None if value("channel") < 0 else value("channel"),
    )
    tracking = TrackingConfig(value("time_constant"), threshold, value("margin"), value("silence"))
    return hearing, tracking
