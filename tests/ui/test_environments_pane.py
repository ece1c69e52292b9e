"""The Environments pane as a person uses it, on the make-believe workstation."""

from __future__ import annotations

from typing import Any

import pytest
from textual.widgets import Static

from tests.ui.desk import Desk, desk, settle
from tui.demo.world import DemoWorld
from tui.model.containers import Container
from tui.model.environments import EnvironmentList
from tui.model.errors import EngineRefused, EngineTimeout
from tui.model.operations import Operation
from tui.monitor.topics import ENVIRONMENTS
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.screens.main import MainScreen
from tui.ui.screens.package_search import PackageSearchScreen
from tui.ui.screens.packages import PackagesScreen
from tui.ui.widgets.line_bar import LineBar
from tui.workstation import open_demo

WIDE = (120, 36)


def pane(at: Desk) -> EnvironmentsPane:
    return at.main.query_one(EnvironmentsPane)


def names(at: Desk) -> list[str]:
    return [row.cells[0] for row in pane(at).table.rows]


def notice(at: Desk) -> str:
    shown = pane(at).query_one(".pane-notice", Static)
    return str(shown.render()) if pane(at).has_class("-empty") else ""


def bar(at: Desk, name: str) -> str:
    return pane(at).query_one(name, LineBar).text


def current(at: Desk) -> str:
    row = pane(at).current
    return row.environment.name if row is not None else ""


async def at_rest(at: Desk) -> None:
    await at.until(lambda: at.monitor.is_at_rest)
    at.app.bridge.drain()
    await settle(at.pilot)


async def open_pane(at: Desk, container: str) -> None:
    await at_rest(at)
    await at.go_to(container)
    await at.press("enter")
    await at.until(lambda: pane(at).has_value)
    await settle(at.pilot)


async def point_at(at: Desk, label: str) -> None:
    row = next(row for row in pane(at).table.rows if row.cells[0].endswith(label))
    pane(at).table.move_to_key(row.key)
    await settle(at.pilot)


