"""The line that activates an environment does so in the shells that images have.

venv is the real one. conda and micromamba are small programs here that keep to the contract of theirs: a
conda.sh that defines the function `conda`, and a `shell hook` that prints the function.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tui.model.activation import activation_line, activation_root
from tui.model.environments import Environment, EnvironmentKind

SHELLS = {
    name: argv
    for name, argv in {"sh": ["sh"], "bash": ["bash"], "busybox": ["busybox", "sh"]}.items()
    if shutil.which(argv[0])
}
HOSTILE = 'it\'s a "$HOME" `id` \\ env'


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    return SHELLS[request.param]


def environment(prefix: Path, kind: EnvironmentKind, **fields: str) -> Environment:
    return Environment("0" * 64, str(prefix), prefix.name, kind, **fields)  # type: ignore[arg-type]


def told(shell: list[str], line: str, question: str) -> str:
    done = subprocess.run(
        [*shell, "-c", f"{line}\n{question}"], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stderr == ""
    return done.stdout


def make_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_a_venv(shell: list[str], tmp_path: Path) -> None:
    prefix = tmp_path / "my project" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    line = activation_line(environment(prefix, EnvironmentKind.VENV))
    assert told(shell, line, 'echo "$VIRTUAL_ENV"; command -v python') == f"{prefix}\n{prefix}/bin/python\n"


@pytest.mark.parametrize("name", ["vision", HOSTILE])
def test_conda_by_its_own_function(shell: list[str], tmp_path: Path, name: str) -> None:
    root = tmp_path / "the root"
    make_program(
        root / "etc/profile.d/conda.sh",
        'conda() { [ "$1" = activate ] && CONDA_PREFIX=$2 CONDA_SHLVL=1 && export CONDA_PREFIX; }\n',
    )
    made = environment(
        root / "envs" / name,
        EnvironmentKind.CONDA,
        root_prefix=str(root),
        manager=str(root / "bin/conda"),
    )
    assert told(shell, activation_line(made), 'echo "$CONDA_PREFIX"') == f"{made.prefix}\n"


@pytest.mark.parametrize("program", ["micromamba", "mamba"])
def test_micromamba_and_mamba_by_their_hook(shell: list[str], tmp_path: Path, program: str) -> None:
    manager = tmp_path / "bin dir" / program
    make_program(
        manager,
        '#!/bin/sh\n[ "$1 $2 $3 $4" = "shell hook -s posix" ] && [ "$MAMBA_ROOT_PREFIX" ] || exit 1\n'
        f'echo "{program}() {{ CONDA_PREFIX=\\$2; }}"\n',
    )
    made = environment(
        tmp_path / "envs" / HOSTILE,
        EnvironmentKind.CONDA,
        root_prefix=str(tmp_path),
        manager=str(manager),
    )
    question = 'echo "$CONDA_PREFIX $MAMBA_ROOT_PREFIX"'
    assert told(shell, activation_line(made), question) == f"{made.prefix} {tmp_path}\n"


@pytest.mark.parametrize("kind", [EnvironmentKind.CONDA, EnvironmentKind.PIXI])
def test_without_a_manager_its_programs_are_found_first(
    shell: list[str], tmp_path: Path, kind: EnvironmentKind
) -> None:
    prefix = tmp_path / HOSTILE
    make_program(prefix / "bin" / "python", "#!/bin/sh\necho its own\n")
    line = activation_line(environment(prefix, kind))
    assert told(shell, line, 'python; echo "$CONDA_PREFIX"') == f"its own\n{prefix}\n"


def test_the_systems_python_needs_none() -> None:
    assert activation_line(environment(Path("/usr"), EnvironmentKind.SYSTEM)) == ""


@pytest.mark.parametrize(
    ("root", "manager", "expected"),
    [
        ("/opt/conda", "/opt/conda/bin/conda", "/opt/conda"),
        ("/data/root", "/opt/conda/bin/conda", "/opt/conda"),
        ("", "/opt/conda/condabin/conda", "/opt/conda"),
        # a link there, and no installation
        ("/opt/conda", "/usr/local/bin/conda", "/opt/conda"),
        ("/opt/micromamba", "/usr/local/bin/micromamba", "/opt/micromamba"),
    ],
)
def test_the_installation_that_activates_is_one_that_has_a_conda(
    root: str, manager: str, expected: str
) -> None:
    made = environment(Path("/x"), EnvironmentKind.CONDA, root_prefix=root, manager=manager)
    assert activation_root(made) == expected
