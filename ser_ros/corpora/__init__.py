"""Labelled recordings: what a clip is, and who may train on whom."""

from ser_ros.corpora.clips import Clip, held_out, read_manifest

__all__ = ["Clip", "held_out", "read_manifest"]
