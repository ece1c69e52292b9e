"""Dialogs before anything disruptive, jobs and what becomes of them, and quitting."""

from __future__ import annotations

import pytest
from textual.widgets import Button, Input, OptionList, Static

from tests.ui.desk import Desk, desk
from tui.model.containers import ContainerState
from tui.model.operations import Operation
from tui.monitor.topics import JOBS
from tui.ui.panes.containers import ContainersPane
from tui.ui.screens.action_menu import ActionMenu
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.rename import RenameScreen


def words(screen: ConfirmScreen) -> str:
    return "\n".join(str(static.render()) for static in screen.query(Static))


def focused(at: Desk) -> str | None:
    return at.app.focused.id if at.app.focused else None


def state(at: Desk, name: str) -> ContainerState:
    return at.container(name).state


async def run(at: Desk, action_id: str) -> None:
    """Run an action that has no key of its own."""
    (action,) = [each for each in ContainersPane.ACTIONS if each.id == action_id]
    at.main.run_action_entry(action)


class TestConfirm:
    @pytest.mark.parametrize(
        ("key", "title", "consequence"),
        [
            ("s", "Stop dl-dev?", "SIGTERM"),
            ("r", "Restart dl-dev?", "start anew"),
            ("p", "Pause dl-dev?", "stand still"),
            ("d", "Remove tensorboard?", "Its writable layer goes for good"),
        ],
    )
    async def test_it_says_what_will_happen_to_what_with_cancel_focused(
        self, key: str, title: str, consequence: str
    ) -> None:
        name = title.removesuffix("?").split()[1]
        async with desk() as at:
            await at.go_to(name)
            await at.press(key)
            screen = await at.on(ConfirmScreen)
            told = words(screen)
            assert title in told
            assert f"{name}  {at.container(name).short_id}" in told
            assert consequence in told
            assert focused(at) == "cancel"

    @pytest.mark.parametrize("key", ["enter", "escape"])
    async def test_enter_and_esc_alone_do_nothing(self, key: str) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await at.press("s")
            await at.on(ConfirmScreen)
            await at.press(key)
            await at.on(MainScreen)
            assert at.monitor.store.value(JOBS) is None
            assert state(at, "dl-dev") is ContainerState.RUNNING

    async def test_the_other_button_does_it(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await at.press("s")
            await at.on(ConfirmScreen)
            await at.press("right", "enter")
            await at.until(lambda: "exited" in at.cells("dl-dev")[0])
            assert at.cursor == "dl-dev"

    async def test_it_names_every_marked_container_and_no_other(self) -> None:
        async with desk() as at:
            for name in ("dl-dev", "rl-sim"):
                await at.go_to(name)
                await at.press("space")
            await at.press("s")
            screen = await at.on(ConfirmScreen)
            assert "Stop 2 containers?" in words(screen)
            assert len(screen.question.lines) == 2
            await at.press("right", "enter")
            await at.until(lambda: all("exited" in at.cells(name)[0] for name in ("dl-dev", "rl-sim")))
            assert not at.marked

    async def test_marked_ones_that_a_filter_hides_are_not_named(self) -> None:
        async with desk() as at:
            for name in ("dl-dev", "serve-qwen"):
                await at.go_to(name)
                await at.press("space")
            await at.press("/", *"serve", "enter", "s")
            screen = await at.on(ConfirmScreen)
            assert [line.split()[0] for line in screen.question.lines] == ["serve-qwen"]

    async def test_keys_of_the_list_mean_nothing_in_it(self) -> None:
        async with desk() as at:
            await at.go_to("dl-dev")
            await at.press("s")
            await at.on(ConfirmScreen)
            await at.press("d", "q", "space", "x")
            assert isinstance(at.app.screen, ConfirmScreen)

    async def test_removing_says_that_it_is_stopped_first(self) -> None:
        async with desk() as at:
            await at.go_to("tensorboard")
            await at.press("d")
            screen = await at.on(ConfirmScreen)
            assert screen.question.lines[0].endswith("is stopped first")
            screen.query(Button).last().press()
            await at.until(lambda: "tensorboard" not in at.names)

    async def test_starting_needs_no_dialog(self) -> None:
        async with desk() as at:
            await at.go_to("eval-suite")
            await at.press("s")
            await at.until(lambda: "running" in at.cells("eval-suite")[0])

    async def test_going_on_needs_no_dialog(self) -> None:
        async with desk() as at:
            await at.go_to("rl-sim")
            await at.press("p")
            await at.until(lambda: "running" in at.cells("rl-sim")[0])

    async def test_a_container_that_went_meanwhile_is_told_before_the_dialog(self) -> None:
        async with desk() as at:
            await at.press("!")
            await at.go_to("eval-suite")
            at.happen(Operation.REMOVE, "eval-suite")
            await at.press("d")
            await at.until(lambda: at.toasts)
            assert at.toasts[-1][0] == "No such container"


class TestJobs:
    async def test_a_failure_is_told_with_its_reason(self) -> None:
        async with desk() as at:
            at.world.faults.refuse_actions = True
            await at.go_to("eval-suite")
            await at.press("s")
            await at.until(lambda: at.toasts)
            assert at.toasts[-1][0] == "Start eval-suite: failed"
            assert "eval-suite: error while moving mount" in at.toasts[-1][1]

    async def test_the_same_again_while_it_is_under_way_is_refused(self) -> None:
        async with desk() as at:
            at.world.faults.frozen_seconds = 1000.0
            at.world.faults.frozen_engine = True
            await at.go_to("eval-suite")
            await at.press("s")
            await at.until(lambda: "1 job" in at.bar("#status-bar"))
            await at.press("s")
            await at.until(lambda: at.toasts)
            assert at.toasts[-1][0] == "Already under way"
            assert "docker start eval-suite" in at.toasts[-1][1]
            at.world.faults.frozen_engine = False
            await at.until(lambda: "running" in at.cells("eval-suite")[0])
            await at.until(lambda: "1 job" not in at.bar("#status-bar"))

    async def test_read_only_has_no_such_actions(self) -> None:
        async with desk(read_only=True) as at:
            assert "READ-ONLY" in at.bar("#status-bar")
            await at.go_to("dl-dev")
            await at.press("s", "d", "p", "r")
            assert isinstance(at.app.screen, MainScreen)
            assert "delete" not in at.bar("#key-bar")
            await at.press("x")
            menu = await at.on(ActionMenu)
            options = menu.query_one(OptionList)
            prompts = [
                str(options.get_option_at_index(index).prompt) for index in range(options.option_count)
            ]
            assert not [prompt for prompt in prompts if prompt.endswith("…")]
            assert any("Inspect" in prompt for prompt in prompts)


class TestRename:
    async def opened(self, at: Desk) -> RenameScreen:
        await at.go_to("dl-dev")
        await run(at, "containers.rename")
        return await at.on(RenameScreen)

    async def test_a_new_name(self) -> None:
        async with desk() as at:
            await self.opened(at)
            await at.write("dl-prod")
            await at.press("enter")
            await at.until(lambda: "dl-prod" in at.names)
            assert at.cursor == "dl-prod"

    async def test_a_name_that_can_not_be_is_complained_about_and_not_taken(self) -> None:
        async with desk() as at:
            screen = await self.opened(at)
            await at.write(" x")
            assert "a–z" in str(screen.query_one(".dialog-consequence", Static).render())
            await at.press("enter")
            assert isinstance(at.app.screen, RenameScreen)

    @pytest.mark.parametrize("key", ["enter", "escape"])
    async def test_the_same_name_and_esc_change_nothing(self, key: str) -> None:
        async with desk() as at:
            screen = await self.opened(at)
            assert screen.query_one(Input).value == "dl-dev"
            await at.press(key)
            await at.on(MainScreen)
            assert at.monitor.store.value(JOBS) is None

    async def test_only_one_at_a_time(self) -> None:
        async with desk() as at:
            await at.press("space", "space")
            await run(at, "containers.rename")
            await at.until(lambda: at.toasts)
            assert at.toasts[-1][1] == "more than one is marked"


class TestQuit:
    @pytest.mark.parametrize("key", ["q", "ctrl+c"])
    async def test_at_once_when_nothing_is_under_way(self, key: str) -> None:
        async with desk() as at:
            await at.press(key)
            await at.until(lambda: not at.app.is_running)

    async def test_ctrl_c_quits_from_an_input_too(self) -> None:
        async with desk() as at:
            await at.press("/", "a", "ctrl+c")
            await at.until(lambda: not at.app.is_running)

    async def busy(self, at: Desk) -> ConfirmScreen:
        at.world.faults.frozen_seconds = 1000.0
        at.world.faults.frozen_engine = True
        await at.go_to("eval-suite")
        await at.press("s")
        await at.until(lambda: "1 job" in at.bar("#status-bar"))
        await at.press("q")
        return await at.on(ConfirmScreen)

    async def test_it_asks_while_a_job_is_under_way(self) -> None:
        async with desk() as at:
            screen = await self.busy(at)
            assert "Start eval-suite" in words(screen)
            assert focused(at) == "cancel"
            await at.press("enter")
            await at.on(MainScreen)
            assert at.app.is_running

    @pytest.mark.parametrize("keys", [("right", "enter"), ("ctrl+c",)])
    async def test_and_quits_when_told_again(self, keys: tuple[str, ...]) -> None:
        async with desk() as at:
            await self.busy(at)
            await at.press(*keys)
            await at.until(lambda: not at.app.is_running)
