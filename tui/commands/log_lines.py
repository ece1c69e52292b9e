"""The log of a job as lines on stderr, as they come: nothing in it moves a cursor."""

from __future__ import annotations

import codecs
import sys
from collections import deque

from tui.commands.change_output import tell
from tui.model.escapes import without_sequences

# Of what failed, as much as tells why; a line beyond that length says nothing more.
_TAIL_LINES, _LINE_CHARACTERS = 40, 4000


class LogLines:
    """Puts the pieces of a log together to lines.

    Attributes:
        tail: the last lines, as they were printed.
    """

    def __init__(self, is_shown: bool) -> None:
        """Args: is_shown on stderr; otherwise only the tail is kept."""
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._is_shown = is_shown
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        *lines, self._begun = (self._begun + self._decoder.decode(data)).split("\n")
        for line in lines:
            self._tell(line)
        # a progress bar without an end
        self._begun = self._begun[-_LINE_CHARACTERS:]

    def end(self) -> None:
        """Nothing more comes: tell the line that nobody ended."""
        rest, self._begun = self._begun + self._decoder.decode(b"", final=True), ""
        if rest:
            self._tell(rest)

    def _tell(self, line: str) -> None:
        """One line: of what was overwritten in it, what stays on a terminal."""
        line = line.rstrip("\r").rpartition("\r")[2].replace("\0", "")[:_LINE_CHARACTERS]
        shown = without_sequences(line)
        self.tail.append(shown)
        if self._is_shown:
            tell(shown, sys.stderr)
