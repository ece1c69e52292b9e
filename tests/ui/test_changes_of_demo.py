"""Environments changed, compared, exported and carried over on the make-believe machine, from the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, Static

from tests.ui.desk import Desk, desk, settle
from tui.demo.clock import FrozenClock
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.screens.carrying import CarryingScreen
from tui.ui.screens.change_form import ChangeForm
from tui.ui.screens.change_job import ChangeJobScreen
from tui.ui.screens.change_plan import ChangePlanScreen
from tui.ui.screens.choose import ChooseScreen
from tui.ui.screens.comparison import ComparisonScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.export import ExportScreen
from tui.ui.screens.file_problems import FileProblemsScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.save_log import SaveLogScreen

FILES = Path(__file__).parents[1] / "fixtures" / "environment_files"
BOX = "dl-dev"


@asynccontextmanager
async def environments(read_only: bool = False, size: tuple[int, int] = (120, 36)) -> AsyncIterator[Desk]:
    async with desk(read_only=read_only, size=size) as at:
        await at.until(lambda: at.monitor.is_at_rest)
        await at.go_to(BOX)
        await at.press("enter")
        await at.until(lambda: pane(at).table.rows)
        yield at


def pane(at: Desk) -> EnvironmentsPane:
    return at.main.query_one(EnvironmentsPane)


def names(at: Desk) -> list[str]:
    return [item.environment.name for item in pane(at).items]


async def choose(at: Desk, name: str) -> None:
    (item,) = [each for each in pane(at).items if each.environment.name == name]
    assert pane(at).table.move_to_key(pane(at).key(item))
    await settle(at.pilot)


async def run(at: Desk, name: str) -> None:
    (action,) = [each for each in EnvironmentsPane.ACTIONS if each.id == f"environments.{name}"]
    at.main.run_action_entry(action)
    await settle(at.pilot)


async def fill_in(at: Desk, **values: str) -> None:
    form = await at.on(ChangeForm)
    for name, text in values.items():
        form.query_one(f"#field-{name}", Input).value = text
    await settle(at.pilot)
    form.query(Input).last().focus()
    await at.press("enter")


async def agree(at: Desk) -> None:
    await at.on(ChangePlanScreen)
    await at.press("right", "enter")
    await at.on(ChangeJobScreen)


def state(at: Desk) -> str:
    """What the job on screen says of itself."""
    screen = at.app.screen
    return screen.state if isinstance(screen, ChangeJobScreen) else ""


def words(at: Desk) -> str:
    return "\n".join(str(each.render()) for each in at.app.screen.query(Static))


def pass_time(at: Desk, seconds: float) -> None:
    assert isinstance(at.world.clock, FrozenClock)
    at.world.clock.advance(seconds)


async def done(at: Desk) -> None:
    """Time passes until the job on screen is over."""

    def is_over() -> bool:
        pass_time(at, 0.5)
        return "● done" in state(at)

    await at.until(is_over)


class TestChanges:
    async def test_a_new_one_is_there_when_its_job_is_done(self) -> None:
        async with environments() as at:
            await run(at, "create")
            await fill_in(at, name="fresh", python="3.12", packages="numpy")
            await at.on(ChangePlanScreen)
            assert "numpy" in at.text and "+ comes" in at.text
            await agree(at)
            await done(at)
            assert "Executing transaction" in at.text
            await at.press("escape")
            await at.until(lambda: "fresh" in names(at))

    async def test_a_half_made_one_goes_when_its_name_is_typed(self) -> None:
        async with environments() as at:
            await choose(at, "seg_分割")
            await run(at, "remove")
            await at.on(ChangePlanScreen)
            assert "half made" in at.text and "/opt/conda/envs/seg_分割" in at.text
            await at.write("seg_分割")
            await at.press("enter")
            await at.on(ChangeJobScreen)
            await done(at)
            await at.press("escape")
            await at.until(lambda: "seg_分割" not in names(at))

    async def test_nothing_is_left_of_one_that_is_cancelled(self) -> None:
        async with environments() as at:
            await run(at, "create")
            await fill_in(at, name="fresh", packages="numpy")
            await agree(at)
            pass_time(at, 1.0)
            await at.press("c")
            await at.on(ConfirmScreen)
            await at.press("right", "enter")
            await at.on(ChangeJobScreen)
            await at.until(lambda: "○ cancelled" in state(at))
            await at.press("escape")
            await at.until(lambda: at.monitor.is_at_rest)
            assert "fresh" not in names(at)

    async def test_base_is_as_it_was_whatever_is_tried(self) -> None:
        async with environments() as at:
            await choose(at, "base")
            before = pane(at).current
            for action in ("install", "update", "uninstall", "rename", "remove"):
                await run(at, action)
                assert isinstance(at.app.screen, MainScreen)
            await at.press("R")
            await at.until(lambda: at.monitor.is_at_rest)
            await choose(at, "base")
            after = pane(at).current
            assert before is not None and after is not None
            assert after.environment.fingerprint == before.environment.fingerprint

    async def test_a_stopped_container_takes_its_job_along(self) -> None:
        from tui.model.operations import Operation

        async with environments() as at:
            await run(at, "create")
            await fill_in(at, name="fresh", packages="numpy")
            await agree(at)
            at.happen(Operation.STOP, BOX)
            await at.until(lambda: "▲ lost" in state(at))
            assert "stopped" in state(at)


class TestCheck:
    async def test_the_corrected_lines_are_used_and_the_file_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "environment.yml"
        path.write_bytes((FILES / "faulty" / "often_copied.yml").read_bytes())
        async with environments() as at:
            await run(at, "create_from_file")
            await fill_in(at, path=str(path), name="fresh")
            screen = await at.on(FileProblemsScreen)
            told = at.text
            assert "cudatoolkit" in told and "should be" in told
            corrected = screen.checked.corrected
            assert corrected is not None
            await at.press("right", "right", "enter")
            plan = (await at.on(ChangePlanScreen)).plan
            assert plan.change.file is not None and "torchvision=0.24" in plan.change.file.text
            assert path.read_bytes() == (FILES / "faulty" / "often_copied.yml").read_bytes()

    async def test_cancel_makes_nothing(self, tmp_path: Path) -> None:
        async with environments() as at:
            await run(at, "create_from_file")
            await fill_in(at, path=str(FILES / "faulty" / "no_pip.yml"), name="fresh")
            await at.on(FileProblemsScreen)
            await at.press("enter")
            await at.on(MainScreen)

    async def test_a_right_one_goes_on_at_once_under_its_own_name(self, tmp_path: Path) -> None:
        path = tmp_path / "environment.yml"
        path.write_text("name: quiet\nchannels: [conda-forge]\ndependencies: [python=3.12, numpy]\n")
        async with environments() as at:
            await run(at, "create_from_file")
            await fill_in(at, path=str(path))
            screen = await at.on(ChangePlanScreen)
            assert screen.plan.change.prefix == "/opt/conda/envs/quiet"

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [("dependencies: [numpy]\n", "the file gives none"), ("name: [\n", "line"),
         ("name: vision\ndependencies: [numpy]\n", "there is one already")],
    )  # fmt: skip
    async def test_what_can_not_be_is_said_on_the_form(
        self, tmp_path: Path, text: str, complaint: str
    ) -> None:
        path = tmp_path / "environment.yml"
        path.write_text(text)
        async with environments() as at:
            await run(at, "create_from_file")
            await fill_in(at, path=str(path))
            await at.until(lambda: complaint in words(at))
            assert isinstance(at.app.screen, ChangeForm)


class TestComparison:
    async def test_two_that_are_marked(self) -> None:
        async with environments() as at:
            for name in ("vision", "next"):
                await choose(at, name)
                await at.press("space")
            await at.press("=")
            await at.on(ComparisonScreen)
            await at.until(lambda: "PACKAGE" in at.text)
            lines = at.text.splitlines()
            packages = lines[next(n for n, line in enumerate(lines) if "PACKAGE" in line) + 1 :]
            assert " torch " in packages[0]

    async def test_the_marked_one_and_the_one_under_the_cursor_of_two_containers(self) -> None:
        async with environments() as at:
            await at.press("E")
            keys = {pane(at).key(each): each for each in pane(at).items}
            one = next(key for key, each in keys.items() if each.environment.name == "vision")
            other = next(
                key
                for key, each in keys.items()
                if each.container.name == "llm-finetune" and each.environment.name == "base"
            )
            pane(at).table.move_to_key(one)
            await settle(at.pilot)
            await at.press("space")
            pane(at).table.move_to_key(other)
            await settle(at.pilot)
            await at.press("=")
            await at.on(ComparisonScreen)
            await at.until(lambda: "base in llm-finetune" in at.text)

    async def test_one_alone_says_what_to_mark(self) -> None:
        async with environments() as at:
            await choose(at, "vision")
            await at.press("=")
            assert "mark two" in at.toasts[-1][1]
            await at.press("space")
            await choose(at, "vision")
            await at.press("=")
            assert isinstance(at.app.screen, MainScreen)

    async def test_with_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "environment.yml"
        path.write_text("name: x\ndependencies: [python=3.9, nosuch]\n")
        async with environments(read_only=True) as at:
            await choose(at, "vision")
            await run(at, "compare_file")
            await fill_in(at, path=str(path))
            await at.on(ComparisonScreen)
            await at.until(lambda: "nosuch" in at.text)
            assert "+ right only" in at.text and "environment.yml" in at.text

    async def test_it_can_be_filtered(self) -> None:
        async with environments() as at:
            await choose(at, "vision")
            await at.press("space")
            await choose(at, "next")
            await at.press("=")
            await at.on(ComparisonScreen)
            await at.until(lambda: "PACKAGE" in at.text)
            await at.press("/", *"^~ differs +torch ")
            await at.until(lambda: sum(line.startswith("~") for line in at.text.splitlines()) == 1)
            assert "left   vision" in at.text


class TestExport:
    async def opened(self, at: Desk, name: str = "vision") -> ExportScreen:
        await choose(at, name)
        await run(at, "export")
        screen = await at.on(ExportScreen)
        await at.until(lambda: "dependencies:" in at.text)
        return screen

    async def test_three_forms_the_file_alone_is_copied(self) -> None:
        async with environments(read_only=True) as at:
            await self.opened(at)
            await at.press("y")
            assert at.app.clipboard.startswith("name: vision\n")
            await at.press("f")
            await at.until(lambda: "what was asked for" in at.app.screen._title)  # type: ignore[attr-defined]
            await at.press("f")
            await at.until(lambda: "@EXPLICIT" in at.text)

    async def test_it_is_saved_and_never_over_a_file_unasked(self, tmp_path: Path) -> None:
        async with environments() as at:
            await self.opened(at)
            path = tmp_path / "vision.yml"
            path.write_text("mine\n")
            await at.press("s")
            dialog = await at.on(SaveLogScreen)
            assert dialog.query_one(Input).value.endswith("vision.yml")
            assert "Save the export of vision" in words(at)
            dialog.query_one(Input).value = str(path)
            await settle(at.pilot)
            await at.press("enter")
            await at.until(lambda: "enter again replaces it" in words(at))
            assert path.read_text() == "mine\n"
            await at.press("enter")
            await at.until(lambda: path.read_text().startswith("name: vision\n"))
            await at.until(lambda: "Saved" in [title for title, _ in at.toasts])


class TestCopy:
    async def way(self, at: Desk, name: str, target: str) -> OptionList:
        await choose(at, name)
        await run(at, "copy_over")
        await self.pick(await self.options(at), target, at)
        return await self.options(at)

    async def options(self, at: Desk) -> OptionList:
        screen = await at.on(ChooseScreen)
        return screen.query_one(OptionList)

    async def pick(self, options: OptionList, text: str, at: Desk) -> None:
        prompts = [str(options.get_option_at_index(index).prompt) for index in range(options.option_count)]
        options.highlighted = next(index for index, prompt in enumerate(prompts) if text in prompt)
        before = at.app.screen
        await at.press("enter")
        await at.until(lambda: at.app.screen is not before)

    async def test_it_is_made_anew_from_its_packages(self) -> None:
        async with environments() as at:
            ways = await self.way(at, "vision", "llm-finetune")
            await self.pick(ways, "from its packages", at)
            screen = await at.on(ChangePlanScreen)
            change = screen.plan.change
            assert (change.container_name, change.file is not None) == ("llm-finetune", True)
            assert change.prefix == "/opt/conda/envs/vision"

    async def test_its_files_are_carried(self) -> None:
        async with environments() as at:
            ways = await self.way(at, "vision", "llm-finetune")
            await self.pick(ways, "Carry its files", at)
            await at.until(lambda: "Is in llm-finetune" in [title for title, _ in at.toasts])
            await at.on(MainScreen)
            await at.press("E")
            await at.until(
                lambda: (
                    ("llm-finetune", "vision")
                    in [(each.container.name, each.environment.name) for each in pane(at).items]
                )
            )

    async def test_base_is_not_carried(self) -> None:
        async with environments() as at:
            ways = await self.way(at, "base", "llm-finetune")
            carrying = ways.get_option_at_index(1)
            assert carrying.disabled and "base is the installation itself" in str(carrying.prompt)

    async def test_why_it_failed_is_told(self) -> None:
        async with environments() as at:
            ways = await self.way(at, "vision", "llm-finetune")
            at.world.faults.refuse_actions = True
            await self.pick(ways, "Carry its files", at)
            await at.on(CarryingScreen)
            await at.until(lambda: "▲" in words(at))
            await at.press("escape")
            await at.on(MainScreen)
