"""Sessions of an account whose start-up files are awkward, by each route."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.session_environments import ROUTES, Field, Person, run
from tests.rig.managers import conda_init
from tui.model.sessions import Route, SessionRequest, Terminal

BY_EACH_ROUTE = pytest.mark.parametrize("route", ROUTES)
_WIDE = Terminal(columns=200)


@pytest.fixture
def awkward(field: Field) -> Iterator[Field]:
    """dev's own file is put back afterwards."""
    containers = (Route.PORT, Route.SSHD)
    for route in containers:
        field.inside(route, "cp", "-p", "/home/dev/.bashrc", "/home/dev/kept")
    yield field
    for route in containers:
        field.inside(route, "mv", "/home/dev/kept", "/home/dev/.bashrc")


def write(field: Field, route: Route, text: str) -> None:
    """Give dev another .bashrc."""
    field.inside(route, "sh", "-c", 'printf "%s\\n" "$0" >/home/dev/.bashrc', text, user="dev")


def visit(field: Field, route: Route, before: str = "") -> None:
    """dev enters an environment, finds it active and leaves; what must come before the first line of ours."""
    environment = field.environment(route, "conda")
    with Person(field.open(route, environment, "dev", terminal=_WIDE)) as person:
        person.sees(rf"\A\s*{before}envtui: .* · python {environment.prefix}/bin/python$")
        person.types("echo prefix=$CONDA_PREFIX.")
        person.sees(rf"^prefix={environment.prefix}\.$")
        assert person.leaves("exit 7") == 7


@BY_EACH_ROUTE
def test_base_in_the_start_up_files_does_not_win(awkward: Field, route: Route) -> None:
    write(awkward, route, conda_init(Path("/opt/conda")))
    # it does for everybody else
    ask = ("env", "HOME=/home/dev", "bash", "-ic", "echo $CONDA_PREFIX")
    assert awkward.inside(route, *ask, user="dev").strip() == "/opt/conda"
    visit(awkward, route)


@BY_EACH_ROUTE
def test_what_start_up_files_print_is_not_a_commands(awkward: Field, route: Route) -> None:
    write(awkward, route, "echo noise; echo more >&2")
    environment = awkward.environment(route, "conda")
    assert run(awkward.open(route, environment, "dev", ("echo", "clean"))) == (b"clean\n", b"", 0)


@BY_EACH_ROUTE
def test_what_start_up_files_print_is_seen_in_a_shell(awkward: Field, route: Route) -> None:
    write(awkward, route, "echo noise; echo more >&2")
    visit(awkward, route, before=r"noise\s+more\s+")


def test_slow_start_up_files_are_waited_for(awkward: Field) -> None:
    for route in (Route.PORT, Route.SSHD):
        write(awkward, route, "sleep 3")

    # all at once, as each spends its time with waiting
    with ThreadPoolExecutor(len(ROUTES)) as threads:
        for visiting in [threads.submit(visit, awkward, route) for route in ROUTES]:
            visiting.result()


# what differs is how the connection is made, not what its commands meet
@pytest.mark.parametrize("route", [pytest.param(Route.PORT, marks=pytest.mark.full_sessions), Route.SSHD])
def test_another_shell_in_the_place_of_the_accounts_own_is_entered_by_the_engine(
    awkward: Field, route: Route
) -> None:
    write(awkward, route, "exec /usr/bin/zsh")
    environment = awkward.environment(route, "conda")
    session = awkward.open_as(SessionRequest(awkward.container(route), environment, "dev", terminal=_WIDE))
    assert session.route is Route.EXEC
    assert any("instead of running one" in note for note in session.notes), session.notes
    with Person(session) as person:
        person.sees(rf"^envtui: engine exec · .* · python {environment.prefix}/bin/python$")
        person.types('echo "$ZSH_VERSION:$CONDA_PREFIX."')
        person.sees(rf"^\d[\d.]*:{environment.prefix}\.$")
        assert person.leaves("exit 7") == 7
