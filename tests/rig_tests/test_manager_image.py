"""The stand-in managers in their image really make environments, and end as the real ones do."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.rig.engine import PrivateEngine, RigError
from tests.rig.manager_image import (
    CONDA,
    FROZEN,
    MICROMAMBA,
    TRAIN,
    UV,
    VENV,
    manager_image,
    why_unavailable,
)
from tests.rig.waiting import until

NAME = "managers"


class Inside:
    """Commands in one container of the image."""

    def __init__(self, engine: PrivateEngine) -> None:
        self._engine = engine

    def run(self, *argv: str, **variables: str) -> str:
        """Standard output. Raises RigError with standard error where the command fails."""
        options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        return self._engine.docker("exec", *options, NAME, *argv)

    def start(self, *argv: str, **variables: str) -> int:
        """Begins a command; its process id inside."""
        script = 'echo $$ >/tmp/pid; exec "$@" >/tmp/log 2>&1'
        options = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
        self._engine.docker("exec", "--detach", *options, NAME, "sh", "-c", script, "sh", *argv)
        return int(until(lambda: self.run("sh", "-c", "cat /tmp/pid 2>/dev/null || true").strip()))

    def has(self, path: str) -> bool:
        return self.run("sh", "-c", 'test -e "$1" && echo yes || echo no', "sh", path).strip() == "yes"

    def files(self, path: str) -> list[str]:
        return self.run("sh", "-c", 'ls "$1" 2>/dev/null || true', "sh", path).split()


@pytest.fixture(scope="module")
def inside(engine: PrivateEngine) -> Iterator[Inside]:
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(reason)
    engine.recover()
    engine.remove_all()
    engine.run_container(NAME, image=manager_image(engine))
    yield Inside(engine)
    engine.remove_all()


def test_conda_plans_and_makes_a_prefix_whose_python_and_pip_run(inside: Inside) -> None:
    prefix = "/opt/conda/envs/with space"
    asked = (CONDA, "create", "-p", prefix, "-y", "numpy<2", "pip")
    plan = json.loads(inside.run(*asked, "--dry-run", "--json"))
    assert {each["name"] for each in plan["actions"]["LINK"]} == {"python", "pip", "numpy"}
    assert not inside.has(prefix)
    assert "Executing transaction: ...working... done" in inside.run(*asked)
    python = f"{prefix}/bin/python"
    inside.run(python, "-m", "pip", "install", "timm")
    told = inside.run(python, "-c", "import sys, timm, numpy; print(sys.prefix, numpy.__version__)")
    assert told.strip() == f"{prefix} 1.26.4"
    assert prefix in inside.run("cat", "/root/.conda/environments.txt").splitlines()
    assert '# update specs: ["numpy<2", "pip"]' in inside.run("cat", f"{prefix}/conda-meta/history")
    copied = "/opt/conda/envs/copied"
    inside.run(CONDA, "create", "-p", copied, "--clone", prefix, "-y")
    assert inside.run(f"{copied}/bin/python", "-c", "import timm; print(timm.__file__)").startswith(copied)
    inside.run(CONDA, "remove", "-p", prefix, "--all", "-y")
    assert not inside.has(prefix)


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        ("PackagesNotFoundInChannelsError", (CONDA, "create", "-p", "/opt/x", "-y", "nosuch")),
        ("LibMambaUnsatisfiableError", (CONDA, "create", "-p", "/opt/x", "-y", "old-vision", "new-vision")),
        ("EnvironmentIsFrozenError", (CONDA, "install", "-p", FROZEN, "-y", "numpy")),
        ("nosuch does not exist", (MICROMAMBA, "create", "-p", "/opt/x", "-y", "nosuch")),
        ("were not expected: --clone", (MICROMAMBA, "create", "-p", "/opt/x", "-y", "--clone", TRAIN)),
    ],
)
def test_what_can_not_be_done_is_told_and_leaves_nothing(
    inside: Inside, words: str, argv: tuple[str, ...]
) -> None:
    with pytest.raises(RigError, match=words):
        inside.run(*argv)
    assert not inside.has("/opt/x")


def test_a_signal_in_the_middle_of_conda_leaves_nothing(inside: Inside) -> None:
    prefix = "/opt/conda/envs/called-off"
    pid = inside.start(CONDA, "create", "-p", prefix, "-y", "rig-meta", RIG_STEP="0.5")
    until(lambda: len(inside.files(f"{prefix}/conda-meta")) > 1)
    assert not inside.has(f"{prefix}/conda-meta/history")
    inside.run("kill", "-INT", str(pid))
    until(lambda: "CondaSignalInterrupt" in inside.run("cat", "/tmp/log"))
    until(lambda: not inside.has(f"/proc/{pid}"))
    assert not inside.has(prefix)
    assert not [name for name in inside.files("/opt/conda/pkgs") if name.endswith(".lock")]


def test_a_signal_while_conda_changes_a_prefix_puts_it_back(inside: Inside) -> None:
    before = inside.files(f"{TRAIN}/conda-meta")
    pid = inside.start(CONDA, "install", "-p", TRAIN, "-y", "rig-meta", "numpy<2", RIG_STEP="0.5")
    until(lambda: "rig-part" in " ".join(inside.files(f"{TRAIN}/conda-meta")))
    inside.run("kill", "-TERM", str(pid))
    until(lambda: not inside.has(f"/proc/{pid}"))
    assert inside.files(f"{TRAIN}/conda-meta") == before


def test_micromamba_installs_from_a_file_and_removes(inside: Inside) -> None:
    text = "channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip:\n      - einops==0.7.0\n"
    inside.run("sh", "-c", 'printf %s "$1" >/tmp/environment.yml', "sh", text)
    prefix = "/opt/mamba/envs/from-file"
    told = inside.run(MICROMAMBA, "create", "-p", prefix, "-y", "-f", "/tmp/environment.yml")
    assert "Linking pip-" in told and "Transaction finished" in told
    assert "einops-0.7.0.dist-info" in inside.files(f"{prefix}/lib/python3.11/site-packages")
    inside.run(MICROMAMBA, "env", "remove", "-p", prefix, "-y")
    assert not inside.has(prefix)


def test_venv_and_uv_install_from_the_folder_of_wheels(inside: Inside) -> None:
    inside.run(f"{VENV}/bin/python", "-m", "pip", "install", "timm")
    assert "timm" in inside.run(f"{VENV}/bin/python", "-c", "import timm; print(timm.__file__)")
    inside.run(UV, "venv", "/opt/venvs/quick")
    inside.run(UV, "pip", "install", "--python", "/opt/venvs/quick/bin/python", "timm")
    assert (
        inside.run("/opt/venvs/quick/bin/python", "-c", "import timm; print(timm.__version__)") == "1.0.9\n"
    )
