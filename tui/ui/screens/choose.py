"""A dialog of ways to go on, one of which is chosen; what can't be says why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option


@dataclass(frozen=True, slots=True)
class Way:
    """One of them, all of it printable.

    Attributes:
        id: given back when it is chosen.
        label: what it is.
        why_not: a reason that greys it.
    """

    id: str
    label: str
    why_not: str | None = None


class ChooseScreen(ModalScreen[str | None]):
    """Gives back the id of the chosen one, None for none."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape,q", "cancel"),
        ("j", "move('down')"),
        ("k", "move('up')"),
    ]

    def __init__(self, title: str, ways: Sequence[Way]) -> None:
        """Args: printable title; what there is to choose from."""
        super().__init__(classes="dialog-screen")
        self._title = title
        self._ways = tuple(ways)

    def compose(self) -> ComposeResult:
        """The list."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield OptionList(
                *(
                    Option(
                        Content(f" {way.label}" + (f"  ({way.why_not})" if way.why_not else "")),
                        disabled=way.why_not is not None,
                    )
                    for way in self._ways
                )
            )
            yield Static("enter goes on · esc cancels", classes="dialog-consequence", markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with it."""
        event.stop()
        self.dismiss(self._ways[event.option_index].id)

    def action_cancel(self) -> None:
        """Nothing was chosen."""
        self.dismiss(None)

    def action_move(self, direction: str) -> None:
        """Move the cursor: up or down."""
        getattr(self.query_one(OptionList), f"action_cursor_{direction}")()
