"""Removing a container: what is lost is listed, exported, and asked for by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input, Static

from tests.ui.desk import Desk, desk
from tui.demo.catalogue import SCRATCH_VOLUME
from tui.model.containers import Container
from tui.model.disk import DiskFacts, DiskVolume
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList, Origin
from tui.model.errors import EnvtuiError
from tui.model.operations import Operation
from tui.model.reclaim import Protection
from tui.monitor.known_disk import KnownDisk
from tui.monitor.topics import DISK, JOBS
from tui.ui.screens.export_folder import ExportFolderScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.typed_confirm import TypedConfirmScreen
from tui.workstation import Workstation

SIZE = (120, 40)
# a stopped one with an environment made in its layer, and base changed there
LOSING = "preprocess-dicom"


def words(at: Desk) -> str:
    return "\n".join(str(static.render()) for static in at.app.screen.query(Static))


def is_ready(at: Desk, button: str = "#keep") -> bool:
    return not at.app.screen.query_one(button, Button).disabled


async def asked(at: Desk, *names: str) -> TypedConfirmScreen:
    """The dialog about these."""
    for name in names:
        await at.go_to(name)
        if len(names) > 1:
            await at.press("space")
    await at.press("d")
    return await at.on(TypedConfirmScreen)


async def type_in(at: Desk, text: str) -> None:
    at.app.screen.query_one(Input).value = text
    await at.pilot.pause()


class TestWhatIsLost:
    async def test_every_environment_of_the_layer_is_listed(self) -> None:
        async with desk(size=SIZE) as at:
            screen = await asked(at, LOSING)
            told = "\n".join(screen.question.lines)
            assert "environment dicom (/opt/conda/envs/dicom), made in it" in told
            assert "environment base (/opt/conda), changed in it" in told

    async def test_of_a_running_one_too_and_it_is_stopped_first(self) -> None:
        async with desk(size=SIZE) as at:
            screen = await asked(at, "notebook-ana")
            told = "\n".join(screen.question.lines)
            assert "is stopped first" in screen.question.lines[0]
            assert "environment stats (/home/jovyan/.conda/envs/stats), made in it" in told
            # on a volume, and baked
            assert "protein" not in told and "environment base" not in told

    async def test_only_the_name_lets_it_go(self) -> None:
        async with desk(size=SIZE) as at:
            await asked(at, LOSING)
            assert not is_ready(at)
            for wrong in ("", "preprocess", LOSING.upper(), f"{LOSING} "):
                await type_in(at, wrong)
                assert not is_ready(at)
                await at.press("enter")
                assert isinstance(at.app.screen, TypedConfirmScreen)
            await type_in(at, LOSING)
            assert is_ready(at)
            await at.press("enter")
            await at.on(MainScreen)
            await at.until(lambda: LOSING not in at.names)

    async def test_without_a_loss_a_button_is_enough(self) -> None:
        async with desk(size=SIZE) as at:
            screen = await asked(at, "tensorboard")
            assert not screen.query(Input) and is_ready(at)
            assert at.app.focused is not None and at.app.focused.id == "cancel"

    async def test_changed_files_are_a_loss_too(self) -> None:
        async with desk(size=SIZE) as at:
            screen = await asked(at, "dl-dev")
            assert any("294 files and folders" in line for line in screen.question.lines)
            assert screen.query(Input) and not is_ready(at)

    async def test_several_ask_for_each_name(self) -> None:
        async with desk(size=SIZE) as at:
            await asked(at, LOSING, "notebook-ana")
            first, second = (each for each in at.app.screen._names)  # type: ignore[attr-defined]
            await type_in(at, second)
            assert not is_ready(at)
            await type_in(at, first)
            assert not is_ready(at) and at.app.screen.query_one(Input).value == ""
            await type_in(at, second)
            assert is_ready(at)

    async def test_what_can_not_be_known_asks_for_the_name(self) -> None:
        async with desk(size=SIZE, change=lambda host: replace(host, disk=None)) as at:
            await asked(at, "dl-dev")
            assert "could not be looked into" in words(at) and not is_ready(at)

    async def test_escape_removes_nothing(self) -> None:
        async with desk(size=SIZE) as at:
            await asked(at, LOSING)
            await type_in(at, LOSING)
            await at.press("escape")
            await at.on(MainScreen)
            assert LOSING in at.names and not at.monitor.store.value(JOBS)


class TestMeanwhile:
    async def test_what_was_started_since_is_asked_about_again(self) -> None:
        async with desk(size=SIZE) as at:
            first = await asked(at, LOSING)
            at.happen(Operation.START, LOSING)
            await type_in(at, LOSING)
            await at.press("enter")
            await at.until(
                lambda: isinstance(at.app.screen, TypedConfirmScreen) and at.app.screen is not first
            )
            assert "It has changed since you were asked" in words(at)
            assert LOSING in at.names
            await type_in(at, LOSING)
            await at.press("enter")
            await at.until(lambda: LOSING not in at.names)


class TestAnonymousVolumes:
    """What lies on them goes with them: it is listed, and its button asks for the name."""

    @staticmethod
    def on_a_volume(host: Workstation) -> Workstation:
        """The stopped log-flood has an environment on its anonymous volume, and one elsewhere."""
        backend: Any = host.environments
        whole = backend.environments
        stay = Environment("", "/data/envs/stay", "stay", EnvironmentKind.CONDA, origin=Origin.MOUNT)

        def environments(container: Container, ask_inside: bool = True) -> EnvironmentList:
            if container.name != "log-flood":
                listed: EnvironmentList = whole(container, ask_inside)
                return listed
            mine = replace(stay, container_id=container.id, prefix="/scratch/envs/mine", name="mine")
            return EnvironmentList(container.id, (mine, replace(stay, container_id=container.id)))

        containers: Any = host.containers
        listed_before = containers.containers

        def containers_() -> Any:
            found, count = listed_before()
            return [
                replace(each, mounts=(*each.mounts, "named:/data")) if each.name == "log-flood" else each
                for each in found
            ], count

        containers.containers = containers_
        backend.environments = environments
        return host

    async def test_what_lies_on_one_is_listed_and_asked_for_by_name(self) -> None:
        async with desk(size=SIZE, change=self.on_a_volume) as at:
            at.monitor.protection = Protection(owner="admin")
            screen = await asked(at, "log-flood")
            told = "\n".join(screen.question.lines)
            assert "environment mine (/scratch/envs/mine) lies on it" in told
            assert "stay" not in told
            assert "1 environment that lies there too" in screen.question.consequence
            assert not is_ready(at, "#volumes")
            await type_in(at, "log")
            assert not is_ready(at, "#volumes")
            await type_in(at, "log-flood")
            assert is_ready(at, "#volumes")
            screen.query_one("#volumes", Button).press()
            await at.until(lambda: "log-flood" not in at.names)

    async def test_its_size_is_told_where_it_is_known(self) -> None:
        async with desk(size=SIZE) as at:
            facts = DiskFacts(volumes=(DiskVolume(SCRATCH_VOLUME, size_bytes=3 << 30),))
            at.monitor.store.put(DISK, KnownDisk(facts))
            screen = await asked(at, "log-flood")
            assert f"anonymous volume {SCRATCH_VOLUME[:12]}…  3.00 GiB" in "\n".join(screen.question.lines)

    async def test_without_them_the_name_is_asked_for_no_more_than_before(self) -> None:
        async with desk(size=SIZE, change=self.on_a_volume) as at:
            at.monitor.protection = Protection(owner="admin")
            await asked(at, "log-flood")
            # for the files that were changed in it
            await type_in(at, "log-flood")
            at.app.screen.query_one("#keep", Button).press()
            await at.until(lambda: "log-flood" not in at.names)

    async def test_what_lies_on_one_can_be_exported_first(self, tmp_path: Path) -> None:
        async with desk(size=SIZE, change=self.on_a_volume) as at:
            await asked(at, "log-flood")
            at.app.screen.query_one("#export", Button).press()
            await at.on(ExportFolderScreen)
            at.app.screen.query_one(Input).value = str(tmp_path)
            await at.press("enter")
            screen = await at.on(TypedConfirmScreen)
            assert "✓ mine" in "\n".join(screen.question.lines) or "✗ mine" in "\n".join(
                screen.question.lines
            )


class TestWhose:
    async def test_anothers_is_asked_for_by_name(self) -> None:
        async with desk(size=SIZE) as at:
            await asked(at, "optuna-db")
            assert "it is chen's (label owner)" in words(at) and not is_ready(at)

    async def test_a_protected_one_is_refused(self) -> None:
        async with desk(size=SIZE) as at:
            at.monitor.protection = Protection(names=("dl-*",), owner="ana")
            await at.go_to("dl-dev")
            await at.press("d")
            await at.until(lambda: bool(at.app._notifications))
            assert isinstance(at.app.screen, MainScreen)
            assert any("dl-*" in each.message for each in at.app._notifications)


class TestExport:
    async def export(self, at: Desk, folder: Path) -> TypedConfirmScreen:
        await asked(at, LOSING)
        at.app.screen.query_one("#export", Button).press()
        await at.on(ExportFolderScreen)
        at.app.screen.query_one(Input).value = str(folder)
        await at.press("enter")
        return await at.on(TypedConfirmScreen)

    async def test_a_file_for_each_then_it_asks_again(self, tmp_path: Path) -> None:
        async with desk(size=SIZE) as at:
            screen = await self.export(at, tmp_path / "kept")
            written = {each.name for each in (tmp_path / "kept").iterdir()}
            assert written == {f"{LOSING}-base.yml", f"{LOSING}-dicom.yml"}
            told = "\n".join(screen.question.lines)
            assert told.count("is exported") == 2
            assert LOSING in at.names and not is_ready(at)
            text = (tmp_path / "kept" / f"{LOSING}-dicom.yml").read_text()
            assert "name: dicom" in text and "pydicom==3.0.1" in text

    async def test_never_over_a_file(self, tmp_path: Path) -> None:
        (tmp_path / f"{LOSING}-dicom.yml").write_text("mine")
        async with desk(size=SIZE) as at:
            await self.export(at, tmp_path)
        assert (tmp_path / f"{LOSING}-dicom.yml").read_text() == "mine"
        assert (tmp_path / f"{LOSING}-dicom-2.yml").exists()

    async def test_what_failed_is_named_and_nothing_is_removed(self, tmp_path: Path) -> None:
        async with desk(size=SIZE) as at:
            screen = await self.export(at, tmp_path / "not" / "there")
            told = "\n".join(screen.question.lines)
            assert told.count("is not exported: The folder can't be made") == 2
            assert "nothing was removed" in screen.question.consequence
            assert LOSING in at.names

    async def test_one_that_can_not_be_read_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with desk(size=SIZE) as at:
            whole = at.monitor.records

            def records(container, environment):  # type: ignore[no-untyped-def]
                if environment.name == "dicom":
                    raise EnvtuiError("No records", "they were eaten")
                return whole(container, environment)

            monkeypatch.setattr(at.monitor, "records", records)
            screen = await self.export(at, tmp_path)
            told = "\n".join(screen.question.lines)
            assert "dicom is not exported: No records: they were eaten" in told
            assert "base is exported" in told

    async def test_escape_at_the_folder_goes_back(self, tmp_path: Path) -> None:
        async with desk(size=SIZE) as at:
            await asked(at, LOSING)
            at.app.screen.query_one("#export", Button).press()
            await at.on(ExportFolderScreen)
            await at.press("escape")
            await at.on(TypedConfirmScreen)
            assert LOSING in at.names
