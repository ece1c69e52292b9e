"""The Logs pane: the log of the selected container, or of the marked ones merged, as it is written."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.timer import Timer
from textual.widgets import Static

from tui.model.containers import Container
from tui.model.errors import EnvtuiError
from tui.model.log_ring import LogRing
from tui.model.logs import bytes_of, plain_text
from tui.model.units import format_bytes
from tui.monitor.log_saver import SaveProgress, SaveState
from tui.monitor.log_watch import MOST_MERGED, OpenLog
from tui.monitor.selection import Selection
from tui.monitor.topics import CONTAINERS, SAVING, SELECTION, Snapshot
from tui.ui.actions import Action
from tui.ui.bridge import Bridge
from tui.ui.filters import Filter
from tui.ui.log_lines import LogLines
from tui.ui.log_scan import LogScan
from tui.ui.pacer import Pacer
from tui.ui.panes import log_actions, log_words
from tui.ui.panes.base import Pane
from tui.ui.text import printable
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.log_view import LogView

# While the cursor runs over the containers no log is opened for each of them.
_CHOICE_SECONDS = 0.06
# Looked at for so long, then keys have their turn.
_SCAN_SECONDS, _SCAN_PAUSE_SECONDS = 0.01, 0.002
_OLDER_LINES = 2000
# What a terminal takes from a program as a clipboard (OSC 52) without cutting it (k9s found 74 994 bytes).
_CLIPBOARD_BYTES = 74_994
#: Windows of time, in seconds; None is everything.
WINDOWS: tuple[int | None, ...] = (60, 300, 900, 1800, 3600, None)


class LogsPane(Pane):
    """Follows the selection; draws what the ring of the open log holds."""

    NAME = "logs"
    NUMBER = 4
    TITLE = "Logs"
    TOPICS = (SELECTION, CONTAINERS)
    ACTIONS: ClassVar[tuple[Action[Any], ...]] = log_actions.ACTIONS

    def __init__(self, bridge: Bridge) -> None:
        """Args: where its facts come from."""
        super().__init__(bridge)
        self.log_watch = bridge.monitor.logs
        self.open_log = OpenLog()
        self.lines = LogLines(LogRing())
        self.search: LogScan | None = None
        self.window: int | None = None
        self.is_merged = False
        self.selection = Selection()
        self._names: dict[str, str] = {}
        self._is_shown = False
        self._choice: Timer | None = None
        self._bar_for = ""
        self.range: tuple[int, frozenset[int]] | None = None
        self.is_fetching = False
        self.begins_here = False
        self._jumps = False
        self._has_news = False
        self._scanning: Timer | None = None
        self._told_saves: set[int] = set()
        self._pacer = Pacer(self, self._draw, lambda: self.waiting_frames())

    def compose(self) -> ComposeResult:
        """Title, lines or a notice, and the line for searches and filters."""
        yield LineBar(classes="pane-title")
        yield LogView(self.lines)
        yield Static("", classes="pane-notice", markup=False)
        yield FilterBar()

    def on_mount(self) -> None:
        """Follow the selection and hear of the containers' names."""
        if self.log_watch is not None:
            self.log_watch.on_news(self._news_from_thread)
        self.bridge.read(CONTAINERS, self._on_containers)
        self.bridge.read(SELECTION, self._on_selection)
        self.bridge.read(SAVING, self._on_saving)
        self.update_frame()

    @property
    def view(self) -> LogView:
        """What draws the lines."""
        return self.query_one(LogView)

    def waiting_frames(self) -> int:
        """Frames that the terminal has not taken yet."""
        return int(getattr(self.app._driver, "waiting_frames", 0))

    # -- which log

    def _on_containers(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        names = {container.id: container.name for container in snapshot.value or ()}
        # the name of a container that is gone is still the name of its log
        self._names = {**{each: self.name_of(each) for each in self.open_log.container_ids}, **names}
        self.update_frame()

    def name_of(self, container_id: str) -> str:
        """What a container is called."""
        return self._names.get(container_id, container_id[:12])

    def _on_selection(self, snapshot: Snapshot[Selection]) -> None:
        self.selection = snapshot.value or Selection()
        if not self.is_merged:
            self._choose_soon()

    def _on_saving(self, snapshot: Snapshot[SaveProgress]) -> None:
        progress = snapshot.value
        if progress is not None and progress.is_over and progress.number not in self._told_saves:
            self._told_saves.add(progress.number)
            self._tell_saved(progress)
        self.update_frame()

    def _tell_saved(self, progress: SaveProgress) -> None:
        path = printable(str(progress.path))
        if progress.error is not None:
            words = printable(progress.error.one_line())
            self.app.notify(words, title="Not saved", severity="error", timeout=10, markup=False)
        elif progress.state is SaveState.DONE:
            self.app.notify(f"{path}, {format_bytes(progress.written_bytes)}", title="Saved", markup=False)
        else:
            self.app.notify(f"{path} was not written", title="Saving cancelled", markup=False)

    @property
    def marked_ids(self) -> tuple[str, ...]:
        """Marked containers, whose logs can be merged."""
        return self.selection.marked_ids

    def on_screen_change(self, is_shown: bool) -> None:
        """A log that nobody sees is not opened; one that is open goes on."""
        if is_shown != self._is_shown:
            self._is_shown = is_shown
            if self.is_mounted:
                self._choose_soon()
                self._draw()

    def _choose_soon(self) -> None:
        if self._choice is not None:
            self._choice.stop()
        self._choice = self.set_timer(_CHOICE_SECONDS, self._choose)

    def _choose(self) -> None:
        self._choice = None
        chosen = self.selection.container_id
        ids = self.open_log.container_ids if self.is_merged else (chosen,) if chosen else ()
        if ids != self.open_log.container_ids:
            self.open(ids if self._is_shown else ())

    def open(self, container_ids: tuple[str, ...]) -> None:
        """Look at these containers' logs, from their newest lines on."""
        if self.log_watch is None:
            return
        self.open_log = self.log_watch.choose(container_ids)
        shows_times = self.lines.shows_times
        self.lines = LogLines(self.open_log.ring, [self.name_of(each) for each in container_ids])
        self.lines.shows_times = shows_times
        self.search = self.range = self.window = None
        self.begins_here = self.is_fetching = False
        self.view.show(self.lines)
        self._draw()

    def toggle_merge(self) -> None:
        """Merge the marked containers' logs, or go back to the selected one's."""
        self.is_merged = not self.is_merged
        if self.is_merged:
            self.open(self.marked_ids[:MOST_MERGED])
            if len(self.marked_ids) > MOST_MERGED:
                self.app.notify(f"only the first {MOST_MERGED} are merged", severity="warning")
        else:
            self._choose()

    # -- drawing

    def _news_from_thread(self) -> None:
        """Called for each block that is read: one call in the loop stands for all until it is drawn."""
        if not self._has_news:
            self._has_news = True
            self.bridge.deliver(self._news)

    def _news(self) -> None:
        if self._is_shown and not self.bridge.frozen:
            self._pacer.news()
        else:
            self._has_news = False

    def _draw(self) -> None:
        self._has_news = False
        if not self._is_shown or not self.is_mounted or self.bridge.frozen:
            return
        self._scan()
        self.view.news()
        self.update_frame()

    def _scan(self) -> None:
        """Search a little further, and go on soon when there is more."""
        more = self._advance_scans()
        if more and self._scanning is None:
            self._scanning = self.set_timer(_SCAN_PAUSE_SECONDS, self._scan_on)

    def _scan_on(self) -> None:
        self._scanning = None
        self._scan()
        self._pacer.news()

    def _advance_scans(self) -> bool:
        """Search a little further; True while there is more to look at."""
        more = False
        for scan in (self.lines.filter, self.search):
            if scan is not None and scan.advance(_SCAN_SECONDS):
                more = True
        if self._jumps and self.search is not None:
            found = self.search.last_before(self.view.cursor + 1)
            if found is None and not more:
                found = self.search.next_after(self.view.cursor)
            if found is not None or not more:
                self._jumps = False
            if found is not None:
                self.view.move_to(found)
        return more

    def tick(self) -> None:
        """The age of what is behind changes by itself; after a freeze there is something to catch up with."""
        self._draw()

    def update_frame(self) -> None:
        """Title and notice."""
        if not self.is_mounted:
            return
        self.query_one(".pane-title", LineBar).show(log_words.title_left(self), log_words.title_right(self))
        notice = log_words.notice(self)
        if not notice and self.view.is_empty:
            # It is being opened, a moment for each row that the cursor passes: lines or notice stay in their
            # place, blank, as every change of place lays out the whole screen anew.
            self.show_notice("")
            return
        self.set_class(bool(notice), "-empty")
        if notice:
            self.show_notice(notice)

    def title_words(self) -> str:
        """Whose log it is; foreign text."""
        return ", ".join(self.name_of(each) for each in self.open_log.container_ids)

    def shown_lines(self) -> list[bytes]:
        """What is shown of the window, as it came, each line with its newline."""
        first, last = self.lines.bounds()
        numbers: list[int] = []
        if first <= last:
            numbers.append(first)
            while numbers[-1] < last:
                numbers.append(self.lines.step(numbers[-1], 1))
        found = (raw for number in numbers for raw in self.open_log.ring.raws(number, number + 1)[1])
        return [bytes_of(raw) + b"\n" for raw in found]

    # -- keys that hold everywhere

    def take_focus(self) -> None:
        """The lines have the keys."""
        self.screen.set_focus(self.view)

    def take_text(self, event: events.Key) -> bool | None:
        """Keys are text while a search or filter is typed."""
        bar = self.query_one(FilterBar)
        return bar.take_key(event) if bar.takes_keys else None

    def move_by(self, step: int) -> None:
        """The cursor goes some lines down, or up."""
        self.view.move_by(step)

    def move_pages(self, step: int) -> None:
        """The cursor goes some pages down, or up."""
        self.view.move_pages(step)

    def move_first(self) -> None:
        """The cursor goes to the first line."""
        self.view.move_first()

    def move_last(self) -> None:
        """To the newest line, which is followed again."""
        self.follow()

    def open_filter(self) -> None:
        """A search is typed: the first of the two."""
        self.open_bar("/")

    def targets(self) -> tuple[int, ...]:
        """The marked lines, else the one under the cursor."""
        shown = sorted(number for number in self.view.marked if number >= self.open_log.ring.first)
        return tuple(shown) or (() if self.view.is_empty else (self.view.cursor,))

    def copy(self) -> tuple[str, str]:
        """The marked lines, or the one under the cursor, as plain text.

        Raises:
            EnvtuiError: they are more than a terminal takes.
        """
        texts = [
            plain_text(raw)
            for number in self.targets()
            for raw in self.open_log.ring.raws(number, number + 1)[1]
        ]
        text = "\n".join(texts)
        size = len(text.encode("utf-8", "replace"))
        if size > _CLIPBOARD_BYTES:
            raise EnvtuiError(
                "Too much for a clipboard",
                f"{size:,} bytes are chosen, terminals take {_CLIPBOARD_BYTES:,}",
                "Save the log with ctrl+s, or mark fewer lines",
            )
        return text, f"{len(texts)} lines" if len(texts) > 1 else text[:200]

    def toggle_mark(self) -> None:
        """Mark or unmark the line under the cursor, and go on to the next."""
        self.mark_line()
        self.view.move_by(1)

    def mark_line(self) -> None:
        """Mark or unmark the line under the cursor."""
        if not self.view.is_empty:
            self.range = None
            self.view.mark(self._still_here(self.view.marked) ^ {self.view.cursor})
            self.update_frame()

    def toggle_range(self) -> None:
        """Begin to mark a range here, or end it."""
        if self.view.is_empty:
            return
        self._extend_range()
        self.range = (
            None if self.range is not None else (self.view.cursor, self._still_here(self.view.marked))
        )
        self.view.follow(False)
        self._extend_range()
        self.update_frame()

    def _still_here(self, numbers: frozenset[int]) -> frozenset[int]:
        first = self.open_log.ring.first
        return frozenset(number for number in numbers if number >= first)

    def _extend_range(self) -> None:
        if self.range is None:
            return
        start, marked = self.range
        low, high = sorted((start, self.view.cursor))
        chosen = {low}
        number = low
        while number < high:
            number = self.lines.step(number, 1)
            chosen.add(number)
        self.view.mark(marked | chosen)

    def close_top(self) -> bool:
        """Undo the topmost of bar, range, marks, search, filter, window, clearing and merge."""
        bar = self.query_one(FilterBar)
        if bar.is_open:
            self._end_bar(kept=False)
        elif self.range is not None:
            self.range = None
        elif self.view.marked:
            self.view.mark(frozenset())
        elif self.search is not None:
            self.set_search(Filter())
        elif self.lines.filter is not None:
            self.set_filter(Filter())
        elif self.lines.floor is not None:
            self.show_window(None)
        elif self.is_merged:
            self.toggle_merge()
        else:
            return False
        self.update_frame()
        return True

    # -- searches and filters

    def open_bar(self, sign: str) -> None:
        """Let a search (`/`) or a filter (`&`) be typed."""
        self._bar_for = sign
        scan = self.search if sign == "/" else self.lines.filter
        self.query_one(FilterBar).open(scan.filter if scan is not None else Filter(), sign)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        """Search or filter while typing."""
        event.stop()
        if self._bar_for == "/":
            self.set_search(event.chosen, jumps=True)
        else:
            self.set_filter(event.chosen)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        """Back to the lines."""
        event.stop()
        self._end_bar(event.kept)

    def _end_bar(self, kept: bool) -> None:
        if not kept:
            (self.set_search if self._bar_for == "/" else self.set_filter)(Filter())
        self.query_one(FilterBar).close()
        self.take_focus()

    def set_search(self, chosen: Filter, jumps: bool = False) -> None:
        """Look for this from now on, for nothing with an empty one; and go to the nearest match."""
        is_any = not chosen.matcher().lets_all_through
        self.search = LogScan(chosen, self.open_log.ring) if is_any else None
        self.lines.highlight = chosen.matcher() if is_any else None
        self._jumps = jumps and is_any
        self.view.redraw()
        self._draw()

    def set_filter(self, chosen: Filter) -> None:
        """Show only what this lets through."""
        is_any = not chosen.matcher().lets_all_through
        self.lines.filter = LogScan(chosen, self.open_log.ring) if is_any else None
        self.view.redraw()
        self._draw()

    def go_to_match(self, step: int) -> None:
        """To the next match, or the one before."""
        if self.search is None:
            return
        cursor = self.view.cursor
        found = self.search.next_after(cursor) if step > 0 else self.search.last_before(cursor)
        # a filter may hide it: the nearest line that is shown
        if found is not None:
            self.view.move_to(found)
        else:
            self.app.notify("no match further down" if step > 0 else "no match further up", markup=False)

    # -- what is shown

    def follow(self) -> None:
        """Stick to the newest line."""
        self.open_log.ring.release_older()
        self.view.follow()
        self.update_frame()

    def show_window(self, seconds: int | None) -> None:
        """Only the lines of the last so many seconds; None for all."""
        self.window = seconds
        if seconds is None:
            self.lines.floor = None
        else:
            since = self.bridge.monitor.workstation.now() - seconds
            self.lines.floor = self.lines.number_at(since)
            if self.lines.floor <= self.open_log.ring.first:
                self._fetch_since(since)
        self.view.redraw()
        self._draw()

    def change_window(self, step: int) -> None:
        """A shorter window of time, or a longer one."""
        place = WINDOWS.index(self.window) + step
        self.show_window(WINDOWS[max(0, min(place, len(WINDOWS) - 1))])

    def clear(self) -> None:
        """Hide what is here; the lines stay in the window."""
        self.window = None
        self.lines.floor = self.open_log.ring.end
        self.view.redraw()
        self._draw()

    def toggle_times(self) -> None:
        """Show each line's time, or not."""
        self.lines.shows_times = not self.lines.shows_times
        self.view.redraw()

    def toggle_wrap(self) -> None:
        """Break long lines, or let them run out of the view."""
        self.view.set_wrap(not self.view.wrap)

    # -- older lines

    def on_log_view_top_reached(self, event: LogView.TopReached) -> None:
        """Lines from before the window come from the engine."""
        event.stop()
        if self.lines.floor is None and not self.begins_here and not self.is_merged:
            log_watch, open_log = self.log_watch, self.open_log
            if log_watch is not None:
                self._fetch(open_log, lambda: log_watch.fetch_older(open_log, _OLDER_LINES), self._older_came)

    def _older_came(self, count: int) -> None:
        self.begins_here = count == 0

    def _fetch_since(self, since: float) -> None:
        log_watch, open_log = self.log_watch, self.open_log
        if log_watch is None or self.is_merged:
            return

        def came(_: int) -> None:
            if self.window is not None:
                self.lines.floor = self.lines.number_at(since)

        self._fetch(open_log, lambda: log_watch.fetch_since(open_log, int(since * 1e9)), came)

    def _fetch(self, open_log: OpenLog, fetch: Any, came: Any) -> None:
        if self.is_fetching:
            return
        self.is_fetching = True

        def is_over(count: int) -> None:
            if open_log is self.open_log:
                self.is_fetching = False
                came(count)
                self._draw()

        def failed(error: EnvtuiError) -> None:
            is_over(0)
            self.begins_here = False
            self.app.notify(printable(error.one_line()), severity="error", markup=False)

        self.bridge.ask(fetch, is_over, failed)
        self.update_frame()

    def on_log_view_moved(self, event: LogView.Moved) -> None:
        """Range and title follow the cursor."""
        event.stop()
        self._extend_range()
        if self.view.following:
            self.open_log.ring.release_older()
        self.update_frame()
