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

    BINDINGS = [("escape", "drop")]  # noqa: RUF012 - Textual's type

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

    def __init__(self, start: Filter) -> None:
        """Args: the filter that holds now."""
        super().__init__()
        self._start = start
        self._early: list[events.Key] = []
        self.is_ready = False

    def compose(self) -> ComposeResult:
        """A slash, the input, and room for a complaint."""
        yield Label("/", markup=False)
        yield Input(
            self._start.text, placeholder="regular expression, ! in front inverts", select_on_focus=False
        )
        yield Label("", id="complaint", markup=False)

    def on_mount(self) -> None:
        """Typing starts at once."""
        self.query_one(Input).focus()

    def type_early(self, event: events.Key) -> None:
        """Keep a key that came before the input has the focus: it must be neither lost nor an action."""
        self._early.append(events.Key(event.key, event.character))

    def on_descendant_focus(self) -> None:
        """The input has the focus for the first time: it gets the early keys in their order."""
        if not self.is_ready:
            self.is_ready = True
            for event in self._early:
                self.app.post_message(event)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell a valid filter; say what is wrong with another, and leave the last valid one alone."""
        event.stop()
        complaint = self.query_one("#complaint", Label)
        chosen = Filter(event.value)
        try:
            chosen.matcher()
        except re.error as error:
            complaint.update(f"▲ {error}")
            return
        complaint.update("")
        self.post_message(self.Changed(chosen))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter keeps the filter."""
        event.stop()
        self.post_message(self.Closed(kept=True))

    def action_drop(self) -> None:
        """Esc drops the filter."""
        self.post_message(self.Closed(kept=False))
