"""The menu of what can be done to the selected item, with a reason beside what can't."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.ui.actions import Action


class ActionMenu(ModalScreen[Action[Any] | None]):
    """Gives back the chosen action, None for none."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape,q", "cancel"),
        ("j", "move('down')"),
        ("k", "move('up')"),
    ]

    def __init__(self, title: str, entries: Sequence[tuple[Action[Any], str, str | None]]) -> None:
        """Args: printable title; action, its key, and why it can't be done (None when it can)."""
        super().__init__(classes="dialog-screen")
        self._title = title
        self._entries = tuple(entries)

    def compose(self) -> ComposeResult:
        """The list; greyed entries say why."""
        from textual.content import Content

        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield OptionList(
                *(
                    Option(
                        Content(f"{key:>5}  {action.label}" + (f"  ({why_not})" if why_not else "")),
                        disabled=why_not is not None,
                    )
                    for action, key, why_not in self._entries
                )
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with the action."""
        event.stop()
        self.dismiss(self._entries[event.option_index][0])

    def action_cancel(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)

    def action_move(self, direction: str) -> None:
        """Move the cursor: up or down."""
        getattr(self.query_one(OptionList), f"action_cursor_{direction}")()

    def on_key(self, event: events.Key) -> None:
        """An action's own key chooses it."""
        for action, key, why_not in self._entries:
            if key == event.character and why_not is None:
                event.stop()
                self.dismiss(action)
                return
