"""Graphs out of block characters: a line of them for a table, several for a screen."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
# Something is not nothing: the lowest block is for all above zero.
_STEPS = len(_BLOCKS) - 1
#: Where there is no figure.
GAP = "·"


def spread(
    moments: Sequence[tuple[float, float | None]], now: float, seconds: float, cells: int
) -> list[float | None]:
    """The highest figure of each of `cells` spans of the last `seconds`, oldest first.

    Args:
        moments: when (seconds), and a figure, or None where it was not known.
        now: the end of the last span.
        seconds: from the beginning of the first span to `now`.
        cells: how many spans.
    """
    found: list[float | None] = [None] * cells
    for at, value in moments:
        cell = int((at - (now - seconds)) / seconds * cells)
        if value is None or not min(cell, cells - 1) >= 0 or at > now:
            continue
        cell = min(cell, cells - 1)
        known = found[cell]
        found[cell] = value if known is None else max(known, value)
    return found


def line(values: Sequence[float | None], top: float = 100.0) -> str:
    """One character a value; a gap where there is none."""
    return "".join(GAP if value is None else _BLOCKS[_level(value, top, _STEPS)] for value in values)


def graph(values: Sequence[float | None], height: int, top: float = 100.0) -> list[str]:
    """So many lines, the uppermost first; a gap on the lowest line where there is no value."""
    levels = [None if value is None else _level(value, top, _STEPS * height) for value in values]
    return [
        "".join(
            (GAP if row == 0 else " ")
            if level is None
            else _BLOCKS[max(0, min(_STEPS, level - row * _STEPS))]
            for level in levels
        )
        for row in reversed(range(height))
    ]


def _level(value: float, top: float, steps: int) -> int:
    share = max(0.0, min(1.0, value / top))
    return 0 if share == 0 else max(1, round(share * steps))
