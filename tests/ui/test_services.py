"""The list of a container's services: fills when it can, masks tokens, opens or copies."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from tests.rig.waiting import until
from tests.ui.desk import Desk, desk
from tui.model.containers import Container
from tui.model.errors import EngineLost
from tui.model.services import Service, ServiceKind
from tui.ui.screens.main import MainScreen
from tui.ui.screens.services import Browser, ServicesScreen, service_lines

TOKEN = "23000d6e8ebb0b84f28ec1116d198e3d5c784b80bdb86cf0"
URL = f"http://127.0.0.1:8890/lab?token={TOKEN}"
MASKED = "http://127.0.0.1:8890/lab?token=2300••••••"
JUPYTER = Service(ServiceKind.JUPYTER, "JupyterLab", URL, 8888, 8890, TOKEN, is_open=False)
UNPUBLISHED = Service(
    ServiceKind.JUPYTER, "Jupyter", None, 8888, token=TOKEN, note="port 8888 is not published"
)
PAGE = Service(ServiceKind.HTTP, "Page", "http://127.0.0.1:8000/", 8000, 8000)


class Told:
    """Services that a test tells, and who asked for them."""

    def __init__(self, *services: Service) -> None:
        self.answer: Callable[[], Sequence[Service]] = lambda: services
        self.asked: list[tuple[str, bool]] = []

    def services(self, container: Container, ask_inside: bool) -> Sequence[Service]:
        self.asked.append((container.name, ask_inside))
        return self.answer()


async def opened(at: Desk, name: str, told: Told | None = None) -> ServicesScreen:
    """Press `o` on a container, and wait for the list."""
    if told is not None:
        at.monitor.workstation = dataclasses.replace(at.monitor.workstation, services=told)
    await at.go_to(name)
    await at.press("o")
    return await at.on(ServicesScreen)


def rows(screen: ServicesScreen) -> list[str]:
    options = screen.query_one(OptionList)
    return [str(options.get_option_at_index(index).prompt) for index in range(options.option_count)]


def notice(screen: ServicesScreen) -> str:
    place = screen.query_one("#notice", Static)
    return str(place.render()) if place.display else ""


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SSH_CONNECTION", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)


class TestList:
    async def test_a_jupyter_with_its_token_masked_at_the_hosts_port(self) -> None:
        async with desk() as at:
            screen = await opened(at, "notebook-chen")
            (row,) = await at.until(lambda: rows(screen))
            lines = row.split("\n")
            assert lines[0].split() == ["jupyter", "JupyterLab"]
            assert lines[1].strip().startswith("http://127.0.0.1:8890/lab?token=")
            assert lines[1].endswith("••••••")
            assert notice(screen) == ""

    async def test_one_without_authentication_is_warned_of(self) -> None:
        async with desk() as at:
            screen = await opened(at, "notebook-ana")
            (row,) = await at.until(lambda: rows(screen))
            assert "▲ no authentication" in row
            assert "http://127.0.0.1:8889/lab" in row

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("tensorboard", ("tensorboard", "http://127.0.0.1:6006/", "/runs")),
            ("dl-dev", ("tensorboard", "http://127.0.0.1:6100/")),
            ("serve-qwen", ("http", "http://127.0.0.1:8000/v1/models", "asks for a key")),
        ],
    )
    async def test_others(self, name: str, words: tuple[str, ...]) -> None:
        async with desk() as at:
            screen = await opened(at, name)
            (row,) = await at.until(lambda: rows(screen))
            assert [word for word in words if word not in row] == []
            assert "▲" not in row

    async def test_t_shows_the_tokens_and_masks_them_again(self) -> None:
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(JUPYTER, PAGE))
            await at.until(lambda: rows(screen))
            await at.press("j")
            for shown in (URL, MASKED):
                await at.press("t")
                assert shown in rows(screen)[0].split("\n")[1]
                assert screen.query_one(OptionList).highlighted == 1
            assert TOKEN not in "".join(rows(screen))

    async def test_what_is_not_published_can_not_be_chosen(self) -> None:
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(UNPUBLISHED))
            (row,) = await at.until(lambda: rows(screen))
            assert "not published" in row
            await at.press("y", "o", "enter")
            assert (at.toasts, at.app.clipboard) == ([], "")

    async def test_foreign_text_is_neither_markup_nor_a_sequence(self) -> None:
        hostile = Service(
            ServiceKind.HTTP, "\x1b]52;c;x\x07[red]", "http://127.0.0.1:1/", 1, 1, note="[/x]\x9b2J\u202e"
        )
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(hostile))
            (row,) = await at.until(lambda: rows(screen))
            assert "␛]52;c;x␇[red]" in row and "[/x]�2J�" in row
            await at.press("y")
            assert at.toasts == [("Copied", "URL of ␛]52;c;x␇[red] copied")]

    @pytest.mark.parametrize("read_only", [True, False])
    async def test_nothing_is_run_inside_in_read_only_mode(self, read_only: bool) -> None:
        told = Told(PAGE)
        async with desk(read_only=read_only) as at:
            screen = await opened(at, "dl-dev", told)
            await at.until(lambda: rows(screen))
            assert told.asked == [("dl-dev", not read_only)]


class TestFaces:
    async def test_it_opens_at_once_and_says_that_it_looks(self) -> None:
        async with desk() as at:
            at.world.faults.frozen_seconds = 30.0
            at.world.faults.frozen_engine = True
            screen = await opened(at, "notebook-chen")
            assert notice(screen).startswith("Looking into its log")
            at.world.faults.frozen_engine = False
            await at.until(lambda: rows(screen))

    async def test_an_answer_after_it_was_closed_is_dropped(self) -> None:
        async with desk() as at:
            at.world.faults.frozen_seconds = 30.0
            at.world.faults.frozen_engine = True
            await opened(at, "notebook-chen")
            await at.press("escape")
            await at.on(MainScreen)
            answers: list[str] = []
            at.monitor.ask(lambda: "after it", answers.append, lambda error: None)
            at.world.faults.frozen_engine = False
            await at.until(lambda: answers)
            screen = await opened(at, "notebook-ana")
            await at.until(lambda: rows(screen))
            assert "8889" in rows(screen)[0]
            assert at.toasts == []

    async def test_no_published_port(self) -> None:
        async with desk() as at:
            screen = await opened(at, "vision-train")
            await at.until(lambda: "It publishes no port" in notice(screen))
            assert not screen.query_one(OptionList).display

    async def test_nothing_that_speaks_http(self) -> None:
        async with desk() as at:
            screen = await opened(at, "serve-embed")
            await at.until(lambda: "Nothing speaks HTTP" in notice(screen))

    async def test_what_went_wrong_stands_in_the_lists_place_until_it_is_asked_again(self) -> None:
        async with desk() as at:
            told = Told(PAGE)

            def fail() -> Sequence[Service]:
                raise EngineLost("The engine closed the connection", "a \x1b[2Jreason", "Look again")

            answer, told.answer = told.answer, fail
            screen = await opened(at, "dl-dev", told)
            await at.until(lambda: "closed the connection" in notice(screen))
            assert "a ␛[2Jreason" in notice(screen)
            told.answer = answer
            await at.press("R")
            await at.until(lambda: rows(screen))
            assert notice(screen) == ""

    async def test_a_container_that_does_not_run_says_so(self) -> None:
        async with desk() as at:
            await at.go_to("eval-suite")
            await at.press("o")
            await at.until(lambda: [toast for toast in at.toasts if "it does not run" in "".join(toast)])
            assert isinstance(at.app.screen, MainScreen)

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_it_is_closed(self, key: str) -> None:
        async with desk() as at:
            await opened(at, "dl-dev")
            await at.press(key)
            await at.on(MainScreen)


class TestCopying:
    async def test_y_copies_the_whole_address_and_does_not_show_it(self) -> None:
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(JUPYTER))
            await at.until(lambda: rows(screen))
            await at.press("y")
            assert at.app.clipboard == URL
            assert at.toasts == [("Copied", "URL of JupyterLab copied, with its token")]

    @pytest.mark.by_default("variables0-there is no display here-enter", "variables1-this is an SSH login-o")
    @pytest.mark.parametrize("key", ["enter", "o"])
    @pytest.mark.parametrize(
        ("variables", "why"),
        [
            ({}, "there is no display here"),
            ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "DISPLAY": ":0"}, "this is an SSH login"),
        ],
    )
    async def test_where_no_browser_can_be_seen_it_is_copied(
        self, monkeypatch: pytest.MonkeyPatch, key: str, variables: dict[str, str], why: str
    ) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(JUPYTER))
            await at.until(lambda: rows(screen))
            await at.press(key)
            assert at.app.clipboard == URL
            ((title, message),) = at.toasts
            assert (title, TOKEN in message) == ("Copied", False)
            assert message.endswith(f"\n{why}, so it was copied instead of opened")


class TestBrowser:
    @pytest.fixture
    def seen(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where a browser writes what it was opened with."""
        program, seen = tmp_path / "browser", tmp_path / "seen"
        program.write_text(f'#!/bin/sh\necho noise; echo noise >&2\nprintf %s "$1|$TERM" > {seen}.new\n'
                           f"mv {seen}.new {seen}\n")  # fmt: skip
        program.chmod(0o755)
        monkeypatch.setenv("BROWSER", str(program))
        monkeypatch.setenv("DISPLAY", ":0")
        return seen

    async def test_the_address_is_opened_with_its_token(self, seen: Path) -> None:
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(JUPYTER))
            await at.until(lambda: rows(screen))
            await at.press("enter")
            await at.until(lambda: at.toasts)
            assert at.toasts == [("Opened in the browser", MASKED)]
            assert seen.read_text() == f"{URL}|"
            assert at.app.clipboard == ""

    async def test_where_none_can_be_opened_it_is_copied(
        self, seen: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BROWSER", "/nonexistent/browser")
        monkeypatch.setenv("PATH", "/nonexistent")
        async with desk() as at:
            screen = await opened(at, "dl-dev", Told(JUPYTER))
            await at.until(lambda: rows(screen))
            await at.press("o")
            await at.until(lambda: at.toasts)
            assert at.app.clipboard == URL
            assert at.toasts[0][1].endswith("no browser could be opened, so it was copied")

    def test_it_says_nothing_on_the_terminal(self, seen: Path, capfd: pytest.CaptureFixture[str]) -> None:
        assert Browser().open(URL)
        until(seen.exists)
        assert capfd.readouterr() == ("", "")


def test_a_service_in_two_lines() -> None:
    assert str(service_lines(JUPYTER, reveals=False)) == f"jupyter     JupyterLab\n  {MASKED}"
    assert str(service_lines(PAGE, reveals=True)) == "http        Page\n  http://127.0.0.1:8000/"
