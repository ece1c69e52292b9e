"""The line that activates an environment in a shell inside its container, for whoever types it by hand."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from tui.model.environments import Environment, EnvironmentKind

# Where a link to a conda may lie that belongs to no installation there.
_OF_THE_SYSTEM = ("/usr", "/usr/local", "")


def activation_root(environment: Environment) -> str:
    """The installation whose scripts activate it; "" where none is known.

    Its own, but where that has no conda: then the one of the conda that manages it.
    """
    root, manager = environment.root_prefix or "", environment.manager or ""
    if PurePosixPath(manager).name != "conda" or (root and manager.startswith(f"{root}/")):
        return root
    of_manager = manager.rsplit("/", 2)[0]
    return root if of_manager in _OF_THE_SYSTEM else of_manager


def activation_line(environment: Environment) -> str:
    """A line for bash, zsh, dash and busybox's shell; "" where nothing needs to be activated.

    `conda activate` is a function of the shell that the installation's conda.sh defines; `bin/activate` of
    an installation activates base in dash, whatever it is told, and is not used. micromamba and mamba 2
    print their function (`shell hook`), and need to be told their root.
    """
    prefix, kind = environment.prefix, environment.kind
    quoted = shlex.quote(prefix)
    if kind is EnvironmentKind.SYSTEM:
        return ""
    if kind in (EnvironmentKind.VENV, EnvironmentKind.UV):
        return f". {shlex.quote(f'{prefix}/bin/activate')}"
    program = PurePosixPath(environment.manager).name if environment.manager else ""
    root = activation_root(environment)
    if kind is not EnvironmentKind.PIXI and root and program == "conda":
        return f". {shlex.quote(f'{root}/etc/profile.d/conda.sh')} && conda activate {quoted}"
    if kind is not EnvironmentKind.PIXI and environment.manager and program in ("micromamba", "mamba"):
        manager = shlex.quote(environment.manager)
        told_root = f"export MAMBA_ROOT_PREFIX={shlex.quote(root)} && " if root else ""
        return f'{told_root}eval "$({manager} shell hook -s posix)" && {program} activate {quoted}'
    # nobody is there who could do it: what matters is that its programs are found first
    path = shlex.quote(f"{prefix}/bin")
    return f'export CONDA_PREFIX={quoted} PATH={path}:"$PATH"'
