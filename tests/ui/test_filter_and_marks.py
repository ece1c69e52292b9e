"""The filter, marks and ranges of a pane."""

from __future__ import annotations

import pytest
from textual.widgets import Input, Label

from tests.ui.desk import Desk, desk
from tui.model.operations import Operation

EVERYTHING = 16
SERVING = ["serve-embed", "serve-qwen"]


def complaint(at: Desk) -> str:
    return str(at.pane.query_one("#complaint", Label).render())


class TestFilter:
    async def test_rows_follow_what_is_typed(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("^serve")
            assert at.names == SERVING
            await at.press("backspace", *["backspace"] * 5)
            assert len(at.names) == EVERYTHING

    async def test_an_exclamation_mark_inverts(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("!serve|train|note")
            assert set(at.names) & {*SERVING, "vision-train", "notebook-ana"} == set()
            assert "dl-dev" in at.names

    @pytest.mark.parametrize(
        ("text", "name"), [("8889", "notebook-ana"), ("postgres:16", "optuna-db"), ("PAUSED", "rl-sim")]
    )
    async def test_it_looks_at_ports_images_and_states_too(self, text: str, name: str) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write(text)
            assert at.names == [name]

    async def test_a_malformed_one_complains_and_leaves_the_last_good_one(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("serve(")
            assert complaint(at).startswith("▲ ")
            assert at.names == SERVING
            await at.write("-q)")
            assert complaint(at) == ""
            assert at.names == ["serve-qwen"]

    @pytest.mark.parametrize("text", ["a{99999999999999999999}", "[z-a]", "(?P<x"])
    async def test_no_malformed_one_ends_the_app(self, text: str) -> None:
        async with desk() as at:
            await at.press("/")
            at.pane.query_one(Input).value = text
            await at.until(lambda: complaint(at).startswith("▲"))
            assert at.pane.filter.text == ""

    async def test_keys_typed_in_it_are_text(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("qsdx?:!1 R@v+_<>.y")
            assert at.pane.query_one(Input).value == "qsdx?:!1 R@v+_<>.y"
            assert len(at.app.screen_stack) == 1
            assert not at.marked

    async def test_enter_keeps_it_and_goes_back_to_the_list(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("serve")
            await at.press("enter")
            assert not at.pane.filtering
            await at.press("j")
            assert (at.names, at.cursor) == (SERVING, "serve-qwen")
            assert "/serve/ 2 of 16" in at.bar("#containers .pane-title")

    async def test_esc_drops_it(self) -> None:
        async with desk() as at:
            await at.press("/")
            await at.write("serve")
            await at.press("escape")
            assert not at.pane.filtering
            assert len(at.names) == EVERYTHING
            await at.press("j")
            assert at.cursor is not None

    async def test_it_can_be_changed_later(self) -> None:
        async with desk() as at:
            await at.press("/", *"serve", "enter", "/", *"-q")
            assert at.names == ["serve-qwen"]

    async def test_the_cursor_stays_on_a_row_that_is_let_through(self) -> None:
        async with desk() as at:
            await at.go_to("serve-qwen")
            await at.press("/", *"serve")
            assert at.cursor == "serve-qwen"

    async def test_the_cursor_leaves_a_row_that_is_hidden(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await at.press("/", *"serve")
            assert at.cursor in SERVING

    async def test_what_appears_later_is_filtered_too(self) -> None:
        async with desk() as at:
            await at.press("/", *"exited", "enter")
            at.happen(Operation.STOP, "tensorboard")
            await at.until(lambda: "tensorboard" in at.names)
            assert "dl-dev" not in at.names

    async def test_nothing_matches_is_said_and_keys_go_on_working(self) -> None:
        async with desk() as at:
            await at.press("/", *"nosuch", "enter")
            assert "No row matches" in at.notice
            await at.press("escape")
            assert len(at.names) == EVERYTHING
            assert at.notice == ""


class TestMarks:
    async def test_space_marks_and_goes_on(self) -> None:
        async with desk() as at:
            first, second = at.names[:2]
            await at.press("space", "space")
            assert at.marked == {first, second}
            assert at.cursor == at.names[2]
            assert "2 marked" in at.bar("#containers .pane-title")

    async def test_space_again_takes_it_away(self) -> None:
        async with desk() as at:
            await at.press("space", "k", "space")
            assert at.marked == set()

    async def test_a_range_follows_the_cursor_until_it_is_ended(self) -> None:
        async with desk() as at:
            await at.press("j", "v", "j", "j")
            assert at.marked == set(at.names[1:4])
            assert "range" in at.bar("#containers .pane-title")
            await at.press("k", "v", "j", "j")
            assert at.marked == set(at.names[1:3])

    async def test_a_range_goes_upwards_too(self) -> None:
        async with desk() as at:
            await at.press("j", "j", "v", "g")
            assert at.marked == set(at.names[:3])

    async def test_a_range_adds_to_what_was_marked(self) -> None:
        async with desk() as at:
            await at.press("space", "j", "v", "j", "v")
            assert at.marked == {at.names[0], *at.names[2:4]}

    async def test_marks_stay_with_their_rows(self) -> None:
        async with desk() as at:
            await at.go_to("tensorboard")
            await at.press("space")
            at.happen(Operation.STOP, "tensorboard")
            await at.until(lambda: "exited" in at.cells("tensorboard")[0])
            assert at.marked == {"tensorboard"}

    async def test_a_mark_goes_with_its_container(self) -> None:
        async with desk() as at:
            await at.go_to("eval-suite")
            await at.press("space")
            at.happen(Operation.REMOVE, "eval-suite")
            await at.until(lambda: "eval-suite" not in at.names)
            assert at.pane.marked == frozenset()

    async def test_an_action_acts_on_marked_rows_that_are_not_hidden(self) -> None:
        async with desk() as at:
            for name in ("dl-dev", "serve-qwen"):
                await at.go_to(name)
                await at.press("space")
            await at.press("/", *"serve", "enter")
            assert [item.container.name for item in at.pane.targets()] == ["serve-qwen"]
            assert "1 marked, 1 hidden" in at.bar("#containers .pane-title")

    async def test_hidden_stopped_ones_are_not_acted_on(self) -> None:
        async with desk() as at:
            for name in ("eval-suite", "dl-dev"):
                await at.go_to(name)
                await at.press("space")
            await at.press("a")
            assert [item.container.name for item in at.pane.targets()] == ["dl-dev"]

    async def test_without_marks_it_is_the_row_under_the_cursor(self) -> None:
        async with desk() as at:
            await at.go_to("rl-sim")
            assert [item.container.name for item in at.pane.targets()] == ["rl-sim"]


class TestEscape:
    async def test_it_closes_the_topmost_thing_each_time(self) -> None:
        async with desk() as at:
            await at.press("space", "+", "/", *"serve", "enter", "v", "/")
            await at.press("escape")
            # the bar took its filter with it; the range is next, then the marks, then the enlarged pane
            assert len(at.names) == EVERYTHING
            assert "range" in at.bar("#containers .pane-title")
            await at.press("escape")
            assert "range" not in at.bar("#containers .pane-title")
            assert at.marked
            await at.press("escape")
            assert not at.marked
            assert at.main.has_class("-enlarged")
            await at.press("escape")
            assert not at.main.has_class("-enlarged")

    async def test_a_kept_filter_goes_before_marks(self) -> None:
        async with desk() as at:
            await at.press("space", "/", *"a", "enter", "escape")
            assert at.pane.filter.text == ""
            assert at.marked

    async def test_at_the_bottom_it_does_nothing(self) -> None:
        async with desk() as at:
            await at.press("escape", "escape")
            assert at.app.is_running
            assert len(at.names) == EVERYTHING
