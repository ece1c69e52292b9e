"""However a session is left, nothing of it goes on in its container, and the terminal is as it was."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from tests.engine.session_rig import (
    NAMES,
    ROUTES,
    Rooms,
    Window,
    by_closing,
    by_escape,
    by_exit,
    by_term,
    furnished,
    published_port,
    quick,
    with_port,
)
from tests.rig.bad_network import BadNetwork
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import NotReached, until
from tui.model.sessions import Route

# In the background; one in a kernel's session of its own, and one that does not hear of a hang-up.
JOB, OWN, DEAF = "sleep 7001", "sleep 7003", "sleep 7004"
STAYING = (OWN, DEAF)
BEGIN = f"{JOB} & busybox setsid {OWN} & nohup {DEAF} >/dev/null 2>&1 &\r"
ENDINGS = {
    "exit": (by_exit, 0),
    "escape": (by_escape, 0),
    "closed": (by_closing, 129),
    "TERM": (by_term, 143),
}
SILENCES = [f"{verb}-{route}" for verb in ("frozen", "paused") for route in (Route.PORT, Route.SSHD)]


@pytest.fixture(scope="module")
def rooms(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rooms]:
    """A container for each route."""
    made = furnished(engine, tmp_path_factory.mktemp("state"))
    yield made
    engine.recover()
    engine.remove_all()


@pytest.fixture
def front(rooms: Rooms) -> Iterator[EngineProxy]:
    """What can be cut between the program and the engine."""
    with EngineProxy(rooms.engine.socket_path) as proxy:
        yield proxy


@dataclass(frozen=True)
class Left:
    """What was seen once a session with jobs in it was left.

    Attributes:
        window: where it was.
        statuses: what the program ended with, and what it should have.
        running: command lines that go on in the container.
        records: sessions that are written down as open.
    """

    window: Window
    statuses: tuple[int, int]
    running: list[str]
    records: dict[str, Any]


@pytest.fixture(
    scope="module",
    params=quick(
        [f"{route}-{how}" for route, how in product(ROUTES, ENDINGS)],
        "port-TERM",
        "sshd-closed",
        "exec-exit",
        "exec-escape",
    ),
)
def left(rooms: Rooms, request: pytest.FixtureRequest) -> Iterator[Left]:
    """By each route and in each way, once for all that is looked at."""
    route, how = request.param.split("-")
    end, expected = ENDINGS[how]
    name = NAMES[Route(route)]
    with rooms.session(Route(route)) as window:
        window.send(BEGIN)
        rooms.wait_for(name, JOB, *STAYING)
        status = end(window)
        with contextlib.suppress(NotReached):
            rooms.wait_empty(name, *STAYING)
        running = sorted(rooms.processes(name).values())
        rooms.end(name, *STAYING)
        yield Left(window, (status, expected), running, rooms.records)


def test_nothing_of_it_goes_on_but_what_means_to(left: Left) -> None:
    assert left.running == sorted(STAYING)


def test_the_status_tells_how(left: Left) -> None:
    assert left.statuses[0] == left.statuses[1]


def test_the_terminal_is_as_before(left: Left) -> None:
    # one that is gone has no settings
    if not left.window.is_gone:
        left.window.assert_restored()


def test_it_is_not_written_down_any_more(left: Left) -> None:
    assert left.records == {}


# -- without a word


@pytest.mark.parametrize("route", quick(ROUTES, Route.SSHD, Route.EXEC))
def test_what_a_killed_program_left_is_ended_at_the_next_connection(rooms: Rooms, route: Route) -> None:
    name = NAMES[route]
    with rooms.session(route) as window:
        window.send(f"{JOB} & busybox setsid {OWN} &\r")
        rooms.wait_for(name, JOB, OWN)
        window.signal(signal.SIGKILL)
        assert window.wait_exit() == -signal.SIGKILL
        [record] = rooms.records.values()
        assert (record["container_id"], record["pid"]) == (rooms.ids[name], window.pid)
        rooms.connect_once()
        rooms.wait_empty(name, OWN)
        assert rooms.records == {}
    rooms.end(name, OWN)


@pytest.mark.parametrize("route", [Route.SSHD, Route.EXEC])
def test_a_cut_link_to_the_engine(rooms: Rooms, front: EngineProxy, route: Route) -> None:
    name = NAMES[route]
    with rooms.session(route, host=front.host) as window:
        window.send(f"{JOB} &\r")
        rooms.wait_for(name, JOB)
        front.cut_requests = True
        front.cut()
        assert window.wait_exit() == 255
        window.wait_for(rf"envtui: {name}: connection lost: ")
        window.assert_restored()
        [record] = rooms.records.values()
        assert record["lost"] is True
        front.cut_requests = False
        rooms.connect_once(front.host)
        rooms.wait_empty(name)
        assert rooms.records == {}


def test_a_cut_link_to_the_port(rooms: Rooms, front: EngineProxy) -> None:
    port = published_port(rooms.engine, NAMES[Route.PORT])
    with BadNetwork(port) as network:
        with_port(front, port, network.port)
        with rooms.session(Route.PORT, host=front.host) as window:
            window.wait_for(f"ssh port {network.port} ")
            window.send(f"{JOB} &\r")
            rooms.wait_for(NAMES[Route.PORT], JOB)
            network.reset()
            assert window.wait_exit() == 255
            window.wait_for(r"envtui: by-port: connection lost: ")
            window.assert_restored()
            rooms.wait_empty(NAMES[Route.PORT])
            assert rooms.records == {}


def _servers(rooms: Rooms, name: str) -> list[int]:
    """The sshd of a session, which is not the one that listens."""
    return [pid for pid, line in rooms.processes(name).items() if line.startswith("sshd")]


@pytest.mark.parametrize("route", quick([Route.PORT, Route.SSHD], Route.PORT))
def test_a_killed_server(rooms: Rooms, route: Route) -> None:
    name = NAMES[route]
    with rooms.session(route) as window:
        window.send(f"{JOB} &\r")
        rooms.wait_for(name, JOB)
        for pid in _servers(rooms, name):
            os.kill(pid, signal.SIGKILL)
        assert window.wait_exit() == 255
        window.wait_for(rf"envtui: {name}: (connection lost|closed by the far side)")
        window.assert_restored()
        rooms.wait_empty(name)
        assert rooms.records == {}


# -- others


@pytest.mark.parametrize("route", quick(ROUTES, Route.EXEC))
def test_of_two_sessions_one_goes_on(rooms: Rooms, route: Route) -> None:
    name = NAMES[route]
    with rooms.session(route) as stays, rooms.session(route) as goes:
        stays.send("sleep 7011 &\r")
        goes.send("sleep 7012 &\r")
        rooms.wait_for(name, "sleep 7011", "sleep 7012")
        goes.send("exit\r")
        assert goes.wait_exit() == 0
        until(lambda: "sleep 7012" not in rooms.processes(name).values(), message="the one's job is gone")
        assert "sleep 7011" in rooms.processes(name).values()
        assert len(rooms.records) == 1
        stays.send("echo still-$((40 + 2))\r")
        stays.wait_for("still-42")
        stays.send("exit\r")
        assert stays.wait_exit() == 0
    rooms.wait_empty(name)


# -- the container goes


@pytest.mark.parametrize(
    ("verb", "route"),
    quick(product(["stop", "rm"], ROUTES), ("stop", Route.PORT), ("rm", Route.EXEC)),
)
def test_a_container_that_goes_away(rooms: Rooms, route: Route, verb: str) -> None:
    name = rooms.furnish("goes", route)
    words = ("stop", "--time", "0") if verb == "stop" else ("rm", "--force")
    with rooms.session(route, name=name) as window:
        rooms.engine.docker(*words, name)
        status = window.wait_exit()
        assert status in (137, 255)
        if status == 255:
            window.wait_for(r"envtui: goes: (connection lost|closed by the far side)")
        window.assert_restored()
    # what a container that is just being stopped left is looked for later
    rooms.connect_once()
    assert rooms.records == {}


def test_a_paused_container_is_left_and_hung_up_later(rooms: Rooms) -> None:
    name = NAMES[Route.EXEC]
    with rooms.session(Route.EXEC) as window:
        rooms.engine.docker("pause", name)
        try:
            window.send("\r~.")
            assert window.wait_exit() == 0
            window.wait_for(r"envtui: by-exec: left")
            window.assert_restored()
            assert len(rooms.records) == 1
        finally:
            rooms.engine.docker("unpause", name)
        rooms.connect_once()
        rooms.wait_empty(name)
        assert rooms.records == {}


# -- silence, which takes some 20 s to be one: all cases at once


@dataclass(frozen=True)
class Silent:
    """A session whose far side stood still until it was given up.

    Attributes:
        running: what went on in the container then, while it still stood still.
        records: sessions of the container that were written down as open then.
    """

    window: Window
    name: str
    status: int
    running: list[str]
    records: list[Any]


@pytest.fixture(scope="module")
def silent(rooms: Rooms) -> Iterator[dict[str, Silent]]:
    """Servers that stand still, and containers that do, by both routes over SSH."""
    with contextlib.ExitStack() as stack:
        windows, found = {}, {}
        for how in SILENCES:
            verb, route = how.split("-")
            name = rooms.furnish(how, Route(route))
            windows[how] = stack.enter_context(rooms.session(Route(route), name=name))
            windows[how].send(f"{JOB} &\r")
            rooms.wait_for(name, JOB)
            servers = _servers(rooms, name)
            if verb == "paused":
                stack.callback(rooms.engine.docker, "unpause", name, check=False)
                rooms.engine.docker("pause", name)
            for pid in servers if verb == "frozen" else ():
                stack.callback(os.kill, pid, signal.SIGCONT)
                os.kill(pid, signal.SIGSTOP)
        for how, window in windows.items():
            status = window.wait_exit(60.0)
            records = [each for each in rooms.records.values() if each["container_id"] == rooms.ids[how]]
            found[how] = Silent(window, how, status, list(rooms.processes(how).values()), records)
        stack_of_stopped = stack.pop_all()
        try:
            yield found
        finally:
            stack_of_stopped.close()


IN_SILENCE = pytest.mark.parametrize("how", SILENCES)


@pytest.mark.slow
@IN_SILENCE
def test_silence_is_a_lost_link(silent: dict[str, Silent], how: str) -> None:
    assert silent[how].status == 255
    assert re.search(rf"envtui: {how}: connection lost: ", silent[how].window.text())
    silent[how].window.assert_restored()


@pytest.mark.slow
@pytest.mark.parametrize("how", SILENCES[:2])
def test_a_frozen_server_keeps_nobody_from_being_hung_up(silent: dict[str, Silent], how: str) -> None:
    assert JOB not in silent[how].running
    assert silent[how].records == []


@pytest.mark.slow
@pytest.mark.parametrize("how", SILENCES[2:])
def test_what_a_paused_container_holds_is_written_down(silent: dict[str, Silent], how: str) -> None:
    assert JOB in silent[how].running
    assert [each["lost"] for each in silent[how].records] == [True]


@pytest.mark.slow
@pytest.mark.parametrize("how", SILENCES[2:])
def test_what_a_paused_container_held_is_ended_when_it_goes_on(
    rooms: Rooms, silent: dict[str, Silent], how: str
) -> None:
    rooms.engine.docker("unpause", how)
    rooms.connect_once()
    rooms.wait_empty(how)
