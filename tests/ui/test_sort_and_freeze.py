"""The order of rows, which moves seldom, hidden rows, and a screen that stands still."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.making import make_sample
from tests.ui.desk import Desk, desk, settle
from tui.demo.world import DemoWorld
from tui.model.operations import Operation, Step
from tui.model.stats import figures
from tui.monitor.topics import CONTAINERS, STATISTICS
from tui.ui import row_order
from tui.ui.panes import table
from tui.ui.widgets.line_table import LineTable

ALIVE = 12


class Clock:
    """What the pane takes for the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 5000.0
        for module in (table, row_order):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def use(at: Desk, **cpu_percents: int) -> None:
    """Let containers use this much, and nobody else measure it."""
    at.monitor._statistics.stop()
    await at.until(lambda: not at.monitor._statistics._poller._thread.is_alive())
    stats = {
        at.container(name.replace("_", "-")).id: figures(
            make_sample(0.0), make_sample(1.0, cpu_nanoseconds=percent * 10_000_000)
        )
        for name, percent in cpu_percents.items()
    }
    at.monitor.store.put(STATISTICS, stats)
    await settle(at.pilot)


def known(at: Desk) -> set[str]:
    """Names of the containers that the monitor knows, whatever the screen shows."""
    return {each.name for each in at.monitor.store.value(CONTAINERS) or ()}


def header(at: Desk) -> str:
    return at.pane.table.render_line(0).text


class TestOrder:
    async def test_running_ones_come_first_then_names(self) -> None:
        async with desk() as at:
            assert at.names == sorted(at.names[:ALIVE]) + sorted(at.names[ALIVE:])
            assert at.names[ALIVE:] == ["diffusion-train", "eval-suite", "log-flood", "preprocess-dicom"]

    async def test_the_next_column_and_the_one_before(self) -> None:
        async with desk() as at:
            await at.press(">")
            assert "NAME▲" in header(at)
            assert at.names == sorted(at.names)
            await at.press("<")
            assert "STATE▲" in header(at)

    async def test_columns_go_round_and_those_without_an_order_are_left_out(self) -> None:
        async with desk(size=(160, 24)) as at:
            seen = []
            for _ in range(9):
                await at.press(">")
                seen += [title for title in header(at).split() if title.endswith(("▲", "▼"))]
            assert seen == [
                "NAME▲",
                "CPU▼",
                "MEMORY▼",
                "GPU▼",
                "ENVS▼",
                "AGE▼",
                "IMAGE▲",
                "PROJECT▲",
                "STATE▲",
            ]

    async def test_the_other_direction(self) -> None:
        async with desk() as at:
            await at.press(">", ".")
            assert "NAME▼" in header(at)
            assert at.names == sorted(at.names, reverse=True)

    async def test_a_click_on_a_title(self) -> None:
        async with desk() as at:
            await at.pilot.click(LineTable, offset=(header(at).index("NAME"), 0))
            assert at.names == sorted(at.names)
            await at.pilot.click(LineTable, offset=(header(at).index("NAME"), 0))
            assert at.names == sorted(at.names, reverse=True)

    async def test_the_cursor_stays_on_its_container(self) -> None:
        async with desk() as at:
            await at.go_to("tensorboard")
            await at.press(">", ".")
            assert at.cursor == "tensorboard"

    async def test_the_largest_figures_come_first_and_unknown_ones_last(self, clock: Clock) -> None:
        async with desk() as at:
            await use(at, dl_dev=30, rl_sim=20, serve_qwen=90)
            await at.press(">", ">")
            assert at.names[:3] == ["serve-qwen", "dl-dev", "rl-sim"]
            assert at.names[3:] == sorted(at.names[3:])

    async def test_a_live_figure_sorts_anew_every_three_seconds_at_most(self, clock: Clock) -> None:
        async with desk() as at:
            await use(at, dl_dev=30, rl_sim=20)
            await at.press(">", ">")
            assert at.names[:2] == ["dl-dev", "rl-sim"]
            clock.now += 2.9
            await use(at, dl_dev=10, rl_sim=20)
            assert at.cells("dl-dev")[2] == "10.0%"
            assert at.names[:2] == ["dl-dev", "rl-sim"]
            clock.now += 0.2
            await use(at, dl_dev=10, rl_sim=21)
            assert at.names[:2] == ["rl-sim", "dl-dev"]

    async def test_meanwhile_what_goes_goes_at_once(self, clock: Clock) -> None:
        async with desk() as at:
            await use(at, dl_dev=30)
            await at.press(">", ">")
            at.happen(Operation.REMOVE, "eval-suite")
            await at.until(lambda: "eval-suite" not in at.names)
            assert at.names[0] == "dl-dev"

    async def test_a_wish_sorts_at_once(self, clock: Clock) -> None:
        async with desk() as at:
            await use(at, dl_dev=30, rl_sim=20)
            await at.press(">", ">")
            await use(at, dl_dev=10, rl_sim=20)
            await at.press(".", ".")
            assert at.names[:2] == ["rl-sim", "dl-dev"]


class TestHidden:
    async def test_stopped_ones_are_hidden_and_shown(self) -> None:
        async with desk() as at:
            await at.press("a")
            assert len(at.names) == ALIVE
            assert "10 running of 16, stopped ones hidden" in at.bar("#containers .pane-title")
            await at.press("a")
            assert len(at.names) == 16

    async def test_one_that_stops_goes_and_comes_back(self) -> None:
        async with desk() as at:
            await at.press("a")
            at.happen(Operation.STOP, "tensorboard")
            await at.until(lambda: "tensorboard" not in at.names)
            at.happen(Operation.START, "tensorboard")
            await at.until(lambda: "tensorboard" in at.names)

    async def test_when_nothing_runs_it_says_how_to_see_the_others(self) -> None:
        def stop_all(world: DemoWorld) -> None:
            for each in world.containers()[0]:
                if each.is_alive:
                    world.perform(Step(Operation.STOP, each.id, each.name))

        async with desk(prepare=stop_all) as at:
            await at.press("a")
            assert "No container runs" in at.notice
            await at.press("a")
            assert len(at.names) == 16


class TestFreeze:
    async def test_nothing_moves_until_it_goes_on(self) -> None:
        async with desk() as at:
            await at.press("!")
            assert "FROZEN" in at.bar("#status-bar")
            at.happen(Operation.REMOVE, "eval-suite")
            await at.until(lambda: "eval-suite" not in known(at))
            await settle(at.pilot)
            assert "eval-suite" in at.names
            await at.press("!")
            assert "eval-suite" not in at.names
            assert "FROZEN" not in at.bar("#status-bar")

    async def test_a_frozen_screen_still_obeys(self) -> None:
        async with desk() as at:
            await at.press("!", "/", *"serve", "enter", "j", "space")
            assert (at.names, at.marked) == (["serve-embed", "serve-qwen"], {"serve-qwen"})

    async def test_what_the_user_does_is_reported_all_the_same(self) -> None:
        async with desk() as at:
            await at.press("!")
            at.world.faults.refuse_actions = True
            await at.go_to("eval-suite")
            await at.press("s")
            await at.until(lambda: at.toasts)
            assert "input/output error" in at.toasts[0][1]
