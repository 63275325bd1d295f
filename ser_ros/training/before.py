"""What a model that learned everybody keeps of the one that it began with.

Nobody is left to calibrate it on, to compare a voice with, or to measure it on. The model before it
had speakers whom it did not know, and one more stage of the same training changes little of what
they told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ser_ros.bundle import Bundle
from ser_ros.evaluation.seen import calibrated_on
from ser_ros.training.config import RANDOM


def with_calibration_of(began: Bundle | None, bundle: Bundle) -> Bundle | None:
    """Return `bundle` with the temperature, threshold, population and figures of `began`.

    The figures say whose they are. None where it began with no model, or with one that was not
    calibrated on strangers, of whom this one then learned all; or that learned other corpora, tells
    other emotions apart or hears other images: how sure it is would be another matter.
    """
    if began is None or not _further(began, bundle):
        return None
    about = dict(bundle.about)
    about["training"] = {**bundle.training, "calibrated_on": calibrated_on(began)}
    metrics = began.about.get("metrics")
    if isinstance(metrics, Mapping):
        about["metrics"] = {"of": f"the model '{began.name}', SHA-256 {began.sha256}", **metrics}
    return replace(
        bundle,
        calibration=began.calibration,
        neutral_logits=began.neutral_logits,
        about=about,
    )


def _further(began: Bundle, bundle: Bundle) -> bool:
    """Whether `bundle` is of the same training as `began`, with its strangers among the learned."""
    before, strangers = began.training, {*calibrated_on(began)}
    settings = before.get("settings")
    drawn = isinstance(settings, Mapping) and settings.get("split") == RANDOM
    return (
        bool(strangers)
        and not drawn
        and strangers <= {*bundle.training.get("speakers", ())}
        and {*before.get("corpora", ())} == {*bundle.training.get("corpora", ())}
        and (began.labels, began.features) == (bundle.labels, bundle.features)
    )
