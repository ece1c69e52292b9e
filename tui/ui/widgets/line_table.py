"""A table drawn line by line that repaints only lines that changed, with its cursor on an item, not on a row.

Textual's DataTable repaints everything when one cell changes: 43 to 52 % of a core where this takes 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.ui.text import fit, fit_middle, width_of
from tui.ui.widgets.columns import GAP, Column, PlacedColumn, place
from tui.ui.widgets.tones import ToneStyles

_ASCENDING, _DESCENDING = "▲", "▼"
_MARK = "✓"
# the mark's own cell and the gap behind it
_MARK_CELLS = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One line.

    Attributes:
        key: names the item; the cursor and the marks stay with it.
        cells: printable text, one a column.
        tones: one a column, "" for plain; see the module `tones`.
        tone: of the whole line where a cell has none.
    """

    key: str
    cells: tuple[str, ...]
    tones: tuple[str, ...] = ()
    tone: str = ""


class LineTable(ScrollView, can_focus=True):
    """Rows under a header. Gives key presses back to whoever holds it; the mouse it understands itself."""

    class CursorMoved(Message):
        """The cursor is on another item, or on none."""

        def __init__(self, key: str | None) -> None:
            """Args: key of the item."""
            super().__init__()
            self.key = key

    class Activated(Message):
        """A row was double-clicked."""

        def __init__(self, key: str) -> None:
            """Args: key of the item."""
            super().__init__()
            self.key = key

    class HeaderClicked(Message):
        """A column's title was clicked."""

        def __init__(self, column: str) -> None:
            """Args: key of the column."""
            super().__init__()
            self.column = column

    class VisibleChanged(Message):
        """Other rows are on screen."""

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:
        """Args: columns in order."""
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._placed: tuple[PlacedColumn, ...] = ()
        self._placed_for = 0
        self._rows: tuple[Row, ...] = ()
        self._index: dict[str, int] = {}
        self._cursor: int | None = None
        self._marked: frozenset[str] = frozenset()
        self._sort: tuple[str, bool] = ("", False)
        self._strips: dict[str, Strip] = {}
        self._styles = ToneStyles(self)
        self._last_visible: tuple[str, ...] = ()

    # -- what it shows

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, in order."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """Key of the item under the cursor."""
        return self._rows[self._cursor].key if self._cursor is not None else None

    @property
    def cursor_index(self) -> int | None:
        """Its place among the rows."""
        return self._cursor

    def visible_keys(self) -> tuple[str, ...]:
        """Keys of the rows on screen, from the top."""
        top = self.scroll_offset.y
        return tuple(row.key for row in self._rows[top : top + self._page])

    def set_rows(self, rows: Sequence[Row], columns: Sequence[Column] | None = None) -> None:
        """Show `rows`, with other columns where they are given. Only lines that look different are painted.

        The cursor stays on its item and its item on its line; when the item is gone, the cursor goes
        to the row that took its place.
        """
        before = self._painted_lines()
        if columns is not None:
            self._columns = tuple(columns)
            self._placed, self._placed_for = (), 0
            before = (-1, [])
        old_cursor, old_key = self._cursor, self.cursor_key
        old_rows = {row.key: row for row in self._rows}
        self._rows = tuple(rows)
        self._index = {row.key: index for index, row in enumerate(self._rows)}
        for row in self._rows:
            if old_rows.get(row.key) != row:
                self._strips.pop(row.key, None)
        for key in old_rows.keys() - self._index.keys():
            self._strips.pop(key, None)
        self._place_columns()
        self._keep_cursor(old_cursor, old_key)
        self._repaint_changed(before)
        if self.cursor_key != old_key:
            self.post_message(self.CursorMoved(self.cursor_key))
        self._tell_visible()

    def set_marked(self, keys: frozenset[str]) -> None:
        """Show these rows as marked."""
        changed = self._marked ^ keys
        self._marked = keys
        for key in changed:
            self._strips.pop(key, None)
            self._refresh_row(self._index.get(key))

    def set_sort(self, column: str, descending: bool) -> None:
        """Show in the header what the rows are sorted by."""
        self._sort = (column, descending)
        self.refresh(Region(0, 0, self.size.width, 1))

    # -- moving

    def move_by(self, lines: int) -> None:
        """Move the cursor, stopping at both ends."""
        self.move_to((self._cursor or 0) + lines if self._cursor is not None else 0)

    def move_pages(self, pages: int) -> None:
        """Move the cursor by what fits on screen."""
        self.move_by(pages * max(1, self._page - 1))

    def move_first(self) -> None:
        """Cursor to the first row."""
        self.move_to(0)

    def move_last(self) -> None:
        """Cursor to the last row."""
        self.move_to(len(self._rows) - 1)

    def move_to_key(self, key: str) -> bool:
        """Cursor to an item; False when it is not among the rows."""
        index = self._index.get(key)
        if index is not None:
            self.move_to(index)
        return index is not None

    def move_to(self, index: int) -> None:
        """Cursor to a row, brought into view."""
        if not self._rows:
            return
        index = max(0, min(index, len(self._rows) - 1))
        if index != self._cursor:
            old, self._cursor = self._cursor, index
            for changed in (old, index):
                if changed is not None and changed < len(self._rows):
                    self._strips.pop(self._rows[changed].key, None)
                    self._refresh_row(changed)
            self.post_message(self.CursorMoved(self.cursor_key))
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + self._page:
            self.scroll_to(y=index - self._page + 1, animate=False)

    # -- drawing

    def render_line(self, y: int) -> Strip:
        """One line of the widget: the header, then rows from the scroll offset on."""
        width = self._room
        if width != self._placed_for:
            # the first paint comes before the event that tells the size
            self._place_columns()
        if y == 0:
            return self._header_strip(width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[index]
        strip = self._strips.get(row.key)
        if strip is None:
            strip = self._strips[row.key] = self._row_strip(row, index == self._cursor, width)
        return strip

    def notify_style_update(self) -> None:
        """The theme or the focus changed: every style is looked up anew."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def _row_strip(self, row: Row, under_cursor: bool, width: int) -> Strip:
        plain = self._styles.plain
        base = plain + self._styles[row.tone]
        overlay = self._styles["marked" if row.key in self._marked else ""]
        if under_cursor:
            overlay += self._styles["cursor" if self.has_focus else "cursor-blurred"]
        mark = _MARK if row.key in self._marked else ">" if under_cursor else " "
        segments = [Segment(f"{mark} ", base + overlay)]
        for number, placed in enumerate(self._placed):
            column = self._columns[placed.index]
            tone = row.tones[placed.index] if row.tones and not row.tone else ""
            style = plain + self._styles[tone] if tone else base
            cell = row.cells[placed.index]
            if column.cut_middle:
                text = fit_middle(cell, placed.width)
            else:
                text = fit(cell, placed.width, column.align_right)
            segments.append(
                Segment(text + (" " * GAP if number < len(self._placed) - 1 else ""), style + overlay)
            )
        return Strip(segments).adjust_cell_length(width, base + overlay).simplify()

    def _header_strip(self, width: int) -> Strip:
        style = self.rich_style + self._styles["header"]
        sorted_by, descending = self._sort
        parts = [" " * _MARK_CELLS]
        for placed in self._placed:
            column = self._columns[placed.index]
            title = column.title
            if column.key == sorted_by:
                title += _DESCENDING if descending else _ASCENDING
            parts.append(fit(title, placed.width, column.align_right) + " " * GAP)
        return Strip([Segment("".join(parts), style)]).adjust_cell_length(width, style)

    # -- geometry

    @property
    def _page(self) -> int:
        """Rows that fit under the header."""
        return max(1, self.size.height - 1)

    @property
    def _room(self) -> int:
        """Cells of a line, without the scroll bar."""
        return self.scrollable_content_region.width or self.size.width

    def _place_columns(self) -> None:
        needed = [len(column.title) + 1 for column in self._columns]
        for number, column in enumerate(self._columns):
            if column.widest > column.width:
                needed[number] = max((needed[number], *(width_of(row.cells[number]) for row in self._rows)))
        placed = place(self._columns, needed, self._room - _MARK_CELLS)
        if placed != self._placed or self._room != self._placed_for:
            self._placed, self._placed_for = placed, self._room
            self._strips.clear()
            self.refresh()
        virtual_size = Size(self.size.width, len(self._rows) + 1)
        if virtual_size != self.virtual_size:
            self.virtual_size = virtual_size

    def _keep_cursor(self, old_index: int | None, old_key: str | None) -> None:
        """Find the cursor's item again, and scroll so that it stays on its line of the screen."""
        if not self._rows:
            self._cursor = None
            return
        new_index = self._index.get(old_key) if old_key is not None else None
        if new_index is None:
            new_index = min(old_index or 0, len(self._rows) - 1)
        self._cursor = new_index
        if old_key is not None:
            self._strips.pop(old_key, None)
        self._strips.pop(self._rows[new_index].key, None)
        top = self.scroll_offset.y
        if old_index is None or new_index == old_index:
            return
        if top > 0:
            top += new_index - old_index
        elif new_index >= self._page:
            # at the top of the list new rows show above the cursor, as long as it stays in view
            top = new_index - self._page + 1
        self.scroll_to(y=max(0, min(top, len(self._rows) - self._page)), animate=False)

    def _painted_lines(self) -> tuple[int, list[tuple[Row, bool]]]:
        top = self.scroll_offset.y
        rows = self._rows[top : top + self._page]
        return top, [(row, top + number == self._cursor) for number, row in enumerate(rows)]

    def _repaint_changed(self, before: tuple[int, list[tuple[Row, bool]]]) -> None:
        """Refresh the lines of the screen that look different from before."""
        if not self.is_attached or not self.size:
            return
        old_top, old = before
        top, new = self._painted_lines()
        if top != old_top:
            self.refresh()
            return
        for line in range(max(len(old), len(new))):
            if line >= len(old) or line >= len(new):
                self.refresh(Region(0, line + 1, self.size.width, 1))
            elif old[line] != new[line]:
                self._repaint_line(line, old[line], new[line])

    def _repaint_line(self, line: int, old: tuple[Row, bool], new: tuple[Row, bool]) -> None:
        """Refresh the cells that differ: a figure of eight cells is 50 bytes to the terminal, a line 400."""
        (old_row, old_cursor), (row, cursor) = old, new
        if (old_row.key, old_row.tone, old_cursor) != (row.key, row.tone, cursor):
            self.refresh(Region(0, line + 1, self.size.width, 1))
            return
        left = _MARK_CELLS
        for placed in self._placed:
            column = placed.index
            if old_row.cells[column] != row.cells[column] or old_row.tones != row.tones:
                self.refresh(Region(left, line + 1, placed.width, 1))
            left += placed.width + GAP

    def _refresh_row(self, index: int | None) -> None:
        if index is not None:
            line = index - self.scroll_offset.y
            if 0 <= line < self._page:
                self.refresh(Region(0, line + 1, self.size.width, 1))

    def _tell_visible(self) -> None:
        visible = self.visible_keys()
        if visible != self._last_visible:
            self._last_visible = visible
            self.post_message(self.VisibleChanged())

    # -- events

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows came into view."""
        super().watch_scroll_y(old_value, new_value)
        self._tell_visible()

    def on_resize(self) -> None:
        """Columns are placed anew; the cursor stays in view."""
        self._strips.clear()
        self._place_columns()
        if self._cursor is not None:
            self.move_to(self._cursor)
        self._tell_visible()

    def on_focus(self) -> None:
        """The cursor looks different with the focus."""
        self._repaint_cursor()

    def on_blur(self) -> None:
        """The cursor looks different without the focus."""
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        if self.cursor_key is not None:
            self._strips.pop(self.cursor_key, None)
            self._refresh_row(self._cursor)

    def on_click(self, event: events.Click) -> None:
        """A row takes the cursor, twice opens it; a title asks for another order."""
        if event.y == 0:
            column = self._column_at(event.x)
            if column is not None:
                self.post_message(self.HeaderClicked(column))
            return
        index = self.scroll_offset.y + event.y - 1
        if index < len(self._rows):
            self.move_to(index)
            if event.chain == 2:
                self.post_message(self.Activated(self._rows[index].key))

    def _column_at(self, x: int) -> str | None:
        left = _MARK_CELLS
        for placed in self._placed:
            if left <= x < left + placed.width + GAP:
                return self._columns[placed.index].key
            left += placed.width + GAP
        return None
