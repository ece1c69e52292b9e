"""One line of a log, all of it, broken to the width of the screen."""

from __future__ import annotations

from tui.model.errors import EnvtuiError
from tui.model.escapes import without_sequences
from tui.model.logs import LogLine
from tui.ui.bridge import Bridge
from tui.ui.log_lines import written_moment
from tui.ui.screens.text import TextScreen


class LogLineScreen(TextScreen):
    """Shows a line; one of megabytes is made printable on a thread."""

    def __init__(self, line: LogLine, bridge: Bridge) -> None:
        """Args: the line; who asks on threads."""
        stream = line.stream.name.lower()
        super().__init__(f"{stream} at {written_moment(line.at).strip()}, {len(line.text):,} characters")
        self._line = line
        self._bridge = bridge

    def fill(self) -> None:
        """Break the line."""
        self.show_lines([[("…", "muted")]])
        # half the width where every character is wide would be right; a wide one counts as two below
        width = max(10, self.app.size.width - 2)
        self._bridge.ask(lambda: _broken(self._line.text, width), self._show, self._fail)

    def _show(self, rows: list[str]) -> None:
        if self.is_attached:
            self.show_lines([[(row, "")] for row in rows])

    def _fail(self, error: EnvtuiError) -> None:
        if self.is_attached:
            self.show_lines([[(error.title, "bad")]])


def _broken(text: str, width: int) -> list[str]:
    plain = without_sequences(text)
    step = width if plain.isascii() else max(1, width // 2)
    return [plain[start : start + step] for start in range(0, len(plain), step)] or [""]
