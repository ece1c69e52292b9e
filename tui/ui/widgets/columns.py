"""How wide the columns of a table are: pure arithmetic from what they hold and what room there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Blank cells between two columns.
GAP = 1


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a LineTable.

    Attributes:
        key: its name for sorting.
        title: shown above it.
        width: cells it needs at least.
        widest: cells it may grow to when there is room and its content asks for it; equal to `width`
            for a fixed one.
        from_width: shown only in tables at least this wide, in cells.
        align_right: for figures.
        cut_middle: of what is too long both ends stay.
    """

    key: str
    title: str
    width: int
    widest: int = 0
    from_width: int = 0
    align_right: bool = False
    cut_middle: bool = False


@dataclass(frozen=True, slots=True)
class PlacedColumn:
    """A column that is shown: its place among all columns and its width in cells."""

    index: int
    width: int


def place(columns: Sequence[Column], needed: Sequence[int], available: int) -> tuple[PlacedColumn, ...]:
    """Which columns are shown, and how wide.

    Args:
        columns: all of them, in order.
        needed: cells that the widest content of each takes.
        available: cells there are for all of them with their gaps.

    Columns that the table is too narrow for are left out, beginning with the last; spare cells go to
    those that can use them, from the left.
    """
    chosen = [index for index, column in enumerate(columns) if column.from_width <= available]
    while len(chosen) > 1 and _least(columns, chosen) > available:
        chosen.pop()
    widths = {index: columns[index].width for index in chosen}
    spare = available - _least(columns, chosen)
    for index in chosen:
        wanted = min(
            max(columns[index].widest, columns[index].width), max(needed[index], columns[index].width)
        )
        more = max(0, min(wanted - widths[index], spare))
        widths[index] += more
        spare -= more
    return tuple(PlacedColumn(index, widths[index]) for index in chosen)


def _least(columns: Sequence[Column], chosen: Sequence[int]) -> int:
    return sum(columns[index].width for index in chosen) + GAP * (len(chosen) - 1)
