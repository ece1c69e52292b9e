"""Rows of foreign text as lines with aligned columns under their titles."""

from __future__ import annotations

from collections.abc import Sequence

from tui.ui.screens.text import Line
from tui.ui.text import fit, printable, width_of


def aligned_lines(
    titles: Sequence[str], rows: Sequence[Sequence[str]], tones: Sequence[str] = (), right: Sequence[int] = ()
) -> list[Line]:
    """The titles, then a line a row; the last column is as long as it is.

    Args:
        titles: of the columns.
        rows: cells, each as many as there are titles or fewer; still raw.
        tones: of the rows, "" for plain; plain where there are none.
        right: numbers of the columns that are aligned to the right.
    """
    printed = [tuple(printable(cell) for cell in row) for row in (titles, *rows)]
    if not printed[0]:
        return []
    widths = [
        max(width_of(row[column]) for row in printed if column < len(row))
        for column in range(len(printed[0]))
    ]
    lines = [
        "  ".join(
            [
                *(
                    fit(cell, width, number in right)
                    for number, (cell, width) in enumerate(zip(row[:-1], widths, strict=False))
                ),
                row[-1],
            ]
        )
        for row in printed
    ]
    told = ("strong", *(tones or [""] * len(rows)))
    return [[(line, tone)] for line, tone in zip(lines, told, strict=True)]
