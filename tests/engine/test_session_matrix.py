"""Shells, environments and routes with each other: the chosen environment is active, and nothing is left."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from tests.engine.session_environments import ACCOUNTS, PREFIXES, Agreeing, Field, Person, make_field, run
from tests.rig.engine import PrivateEngine
from tests.rig.shell_image import IMAGE_VALUE, IMAGE_VARIABLE
from tests.rig.waiting import until
from tui.model.sessions import Route, RouteChoice, SessionRequest, Terminal

ROUTES = (Route.PORT, Route.SSHD, Route.EXEC)
_STATUSES = (0, 7, 130)
_WORDS = {Route.PORT: r"ssh port \d+", Route.SSHD: "ssh through the engine", Route.EXEC: "engine exec"}
# every shell by every route, and the kinds in turn, so that each meets each of both
_COVERING = {
    (shell, tuple(PREFIXES)[(shells + routes) % 3], route)
    for (shells, shell), (routes, route) in product(enumerate(ACCOUNTS), enumerate(ROUTES))
}
_QUESTION = (
    'python -c \'import os, sys; print("<" + sys.prefix + ">", '
    '[os.environ.get(each, "") for each in ("CONDA_PREFIX", "VIRTUAL_ENV")])\''
)
# in every form that a shell, or JSON, could get wrong
ODD = (
    "a  b",
    "$HOME",
    "it's",
    '"q"',
    "back\\slash\\n",
    "",
    "new\nline",
    "環境",
    "-x",
    "--",
    "*",
    "!!",
    "`x`",
)


@pytest.fixture(scope="module")
def field(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Field]:
    engine.recover()
    engine.remove_all()
    assert shell_image
    yield make_field(engine, tmp_path_factory.mktemp("field"))
    engine.remove_all()


def _cases() -> list[object]:
    return [
        pytest.param(
            shell, kind, route, _STATUSES[number % 3], id=f"{shell}-{kind}-{route}",
            marks=() if (shell, kind, route) in _COVERING else pytest.mark.full_sessions,
        )
        for number, (shell, kind, route) in enumerate(product(ACCOUNTS, PREFIXES, ROUTES))
    ]  # fmt: skip


def processes(field: Field, route: Route, user: str) -> list[str]:
    """Of an account, by the container's own count."""
    listed = field.inside(route, "ps", "-eo", "user,args").splitlines()
    return [line for line in listed if line.split()[0] == user]


@pytest.mark.parametrize(("shell", "kind", "route", "status"), _cases())
def test_the_chosen_environment_is_active(
    field: Field, shell: str, kind: str, route: Route, status: int
) -> None:
    user, environment = ACCOUNTS[shell], field.environment(route, kind)
    person = Person(field.open(route, environment, user, terminal=Terminal(columns=200)))
    first = person.sees(r"^.*envtui: .*$")[0]
    where = rf"envtui: {_WORDS[route]} · matrix(-port)? / .* · python {environment.prefix}/bin/python$"
    person.sees(where)
    assert first.startswith("envtui: ")
    person.types(_QUESTION)
    answer = person.sees(r"<(/[^<>\n]*)> (\[.*\])")
    conda, venv = ast.literal_eval(answer[2])
    assert answer[1] == environment.prefix
    assert (venv if kind == "venv" else conda) == environment.prefix
    assert person.leaves(f"exit {status}") == status
    # nothing of it is left: no process, no file, no line of ours in a history
    until(lambda: processes(field, route, user) == [], message=lambda: str(processes(field, route, user)))
    left = field.inside(route, "find", "/tmp", "/dev/shm", "-name", "envtui*").split()
    assert left == []
    found = field.inside(route, "sh", "-c", f"grep -rl envtui /home/{user} 2>/dev/null || true").split()
    assert [each for each in found if not each.endswith("authorized_keys")] == []


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("shell", ACCOUNTS)
def test_arguments_reach_a_program_as_they_are(field: Field, shell: str, route: Route) -> None:
    command = ("python", "-c", "import sys; print(sys.argv[1:]); print(sys.prefix, file=sys.stderr)", *ODD)
    environment = field.environment(route, "conda")
    out, err, status = run(field.open(route, environment, ACCOUNTS[shell], command))
    assert ast.literal_eval(out.decode()) == list(ODD)
    assert (err.decode().strip(), status) == (environment.prefix, 0)


@pytest.mark.parametrize("route", ROUTES)
def test_streams_statuses_and_bytes_of_a_command(field: Field, route: Route) -> None:
    data = bytes(range(256)) * 4000
    out, err, status = run(field.open(route, command=("sh", "-c", "cat; echo err >&2; exit 130")), data)
    assert (out, err, status) == (data, b"err\n", 130)
    assert run(field.open(route, command=("no-such-program",)))[2] == 127
    assert run(field.open(route, command=("sh", "-c", "exit 7")))[2] == 7


