"""Which program of a container makes a new environment best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import NoManager

# the quickest first; each makes what the others can read
_CONDA_MAKERS = ("micromamba", "mamba", "conda")


@dataclass(frozen=True, slots=True)
class Maker:
    """A program that makes environments.

    Attributes:
        kind: of what it makes.
        manager: absolute path; "" for the system's Python with its `venv`.
        root_prefix: of its installation, "" for none.
    """

    kind: EnvironmentKind
    manager: str
    root_prefix: str


def best_maker(environments: Sequence[Environment]) -> Maker:
    """The best of those that the listed environments name. Raises NoManager."""
    found: list[tuple[int, Maker]] = []
    for each in environments:
        name = (each.manager or "").rpartition("/")[2]
        if each.manager and name in _CONDA_MAKERS and each.root_prefix:
            maker = Maker(EnvironmentKind.CONDA, each.manager, each.root_prefix)
            found.append((_CONDA_MAKERS.index(name), maker))
        elif each.manager and name == "uv":
            found.append((len(_CONDA_MAKERS), Maker(EnvironmentKind.UV, each.manager, "")))
        elif each.kind in (EnvironmentKind.SYSTEM, EnvironmentKind.VENV):
            found.append((len(_CONDA_MAKERS) + 1, Maker(EnvironmentKind.VENV, "", "")))
    if not found:
        raise NoManager(
            "Nothing in the container makes environments",
            "there is neither conda, mamba or micromamba, nor uv, nor a Python of the system",
        )
    return min(found, key=lambda each: each[0])[1]
