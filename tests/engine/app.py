"""The real app on a real engine, for tests: started, read as a person reads it, and stopped again."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Input, OptionList

from tests.rig.waiting import until_async
from tui.monitor.job_record import JobRecord
from tui.monitor.monitor import Monitor
from tui.settings import Settings
from tui.ui.app import EnvtuiApp
from tui.ui.panes.containers import ContainersPane
from tui.ui.screens.action_menu import ActionMenu
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.text import TextScreen
from tui.ui.widgets.line_view import LineView
from tui.workstation import Workstation, open_local

T = TypeVar("T")
AnyScreen = TypeVar("AnyScreen", bound=Screen[Any])

# Generous: it only matters when something is broken.
PATIENCE_SECONDS = 30.0
# Wide enough for every column, high enough for some dozens of rows.
SIZE = (150, 44)


@dataclass
class Desk:
    """A running app, with what a person can see of it and do to it."""

    app: EnvtuiApp
    pilot: Pilot[None]
    monitor: Monitor

    # -- what is seen

    @property
    def pane(self) -> ContainersPane:
        """The Containers pane, whatever is in front of it."""
        return self.main.query_one(ContainersPane)

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever is in front of it."""
        return next(screen for screen in self.app.screen_stack if isinstance(screen, MainScreen))

    @property
    def is_on_top(self) -> bool:
        """Nothing is in front of the main screen."""
        return isinstance(self.app.screen, MainScreen)

    def lines(self) -> list[str]:
        """The rows of cells of the topmost screen, as they are drawn."""
        return [strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()]

    def text(self) -> str:
        """The same as one text."""
        return "\n".join(self.lines())

    def row(self, name: str) -> str:
        """The drawn line of the table that holds a container, "" when there is none."""
        table = self.pane.table
        for y in range(1, table.size.height):
            line = table.render_line(y).text
            if re.search(rf"(?<!\S){re.escape(name)}(?!\S)", line):
                return line
        return ""

    def shows(self, name: str, *words: str) -> bool:
        """Whether the container's drawn line holds all these words."""
        line = self.row(name)
        return bool(line) and all(word in line for word in words)

    def names(self) -> list[str]:
        """The names of the table's rows, from the top."""
        column = next(index for index, each in enumerate(ContainersPane.COLUMNS) if each.column.key == "name")
        return [row.cells[column] for row in self.pane.table.rows]

    @property
    def cursor_name(self) -> str | None:
        """The name of the container under the cursor."""
        index = self.pane.table.cursor_index
        return None if index is None else self.names()[index]

    def messages(self) -> str:
        """Titles and texts of the messages that are on screen now."""
        return "\n".join(f"{each.title}: {each.message}" for each in self.app._notifications)

    def text_screen(self) -> str:
        """All lines of the topmost text screen (inspect, processes, command log), "" when it is none."""
        screen = self.app.screen
        return screen.query_one(LineView).text if isinstance(screen, TextScreen) else ""

    # -- what is done

    async def press(self, *keys: str) -> None:
        """Press keys, by Textual's names."""
        await self.pilot.press(*keys)

    async def write(self, text: str) -> None:
        """Type letters into an input, once it has the focus."""
        await self.wait(lambda: isinstance(self.app.focused, Input), "an input has the focus")
        await self.pilot.press(*("space" if character == " " else character for character in text))

    async def point_at(self, name: str) -> None:
        """Move the cursor to a container, with the keys."""
        await self.sees(name)
        await self.press("g", *("j" for _ in range(self.names().index(name))))
        assert self.cursor_name == name

    async def menu(self, label: str) -> None:
        """Choose an entry of the actions menu by the beginning of its label."""
        await self.press("x")
        options = (await self.opened(ActionMenu)).query_one(OptionList)
        await self.wait(lambda: options.has_focus, "the menu has the focus")
        prompts = [str(options.get_option_at_index(index).prompt) for index in range(options.option_count)]
        wanted = next(index for index, prompt in enumerate(prompts) if label in prompt)
        for _ in range(options.option_count):
            if options.highlighted == wanted:
                break
            await self.press("j")
        assert options.highlighted == wanted, f"{label} can't be chosen: {prompts[wanted]}"
        await self.press("enter")

    async def wait(
        self, predicate: Callable[[], T | None], what: str = "", seconds: float = PATIENCE_SECONDS
    ) -> T:
        """Wait until something is so; a failure shows the screen."""
        return await until_async(predicate, seconds, lambda: f"{what}\n{self.text()}\n{self.messages()}")

    async def sees(self, name: str, *words: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the container's line is drawn and holds these words."""
        await self.wait(lambda: self.shows(name, *words), f"{name} with {words}", seconds)

    async def opened(self, kind: type[AnyScreen]) -> AnyScreen:
        """Wait until a screen of this kind is in front and drawn, and give it back."""
        await self.wait(
            lambda: isinstance(self.app.screen, kind) and not self.is_on_top, f"{kind.__name__} opens"
        )
        await self.pilot.pause()
        screen = self.app.screen
        assert isinstance(screen, kind)
        return screen

    async def dialog(self) -> ConfirmScreen:
        """Wait for a question, and make sure that Cancel has the focus."""
        screen = await self.opened(ConfirmScreen)
        await self.wait(lambda: isinstance(screen.focused, Button), "a button has the focus")
        assert screen.focused is screen.query_one("#cancel")
        return screen

    async def answer(self, button_id: str) -> None:
        """Go to a button of the question with the keys, and press it."""
        screen = await self.opened(ConfirmScreen)
        for _ in screen.query(Button):
            if screen.focused is not None and screen.focused.id == button_id:
                break
            await self.press("tab")
        assert screen.focused is screen.query_one(f"#{button_id}")
        await self.press("enter")
        await self.wait(lambda: self.is_on_top, "the dialog closes")

    async def command_log(self) -> str:
        """Open the command log, read it, and close it again."""
        await self.press("at")
        await self.opened(TextScreen)
        text = self.text_screen()
        await self.press("escape")
        await self.wait(lambda: self.is_on_top, "the command log closes")
        return text


@asynccontextmanager
async def running_app(
    host: str,
    *,
    read_only: bool = False,
    size: tuple[int, int] = SIZE,
    settings: Settings | None = None,
    change: Callable[[Workstation], Workstation] = lambda workstation: workstation,
    kept_jobs: JobRecord | None = None,
) -> AsyncIterator[Desk]:
    """The app on the engine at `host`, with its monitor; both are ended afterwards.

    `change` puts other backends in the places of some; `kept_jobs` is what an earlier run has kept.
    """
    chosen = settings or Settings()
    monitor = Monitor(
        change(open_local(host, {})),
        read_only,
        chosen.stats_seconds,
        kept_jobs,
        chosen.environments.allow_base,
    )
    monitor.start()
    try:
        app = EnvtuiApp(monitor, chosen)
        async with app.run_test(size=size) as pilot:
            yield Desk(app, pilot, monitor)
    finally:
        monitor.stop()


async def let_pass(seconds: float) -> None:
    """Let the app run for a while in which nothing is to happen."""
    end = time.monotonic() + seconds
    await until_async(lambda: time.monotonic() >= end, seconds + PATIENCE_SECONDS)
