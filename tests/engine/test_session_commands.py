"""Single commands by each route: arguments, streams, statuses, users and terminals, in their environment."""

from __future__ import annotations

import ast
import os
import subprocess
from dataclasses import replace

import pytest

from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.engine.session_environments import ACCOUNTS, ODD, PREFIXES, ROUTES, Field, Person, run
from tests.rig.shell_image import IMAGE_VALUE, IMAGE_VARIABLE
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.model.errors import NoRoute
from tui.model.sessions import Route, RouteChoice, SessionRequest, Terminal

BY_EACH_ROUTE = pytest.mark.parametrize("route", ROUTES)
_PROMPT = r"dev@\S+\$ \Z"
_SHOW = "import sys; print(sys.argv[1:]); print(sys.prefix, file=sys.stderr)"
# the engine tells a terminal's size once its process runs
_SIZED = 'while [ "$(stty size)" = "0 0" ]; do sleep 0.05; done'


def program(field: Field, route: Route, *arguments: str) -> list[str]:
    """The program as a shell would start it for a session by a route whose key is in place."""
    run(field.open(route, command=("true",)))
    choice = "exec" if route is Route.EXEC else "ssh"
    return [*ENVTUI, "--host", field.engine.host, "ssh", "--route", choice, *arguments]


# -- arguments


@pytest.mark.by_default("bash-port", "zsh-sshd", "fish-exec", "dash-port")
@BY_EACH_ROUTE
@pytest.mark.parametrize("shell", ACCOUNTS)
def test_arguments_reach_a_program_as_they_are(field: Field, shell: str, route: Route) -> None:
    environment = field.environment(route, "conda")
    command = ("python", "-c", _SHOW, *ODD)
    out, err, status = run(field.open(route, environment, ACCOUNTS[shell], command))
    assert ast.literal_eval(out.decode()) == list(ODD)
    assert (err.decode().strip(), status) == (environment.prefix, 0)


@pytest.mark.by_default("port", "exec")
@BY_EACH_ROUTE
def test_arguments_of_the_command_line_reach_it_too(field: Field, route: Route) -> None:
    target = f"{field.container(route).name}/{field.environment(route, 'micromamba').label}"
    done = subprocess.run(
        program(field, route, target, "--", "python", "-c", _SHOW, *ODD),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_SECONDS * 2, check=False,
        env={**os.environ, "XDG_STATE_HOME": str(field.state)}, start_new_session=True,
    )  # fmt: skip
    assert (done.stderr.decode().strip(), done.returncode) == (PREFIXES["micromamba"], 0)
    assert ast.literal_eval(done.stdout.decode()) == list(ODD)


# -- streams and statuses


@BY_EACH_ROUTE
def test_bytes_go_through_it_and_streams_come_apart(field: Field, route: Route) -> None:
    data = bytes(range(256)) * 4000
    found = run(field.open(route, command=("sh", "-c", "cat; echo err >&2")), data)
    assert found == (data, b"err\n", 0)


@pytest.mark.by_default("7-port", "0-sshd", "130-exec")
@BY_EACH_ROUTE
@pytest.mark.parametrize("status", [0, 7, 130])
def test_its_status_comes_back(field: Field, route: Route, status: int) -> None:
    assert run(field.open(route, command=("sh", "-c", f"exit {status}"))) == (b"", b"", status)


@BY_EACH_ROUTE
def test_a_program_that_is_not_there_is_127(field: Field, route: Route) -> None:
    out, err, status = run(field.open(route, command=("no-such-program",)))
    assert (out, status) == (b"", 127)
    assert b"no-such-program" in err


# -- what it finds


@BY_EACH_ROUTE
def test_the_images_variables_are_there(field: Field, route: Route) -> None:
    out, _, _ = run(field.open(route, command=("sh", "-c", f"echo ${IMAGE_VARIABLE}")))
    assert out.decode().strip() == IMAGE_VALUE


@pytest.mark.by_default("conda-port", "venv-exec")
@BY_EACH_ROUTE
@pytest.mark.parametrize("kind", ["conda", "venv"])
def test_a_missing_environment_runs_no_command(field: Field, kind: str, route: Route) -> None:
    gone = replace(field.environment(route, kind), prefix="/opt/gone")
    out, err, status = run(field.open(route, gone, command=("echo", "ran")))
    assert (out, status) == (b"", 1)
    assert b"/opt/gone" in err


