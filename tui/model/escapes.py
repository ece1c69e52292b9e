"""Escape sequences in foreign text: everything that drives a terminal is taken out, colours may stay.

The rules are ECMA-48's and xterm's: what a terminal would take for a sequence is found as a terminal finds
it, so that nothing is left that one could act upon.
"""

from __future__ import annotations

import re

from tui.model.printable import printable

# Parameters and a final `m` without a private prefix: select graphic rendition, the one harmless sequence.
_SGR = r"(?:\x1b\[|\x9b)[0-9;:]*m"
_SEQUENCE = re.compile(
    rf"(?P<sgr>{_SGR})"
    # control sequences, complete or broken off by something that can't belong to one
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    # operating system command: ends with BEL or ST
    r"|(?:\x1b\]|\x9d)[^\x07\x18\x1a\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    # device control, start of string, privacy message, application command: end with ST
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x18\x1a\x1b\x9c]*(?:\x1b\\|\x9c)"
    # all other escapes, and the beginnings of strings that never end: their text stays visible
    r"|\x1b[ -/]*[0-~]?|[\x80-\x9f]"
)
# What a terminal acts upon, or what is as wide as the cells before it make it.
_SUSPECT = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TAB_CELLS = 8

#: Parameters of the SGR sequence in front of a text ("" where there is none), and the text itself.
Run = tuple[str, str]


def without_sequences(text: str) -> str:
    """The text without any sequence, everything else made printable; tabs become blanks."""
    if not _SUSPECT.search(text):
        return printable(text)
    return printable(_expand_tabs(_SEQUENCE.sub("", text), 0))


def runs(text: str) -> list[Run]:
    """The text as runs with their colours; every other sequence is taken out, the rest made printable."""
    if not _SUSPECT.search(text):
        return [("", printable(text))]
    found: list[Run] = []
    parameters, column, position = "", 0, 0
    plain: list[str] = []

    def end_run() -> None:
        nonlocal column
        expanded = _expand_tabs("".join(plain), column)
        plain.clear()
        column += len(expanded)
        if expanded or parameters:
            found.append((parameters, printable(expanded)))

    for match in _SEQUENCE.finditer(text):
        plain.append(text[position : match.start()])
        position = match.end()
        if match["sgr"] is not None:
            end_run()
            parameters = match["sgr"].removeprefix("\x1b[").removeprefix("\x9b")[:-1] or "0"
    plain.append(text[position:])
    end_run()
    return found


def _expand_tabs(text: str, column: int) -> str:
    """Tabs as blanks, for a text that begins in `column`."""
    if "\t" not in text:
        return text
    return (" " * (column % _TAB_CELLS) + text).expandtabs(_TAB_CELLS)[column % _TAB_CELLS :]
