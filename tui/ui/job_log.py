"""What a job prints, as lines: progress that overwrites itself is one line, nothing drives the terminal."""

from __future__ import annotations

import codecs
from collections import deque

from tui.model.escapes import without_sequences
from tui.model.units import format_bytes

# A plan of the largest environments lists a thousand packages; a person reads the end.
_MOST_LINES = 4000
# A line of a megabyte would take longer than a frame.
_MOST_CHARACTERS = 2000


class JobLog:
    """Takes the newest of a log again and again, and makes lines of what is new in it."""

    def __init__(self) -> None:
        """Nothing was printed yet."""
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self._rest = ""
        self._end = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def take(self, log: bytes, dropped_bytes: int) -> bool:
        """Take a log as it is known now; whether anything was new.

        Args:
            log: the newest of it.
            dropped_bytes: what came before.
        """
        if dropped_bytes > self._end:
            self._add(self._decoder.decode(b"", True))
            self._decoder.reset()
            missing = dropped_bytes - self._end
            self._add(f"\n… {format_bytes(missing)} are not shown\n")
            self._end = dropped_bytes
        fresh = log[self._end - dropped_bytes :]
        if not fresh:
            return False
        self._end += len(fresh)
        self._add(self._decoder.decode(fresh))
        return True

    @property
    def lines(self) -> list[str]:
        """All lines, printable; the last one may still grow."""
        last = _shown(self._rest)
        return [*self._lines, last] if last else list(self._lines)

    def _add(self, text: str) -> None:
        *whole, rest = (self._rest + text).split("\n")
        self._lines.extend(map(_shown, whole))
        # a bar that overwrites itself for minutes must not pile up
        kept = _last_writing(rest)
        self._rest = kept + "\r" if rest.endswith("\r") else kept


def _last_writing(line: str) -> str:
    """What stands on a line after everything that was written over it."""
    written = line.replace("\0", "").rstrip("\r").rpartition("\r")[2]
    return written[:_MOST_CHARACTERS]


def _shown(line: str) -> str:
    return without_sequences(_last_writing(line))
