"""The dialog that asks for the folder into which environments are exported."""

from __future__ import annotations

from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class ExportFolderScreen(ModalScreen[Path | None]):
    """Gives back the folder, absolute, None when nothing is to be written."""

    BINDINGS = [("escape", "cancel")]  # noqa: RUF012 - Textual's type
    _KEYS = "enter writes a file for each environment, never over another · esc cancels"

    def __init__(self, proposal: Path, count: int) -> None:
        """Args: what is proposed; of how many environments."""
        super().__init__(classes="dialog-screen")
        self._proposal = proposal
        self._count = count

    def compose(self) -> ComposeResult:
        """A title, the path, and what is wrong with it."""
        what = "the environment" if self._count == 1 else f"{self._count} environments"
        with Vertical(classes="dialog"):
            yield Static(f"Export {what} into which folder?", classes="dialog-title", markup=False)
            yield Input(str(self._proposal), id="folder", select_on_focus=False)
            yield Static(self._KEYS, classes="dialog-consequence", markup=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Another path: what was wrong is no more."""
        event.stop()
        self.query_one(".dialog-consequence", Static).update(self._KEYS)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: a path that is none is told."""
        event.stop()
        text = event.value.strip()
        try:
            folder = Path(text).expanduser() if text else None
        except (RuntimeError, ValueError):
            folder = None
        if folder is None:
            self.query_one(".dialog-consequence", Static).update("▲ this is no path of a folder")
        else:
            self.dismiss(self._proposal.parent / folder)

    def action_cancel(self) -> None:
        """Nothing is written."""
        self.dismiss(None)
