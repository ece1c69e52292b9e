"""The screenshots: drawn from the demo with a frozen clock, compared with the files in screenshots/."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.rig.waiting import until_async
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.environments import ListedBy
from tui.monitor.monitor import Monitor
from tui.monitor.tail import TailState
from tui.monitor.topics import CHANGES, CONTAINERS, DATA_ROOT, GPU_OWNERS, GPUS, RECLAIM
from tui.settings import Settings
from tui.ui.app import EnvtuiApp
from tui.ui.panes.containers import ContainersPane
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.panes.logs import LogsPane
from tui.ui.screens.change_form import ChangeForm
from tui.ui.screens.change_job import ChangeJobScreen
from tui.ui.screens.change_plan import ChangePlanScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.disk_job import DiskJobScreen
from tui.ui.screens.disk_plan import DiskPlanScreen
from tui.ui.screens.session_opening import SessionOpeningScreen
from tui.ui.widgets.line_view import LineView
from tui.workstation import open_demo

# Nothing comes from a clock that stands still but the backlog, which comes without a pause.
READ_SECONDS = 0.5
FOLDER = Path(__file__).parents[2] / "screenshots"


def pane_of(app: EnvtuiApp) -> ContainersPane:
    return app.screen_stack[0].query_one(ContainersPane)


def settled(app: EnvtuiApp) -> bool:
    """Every visible running row has its figures and its age, and the status bar its disk."""
    pane = pane_of(app)
    rows = {row.key: row for row in pane.table.rows}
    if not pane.region:
        return app.monitor.store.value(DATA_ROOT) is not None
    visible = [rows[key].cells for key in pane.table.visible_keys()]
    figures = all(cells[2] != "–" or "restarting" in cells[0] for cells in visible)
    return bool(visible) and figures and app.monitor.store.value(DATA_ROOT) is not None


def log_settled(app: EnvtuiApp) -> bool:
    """The log of the selected container is read to its end, where one is on screen."""
    pane = app.screen_stack[0].query_one(LogsPane)
    if not pane.region:
        return True
    tails = pane.open_log.tails
    is_read = all(
        tail.status.state is TailState.UNREADABLE
        or (tail.received_at and time.monotonic() - tail.received_at > READ_SECONDS)
        for tail in tails
    )
    return bool(tails) and is_read and not pane._has_news and pane._choice is None


def environments_settled(app: EnvtuiApp) -> bool:
    """Every container was asked, and what is on screen of the selected one is measured."""
    pane = app.screen_stack[0].query_one(EnvironmentsPane)
    known = pane.known
    if known is None or known.listing is None:
        return pane.shows_all or not pane.region or known is None
    measurable = {each.prefix for each in known.listing.environments if each.kind != "system"}
    is_measured = known.sizes.keys() >= measurable or known.listing.listed_by is ListedBy.ARCHIVE
    return not pane.region or is_measured


def at_rest(app: EnvtuiApp) -> bool:
    """Nobody is asked for environments or owners of GPU processes, and what is known of them was shown."""
    store = app.monitor.store
    report, owners = store.value(GPUS), store.value(GPU_OWNERS)
    if report is None or owners is None or not app.monitor.is_at_rest:
        return False
    alive = {each.id for each in store.value(CONTAINERS) or () if each.is_alive}
    is_known = {process.pid for process in report.processes} <= owners.owners.keys()
    return is_known and alive <= owners.entitlements.keys() and not store._changed


def asked(app: EnvtuiApp) -> bool:
    """A session that is being opened has got as far as its question."""
    is_opening = any(isinstance(screen, SessionOpeningScreen) for screen in app.screen_stack)
    return not is_opening or isinstance(app.screen, ConfirmScreen)


async def picture(
    name: str,
    size: tuple[int, int],
    keys: tuple[str, ...],
    update: bool,
    theme: str = "textual-dark",
    then: Callable[[EnvtuiApp, Pilot[None], FrozenClock], Awaitable[None]] | None = None,
) -> None:
    """Press the keys, do what else there is to do, draw, and compare with (or write) the file."""
    clock = FrozenClock()
    monitor = Monitor(open_demo(DemoWorld(clock=clock)))
    monitor.start()
    app = EnvtuiApp(monitor, Settings(theme=theme))
    try:
        async with app.run_test(size=size) as pilot:
            await until_async(lambda: settled(app))
            await until_async(lambda: at_rest(app))
            for key in keys:
                await pilot.press(key)
                await quiet(pilot)
                # a key may bring other rows into view, and what it opens shows what was known then
                await until_async(lambda: at_rest(app) and environments_settled(app) and settled(app))
            await until_async(lambda: log_settled(app) and asked(app))
            if then is not None:
                await then(app, pilot, clock)
            await quiet(pilot)
            drawn = app.export_screenshot(title="envtui", simplify=True)
    finally:
        monitor.stop()
    file = FOLDER / f"{name}.svg"
    if update:
        file.write_text(drawn, encoding="utf-8")
    assert file.exists(), f"{file.name} is missing: run pytest --update"
    kept = file.read_text(encoding="utf-8")
    if drawn != kept:
        pytest.fail(
            f"{file.name} looks different: see pytest --update\n{differences(kept, drawn)}", pytrace=False
        )


def differences(kept: str, drawn: str) -> str:
    """Lines of the screen that read differently."""
    pairs = zip(screen_lines(kept), screen_lines(drawn), strict=False)
    return "\n".join(f"- {one}\n+ {other}" for one, other in pairs if one != other)


def screen_lines(svg: str) -> list[str]:
    """The text of a drawing, line by line."""
    found: dict[float, list[str]] = {}
    for y, text in re.findall(r'<text[^>]* y="([\d.]+)"[^>]*>(.*?)</text>', svg):
        found.setdefault(float(y), []).append(html.unescape(text))
    return ["".join(parts) for _, parts in sorted(found.items())]


async def quiet(pilot: Pilot[None]) -> None:
    """Until nothing is being asked and nothing is left to draw."""
    for _ in range(3):
        await pilot.pause()


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("containers-80x24", (80, 24)),
        ("containers-120x36", (120, 36)),
        ("containers-200x60", (200, 60)),
    ],
)
async def test_containers_pane_looks_as_in_the_screenshot(
    name: str, size: tuple[int, int], request: pytest.FixtureRequest
) -> None:
    await picture(name, size, ("j", "j"), request.config.getoption("--update"))


async def test_dialog_looks_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    await picture(
        "stop-dialog", (120, 36), ("j", "space", "space", "s"), request.config.getoption("--update")
    )


async def test_the_question_before_a_session_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest,
) -> None:
    await picture("session-dialog", (120, 36), ("j", "e"), bool(request.config.getoption("--update")))


async def test_help_looks_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    await picture("keys", (80, 24), ("question_mark",), request.config.getoption("--update"))


async def test_light_theme_looks_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    await picture(
        "containers-light", (120, 36), (), request.config.getoption("--update"), theme="textual-light"
    )


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("logs-80x24", (80, 24), ("G", "l")),
        ("logs-120x36", (120, 36), ("G", "l")),
        (
            "logs-search-120x36",
            (120, 36),
            ("slash", *"vision-train", "enter", "l", "slash", *"loss", "enter"),
        ),
    ],
)
async def test_logs_pane_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    keys = tuple("minus" if key == "-" else key for key in keys)
    await picture(name, size, keys, bool(request.config.getoption("--update")))


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("environments-80x24", (80, 24), ("j", "enter", "j", "j", "j")),
        ("environments-120x36", (120, 36), ("j", "enter", "j", "j", "j")),
        ("environments-all-120x36", (120, 36), ("j", "enter", "E", "plus")),
        ("packages-120x36", (120, 36), ("j", "enter", "j", "j", "j", "i")),
    ],
)
async def test_environments_pane_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    await picture(name, size, keys, bool(request.config.getoption("--update")))


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("gpus-80x24", (80, 24), ("3", "j")),
        ("gpus-120x36", (120, 36), ("3", "plus", "j")),
        ("gpus-by-container-120x36", (120, 36), ("3", "plus", "u", "j")),
        ("gpu-details-120x36", (120, 36), ("3", "i")),
        ("end-process-dialog", (120, 36), ("3", "j", "j", "K")),
    ],
)
async def test_gpus_pane_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    await picture(name, size, keys, bool(request.config.getoption("--update")))


async def plan(app: EnvtuiApp, pilot: Pilot[None], name: str, action: str, packages: str) -> None:
    """Have a change of an environment planned."""
    pane = app.screen_stack[0].query_one(EnvironmentsPane)
    await until_async(lambda: name in [each.environment.name for each in pane.items])
    (item,) = [each for each in pane.items if each.environment.name == name]
    pane.table.move_to_key(pane.key(item))
    await quiet(pilot)
    (entry,) = [each for each in pane.ACTIONS if each.id == f"environments.{action}"]
    entry.run(pane)
    await until_async(lambda: isinstance(app.screen, ChangeForm | ChangePlanScreen))
    if packages:
        await quiet(pilot)
        app.screen.query(Input).first().value = packages
        await pilot.press("enter")
    await until_async(lambda: isinstance(app.screen, ChangePlanScreen))


@pytest.mark.parametrize(("name", "size"), [("plan-80x24", (80, 24)), ("plan-120x36", (120, 36))])
async def test_plan_of_a_change_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int]
) -> None:
    async def then(app: EnvtuiApp, pilot: Pilot[None], _: FrozenClock) -> None:
        await plan(app, pilot, "legacy-seg", "install", "pytorch=1.12 scikit-image")

    await picture(name, size, ("j", "enter"), bool(request.config.getoption("--update")), then=then)


async def test_plan_of_a_removal_looks_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    async def then(app: EnvtuiApp, pilot: Pilot[None], _: FrozenClock) -> None:
        await plan(app, pilot, "vision", "remove", "")

    update = bool(request.config.getoption("--update"))
    await picture("remove-environment-120x36", (120, 36), ("j", "enter"), update, then=then)


async def test_job_of_a_change_looks_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    async def then(app: EnvtuiApp, pilot: Pilot[None], clock: FrozenClock) -> None:
        await plan(app, pilot, "legacy-seg", "install", "pytorch=1.12 scikit-image")
        await pilot.press("right", "enter")
        await until_async(lambda: isinstance(app.screen, ChangeJobScreen))
        clock.advance(3.0)

        def is_downloading() -> bool:
            known = next(iter((app.monitor.store.value(CHANGES) or {}).values()), None)
            return known is not None and known.job.progress.stage == "downloading"

        await until_async(is_downloading)

    await picture(
        "job-120x36", (120, 36), ("j", "enter"), bool(request.config.getoption("--update")), then=then
    )


async def disk_at_rest(app: EnvtuiApp, pilot: Pilot[None], _: FrozenClock) -> None:
    """All of the disk is read, and shown."""
    keeper = app.monitor.disk
    assert keeper is not None
    await until_async(lambda: keeper.is_at_rest and not app.monitor.store._changed)
    await quiet(pilot)


@pytest.mark.parametrize(
    ("name", "size", "keys"),
    [
        ("disk-80x24", (80, 24), ("D",)),
        ("disk-120x36", (120, 36), ("D",)),
        ("disk-200x60", (200, 60), ("D",)),
        ("disk-images-120x36", (120, 36), ("P",)),
    ],
)
async def test_disk_screen_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    async def mark(app: EnvtuiApp, pilot: Pilot[None], clock: FrozenClock) -> None:
        await disk_at_rest(app, pilot, clock)
        await pilot.press("a")

    await picture(name, size, keys, bool(request.config.getoption("--update")), then=mark)


@pytest.mark.parametrize(("name", "size"), [("disk-plan-80x24", (80, 24)), ("disk-plan-120x36", (120, 36))])
async def test_plan_of_a_removal_from_the_disk_looks_as_in_the_screenshot(
    request: pytest.FixtureRequest, name: str, size: tuple[int, int]
) -> None:
    async def then(app: EnvtuiApp, pilot: Pilot[None], clock: FrozenClock) -> None:
        await disk_at_rest(app, pilot, clock)
        # the biggest of all is a volume with a name
        await pilot.press("a", "g", "space", "d")
        await until_async(lambda: isinstance(app.screen, DiskPlanScreen))

    await picture(name, size, ("D",), bool(request.config.getoption("--update")), then=then)


async def test_outcomes_of_a_removal_look_as_in_the_screenshot(request: pytest.FixtureRequest) -> None:
    async def then(app: EnvtuiApp, pilot: Pilot[None], clock: FrozenClock) -> None:
        await disk_at_rest(app, pilot, clock)
        await pilot.press("right", "g", "space", "d")
        await until_async(lambda: isinstance(app.screen, DiskPlanScreen))
        await pilot.press("right", "enter")
        await until_async(lambda: isinstance(app.screen, DiskJobScreen))
        await until_async(lambda: (told := app.monitor.store.value(RECLAIM)) is not None and told.is_over)
        await disk_at_rest(app, pilot, clock)

    update = bool(request.config.getoption("--update"))
    await picture("disk-outcomes-120x36", (120, 36), ("D",), update, then=then)


async def test_comparison_and_export_look_as_in_the_screenshots(request: pytest.FixtureRequest) -> None:
    async def compare(app: EnvtuiApp, pilot: Pilot[None], _: FrozenClock) -> None:
        await until_async(lambda: "PACKAGE" in app.screen.query_one(LineView).text)

    async def export(app: EnvtuiApp, pilot: Pilot[None], _: FrozenClock) -> None:
        pane = app.screen_stack[0].query_one(EnvironmentsPane)
        (entry,) = [each for each in pane.ACTIONS if each.id == "environments.export"]
        entry.run(pane)
        await until_async(lambda: bool(app.screen.query(LineView)))
        await until_async(lambda: "dependencies" in app.screen.query_one(LineView).text)

    update = bool(request.config.getoption("--update"))
    keys = ("j", "enter", "j", "j", "j", "space", "j", "equals_sign")
    await picture("comparison-120x36", (120, 36), keys, update, then=compare)
    await picture("export-120x36", (120, 36), ("j", "enter", "j"), update, then=export)
