"""A screen of lines with a title and a search: the base of inspect, processes, help and the command log."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.ui.filters import Filter
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_view import LineView
from tui.ui.widgets.tones import TONE_CLASSES

Line = Sequence[Part]


class TextScreen(ModalScreen[None], OrderedKeys):
    """Lines that can be scrolled and filtered (`/`); esc closes the topmost thing."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type
    #: keys of a subclass for the hints, as (key, word)
    KEYS: tuple[tuple[str, str], ...] = ()
    #: so many of the first lines are hidden by no filter
    HEADING_LINES: int = 0

    def __init__(self, title: str) -> None:
        """Args: printable title."""
        super().__init__(classes="text-screen")
        self._title = title
        self._all: tuple[Line, ...] = ()
        self._filter = Filter()

    def compose(self) -> ComposeResult:
        """Title, lines, hints."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            yield LineView()
            yield FilterBar()
            yield LineBar(classes="key-bar")

    def on_mount(self) -> None:
        """Title and hints do not change."""
        hints: list[Part] = []
        for key, word in (("esc", "close"), ("/", "filter"), ("y", "copy"), *self.KEYS):
            hints += [(f" {key}", "key"), (f" {word} ", "muted")]
        self.query_one(".key-bar", LineBar).show(hints)
        self._show_title()
        self.query_one(LineView).focus()
        self.fill()

    def fill(self) -> None:
        """Bring the first lines; a subclass may ask somebody for them."""

    def show_lines(self, lines: Sequence[Line]) -> None:
        """Show these, as far as the filter lets them through."""
        self._all = tuple(lines)
        matches = self._filter.matcher()
        heading, rest = self._all[: self.HEADING_LINES], self._all[self.HEADING_LINES :]
        shown = [line for line in rest if matches("".join(text for text, _ in line))]
        self.query_one(LineView).show([*heading, *shown])
        self._show_title(f"{len(shown)} of {len(rest)} lines" if self._filter.text else "")

    def take_key(self, event: events.Key) -> bool:
        """Scroll, filter, copy, close; while a filter is typed keys are its text."""
        if not self.query("FilterBar"):
            # not built yet
            return False
        bar = self.query_one(FilterBar)
        if bar.takes_keys:
            return bar.take_key(event)
        if self.query_one(LineView).move(event.key):
            return True
        handler = self.handlers().get(event.key)
        if handler is not None:
            handler()
        return handler is not None

    def handlers(self) -> dict[str, Callable[[], None]]:
        """What other keys do, by Textual's name."""
        return {
            "escape": self.close_top,
            "q": self.close_top,
            "slash": self._open_filter,
            "y": self._copy,
        }

    def close_top(self) -> None:
        """Clear the filter, or close."""
        if self._filter.text:
            self._filter = Filter()
            self.show_lines(self._all)
        else:
            self.dismiss(None)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        """Filter while typing."""
        self._filter = event.chosen
        self.show_lines(self._all)

    def on_filter_bar_closed(self, event: FilterBar.Closed) -> None:
        """Back to the lines."""
        if not event.kept:
            self._filter = Filter()
            self.show_lines(self._all)
        self.set_focus(self.query_one(LineView))

    def _open_filter(self) -> None:
        self.query_one(FilterBar).open(self._filter)

    def _copy(self) -> None:
        text = self.query_one(LineView).text
        self.app.copy_to_clipboard(text)
        self.app.notify(f"{len(text.splitlines())} lines", title="Copied", markup=False)

    def _show_title(self, more: str = "") -> None:
        self.query_one(".pane-title", LineBar).show(
            [(f" {self._title} ", "strong")], [(f" {more} ", "warn")] if more else []
        )
