"""Views: augmented versions of each clip, as mel powers in dB, made once and kept on disk.

    FOLDER/
        rooms-SEED/     simulated room responses; rooms-KEY: recorded ones, decoded
        noises-KEY/     the noises, decoded
        KEY/NAME.npz    one float16 array of shape (bands, frames) for each view: "0", "1", ...

KEY stands for everything that decides what a view is and NAME for the clip's samples, so that
trainings which share clips, such as the folds of an evaluation, share their views too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import signal
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ser_ros import audio
from ser_ros.audio import Samples
from ser_ros.corpora.noises import recordings_in, split_noises
from ser_ros.errors.machine import ProcessLost
from ser_ros.errors.training import ViewDamaged
from ser_ros.features import ImageMaker
from ser_ros.files import DAMAGED_ZIP, make_folder, written_aside
from ser_ros.processes import end_with_parent
from ser_ros.training.augment import (
    faster,
    place,
    room_responses,
    waveform_augmentation,
    write_sounds,
)
from ser_ros.training.config import TrainConfig
from ser_ros.training.recordings import Recording

_log = logging.getLogger(__name__)

_ROOMS = 100
"""Simulated rooms to draw from."""

_SPARE_S = 0.3
"""Silence around a short clip beyond one window, so that it can begin anywhere."""


class Views:
    """The views of clips under one configuration."""

    def __init__(self, config: TrainConfig, folder: Path) -> None:
        self._config = config
        self._rooms, self._noises = _rooms(config, folder), _noises(config, folder)
        self._folder = folder / _key(config, self._noises, self._rooms)
        make_folder(self._folder)

    @property
    def key(self) -> str:
        """What stands for all that decides what a view is."""
        return self._folder.name

    def path(self, recording: Recording) -> Path:
        """Return where the views of a clip are kept."""
        return self._folder / f"{recording.sha256[:24]}.npz"

    def make(
        self, recordings: Sequence[Recording], report: Callable[[int, int], None]
    ) -> list[Path]:
        """Make the views that are missing, on every core; return where each clip's are.

        `report` is told (made, to make). Raises `CannotWrite`, `ProcessLost`,
        `UnreadableFile` or `ClipChanged`.
        """
        paths = [self.path(recording) for recording in recordings]
        missing = {p: r for p, r in zip(paths, recordings, strict=True) if not p.is_file()}
        if not missing:
            return paths
        report(0, len(missing))
        workers = self._config.threads or os.cpu_count() or 1
        settings = (self._config, self._noises, self._rooms)
        with ProcessPoolExecutor(workers, initializer=_prepare, initargs=settings) as pool:
            try:
                jobs = pool.map(_views_of, missing.values(), chunksize=4)
                for done, (path, views) in enumerate(zip(missing, jobs, strict=True), 1):
                    with written_aside(path) as aside:
                        np.savez(aside, **{str(i): v for i, v in enumerate(views)})  # type: ignore[arg-type]
                    report(done, len(missing))
            except BrokenProcessPool as error:
                raise ProcessLost("made views of the clips", "`threads`") from error
            except BaseException:  # a full disk or Ctrl-C does not wait for what nobody will keep
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return paths


def read_view(path: Path, index: int) -> Samples:
    """Return one view: mel powers in dB, float32 of shape (bands, frames). Raises `ViewDamaged`."""
    try:
        with np.load(path) as views:
            return np.asarray(views[str(index)], np.float32)
    except (OSError, ValueError, KeyError, EOFError, *DAMAGED_ZIP) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise ViewDamaged(path, why) from error


def _key(config: TrainConfig, noises: Path | None, rooms: Path | None) -> str:
    """Return a name for everything that decides what a view is."""
    features = config.features.to_dict()
    for later in ("range_db", "deltas", "cepstra"):
        del features[later]
    # Wherever the rooms lie: what they are is told by the name of their decoded folder.
    augment = config.augment.of_views() | {"room_folder": ""}
    told = [augment, config.augment.views, features, config.seed]
    given = [rooms.name] if rooms and config.augment.room_folder else []
    return _digest(told, noises.name if noises else "", *given)


def _digest(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def _noises(config: TrainConfig, folder: Path) -> Path | None:
    """Return a folder with the noises but for those that are kept for the figures.

    Raises `UnreadableFile` or `CannotWrite`.
    """
    if not config.augment.noise:
        return None
    if not config.noise_folders:
        _log.info("No noise is added to the clips, for noise_folder names none.")
        return None
    files = [(p, root) for root in config.noise_folders for p in split_noises(root)[0]]
    return _decoded(files, folder, "noises", config.features.rate)


def _rooms(config: TrainConfig, folder: Path) -> Path | None:
    """Return the folder of room responses, simulated where none are given."""
    if not config.augment.room:
        return None
    rate = config.features.rate
    given = config.room_folder
    if given is not None:
        return _decoded([(p, given) for p in recordings_in(given)], folder, "rooms", rate)
    rooms = folder / f"rooms-{config.seed}"
    if not rooms.is_dir():
        write_sounds(rooms, room_responses(_ROOMS, rate, config.seed), rate)
    return rooms


def _decoded(files: Sequence[tuple[Path, Path]], folder: Path, what: str, rate: int) -> Path:
    """Return a folder with recordings as WAV files at the network's rate.

    Each comes with the folder that it was found in.
    """
    key = _digest([[str(p.relative_to(root)), p.stat().st_size] for p, root in files])
    decoded = folder / f"{what}-{key}"
    if not decoded.is_dir():
        write_sounds(decoded, (audio.load(path, rate) for path, _ in files), rate)
    return decoded


class _Maker:
    """What a process needs to make views."""

    def __init__(self, config: TrainConfig, noises: Path | None, rooms: Path | None) -> None:
        self.config = config
        self.image = ImageMaker(config.features)
        self.augment = waveform_augmentation(config.augment, noises, rooms)

    def view(self, samples: Samples, seed: int) -> npt.NDArray[np.float16]:
        """Return the mel powers of a changed clip in dB relative to its loudest point."""
        settings, features = self.config.augment, self.config.features
        generator = np.random.default_rng(seed)
        random.seed(seed)  # audiomentations draws from both
        np.random.seed(seed % 2**32)
        if generator.random() < settings.speed:
            bound = np.log(settings.speed_ratio)
            samples = faster(samples, float(np.exp(generator.uniform(-bound, bound))))
        at_least = features.window + int(_SPARE_S * features.rate)
        samples = place(samples, at_least, generator)
        samples = self.augment(np.ascontiguousarray(samples), features.rate)
        samples = place(np.asarray(samples, np.float32), at_least, generator)
        decibels = self.image.decibels(samples)
        return (decibels - decibels.max()).astype(np.float16)


_maker: _Maker


def _prepare(config: TrainConfig, noises: Path | None, rooms: Path | None) -> None:
    global _maker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    end_with_parent()
    # A noise recording may hold a stretch of zeros, which leaves the voice as it is.
    warnings.filterwarnings("ignore", message=".*too silent to be added as noise")
    _maker = _Maker(config, noises, rooms)
    # A process per core, each with a thread per core for its products, wait for one another. The
    # libraries were loaded before the fork, so that the environment tells them nothing any more.
    threadpool_limits(1)


def _views_of(recording: Recording) -> list[npt.NDArray[np.float16]]:
    samples, first = recording.samples(), int(recording.sha256[:8], 16)
    count, seed = _maker.config.augment.views, _maker.config.seed
    return [_maker.view(samples, (first + seed) * 1000 + index) for index in range(count)]
