"""Sessions from the screen: what is asked before one opens, what it gets, and what is told at its end."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest
from textual.app import App
from textual.widgets import Button, Input, Static

from tests.rig.waiting import until
from tests.ui.desk import Desk, desk
from tui.backends.base import Session, SessionQuestions
from tui.demo.shells import DemoShells
from tui.demo.world import DemoWorld
from tui.model.errors import AuthenticationFailed, EngineRefused, HostKeyChanged
from tui.model.operations import Operation
from tui.model.sessions import (
    EndReason,
    HostKeyQuestion,
    Route,
    RouteChoice,
    SessionEnd,
    SessionRequest,
)
from tui.monitor.session_opening import SessionKeeper
from tui.monitor.topics import COMMANDS
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.secret import SecretScreen
from tui.ui.screens.session_opening import SessionOpeningScreen, error_lines

# of the make-believe machine: one has an sshd, one has none
WITH_SSHD, WITHOUT = "dl-dev", "vision-train"


class Shown:
    """Stands where the terminal is handed over: what was shown, and how it ends."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.end = SessionEnd(EndReason.EXIT, 0, seconds=75.0)

    def __call__(self, _: App[None], session: Session) -> SessionEnd:
        self.sessions.append(session)
        return self.end


class Asking:
    """Shells that ask something before they open as the make-believe ones do."""

    def __init__(self, world: DemoWorld, ask: Callable[[SessionQuestions], Any]) -> None:
        self._shells = DemoShells(world)
        self._ask = ask
        self.answers: list[Any] = []
        self.requests: list[SessionRequest] = []

    def open(
        self,
        request: SessionRequest,
        questions: SessionQuestions,
        while_starting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Session:
        self.requests.append(request)
        self.answers.append(self._ask(questions))
        return self._shells.open(
            dataclasses.replace(request, route=RouteChoice.EXEC), questions, while_starting
        )


@asynccontextmanager
async def sessions_at(read_only: bool = False) -> AsyncIterator[tuple[Desk, Shown]]:
    async with desk(size=(160, 40), read_only=read_only) as at:
        shown = Shown()
        at.app.show_session = shown
        yield at, shown


def ask_first(at: Desk, ask: Callable[[SessionQuestions], Any]) -> Asking:
    """Have something asked before each session."""
    shells = Asking(at.world, ask)
    monitor = at.monitor
    monitor.sessions = SessionKeeper(shells, monitor.exec_gate, monitor._jobs.record, monitor.read_only)
    return shells


async def shell_in(at: Desk, name: str) -> None:
    await at.go_to(name)
    await at.press("e")


async def is_over(at: Desk, shown: Shown) -> tuple[str, str]:
    """What is told once a session was shown."""
    await at.until(lambda: shown.sessions and isinstance(at.app.screen, MainScreen))
    return await at.until(lambda: at.toasts[-1] if at.toasts else None)


def log(at: Desk) -> list[str]:
    return [f"{each.command}: {each.outcome}" for each in at.monitor.store.value(COMMANDS) or ()]


async def test_a_shell_opens_by_the_engine_where_there_is_no_sshd_and_its_end_is_told() -> None:
    async with sessions_at() as (at, shown):
        await shell_in(at, WITHOUT)
        title, message = await is_over(at, shown)
        assert shown.sessions[0].route is Route.EXEC
        assert title == f"Session in {WITHOUT}" and message.startswith("ended · 1m")
        await at.until(lambda: len(log(at)) == 2)
        assert log(at)[0].startswith(f"envtui ssh {WITHOUT} --route exec: opened by engine exec")
        assert log(at)[1] == f"envtui ssh {WITHOUT} --route exec: ended"


@pytest.mark.parametrize("key", ["enter", "e"])
async def test_a_session_in_an_environment_is_of_that_environment(key: str) -> None:
    async with sessions_at() as (at, shown):
        shells = ask_first(at, lambda _: None)
        await at.go_to(WITHOUT)
        await at.press("2")
        pane = at.main.query_one(EnvironmentsPane)
        await at.until(lambda: pane.current)
        assert pane.current is not None
        await at.press(key)
        await is_over(at, shown)
        (request,) = shells.requests
        assert request.environment == pane.current.environment
        assert request.container.name == WITHOUT and request.terminal is not None
        assert (request.terminal.columns, request.terminal.rows) == (160, 40)


async def test_consent_is_asked_with_cancel_focused_and_remembered() -> None:
    async with sessions_at() as (at, shown):
        await shell_in(at, WITH_SSHD)
        dialog = await at.on(ConfirmScreen)
        assert f"Put envtui's key into {WITH_SSHD}" in dialog.question.title
        assert any("authorized_keys" in line for line in dialog.question.lines)
        assert isinstance(at.app.focused, Button) and at.app.focused.id == "cancel"
        dialog.query_one("#yes", Button).press()
        await is_over(at, shown)
        assert shown.sessions[-1].route is Route.PORT
        await shell_in(at, WITH_SSHD)
        await at.until(lambda: len(shown.sessions) == 2)
        assert shown.sessions[-1].route is Route.PORT


async def test_who_cancels_the_question_gets_no_session_at_all() -> None:
    async with sessions_at() as (at, shown):
        await shell_in(at, WITH_SSHD)
        await at.on(ConfirmScreen)
        await at.press("enter")
        screen = await at.on(SessionOpeningScreen)
        steps = screen.query_one("#steps", Static)
        await at.until(lambda: "called it off" in str(steps.render()))
        await at.press("escape")
        await at.on(MainScreen)
        assert not shown.sessions and log(at)[-1].startswith(f"envtui ssh {WITH_SSHD}: Not opened")


async def test_without_the_key_it_is_the_engines_exec() -> None:
    async with sessions_at() as (at, shown):
        await shell_in(at, WITH_SSHD)
        dialog = await at.on(ConfirmScreen)
        dialog.query_one("#no", Button).press()
        await is_over(at, shown)
        assert shown.sessions[-1].route is Route.EXEC


async def test_an_unknown_host_key_is_shown_as_ssh_keygen_does_and_not_accepted_by_enter() -> None:
    question = HostKeyQuestion("[127.0.0.1]:2222", "ssh-ed25519", "SHA256:abc", "+--[ED25519]--+\n|  . |")
    async with sessions_at() as (at, shown):
        shells = ask_first(at, lambda questions: questions.accept_host_key(question))
        await shell_in(at, WITHOUT)
        dialog = await at.on(ConfirmScreen)
        assert "[127.0.0.1]:2222" in dialog.question.title
        assert dialog.question.lines[0] == "SHA256:abc" and "+--[ED25519]--+" in dialog.question.lines
        await at.press("enter")
        await is_over(at, shown)
        await shell_in(at, WITHOUT)
        (await at.on(ConfirmScreen)).query_one("#accept", Button).press()
        await at.until(lambda: len(shown.sessions) == 2)
        assert shells.answers == [False, True]


async def test_secrets_are_masked_and_come_back_once() -> None:
    prompts: Sequence[tuple[str, bool]] = (("Password: ", False), ("Code\x1b[31m: ", True))
    async with sessions_at() as (at, shown):
        shells = ask_first(
            at, lambda questions: questions.answers("Two-step", "Look at\nyour phone", prompts)
        )
        await shell_in(at, WITHOUT)
        dialog = await at.on(SecretScreen)
        hidden, shown_input = dialog.query(Input)
        assert hidden.password and not shown_input.password
        assert "\x1b" not in "".join(str(each.render()) for each in dialog.query("Label"))
        await at.write("geheim")
        await at.press("enter")
        await at.write("123456")
        await at.press("enter")
        await is_over(at, shown)
        assert shells.answers == [("geheim", "123456")]
        assert not any("geheim" in line for line in [*log(at), *map(str, at.toasts)])


async def test_who_gives_a_password_up_is_not_asked_for_ever() -> None:
    async with sessions_at() as (at, shown):
        shells = ask_first(at, lambda questions: questions.password("root@box", 2))
        await shell_in(at, WITHOUT)
        dialog = await at.on(SecretScreen)
        assert "did not take it" in dialog.question.instructions
        await at.press("escape")
        await is_over(at, shown)
        assert shells.answers == [None]


async def test_a_refusal_says_what_to_do_and_both_keys() -> None:
    def refuse(_: SessionQuestions) -> None:
        raise HostKeyChanged(
            "The host key has changed", "Somebody may be in between", "ssh-keygen -R box",
            offered="SHA256:new", known=("SHA256:old",), lines=("/k:3",),
        )  # fmt: skip

    async with sessions_at() as (at, shown):
        ask_first(at, refuse)
        await shell_in(at, WITHOUT)
        screen = await at.on(SessionOpeningScreen)
        steps = screen.query_one("#steps", Static)
        await at.until(lambda: "The host key has changed" in str(steps.render()))
        for words in ("SHA256:new", "SHA256:old", "/k:3", "ssh-keygen -R box"):
            assert words in str(steps.render())
        await at.press("y")
        assert at.app.clipboard == "ssh-keygen -R box"
        await at.press("escape")
        await at.on(MainScreen)
        assert not shown.sessions


async def test_an_unexpected_error_is_a_message_too() -> None:
    def fail(_: SessionQuestions) -> None:
        raise ValueError("boom")

    async with sessions_at() as (at, _):
        ask_first(at, fail)
        await shell_in(at, WITHOUT)
        screen = await at.on(SessionOpeningScreen)
        await at.until(lambda: "boom" in str(screen.query_one("#steps", Static).render()))


async def test_one_given_up_while_it_opens_is_closed_when_it_is_open() -> None:
    goes_on = threading.Event()
    async with sessions_at() as (at, shown):
        shells = ask_first(at, lambda _: goes_on.wait(30))
        await shell_in(at, WITHOUT)
        await at.on(SessionOpeningScreen)
        watched = len(at.world._watchers) if hasattr(at.world, "_watchers") else None
        await at.press("escape")
        await at.on(MainScreen)
        goes_on.set()
        await at.until(lambda: shells.answers)
        until(lambda: not [t for t in threading.enumerate() if t.name == "session-opening"])
        assert not shown.sessions
        if watched is not None:
            assert len(at.world._watchers) == watched


async def test_a_lost_one_is_told_as_an_error() -> None:
    async with sessions_at() as (at, shown):
        shown.end = SessionEnd(EndReason.LOST, detail="no answer for 15 s", seconds=20.0)
        await shell_in(at, WITHOUT)
        _, message = await is_over(at, shown)
        assert message.startswith("connection lost: no answer for 15 s")
        assert [each.severity for each in at.app._notifications][-1] == "error"


async def test_a_container_that_does_not_run_has_none() -> None:
    async with sessions_at() as (at, shown):
        at.happen(Operation.STOP, WITHOUT)
        await at.until(lambda: not at.container(WITHOUT).is_alive and "exited" in " ".join(at.cells(WITHOUT)))
        await shell_in(at, WITHOUT)
        assert not shown.sessions and isinstance(at.app.screen, MainScreen)


async def test_read_only_offers_no_session() -> None:
    async with sessions_at(read_only=True) as (at, shown):
        await shell_in(at, WITHOUT)
        await at.press("x")
        assert not shown.sessions
        assert not any(action.id.startswith("containers.shell") for action in at.main.pane_actions())


def test_the_reasons_of_every_route_are_lines() -> None:
    error = EngineRefused("No way in", "ssh port 22: refused\nexec: no shell", "Look at its log")
    assert error_lines(error) == [
        "▲ No way in", "ssh port 22: refused", "exec: no shell", "", "Look at its log",
    ]  # fmt: skip
    assert "tried" not in "".join(error_lines(AuthenticationFailed("No", tried=("key a",))))


async def test_one_that_is_opened_below_another_dialog_is_shown_when_that_is_closed() -> None:
    goes_on = threading.Event()
    async with sessions_at() as (at, shown):
        shells = ask_first(at, lambda _: goes_on.wait(30))
        await shell_in(at, WITHOUT)
        await at.on(SessionOpeningScreen)
        await at.press("ctrl+p")
        await at.until(lambda: not isinstance(at.app.screen, SessionOpeningScreen))
        goes_on.set()
        await at.until(lambda: shells.answers and len(log(at)) == 1)
        assert not shown.sessions
        await at.press("escape")
        await is_over(at, shown)
        assert len(shown.sessions) == 1


async def test_who_quits_while_one_is_opened_leaves_none() -> None:
    goes_on = threading.Event()
    async with sessions_at() as (at, shown):
        ask_first(at, lambda _: goes_on.wait(30))
        before = len(at.world._watchers)
        await shell_in(at, WITHOUT)
        await at.on(SessionOpeningScreen)
        world = at.world
    goes_on.set()
    until(lambda: not [each for each in threading.enumerate() if each.name.startswith("session-")])
    assert len(world._watchers) == before and not shown.sessions
