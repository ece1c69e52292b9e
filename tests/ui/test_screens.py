"""The screens behind the keys: help, palette, menu, command log, inspect, processes; copying, sizes."""

from __future__ import annotations

from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widgets import OptionList

from tests.making import full_id
from tests.ui.desk import Desk, desk
from tui.model.operations import Operation, plan
from tui.settings import Settings
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.panes import PANES
from tui.ui.panes.containers import ContainersPane
from tui.ui.screens.action_menu import ActionMenu
from tui.ui.screens.aligned import aligned_lines
from tui.ui.screens.command_log import CommandLogScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.help import HelpScreen
from tui.ui.screens.inspect import InspectScreen, tree_lines
from tui.ui.screens.main import MainScreen
from tui.ui.screens.processes import ProcessesScreen
from tui.ui.screens.text import TextScreen
from tui.ui.widgets.line_table import LineTable


class TestHelp:
    async def test_it_lists_every_action_with_its_keys(self) -> None:
        async with desk() as at:
            await at.press("?")
            await at.on(HelpScreen)
            lines = at.text.splitlines()
            for action in (*EVERYWHERE_ACTIONS, *(action for pane in PANES for action in pane.ACTIONS)):
                keys = " ".join(at.app.keymap.keys(action.id)) or "x or palette"
                assert [line for line in lines if line.startswith(f"  {keys} ") and action.label in line]

    async def test_it_shows_the_users_own_keys(self) -> None:
        async with desk(settings=Settings(keys={"containers.stop": ("f9",)})) as at:
            await at.press("?")
            await at.on(HelpScreen)
            (line,) = [line for line in at.text.splitlines() if "Stop, or start" in line]
            assert line.split()[0] == "f9"

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_it_is_closed_and_the_keys_go_to_the_list_again(self, key: str) -> None:
        async with desk() as at:
            await at.press("?")
            await at.on(HelpScreen)
            await at.press(key)
            await at.on(MainScreen)
            await at.press("j")
            assert at.cursor == at.names[1]

    async def test_it_is_filtered_and_esc_clears_the_filter_first(self) -> None:
        async with desk() as at:
            await at.press("?")
            await at.on(HelpScreen)
            whole = at.text
            await at.press("/", *"quit", "enter")
            assert [line for line in at.text.splitlines() if "quit" not in line.lower()] == []
            await at.press("escape")
            assert at.text == whole
            await at.press("escape")
            await at.on(MainScreen)

    async def test_a_changed_key_works(self) -> None:
        async with desk(settings=Settings(keys={"app.help": (";",)})) as at:
            await at.press("?")
            assert isinstance(at.app.screen, MainScreen)
            await at.press(";")
            await at.on(HelpScreen)


class TestPalette:
    async def test_it_finds_an_action_by_its_words_and_runs_it(self) -> None:
        async with desk() as at:
            await at.press(":")
            screen = await at.on(CommandPalette)
            await at.write("freeze")
            options = screen.query_one(OptionList)
            await at.until(
                lambda: options.option_count and "Freeze" in str(options.get_option_at_index(0).prompt)
            )
            assert options.option_count < len(EVERYWHERE_ACTIONS)
            await at.press("enter")
            await at.until(lambda: at.app.bridge.frozen)

    async def test_it_shows_every_action_and_none_of_textuals(self) -> None:
        async with desk() as at:
            await at.press("ctrl+p")
            screen = await at.on(CommandPalette)
            expected = len(EVERYWHERE_ACTIONS) + sum(len(pane.ACTIONS) for pane in PANES)
            await at.until(lambda: screen.query_one(OptionList).option_count == expected)

    async def test_esc_closes_it(self) -> None:
        async with desk() as at:
            await at.press(":")
            await at.on(CommandPalette)
            await at.press("escape")
            await at.on(MainScreen)


