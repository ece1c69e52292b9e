"""Sessions from the screen: it comes back with what happened meanwhile, and the terminal is as it was."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.engine.session_rig import NAMES, ROUTES, Rooms, Window, enter, furnished, quick
from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.model.sessions import Route

BY_EACH_ROUTE = pytest.mark.parametrize("route", ROUTES)
VIM = "vim -u NONE -c set\\ mouse=a"


@pytest.fixture(scope="module")
def rooms(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rooms]:
    """A container for each route."""
    made = furnished(engine, tmp_path_factory.mktemp("state"))
    yield made
    engine.recover()
    engine.remove_all()


@contextmanager
def screen(rooms: Rooms) -> Iterator[Window]:
    """The screen, which is ended with its key and leaves nothing anywhere."""
    with rooms.window() as window:
        yield window
        window.wait_for(r"^> ● running ")
        window.press("q")
        assert window.wait_exit() == 0
        window.assert_restored()
    for name in NAMES.values():
        rooms.wait_empty(name)
    assert rooms.records == {}


def comes_back(window: Window, name: str, words: str) -> None:
    """The list is there again, with the row of the container, and a message tells how the session ended."""
    window.wait_for(rf"^> ● running +{name} ")
    window.wait_for(rf"Session in {name}")
    window.wait_for(words)


@pytest.mark.by_default("port", "exec")
@BY_EACH_ROUTE
def test_it_comes_back_with_words(rooms: Rooms, route: Route) -> None:
    with screen(rooms) as window:
        enter(window, route)
        assert "alternate" not in window.modes
        window.send("exit\r")
        comes_back(window, NAMES[route], "ended · ")


@pytest.mark.slow
def test_an_exit_status_is_told(rooms: Rooms) -> None:
    with screen(rooms) as window:
        enter(window, Route.SSHD)
        window.send("exit 7\r")
        comes_back(window, NAMES[Route.SSHD], "ended with exit status 7")


@pytest.mark.parametrize("route", quick(ROUTES, Route.PORT))
def test_it_comes_back_from_an_escape(rooms: Rooms, route: Route) -> None:
    with screen(rooms) as window:
        enter(window, route)
        window.send("sleep 7001 &\rsleep 7002\r")
        rooms.wait_for(NAMES[route], "sleep 7001", "sleep 7002")
        window.send("~.")
        comes_back(window, NAMES[route], "left · ")


def test_a_lost_link_is_told(rooms: Rooms) -> None:
    name = NAMES[Route.SSHD]
    with screen(rooms) as window:
        enter(window, Route.SSHD)
        for pid, line in rooms.processes(name).items():
            if line.startswith("sshd"):
                os.kill(pid, signal.SIGKILL)
        comes_back(window, name, "connection lost: ")


@pytest.mark.slow
def test_several_one_after_another(rooms: Rooms) -> None:
    with screen(rooms) as window:
        for route in (*ROUTES, Route.EXEC):
            enter(window, route)
            window.send(f"echo by-$((40 + 2))-{route}\r")
            window.wait_for(f"by-42-{route}")
            window.send("exit\r")
            comes_back(window, NAMES[route], "ended · ")


@pytest.mark.parametrize("route", quick([Route.PORT, Route.EXEC], Route.EXEC))
def test_a_killed_full_screen_program_leaves_no_modes(rooms: Rooms, route: Route) -> None:
    with screen(rooms) as window:
        enter(window, route)
        kill_vim(rooms, window, NAMES[route])
        window.send("exit 0\r")
        comes_back(window, NAMES[route], "ended · ")


@pytest.mark.parametrize("route", quick(ROUTES, Route.SSHD))
def test_nor_after_a_session_by_the_command_line(rooms: Rooms, route: Route) -> None:
    with rooms.session(route) as window:
        kill_vim(rooms, window, NAMES[route])
        window.send("exit 0\r")
        assert window.wait_exit() == 0
        window.assert_restored()


@pytest.mark.parametrize("route", quick(ROUTES, Route.EXEC))
def test_nor_when_it_is_left_in_front(rooms: Rooms, route: Route) -> None:
    with rooms.session(route) as window:
        window.send(f"{VIM}\r")
        until(lambda: {"alternate", "?1000"} & window.modes, message=window.dump)
        window.send("\r~.")
        assert window.wait_exit() == 0
        window.assert_restored()
    rooms.wait_empty(NAMES[route])


def kill_vim(rooms: Rooms, window: Window, name: str) -> None:
    """Start it, and kill it when it has the terminal in its modes, which it does not put back."""
    window.send(f"{VIM}\r")
    until(lambda: "alternate" in window.modes and len(window.modes) > 1, message=window.dump)
    [pid] = [pid for pid, line in rooms.processes(name).items() if line.startswith("vim")]
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in rooms.processes(name))
    assert "alternate" in window.modes


# -- meanwhile


def test_what_happened_meanwhile_is_there_at_once(rooms: Rooms) -> None:
    with screen(rooms) as window:
        enter(window, Route.EXEC)
        rooms.engine.run_container("begun-meanwhile")
        try:
            # long enough for the list in the background, on a busy machine too
            window.send("sleep 2; echo half-$((40 + 2))\r")
            window.wait_for("half-42")
            before = len(window.raw)
            window.send("exit\r")
            comes_back(window, NAMES[Route.EXEC], "ended · ")
            window.wait_for(r"● running +begun-meanwhile ")
            # the very first frame that shows any row shows this one
            drawn = window.raw[before:].decode("utf-8", "replace")
            first = drawn.index("by-exec", drawn.index("\x1b[?1049h"))
            assert "begun-meanwhile" in drawn[first - 20_000 : first + 20_000]
        finally:
            rooms.engine.docker("rm", "--force", "begun-meanwhile")


def test_another_size_is_known_to_both(rooms: Rooms) -> None:
    with screen(rooms) as window:
        enter(window, Route.PORT)
        window.resize(90, 30)
        window.send("stty size\r")
        window.wait_for(r"^30 90$")
        window.send("exit\r")
        comes_back(window, NAMES[Route.PORT], "ended · ")
        window.wait_for(lambda text: max(map(len, text.split("\n"))) <= 90 and " q quit" in text)
        assert re.search(r" q quit", window.lines()[29])


@pytest.mark.parametrize(
    ("route", "number", "code"),
    [
        pytest.param(Route.PORT, signal.SIGTERM, 143),
        pytest.param(Route.EXEC, signal.SIGTERM, 143),
        pytest.param(Route.SSHD, signal.SIGTERM, 143, marks=pytest.mark.slow),
        *(pytest.param(each, signal.SIGHUP, 129, marks=pytest.mark.slow) for each in ROUTES),
    ],
)
def test_told_to_end_in_a_session_it_ends(
    rooms: Rooms, route: Route, number: signal.Signals, code: int
) -> None:
    with rooms.window() as window:
        enter(window, route)
        window.send("sleep 7001 &\r")
        rooms.wait_for(NAMES[route], "sleep 7001")
        window.signal(number)
        assert window.wait_exit() == code
        window.assert_restored()
    rooms.wait_empty(NAMES[route])
    assert rooms.records == {}


@pytest.mark.parametrize("route", quick([Route.SSHD, Route.EXEC], Route.SSHD))
def test_a_window_that_is_closed_ends_it(rooms: Rooms, route: Route) -> None:
    with rooms.window() as window:
        enter(window, route)
        window.send("sleep 7001 &\r")
        rooms.wait_for(NAMES[route], "sleep 7001")
        assert window.go_away() == 129
    rooms.wait_empty(NAMES[route])
    assert rooms.records == {}
