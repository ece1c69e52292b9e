"""Escape sequences in foreign text: everything that drives a terminal is taken out, colours may stay.

The rules are ECMA-48's and xterm's: what a terminal would take for a sequence is found as a terminal finds
it, so that nothing is left that one could act upon.
"""

from __future__ import annotations

import re
from unicodedata import east_asian_width

from tui.model.printable import printable

# Parameters and a final `m` without a private prefix: select graphic rendition, the one harmless sequence.
_SGR = r"(?:\x1b\[|\x9b)[0-9;:]*+m"
# Every control of the upper half breaks a string off, as a terminal has it; so no text is looked at more than
# once, however many strings begin in it and never end.
_SEQUENCE = re.compile(
    rf"(?P<sgr>{_SGR})"
    # control sequences, complete or broken off by something that can't belong to one
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"
    # operating system command: ends with BEL or ST
    r"|(?:\x1b\]|\x9d)[^\x07\x18\x1a\x1b\x80-\x9f]*+(?:\x07|\x1b\\|\x9c)"
    # device control, start of string, privacy message, application command: end with ST
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x18\x1a\x1b\x80-\x9f]*+(?:\x1b\\|\x9c)"
    # all other escapes, and the beginnings of strings that never end: their text stays visible
    r"|\x1b[ -/]*+[0-~]?|[\x80-\x9f]"
)
# What a terminal acts upon, or what is as wide as the cells before it make it.
_SUSPECT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TAB, _TAB_CELLS = "\t", 8
# Takes the second cell of a wide character while tabs are made blanks; printable text holds none.
_SECOND_CELL = "\x00"

#: Parameters of the SGR sequence in front of a text ("" where there is none), and the text itself.
Run = tuple[str, str]


def without_sequences(text: str) -> str:
    """The text without any sequence, everything else made printable; tabs become blanks."""
    if not _SUSPECT.search(text):
        return _shown(text)
    if text.isascii():
        plain = _SEQUENCE.sub("", text)
        return _laid_out(plain, 0)[0] if _TAB in plain else _shown(plain)
    # a mark behind a colour belongs to no letter, here as in `runs`
    return "".join(part for _, part in runs(text))


def runs(text: str) -> list[Run]:
    """The text as runs with their colours; every other sequence is taken out, the rest made printable."""
    if not _SUSPECT.search(text):
        return [("", _shown(text))]
    found: list[Run] = []
    parameters, column, position = "", 0, 0
    has_tabs = _TAB in text
    plain: list[str] = []

    def end_run() -> None:
        nonlocal column
        part = "".join(plain)
        plain.clear()
        if has_tabs:
            part, column = _laid_out(part, column)
        else:
            part = _shown(part)
        if part or parameters:
            found.append((parameters, part))

    for match in _SEQUENCE.finditer(text):
        plain.append(text[position : match.start()])
        position = match.end()
        if match["sgr"] is not None:
            end_run()
            parameters = match["sgr"].removeprefix("\x1b[").removeprefix("\x9b")[:-1] or "0"
    plain.append(text[position:])
    end_run()
    return found


def _laid_out(text: str, column: int) -> tuple[str, int]:
    """A text that begins in `column` as it is shown, tabs as blanks; and the column behind it."""
    shown = _shown(text)
    wide = {ord(each): each + _SECOND_CELL for each in set(shown) if east_asian_width(each) in ("W", "F")}
    begin = column % _TAB_CELLS
    cells = (" " * begin + shown.translate(wide)).expandtabs(_TAB_CELLS)[begin:]
    return cells.replace(_SECOND_CELL, ""), column + len(cells)


def _shown(text: str) -> str:
    """Printable, but for its tabs."""
    return printable(text, kept=_TAB)
