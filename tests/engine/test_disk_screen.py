"""The Disk screen over a real engine: its keys, an engine that counts for minutes, and read-only."""

from __future__ import annotations

from tests.engine.app import Desk, running_app
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tui.model.disk import DiskPart
from tui.model.disk_items import DiskKind
from tui.monitor.known_disk import KnownDisk, PartState
from tui.monitor.topics import DISK
from tui.ui.screens.disk import DiskScreen
from tui.ui.screens.disk_job import DiskJobScreen
from tui.ui.screens.disk_pane import DiskPane
from tui.ui.screens.disk_plan import DiskPlanScreen

WIDE = (130, 40)
_SLOW = 90.0
# Every key of the disk screen, of what holds everywhere, and of the dialogs that they may open.
_KEYS = (
    "a", "space", "v", "j", "j", "v", "d", "enter", "escape", "right", "a", "d", "tab", "enter", "escape",
    "J", "escape", "x", "escape", "c", "R", "left", "G", "enter", "escape", "slash", "r", "enter", "a", "d",
    "escape", "escape", "y", "less_than_sign", "full_stop", "exclamation_mark", "exclamation_mark",
    "question_mark", "escape", "delete", "ctrl+d", "ctrl+k", "K", "r", "s", "p",
)  # fmt: skip


def pane(desk: Desk) -> DiskPane:
    return desk.app.screen_stack[1].query_one(DiskPane)


def known(desk: Desk) -> KnownDisk:
    value: KnownDisk | None = desk.app.monitor.store.value(DISK)
    return value or KnownDisk()


def part(desk: Desk, which: DiskPart) -> PartState:
    return known(desk).parts.get(which, PartState())


def is_read(desk: Desk) -> bool:
    keeper = desk.app.monitor.disk
    return keeper is not None and keeper.is_at_rest and bool(known(desk).items)


def listed(engine: PrivateEngine) -> list[str]:
    return sorted(engine.docker("ps", "-aq", "--no-trunc").split())


async def test_read_only_whatever_keys_are_pressed(clean_engine: PrivateEngine, proxy: EngineProxy) -> None:
    clean_engine.run_container("runs")
    clean_engine.run_container("stopped", start=False)
    clean_engine.docker("network", "create", "spare")
    before = listed(clean_engine)
    async with running_app(proxy.host, size=WIDE, read_only=True) as desk:
        await desk.sees("stopped")
        for opening in ("D", "P"):
            await desk.press(opening)
            await desk.opened(DiskScreen)
            await desk.wait(lambda: is_read(desk), "all is read", _SLOW)
            await desk.press(*_KEYS)
            while len(desk.app.screen_stack) > 1:
                await desk.press("escape")
    assert {each.method for each in proxy.requests()} <= {"GET", "HEAD"}
    assert listed(clean_engine) == before and "spare" in clean_engine.docker("network", "ls")


async def test_an_engine_that_counts_for_a_minute_leaves_the_screen_usable(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("stopped", start=False)
    clean_engine.docker("network", "create", "spare")
    proxy.faults_match = "^GET /system/df"
    proxy.delay_seconds = 60.0
    async with running_app(proxy.host, size=WIDE) as desk:
        await desk.sees("stopped")
        await desk.press("D")
        await desk.opened(DiskScreen)
        await desk.wait(
            lambda: any(each.name == "spare" for each in known(desk).items), "the quick parts are there"
        )
        await desk.wait(lambda: part(desk, DiskPart.VOLUMES).reading_since is not None, "it is asked for")
        await desk.wait(lambda: "volumes" in desk.text() and "reading" in desk.text(), "that is said")
        await desk.press("slash", "s", "p", "a", "r", "e", "enter", "space")
        await desk.wait(lambda: len(pane(desk).marked) == 1, "the screen can be used meanwhile")
        await desk.press("escape", "c")
        await desk.wait(
            lambda: (state := part(desk, DiskPart.VOLUMES)).was_cancelled and state.reading_since is None,
            "it is called off",
        )
        assert any(each.name == "spare" for each in known(desk).items)


async def test_from_the_key_to_the_outcome(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("stays")
    clean_engine.docker("network", "create", "spare")
    clean_engine.docker("network", "create", "other")
    async with running_app(clean_engine.host, size=WIDE) as desk:
        await desk.sees("stays")
        await desk.press("D")
        await desk.opened(DiskScreen)
        await desk.wait(lambda: is_read(desk), "all is read", _SLOW)
        await desk.press("slash", *"spare", "enter", "space", "d")
        plan = await desk.opened(DiskPlanScreen)
        assert [(each.kind, each.name) for each in plan.plan.items] == [(DiskKind.NETWORK, "spare")]
        assert plan.focused is plan.query_one("#cancel")
        await desk.press("tab", "enter")
        await desk.opened(DiskJobScreen)
        await desk.wait(
            lambda: "spare" not in clean_engine.docker("network", "ls", "--format", "{{.Name}}").split(),
            "it is gone",
        )
        await desk.wait(lambda: not desk.app.monitor.disk or not desk.app.monitor.disk.is_running, "it ends")
        assert "other" in clean_engine.docker("network", "ls", "--format", "{{.Name}}").split()
