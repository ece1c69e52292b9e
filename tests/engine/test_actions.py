"""Every action does what it says to the real engine, and nothing before the dialog's button is pressed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from textual.widgets import Button, Input

from tests.engine.app import Desk, running_app
from tests.rig.engine import PrivateEngine
from tui.ui.screens.rename import RenameScreen
from tui.ui.screens.typed_confirm import TypedConfirmScreen


async def test_stop_asks_then_stops(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("s")
        await asked_about(desk, clean_engine, "Stop training?", "training")
        await desk.answer("go")
        await desk.sees("training", "○ exited")
    # the program ends by itself on SIGTERM, so it was asked to and not killed
    assert state(clean_engine, "training")["ExitCode"] == 0


async def test_start_of_a_stopped_container_needs_no_dialog(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training", start=False)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("s")
        await desk.sees("training", "● running")
    assert state(clean_engine, "training")["Running"] is True


async def test_restart_asks_then_gives_it_another_process(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    before = state(clean_engine, "training")["Pid"]
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("r")
        await asked_about(desk, clean_engine, "Restart training?", "training")
        await desk.answer("go")
        await desk.wait(lambda: state(clean_engine, "training")["Pid"] not in (0, before), "another process")
        await desk.sees("training", "● running")


async def test_pause_asks_and_unpause_does_not(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("p")
        await asked_about(desk, clean_engine, "Pause training?", "training")
        await desk.answer("go")
        await desk.sees("training", "‖ paused")
        assert state(clean_engine, "training")["Paused"] is True
        await desk.press("p")
        await desk.sees("training", "● running")
        assert state(clean_engine, "training")["Paused"] is False


async def test_kill_from_the_menu_asks_then_kills(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("stubborn", ("sh", "-c", "trap '' TERM; idle"))
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("stubborn")
        await desk.menu("Kill")
        await asked_about(desk, clean_engine, "Kill stubborn?", "stubborn")
        await desk.answer("go")
        await desk.sees("stubborn", "○ exited 137")
    assert state(clean_engine, "stubborn")["ExitCode"] == 137


async def test_kill_from_the_palette_asks_then_kills(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("stubborn")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("stubborn")
        await desk.press("colon")
        await desk.write("Containers: Kill")
        await desk.wait(lambda: "Kill …" in desk.text(), "the palette finds it")
        await desk.press("enter")
        await asked_about(desk, clean_engine, "Kill stubborn?", "stubborn")
        await desk.answer("go")
        await desk.sees("stubborn", "○ exited 137")


async def test_rename_takes_the_typed_name(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("before")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("before")
        await rename(desk, "after_2.0")
        await desk.sees("after_2.0", "● running")
    assert listed(clean_engine) == {"after_2.0"}


async def test_rename_takes_no_name_that_the_engine_would_refuse(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("before")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("before")
        await rename(desk, "not good")
        await desk.wait(lambda: "▲ two or more of a–z" in desk.text(), "the dialog says what is wrong")
        assert isinstance(desk.app.screen, RenameScreen)
        await desk.press("escape")
        await desk.sees("before")
    assert listed(clean_engine) == {"before"}


async def test_remove_keeps_anonymous_volumes_unless_told(clean_engine: PrivateEngine) -> None:
    volume = with_volume(clean_engine, "training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        question = (await desk.dialog()).question
        assert [line.strip() for line in question.lines[1:]] == [f"anonymous volume {volume[:12]}…"]
        await desk.answer("keep")
        await desk.wait(lambda: desk.names() == [], "it goes")
    assert listed(clean_engine) == set()
    assert volume in clean_engine.docker("volume", "ls", "--quiet")


async def test_remove_takes_anonymous_volumes_when_told(clean_engine: PrivateEngine) -> None:
    volume = with_volume(clean_engine, "training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        screen = await desk.opened(TypedConfirmScreen)
        # what lies on a volume is looked into by nobody
        assert screen.query_one("#volumes", Button).disabled
        screen.query_one(Input).value = "training"
        await desk.wait(lambda: not screen.query_one("#volumes", Button).disabled, "its name lets it go")
        await desk.answer("volumes")
        await desk.wait(lambda: desk.names() == [], "it goes")
    assert listed(clean_engine) == set()
    assert volume not in clean_engine.docker("volume", "ls", "--quiet")


async def test_remove_with_anonymous_volumes_spares_named_ones(clean_engine: PrivateEngine) -> None:
    anonymous = with_volume(clean_engine, "training", "--volume", "datasets:/data")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        screen = await desk.opened(TypedConfirmScreen)
        assert not any("datasets" in line for line in screen.question.lines)
        screen.query_one(Input).value = "training"
        await desk.wait(lambda: not screen.query_one("#volumes", Button).disabled, "its name lets it go")
        await desk.answer("volumes")
        await desk.wait(lambda: desk.names() == [], "it goes")
    volumes = clean_engine.docker("volume", "ls", "--quiet").split()
    assert "datasets" in volumes
    assert anonymous not in volumes


async def test_remove_without_volumes_offers_one_way_only(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training", start=False)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        await asked_about(desk, clean_engine, "Remove training?", "training")
        assert [choice.id for choice in (await desk.dialog()).question.choices] == ["keep"]
        await desk.answer("keep")
        await desk.wait(lambda: desk.names() == [], "it goes")
    assert listed(clean_engine) == set()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
async def test_remove_stops_first_what_has_processes(clean_engine: PrivateEngine, paused: bool) -> None:
    clean_engine.run_container("training")
    if paused:
        clean_engine.docker("pause", "training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        assert (await desk.dialog()).question.lines[0].endswith("is stopped first")
        await desk.answer("keep")
        await desk.wait(lambda: desk.names() == [], "it goes")
        log = await desk.command_log()
        done = [line.split()[2] for line in log.splitlines()]
        assert done == [*(["unpause"] if paused else []), "stop", "rm"]
    assert listed(clean_engine) == set()


@pytest.mark.by_default("s-enter", "r-escape", "p-enter", "d-escape")
@pytest.mark.parametrize("way", ["enter", "escape"])
@pytest.mark.parametrize("key", ["s", "r", "p", "d"])
async def test_enter_right_away_and_esc_hurt_nobody(clean_engine: PrivateEngine, key: str, way: str) -> None:
    clean_engine.run_container("training")
    before = state(clean_engine, "training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press(key)
        await desk.dialog()
        await desk.press(way)
        await desk.wait(lambda: desk.is_on_top, "the dialog closes")
        assert await desk.command_log() == "Nothing was done yet."
    assert state(clean_engine, "training") == before


async def test_the_command_log_has_the_client_s_lines_with_their_outcome(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("s")
        await desk.answer("go")
        await desk.sees("training", "○ exited")
        await desk.press("s")
        await desk.sees("training", "● running")
        await rename(desk, "other")
        await desk.sees("other")
        log = (await desk.command_log()).splitlines()
    told = [" ".join(line.split()[1:-2]) for line in log]
    assert told == [
        "docker stop --time 10 training done",
        "docker start training done",
        "docker rename training other done",
    ]


# -- what the tests do and ask


async def rename(desk: Desk, name: str) -> None:
    """Type another name for the container under the cursor, and press enter."""
    await desk.menu("Rename")
    screen = await desk.opened(RenameScreen)
    await desk.wait(lambda: isinstance(screen.focused, Input), "its input has the focus")
    await desk.press("end", "ctrl+u")
    await desk.write(name)
    await desk.press("enter")


async def asked_about(desk: Desk, engine: PrivateEngine, title: str, *names: str) -> None:
    """The dialog has this title and names exactly these containers, by name and id; all are as they were."""
    question = (await desk.dialog()).question
    assert question.title == title
    assert [line.split()[0] for line in question.lines] == list(names)
    for name, line in zip(names, question.lines, strict=True):
        assert told(engine, name)["Id"][:12] in line
        assert line.strip() in desk.text(), "it is drawn, too"


def told(engine: PrivateEngine, name: str) -> dict[str, Any]:
    """What the engine knows of a container."""
    found: dict[str, Any] = json.loads(engine.docker("inspect", "--type", "container", name))[0]
    return found


def state(engine: PrivateEngine, name: str) -> dict[str, Any]:
    """Its state."""
    found: dict[str, Any] = told(engine, name)["State"]
    return found


def listed(engine: PrivateEngine) -> set[str]:
    """The names of all containers."""
    return set(engine.docker("ps", "--all", "--format", "{{.Names}}").split())


def with_volume(engine: PrivateEngine, name: str, *arguments: str) -> str:
    """Make a stopped container with an anonymous volume; gives back the volume's name."""
    args = ("--network", "none", "--volume", "/scratch", *arguments)
    engine.run_container(name, args=args, start=False)
    mounts = told(engine, name)["Mounts"]
    return next(str(mount["Name"]) for mount in mounts if mount["Destination"] == "/scratch")
