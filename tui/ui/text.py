"""Printable text cut and padded to cells, as wide as the terminal draws it.

Foreign text comes to the screen through `printable` and is never markup.
"""

from __future__ import annotations

from rich.cells import cell_len, get_character_cell_size

from tui.model.printable import printable

__all__ = ["fit", "fit_middle", "printable", "width_of"]

_ELLIPSIS = "…"
# Below this many cells two ends say less than one beginning.
_LEAST_MIDDLE = 8


def fit(text: str, width: int, align_right: bool = False) -> str:
    """Printable text cut or padded to exactly `width` cells; a cut shows as `…`."""
    if width <= 0:
        return ""
    length = len(text) if text.isascii() else cell_len(text)
    if length <= width:
        padding = " " * (width - length)
        return padding + text if align_right else text + padding
    kept: list[str] = []
    used = 0
    for character in text:
        size = get_character_cell_size(character)
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    # a wide character that does not fit leaves a blank cell
    return "".join(kept) + _ELLIPSIS + " " * (width - 1 - used)


def fit_middle(text: str, width: int) -> str:
    """Printable text of exactly `width` cells, cut in its middle: both ends of a long name tell it apart."""
    if width_of(text) <= width or width < _LEAST_MIDDLE:
        return fit(text, width)
    # the end has the tag, or the file's own name: it gets the larger half
    head_cells = (width - 1) // 2
    head: list[str] = []
    for character in text:
        head_cells -= get_character_cell_size(character)
        if head_cells < 0:
            break
        head.append(character)
    begin = "".join(head) + _ELLIPSIS
    room = width - width_of(begin)
    tail: list[str] = []
    for character in reversed(text):
        room -= get_character_cell_size(character)
        if room < 0:
            break
        tail.append(character)
    return fit(begin + "".join(reversed(tail)), width)


def width_of(text: str) -> int:
    """Cells that printable text takes."""
    return len(text) if text.isascii() else cell_len(text)
