"""Keys that come faster than Textual's messages: each has its effect before the next one is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual import events
from textual.command import CommandPalette
from textual.keys import _character_to_key
from textual.screen import Screen

from tests.rig.waiting import until_async
from tests.ui.desk import Desk, desk, settle
from tui.demo.clock import FrozenClock
from tui.demo.world import DemoWorld
from tui.monitor.monitor import Monitor
from tui.settings import Settings
from tui.ui import app as app_module
from tui.ui.app import EnvtuiApp
from tui.ui.screens.action_screen import ActionScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.disk import DiskScreen
from tui.ui.screens.main import MainScreen
from tui.workstation import open_demo


def type_at_once(at: Desk, text: str) -> None:
    """Hand over all keys in one go, as a paste or a fast typist on a slow line does."""
    for character in text:
        key = "enter" if character == "\r" else _character_to_key(character)
        at.pilot.app.post_message(events.Key(key, character))


async def test_a_filter_typed_at_once_is_text_and_no_action() -> None:
    async with desk() as at:
        type_at_once(at, "/dl-dev\r")
        await at.until(lambda: at.names == ["dl-dev"] and not at.pane.filtering)
        assert at.pane.filter.text == "dl-dev"
        assert not isinstance(at.pilot.app.screen, ConfirmScreen)


async def test_what_is_typed_behind_a_filter_is_an_action_again() -> None:
    async with desk() as at:
        type_at_once(at, "/dl-dev\rs")
        await at.until(lambda: isinstance(at.pilot.app.screen, ConfirmScreen))
        assert at.pane.filter.text == "dl-dev"


async def test_a_range_marked_at_once_holds_every_row_of_it() -> None:
    async with desk() as at:
        first, second, third = (row.key for row in at.pane.table.rows[:3])
        type_at_once(at, "gvjjv")
        await at.until(lambda: at.pane.marked == {first, second, third})


async def test_an_action_in_the_middle_of_a_range_hits_all_of_it() -> None:
    async with desk() as at:
        names = at.names[:2]
        type_at_once(at, "gvjs")
        await at.until(lambda: isinstance(at.pilot.app.screen, ConfirmScreen))
        screen = at.pilot.app.screen
        assert isinstance(screen, ConfirmScreen)
        assert [line.split()[0] for line in screen.question.lines] == names


class Hasty(EnvtuiApp):
    """Keys are there before anything was made."""

    CSS_PATH = str(Path(app_module.__file__).parent / "styles" / "envtui.tcss")

    def on_load(self) -> None:
        super().on_load()
        for key in ("3", "D"):
            self.post_message(events.Key(key, key))


async def test_keys_before_the_panes_are_made_are_not_lost_and_break_nothing() -> None:
    monitor = Monitor(open_demo(DemoWorld(clock=FrozenClock())))
    monitor.start()
    app = Hasty(monitor, Settings())
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await until_async(lambda: isinstance(app.screen, DiskScreen))
            await settle(pilot)
            main = app.screen_stack[0]
            assert isinstance(main, MainScreen) and main.focused_pane.NAME == "gpus"
    finally:
        monitor.stop()


async def test_a_dialog_is_not_answered_by_keys_that_were_typed_before_it() -> None:
    async with desk() as at:
        main = at.pilot.app.screen_stack[0]
        assert isinstance(main, MainScreen)
        main._is_ready, main._early_keys = False, []
        type_at_once(at, "?q")
        await at.until(lambda: len(main._early_keys) == 2)
        ActionScreen.on_mount(main)
        await at.until(lambda: len(at.pilot.app.screen_stack) == 2)
        await settle(at.pilot)
        assert at.pilot.app.is_running


def _close(screen: Screen[Any]) -> None:
    """Without waiting for it, as a handler of the screen itself does."""
    screen.dismiss()


async def test_esc_right_behind_a_choice_in_the_palette_closes_nothing_else() -> None:
    async with desk() as at:
        app = at.pilot.app
        app.action_command_palette()
        palette = await at.on(CommandPalette)
        palette.post_message(events.Key("escape", None))
        palette.call_later(_close, palette)
        await at.until(lambda: app.screen is at.main)
        await settle(at.pilot)
        assert app.screen is at.main and app.return_value is None and app.is_running
