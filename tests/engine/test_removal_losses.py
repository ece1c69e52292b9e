"""Removing containers of a real engine: what goes with them is listed, exported, and only then removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Input

from tests.engine import environment_images as images
from tests.engine.app import Desk, running_app
from tests.engine.boxes import Box
from tests.rig.conda_prefixes import SITE
from tui.model.containers import Container
from tui.ui.screens.export_folder import ExportFolderScreen
from tui.ui.screens.typed_confirm import TypedConfirmScreen

ENVS = "/opt/conda/envs"
WIDE = (150, 60)


def made_from(box: Box, container: Container, *prefixes: str) -> None:
    """Environments like one that is there already, made in a container that runs."""
    for prefix in prefixes:
        box.engine.docker(
            "exec", container.id, "sh", "-c", 'mkdir -p "${2%/*}" && cp -R "$1" "$2"', "sh",
            f"{ENVS}/untouched", prefix,
        )  # fmt: skip


async def asked(desk: Desk, name: str) -> TypedConfirmScreen:
    await desk.point_at(name)
    await desk.press("d")
    return await desk.opened(TypedConfirmScreen)


def environments(screen: TypedConfirmScreen) -> list[str]:
    """The lines of environments that are lost."""
    return [line.strip("▲ ") for line in screen.question.lines if line.strip("▲ ").startswith("environment ")]


async def type_in(desk: Desk, text: str) -> None:
    desk.app.screen.query_one(Input).value = text
    await desk.pilot.pause()


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "running"])
async def test_two_environments_of_the_layer_are_both_listed(box: Box, stopped: bool) -> None:
    container = box.run(images.CONDA, images.make_conda)
    made_from(box, container, f"{ENVS}/first", f"{ENVS}/second")
    if stopped:
        box.engine.docker("stop", "--time", "0", "training")
    async with running_app(box.engine.host, size=WIDE) as desk:
        screen = await asked(desk, "training")
        assert [each.split(",")[0] for each in environments(screen)] == [
            f"environment first ({ENVS}/first)",
            f"environment second ({ENVS}/second)",
        ]
        assert all("made in it" in each for each in environments(screen))
        assert screen.question.lines[0].endswith("is stopped first") is not stopped
        assert screen.query_one("#keep", Button).disabled
        await type_in(desk, "other")
        assert screen.query_one("#keep", Button).disabled
        await type_in(desk, "training")
        await desk.press("enter")
        await desk.wait(lambda: desk.names() == [], "it goes")


async def test_on_a_volume_or_baked_and_unchanged_none(box: Box, tmp_path: Path) -> None:
    args = ("--volume", f"{tmp_path}:/scratch/envs")
    container = box.run(images.CONDA, images.make_conda, args=args)
    made_from(box, container, "/scratch/envs/first", "/scratch/envs/second")
    box.engine.docker("stop", "--time", "0", "training")
    async with running_app(box.engine.host, size=WIDE) as desk:
        screen = await asked(desk, "training")
        assert environments(screen) == []
        assert not screen.query(Input) and not screen.query_one("#keep", Button).disabled


async def test_a_baked_one_that_was_changed_is_listed_as_changed(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    box.engine.docker("exec", container.id, "mkdir", f"{ENVS}/nlp/{SITE}/peft-1.0.dist-info")
    box.engine.docker("stop", "--time", "0", "training")
    async with running_app(box.engine.host, size=WIDE) as desk:
        screen = await asked(desk, "training")
        (line,) = environments(screen)
        assert line.startswith(f"environment nlp ({ENVS}/nlp), changed in it")


async def test_exported_files_are_there_then_it_is_removed(box: Box, tmp_path: Path) -> None:
    container = box.run(images.CONDA, images.make_conda)
    made_from(box, container, f"{ENVS}/first", f"{ENVS}/second")
    box.engine.docker("stop", "--time", "0", "training")
    folder = tmp_path / "kept"
    async with running_app(box.engine.host, size=WIDE) as desk:
        screen = await asked(desk, "training")
        screen.query_one("#export", Button).press()
        await desk.opened(ExportFolderScreen)
        await type_in(desk, str(folder))
        await desk.press("enter")
        again = await desk.opened(TypedConfirmScreen)
        told = "\n".join(again.question.lines)
        assert told.count("is exported") == 2
        assert {each.name for each in folder.iterdir()} == {"training-first.yml", "training-second.yml"}
        assert all("python" in each.read_text() for each in folder.iterdir())
        assert desk.names() == ["training"]
        await type_in(desk, "training")
        await desk.press("enter")
        await desk.wait(lambda: desk.names() == [], "it goes")


async def test_what_can_not_be_known_asks_for_the_name(box: Box) -> None:
    from dataclasses import replace

    box.run(images.CONDA, images.make_conda)
    without = lambda host: replace(host, disk=None)  # noqa: E731 - said once
    async with running_app(box.engine.host, size=WIDE, change=without) as desk:
        screen = await asked(desk, "training")
        assert any("could not be looked into" in line for line in screen.question.lines)
        assert screen.query_one("#keep", Button).disabled