@pytest.mark.parametrize("route", ROUTES)
def test_the_images_variables_are_there(field: Field, route: Route) -> None:
    out, _, _ = run(field.open(route, command=("sh", "-c", f"echo ${IMAGE_VARIABLE}")))
    assert out.decode().strip() == IMAGE_VALUE


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("user", ["dev", "1000", "1000:1000"])
def test_the_user_may_be_a_name_or_numbers(field: Field, route: Route, user: str) -> None:
    assert run(field.open(route, None, user, ("id", "-u")))[0] == b"1000\n"


@pytest.mark.parametrize("route", ROUTES)
def test_a_command_may_have_a_terminal_and_one_that_is_unknown_there_falls_back(
    field: Field, route: Route
) -> None:
    terminal = Terminal("xterm-from-mars", 91, 33)
    # the engine tells a terminal's size once its process runs
    sized = 'while [ "$(stty size)" = "0 0" ]; do sleep 0.05; done'
    script = f"test -t 0 && test -t 1 && {sized}; stty size; echo $TERM"
    out, _, status = run(field.open(route, None, "dev", ("sh", "-c", script), terminal), given=None)
    assert (out.decode().split(), status) == (["33", "91", "xterm-256color"], 0)


@pytest.mark.parametrize("route", ROUTES)
def test_a_missing_environment_runs_no_command(field: Field, route: Route) -> None:
    gone = replace(field.environment(route, "conda"), prefix="/opt/conda/envs/gone")
    out, err, status = run(field.open(route, gone, command=("echo", "ran")))
    assert out == b"" and b"/opt/conda/envs/gone" in err and status == 1


@pytest.mark.parametrize("route", ROUTES)
def test_full_screen_programs_run_and_hear_of_another_size(field: Field, route: Route) -> None:
    person = Person(field.open(route, None, "dev", terminal=Terminal("xterm-256color", 80, 24)))
    person.sees(r"^envtui: ")
    told = "autocmd VimResized * call writefile([&columns . ' ' . &lines], '/tmp/size')"
    person.types(f'vim -u NONE -N -c "{told}"')
    person.sees(r"VIM - Vi IMproved")
    person.session.channel.resize(132, 43)
    read = "cat /tmp/size 2>/dev/null || true"
    until(lambda: field.inside(route, "sh", "-c", read).split() == ["132", "43"])
    person.types(":q")
    # what is typed before the shell has its terminal back is lost with it
    person.sees(r"dev@\S+\$ \Z")
    for program, mark in (("top", "load average"), ("htop", "Load average|Tasks")):
        person.types(program)
        person.sees(mark)
        person.session.channel.send(b"q")
        person.sees(r"dev@\S+\$ \Z")
    assert person.leaves("rm /tmp/size; exit 3") == 3


# -- awkward start-up files, over SSH and by the engine


@pytest.fixture
def awkward(field: Field) -> Iterator[Field]:
    """dev's files are put back as they were."""
    yield field
    for route in (Route.PORT, Route.SSHD):
        field.inside(route, "rm", "-f", "/home/dev/.bashrc", "/home/dev/.zshrc")


def rc(field: Field, route: Route, text: str) -> None:
    """Give dev a .bashrc."""
    field.inside(route, "sh", "-c", f"cat >/home/dev/.bashrc <<'X'\n{text}\nX", user="dev")


@pytest.mark.parametrize("route", ROUTES)
def test_base_in_the_start_up_files_does_not_win(awkward: Field, route: Route) -> None:
    rc(awkward, route, 'eval "$(/opt/conda/bin/conda shell.bash hook)"; echo noise; echo more >&2; sleep 1')
    environment = awkward.environment(route, "conda")
    person = Person(awkward.open(route, environment, "dev", terminal=Terminal(columns=200)))
    person.sees(rf"envtui: .* · python {environment.prefix}/bin/python$")
    person.types("echo prefix=$CONDA_PREFIX.")
    person.sees(rf"^prefix={environment.prefix}\.$")
    assert person.leaves("exit 7") == 7
    # and what they print is not in a command's output
    assert run(awkward.open(route, environment, "dev", ("echo", "clean"))) == (b"clean\n", b"", 0)


def test_another_shell_in_the_place_of_the_accounts_own_is_entered_by_the_engine(awkward: Field) -> None:
    rc(awkward, Route.PORT, "exec /usr/bin/zsh")
    environment = awkward.environment(Route.PORT, "conda")
    container = awkward.container(Route.PORT)
    assert awkward.workstation.shells is not None
    request = SessionRequest(container, environment, "dev", RouteChoice.BEST, (), Terminal(columns=200))
    session = awkward.workstation.shells.open(request, Agreeing())
    assert session.route is Route.EXEC
    assert any("instead of running one" in note for note in session.notes), session.notes
    person = Person(session)
    person.sees(r"envtui: engine exec")
    person.types('echo "$ZSH_VERSION:$CONDA_PREFIX."')
    person.sees(rf"^\d[\d.]*:{environment.prefix}\.$")
    assert person.leaves("exit 7") == 7
