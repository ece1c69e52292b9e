"""Which program of a container makes a new environment best, where, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.backends.conda.command import shown
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import ChangeRefused, NoManager

# the quickest first; each makes what the others can read
_CONDA_MAKERS = ("micromamba", "mamba", "conda")
# one name in a folder (NAME_MAX of Linux)
_MOST_NAME_BYTES = 255


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

    @property
    def folders(self) -> tuple[str, ...]:
        """Where it puts what has a name, best first; `~/` for the home."""
        if self.kind is EnvironmentKind.CONDA:
            return f"{self.root_prefix.rstrip('/')}/envs", "~/.conda/envs"
        # virtualenvwrapper's, which the listing looks into
        return ("~/.virtualenvs",)


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


def check_name(name: str) -> None:
    """Raises ChangeRefused for what is no name of an environment."""
    why = ""
    if not name.strip():
        why = "it is empty"
    elif name in (".", "..", "base", "root"):
        why = "it means something else"
    elif name != name.strip():
        why = "a blank at its end would be lost in conda's list"
    elif "/" in name or ":" in name:
        why = "it would be cut at its slash, or in the PATH at its colon"
    elif not name.isprintable():
        why = "it holds a character that can't be printed"
    elif len(name.encode("utf-8", "surrogateescape")) > _MOST_NAME_BYTES:
        why = f"it is longer than {_MOST_NAME_BYTES} bytes"
    if why:
        raise ChangeRefused(f"“{shown(name)}” is no name for an environment", why)
