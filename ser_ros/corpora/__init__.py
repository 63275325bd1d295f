"""Labelled recordings: what a clip is, where people keep them, and who may train on whom."""

from ser_ros.corpora.clips import Clip, held_out, read_manifest, write_manifest
from ser_ros.corpora.layouts import find_clips, read_corpus

__all__ = ["Clip", "find_clips", "held_out", "read_corpus", "read_manifest", "write_manifest"]
