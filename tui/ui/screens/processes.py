"""The processes of one container, as the engine's `ps` lists them; `R` asks again."""

from __future__ import annotations

from collections.abc import Callable

from tui.model.errors import EnvtuiError
from tui.model.processes import ProcessTable
from tui.ui.bridge import Bridge
from tui.ui.screens.aligned import aligned_lines
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.text import TextScreen
from tui.ui.text import printable


class ProcessesScreen(TextScreen):
    """Asks when opened, and on `R`."""

    KEYS = (("R", "refresh"),)
    HEADING_LINES = 1

    def __init__(self, name: str, bridge: Bridge, question: Callable[[], ProcessTable]) -> None:
        """Args: the container's name; how to ask for its processes (blocking)."""
        super().__init__(f"Processes of {printable(name)}")
        self._bridge = bridge
        self._question = question

    def fill(self) -> None:
        """Ask the engine."""
        self._bridge.ask(self._question, self._answered, self._failed)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`R` asks again."""
        return super().handlers() | {"R": self.fill}

    def _answered(self, table: ProcessTable) -> None:
        if self.is_attached:
            self.show_lines(aligned_lines(table.titles, table.rows))

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines(error_lines(error))
