"""The words of a view: short, of a known width, and with nothing that a terminal would obey."""

from __future__ import annotations

import math
from collections.abc import Iterable
from string import ascii_uppercase, digits

from rich.cells import cell_len
from rich.text import Text

from ser_ros.labels import NO_SPEECH, UNCERTAIN


def printable(text: str) -> str:
    """Return the text, as long as before, without what a terminal would obey instead of show."""
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)


def letters(labels: Iterable[str]) -> dict[str, str]:
    """Give each label a letter of its own, its first where that is free."""
    given = {UNCERTAIN: "?", NO_SPEECH: "."}
    for label in labels:
        if label in given:
            continue
        choice = f"{label.lower()}{label.upper()}{digits}{ascii_uppercase}"
        free = (c for c in choice if c.isprintable() and cell_len(c) == 1 and c != " ")
        given[label] = next((c for c in free if c not in given.values()), "*")
    return given


def wrapped(sentence: str, width: int, style: str = "") -> list[Text]:
    """Break a sentence between words; a longer word is broken where the row ends."""
    found, row = [], ""
    for word in printable(sentence).split():
        if row and cell_len(row) + 1 + cell_len(word) > width:
            found.append(row)
            row = word
        else:
            row = f"{row} {word}" if row else word
    return [Text(part, style) for part in (*found, row)]


def spaced(label: str, width: int) -> str:
    """Write a word large: in capitals, with space between them where there is room."""
    wide = " ".join(label.upper())
    return wide if cell_len(wide) <= width else label.upper()


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172800 else f"{seconds / 86400:.0f} days"


def percent(share: float) -> str:
    return f"{share:4.0%}" if math.isfinite(share) else "   -"


def milliseconds(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e3:.1f} ms"
