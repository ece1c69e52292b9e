"""Finds the lines of a log that an expression matches, a slice at a time, so that keys never wait for it."""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right

from tui.model.log_ring import LogRing
from tui.model.logs import plain_text
from tui.ui.filters import Filter

# So many lines are looked at between two looks at the clock: about a millisecond.
_SLICE_LINES = 200


class LogScan:
    """Numbers of matching lines, from the newest to the oldest and then as lines come."""

    def __init__(self, chosen: Filter, ring: LogRing) -> None:
        """Args: what to look for, a valid one; where."""
        self.filter = chosen
        self._matches = chosen.matcher()
        self._ring = ring
        # what was looked at: from low up to high, not included
        self._low = self._high = ring.end
        # matches below the line where the search began, the nearest first, and those above it
        self._below: list[int] = []
        self._above: list[int] = []

    @property
    def is_too_slow(self) -> bool:
        """Whether the expression takes too long to be used."""
        return self._matches.is_too_slow

    @property
    def is_done(self) -> bool:
        """Whether every line was looked at."""
        first, end, _ = self._ring.span()
        return self._high >= end and self._low <= first

    @property
    def count(self) -> int:
        """Matches so far, of the lines that are still there."""
        self._forget_left()
        return len(self._below) + len(self._above)

    def matches(self, text: str) -> bool:
        """Whether one text would be found."""
        return self._matches(text)

    def advance(self, seconds: float) -> bool:
        """Look at more lines for about so long; True when there are more."""
        limit = time.monotonic() + seconds
        first, end, _ = self._ring.span()
        if self._high < first:
            # what came and left between two looks is not searched
            self._below.clear()
            self._above.clear()
            self._low = self._high = first
        while self._high < end and time.monotonic() < limit:
            start, raws = self._ring.raws(self._high, min(end, self._high + _SLICE_LINES))
            self._above += [start + index for index, raw in enumerate(raws) if self._matches(plain_text(raw))]
            self._high = max(self._high + 1, start + len(raws))
        while self._low > first and time.monotonic() < limit:
            start, raws = self._ring.raws(max(first, self._low - _SLICE_LINES), self._low)
            found = [start + index for index, raw in enumerate(raws) if self._matches(plain_text(raw))]
            self._below += reversed(found)
            self._low = start if raws else first
        return not self.is_done

    # -- matches by their place in the order of lines

    def at(self, index: int) -> int:
        """The number of the match at a place, from the oldest."""
        below = len(self._below)
        return self._below[below - 1 - index] if index < below else self._above[index - below]

    def place(self, number: int) -> int:
        """How many matches are before a line."""
        if self._above and number > self._above[0]:
            return len(self._below) + bisect_left(self._above, number)
        if not self._below or number > self._below[0]:
            return len(self._below)
        # downwards, so the ones after it come first
        return len(self._below) - bisect_right(self._below, -number, key=lambda each: -each)

    def next_after(self, number: int) -> int | None:
        """The first match after a line."""
        place = self.place(number + 1)
        return self.at(place) if place < self.count else None

    def last_before(self, number: int) -> int | None:
        """The last match before a line."""
        place = min(self.place(number), self.count)
        return self.at(place - 1) if place > 0 else None

    def _forget_left(self) -> None:
        """Lines that left the window are no matches any more."""
        first = self._ring.first
        while self._below and self._below[-1] < first:
            self._below.pop()
        if not self._below and self._above and self._above[0] < first:
            del self._above[: bisect_left(self._above, first)]
