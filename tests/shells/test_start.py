"""How a shell begins: which one, what its start-up files see, and what they find as they left it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.rig.managers import conda_init, make_program
from tests.rig.waiting import until
from tests.shells.homes import base_last, exec_zsh, start
from tests.shells.machine import SHELLS, Home, Machine
from tui.backends.shells.entering import Entry, start_text

_FIRST_LINE = r"envtui: engine exec · .*\n"


@pytest.fixture
def home(machine: Machine, tmp_path: Path) -> Home:
    return Home(machine, tmp_path)


def children(pid: int) -> list[str]:
    """Names of a process's children."""
    names = [
        Path(f"/proc/{each}/comm") for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]
    return [each.read_text().strip() for each in names if each.exists()]


def needs(shell: str) -> None:
    if shell not in SHELLS:
        pytest.skip(f"there is no {shell} here")


def test_a_slow_start_up_file_is_waited_for(home: Home) -> None:
    base_last(home, "bash", "sleep 2\n")
    environment = home.machine.environments["conda"]
    assert home.ask(environment, "bash").prefix == environment.prefix


@pytest.mark.parametrize("shell", ["bash", "dash", "ash", "zsh"])
def test_ctrl_c_in_a_start_up_file_leaves_the_environment_active(home: Home, shell: str) -> None:
    needs(shell)
    start(home, shell, "echo waiting; sleep 100\n")
    environment = home.machine.environments["conda"]
    with home.open(environment, shell) as session:
        session.wait_for("^waiting")
        until(lambda: children(session.pid) == ["sleep"])
        session.press("ctrl+c")
        session.wait_for(_FIRST_LINE)
        session.send("command -v python; exit 3\r")
        assert session.wait_exit() == 3
        assert f"{environment.prefix}/bin/python" in session.lines()
    assert home.left == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_history_holds_what_was_typed_and_nothing_else(home: Home, shell: str) -> None:
    needs(shell)
    start(home, shell, "HISTFILE=~/typed; SAVEHIST=100 HISTSIZE=100\n", "")
    home.ask(home.machine.environments["conda"], shell, lines=["echo one", "echo two"])
    file = home.path / ("typed" if shell != "fish" else ".local/share/fish/fish_history")
    lines = [line.removeprefix("- cmd: ") for line in file.read_text().splitlines() if "when:" not in line]
    assert lines[:2] == ["echo one", "echo two"]
    assert len(lines) == 3 and lines[2].startswith("python -c ")


def test_bash_keeps_its_history_where_it_always_does(home: Home) -> None:
    home.ask(None, "bash", lines=["echo one"])
    assert (home.path / ".bash_history").read_text().startswith("echo one\n")
    assert not (home.path / ".sh_history").exists()


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh"])
def test_a_trap_for_the_exit_is_the_users(home: Home, shell: str) -> None:
    needs(shell)
    start(home, shell, "trap 'echo good bye' EXIT\n")
    told = home.ask(home.machine.environments["conda"], shell, status=7)
    assert told.status == 7 and told.says("good bye")
    assert home.left == []


@pytest.mark.parametrize("shell", ["bash", "dash", "ash"])
def test_a_start_up_file_that_exits_leaves_no_folder(home: Home, shell: str) -> None:
    needs(shell)
    start(home, shell, "exit 5\n")
    with home.open(home.machine.environments["conda"], shell) as session:
        assert session.wait_exit() == 5
    assert home.left == []


@pytest.mark.parametrize("shell", list(SHELLS))
def test_start_up_files_find_the_variables_as_they_were(home: Home, shell: str) -> None:
    home.variables = {"ZDOTDIR": str(home.path), "XDG_DATA_DIRS": "/some:/where", "ENV": "production"}
    question = ['echo "[$ZDOTDIR|$XDG_DATA_DIRS|$ENV|$SHLVL]"']
    told = home.ask(home.machine.environments["conda"], shell, lines=question)
    level = "" if shell == "dash" else "1"
    assert told.says(f"[{home.path}|/some:/where|production|{level}]")


@pytest.mark.parametrize("shell", list(SHELLS))
def test_nothing_of_ours_is_left_in_the_shell(home: Home, shell: str) -> None:
    lines = ["set", "env", "functions", "typeset -f"]
    told = home.ask(home.machine.environments["conda"], shell, lines=lines)
    assert "__envtui" not in told.plain
    assert "ENVTUI_SESSION" in told.plain
    assert not re.search(r"^(ZDOTDIR|XDG_DATA_DIRS|ENV)=", told.plain, re.MULTILINE)


def test_a_login_reads_each_file_once_and_bashrc_where_the_others_do_not(home: Home) -> None:
    home.write(bash_profile="echo its profile\n", bashrc="echo its bashrc\n", profile=". ~/.bashrc\n")
    told = home.ask(None, "bash")
    assert [line for line in told.plain.splitlines() if line.startswith("its ")] == [
        "its profile",
        "its bashrc",
    ]


def test_a_profile_that_reads_bashrc_is_enough(home: Home) -> None:
    home.write(profile='[ -n "$BASH" ] && . ~/.bashrc\n', bashrc="echo its bashrc\n")
    assert home.ask(None, "bash").plain.splitlines().count("its bashrc") == 1


