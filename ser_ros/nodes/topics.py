"""The topics: names, relative so that a robot can remap them, and their QoS with the reasons."""

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

AUDIO = "audio"
AUDIO_INFO = "audio_info"
EMOTION = "emotion"
EMOTION_STATE = "emotion_state"
ROBOT_SPEAKING = "robot_speaking"
GROUND_TRUTH = "ground_truth"
BEHAVIOR = "behavior"
SPECTROGRAM = "~/spectrogram"
LISTEN = "~/listen"
ENROLL = "~/enroll"
SAVE_VOICE = "~/save_voice"
LOAD_VOICE = "~/load_voice"
RESET_VOICE = "~/reset_voice"
FORGET_VOICE = "~/forget_voice"
DIAGNOSTICS = "/diagnostics"

STREAM = QoSProfile(
    depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
"""For who publishes `audio`, and for `emotion`: nothing is lost on the way, and a reader that
stalls meets the newest few when it comes back, not a minute of the past."""

STREAM_BEST_EFFORT = QoSProfile(
    depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""For who only looks on, and shall hold nobody up."""

_CHUNKS = 100
"""Two seconds of the shortest chunks of the capture node, 0.02 s, or one of the 10 ms of others.

They wait while a window is judged, which may take half a second; ten would be 0.2 s of them. So
many long ones wait only where this process stood still and the middleware in it did not; of them,
`max_age` and the windows that may wait bound what is judged.
"""

HEARD = QoSProfile(
    depth=_CHUNKS, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE
)
"""For who judges `audio`."""

HEARD_BEST_EFFORT = QoSProfile(
    depth=_CHUNKS, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""For who judges `audio` from a publisher that offers no more."""

LATCHED = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For `audio_info`, `emotion_state` and `behavior`: who comes late still learns how it stands."""

LATCHED_SERIES = QoSProfile(
    depth=10,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""For who reads a latched topic to draw its course: two that come while it is busy both count."""

PICTURE = QoSProfile(
    depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
)
"""For `~/spectrogram`: a picture that comes too late is worth nothing."""
