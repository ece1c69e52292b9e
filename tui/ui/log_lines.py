"""The lines of a log as the view shows them: from the ring, through a filter and a window of time."""

from __future__ import annotations

import time
from collections.abc import Sequence

from tui.model.escapes import runs
from tui.model.log_levels import Level, level_of
from tui.model.log_ring import LogRing
from tui.model.logs import LogLine, Stream, time_of
from tui.model.units import format_bytes
from tui.ui.filters import Matcher
from tui.ui.log_scan import LogScan
from tui.ui.text import fit, printable
from tui.ui.widgets.line_bar import Part
from tui.ui.widgets.log_view import ViewLine
from tui.ui.widgets.tones import ORIGIN_TONES

# More of a line is not drawn: it would take longer than a frame, and enter shows all of it.
DRAWN_BYTES = 16 << 10
_MOST_FOUND = 100
_NAME_CELLS = 14
_GLYPHS = {Level.ERROR: ("✗", "bad"), Level.WARNING: ("▲", "warn")}


class LogLines:
    """The LineSource of a ring.

    Attributes:
        floor: lines before this number are not shown: the view was cleared, or shows a window of time.
        filter: the numbers that a filter lets through; None shows all.
        highlight: what a search looks for, None for nothing.
        shows_times: whether each line has its time in front.
    """

    def __init__(self, ring: LogRing, names: Sequence[str] = ()) -> None:
        """Args: where lines are; the containers' names where several logs are merged."""
        self.ring = ring
        self.floor: int | None = None
        self.filter: LogScan | None = None
        self.highlight: Matcher | None = None
        self.shows_times = False
        self._names = [f"{fit(printable(name), _NAME_CELLS)} " for name in names] if len(names) > 1 else []

    # -- which lines

    def bounds(self) -> tuple[int, int]:
        """Numbers of the first and the last shown line."""
        low, end = self._range()
        if self.filter is None:
            return low, end - 1
        start, stop = self.filter.place(low), self.filter.count
        return (self.filter.at(start), self.filter.at(stop - 1)) if start < stop else (low, low - 1)

    def step(self, number: int, count: int) -> int:
        """The shown line so many lines away."""
        first, last = self.bounds()
        if last < first:
            return first
        if self.filter is None:
            return max(first, min(number + count, last))
        place = self.filter.place(number)
        is_shown = place < self.filter.count and self.filter.at(place) == number
        if count > 0 and not is_shown:
            # the line after it is one step away already
            count -= 1
        low = self.filter.place(first)
        return self.filter.at(max(low, min(place + count, self.filter.count - 1)))

    def share(self, number: int) -> tuple[int, int]:
        """How many lines are shown before it, and in all."""
        low, end = self._range()
        if self.filter is None:
            return max(0, number - low), end - low
        before = self.filter.place(low)
        return self.filter.place(number) - before, self.filter.count - before

    def number_at(self, moment: float) -> int:
        """The first line that was written at a moment or later."""
        low, high = self.ring.first, self.ring.end
        while low < high:
            middle = (low + high) // 2
            _, raws = self.ring.raws(middle, middle + 1)
            written_at = time_of(raws[0]) if raws else None
            if written_at is None or written_at < moment:
                low = middle + 1
            else:
                high = middle
        return low

    def _range(self) -> tuple[int, int]:
        first, _, end = self.ring.span()
        return (first if self.floor is None else min(max(first, self.floor), end)), end

    # -- how they look

    def line(self, number: int) -> tuple[ViewLine, bool] | None:
        """A line as it is drawn, and whether it stays so."""
        line = self.ring.line(number, DRAWN_BYTES)
        if line is None:
            return None
        parts = runs(line.text)
        text = "".join(part for _, part in parts)
        glyph, tone = _look(line, text)
        prefix: list[Part] = []
        if self.shows_times:
            prefix.append((f"{written_moment(line.at)} ", "muted"))
        if self._names:
            origin = line.origin % len(self._names)
            prefix.append((self._names[origin], ORIGIN_TONES[origin % len(ORIGIN_TONES)]))
        found = self.highlight.spans(text, _MOST_FOUND) if self.highlight is not None else ()
        more = f" … {format_bytes(line.cut_bytes)} more: enter" if line.cut_bytes else ""
        return ViewLine(
            number, glyph, tuple(prefix), tuple(parts), tone, more, tuple(found)
        ), line.is_complete


def written_moment(at: float | None) -> str:
    """A line's time: the date only where it is not today's."""
    if at is None:
        return "        "
    moment = time.localtime(at)
    today = time.localtime()
    shown = "%H:%M:%S" if moment[:3] == today[:3] else "%m-%d %H:%M:%S"
    return time.strftime(shown, moment)


def _look(line: LogLine, text: str) -> tuple[Part, str]:
    """The glyph in front of a line, and the tone of its text."""
    if line.stream is Stream.NOTE:
        return ("─", "muted"), "muted"
    if line.stream is Stream.ENGINE:
        return ("✗", "bad"), "bad"
    level = level_of(text)
    tone = "stderr" if line.stream is Stream.STDERR else ""
    if level is not Level.PLAIN:
        glyph = _GLYPHS[level]
        return glyph, glyph[1]
    return ("┊", "stderr") if line.stream is Stream.STDERR else (" ", ""), tone
