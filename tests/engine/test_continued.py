"""A program that was stopped and continued, or told to go on for no reason, goes on and ends properly."""

from __future__ import annotations

import os
import signal

import pytest

from tests.engine.program import on_terminal
from tests.rig.engine import PrivateEngine
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until

# Longer than the screen takes to the terminal again; more would wait for an engine.
END_SECONDS = 5.0


@pytest.mark.parametrize("stopped", [False, True], ids=["SIGCONT", "SIGSTOP and SIGCONT"])
def test_it_goes_on_and_gives_the_terminal_back(clean_engine: PrivateEngine, stopped: bool) -> None:
    clean_engine.run_container("training")
    with on_terminal("--host", clean_engine.host) as terminal:
        terminal.wait_for("pids 1")
        if stopped:
            terminal.signal(signal.SIGSTOP)
            until(lambda: terminal.state == "T")
        terminal.signal(signal.SIGCONT)
        taken_again(terminal, 2)
        terminal.wait_for("● running +training")
        terminal.press("i")
        terminal.wait_for("Inspect training")
        terminal.press("ctrl+c")
        assert terminal.wait_exit(END_SECONDS) == 0
        assert_given_back(terminal)


def test_it_gathers_no_threads(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    with on_terminal("--host", clean_engine.host) as terminal:
        terminal.wait_for("pids 1")
        terminal.wait_for("live")
        # the last that threads are started for
        terminal.wait_for("There is no environment in it")
        before = threads(terminal)
        for times in range(2, 6):
            terminal.signal(signal.SIGCONT)
            taken_again(terminal, times)
        until(
            lambda: threads(terminal) <= before, message=lambda: f"{before} threads, not {threads(terminal)}"
        )
        terminal.press("q")
        assert terminal.wait_exit(END_SECONDS) == 0
        assert_given_back(terminal)


@pytest.mark.by_default("0", "1")
@pytest.mark.parametrize("time", range(5))
def test_a_login_that_ends_takes_it_along(clean_engine: PrivateEngine, time: int) -> None:
    # as the kernel sends them to the foreground group of a terminal whose session leader ends
    with on_terminal("--host", clean_engine.host) as terminal:
        terminal.wait_for("There is no container")
        os.killpg(terminal.pid, signal.SIGHUP)
        os.killpg(terminal.pid, signal.SIGCONT)
        assert terminal.wait_exit(END_SECONDS) == 129
        assert_given_back(terminal)


def assert_given_back(terminal: TerminalSession) -> None:
    """Echo, whole lines, the main screen and the cursor are back."""
    modes = terminal.private_modes()
    assert (terminal.echo, terminal.canonical, modes[1049], modes[25]) == (True, True, False, True)
    assert b"Traceback" not in terminal.raw


def taken_again(terminal: TerminalSession, times: int) -> None:
    """Wait until it switched to the alternate screen so many times."""
    until(lambda: terminal.raw.count(b"\x1b[?1049h") >= times, message="it takes the terminal again")


def threads(terminal: TerminalSession) -> int:
    """How many threads the program has."""
    return len(os.listdir(f"/proc/{terminal.pid}/task"))
