"""The line in which a filter is typed: a regular expression, `!` in front inverts it."""

from __future__ import annotations

import re

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label

from tui.ui.filters import Filter


class FilterBar(Horizontal):
    """An input with a place for what is wrong with it."""

    class Changed(Message):
        """Another valid filter was typed."""

        def __init__(self, chosen: Filter) -> None:
            """Args: the filter."""
            super().__init__()
            self.chosen = chosen

    class Closed(Message):
        """The bar is done: `kept` tells whether the filter stays."""

        def __init__(self, kept: bool) -> None:
            """Args: False after esc."""
            super().__init__()
            self.kept = kept

    def __init__(self) -> None:
        """Closed at first."""
        super().__init__()
        self.display = False
        self._is_dropped = False

    def compose(self) -> ComposeResult:
        """A slash, the input, and room for a complaint."""
        yield Label("/", id="prompt", markup=False)
        yield Input(placeholder="regular expression, ! in front inverts", select_on_focus=False)
        yield Label("", id="complaint", markup=False)

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.display

    @property
    def takes_keys(self) -> bool:
        """Whether what is typed is text for it."""
        # the screen's word for it: the input itself hears of its focus only later
        return self.is_open and self.screen.focused is self.query_one(Input)

    def open(self, start: Filter, prompt: str = "/") -> None:
        """Show it with a filter to begin with. It has the keys when this returns: the next one is text."""
        field = self.query_one(Input)
        self.query_one("#prompt", Label).update(prompt)
        if not self.is_open:
            self.display = True
            self._is_dropped = False
            field.value = start.text
            field.cursor_position = len(start.text)
        self.screen.set_focus(field)

    def close(self) -> None:
        """Hide it; the focus is for whoever held it to give."""
        self.display = False

    def take_key(self, event: events.Key) -> bool:
        """Enter keeps the filter, esc drops it; every other key is for the input."""
        closings = {"enter": True, "escape": False}
        kept = closings.get(event.key)
        if kept is None:
            return False
        self._is_dropped = not kept
        self.close()
        self.post_message(self.Closed(kept))
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell a valid filter; say what is wrong with another, and leave the last valid one alone."""
        event.stop()
        if self._is_dropped:
            # text that was still on its way when the filter was dropped
            return
        complaint = self.query_one("#complaint", Label)
        chosen = Filter(event.value)
        try:
            chosen.matcher()
        except re.error as error:
            complaint.update(f"▲ {error}")
            return
        complaint.update("")
        self.post_message(self.Changed(chosen))