def test_the_files_of_zsh_come_in_the_order_of_a_login(home: Home) -> None:
    needs("zsh")
    names = ("zshenv", "zprofile", "zshrc", "zlogin")
    for name in names:
        declaring = f"typeset -A mine; mine[{name}]=1"
        home.write(**{name: f'echo "its {name} [$ZDOTDIR] ${{0##*/}}"; {declaring}\n'})
    told = home.ask(home.machine.environments["conda"], "zsh", lines=["echo ${(k)mine}"])
    assert [line for line in told.plain.splitlines() if line.startswith("its ")] == [
        f"its {name} [] .{name}" for name in names
    ]
    assert ["zlogin", "zprofile", "zshenv", "zshrc"] in [
        sorted(line.split()) for line in told.plain.splitlines()
    ]


def test_the_images_path_stays_in_its_order(home: Home) -> None:
    # /etc/profile sets another
    another = make_program(home.path / "image" / "sh", "#!/bin/sh\n")
    home.variables["PATH"] = f"{another.parent}:/usr/bin:/bin"
    home.write(bash_profile="PATH=/first:$PATH\n")
    assert home.ask(home.machine.environments["conda"], "bash", lines=["command -v sh"]).says(str(another))


def test_what_the_profile_takes_out_of_the_path_is_still_found(home: Home) -> None:
    make_program(home.path / "cuda" / "nvcc", "#!/bin/sh\necho the compiler\n")
    home.variables["PATH"] = f"/usr/bin:/bin:{home.path}/cuda"
    home.write(bash_profile="PATH=/usr/bin:/bin\n")
    told = home.ask(home.machine.environments["conda"], "bash", lines=["nvcc"])
    assert told.says("the compiler")


@pytest.mark.parametrize(
    ("kind", "mark"), [("conda", "(vision) $ "), ("venv", "(.venv) $ "), ("pixi", "(default) $ ")]
)
def test_the_prompt_tells_the_environment(home: Home, kind: str, mark: str) -> None:
    start(home, "bash", "PS1='$ '\n")
    assert mark in home.ask(home.machine.environments[kind], "bash").plain


@pytest.mark.parametrize(("variable", "wanted"), [("/bin/false", ""), ("/bin/sh", "/no/such")])
def test_where_the_shell_is_none_there_is_another(home: Home, variable: str, wanted: str) -> None:
    home.variables["SHELL"] = variable
    told = home.ask(None, "", shell_path=wanted, lines=["echo it is ${BASH##*/}"])
    assert told.says("it is bash")
    assert told.says("envtui: that shell is not there, another is used") == bool(wanted)


def test_the_accounts_shell_where_none_is_named(home: Home) -> None:
    needs("dash")
    home.variables["SHELL"] = SHELLS["dash"]
    assert home.ask(None, "", lines=["echo it is $SHELL"]).says(f"it is {SHELLS['dash']}")


def test_an_unknown_shell_is_replaced_and_said(home: Home) -> None:
    made = make_program(home.path / "tcsh", "#!/bin/sh\necho never\n")
    told = home.ask(home.machine.environments["conda"], "", shell_path=str(made))
    assert told.prefix == home.machine.environments["conda"].prefix
    assert told.plain.startswith("envtui: bash is used, as no environment can be activated in that shell\n")


def test_the_folder_that_is_wanted(home: Home) -> None:
    (home.path / "my project").mkdir()
    told = home.ask(None, "bash", working_directory=str(home.path / "my project"), lines=["pwd"])
    assert told.says(str(home.path / "my project"))
    assert "/" in home.ask(None, "bash", working_directory="/no/such", lines=["pwd"]).plain.splitlines()


@pytest.mark.parametrize("shell", list(SHELLS))
def test_from_a_file_that_removes_itself(home: Home, shell: str) -> None:
    environment = home.machine.environments["micromamba"]
    base_last(home, shell)
    variables, lines = {"FROM_IMAGE": "it's\n$HOME"}, ['echo "$FROM_IMAGE"']
    told = home.ask(environment, shell, lines, 130, by_file=True, variables=variables)
    assert (told.prefix, told.status) == (environment.prefix, 130)
    assert told.says("it's") and "$HOME" in told.plain.splitlines()
    assert home.left == []


def test_a_file_in_another_folder_is_not_removed(tmp_path: Path) -> None:
    file = tmp_path / "start"
    entry = Entry("training", None, "engine exec", "0" * 32, ("true",), is_terminal=False)
    file.write_bytes(start_text(entry))
    subprocess.run(["/bin/sh", file], check=True, timeout=30)
    assert file.exists()


@pytest.mark.parametrize("shell", list(SHELLS))
def test_without_a_folder_that_can_be_written(home: Home, shell: str) -> None:
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, timeout=30).returncode:
        pytest.skip("folders can't be made read-only here")
    start(home, shell, "echo its start-up file\n")
    environment = home.machine.environments["conda"]
    told = home.ask(environment, shell, status=7, read_only=True)
    assert (told.prefix, told.status) == (environment.prefix, 7)
    assert told.says("its start-up file")
    assert ("no folder can be written" in told.plain) == (shell == "zsh")


def test_a_shell_that_a_start_up_file_runs_and_waits_for(home: Home) -> None:
    needs("zsh")
    exec_zsh(home, "bash")
    start(home, "bash", "zsh\n")
    home.write(zshrc=conda_init(home.machine.root, "zsh"))
    environment = home.machine.environments["conda"]
    with home.open(environment, "bash") as session:
        session.wait_for(_FIRST_LINE)
        session.send("command -v python; exit\r")
        session.wait_for(f"^{environment.prefix}/bin/python")
        session.send("exit 9\r")
        assert session.wait_exit() == 9
    assert home.left == []
