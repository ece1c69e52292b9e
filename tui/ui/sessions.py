"""Sessions on the screen: opened behind a dialog, shown in the whole terminal, told about at their end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual.app import App, SuspendNotSupported

from tui import diagnostics
from tui.model.sessions import EndReason, SessionEnd, SessionRequest, Terminal
from tui.model.units import format_age
from tui.ui.bridge import Bridge
from tui.ui.driver import TerminalDriver
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.backends.base import Session

#: Shows an open session in the whole terminal until it is over.
Show = Callable[["App[None]", "Session"], SessionEnd]

_HINT = "envtui: Enter ~. leaves, ~? helps\r\n"
_A_MINUTE = 60


def open_session(app: App[None], bridge: Bridge, request: SessionRequest) -> None:
    """Open a session and show it; the screen comes back when it is over.

    Args:
        app: whose terminal it takes, unless it has a `show_session` of its own.
        bridge: to the monitor that opens it.
        request: what to open; the terminal is filled in here.
    """
    from tui.ui.screens.session_opening import SessionOpeningScreen

    keeper = bridge.monitor.sessions
    if keeper is None:
        return
    request = replace(request, terminal=terminal_of(app))

    def opened(session: Session | None) -> None:
        if session is None:
            return
        show: Show = getattr(app, "show_session", None) or in_this_terminal
        end = show(app, session)
        keeper.close(request, session, end)
        _tell(app, request, session, end)

    app.push_screen(SessionOpeningScreen(request, keeper, bridge), opened)


def terminal_of(app: App[None]) -> Terminal:
    """The terminal as a session will have it: with the settings that it had before the screen took it."""
    from tui.backends.terminal.modes import encoded_modes, this_terminal

    driver = app._driver
    if not isinstance(driver, TerminalDriver):
        return Terminal(columns=app.size.width, rows=app.size.height)
    terminal = this_terminal(0, 1, os.environ)
    before = driver.attrs_before
    return terminal if before is None else replace(terminal, modes=encoded_modes(before))


def in_this_terminal(app: App[None], session: Session) -> SessionEnd:
    """Give the terminal to the session until it is over."""
    from tui.backends.terminal.bridge import bridge

    began = time.monotonic()
    try:
        with app.suspend():
            try:
                # nothing may be raised in here: the screen would stay suspended
                os.write(1, _HINT.encode())
                return bridge(session.channel)
            except Exception as error:
                diagnostics.record_exception("session", error)
                return SessionEnd(EndReason.CLOSED, detail=str(error), seconds=time.monotonic() - began)
    except SuspendNotSupported:
        return SessionEnd(EndReason.CLOSED, detail="this terminal can't be handed over")


def _tell(app: App[None], request: SessionRequest, session: Session, end: SessionEnd) -> None:
    if end.reason is EndReason.HANGUP:
        app.exit(return_code=end.exit_code)
        return
    is_bad = end.reason in (EndReason.LOST, EndReason.CLOSED)
    app.notify(
        printable(f"{end.words} · {_duration(end.seconds)} · {session.words}"),
        title=f"Session in {printable(request.target)}",
        severity="error" if is_bad else "information",
        timeout=10 if is_bad else 5,
        markup=False,
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _A_MINUTE else format_age(seconds)
