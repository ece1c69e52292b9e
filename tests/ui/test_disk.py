"""The disk screen on a scripted disk: where it went, what can be marked, the plan, its removal."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from textual.widgets import Button, Input

from tests.commands.disk_hosts import (
    GIB,
    HOSTILE,
    NOW,
    ScriptedDisk,
    container_id,
    image_id,
    scripted_station,
)
from tests.ui.desk import Desk, desk, settle
from tui.model.disk import DiskImage, DiskPart, DiskVolume
from tui.model.disk_items import DiskKind
from tui.model.environments import Origin
from tui.model.errors import EngineUnreachable, ReclaimError
from tui.monitor.topics import RECLAIM
from tui.ui.screens.action_menu import ActionMenu
from tui.ui.screens.disk import DiskScreen
from tui.ui.screens.disk_details import DiskDetailScreen
from tui.ui.screens.disk_job import DiskJobScreen
from tui.ui.screens.disk_pane import DiskPane
from tui.ui.screens.disk_plan import DiskPlanScreen
from tui.ui.screens.disk_planning import DiskPlanningScreen
from tui.ui.screens.main import MainScreen
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_view import LineView
from tui.workstation import Workstation


class DiskDesk:
    """A person in front of the disk screen."""

    def __init__(self, at: Desk, disk: ScriptedDisk) -> None:
        self.at = at
        self.disk = disk

    @property
    def screen(self) -> DiskScreen:
        (screen,) = [each for each in self.at.app.screen_stack if isinstance(each, DiskScreen)]
        return screen

    @property
    def pane(self) -> DiskPane:
        return self.screen.focused_pane

    @property
    def names(self) -> list[str]:
        column = [each.key for each in self.pane.columns.titles].index("name")
        return [row.cells[column] for row in self.pane.table.rows]

    @property
    def marked(self) -> set[str]:
        return {row.name for row in self.pane.items if row.key in self.pane.marked}

    def bar(self, name: str) -> str:
        return self.screen.query_one(name, LineBar).text

    @property
    def detail(self) -> str:
        return self.bar(".pane-detail")

    async def go_to(self, kind: DiskKind, each_id: str) -> None:
        assert self.pane.table.move_to_key(f"{kind.value}:{each_id}")
        await settle(self.at.pilot)

    async def mark(self, kind: DiskKind, each_id: str) -> None:
        await self.go_to(kind, each_id)
        await self.at.press("space")

    async def open_plan(self) -> DiskPlanScreen:
        await self.at.press("d")
        return await self.at.on(DiskPlanScreen)

    async def at_rest(self) -> None:
        keeper = self.at.monitor.disk
        assert keeper is not None
        await self.at.until(lambda: keeper.is_at_rest and not self.at.monitor.store._changed)
        await settle(self.at.pilot)


def station(disk: ScriptedDisk) -> Workstation:
    """The scripted host; what is called `made` has its environment in its own layer."""
    made = scripted_station(disk)
    environments: Any = made.environments
    environments.listings = {
        key: [replace(each, origin=Origin.LAYER) for each in listed]
        for key, listed in environments.listings.items()
    }
    return made


@asynccontextmanager
async def disk_desk(
    disk: ScriptedDisk | None = None,
    *,
    key: str = "D",
    size: tuple[int, int] = (100, 40),
    read_only: bool = False,
    waits: bool = True,
    change: Callable[[Workstation], Workstation] = lambda station: station,
) -> AsyncIterator[DiskDesk]:
    """Open the disk screen, and wait until all of it is read."""
    disk = disk or ScriptedDisk()
    async with desk(size=size, read_only=read_only, change=lambda _: change(station(disk))) as at:
        await at.press(key)
        made = DiskDesk(at, disk)
        await at.on(DiskScreen)
        if waits and at.monitor.disk is not None:
            await made.at_rest()
        yield made


class TestWhereItWent:
    async def test_it_shows_file_systems_totals_and_items_biggest_first(self) -> None:
        async with disk_desk() as on:
            assert "82%" in on.bar("#disk-systems")
            assert "18.0 GiB free of 100 GiB" in on.bar("#disk-systems")
            kinds = on.bar("#disk-kinds").splitlines()
            (images,) = [line for line in kinds if " images " in line]
            # 3 layers of their own, and the shared one once
            assert "11.0 GiB" in images
            assert "█" in images
            sizes = [row.reclaimable_bytes or 0 for row in on.pane.items if row.is_markable]
            shown = {row.key: row for row in on.pane.items}
            listed = [shown[row.key] for row in on.pane.table.rows]
            frees = [row.reclaimable_bytes or 0 for row in listed if row.is_markable]
            assert frees == sorted(sizes, reverse=True)

    @pytest.mark.parametrize("size", [(80, 24), (200, 60)])
    async def test_it_fits(self, size: tuple[int, int]) -> None:
        async with disk_desk(size=size) as on:
            assert on.pane.table.size.height >= 8
            assert on.screen.query_one("#key-bar").region.bottom == size[1]
            for _ in range(9):
                await on.at.press("right")
            assert on.pane.kind is None

    async def test_left_and_right_and_tab_go_through_the_kinds(self) -> None:
        async with disk_desk() as on:
            await on.at.press("right")
            assert on.pane.kind is DiskKind.IMAGE
            await on.at.press("tab", "tab")
            assert set(on.names) == {"checkpoints", "f" * 64, "data"}
            await on.at.press("left", "left", "left")
            assert on.pane.kind is None

    async def test_p_opens_images_with_dangling_and_unused_apart(self) -> None:
        async with disk_desk(key="P") as on:
            headings = [name.partition(":")[0] for name in on.names if "(" in name]
            assert headings == ["dangling (1)", "unused (1)", "in use, or kept (1)"]
            # the heading marks all that is below it
            on.pane.table.move_first()
            await on.at.press("space")
            assert on.pane.reclaim_keys() == {(DiskKind.IMAGE, image_id("a"))}
            await on.at.press("space")
            assert not on.pane.marked

    async def test_growth_since_the_first_look_is_told(self) -> None:
        async with disk_desk() as on:
            on.disk.volumes_.append(DiskVolume("more", created_at=NOW, size_bytes=5 * GIB))
            await on.at.press("R")
            await on.at.until(lambda: "more" in on.names)
            await on.at_rest()
            (line,) = [line for line in on.bar("#disk-kinds").splitlines() if " volumes " in line]
            assert "▲ 5.00 GiB" in line

    async def test_a_number_key_leads_back_to_that_pane(self) -> None:
        async with disk_desk() as on:
            await on.at.press("3")
            main = await on.at.on(MainScreen)
            assert main.focused_pane.NAME == "gpus"

    async def test_a_host_that_can_not_be_asked_says_so(self) -> None:
        async with disk_desk(change=lambda station: replace(station, disk=None)) as on:
            assert "can't be asked" in on.pane._notice
            await on.at.press("a", "d", "enter", "c", "J", "escape")
            await on.at.on(MainScreen)


class TestReading:
    async def test_a_part_that_takes_long_shows_its_seconds_and_is_called_off(self) -> None:
        disk = ScriptedDisk()
        begun = threading.Event()

        def slow(part: DiskPart, is_cancelled: Callable[[], bool]) -> None:
            if part is DiskPart.VOLUMES:
                begun.set()
                while not is_cancelled():
                    threading.Event().wait(0.01)
                raise ReclaimError("Called off")

        disk.on_read = slow
        async with disk_desk(disk, waits=False) as on:
            await on.at.until(begun.is_set)
            await on.at.until(lambda: "reading volumes 0 s" in on.bar(".pane-title"))
            await on.at.until(lambda: "acme/train:1.0" in on.names)
            # the screen can be used meanwhile
            await on.mark(DiskKind.IMAGE, image_id("b"))
            assert "4" not in on.bar("#disk-plan") or "1 item" in on.bar("#disk-plan")
            await on.at.press("c")
            await on.at.until(lambda: "called off" in on.bar("#disk-kinds"))
            assert "reading" not in on.bar(".pane-title")

    async def test_a_part_that_can_not_be_read_says_why_and_the_rest_is_there(self) -> None:
        disk = ScriptedDisk(failing={DiskPart.IMAGES: EngineUnreachable("No answer", "it hung up", "Wait")})
        async with disk_desk(disk) as on:
            assert "images: No answer: it hung up" in on.bar(".pane-banner")
            assert "checkpoints" in on.names


class TestMarks:
    async def test_what_can_not_go_is_not_marked_and_says_why(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.IMAGE, image_id("c"))
            assert not on.pane.marked
            assert "can't be marked" in on.detail
            assert "running" in on.detail

    async def test_neither_a_range_nor_the_whole_list_marks_it(self) -> None:
        async with disk_desk() as on:
            await on.at.press("g", "v", "G", "v")
            markable = {row.key for row in on.pane.items if row.is_markable}
            assert on.pane.marked == markable
            assert f"image:{image_id('c')}" not in markable

    async def test_a_marks_everything_safe_and_nothing_else(self) -> None:
        async with disk_desk() as on:
            await on.at.press("a")
            safe = {
                row.key for row in on.pane.items if row.item and row.item.safety == "safe" and row.is_markable
            }
            assert on.pane.marked == safe
            assert safe
            assert f"plan: {len(safe)} items" in on.bar("#disk-plan")

    async def test_marks_hold_over_kinds_and_what_a_filter_hides_is_left_out(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.IMAGE, image_id("b"))
            await on.mark(DiskKind.VOLUME, "f" * 64)
            await on.at.press("right")
            assert len(on.pane.reclaim_keys()) == 2
            await on.at.press("/", *"acme", "enter")
            assert on.pane.reclaim_keys() == {(DiskKind.IMAGE, image_id("b"))}
            assert "1 mark hidden" in on.bar("#disk-plan")

    async def test_marks_are_there_at_the_next_look(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.IMAGE, image_id("b"))
            await on.at.press("escape")
            await on.at.on(MainScreen)
            await on.at.press("D")
            await on.at.on(DiskScreen)
            await on.at_rest()
            assert on.marked == {"acme/train:1.0"}

    async def test_one_that_is_used_meanwhile_loses_its_mark_with_a_word(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.IMAGE, image_id("b"))
            cursor = on.pane.table.cursor_key
            on.disk.images_[1] = replace(on.disk.images_[1], used_by=(container_id("running"),))
            await on.at.press("R")
            await on.at.until(lambda: not on.pane.marked)
            await settle(on.at.pilot)
            assert ("Not marked any more") in [title for title, _ in on.at.toasts]
            assert on.pane.table.cursor_key == cursor


class TestDetails:
    async def test_an_image_shows_layers_tags_and_users(self) -> None:
        async with disk_desk() as on:
            await on.go_to(DiskKind.IMAGE, image_id("b"))
            await on.at.press("enter")
            await on.at.on(DiskDetailScreen)
            assert "acme/train@sha256:beef" in on.at.text
            assert "shared with 1 image" in on.at.text
            assert "its own" in on.at.text

    async def test_a_container_shows_what_is_made_in_it_and_lost(self) -> None:
        async with disk_desk() as on:
            await on.go_to(DiskKind.CONTAINER, container_id("made"))
            assert "danger" in on.detail
            await on.at.press("enter")
            await on.at.on(DiskDetailScreen)
            assert "Lost with it" in on.at.text
            assert "vision" in on.at.text
            assert "900 added" in on.at.text

    async def test_each_kind_has_details(self) -> None:
        async with disk_desk() as on:
            for row in {each.item.kind: each for each in on.pane.items if each.item}.values():
                on.pane.table.move_to_key(row.key)
                await settle(on.at.pilot)
                await on.at.press("enter")
                await on.at.on(DiskDetailScreen)
                assert row.item is not None
                assert row.item.id in on.at.text
                await on.at.press("escape")

    async def test_foreign_names_are_shown_and_do_nothing(self) -> None:
        disk = ScriptedDisk()
        disk.images_.append(DiskImage(image_id("d"), (HOSTILE,), size_bytes=GIB, created_at=NOW))
        disk.volumes_.append(DiskVolume(HOSTILE, created_at=NOW, size_bytes=GIB, labels={HOSTILE: HOSTILE}))
        async with disk_desk(disk) as on:
            await on.go_to(DiskKind.VOLUME, HOSTILE)
            await on.at.press("enter")
            await on.at.on(DiskDetailScreen)
            assert "\x1b" not in on.at.text
            await on.at.press("escape")
            await on.at.press("space")
            plan = await on.open_plan()
            assert "\x1b" not in plan.query_one(LineView).text


class TestPlanAndRemoval:
    async def test_the_dialog_names_what_goes_and_enter_alone_does_nothing(self) -> None:
        async with disk_desk() as on:
            await on.at.press("a")
            names = on.marked
            plan = await on.open_plan()
            text = plan.query_one(LineView).text
            assert all(name[:20] in text for name in names)
            assert isinstance(plan.focused, Button)
            assert plan.focused.id == "cancel"
            await on.at.press("enter")
            await on.at.on(DiskScreen)
            assert on.disk.removed == []
            assert on.marked == names

    async def test_what_was_listed_goes_and_each_outcome_is_shown(self) -> None:
        disk = ScriptedDisk(refusals={"e" * 64: ReclaimError("Not removed", "it hangs")})
        async with disk_desk(disk) as on:
            await on.at.press("a")
            plan = await on.open_plan()
            listed = {each.id for each in plan.plan.items}
            await on.at.press("right", "enter")
            job = await on.at.on(DiskJobScreen)
            await on.at.until(lambda: "over" in job.state)
            assert set(disk.removed) == listed - {"e" * 64}
            assert "● removed" in on.at.text
            assert "▲ failed" in on.at.text
            assert "it hangs" in on.at.text
            assert "planned" in job.state
            assert "freed" in job.state
            assert "free on disk 18.0 GiB →" in job.state
            # what says so itself needs no toast
            assert on.at.toasts == []
            # closed and opened again it is still there
            await on.at.press("escape")
            await on.at.on(DiskScreen)
            assert not on.pane.marked
            await on.at.press("J")
            await on.at.on(DiskJobScreen)
            assert "it hangs" in on.at.text

    async def test_every_danger_wants_its_own_name(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.CONTAINER, container_id("made"))
            await on.mark(DiskKind.VOLUME, "checkpoints")
            plan = await on.open_plan()
            names = [each.name for each in plan.dangers]
            assert sorted(names) == ["checkpoints", "made"]
            go = plan.query_one("#go", Button)
            fields = list(plan.query(Input))
            for field in fields:
                assert go.disabled
                field.focus()
                await on.at.write("checkpoints")
            assert go.disabled
            await on.at.press("enter")
            assert isinstance(on.at.app.screen, DiskPlanScreen)
            for field, name in zip(fields, names, strict=True):
                field.value = name
            await on.at.until(lambda: not go.disabled)
            await on.at.press("enter")
            await on.at.until(lambda: len(on.disk.removed) == 2)
            assert set(on.disk.removed) == {container_id("made"), "checkpoints"}

    async def test_it_is_called_off_between_two_items(self) -> None:
        disk = ScriptedDisk()
        first, go_on = threading.Event(), threading.Event()

        def wait(_: Any) -> None:
            first.set()
            go_on.wait(30)

        disk.on_reclaim = wait
        async with disk_desk(disk) as on:
            await on.at.press("a")
            await on.open_plan()
            await on.at.press("right", "enter")
            job = await on.at.on(DiskJobScreen)
            await on.at.until(first.is_set)
            await on.at.press("c")
            assert "cancelling" in job.state
            go_on.set()
            await on.at.until(lambda: "over" in job.state)
            assert len(disk.removed) == 1
            assert "not begun" in on.at.text

    async def test_while_one_is_under_way_there_is_no_other(self) -> None:
        disk = ScriptedDisk()
        go_on = threading.Event()

        def wait(_: Any) -> None:
            go_on.wait(30)

        disk.on_reclaim = wait
        async with disk_desk(disk) as on:
            await on.at.press("a")
            await on.open_plan()
            await on.at.press("right", "enter")
            await on.at.on(DiskJobScreen)
            await on.at.press("escape")
            await on.at.on(DiskScreen)
            await on.mark(DiskKind.IMAGE, image_id("b"))
            await on.at.press("d")
            assert isinstance(on.at.app.screen, DiskScreen)
            assert any("under way" in message for _, message in on.at.toasts)
            go_on.set()
            await on.at.until(lambda: (told := on.at.monitor.store.value(RECLAIM)) and told.is_over)
            await on.at.until(lambda: any("Reclaimed" in title for title, _ in on.at.toasts))

    async def test_no_plan_says_why(self) -> None:
        async with disk_desk() as on:
            await on.mark(DiskKind.IMAGE, image_id("b"))

            def fail(*_: Any) -> Any:
                raise EngineUnreachable("No answer", "it hung up", "Wait")

            backend: Any = on.at.monitor.workstation.containers
            backend.containers = fail
            await on.at.press("d")
            screen = await on.at.on(DiskPlanningScreen)
            await on.at.until(lambda: "No answer" in str(screen.query_one("#words").render()))
            await on.at.press("escape")
            await on.at.on(DiskScreen)
            assert on.disk.removed == []

    async def test_read_only_has_no_key_and_no_entry_for_it(self) -> None:
        async with disk_desk(read_only=True) as on:
            await on.at.press("a", "d")
            assert isinstance(on.at.app.screen, DiskScreen)
            await on.at.press("x")
            menu = await on.at.on(ActionMenu)
            assert all("Reclaim" not in action.label for action, _, _ in menu._entries)
            assert on.disk.removed == []
