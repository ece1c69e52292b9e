"""What happens to containers elsewhere is on screen without a key press, and the cursor stays where it is."""

from __future__ import annotations

from tests.engine.app import Desk, running_app
from tests.rig.engine import PrivateEngine

# Burns a core while /tmp/busy exists.
BUSY_ON_DEMAND = ("sh", "-c", "while :; do [ -e /tmp/busy ] || sleep 0.1; done")


async def test_a_started_container_appears(clean_engine: PrivateEngine) -> None:
    async with running_app(clean_engine.host) as desk:
        await desk.wait(lambda: "There is no container on this host." in desk.text())
        clean_engine.run_container("fresh-one")
        await desk.sees("fresh-one", "● running", "envtui-rig:1")


async def test_a_created_container_appears_as_created(clean_engine: PrivateEngine) -> None:
    async with running_app(clean_engine.host) as desk:
        clean_engine.run_container("only-made", start=False)
        await desk.sees("only-made", "○ created")


async def test_a_rename_shows(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("before")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("before")
        clean_engine.docker("rename", "before", "after")
        await desk.sees("after", "● running")
        assert desk.names() == ["after"]


async def test_pause_and_unpause_show(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        clean_engine.docker("pause", "training")
        await desk.sees("training", "‖ paused")
        clean_engine.docker("unpause", "training")
        await desk.sees("training", "● running")


async def test_a_stop_shows(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        clean_engine.docker("stop", "training")
        await desk.sees("training", "○ exited")
        await desk.wait(lambda: "0 running of 1" in desk.text(), "the title counts it")


async def test_a_failure_shows_with_its_exit_code(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        clean_engine.docker("kill", "training")
        await desk.sees("training", "○ exited 137")
        await desk.wait(lambda: "exit code 137 (killed)" in desk.text(), "the detail says why")


async def test_a_start_of_a_stopped_container_shows(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container(
        "training", ("sh", "-c", "[ -e /tmp/again ] && idle; touch /tmp/again; exit 3")
    )
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "○ exited 3")
        clean_engine.docker("start", "training")
        await desk.sees("training", "● running")


async def test_a_restart_shows_its_new_process(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:

        def process_id() -> int | None:
            row = desk.pane.current
            return row.container.process_id if row is not None else None

        before = await desk.wait(process_id, "the first process is known")
        clean_engine.docker("restart", "training")
        new = int(clean_engine.docker("inspect", "--format", "{{.State.Pid}}", "training"))
        assert new != before
        await desk.wait(lambda: process_id() == new, "the new process is known")
        await desk.sees("training", "● running")


async def test_a_container_that_ends_again_and_again_shows_as_restarting(clean_engine: PrivateEngine) -> None:
    async with running_app(clean_engine.host) as desk:
        clean_engine.run_container("crash-loop", ("false",), ("--network", "none", "--restart", "always"))
        await desk.sees("crash-loop", "↻ restarting")
        await desk.wait(lambda: "restart always" in desk.text(), "the detail says that it will go on")


async def test_health_shows_as_it_changes(clean_engine: PrivateEngine) -> None:
    checked = ("--health-cmd", "test -e /tmp/well", "--health-interval", "1s", "--health-retries", "2")
    async with running_app(clean_engine.host) as desk:
        clean_engine.run_container("service", args=("--network", "none", *checked))
        await desk.sees("service", "◌ starting")
        clean_engine.docker("exec", "service", "touch", "/tmp/well")
        await desk.sees("service", "● running")
        clean_engine.docker("exec", "service", "rm", "/tmp/well")
        await desk.sees("service", "▲ unhealthy")
        clean_engine.docker("exec", "service", "touch", "/tmp/well")
        await desk.sees("service", "● running")


async def test_a_removed_container_goes(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("kept")
    clean_engine.run_container("doomed")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("doomed")
        clean_engine.docker("rm", "--force", "doomed")
        await desk.wait(lambda: desk.names() == ["kept"], "doomed goes")


async def test_a_changed_restart_policy_shows(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("service")
    async with running_app(clean_engine.host) as desk:
        await desk.wait(lambda: desk.pane.current is not None and desk.pane.current.container.process_id)
        clean_engine.docker("update", "--restart", "unless-stopped", "service")
        await desk.wait(lambda: "restart unless-stopped" in desk.text(), "the detail says it")


async def test_published_ports_follow_a_start(clean_engine: PrivateEngine) -> None:
    clean_engine.docker("network", "create", "lab")
    async with running_app(clean_engine.host) as desk:
        clean_engine.run_container("jupyter", args=("--network", "lab", "--publish", "127.0.0.1::8888"))
        told = clean_engine.docker("port", "jupyter", "8888").strip()
        await desk.sees("jupyter", f"{told}→8888")


# -- the cursor


async def test_the_cursor_stays_on_its_container_when_rows_come_before_it(
    clean_engine: PrivateEngine,
) -> None:
    clean_engine.create_many(3, "mm")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("mm-001")
        clean_engine.create_many(2, "aa")
        await desk.wait(lambda: desk.names() == ["aa-000", "aa-001", "mm-000", "mm-001", "mm-002"])
        assert cursor_line(desk).split()[1:4] == ["●", "running", "mm-001"]


async def test_the_cursor_stays_on_its_container_when_rows_before_it_go(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(4, "mm")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("mm-002")
        clean_engine.docker("rm", "--force", "mm-000", "mm-001")
        await desk.wait(lambda: desk.names() == ["mm-002", "mm-003"])
        assert "mm-002" in cursor_line(desk)


async def test_the_cursor_goes_to_the_next_row_when_its_container_goes(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(3, "mm")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("mm-001")
        clean_engine.docker("rm", "--force", "mm-001")
        await desk.wait(lambda: desk.names() == ["mm-000", "mm-002"])
        assert "mm-002" in cursor_line(desk)


async def test_the_cursor_stays_in_a_long_list_that_is_scrolled(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(30, "mm", start=False)
    async with running_app(clean_engine.host, size=(100, 16)) as desk:
        await desk.wait(lambda: len(desk.names()) == 30)
        await desk.press("g", *("j" for _ in range(20)))
        assert desk.cursor_name == "mm-020"
        drawn_at = desk.lines().index(line_with(desk, "mm-020"))
        clean_engine.create_many(5, "aa", start=False)
        await desk.wait(lambda: len(desk.names()) == 35)
        await desk.pilot.pause()
        assert desk.cursor_name == "mm-020"
        assert desk.lines().index(line_with(desk, "mm-020")) == drawn_at


async def test_the_cursor_stays_on_its_container_when_cpu_sorts_rows_anew(
    clean_engine: PrivateEngine,
) -> None:
    for name in ("one", "two"):
        clean_engine.run_container(name, BUSY_ON_DEMAND)
    async with running_app(clean_engine.host) as desk:
        await desk.sees("two", "● running")
        await desk.press("greater_than_sign", "greater_than_sign")
        assert "CPU▼" in desk.text()
        clean_engine.docker("exec", "one", "touch", "/tmp/busy")
        await desk.wait(lambda: desk.names() == ["one", "two"] and busy(desk, "one"), "one uses a core")
        await desk.point_at("two")
        clean_engine.docker("exec", "one", "rm", "/tmp/busy")
        clean_engine.docker("exec", "two", "touch", "/tmp/busy")
        await desk.wait(lambda: desk.names() == ["two", "one"], "two comes first")
        assert "two" in cursor_line(desk)
        clean_engine.docker("exec", "two", "rm", "/tmp/busy")
        clean_engine.docker("exec", "one", "touch", "/tmp/busy")
        await desk.wait(lambda: desk.names() == ["one", "two"], "one comes first again")
        assert "two" in cursor_line(desk)


def cursor_line(desk: Desk) -> str:
    """The drawn line that has the cursor."""
    table = desk.pane.table
    lines = [table.render_line(y).text for y in range(1, table.size.height)]
    return next(line for line in lines if line.startswith(">"))


def line_with(desk: Desk, name: str) -> str:
    """The drawn line of the screen's table that holds a name."""
    return next(line for line in desk.lines() if line.startswith(("> ", "  ")) and f" {name} " in line)


def busy(desk: Desk, name: str) -> bool:
    """Whether the row shows at least half a core in use."""
    words = [word for word in desk.row(name).split() if word.endswith("%")]
    return bool(words) and float(words[0].rstrip("%")) >= 50
