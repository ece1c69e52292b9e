"""The first line tells route, container, environment and `python`, red where that is another's."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.managers import environment_of, make_prefix, make_program
from tests.shells.homes import start
from tests.shells.machine import SHELLS, Home, Machine
from tui.model.environments import Environment, EnvironmentKind


@pytest.fixture
def home(machine: Machine, tmp_path: Path) -> Home:
    return Home(machine, tmp_path)


def first_line(home: Home, environment: Environment | None, shell: str = "bash") -> str:
    with home.open(environment, shell) as session:
        session.wait_for(r"envtui: .* · .*\n", 60)
        session.send("exit 4\r")
        assert session.wait_exit() == 4
        # what a shell does to its terminal
        raw = re.sub(r"\x1b\[[?>=].*?[a-z]", "", session.raw.decode())
    return next(line for line in raw.split("\r\n") if "envtui: " in line)


def red(line: str) -> str:
    assert line.startswith("\x1b[31m") and line.endswith("\x1b[0m"), line
    return line[5:-4]


@pytest.mark.parametrize("shell", list(SHELLS))
def test_plain(home: Home, shell: str) -> None:
    environment = home.machine.environments["conda"]
    expected = f"envtui: engine exec · training / vision · python {environment.prefix}/bin/python"
    assert first_line(home, environment, shell) == expected


@pytest.mark.parametrize("shell", [each for each in SHELLS if each != "fish"])
def test_red_for_an_alias(home: Home, shell: str) -> None:
    start(home, shell, "alias python=python3\n")
    environment = home.machine.environments["conda"]
    line = red(first_line(home, environment, shell))
    assert line.endswith(f" · python is an alias, not {environment.prefix}/bin/python")


@pytest.mark.parametrize("shell", list(SHELLS))
def test_red_for_a_function(home: Home, shell: str) -> None:
    start(home, shell, "python() { python3; }\n", "function python; python3; end\n")
    assert " · python is a function, not " in red(first_line(home, home.machine.environments["conda"], shell))


@pytest.mark.parametrize("shell", list(SHELLS))
def test_red_for_an_environment_that_is_gone(home: Home, shell: str) -> None:
    gone = environment_of(Path("/no/such env"), EnvironmentKind.CONDA)
    assert red(first_line(home, gone, shell)).endswith(" · there is no environment at /no/such env")


@pytest.mark.parametrize("shell", list(SHELLS))
def test_red_where_a_python_should_be_and_another_is(home: Home, shell: str) -> None:
    prefix = make_prefix(home.path / "broken")
    (prefix / "bin/python").unlink()
    (prefix / "bin/python3").unlink()
    another = make_program(home.path / "bin" / "python", "#!/bin/sh\n")
    home.variables["PATH"] = f"{another.parent}:/usr/bin:/bin"
    line = red(first_line(home, environment_of(prefix, EnvironmentKind.CONDA), shell))
    assert line.endswith(f" · no python in it: python is {another}")


def test_an_environment_that_never_had_a_python(home: Home) -> None:
    (home.path / "tools/conda-meta").mkdir(parents=True)
    tools = replace(environment_of(home.path / "tools", EnvironmentKind.CONDA), python=None)
    home.variables["PATH"] = "/bin"
    line = first_line(home, tools)
    if "python is" not in line:
        assert line == "envtui: engine exec · training / tools · no python in it"


def test_without_an_environment_it_tells_the_python_that_is_found(home: Home) -> None:
    another = make_program(home.path / "bin" / "python", "#!/bin/sh\n")
    home.variables["PATH"] = f"{another.parent}:/usr/bin:/bin"
    assert first_line(home, None) == f"envtui: engine exec · training · python {another}"


@pytest.mark.parametrize("shell", list(SHELLS))
def test_names_reach_the_terminal_made_safe(home: Home, shell: str) -> None:
    prefix = make_prefix(home.path / "a\x1b]0;b\x07 $(echo c) 'd' \\n %s 日本")
    line = first_line(home, environment_of(prefix, EnvironmentKind.CONDA), shell)
    name = "a␛]0;b␇ $(echo c) 'd' \\n %s 日本"
    assert line == f"envtui: engine exec · training / {name} · python {home.path}/{name}/bin/python"


@pytest.mark.parametrize("shell", list(SHELLS))
def test_an_activation_that_fails_is_made_by_hand_and_said(home: Home, shell: str) -> None:
    prefix = make_prefix(home.path / "vision")
    manager = make_program(home.path / "bin" / "micromamba", "#!/bin/sh\necho broken >&2; exit 1\n")
    broken = environment_of(prefix, EnvironmentKind.CONDA, home.path, manager)
    told = home.ask(broken, shell)
    assert (told.prefix, told.variables[0], told.variables[2]) == (str(prefix), str(prefix), "yes")
    said = "envtui: its own activation failed, so it was put first in PATH by hand"
    assert said in told.plain.splitlines() and "broken" not in told.plain
    assert not told.is_red


@pytest.mark.parametrize("shell", list(SHELLS))
def test_the_systems_python(home: Home, shell: str) -> None:
    line = first_line(home, environment_of(Path("/usr"), EnvironmentKind.SYSTEM), shell)
    assert " · training / usr · python3 /usr/bin/python3" in line or "python /usr/bin/python" in line
