"""Inspect and processes show what the engine knows, with secrets masked until they are asked for."""

from __future__ import annotations

from tests.engine.app import running_app
from tests.rig.engine import PrivateEngine
from tui.ui.screens.inspect import InspectScreen
from tui.ui.screens.processes import ProcessesScreen

SECRET = "s3cr3t-f0r-n0b0dy"


async def test_inspect_shows_what_the_engine_knows(clean_engine: PrivateEngine) -> None:
    arguments = ("--network", "none", "--label", "owner=ada", "--env", "EPOCHS=90", "--workdir", "/tmp")
    key = clean_engine.run_container("training", args=arguments)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("i")
        await desk.opened(InspectScreen)
        await desk.wait(lambda: f"Id: {key}" in desk.text_screen(), "the answer is shown")
        lines = [line.strip() for line in desk.text_screen().splitlines()]
        assert {"Name: /training", "owner: ada", "- EPOCHS=90", "WorkingDir: /tmp"} <= set(lines)


async def test_inspect_masks_secrets_until_v(clean_engine: PrivateEngine) -> None:
    secrets = ("HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD")
    arguments = ("--network", "none", *(part for name in secrets for part in ("--env", f"{name}={SECRET}")))
    clean_engine.run_container("training", args=arguments)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("i")
        await desk.wait(lambda: "HF_TOKEN=••••••" in desk.text_screen(), "the answer is shown")
        assert SECRET not in desk.text_screen() + desk.text()
        await desk.press("v")
        await desk.wait(lambda: desk.text_screen().count(SECRET) == len(secrets), "v shows them")
        await desk.press("v")
        await desk.wait(lambda: SECRET not in desk.text_screen(), "v masks them again")


async def test_inspect_of_a_container_that_went_says_so(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        # the list hears of the removal only after the question was asked
        desk.monitor.stop()
        clean_engine.docker("rm", "--force", "training")
        await desk.press("i")
        await desk.wait(lambda: "No such container" in desk.text_screen(), "it is said")
        await desk.press("escape")
        await desk.wait(lambda: desk.is_on_top, "the screen closes")


async def test_processes_are_shown_with_their_commands(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training", ("sh", "-c", "sleep 4321 & sleep 9876"))
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("t")
        await desk.opened(ProcessesScreen)
        await desk.wait(lambda: "sleep 9876" in desk.text_screen(), "the answer is shown")
        titles, *rows = desk.text_screen().splitlines()
        assert {"PID", "CMD"} <= set(titles.split())
        assert sum(row.endswith("sleep 4321") for row in rows) == 1


async def test_processes_are_asked_for_again_on_request(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("t")
        await desk.wait(lambda: "idle" in desk.text_screen(), "the answer is shown")
        clean_engine.docker("exec", "--detach", "training", "sleep", "7777")
        await desk.press("R")
        await desk.wait(lambda: "sleep 7777" in desk.text_screen(), "the new process is shown")


async def test_processes_of_a_stopped_container_are_refused_with_a_reason(
    clean_engine: PrivateEngine,
) -> None:
    clean_engine.run_container("training", start=False)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("t")
        await desk.wait(lambda: "it does not run" in desk.messages(), "the reason is shown")
        assert desk.is_on_top