@pytest.mark.by_default("dev-port", "1000-sshd", "1000:1000-exec")
@BY_EACH_ROUTE
@pytest.mark.parametrize("user", ["dev", "1000", "1000:1000"])
def test_the_user_may_be_a_name_or_numbers(field: Field, route: Route, user: str) -> None:
    out, _, _ = run(field.open(route, None, user, ("sh", "-c", "whoami; id -u; id -g")))
    assert out.decode().split() == ["dev", "1000", "1000"]


def test_a_group_that_is_not_the_accounts_own_is_had_by_the_engine(field: Field) -> None:
    request = SessionRequest(field.container(Route.PORT), None, "1000:5", command=("id", "-g"))
    session = field.open_as(request)
    assert session.route is Route.EXEC
    assert any("group 1000, not 5" in note for note in session.notes), session.notes
    assert run(session)[0] == b"5\n"
    with pytest.raises(NoRoute, match="SSH"):
        field.open_as(replace(request, route=RouteChoice.SSH))


# -- terminals


@BY_EACH_ROUTE
def test_it_has_no_terminal_unless_it_is_to(field: Field, route: Route) -> None:
    command = ("sh", "-c", "test -t 0 || test -t 1 || test -t 2 || echo none")
    assert run(field.open(route, command=command)) == (b"none\n", b"", 0)


@pytest.mark.by_default("sshd", "exec")
@BY_EACH_ROUTE
def test_it_has_one_by_an_option_of_the_command_line(field: Field, route: Route) -> None:
    script = f"test -t 0 && test -t 1 && test -t 2 && {_SIZED}; echo its $(stty size); exit 7"
    arguments = program(field, route, "-t", field.container(route).name, "--", "sh", "-c", script)
    with TerminalSession(arguments, 91, 33, {"XDG_STATE_HOME": str(field.state)}) as window:
        window.wait_for(r"^its 33 91\s*$")
        assert window.wait_exit() == 7


@pytest.mark.by_default("vt100-vt100-port", "xterm-from-mars-xterm-256color-exec")
@BY_EACH_ROUTE
@pytest.mark.parametrize(("wanted", "found"), [("vt100", "vt100"), ("xterm-from-mars", "xterm-256color")])
def test_a_kind_of_terminal_that_is_unknown_there_is_replaced(
    field: Field, route: Route, wanted: str, found: str
) -> None:
    script = f"{_SIZED}; stty size; echo $TERM"
    session = field.open(route, None, "dev", ("sh", "-c", script), Terminal(wanted, 91, 33))
    out, _, status = run(session, None)
    assert (out.decode().split(), status) == (["33", "91", found], 0)


@BY_EACH_ROUTE
def test_full_screen_programs_run_and_hear_of_another_size(field: Field, route: Route) -> None:
    # as somebody has it whose terminal is newer than the container
    with Person(field.open(route, None, "dev", terminal=Terminal("xterm-from-mars", 80, 24))) as person:
        person.sees(r"^envtui: ")
        person.types("infocmp >/dev/null && echo known=$TERM.")
        person.sees(r"^known=xterm-256color\.$")
        told = "autocmd VimResized * call writefile([&columns . ' ' . &lines], '/tmp/size')"
        person.types(f'vim -u NONE -N -c "{told}"')
        person.sees(r"VIM - Vi IMproved")
        person.session.channel.resize(132, 43)
        size = ("sh", "-c", "cat /tmp/size 2>/dev/null || true")
        until(lambda: field.inside(route, *size).split() == ["132", "43"])
        person.types(":quit")
        person.sees(_PROMPT)
        person.types("echo its $(stty size)")
        person.sees(r"^its 43 132$")
        for name, mark in (("top", "load average"), ("htop", "Load average|Tasks")):
            person.types(name)
            person.sees(mark)
            person.session.channel.send(b"q")
            person.sees(_PROMPT)
        assert person.leaves("rm /tmp/size; exit 3") == 3