class TestMenu:
    async def prompts(self, at: Desk) -> dict[str, bool]:
        """What the menu of the selected container says, and whether it can be chosen."""
        await at.press("x")
        options = (await at.on(ActionMenu)).query_one(OptionList)
        every = [options.get_option_at_index(index) for index in range(options.option_count)]
        return {str(option.prompt).strip(): not option.disabled for option in every}

    async def test_every_action_of_the_pane_with_its_key(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            prompts = await self.prompts(at)
            assert len(prompts) == len(ContainersPane.ACTIONS)
            assert prompts["i  Inspect"]

    async def test_what_can_not_be_done_is_greyed_with_the_reason(self) -> None:
        async with desk() as at:
            await at.go_to("eval-suite")
            prompts = await self.prompts(at)
            assert prompts["t  Processes  (it does not run)"] is False
            assert prompts["s  Stop, or start what is stopped …"] is True

    async def test_a_key_chooses(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await self.prompts(at)
            await at.press("s")
            await at.on(ConfirmScreen)

    async def test_enter_chooses(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await self.prompts(at)
            # Environments and Logs are above it
            await at.press("j", "j", "j", "k", "enter")
            screen = await at.on(ConfirmScreen)
            assert screen.question.title == "Stop dl-dev?"

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_it_is_closed_without_doing_anything(self, key: str) -> None:
        async with desk() as at:
            await self.prompts(at)
            await at.press(key)
            await at.on(MainScreen)


class TestCommandLog:
    async def test_it_is_empty_at_first_and_follows_what_is_done(self) -> None:
        async with desk() as at:
            await at.press("@")
            await at.on(CommandLogScreen)
            assert at.text == "Nothing was done yet."
            at.monitor.submit(plan(Operation.START, (at.container("eval-suite"),)))
            await at.until(lambda: "docker start eval-suite" in at.text)
            assert "done" in at.text

    async def test_a_failure_is_there_in_whole(self) -> None:
        async with desk() as at:
            at.world.faults.refuse_actions = True
            await at.go_to("eval-suite")
            await at.press("s")
            await at.until(lambda: at.toasts)
            await at.press("@")
            await at.on(CommandLogScreen)
            assert "error while moving mount" in at.text


class TestInspect:
    async def test_secrets_are_masked_until_asked_for(self) -> None:
        async with desk() as at:
            await at.go_to("notebook-ana")
            await at.press("i")
            await at.on(InspectScreen)
            await at.until(lambda: "JUPYTER_TOKEN=••••••" in at.text)
            assert "GRANT_SUDO=yes" in at.text
            await at.press("v")
            assert "JUPYTER_TOKEN=5c0f9e2d7ab84163" in at.text
            await at.press("v")
            assert "5c0f9e2d7ab84163" not in at.text

    async def test_a_double_click_does_what_enter_does(self) -> None:
        async with desk() as at:
            await at.pilot.click(LineTable, offset=(15, 2), times=2)
            await at.until(lambda: at.main.focused_pane.NAME == "environments")
            assert at.cursor == at.names[1]

    async def test_a_failure_is_told_there(self) -> None:
        async with desk() as at:
            await at.press("!")
            await at.go_to("eval-suite")
            at.happen(Operation.REMOVE, "eval-suite")
            await at.press("i")
            await at.on(InspectScreen)
            await at.until(lambda: "No such container" in at.text)

    @pytest.mark.parametrize(
        ("told", "lines"),
        [
            ({"a": {"b": [1, None, True]}}, ["a:", "  b:", "    - 1", "    - null", "    - true"]),
            ({"a": {}, "b": [], "c": ""}, ["a: {}", "b: []", 'c: ""']),
            ({"E": ["API_KEY=x", "A=b", "TOKEN="]}, ["E:", "  - API_KEY=••••••", "  - A=b", "  - TOKEN="]),
            ({"Password": "x", "HF_TOKEN": "y"}, ["Password: ••••••", "HF_TOKEN: ••••••"]),
            ({"k\x1b": "\x1b[2J[bold]"}, ["k␛: ␛[2J[bold]"]),
            ([{"a": 1}], ["-", "  a: 1"]),
        ],
    )  # fmt: skip
    def test_the_tree(self, told: Any, lines: list[str]) -> None:
        assert ["".join(text for text, _ in line) for line in tree_lines(told, False)] == lines


class TestProcesses:
    async def test_they_are_listed_and_asked_for_again(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await at.press("t")
            await at.on(ProcessesScreen)
            await at.until(lambda: "sshd -D" in at.text)
            at.happen(Operation.STOP, "dl-dev")
            await at.press("R")
            await at.until(lambda: "is not running" in at.text)

    async def test_of_a_stopped_container_there_are_none(self) -> None:
        async with desk() as at:
            await at.go_to("eval-suite")
            await at.press("t")
            await at.until(lambda: at.toasts)
            assert at.toasts[-1][1] == "it does not run"

    def test_columns_are_aligned(self) -> None:
        lines = aligned_lines(("PID", "CMD"), (("1", "sh\x1b"), ("4242", "sleep 1")))
        assert ["".join(text for text, _ in line) for line in lines] == [
            "PID   CMD", "1     sh␛", "4242  sleep 1"
        ]  # fmt: skip

    def test_no_titles_no_lines(self) -> None:
        assert aligned_lines((), ()) == []


class TestCopy:
    async def test_the_name(self) -> None:
        async with desk() as at:
            await at.go_to("rl-sim")
            await at.press("y")
            assert at.app.clipboard == "rl-sim"
            assert at.toasts[-1] == ("Copied", "rl-sim")

    async def test_the_names_of_the_marked_ones(self) -> None:
        async with desk() as at:
            await at.press("space", "space", "y")
            assert at.app.clipboard.splitlines() == at.names[:2]

    @pytest.mark.parametrize("label", ["Copy the full id", "Copy the image's name"])
    async def test_the_id_or_the_image(self, label: str) -> None:
        async with desk() as at:
            await at.go_to("rl-sim")
            container = at.container("rl-sim")
            (action,) = [each for each in ContainersPane.ACTIONS if each.label == label]
            at.main.run_action_entry(action)
            assert at.app.clipboard == (container.id if "id" in label else container.image)
            assert len(container.id) == len(full_id(""))

    async def test_the_lines_of_a_screen(self) -> None:
        async with desk() as at:
            await at.press("?")
            screen = await at.on(TextScreen)
            await at.press("y")
            assert at.app.clipboard == at.text
            assert screen.is_current


class TestSize:
    async def test_enlarge_and_shrink(self) -> None:
        async with desk() as at:
            before = at.pane.table.size.height
            await at.press("+")
            await at.until(lambda: at.pane.table.size.height > before)
            await at.press("_")
            await at.until(lambda: at.pane.table.size.height == before)

    async def test_80_by_24_shows_what_matters(self) -> None:
        async with desk(size=(80, 24)) as at:
            header = at.pane.table.render_line(0).text
            assert [title for title in ("STATE", "NAME", "CPU", "MEMORY", "AGE") if title not in header] == []
            assert "quit" in at.bar("#key-bar")

    async def test_pages(self) -> None:
        async with desk(size=(100, 14)) as at:
            await at.press("pagedown")
            page = at.names.index(at.cursor or "")
            assert page > 2
            await at.press("pageup")
            assert at.cursor == at.names[0]
            await at.press("G", "k", "g", "end", "home", "down", "up")
            assert at.cursor == at.names[0]

    async def test_only_what_is_on_screen_is_measured(self) -> None:
        async with desk(size=(100, 14)) as at:
            await at.until(lambda: at.monitor._statistics._wanted)
            assert at.monitor._statistics._wanted == set(at.pane.table.visible_keys())
            assert len(at.monitor._statistics._wanted) < len(at.names)
            await at.press("G")
            await at.until(lambda: at.container(at.names[-1]).id in at.monitor._statistics._wanted)


class TestDetail:
    async def test_it_follows_the_cursor(self) -> None:
        async with desk() as at:
            await at.go_to("diffusion-train")
            await at.until(lambda: "out of memory" in at.bar("#containers .pane-detail"))
            await at.go_to("tensorboard")
            assert "tensorboard --logdir" in at.bar("#containers .pane-detail")

    async def test_an_unknown_figure_says_why(self) -> None:
        async with desk(size=(160, 24)) as at:
            await at.go_to("dcgm-exporter")
            await at.until(lambda: "shares the host's network" in at.bar("#containers .pane-detail"))
