"""The command log: the engine's own client's line for each action, how it went, and how long it took."""

from __future__ import annotations

from datetime import datetime

from tui.monitor.jobs import CommandRecord
from tui.monitor.topics import COMMANDS, Snapshot
from tui.ui.bridge import Bridge
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable


class CommandLogScreen(TextScreen):
    """Follows the log while it is open."""

    def __init__(self, bridge: Bridge) -> None:
        """Args: where the log comes from."""
        super().__init__("Command log")
        self._bridge = bridge

    def fill(self) -> None:
        """Show what was done, and what is done from now on."""
        self.show_lines([[("Nothing was done yet.", "muted")]])
        self._bridge.read(COMMANDS, self._read)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._bridge.forget(COMMANDS, self._read)

    def _read(self, snapshot: Snapshot[tuple[CommandRecord, ...]]) -> None:
        self.show_lines([record_line(record) for record in snapshot.value or ()])


def record_line(record: CommandRecord) -> Line:
    """One line: time, command, outcome, seconds."""
    at = datetime.fromtimestamp(record.at).strftime("%H:%M:%S")
    tone = "bad" if record.failed else "good"
    return [
        (f"{at}  ", "muted"),
        (printable(record.command), ""),
        (f"  {printable(record.outcome)}", tone),
        (f"  {record.duration:.2f} s", "muted"),
    ]
