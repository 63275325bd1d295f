"""Lists within a sentence."""

from __future__ import annotations

from collections.abc import Iterable


def listed(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)


def few(words: Iterable[object]) -> str:
    """List three at most, and how many more there are."""
    all_of_them = list(words)
    more = len(all_of_them) - 3
    return listed(all_of_them[:3]) + (f" and {more} more" if more > 0 else "")
