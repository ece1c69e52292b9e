"""The app on a make-believe workstation whose time stands still, and a person in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static

from tests.rig.waiting import until_async
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.operations import Operation, Step
from tui.monitor.job_record import JobRecord
from tui.monitor.monitor import Monitor
from tui.monitor.topics import CONTAINERS
from tui.settings import Settings
from tui.ui.app import EnvtuiApp
from tui.ui.panes.containers import ContainersPane
from tui.ui.screens.main import MainScreen
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_view import LineView
from tui.workstation import Workstation, open_demo

# A key goes from the app to the focused widget and up to the screen, from there to a pane and its table,
# and what they tell comes up again. Waiting for an idle processor instead takes 60 ms a key.
_HOPS = 3

AnyScreen = TypeVar("AnyScreen", bound=Screen[Any])
T = TypeVar("T")


async def settle(pilot: Pilot[None]) -> None:
    """Let every widget handle what waits for it, and what comes of that."""
    for _ in range(_HOPS):
        await pilot.pause(0)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys as the terminal reports them, and let them have their effect."""
    for key in keys:
        name = _character_to_key(key) if len(key) == 1 else key
        character = key if len(key) == 1 else " " if key == "space" else None
        driver = pilot.app._driver
        assert driver is not None
        event = events.Key(name, character)
        event.set_sender(pilot.app)
        driver.send_message(event)
        await settle(pilot)


class Desk:
    """A running app, with what a person can see of it and do to it."""

    def __init__(self, app: EnvtuiApp, pilot: Pilot[None], world: DemoWorld) -> None:
        self.app = app
        self.pilot = pilot
        self.world = world
        self.monitor = app.monitor

    # -- what is seen

    @property
    def main(self) -> MainScreen:
        (main,) = [screen for screen in self.app.screen_stack if isinstance(screen, MainScreen)]
        return main

    @property
    def pane(self) -> ContainersPane:
        return self.main.query_one(ContainersPane)

    @property
    def names(self) -> list[str]:
        """Names of the rows, from the top."""
        return [row.cells[1] for row in self.pane.table.rows]

    def cells(self, name: str) -> tuple[str, ...]:
        (found,) = [row.cells for row in self.pane.table.rows if row.cells[1] == name]
        return found

    def cell(self, name: str, column: str) -> str:
        """What stands in a container's row, by the key of the column."""
        keys = [each.column.key for each in self.pane.columns]
        return self.cells(name)[keys.index(column)]

    @property
    def cursor(self) -> str | None:
        """Name of the container under the cursor."""
        return self.pane.current.container.name if self.pane.current else None

    @property
    def marked(self) -> set[str]:
        return {item.container.name for item in self.pane.items if item.container.id in self.pane.marked}

    def bar(self, name: str) -> str:
        """Text of a bar of the main screen, by its selector."""
        return self.main.query_one(name, LineBar).text

    @property
    def notice(self) -> str:
        """What stands in place of the rows, "" while there are rows."""
        notice = self.pane.query_one(".pane-notice", Static)
        return str(notice.render()) if notice.display else ""

    @property
    def toasts(self) -> list[tuple[str, str]]:
        return [(toast.title, toast.message) for toast in self.app._notifications]

    @property
    def text(self) -> str:
        """Lines of the topmost screen of text."""
        return self.app.screen.query_one(LineView).text

    def container(self, name: str) -> Container:
        (found,) = [each for each in self.world.containers()[0] if each.name == name]
        return found

    # -- what is done

    async def press(self, *keys: str) -> None:
        await press(self.pilot, *keys)

    async def write(self, text: str) -> None:
        await self.press(*text)

    async def until(self, predicate: Callable[[], T | None]) -> T:
        return await until_async(predicate, message=lambda: f"{self.names} {self.toasts}")

    async def on(self, kind: type[AnyScreen]) -> AnyScreen:
        """The topmost screen, when it is of this kind."""
        await self.until(lambda: isinstance(self.app.screen, kind))
        await settle(self.pilot)
        screen: Any = self.app.screen
        assert isinstance(screen, kind)
        return screen

    async def go_to(self, name: str) -> None:
        self.pane.table.move_to_key(self.container(name).id)
        await settle(self.pilot)

    def happen(self, operation: Operation, name: str) -> None:
        """Somebody else does something to a container."""
        container = self.container(name)
        self.world.perform(Step(operation, container.id, name))


@asynccontextmanager
async def desk(
    *,
    read_only: bool = False,
    settings: Settings | None = None,
    size: tuple[int, int] = (100, 20),
    prepare: Callable[[DemoWorld], None] = lambda world: None,
    change: Callable[[Workstation], Workstation] = lambda workstation: workstation,
    kept_jobs: JobRecord | None = None,
    shows_rows: bool = True,
) -> AsyncIterator[Desk]:
    """Open it and wait until the rows are there.

    `prepare` changes the world before, `change` its backends; `kept_jobs` is what an earlier run has kept.
    """
    world = DemoWorld(clock=FrozenClock())
    world.faults.frozen_seconds = 0.01
    prepare(world)
    chosen = settings or Settings()
    monitor = Monitor(
        change(open_demo(world)),
        read_only=read_only,
        kept_jobs=kept_jobs,
        allow_base=chosen.environments.allow_base,
    )
    monitor.start()
    app = EnvtuiApp(monitor, chosen)
    try:
        async with app.run_test(size=size) as pilot:
            made = Desk(app, pilot, world)
            if shows_rows:
                await made.until(lambda: monitor.store.value(CONTAINERS) and made.names)
            await settle(pilot)
            yield made
    finally:
        world.faults.frozen_engine = False
        monitor.stop()
