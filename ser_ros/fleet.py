"""Many bags, a robot's or a fleet's week: one plain map, over processes or a Dask cluster.

What was heard of a bag is kept until all are done, so an interrupted run goes on where it stopped,
and a bag that cannot be used is told and does not stop the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any

from ser_ros import __version__
from ser_ros.bags.reading import open_bag
from ser_ros.bundle import Bundle
from ser_ros.classifier import Classifier
from ser_ros.errors import SerError
from ser_ros.errors.config import BadValue
from ser_ros.errors.machine import MissingExtra
from ser_ros.evaluation.judged import Judged, Source
from ser_ros.files import make_folder, write_text
from ser_ros.processes import each
from ser_ros.replay import Replay, digest, replay

PACKAGE = Path(__file__).resolve().parent
"""Where the code is that hears."""

_KEPT = re.compile(r"[0-9a-f]{24}\.json")
"""What `_key` makes the name of."""


@dataclass(frozen=True)
class Job:
    """A bag to hear, and what hears it."""

    wanted: Replay
    model: Path
    runtime: str = "auto"
    threads: int = 1
    min_speech_ratio: float | None = None
    uncertain_below: float | None = None


@dataclass(frozen=True)
class Failure:
    """Why a bag could not be heard."""

    bag: Path
    sentence: str


Outcome = Source | Failure


def hear_all(
    jobs: Sequence[Job],
    work: Path | None = None,
    processes: int = 1,
    dask: str = "",
    heard: Callable[[Job, Outcome], None] = lambda job, outcome: None,
) -> list[Outcome]:
    """Hear every bag, and return what came of each, in the order of the jobs.

    What was heard is kept in `work`, and taken from there where it is. `heard` is told of each bag
    as it is done. Raises `ProcessLost` where a process died, `CannotWrite` where nothing more can
    be kept, `MissingExtra` or `BadValue` for a cluster that cannot be asked; what was done until
    then is kept.
    """
    if work is not None:
        make_folder(work)
    hear = partial(_hear, work=work)
    outcomes: dict[int, Outcome] = {}
    if dask:
        done = _each_on_cluster(dask, hear, jobs)
    else:
        done = each(hear, jobs, processes, "heard bags", kept=work is not None)
    for index, outcome in done:
        outcomes[index] = outcome
        heard(jobs[index], outcome)
    return [outcomes[index] for index in range(len(jobs))]


def _hear(job: Job, work: Path | None) -> Outcome:
    """Hear one bag, wherever this runs; only plain values go there and come back."""
    bag = job.wanted.bag
    try:
        kept = None if work is None else work / f"{_key(job)}.json"
        if kept is not None and (found := _read(kept)) is not None:
            return found
        source = replay(_classifier(job), job.wanted)
    except SerError as error:
        return Failure(bag, str(error))
    except OSError as error:  # a disk that fails in the middle of a bag
        return Failure(bag, f"'{bag}' cannot be read to its end: {error.strerror or error}.")
    if kept is not None:
        write_text(kept, json.dumps(_plain(source)))
    return source


def _classifier(job: Job) -> Classifier:
    told = _told_by(job.model)
    return _loaded(
        job.model, told, job.runtime, job.threads, job.min_speech_ratio, job.uncertain_below
    )


def _told_by(model: Path) -> str:
    """Return what decides what a bundle says: its network by its hash, labels, temperature."""
    return json.dumps(Bundle.load(model).manifest())


@lru_cache(maxsize=1)  # another bundle at the same path is another classifier
def _loaded(
    model: Path,
    told: str,
    runtime: str,
    threads: int,
    min_speech_ratio: float | None,
    uncertain_below: float | None,
) -> Classifier:
    ratio = {} if min_speech_ratio is None else {"min_speech_ratio": min_speech_ratio}
    return Classifier(
        Bundle.load(model), runtime, threads, uncertain_below=uncertain_below, **ratio
    )


# ── what is kept ──────────────────────────────────────────────────────────────────────────────


def forget(work: Path) -> None:
    """Delete what `hear_all` kept, and the folder if nothing else is in it."""
    with suppress(OSError):
        for path in work.iterdir():
            if _KEPT.fullmatch(path.name):
                path.unlink()
        work.rmdir()


def _key(job: Job) -> str:
    """Return a name made of everything that decides what is heard."""
    with open_bag(job.wanted.bag) as bag:
        of_bag = digest(bag)
    track = job.wanted.track
    told = hashlib.sha256(track.read_bytes()).hexdigest() if track and track.is_file() else ""
    deciding = [
        __version__,
        _code(PACKAGE),
        of_bag,
        told,
        str(job.wanted.bag),
        job.wanted.audio,
        asdict(job.wanted.hearing),
        _told_by(job.model),
        job.runtime,
        job.min_speech_ratio,
        job.uncertain_below,
    ]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:24]


@cache
def _code(package: Path) -> str:
    """Return a hash of the code: bags are heard again to learn what a change of it does."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()


def _plain(source: Source) -> dict[str, Any]:
    fields = {key: value for key, value in vars(source).items() if key != "sound"}
    return fields | {"windows": [asdict(window) for window in source.windows]}


def _read(path: Path) -> Source | None:
    """Return what was kept; None where there is nothing, or nothing whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        windows = tuple(
            Judged(**{**window, "probabilities": tuple(window["probabilities"])})
            for window in content.pop("windows")
        )
        remarks = tuple(content.pop("remarks"))
        return Source(**content, windows=windows, remarks=remarks)
    except (OSError, ValueError, TypeError, LookupError):
        return None


# ── the cluster ───────────────────────────────────────────────────────────────────────────────


def _each_on_cluster(
    address: str, hear: Callable[[Job], Outcome], jobs: Sequence[Job]
) -> Iterator[tuple[int, Outcome]]:
    """Like `processes.each`, on a Dask cluster whose workers see the same files at the same paths.

    Raises `MissingExtra`, or `BadValue` for a cluster that cannot be asked.
    """
    try:
        from distributed import Client
        from distributed import as_completed as as_dask_completes
    except ImportError as error:
        raise MissingExtra("distributed", "dask") from error
    try:
        client = Client(address, timeout=10)
    except (OSError, ValueError) as error:
        expected = "the address of a Dask scheduler that answers, such as tcp://host:8786"
        raise BadValue("--dask", address, expected) from error

    with client:
        futures = {client.submit(hear, job, pure=False): i for i, job in enumerate(jobs)}
        for future in as_dask_completes(futures):
            try:
                outcome = future.result()
            except SerError:
                raise
            except Exception as error:  # whatever a worker died of, or lacks, comes back as it is
                expected = "workers that have this version of ser_ros, and memory for a bag"
                raise BadValue("--dask", f"{address} ({_first(error)})", expected) from error
            yield futures[future], outcome


def _first(error: Exception) -> str:
    """Return the first line of what a cluster says, which may be a page."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]