class TestSelection:
    async def test_enter_on_a_container_leads_to_its_environments_and_esc_back(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            assert at.main.focused_pane.NAME == "environments"
            assert names(at)[:2] == ["base", "▲ audio"]
            assert "dl-dev · 7" in bar(at, ".pane-title")
            await at.press("escape")
            assert at.main.focused_pane.NAME == "containers"
            assert at.cursor == "dl-dev"

    async def test_it_follows_the_selection(self) -> None:
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("notebook-ana")
            assert names(at) == ["base", "stats", "default"]
            await at.go_to("tensorboard")
            assert names(at) == ["/usr"]

    async def test_a_start_elsewhere_shows_what_is_in_it(self) -> None:
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("eval-suite")
            at.happen(Operation.START, "eval-suite")
            await at.until(lambda: "base" in names(at))

    async def test_the_cursor_stays_on_its_environment(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            await point_at(at, "next")
            await at.press("E")
            assert current(at) == "next"
            await at.press("E")
            assert current(at) == "next"


class TestRows:
    async def test_what_a_row_says(self) -> None:
        async with desk(size=(160, 24)) as at:
            await open_pane(at, "dl-dev")
            await at.until(lambda: "6.20 GiB" in at_cells(at, "next"))
            cells = at_cells(at, "next")
            assert cells[:5] == ("next", "3.12.9", "2.10.0+cu130", "13.0", "✗ cannot run")
            assert cells[6:10] == ("mount", "23+16", "6.20 GiB", "conda")

    async def test_unknown_is_never_zero(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            cells = at_cells(at, "seg_分割")
            assert cells[2:5] == ("–", "–", "–")

    async def test_the_lines_say_why(self) -> None:
        async with desk(size=(200, 24)) as at:
            await open_pane(at, "dl-dev")
            await point_at(at, "next")
            told = bar(at, ".pane-detail")
            assert "/opt/conda/envs/next" in told and "it outlives the container" in told
            assert "needs driver 580 or newer, this host has 550.163.01" in told
            await point_at(at, "seg_分割")
            assert "half made" in bar(at, ".pane-detail")

    async def test_sizes_of_what_came_with_the_image_free_nothing(self) -> None:
        async with desk(size=(200, 24)) as at:
            await open_pane(at, "dl-dev")
            await at.until(lambda: "removing it frees nothing" in bar(at, ".pane-detail"))
            await point_at(at, "legacy-seg")
            await at.until(lambda: "410 MiB of its own" in bar(at, ".pane-detail"))

    async def test_a_size_that_is_unknown_has_a_reason(self) -> None:
        async with desk(size=(200, 24)) as at:
            await open_pane(at, "vision-train")
            assert "size – (its files lie among the system's)" in bar(at, ".pane-detail")
        async with desk(size=(200, 24), read_only=True) as at:
            await open_pane(at, "dl-dev")
            assert "read-only" in bar(at, ".pane-detail")
            assert "No command is run in containers" in bar(at, ".pane-title")

    async def test_verdicts_sort_what_needs_somebody_together(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            for _ in range(4):
                await at.press(">")
            assert [row.cells[4].split(" ")[0] for row in pane(at).table.rows][:4] == ["●", "●", "●", "✗"]

    async def test_a_filter_looks_at_versions_and_verdicts(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            await at.press("/")
            await at.write("cu13")
            await at.press("enter")
            assert names(at) == ["next"]
            await at.press("escape", "/")
            await at.write("cannot run")
            await at.press("enter")
            assert names(at) == ["next"]


def at_cells(at: Desk, label: str) -> tuple[str, ...]:
    return next(row.cells for row in pane(at).table.rows if row.cells[0].endswith(label))


class TestAll:
    async def test_all_containers_in_one_list(self) -> None:
        async with desk(size=(140, 40)) as at:
            await open_pane(at, "dl-dev")
            await at.press("E")
            containers = [row.cells[0] for row in pane(at).table.rows]
            assert containers == sorted(containers) and {"dl-dev", "notebook-ana", "serve-qwen"} <= set(
                containers
            )
            assert "CONTAINER" in pane(at).table.render_line(0).text
            assert f"{len(containers)} in {len(set(containers))} containers" in bar(at, ".pane-title")
            await at.press("/")
            await at.write("serve-")
            await at.press("enter")
            assert [row.cells[0] for row in pane(at).table.rows] == ["serve-embed", "serve-qwen"]
            await at.press("escape", "E")
            assert names(at)[0] == "base"

    async def test_the_count_stands_among_the_containers(self) -> None:
        async with desk() as at:
            await at_rest(at)
            assert [at.cell(name, "environments") for name in ("dl-dev", "optuna-db")] == ["7", "0"]
            assert at.cell("eval-suite", "environments") == "–"
            await at.go_to("eval-suite")
            await at.until(lambda: at.cell("eval-suite", "environments") == "1")


class TestFaces:
    async def test_no_environment_in_it(self) -> None:
        async with desk() as at:
            await open_pane(at, "optuna-db")
            assert "There is no environment in it" in notice(at)

    async def test_no_shell_in_it(self) -> None:
        async with desk() as at:
            await open_pane(at, "serve-embed")
            assert "no shell" in bar(at, ".pane-title")
            assert names(at) == ["/opt/server/.venv"]

    async def test_a_stopped_one_is_dimmed_with_its_age(self) -> None:
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("dl-dev")
            at.happen(Operation.STOP, "dl-dev")
            await at.until(lambda: pane(at).items and all(item.is_old for item in pane(at).items))
            assert len(names(at)) == 7
            assert {row.tone for row in pane(at).table.rows} == {"muted"}
            assert "as of <1m ago" in bar(at, ".pane-title")

    async def test_a_failure_is_told_and_what_was_known_stays(self, failing: Failing) -> None:
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("dl-dev")
            failing.error = EngineTimeout("Not all environments", "it took longer than 10 s", "Press R")
            await at.press("R")
            await at.until(lambda: pane(at).stale_error is not None)
            await settle(at.pilot)
            assert "Not all environments: it took longer than 10 s" in bar(at, ".pane-banner")
            assert len(names(at)) == 7
            failing.error = None
            await at.press("R")
            await at.until(lambda: pane(at).stale_error is None)
            assert not pane(at).has_class("-stale")

    async def test_a_failure_without_anything_known_says_why(self, failing: Failing) -> None:
        failing.error = EngineRefused("The container's shell answers something else", "noise", "Look at it")
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("dl-dev")
            assert "answers something else" in notice(at) and "Look at it" in notice(at)
            assert at.cell("dl-dev", "environments") == "–"
            assert (
                "envs – (The container's shell answers something else)"
                in at.pane.query_one(".pane-detail", LineBar).text
            )

    async def test_a_listing_that_is_not_whole_is_told_above_what_came(self, failing: Failing) -> None:
        failing.problem = EngineTimeout("Not all environments could be listed", "it took longer", "Press R")
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("dl-dev")
            assert "Not all environments could be listed" in bar(at, ".pane-banner")
            assert "old" not in bar(at, ".pane-banner")
            assert len(names(at)) == 7

    async def test_a_host_without_the_ability(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from dataclasses import replace

        from tests.ui import desk as desks

        opened = open_demo
        monkeypatch.setattr(desks, "open_demo", lambda world: replace(opened(world), environments=None))
        async with desk(size=(150, 40)) as at:
            await at.press("2")
            assert "can't be asked for environments" in notice(at)
            assert "ENVS" not in at.pane.table.render_line(0).text
            await at.press("W")
            assert "can't be asked" in at.toasts[-1][1]

    async def test_hostile_names_are_drawn_as_text(self, failing: Failing) -> None:
        failing.rename = "[red]\x1b[31mevil\nname"
        async with desk(size=WIDE) as at:
            await at_rest(at)
            await at.go_to("tensorboard")
            assert names(at) == ["[red]␛[31mevil␊name"]


class Failing:
    """What is done to answers of the make-believe environments."""

    error: Exception | None = None
    problem: EngineTimeout | None = None
    rename: str | None = None


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    from dataclasses import replace

    from tui.demo.environments import DemoEnvironments

    done = Failing()
    usual = DemoEnvironments.environments

    def environments(self: Any, container: Container, ask_inside: bool = True) -> EnvironmentList:
        if done.error is not None:
            raise done.error
        listing = usual(self, container, ask_inside)
        if done.rename is not None:
            renamed = tuple(replace(each, name=done.rename) for each in listing.environments)
            listing = replace(listing, environments=renamed)
        return replace(listing, problem=done.problem)

    monkeypatch.setattr(DemoEnvironments, "environments", environments)
    return done


class TestActions:
    async def test_packages_can_be_searched(self) -> None:
        async with desk(size=(140, 40)) as at:
            await open_pane(at, "dl-dev")
            await point_at(at, "next")
            await at.press("i")
            screen = await at.on(PackagesScreen)
            await at.until(lambda: "numpy" in at.text)
            assert "23 by conda, 16 by pip" in screen._title
            for word in ("cannot run", "Driver 580 or newer", "conda-forge", "CUDA libraries"):
                assert word in at.text
            await at.press("/")
            await at.write("^nump")
            await at.press("enter")
            rows = at.text.split("PACKAGE", 1)[1].splitlines()[1:]
            assert [row.split()[:3] for row in rows] == [["numpy", "2.4.2", "pip"]]
            await at.press("escape", "escape")
            await at.on(MainScreen)

    async def test_where_is_a_package(self) -> None:
        async with desk(size=(140, 40)) as at:
            await open_pane(at, "dl-dev")
            await at.press("W")
            screen = await at.on(PackageSearchScreen)
            await at.until(lambda: not screen._is_asking)
            await at.until(lambda: screen.query("Input").first().has_focus)
            await at.write("^torch$")
            await at.until(lambda: {line.split()[0] for line in at.text.splitlines()[1:]} == {"torch"})
            found = [line.split() for line in at.text.splitlines()[1:]]
            assert {row[3] for row in found} >= {"dl-dev", "vision-train", "serve-qwen", "llm-finetune"}
            await at.press("enter", "escape", "escape")
            await at.on(MainScreen)

    async def test_the_activation_line_is_copied(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            await point_at(at, "vision")
            await at.press("Y")
            assert (
                at.app.clipboard
                == ". /opt/conda/etc/profile.d/conda.sh && conda activate /opt/conda/envs/vision"
            )
        async with desk() as at:
            await open_pane(at, "tensorboard")
            await at.press("Y")
            assert "needs no activation" in at.toasts[-1][1]

    async def test_the_palette_runs_an_action_of_another_pane(self) -> None:
        async with desk() as at:
            await open_pane(at, "dl-dev")
            await at.press("1")
            action = next(each for each in EnvironmentsPane.ACTIONS if each.id == "environments.all")
            at.main.run_action_entry(action)
            await settle(at.pilot)
            assert pane(at).shows_all and at.main.focused_pane is pane(at)


async def test_pausing_waits_for_a_listing_that_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that meets a command that is just being started hangs Docker 20.10."""
    import threading

    from tui.demo.environments import DemoEnvironments

    usual, may_answer, order = DemoEnvironments.environments, threading.Event(), []

    def environments(self: Any, container: Container, ask_inside: bool = True) -> EnvironmentList:
        if container.name == "dl-dev":
            assert may_answer.wait(30)
            order.append("listed")
        return usual(self, container, ask_inside)

    perform = DemoWorld.perform

    def performed(self: DemoWorld, step: Any) -> None:
        order.append(str(step.operation))
        perform(self, step)

    monkeypatch.setattr(DemoEnvironments, "environments", environments)
    monkeypatch.setattr(DemoWorld, "perform", performed)
    async with desk() as at:
        await at.go_to("dl-dev")
        await at.press("p", "tab", "enter")
        await at.until(lambda: at.monitor.exec_gate.is_held(at.container("dl-dev").id))
        assert order == []
        may_answer.set()
        await at.until(lambda: "paused" in at.cells("dl-dev")[0])
        assert order[:2] == ["listed", "pause"]
    assert at.monitor.store.value(ENVIRONMENTS)
