"""Plain tables on standard output: cut to the terminal for people, whole when they are piped."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

from tui.model.printable import printable

_GAP = "  "
# of a line's second part
_INDENT = " " * 8
_LEAST_CELLS = 40


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of foreign text under titles. Piped lines are whole and end without blanks."""
    for line in fitted(aligned((titles, *rows))):
        print(line)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of foreign text as lines that can be printed, their cells below each other."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(_cells, column)) for column in zip(*shown, strict=True)]
    return [
        _GAP.join(
            cell + " " * (width - _cells(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in shown
    ]


def fitted(lines: Iterable[str]) -> list[str]:
    """Lines cut to the terminal, where standard output is one."""
    available = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    return [line if available is None else _cut(line, available) for line in lines]


def wrapped(lines: Iterable[str], stream: TextIO) -> list[str]:
    """Lines of which each word counts: broken at the terminal's edge, where the stream is one."""
    if not stream.isatty():
        return list(lines)
    available = max(_LEAST_CELLS, shutil.get_terminal_size().columns)
    return [part for line in lines for part in _broken(line, available)]


def _broken(line: str, available: int) -> Iterator[str]:
    while _cells(line) > available:
        end, used = 0, 0
        while used + _cells_of(line[end]) <= available:
            used += _cells_of(line[end])
            end += 1
        # a word that is longer than half a line is broken where it is
        blank = line.rfind(" ", available // 2, end + 1)
        at = blank if blank > 0 and line[:blank].strip() else end
        yield line[:at].rstrip()
        line = f"{_INDENT}{line[at:].lstrip()}"
    yield line


def _cells(text: str) -> int:
    """Cells on a terminal: wide and full-width characters take two (Unicode, UAX 11)."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _cut(line: str, available: int) -> str:
    if _cells(line) <= available:
        return line
    used = 0
    for index, character in enumerate(line):
        used += _cells_of(character)
        if used > available - 1:
            return line[:index] + "…"
    return line
