"""The dialog that asks for another name."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.ui.text import printable


class RenameScreen(ModalScreen[str | None]):
    """Gives back the new name, None when nothing is to change."""

    BINDINGS = [("escape", "cancel")]  # noqa: RUF012 - Textual's type

    def __init__(self, old_name: str, complaint: Callable[[str], str | None]) -> None:
        """Args: the present name; what is wrong with a name, None for a good one."""
        super().__init__(classes="dialog-screen")
        self._old_name = old_name
        self._complaint = complaint

    def compose(self) -> ComposeResult:
        """A title, the input, and what is wrong with it."""
        with Vertical(classes="dialog"):
            yield Static(f"Rename {printable(self._old_name)}", classes="dialog-title", markup=False)
            yield Input(self._old_name, id="name")
            yield Static("enter renames · esc cancels", classes="dialog-consequence", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong while typing."""
        complaint = self._complaint(event.value)
        text = f"▲ {complaint}" if complaint else "enter renames · esc cancels"
        self.query_one(".dialog-consequence", Static).update(text)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: only a good and different name is taken."""
        event.stop()
        if event.value == self._old_name:
            self.dismiss(None)
        elif self._complaint(event.value) is None:
            self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Nothing changes."""
        self.dismiss(None)
