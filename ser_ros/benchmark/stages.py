"""Our way, stage by stage, on one runtime."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path

from ser_ros.benchmark.clock import Clock, Lap, resident_mb
from ser_ros.benchmark.task import Result, Task

MODULES = {
    "onnxruntime": ("onnxruntime",),
    "openvino": ("onnxruntime", "openvino"),
    "torch": ("onnxruntime", "ser_ros.network", "ser_ros.training.export"),
}
"""What each runtime imports; the speech gate always runs on ONNX Runtime."""

STAGES = ("decode", "resample", "gate", "image", "network", "whole")

DEVICE_RATE = 48_000
"""Hz, the rate of microphones that refuse 16 kHz; the stage `resample` comes from there."""


def measure(task: Task) -> Result:
    """Judge windows the way the inference node does, one thread.

    `decode` is from the bytes of a message to a window of checked samples; `whole` is decode, gate,
    image, network and calibration in one go. `resample` is only needed for other rates and is no
    part of it. No window is spared the network for want of speech.
    """
    lap = Lap()
    # Here, and not above, for how long it takes is a result.
    for module in MODULES[task.name]:
        import_module(module)
    import numpy as np
    import soxr

    from ser_ros.audio import AudioFormat, Resampler
    from ser_ros.benchmark.windows import Windows
    from ser_ros.bundle import Bundle
    from ser_ros.classifier import MIN_SPEECH_RATIO, Classifier
    from ser_ros.stream import AudioStream

    figures = {"import_s": lap()}
    bundle = Bundle.load(Path(task.bundle))
    classifier = Classifier(bundle, task.name, threads=1, min_speech_ratio=0.0)
    figures["load_s"] = lap()

    features = bundle.features
    fmt = AudioFormat(features.rate)
    stream = AudioStream(features.window, features.window, features.rate)
    resampler = Resampler(DEVICE_RATE, features.rate)
    windows = Windows(task.windows, features.window)
    clock, first = Clock(), Clock()
    result = Result(clock.samples, figures, notes={"without_speech": 0})

    pcm = windows[task.turn % len(windows)]
    with first.stage("whole"):
        ((window,), _) = stream.push(pcm, fmt, 0, time.time_ns())
        classifier(window.samples)
    figures["first_ms"] = first.samples["whole"][0]

    for index in task.share(len(windows)):
        pcm = windows[index]
        with clock.stage("decode"):
            ((window,), _) = stream.push(pcm, fmt, 0, time.time_ns())
        device = np.asarray(soxr.resample(window.samples, features.rate, DEVICE_RATE), np.float32)
        with clock.stage("resample"):
            resampler.push(device)
        with clock.stage("gate"):
            ratio = classifier.gate.ratio(window.samples)
        with clock.stage("image"):
            image = classifier.image(window.samples)
        with clock.stage("network"):
            classifier.runtime(image)
        with clock.stage("whole"):
            ((window,), _) = stream.push(pcm, fmt, 0, time.time_ns())
            estimate = classifier(window.samples)
        result.notes["without_speech"] += ratio < MIN_SPEECH_RATIO
        result.probabilities[index] = estimate.probabilities.tolist()
    figures["rss_mb"] = resident_mb()
    return result
