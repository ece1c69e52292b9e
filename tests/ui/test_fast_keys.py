"""Keys that come faster than Textual's messages: each has its effect before the next one is looked at."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.command import CommandPalette
from textual.keys import _character_to_key
from textual.screen import Screen

from tests.ui.desk import Desk, desk, settle
from tui.ui.screens.confirm import ConfirmScreen


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
