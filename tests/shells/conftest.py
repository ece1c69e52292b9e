"""A machine for shells: environments of every kind, and homes with start-up files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.rig.managers import environment_of, make_conda, make_micromamba, make_prefix
from tests.shells.machine import Machine
from tui.model.environments import EnvironmentKind


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    top = tmp_path_factory.mktemp("machine")
    root = make_conda(top / "conda")
    mamba_root = top / "mamba root"
    micromamba = make_micromamba(top / "bin" / "micromamba")
    venv = top / "it's a project" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=120)
    conda, kind = root / "bin" / "conda", EnvironmentKind.CONDA
    return Machine(
        top,
        root,
        {
            "conda": environment_of(make_prefix(root / "envs" / "vision"), kind, root, conda),
            "micromamba": environment_of(
                make_prefix(mamba_root / "envs" / "nlp"), kind, mamba_root, micromamba
            ),
            "venv": environment_of(venv, EnvironmentKind.VENV),
            "pixi": environment_of(make_prefix(top / "app/.pixi/envs/default"), EnvironmentKind.PIXI),
            "unowned": environment_of(make_prefix(top / "left $HOME"), kind),
        },
    )
