"""A pane that shows items as a table: filter, order, marks, cursor and its four faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from tui.model.errors import EnvtuiError
from tui.monitor.topics import Snapshot, Topic
from tui.ui.bridge import Bridge
from tui.ui.filters import Filter
from tui.ui.panes.base import Pane
from tui.ui.panes.pane_columns import ContributedColumn, PaneColumn, PaneColumns
from tui.ui.row_order import RowOrder
from tui.ui.text import printable
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_table import LineTable, Row

Item = TypeVar("Item")

# Ages are looked at anew this often, though nothing else changed.
_AGES_SECONDS = 15.0


class TablePane(Pane, Generic[Item]):
    """Reads topics through the bridge, joins them into items, shows the items as rows."""

    SORTS = True
    COLUMNS: ClassVar[tuple[PaneColumn[Any], ...]]
    DETAIL_LINES: ClassVar[int] = 2

    def __init__(self, bridge: Bridge) -> None:
        """Args: where its facts come from."""
        super().__init__(bridge)
        self.columns = PaneColumns(self.COLUMNS)
        self.items: tuple[Item, ...] = ()
        self.filter = Filter()
        self.marked: frozenset[str] = frozenset()
        self._range_from: str | None = None
        self._range_base: frozenset[str] = frozenset()
        self._order: RowOrder[Item] = RowOrder(self.COLUMNS[0].column.key, self.COLUMNS[0].falls)
        self._has_new_columns = False
        self._ages_turn = 0
        self._shown: dict[str, Item] = {}
        self._drawn: dict[str, tuple[tuple[Item, str, tuple[tuple[str, str], ...]], Row]] = {}
        self._snapshots: dict[Topic[Any], Snapshot[Any]] = {}
        self._readers: dict[Topic[Any], Callable[[Snapshot[Any]], None]] = {}

    # -- what a subclass says

    def join(self) -> Sequence[Item]:
        """The items, from `self.value(topic)` of its topics."""
        raise NotImplementedError

    def key(self, item: Item) -> str:
        """What names the item for ever."""
        raise NotImplementedError

    def name_of(self, item: Item) -> str:
        """What a person calls it."""
        raise NotImplementedError

    def searchable(self, item: Item) -> str:
        """The text that a filter looks at."""
        raise NotImplementedError

    def kept_with(self, item: Item) -> str | None:
        """Key of another item that is shown where this one is, whatever the filter says of it."""
        return None

    def hidden(self, item: Item) -> bool:
        """Left out of the rows for another reason than the filter."""
        return False

    def dimmed(self, item: Item) -> bool:
        """Shown dimmed."""
        return False

    def detail(self, item: Item) -> list[tuple[list[Part], list[Part]]]:
        """Lines about the item under the cursor."""
        raise NotImplementedError

    def summary(self) -> str:
        """A few words behind the title."""
        return ""

    def empty_notice(self) -> tuple[str, str]:
        """Title and hint when there is nothing to show."""
        raise NotImplementedError

    def waiting_notice(self) -> str:
        """What stands there until the first answer."""
        return "Asking the engine …"

    def rows_on_screen(self, keys: Sequence[str]) -> None:
        """These rows are visible now."""

    def cursor_on(self, item: Item | None) -> None:
        """The cursor moved to another item, or to none."""

    # -- building

    def compose(self) -> ComposeResult:
        """Title, banner, table, notice and details."""
        yield LineBar(classes="pane-title")
        yield LineBar(classes="pane-banner")
        yield LineTable(self.columns.titles)
        yield Static("", classes="pane-notice", markup=False)
        yield FilterBar()
        yield LineBar(classes="pane-detail")

    def on_mount(self) -> None:
        """Read the topics."""
        self.query_one(".pane-detail").styles.height = self.DETAIL_LINES
        self.table.set_sort(self._order.column, self._order.descending)
        for topic in dict.fromkeys((*self.TOPICS, *self.columns.topics)):
            self._readers[topic] = self._reader(topic)
            self.bridge.read(topic, self._readers[topic])
        if self.main_snapshot is None:
            # a slow engine: say that it was asked
            self.update_frame()

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        for topic, reader in self._readers.items():
            self.bridge.forget(topic, reader)
        self._readers.clear()

    def _reader(self, topic: Topic[Any]) -> Callable[[Snapshot[Any]], None]:
        def read(snapshot: Snapshot[Any]) -> None:
            self._snapshots[topic] = snapshot
            self.bridge.when_told(self.update_rows)

        return read

    def contribute(self, column: ContributedColumn) -> None:
        """Have one more column; before it is built."""
        self.columns.contribute(column)

    def take_focus(self) -> None:
        """The table has the keys."""
        self.table.focus()

    def move_by(self, step: int) -> None:
        """The cursor goes some rows down, or up."""
        self.table.move_by(step)

    def move_pages(self, step: int) -> None:
        """The cursor goes some pages down, or up."""
        self.table.move_pages(step)

    def move_first(self) -> None:
        """The cursor goes to the first row."""
        self.table.move_first()

    def move_last(self) -> None:
        """The cursor goes to the last row."""
        self.table.move_last()

    def go_to(self, key: str) -> bool:
        """The cursor goes to an item, which no filter may hide then; whether it is there."""
        if self.table.move_to_key(key):
            return True
        if self.filter.text and any(self.key(item) == key for item in self.items):
            # what is wished for now counts more
            self._set_filter(Filter())
        return self.table.move_to_key(key)

    @property
    def table(self) -> LineTable:
        """Its table."""
        return self.query_one(LineTable)

    def value(self, topic: Topic[Any]) -> Any:
        """The newest value of one of its topics that the screen may show, None before the first."""
        snapshot = self._snapshots.get(topic)
        return snapshot.value if snapshot else None

    @property
    def main_snapshot(self) -> Snapshot[Any] | None:
        """Of its first topic, which decides what face it has."""
        return self._snapshots.get(self.TOPICS[0])

    def show_columns(self, columns: Sequence[PaneColumn[Any]]) -> None:
        """Have other columns of its own from now on."""
        self.columns.own(columns, self.value)
        self._drawn.clear()
        self._has_new_columns = True
        if self._order.column not in self.columns:
            self._order.choose(self.columns.first.column.key, self.columns.first.falls)
            self.table.set_sort(self._order.column, self._order.descending)
        self.update_rows()

    # -- rows

    def update_rows(self) -> None:
        """Join, filter, sort and show."""
        self.columns.fill(self.value)
        self.items = tuple(self.join())
        stale = self.stale_error is not None
        matches = self.filter.matcher()
        shown = {
            self.key(item): item
            for item in self.items
            if not self.hidden(item) and (not self.filter.text or matches(self.searchable(item)))
        }
        kept = {self.kept_with(item) for item in shown.values()} - {None}
        self._shown = {key: item for item in self.items if (key := self.key(item)) in shown or key in kept}
        present = {self.key(item) for item in self.items}
        self.marked &= present
        table = self.table
        rows = [self._row(key, self._shown[key], stale) for key in self._sorted_keys()]
        table.set_rows(rows, self.columns.titles if self._has_new_columns else None)
        self._has_new_columns = False
        table.set_marked(self.marked)
        self._forget_drawn(present)
        self.update_frame()

    def _row(self, key: str, item: Item, stale: bool) -> Row:
        tone = "stale" if stale else "muted" if self.dimmed(item) else ""
        drawn_for = (item, tone, self.columns.contributed_cells(item))
        old = self._drawn.get(key)
        if old is not None and old[0] == drawn_for:
            return old[1]
        filled = [column.cell(item) for column in self.columns]
        row = Row(key, tuple(printable(text) for text, _ in filled), tuple(tone for _, tone in filled), tone)
        self._drawn[key] = (drawn_for, row)
        return row

    def _forget_drawn(self, present: set[str]) -> None:
        for key in self._drawn.keys() - present:
            del self._drawn[key]

    def _sorted_keys(self) -> list[str]:
        column = self.columns[self._order.column]
        assert column.order is not None, "only sortable columns are chosen"
        order = column.order

        def sort(keys: Sequence[str]) -> list[str]:
            return self._order.keys(
                {key: self._shown[key] for key in keys}, order, self.tie_break, column.live
            )

        return self.ordered(tuple(self._shown.items()), sort)

    def ordered(
        self, items: Sequence[tuple[str, Item]], sort: Callable[[Sequence[str]], list[str]]
    ) -> list[str]:
        """The keys of what is shown, in order; `sort` puts some of them into that of the chosen column."""
        return sort([key for key, _ in items])

    def tie_break(self, item: Item) -> Any:
        """The order of items that are equal in the sorted column."""
        return self.key(item)

    # -- faces

    @property
    def stale_error(self) -> EnvtuiError | None:
        """Why the rows are old, None while they are not."""
        snapshot = self.main_snapshot
        return snapshot.error if snapshot else None

    @property
    def complaint(self) -> EnvtuiError | None:
        """What is wrong with what is shown, told above the rows."""
        return self.stale_error

    @property
    def has_value(self) -> bool:
        """Whether there is anything to show, or to say that there is nothing."""
        snapshot = self.main_snapshot
        return snapshot is not None and snapshot.value is not None

    def age_seconds(self) -> float:
        """How old the rows are."""
        snapshot = self.main_snapshot
        return time.monotonic() - snapshot.taken_at if snapshot and snapshot.value is not None else 0.0

    def update_frame(self) -> None:
        """Everything around the rows: title, banner, notice, details."""
        self._update_title()
        error, has_value = self.complaint, self.has_value
        self.set_class(not self._shown, "-empty")
        self.set_class(error is not None and has_value, "-stale")
        if self._shown and self.has_class("-focused") and self.screen.focused is None:
            # the table lost the focus while it was hidden for want of rows; it can have it when it is back
            self.call_after_refresh(self._take_focus)
        if error is not None and has_value:
            what = f" ▲ {printable(error.title)}" + (f": {printable(error.detail)}" if error.detail else "")
            age = f" data is {self.age_seconds():.0f} s old " if self.stale_error is not None else ""
            self.query_one(".pane-banner", LineBar).show_lines(
                [([(what, "bad")], [(age, "bad")]), ([(f"   {printable(error.hint)}", "")], [])]
            )
        self._update_notice(error, has_value)
        self.update_detail()

    def _take_focus(self) -> None:
        if self.screen.focused is None and not self.filtering:
            self.table.focus()

    def _update_title(self) -> None:
        marked = len(self.marked & self._shown.keys())
        unseen = len(self.marked) - marked
        right: list[Part] = []
        if self._range_from is not None:
            right.append((" range: move, then v ", "badge"))
        if self.marked:
            words = f" {marked} marked" + (f", {unseen} hidden" if unseen else "") + " "
            right.append((words, "badge"))
        if self.filter.text:
            right.append(
                (f" /{printable(self.filter.text)}/ {len(self._shown)} of {len(self.items)} ", "warn")
            )
        left: list[Part] = [
            (f" {self.NUMBER} {self.TITLE} ", "strong"),
            (f" {self.summary()}", "muted"),
        ]
        self.query_one(".pane-title", LineBar).show(left, right)

    def _update_notice(self, error: EnvtuiError | None, has_value: bool) -> None:
        if self._shown:
            return
        if error is not None:
            parts = (error.title, error.detail, error.hint)
            text = "\n\n".join(printable(part) for part in parts if part)
        elif not has_value:
            text = self.waiting_notice()
        elif self.items and self.filter.text:
            text = "No row matches the filter.\n\nesc clears it"
        else:
            text = "\n\n".join(self.empty_notice())
        self.show_notice(text)

    def update_detail(self) -> None:
        """The lines about the item under the cursor."""
        item = self.current
        lines = self.detail(item) if item is not None else []
        if item is not None and lines:
            left, right = lines[-1]
            reasons = [(f" · {printable(each)}", "muted") for each in self.columns.reasons(item)]
            lines[-1] = ([*left, *reasons], right)
        self.query_one(".pane-detail", LineBar).show_lines(lines)

    def tick(self) -> None:
        """Fill cells with ages in them anew, now and then."""
        if self.stale_error is not None:
            self.update_frame()
            return
        turn = int(time.monotonic() / _AGES_SECONDS)
        if turn != self._ages_turn:
            self._ages_turn = turn
            self.update_rows()

    # -- what actions need

    def copy(self) -> tuple[str, str]:
        """Names, one a line."""
        names = "\n".join(self.name_of(item) for item in self.targets())
        return names, names

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        key = self.table.cursor_key
        return self._shown.get(key) if key is not None else None

    def targets(self) -> tuple[Item, ...]:
        """What an action acts on: the marked rows that are not hidden, else the row under the cursor."""
        # the table's message about its cursor may still be on its way: keys can come faster
        self._extend_range()
        marked = tuple(self._shown[row.key] for row in self.table.rows if row.key in self.marked)
        current = self.current
        return marked or ((current,) if current is not None else ())

    def set_marks(self, keys: frozenset[str]) -> None:
        """Mark exactly these."""
        self.marked = keys
        self.table.set_marked(keys)
        self._update_title()

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor and go on to the next."""
        key = self.table.cursor_key
        if key is None:
            return
        self._extend_range()
        self._range_from = None
        self.set_marks(self.marked ^ {key})
        self.table.move_by(1)

    def toggle_range(self) -> None:
        """Begin to mark a range here, or end it."""
        self._extend_range()
        self._range_from = self.table.cursor_key if self._range_from is None else None
        self._range_base = self.marked
        self._extend_range()
        self._update_title()

    def _extend_range(self) -> None:
        if self._range_from is None:
            return
        keys = [row.key for row in self.table.rows]
        if self._range_from not in keys or self.table.cursor_key is None:
            self._range_from = None
            return
        ends = sorted((keys.index(self._range_from), keys.index(self.table.cursor_key)))
        self.set_marks(self._range_base | set(keys[ends[0] : ends[1] + 1]))

    def sort_next(self, step: int) -> None:
        """Sort by the next or previous sortable column."""
        keys = self.columns.sortable
        self.sort_by(keys[(keys.index(self._order.column) + step) % len(keys)])

    def sort_by(self, key: str) -> None:
        """Sort by a column; by the same again in the other direction."""
        column = self.columns[key]
        if column.order is not None:
            self._order.choose(key, column.falls)
            self._show_order()

    def reverse_sort(self) -> None:
        """Sort in the other direction."""
        self._order.reverse()
        self._show_order()

    def _show_order(self) -> None:
        self.table.set_sort(self._order.column, self._order.descending)
        self.update_rows()

    @property
    def filter_bar(self) -> FilterBar:
        """The line in which a filter is typed."""
        return self.query_one(FilterBar)

    def take_text(self, event: events.Key) -> bool | None:
        """Keys are the filter's text while one is typed."""
        bar = self.filter_bar
        return bar.take_key(event) if bar.takes_keys else None

    @property
    def filtering(self) -> bool:
        """Whether the line for a filter is open."""
        return self.filter_bar.is_open

    @property
    def has_range(self) -> bool:
        """Whether a range of marks was begun."""
        return self._range_from is not None

    def open_filter(self) -> None:
        """Show the line in which a filter is typed."""
        self.filter_bar.open(self.filter)

    def close_top(self) -> bool:
        """Undo the topmost of filter bar, range, filter, marks; False when there is none."""
        if self.filtering:
            self._end_filter(kept=False)
        elif self._range_from is not None:
            self.toggle_range()
        elif self.filter.text:
            self._set_filter(Filter())
        elif self.marked:
            self.set_marks(frozenset())
        else:
            return False
        return True

    def _set_filter(self, chosen: Filter) -> None:
        self.filter = chosen
        self._order.forget()
        self.update_rows()

    def _end_filter(self, kept: bool) -> None:
        if not kept:
            self._set_filter(Filter())
        self.filter_bar.close()
        self.screen.set_focus(self.table)

    # -- messages of its widgets

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        """Filter while typing."""
        event.stop()
        self._set_filter(event.chosen)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        """Back to the list."""
        event.stop()
        self._end_filter(event.kept)

    def on_line_table_cursor_moved(self, event: LineTable.CursorMoved) -> None:
        """Details follow the cursor."""
        event.stop()
        self._extend_range()
        self.update_detail()
        self.cursor_on(self.current)

    def on_line_table_visible_changed(self, event: LineTable.VisibleChanged) -> None:
        """Figures are only read for what can be seen."""
        event.stop()
        self.rows_on_screen(self.table.visible_keys())

    def on_line_table_header_clicked(self, event: LineTable.HeaderClicked) -> None:
        """A click on a title sorts by it."""
        event.stop()
        self.sort_by(event.column)
