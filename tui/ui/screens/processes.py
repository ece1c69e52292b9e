"""The processes of one container, as the engine's `ps` lists them; `R` asks again."""

from __future__ import annotations

from collections.abc import Callable

from tui.model.errors import EnvtuiError
from tui.model.processes import ProcessTable
from tui.ui.bridge import Bridge
from tui.ui.screens.inspect import error_lines
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import fit, printable, width_of


class ProcessesScreen(TextScreen):
    """Asks when opened, and on `R`."""

    KEYS = (("R", "refresh"),)

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
            self.show_lines(table_lines(table))

    def _failed(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines(error_lines(error))


def table_lines(table: ProcessTable) -> list[Line]:
    """Aligned columns, the last one (the command) as long as it is."""
    rows = [tuple(printable(cell) for cell in row) for row in (table.titles, *table.rows)]
    if not rows[0]:
        return []
    widths = [
        max(width_of(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))
    ]
    lines = [
        "  ".join([*(fit(cell, width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1]])
        for row in rows
    ]
    return [[(line, "strong" if number == 0 else "")] for number, line in enumerate(lines)]
