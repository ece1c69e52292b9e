"""The faces of a pane: rows, nothing yet, nothing at all, failed, stale; and what breaks inside."""

from __future__ import annotations

import pytest

from tests.ui.desk import Desk, desk, settle
from tui import diagnostics
from tui.demo.world import DemoWorld
from tui.model.errors import EnvtuiError
from tui.model.operations import Operation, Step
from tui.monitor import container_watch, pulse
from tui.monitor.topics import CONTAINERS
from tui.ui.actions import Action
from tui.ui.panes import table
from tui.ui.screens.help import HelpScreen


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for an engine that is away does not wait long."""
    monkeypatch.setattr(container_watch, "_FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(container_watch, "_LAST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(pulse, "_INTERVAL_SECONDS", 0.02)


def deny(world: DemoWorld) -> None:
    world.faults.no_permission = True


def vanish(world: DemoWorld) -> None:
    world.faults.engine_gone = True


def empty(world: DemoWorld) -> None:
    for each in world.containers()[0]:
        if each.is_alive:
            world.perform(Step(Operation.KILL, each.id, each.name))
        world.perform(Step(Operation.REMOVE, each.id, each.name))


def banner(at: Desk) -> str:
    return at.bar("#containers .pane-banner") if at.pane.has_class("-stale") else ""


class TestFailed:
    @pytest.mark.parametrize(
        ("fault", "what", "to_do"),
        [
            (deny, "No permission on demo", "usermod -aG docker"),
            (vanish, "No container engine at demo", "systemctl start docker"),
        ],
    )
    async def test_it_says_what_is_wrong_and_what_to_do(self, fault: object, what: str, to_do: str) -> None:
        assert callable(fault)
        async with desk(prepare=fault, shows_rows=False) as at:
            await at.until(lambda: what in at.notice)
            assert to_do in at.notice
            assert at.names == []
            assert "▲" in at.bar("#status-bar")

    async def test_it_recovers_by_itself(self) -> None:
        async with desk(prepare=deny, shows_rows=False) as at:
            await at.until(lambda: at.notice)
            at.world.faults.no_permission = False
            await at.until(lambda: len(at.names) == 16)
            assert at.notice == ""
            assert "●" in at.bar("#status-bar")

    async def test_keys_work_all_the_same(self) -> None:
        async with desk(prepare=deny, shows_rows=False) as at:
            await at.until(lambda: "No permission" in at.notice)
            await at.press("?")
            await at.on(HelpScreen)
            await at.press("escape", "j", "space", "s", "d", "y")
            await at.press("q")
            await at.until(lambda: not at.app.is_running)

    async def test_actions_say_why_not(self) -> None:
        async with desk(prepare=deny, shows_rows=False) as at:
            await at.until(lambda: "No permission" in at.notice)
            await at.press("s")
            assert at.toasts[-1][1] == "no container is chosen"


class TestEmpty:
    async def test_a_host_without_containers(self) -> None:
        async with desk(prepare=empty, shows_rows=False) as at:
            await at.until(lambda: "There is no container on this host" in at.notice)
            assert "docker run" in at.notice

    async def test_before_the_first_answer(self) -> None:
        def freeze(world: DemoWorld) -> None:
            world.faults.frozen_seconds = 1000.0
            world.faults.frozen_engine = True

        async with desk(prepare=freeze, shows_rows=False) as at:
            assert at.notice == "Asking the engine …"
            at.world.faults.frozen_engine = False
            await at.until(lambda: len(at.names) == 16)


class TestStale:
    async def test_rows_stay_dimmed_with_their_age_and_the_reason(self) -> None:
        async with desk() as at:
            at.world.faults.engine_gone = True
            await at.until(lambda: "No container engine" in banner(at))
            assert "s old" in banner(at)
            assert "systemctl start docker" in banner(at)
            assert {row.tone for row in at.pane.table.rows} == {"stale"}
            assert len(at.names) == 16

    async def test_a_frozen_engine_is_noticed(self) -> None:
        async with desk() as at:
            at.world.faults.frozen_engine = True
            await at.until(lambda: "does not answer" in banner(at))
            at.world.faults.frozen_engine = False
            await at.until(lambda: not banner(at))

    async def test_the_status_bar_says_so(self) -> None:
        async with desk() as at:
            at.world.faults.engine_gone = True
            await at.until(lambda: "STALE" in at.bar("#status-bar"))

    async def test_it_recovers_by_itself(self) -> None:
        async with desk() as at:
            at.world.faults.engine_gone = True
            await at.until(lambda: banner(at))
            at.world.faults.engine_gone = False
            await at.until(lambda: not banner(at))
            assert {row.tone for row in at.pane.table.rows} <= {"", "muted"}
            at.happen(Operation.REMOVE, "eval-suite")
            await at.until(lambda: "eval-suite" not in at.names)


class TestInside:
    async def test_an_exception_in_a_reader_is_a_toast_and_the_others_go_on(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recorded: list[str] = []
        monkeypatch.setattr(
            diagnostics, "record_exception", lambda where, error: recorded.append(f"{where}: {error}")
        )
        async with desk() as at:

            def fail(snapshot: object) -> None:
                raise ZeroDivisionError("in a reader")

            at.app.bridge.read(CONTAINERS, fail)
            await settle(at.pilot)
            assert at.toasts[-1] == ("A part of the screen failed", "ZeroDivisionError: in a reader")
            assert set(recorded) == {"bridge: in a reader"}
            at.app.bridge._readers[CONTAINERS].reverse()
            at.happen(Operation.REMOVE, "eval-suite")
            await at.until(lambda: "eval-suite" not in at.names)

    async def test_an_exception_in_an_action_is_a_toast(self) -> None:
        def fail(owner: object) -> None:
            raise ZeroDivisionError

        async with desk() as at:
            at.main.run_action_entry(Action("app.odd", "Odd", (), fail))
            await settle(at.pilot)
            assert at.toasts[-1][0] == "Odd failed"
            assert at.app.is_running

    async def test_a_known_error_in_an_action_is_told_in_its_own_words(self) -> None:
        def fail(owner: object) -> None:
            raise EnvtuiError("Title", "detail", "hint")

        async with desk() as at:
            at.main.run_action_entry(Action("app.odd", "Odd", (), fail))
            await settle(at.pilot)
            assert at.toasts[-1][1] == "Title: detail. hint"

    async def test_foreign_text_is_never_markup_nor_control(self) -> None:
        async with desk() as at:
            at.app._complain("[bold]x", ValueError("[red]\x1b[2J"))
            await settle(at.pilot)
            assert at.toasts[-1][1] == "ValueError: [red]␛[2J"
            assert [toast.markup for toast in at.app._notifications] == [False]


class TestAges:
    async def test_ages_are_looked_at_anew_now_and_then(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with desk() as at:
            assert at.cell("eval-suite", "age") == "11m"
            at.monitor._containers.stop()
            at.world.clock.advance(3600)  # type: ignore[attr-defined]
            monkeypatch.setattr(table, "_AGES_SECONDS", 1e-6)
            at.pane.tick()
            assert at.cell("eval-suite", "age") == "1h"
