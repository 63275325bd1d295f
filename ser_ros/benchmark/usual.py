"""The way it is usually done, to compare with: every window becomes a plot, and the plot a file.

    wav file ─▶ librosa ─▶ matplotlib figure ─▶ JPEG ─▶ PIL ─▶ torchvision, 224 x 224 ─▶ torch

The network is the bundle's own, with its own weights. What it says of such pictures is worth
nothing, for it was trained on other ones; only its time counts.
"""

from __future__ import annotations

from pathlib import Path

from ser_ros.benchmark.clock import Clock, Lap, resident_mb
from ser_ros.benchmark.task import Result, Task

NEEDED = ("torch", "torchvision", "onnx", "librosa", "matplotlib", "PIL")
STAGES = ("load", "spectrogram", "picture", "read back", "network", "whole")

_MODES = {1: "L", 3: "RGB"}
"""By the network's input channels, how PIL reads the picture."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, as torchvision's documentation gives them."""


def measure(task: Task) -> Result:
    """Judge windows, one thread; `picture` is to draw and save it."""
    lap = Lap()
    import librosa
    import librosa.display
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    import soundfile
    import torch
    from PIL import Image

    from ser_ros.benchmark.windows import Windows
    from ser_ros.bundle import Bundle
    from ser_ros.errors.models import BundleMismatch
    from ser_ros.training.export import network_of

    torch.set_num_threads(1)
    figures = {"import_s": lap()}
    bundle = Bundle.load(Path(task.bundle))
    network = network_of(bundle)  # imports torchvision too
    from torchvision import transforms

    features, channels = bundle.features, bundle.features.shape[0]
    if channels not in _MODES:
        raise BundleMismatch(bundle.name, "the number of its input channels", channels, "1 or 3")
    prepare = transforms.Compose(
        [
            transforms.Resize((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(_MEAN[:channels], _DEVIATION[:channels]),
        ]
    )
    figures["load_s"] = lap()

    wav, jpeg = Path(task.folder, "window.wav"), Path(task.folder, "window.jpg")
    windows = Windows(task.windows, features.window)

    def judge(clock: Clock) -> None:
        with clock.stage("whole"):
            with clock.stage("load"):
                samples, _ = librosa.load(wav, sr=features.rate)
            with clock.stage("spectrogram"):
                mel = librosa.feature.melspectrogram(
                    y=samples,
                    sr=features.rate,
                    n_fft=features.n_fft,
                    hop_length=features.hop,
                    n_mels=features.bands,
                    fmin=features.fmin,
                    fmax=features.fmax,
                )
                decibels = librosa.power_to_db(mel, ref=np.max)
            with clock.stage("picture"):
                figure, axes = plt.subplots()
                axes.set_axis_off()
                librosa.display.specshow(decibels, sr=features.rate, ax=axes)
                figure.savefig(jpeg)
                plt.close(figure)
            with clock.stage("read back"), Image.open(jpeg) as picture:
                image = prepare(picture.convert(_MODES[channels]))
            with clock.stage("network"), torch.inference_mode():
                network(image[None]).softmax(dim=1).numpy()

    def write(index: int) -> None:
        soundfile.write(wav, np.frombuffer(windows[index], "<i2"), features.rate)

    first, clock = Clock(), Clock()
    write(task.turn % len(windows))
    judge(first)
    figures["first_ms"] = first.samples["whole"][0]
    for index in task.share(len(windows)):
        write(index)
        judge(clock)
    figures["rss_mb"] = resident_mb()
    return Result(clock.samples, figures)
