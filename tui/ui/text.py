"""Printable text cut and padded to cells, as wide as the terminal draws it.

Foreign text comes to the screen through `printable` and is never markup.
"""

from __future__ import annotations

from rich.cells import cell_len, get_character_cell_size

from tui.model.printable import printable

__all__ = ["fit", "printable", "width_of"]

_ELLIPSIS = "…"


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


def width_of(text: str) -> int:
    """Cells that printable text takes."""
    return len(text) if text.isascii() else cell_len(text)
