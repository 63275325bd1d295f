"""Framing: nothing is lost or made up, whatever the blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser_ros.errors.config import BadValue
from ser_ros.framing import Framer, windows_of

blocks = st.lists(st.integers(0, 40), max_size=30)
sizes = st.integers(1, 25)


def numbered(lengths: list[int]) -> tuple[np.ndarray, list[np.ndarray]]:
    whole = np.arange(sum(lengths), dtype=np.float32)
    return whole, np.split(whole, np.cumsum(lengths)[:-1]) if lengths else []


@given(blocks, sizes)
def test_chunks_and_the_rest_are_the_input(lengths, size):
    whole, parts = numbered(lengths)
    framer = Framer(size, size)
    frames = [frame for part in parts for frame in framer.push(part)]
    rest = framer.flush()
    assert all(len(frame) == size for _, frame in frames)
    assert rest is None or len(rest[1]) < size
    found = [*frames, *([rest] if rest else [])]
    np.testing.assert_array_equal(np.concatenate([f for _, f in found] or [whole]), whole)
    assert [start for start, _ in found] == [k * size for k in range(len(found))]


@given(blocks, sizes, st.integers(1, 60))
def test_frames_are_slices_of_the_input_for_any_size_and_hop(lengths, size, hop):
    whole, parts = numbered(lengths)
    framer = Framer(size, hop)
    frames = [frame for part in parts for frame in framer.push(part)]
    starts = list(range(0, len(whole) - size + 1, hop))
    assert [start for start, _ in frames] == starts
    for start, frame in frames:
        np.testing.assert_array_equal(frame, whole[start : start + size])
    begin = starts[-1] + hop if starts else 0
    heard = max(begin, starts[-1] + size) if starts else 0
    assert framer.unheard == max(0, len(whole) - heard)
    rest = framer.flush()
    if begin < len(whole):
        assert rest is not None
        assert rest[0] == begin
        np.testing.assert_array_equal(rest[1], whole[begin:])
    else:
        assert rest is None


@given(blocks, blocks, sizes)
def test_after_flush_the_fold_is_as_new(before, lengths, size):
    used, new = Framer(size, 7), Framer(size, 7)
    for part in numbered(before)[1]:
        used.push(part)
    used.flush()
    for part in numbered(lengths)[1]:
        for (a, x), (b, y) in zip(used.push(part), new.push(part), strict=True):
            assert a == b
            np.testing.assert_array_equal(x, y)


def test_channels_stay_together():
    stereo = np.arange(20, dtype=np.float32).reshape(10, 2)
    frames = Framer(4, 3).push(stereo)
    np.testing.assert_array_equal(frames[1][1], stereo[3:7])


def test_frames_share_no_memory():
    framer = Framer(4, 2)
    frames = framer.push(np.zeros(8, np.float32))
    frames[0][1][:] = 9
    assert not frames[1][1].any()
    framer.push(np.zeros(2, np.float32))[0][1][:] = 9
    assert not framer.push(np.zeros(2, np.float32))[0][1].any()


@pytest.mark.parametrize(("size", "hop"), [(0, 1), (1, 0), (-1, 1), (1, -1)])
def test_a_size_without_samples_is_refused(size, hop):
    with pytest.raises(BadValue):
        Framer(size, hop)


@given(st.integers(0, 200), sizes, st.integers(1, 40))
def test_windows_of_a_clip(length, size, hop):
    clip = np.arange(1, length + 1, dtype=np.float32)
    windows = list(windows_of(clip, size, hop))
    assert all(len(window) == size for window in windows)
    if length <= size:
        np.testing.assert_array_equal(windows, [np.pad(clip, (0, size - length))])
        return
    heads = [int(window[0]) - 1 for window in windows]
    for head, window in zip(heads, windows, strict=True):
        np.testing.assert_array_equal(window, clip[head : head + size])
    assert heads[0] == 0
    assert heads[-1] == length - size or heads[-1] + size == length
    assert all(0 < b - a <= hop for a, b in pairwise(heads))
    if hop <= size:
        assert set(range(1, length + 1)) == {int(v) for window in windows for v in window}
