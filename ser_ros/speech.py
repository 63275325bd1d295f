"""The speech gate: no speech, no emotion.

The voice activity detector is Silero VAD (Silero Team, MIT licence), as a network that hears a
whole window in one call. It is carried in `models/silero-vad`, see its README for the source.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ser_ros.audio import NETWORK_RATE, Samples
from ser_ros.carried import models_folder, verified_file
from ser_ros.errors.models import RuntimeUnavailable

_FRAME = 512
"""Samples of which the detector says one probability: 32 ms at 16 kHz."""

_CONTEXT = 64
"""Samples of the frame before that the detector sees too."""

_STATE_SHAPE = (1, 1, 128)

_VOICED = 0.5
"""Probability from which a frame counts as speech; Silero's default."""

_PEAK = 0.1
"""The peak that a window is brought to: the detector hears a quiet voice as well as a loud one."""

_QUIETEST_PEAK = 10 ** (-70 / 20)
"""A window whose peak is below -70 dBFS is noise of the converter and is not raised."""

_FILE = "silero_vad_16k_sequence.onnx"
_SHA256 = "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85"


class SpeechGate:
    """Tell how much of a window is speech.

    It remembers nothing from window to window: the same window has the same answer, live or from
    a recording.
    """

    rate = NETWORK_RATE

    def __init__(self, model: Path | None = None, threads: int = 1) -> None:
        """Load the detector. Raises `BundleMissing` or `BundleDamaged`."""
        path = model or models_folder() / "silero-vad" / _FILE
        content = verified_file(path, _SHA256)
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeUnavailable("onnxruntime", str(error)) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self._state = np.zeros(_STATE_SHAPE, np.float32)

    def probabilities(self, window: Samples) -> Samples:
        """Return the probability of speech for each whole 32 ms of a window, shape (n // 512,)."""
        frames = window[: len(window) // _FRAME * _FRAME].reshape(-1, _FRAME)
        if not len(frames):
            return np.zeros(0, np.float32)
        context = np.zeros((len(frames), _CONTEXT), np.float32)
        context[1:] = frames[:-1, -_CONTEXT:]
        inputs = np.concatenate((context, frames), axis=1)
        (found,) = self._session.run(
            ["speech_probs"], {"input": inputs, "h": self._state, "c": self._state}
        )
        return np.asarray(found, np.float32).reshape(-1)

    def ratio(self, window: Samples) -> float:
        """Return the share of a window, 0 to 1, that is speech."""
        peak = float(np.max(np.abs(window), initial=0.0))
        if peak < _QUIETEST_PEAK:
            return 0.0
        found = self.probabilities(window * np.float32(_PEAK / peak))
        return float(np.mean(found >= _VOICED)) if len(found) else 0.0
