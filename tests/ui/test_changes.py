"""Environments made, changed and removed from the screen: forms, plans, jobs, and what is refused."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Button, Input, OptionList, Static

from tests.monitor.changes import ScriptedChanges
from tests.ui.desk import Desk, desk, settle
from tui.model.changes import (
    ChangeJob,
    ChangeState,
    ChangeVerb,
    EnvironmentChange,
    FileFormat,
    PackageChange,
)
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeFailed, ChangeRefused
from tui.monitor.topics import COMMANDS
from tui.settings import EnvironmentSettings, Settings
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.screens.action_menu import ActionMenu
from tui.ui.screens.change_form import ChangeForm
from tui.ui.screens.change_job import ChangeJobScreen
from tui.ui.screens.change_jobs import ChangeJobsScreen
from tui.ui.screens.change_plan import ChangePlanScreen
from tui.ui.screens.change_planning import ChangePlanningScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.main import MainScreen
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_table import LineTable
from tui.ui.widgets.line_view import LineView

BOX = "dl-dev"


@asynccontextmanager
async def changing(**options: Any) -> AsyncIterator[tuple[Desk, ScriptedChanges]]:
    """The Environments pane of a container, over jobs that go as a test says."""
    backend = ScriptedChanges()
    options.setdefault("size", (80, 24))
    async with desk(
        change=lambda workstation: dataclasses.replace(workstation, changes=backend), **options
    ) as at:
        try:
            await at.until(lambda: at.monitor.is_at_rest)
            await at.go_to(BOX)
            await at.press("enter")
            await at.until(lambda: pane(at).table.rows)
            yield at, backend
        finally:
            backend.may_plan.set()


def pane(at: Desk) -> EnvironmentsPane:
    return at.main.query_one(EnvironmentsPane)


async def choose(at: Desk, name: str) -> None:
    """The cursor goes to the environment of this name."""
    (item,) = [each for each in pane(at).items if each.environment.name == name]
    assert pane(at).table.move_to_key(pane(at).key(item))
    await settle(at.pilot)


async def run(at: Desk, name: str) -> None:
    """Run an action that has no key of its own, as menu and palette do."""
    (action,) = [each for each in EnvironmentsPane.ACTIONS if each.id == f"environments.{name}"]
    at.main.run_action_entry(action)
    await settle(at.pilot)


async def fill_in(at: Desk, **values: str) -> None:
    form = await at.on(ChangeForm)
    for name, text in values.items():
        form.query_one(f"#field-{name}", Input).value = text
    await settle(at.pilot)
    form.query(Input).last().focus()
    await at.press("enter")


async def agree(at: Desk) -> None:
    await at.on(ChangePlanScreen)
    await at.press("right", "enter")


async def begin(at: Desk, backend: ScriptedChanges, environment: str = "vision") -> ChangeJob:
    """A job that installs something, with its screen open."""
    await choose(at, environment)
    await run(at, "install")
    await fill_in(at, packages="numpy")
    await agree(at)
    await at.on(ChangeJobScreen)
    return next(reversed(backend.held.values()))


def state(at: Desk) -> str:
    """What the job on screen says of itself."""
    screen = at.app.screen
    return screen.state if isinstance(screen, ChangeJobScreen) else ""


def words(at: Desk) -> str:
    return "\n".join(str(each.render()) for each in at.app.screen.query(Static))


def titles(at: Desk) -> list[str]:
    return [title for title, _ in at.toasts]


def job_rows(at: Desk) -> list[tuple[str, ...]]:
    return [row.cells for row in at.app.screen.query_one(LineTable).rows]


def only(planned: list[EnvironmentChange]) -> EnvironmentChange:
    (change,) = planned
    return change


# -- what is asked for


class TestForms:
    async def test_create(self) -> None:
        async with changing() as (at, backend):
            await run(at, "create")
            await fill_in(
                at, name="new", python="3.12", packages="numpy 'scipy >=1.10'", channels="conda-forge"
            )
            await at.on(ChangePlanScreen)
            change = only(backend.planned)
            assert (change.verb, change.prefix) == (ChangeVerb.CREATE, "/opt/conda/envs/new")
            assert change.packages == ("numpy", "scipy >=1.10")
            assert (change.python, change.channels) == ("3.12", ("conda-forge",))

    async def test_clone(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, "clone")
            await fill_in(at, name="vision-2")
            await at.on(ChangePlanScreen)
            change = only(backend.planned)
            assert (change.verb, change.source_prefix) == (ChangeVerb.CLONE, "/opt/conda/envs/vision")
            assert change.prefix == "/opt/conda/envs/vision-2"

    async def test_base_can_be_cloned_and_becomes_no_base(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "base")
            await run(at, "clone")
            await fill_in(at, name="mine")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).kind is EnvironmentKind.CONDA

    async def test_rename(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, "rename")
            await fill_in(at, name="sight")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).new_prefix == "/opt/conda/envs/sight"

    @pytest.mark.parametrize(
        ("action", "verb", "values", "expected"),
        [
            ("install", ChangeVerb.INSTALL, {"packages": "numpy scipy"}, ("numpy", "scipy")),
            ("update", ChangeVerb.UPDATE, {"packages": ""}, ()),
            ("uninstall", ChangeVerb.UNINSTALL, {"packages": "numpy"}, ("numpy",)),
        ],
    )
    async def test_packages(
        self, action: str, verb: ChangeVerb, values: dict[str, str], expected: tuple[str, ...]
    ) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, action)
            await fill_in(at, **values)
            await at.on(ChangePlanScreen)
            change = only(backend.planned)
            assert (change.verb, change.packages) == (verb, expected)
            assert change.prefix == "/opt/conda/envs/vision"

    async def test_packages_of_pip_into_an_environment_of_conda(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, "install")
            await fill_in(at, pip="timm")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).pip_packages == ("timm",)

    async def test_clean_needs_no_form(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, "clean")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).verb is ChangeVerb.CLEAN

    @pytest.mark.by_default("vision-there is one already", "a/b-no / in it", "a\\u202eb-no terminal shows")
    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("", "a name"), ("vision", "there is one already"), ("a b", "no blank"), ("a/b", "no / in it"),
            ("-p", "can't begin with -"), ("/", "the root folder"), ("a\u202eb", "no terminal shows"),
        ],
    )  # fmt: skip
    async def test_a_name_that_can_not_be_is_complained_about_and_not_taken(
        self, name: str, complaint: str
    ) -> None:
        async with changing() as (at, backend):
            await run(at, "create")
            await fill_in(at, name=name)
            assert complaint in words(at)
            assert isinstance(at.app.screen, ChangeForm) and not backend.planned

    @pytest.mark.parametrize("packages", ["--force", "'numpy", "numpy --yes"])
    async def test_an_option_or_an_open_quote_is_no_package(self, packages: str) -> None:
        async with changing() as (at, backend):
            await run(at, "create")
            await fill_in(at, name="new", packages=packages)
            assert "▲ Packages" in words(at)
            assert not backend.planned

    async def test_esc_does_nothing(self) -> None:
        async with changing() as (at, backend):
            await run(at, "create")
            await at.on(ChangeForm)
            await at.press("escape")
            await at.on(MainScreen)
            assert backend.asked == []

    async def test_letters_are_text_in_a_form(self) -> None:
        async with changing() as (at, _):
            await run(at, "create")
            form = await at.on(ChangeForm)
            await at.write("q1x?")
            assert form.values["name"] == "q1x?"

    async def test_why_there_can_be_no_new_one_is_told(self) -> None:
        async with changing() as (at, backend):
            backend.new_failure = ChangeRefused("It is there already", "/opt/conda/envs/new")
            await run(at, "create")
            await fill_in(at, name="new")
            await at.on(ChangePlanningScreen)
            await at.until(lambda: "It is there already" in words(at))
            await at.press("escape")
            await at.on(MainScreen)


class TestFromAFile:
    @pytest.mark.parametrize(
        ("name", "text", "format"),
        [
            ("environment.yml", "dependencies: [numpy]\n", FileFormat.YML),
            ("lock.txt", "# x\n@EXPLICIT\nhttps://x/a-1-0.conda\n", FileFormat.EXPLICIT),
            ("requirements.txt", "numpy==2.0\n", FileFormat.REQUIREMENTS),
        ],
    )
    async def test_its_text_goes_along(
        self, tmp_path: Path, name: str, text: str, format: FileFormat
    ) -> None:
        (tmp_path / name).write_text(text)
        async with changing() as (at, backend):
            await run(at, "create_from_file")
            await fill_in(at, path=str(tmp_path / name), name="new")
            await at.on(ChangePlanScreen)
            file = only(backend.planned).file
            assert file is not None
            assert (file.format, file.text, file.name) == (format, text, name)

    async def test_what_is_wrong_with_it_stands_on_the_form(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "large").write_bytes(b"#" * ((4 << 20) + 1))
        (tmp_path / "latin").write_bytes(b"name: caf\xe9\n")
        async with changing() as (at, backend):
            await run(at, "create_from_file")
            for name, complaint in [
                ("absent", "No such file"), ("pipe", "no ordinary file"), ("large", "too large"),
                ("latin", "no UTF-8 text"), ("", "Is a directory"),
            ]:  # fmt: skip
                await fill_in(at, path=str(tmp_path / name), name="new")
                await at.until(lambda complaint=complaint: complaint in words(at))  # type: ignore[misc]
            assert isinstance(at.app.screen, ChangeForm) and not backend.planned


# -- refusals


class TestRefusals:
    @pytest.mark.by_default("install", "remove", "rename")
    @pytest.mark.parametrize("action", ["install", "update", "uninstall", "remove", "rename"])
    async def test_base_is_never_changed_by_menu_or_palette(self, action: str) -> None:
        async with changing() as (at, backend):
            await choose(at, "base")
            await run(at, action)
            assert isinstance(at.app.screen, MainScreen)
            assert "base" in at.toasts[-1][1]
            assert backend.asked == []

    async def test_the_menu_greys_what_can_not_be_with_the_reason(self) -> None:
        async with changing(size=(120, 60)) as (at, _):
            await choose(at, "base")
            await at.press("x")
            menu = (await at.on(ActionMenu)).query_one(OptionList)
            options = [menu.get_option_at_index(index) for index in range(menu.option_count)]
            told = {str(each.prompt): each.disabled for each in options}
            (install,) = [prompt for prompt in told if "Install packages" in prompt]
            assert told[install] and "base is never changed" in install
            assert not next(disabled for prompt, disabled in told.items() if "Clone" in prompt)

    async def test_settings_allow_packages_of_base_and_no_more(self) -> None:
        settings = Settings(environments=EnvironmentSettings(allow_base=True))
        async with changing(settings=settings) as (at, backend):
            await choose(at, "base")
            await run(at, "install")
            await fill_in(at, packages="numpy")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).kind is EnvironmentKind.BASE
            await at.press("escape")
            for action in ("remove", "rename"):
                await run(at, action)
                assert isinstance(at.app.screen, MainScreen)
                assert at.toasts[-1][1] == "base is the installation itself"

    async def test_read_only_has_no_such_actions(self) -> None:
        async with changing(read_only=True) as (at, backend):
            await choose(at, "vision")
            await at.press("x")
            menu = (await at.on(ActionMenu)).query_one(OptionList)
            prompts = [str(menu.get_option_at_index(index).prompt) for index in range(menu.option_count)]
            assert not [prompt for prompt in prompts if "reate" in prompt or "emove" in prompt]
            assert backend.asked == []

    async def test_more_than_one_that_is_marked_is_refused(self) -> None:
        async with changing() as (at, backend):
            await at.press("g", "space", "space")
            await run(at, "remove")
            assert at.toasts[-1][1] == "more than one is marked"
            assert backend.asked == []

    async def test_the_one_that_is_marked_is_meant_not_the_one_under_the_cursor(self) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await at.press("space", "g")
            await run(at, "clean")
            await at.on(ChangePlanScreen)
            assert only(backend.planned).prefix == "/opt/conda/envs/vision"

    async def test_a_stopped_container_is_told(self) -> None:
        async with changing() as (at, _):
            await at.press("1")
            await at.go_to("eval-suite")
            await at.press("enter")
            await run(at, "create")
            assert at.toasts[-1][1] == "its container does not run"

    async def test_a_second_job_on_one_environment_is_refused_with_the_reason(self) -> None:
        async with changing() as (at, backend):
            await begin(at, backend)
            await at.press("escape")
            await at.until(lambda: "◌ vision" in [row.cells[0] for row in pane(at).table.rows])
            await run(at, "update")
            assert isinstance(at.app.screen, MainScreen)
            assert at.toasts[-1][1] == f"another job is at work on it: Install numpy into vision in {BOX}"


# -- plans


class TestPlan:
    async def test_it_says_what_comes_goes_and_is_older_with_cancel_focused(self) -> None:
        async with changing() as (at, backend):
            backend.plan_fields = {
                "packages": (
                    PackageChange("torch", "2.9.1", "2.4.0", is_downgrade=True, channel="conda-forge"),
                    PackageChange("foo\x1b[31m", None, "1.0", fetch_bytes=3 << 20),
                    PackageChange("bar", "1.0", None),
                ),
                "fetch_bytes": 3 << 20,
                "notes": ("it is used by 2 processes",),
            }
            await choose(at, "vision")
            await run(at, "install")
            await fill_in(at, packages="foo")
            screen = await at.on(ChangePlanScreen)
            told = at.text
            for expected in (
                "1 comes, 1 changes, 1 goes · 3.00 MiB to fetch", "▼ downgrade of torch: 2.9.1 → 2.4.0",
                "▼ downgrade  torch", "+ comes", "foo␛[31m", "- goes", "it is used by 2 processes",
                "/opt/conda/bin/conda install -p /opt/conda/envs/vision",
            ):  # fmt: skip
                assert expected in told
            assert screen.query_one(LineBar).text.strip() == f"Install foo into vision in {BOX}?"
            assert at.app.focused is screen.query_one("#cancel", Button)

    @pytest.mark.parametrize("key", ["enter", "escape"])
    async def test_enter_and_esc_alone_do_nothing(self, key: str) -> None:
        async with changing() as (at, backend):
            await choose(at, "vision")
            await run(at, "clean")
            await at.on(ChangePlanScreen)
            await at.press(key)
            await at.on(MainScreen)
            assert backend.count("start") == 0

    async def test_esc_while_it_is_made_ends_the_question_in_the_container(self) -> None:
        async with changing() as (at, backend):
            backend.may_plan.clear()
            await choose(at, "vision")
            await run(at, "clean")
            await at.on(ChangePlanningScreen)
            assert "Asking conda" in words(at)
            await at.until(lambda: backend.count("plan"))
            await at.press("escape")
            await at.on(MainScreen)
            await at.until(backend.was_cancelled.is_set)

    async def test_why_there_is_none_can_be_read_and_copied(self) -> None:
        async with changing() as (at, backend):
            backend.plan_failure = ChangeFailed("No such package", "nosuch\n- not in conda-forge", "Look")
            await choose(at, "vision")
            await run(at, "install")
            await fill_in(at, packages="nosuch")
            await at.on(ChangePlanningScreen)
            await at.until(lambda: "▲ No such package" in words(at))
            await at.press("y")
            assert at.app.clipboard == "No such package\nnosuch\n- not in conda-forge\nLook"
            await at.press("escape")
            await at.on(MainScreen)


class TestRemove:
    async def opened(self, at: Desk, name: str = "vision") -> ChangePlanScreen:
        await choose(at, name)
        await run(at, "remove")
        return await at.on(ChangePlanScreen)

    async def test_it_says_what_is_lost(self) -> None:
        async with changing() as (at, backend):
            backend.plan_fields = {"removes": ("/opt/conda/envs/vision",)}
            await at.until(
                lambda: (known := pane(at).known) is not None and "/opt/conda/envs/vision" in known.sizes
            )
            await self.opened(at)
            told = " ".join(at.text.split())
            for expected in (
                "Nothing is left of /opt/conda/envs/vision",
                "7.25 GiB: 6.82 GiB of its own",
                "packages of pip and your own files in it included",
                "2 processes run out of it now",
            ):
                assert expected in told

    async def test_a_wrong_name_does_nothing(self) -> None:
        async with changing() as (at, backend):
            screen = await self.opened(at)
            await at.press("enter")
            await at.write("Vision")
            await at.press("enter")
            assert screen.query_one("#go", Button).disabled
            assert at.app.screen is screen and backend.count("start") == 0

    async def test_the_right_name_removes_it(self) -> None:
        async with changing() as (at, backend):
            screen = await self.opened(at)
            await at.write("vision")
            assert not screen.query_one("#go", Button).disabled
            await at.press("enter")
            await at.on(ChangeJobScreen)
            (job,) = backend.held.values()
            assert job.change.verb is ChangeVerb.REMOVE
            assert job.change.prefix == "/opt/conda/envs/vision"


# -- jobs


class TestJob:
    async def test_its_log_is_shown_as_it_comes_and_its_end_is_told(self) -> None:
        async with changing() as (at, backend):
            job = await begin(at, backend)
            backend.say(
                job, b"Collecting\nfetch  10%\rfetch 100%\r\n\x1b]0;title\x07\x1b[2Jdone \xe6\xb0\xb4\n"
            )
            await at.until(lambda: "done 水" in at.text)
            assert "fetch 100%" in at.text and "10%\r" not in at.text and "title" not in at.text
            assert "◌ running" in state(at)
            backend.end(job, ChangeState.DONE)
            await at.until(lambda: "● done" in state(at))
            await at.until(lambda: f"Install numpy into vision in {BOX}: done" in titles(at))
            line = f"docker exec {BOX} /opt/conda/bin/conda install -p /opt/conda/envs/vision"
            await at.until(
                lambda: [each.command for each in at.monitor.store.value(COMMANDS) or ()] == [line]
            )

    async def test_it_follows_the_end_unless_somebody_reads_further_up(self) -> None:
        async with changing() as (at, backend):
            job = await begin(at, backend)
            backend.say(job, b"".join(b"line %d\n" % number for number in range(100)))
            view = at.app.screen.query_one(LineView)
            await at.until(lambda: "line 99" in at.text)
            await settle(at.pilot)
            await at.until(lambda: view.scroll_offset.y == view.max_scroll_y > 0)
            await at.press("g")
            backend.say(job, b"one more\n")
            await at.until(lambda: "one more" in at.text)
            await settle(at.pilot)
            assert view.scroll_offset.y == 0

    async def test_esc_leaves_it_running_and_the_bar_says_so(self) -> None:
        async with changing(size=(120, 36)) as (at, backend):
            job = await begin(at, backend)
            await at.press("escape")
            await at.on(MainScreen)
            await at.until(lambda: "1 change" in at.bar("#status-bar"))
            assert "is being changed" in pane(at).query_one(".pane-detail", LineBar).text
            assert backend.held[job.key].state is ChangeState.RUNNING
            backend.end(job, ChangeState.FAILED, ChangeFailed("No room", "the disk is full"))
            await at.until(lambda: f"Install numpy into vision in {BOX}: failed" in titles(at))
            assert at.toasts[-1][1] == "No room: the disk is full"
            await at.until(lambda: "1 change" not in at.bar("#status-bar"))

    async def test_what_is_being_made_is_told_before_it_is_listed(self) -> None:
        async with changing(size=(120, 36)) as (at, _):
            await run(at, "create")
            await fill_in(at, name="brand-new")
            await agree(at)
            await at.on(ChangeJobScreen)
            await at.press("escape")
            await at.until(lambda: "brand-new is being created" in pane(at).summary())

    async def test_c_ends_it_after_a_question(self) -> None:
        async with changing() as (at, backend):
            await begin(at, backend)
            await at.press("c")
            await at.on(ConfirmScreen)
            await at.press("enter")
            assert backend.count("cancel") == 0
            await at.on(ChangeJobScreen)
            await at.press("c")
            await at.on(ConfirmScreen)
            await at.press("right", "enter")
            await at.on(ChangeJobScreen)
            await at.until(lambda: "○ cancelled" in state(at))

    async def test_one_that_can_not_be_ended_is_told(self) -> None:
        async with changing() as (at, backend):
            backend.cancel_failure = ChangeFailed("Not ended", "it does not listen")
            await begin(at, backend)
            await at.press("c")
            await at.on(ConfirmScreen)
            await at.press("right", "enter")
            await at.until(lambda: "Not ended" in titles(at))

    async def test_one_that_can_not_be_begun_is_told(self) -> None:
        async with changing() as (at, backend):
            backend.start_failure = ChangeFailed("Not begun", "no room")
            await choose(at, "vision")
            await run(at, "clean")
            await agree(at)
            await at.until(lambda: "Not begun" in titles(at))
            assert isinstance(at.app.screen, MainScreen)


class TestJobs:
    async def test_all_with_their_state_one_opened_one_put_away(self) -> None:
        async with changing() as (at, backend):
            job = await begin(at, backend)
            await at.press("escape")
            await at.press("J")
            await at.on(ChangeJobsScreen)
            await at.until(lambda: job_rows(at))
            assert job_rows(at)[0][0] == "◌ running"
            await at.press("d")
            assert titles(at)[-1] == "Not put away"
            backend.end(job, ChangeState.DONE)
            await at.until(lambda: job_rows(at)[0][0] == "● done")
            await at.press("enter")
            await at.on(ChangeJobScreen)
            await at.press("escape")
            await at.on(ChangeJobsScreen)
            await at.press("d")
            await at.until(lambda: not job_rows(at))
            assert not backend.held
            assert "No environment is being changed" in words(at)

    async def test_those_of_an_earlier_run_are_found_by_themselves_and_others_by_hand(
        self, tmp_path: Path
    ) -> None:
        from tui.backends.conda.kept_jobs import KeptJobs

        kept = KeptJobs(tmp_path)
        async with changing(kept_jobs=kept) as (at, backend):
            job = await begin(at, backend)
            backend.say(job, b"half way\n")
            assert kept.containers() == {at.container(BOX).id}
        # the app is gone, the job is not
        again = ScriptedChanges()
        again.held, again.logs = backend.held, backend.logs
        other = dataclasses.replace(
            job, id="7", change=dataclasses.replace(job.change, container_id="?", container_name="?")
        )
        async with desk(
            change=lambda workstation: dataclasses.replace(workstation, changes=again), kept_jobs=kept
        ) as at:
            await at.until(lambda: "1 change" in at.bar("#status-bar"))
            assert again.count("jobs vision-train") == 0
            await at.press("2", "J")
            await at.on(ChangeJobsScreen)
            await at.press("enter")
            await at.on(ChangeJobScreen)
            await at.until(lambda: "half way" in at.text)
            await at.press("escape")
            there = at.container("vision-train")
            change = dataclasses.replace(other.change, container_id=there.id, container_name=there.name)
            again.put(change, "7")
            await at.press("L")
            await at.until(lambda: len(job_rows(at)) == 2)

    async def test_a_container_that_could_not_be_asked_is_named(self) -> None:
        async with changing() as (at, backend):
            await at.press("J")
            await at.on(ChangeJobsScreen)
            backend.failure = ChangeFailed("No answer")
            await at.press("L")
            await at.until(lambda: "could not be asked" in at.app.screen.query_one(LineBar).text)

    async def test_they_are_told_while_the_screen_is_frozen(self) -> None:
        async with changing() as (at, backend):
            await at.press("!")
            job = await begin(at, backend)
            backend.end(job, ChangeState.DONE)
            await at.until(lambda: "● done" in state(at))


def test_one_that_was_found_over_is_no_news() -> None:
    from tests.monitor.changes import make_change
    from tui.monitor.known_changes import found
    from tui.monitor.topics import Snapshot
    from tui.ui.changes import Endings

    class App:
        told: list[str] = []  # noqa: RUF012 - of this test alone

        def notify(self, message: str, **_: object) -> None:
            self.told.append(message)

    job = ChangeJob("1", make_change(), 42, 0.0)
    endings = Endings(App())  # type: ignore[arg-type]
    over = dataclasses.replace(job, state=ChangeState.DONE)
    endings.read(Snapshot({job.key: found(over)}, 0.0))
    assert not App.told
    for _ in range(2):
        endings.read(Snapshot({job.key: dataclasses.replace(found(job), job=over)}, 0.0))
    assert len(App.told) == 1
