"""Keys that come faster than Textual's messages: each has its effect before the next one is looked at."""

from __future__ import annotations

from textual import events
from textual.keys import _character_to_key

from tests.ui.desk import Desk, desk
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
