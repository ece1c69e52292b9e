"""Changes and recorded answers for the tests of what managers are told and say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tui.backends.conda.manager_commands import CommandResult
from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environments import EnvironmentKind, Package

RECORDED = Path(__file__).parents[1] / "fixtures/managers"
CONDA = "/opt/conda/bin/conda"
MAMBA = "/opt/conda/bin/mamba"
MICROMAMBA = "/usr/local/bin/micromamba"
UV = "/usr/local/bin/uv"
PREFIX = "/opt/conda/envs/new"
EXPLICIT = """\
# platform: linux-64
@EXPLICIT
https://conda.anaconda.org/conda-forge/linux-64/python-3.11.9-h955ad1f_0.conda#0123
https://conda.anaconda.org/t/secret/mine/noarch/pip-24.0-pyhd8ed1ab_0.tar.bz2
file:///channel/linux-64/numpy-1.26.4-py311h64a7726_0.conda
# pip: timm==1.0.9
"""
YML = """\
name: x
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - numpy >=1.26,<3
  - pip:
      - timm==1.0.9
      - -r other.txt
"""


def change(
    verb: ChangeVerb, manager: str = CONDA, kind: EnvironmentKind = EnvironmentKind.CONDA, **fields: Any
) -> EnvironmentChange:
    """A change of `PREFIX`, unless told otherwise."""
    told = {"prefix": PREFIX, "root_prefix": "/opt/conda"} | fields
    return EnvironmentChange(verb, "0" * 64, "dl-dev", kind=kind, manager=manager, **told)


def file(format: FileFormat, text: str = "", name: str = "a file") -> SourceFile:
    """A file, with the text that its format has by default here."""
    defaults = {FileFormat.YML: YML, FileFormat.EXPLICIT: EXPLICIT, FileFormat.REQUIREMENTS: "timm\n"}
    return SourceFile(format, text or defaults[format], name)


def recorded(name: str, exit_code: int = 0, stderr: bytes = b"") -> CommandResult:
    """A manager's own answer, as it was recorded."""
    return CommandResult(exit_code, (RECORDED / name).read_bytes(), stderr)


def package(name: str, version: str, owner: str = "conda", build: str = "0") -> Package:
    """One that is installed."""
    return Package(name, version, owner, build if owner == "conda" else "")
