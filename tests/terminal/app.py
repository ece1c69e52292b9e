"""A small app that hands its terminal to a session and takes it back."""

from __future__ import annotations

import asyncio
import signal

from textual.app import App, ComposeResult
from textual.widgets import Label

from tests.rig.local_channel import LocalChannel
from tui.backends.terminal.bridge import bridge


class SmallApp(App[None]):
    BINDINGS = [("e", "enter", "Enter")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Label("no session yet")

    def on_mount(self) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: self.exit(return_code=143))

    def action_enter(self) -> None:
        channel = LocalChannel(["bash", "--norc", "--noprofile", "-i"])
        with self.suspend():
            end = bridge(channel)
        channel.tidy_up()
        self.query_one(Label).update(f"session {end.words} at {self.size.width}")


if __name__ == "__main__":
    app = SmallApp()
    app.run()
    raise SystemExit(app.return_code or 0)
