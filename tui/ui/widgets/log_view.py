"""Lines without end: draws those that can be seen, follows the newest until somebody scrolls up.

The view knows lines by number only and asks a LineSource for what it draws; it has no height of its own,
because the lines below and above may be any number and change while one looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

from rich.ansi import AnsiDecoder
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tui.ui.text import width_of
from tui.ui.widgets.line_bar import Part
from tui.ui.widgets.tones import ToneStyles

# Rows of a line that is wrapped; the rest of it is a key away.
_MOST_ROWS = 40
# Drawn lines are kept while they are looked at: some screens full.
_KEPT_LINES = 400
_WHEEL_LINES = 3
_SIDEWAYS_CELLS = 16
_GUTTER_CELLS = 3


@dataclass(frozen=True, slots=True)
class ViewLine:
    """One line, ready to be drawn; all of it printable.

    Attributes:
        number: of the line.
        glyph: one cell in front that says what it is, and its tone.
        prefix: what stands before the text, such as its time.
        runs: the text with the SGR parameters in front of each part.
        tone: of the text where it has no colours of its own.
        more: said behind the text when it is cut.
        found: where a search matches, as pairs of places in the text.
    """

    number: int
    glyph: Part
    prefix: tuple[Part, ...]
    runs: tuple[tuple[str, str], ...]
    tone: str = ""
    more: str = ""
    found: tuple[tuple[int, int], ...] = ()


class LineSource(Protocol):
    """Where lines come from. Numbers go up; those that are shown need not follow each other."""

    def bounds(self) -> tuple[int, int]:
        """Numbers of the first and the last shown line; the last is smaller when there is none."""

    def step(self, number: int, count: int) -> int:
        """The shown line so many shown lines away, the nearest one at the ends."""

    def share(self, number: int) -> tuple[int, int]:
        """How many lines are shown before it, and in all."""

    def line(self, number: int) -> tuple[ViewLine, bool] | None:
        """A line, and whether it stays as it is; None when it is not there any more."""


class LogView(Widget, can_focus=True):
    """Draws a LineSource. Its cursor is a line number; `following` sticks to the newest."""

    class TopReached(Message):
        """Somebody wants to see what is above the first line."""

    class Moved(Message):
        """The cursor moved, or following began or ended."""

    def __init__(self, source: LineSource) -> None:
        """Args: where lines come from."""
        super().__init__()
        self.following = True
        self.wrap = False
        self.marked: frozenset[int] = frozenset()
        self._source = source
        self._cursor = 0
        # the row at the top when it does not follow: a line, and how many of its rows are above
        self._top = (0, 0)
        self._left = 0
        self._rows: list[tuple[int, Strip]] = []
        self._is_laid_out = False
        self._strips: dict[int, list[list[Segment]]] = {}
        self._styles = ToneStyles(self)
        # looked up once a frame: Textual walks all parents for it, which took half of each frame
        self._base = Style.null()
        self._toned: dict[str, Style] = {}
        self._thumb = range(0)

    # -- what is shown

    def show(self, source: LineSource) -> None:
        """Another source, from its newest line on."""
        self._source = source
        self.following = True
        self.marked = frozenset()
        self._left = 0
        self.redraw()

    def news(self) -> None:
        """Lines came or left: draw again; lines that were drawn stay as they are."""
        self._is_laid_out = False
        self.refresh()

    def redraw(self) -> None:
        """Draw everything anew."""
        self._strips.clear()
        self.news()

    @property
    def cursor(self) -> int:
        """The number of the line under the cursor: the newest while following."""
        first, last = self._source.bounds()
        return last if self.following else max(first, min(self._cursor, last))

    @property
    def is_empty(self) -> bool:
        """Whether there is no line."""
        first, last = self._source.bounds()
        return last < first

    @property
    def visible_text(self) -> str:
        """What is drawn, as plain lines."""
        self._lay_out()
        return "\n".join(strip.text.rstrip() for _, strip in self._rows)

    def mark(self, numbers: frozenset[int]) -> None:
        """Mark exactly these lines."""
        self.marked = numbers
        self.news()

    # -- moves

    def follow(self, following: bool = True) -> None:
        """Stick to the newest line, or stay where it is."""
        if following != self.following:
            if not following:
                self._stay()
            self.following = following
            self.news()
            self.post_message(self.Moved())

    def move_by(self, count: int) -> None:
        """The cursor goes some lines down, or up, which ends following."""
        if self.is_empty or (self.following and count > 0):
            return
        if self.following:
            self._stay()
            self.following = False
        before = self.cursor
        self.move_to(self._source.step(before, count))
        if count < 0 and self._source.step(before, count) == self._source.bounds()[0]:
            self.post_message(self.TopReached())

    def move_to(self, number: int) -> None:
        """The cursor goes to a line; following ends."""
        if self.following:
            self._stay()
            self.following = False
        self._cursor = number
        self._scroll_to_cursor()
        self.news()
        self.post_message(self.Moved())

    def move_pages(self, count: int) -> None:
        """The cursor goes some pages down, or up."""
        self._lay_out()
        lines = len({number for number, _ in self._rows})
        self.move_by(count * max(1, lines - 1))

    def move_first(self) -> None:
        """The cursor goes to the first line."""
        if not self.is_empty:
            self.move_to(self._source.bounds()[0])
            self.post_message(self.TopReached())

    def move_last(self) -> None:
        """To the newest line, and follow again."""
        self.follow()

    def move_sideways(self, count: int) -> None:
        """Show what is further right, or left."""
        self._left = 0 if self.wrap else max(0, self._left + count * _SIDEWAYS_CELLS)
        self.redraw()

    def set_wrap(self, wrap: bool) -> None:
        """Break lines at the edge, or let them run out of it."""
        if not self.following:
            self._lay_out()
        self.wrap = wrap
        self._left = 0
        self._top = (self._top[0], 0)
        self.redraw()
        if not self.following:
            self._scroll_to_cursor()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel moves the lines; following ends."""
        event.stop()
        event.prevent_default()
        self._wheel(-_WHEEL_LINES)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel moves the lines; at the end they are followed again."""
        event.stop()
        event.prevent_default()
        if not self.following:
            if self.cursor >= self._source.bounds()[1]:
                self.follow()
            else:
                self._wheel(_WHEEL_LINES)

    def on_click(self, event: events.Click) -> None:
        """A click puts the cursor on a line."""
        self._lay_out()
        if 0 <= event.y < len(self._rows):
            self.move_to(self._rows[event.y][0])

    def _wheel(self, count: int) -> None:
        self.move_by(count)

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One row of the screen, with its part of the bar that shows where one is."""
        self._lay_out()
        width = self.size.width - 1
        strip = self._rows[y][1] if y < len(self._rows) else Strip.blank(width, self._base)
        bar = Segment("┃" if y in self._thumb else " ", self._style("muted"))
        return Strip([*strip.adjust_cell_length(width, self._base), bar], self.size.width)

    def on_resize(self) -> None:
        """Rows are as wide as the view."""
        self.redraw()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._styles.clear()
        self._toned.clear()
        self._strips.clear()
        self._is_laid_out = False

    def _style(self, tone: str) -> Style:
        """What text of a tone looks like here."""
        style = self._toned.get(tone)
        if style is None:
            style = self._toned[tone] = self._base + self._styles[tone]
        return style

    def _find_thumb(self) -> range:
        """The rows of the bar at the edge that stand for what is on screen."""
        height = self.size.height
        if not self._rows or height < 2:
            return range(0)
        above, total = self._source.share(self._rows[0][0])
        shown = len({number for number, _ in self._rows})
        if total <= shown:
            return range(0)
        size = max(1, height * shown // total)
        start = height - size if self.following else min(height - size, height * above // total)
        return range(start, start + size)

    def _stay(self) -> None:
        """Take what is drawn for the place to stay at."""
        self._lay_out()
        self._cursor = self._source.bounds()[1]
        if self._rows:
            self._top = (self._rows[0][0], self._rows_above())

    def _rows_above(self) -> int:
        """Rows of the first line on screen that are above it."""
        number = self._rows[0][0]
        return max(0, len(self._line_rows(number)) - sum(each == number for each, _ in self._rows))

    def _scroll_to_cursor(self) -> None:
        """Move the top so that the cursor's line can be seen."""
        height = max(1, self.size.height)
        first, last = self._source.bounds()
        cursor = self._cursor = max(first, min(self._cursor, last))
        if cursor <= self._top[0]:
            self._top = (cursor, 0)
            return
        # from the cursor's line upwards: is the top within a screen?
        number, rows = cursor, len(self._line_rows(cursor))
        while rows < height and number > max(first, self._top[0]):
            number = self._source.step(number, -1)
            rows += len(self._line_rows(number))
        if number > self._top[0] or rows - self._top[1] > height:
            self._top = (number, max(0, rows - height))

    def _lay_out(self) -> None:
        """Find the rows that are on screen."""
        if self._is_laid_out:
            return
        self._is_laid_out = True
        base = self.rich_style
        if base != self._base:
            self._base = base
            self._toned.clear()
            self._strips.clear()
        self._find_rows()
        self._thumb = self._find_thumb()

    def _find_rows(self) -> None:
        height = self.size.height
        first, last = self._source.bounds()
        if last < first or not height:
            self._rows = []
            return
        if self.following:
            self._rows = self._rows_up_from(last, first, height)
        else:
            top, above = self._top
            # lines that left the window took the place with them
            if top < first:
                top, above = first, 0
            self._top = (top, above)
            self._rows = self._rows_down_from(top, above, last, height)
            if len(self._rows) < height and top > first:
                # fewer lines than before are shown: the last screen of them, and no blank one
                self._rows = self._rows_up_from(last, first, height)
                self._top = (self._rows[0][0], self._rows_above())
        if len(self._strips) > _KEPT_LINES:
            visible = {number for number, _ in self._rows}
            self._strips = {key: rows for key, rows in self._strips.items() if key in visible}

    def _rows_up_from(self, last: int, first: int, height: int) -> list[tuple[int, Strip]]:
        found: list[tuple[int, Strip]] = []
        number = last
        while True:
            found = [(number, self._finished(number, rows)) for rows in self._line_rows(number)] + found
            before = self._source.step(number, -1) if number > first else number
            if len(found) >= height or before == number:
                return found[-height:]
            number = before

    def _rows_down_from(self, top: int, above: int, last: int, height: int) -> list[tuple[int, Strip]]:
        found: list[tuple[int, Strip]] = []
        number = top
        while True:
            rows = self._line_rows(number)[above:]
            above = 0
            found += [(number, self._finished(number, row)) for row in rows]
            after = self._source.step(number, 1) if number < last else number
            if len(found) >= height or after == number:
                return found[:height]
            number = after

    def _finished(self, number: int, row: list[Segment]) -> Strip:
        """A row with the marks that come and go: cursor and marked."""
        is_cursor = not self.following and number == self.cursor
        pointer, tone = ("▸", "key") if is_cursor else ("◆", "key") if number in self.marked else (" ", "")
        strip = Strip([Segment(pointer, self._style(tone)), *row])
        if is_cursor or number in self.marked:
            strip = strip.extend_cell_length(self.size.width - 1, self._base).apply_style(
                self._styles["line"]
            )
        return strip

    def _line_rows(self, number: int) -> list[list[Segment]]:
        """The rows of a line without its first cell; at least one."""
        rows = self._strips.get(number)
        if rows is None:
            self._base = self._base or self.rich_style
            found = self._source.line(number)
            if found is None:
                return [[]]
            line, stays = found
            rows = self._draw(line)
            if stays:
                self._strips[number] = rows
        return rows

    def _draw(self, line: ViewLine) -> list[list[Segment]]:
        glyph, tone = line.glyph
        gutter = [Segment(f"{glyph} ", self._style(tone))]
        gutter += [Segment(text, self._style(tone)) for text, tone in line.prefix]
        indent = _GUTTER_CELLS + sum(width_of(text) for text, _ in line.prefix)
        room = max(1, self.size.width - 1 - indent)
        pieces = self._pieces(line, self._style(line.tone))
        if line.more:
            pieces.append((line.more, self._style("muted")))
        if not self.wrap:
            return [[*gutter, *_cut(pieces, self._left, room)]]
        rows = _wrapped(pieces, room)
        if len(rows) > _MOST_ROWS:
            rows = [
                *rows[: _MOST_ROWS - 1],
                [Segment("… enter shows all of it", self._style("muted"))],
            ]
        blank = [Segment(" " * (indent - 1), self._base)]
        return [[*(blank if index else gutter), *row] for index, row in enumerate(rows)]

    def _pieces(self, line: ViewLine, plain: Style) -> list[tuple[str, Style]]:
        """The text in its styles, what a search found standing out."""
        pieces: list[tuple[str, Style]] = []
        parameters: tuple[str, ...] = ()
        for own, text in line.runs:
            if own:
                parameters = (*parameters, own)
            if text:
                pieces.append((text, plain + sgr_style(parameters) if parameters else plain))
        return _highlighted(pieces, line.found, self._styles["found"]) if line.found else pieces


@lru_cache(maxsize=1024)
def sgr_style(parameters: tuple[str, ...]) -> Style:
    """The style after these SGR sequences, one after the other."""
    decoder = AnsiDecoder()
    decoder.decode_line("".join(f"\x1b[{each}m" for each in parameters))
    return decoder.style


def _highlighted(
    pieces: Sequence[tuple[str, Style]], spans: Sequence[tuple[int, int]], style: Style
) -> list[tuple[str, Style]]:
    edges = sorted({edge for span in spans for edge in span})
    found: list[tuple[str, Style]] = []
    position = 0
    for text, own in pieces:
        end = position + len(text)
        cuts = [position, *(edge for edge in edges if position < edge < end), end]
        for start, stop in pairwise(cuts):
            inside = any(low <= start < high for low, high in spans)
            found.append((text[start - position : stop - position], own + style if inside else own))
        position = end
    return found


def _cut(pieces: Sequence[tuple[str, Style]], left: int, room: int) -> list[Segment]:
    """The cells from `left` on that fit into the room."""
    return list(Strip([Segment(text, style) for text, style in pieces]).crop(left, left + room))


def _wrapped(pieces: Sequence[tuple[str, Style]], room: int) -> list[list[Segment]]:
    """The pieces on rows that fit into the room, no character cut in two."""
    rows: list[list[Segment]] = [[]]
    left = room
    for text, style in pieces:
        while text:
            count, used = _fitting(text, left)
            if count == 0 and left == room:
                # wider than the whole room
                count, used = 1, room
            if count:
                rows[-1].append(Segment(text[:count], style))
            text = text[count:]
            left -= used
            if text:
                if len(rows) > _MOST_ROWS:
                    return rows
                rows.append([])
                left = room
    return rows


def _fitting(text: str, room: int) -> tuple[int, int]:
    """How many characters fit into the room, and the cells that they take."""
    if text.isascii():
        return min(len(text), room), min(len(text), room)
    used = 0
    for index, character in enumerate(text):
        size = get_character_cell_size(character)
        if used + size > room:
            return index, used
        used += size
    return len(text), used
