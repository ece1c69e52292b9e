"""Makes changes from what somebody chose and typed; and says what is wrong with what was typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import NoManager
from tui.model.locks import is_explicit

# conda takes none of these in a name (conda, base/context.py: `validate_prefix_name`).
_NOT_IN_NAMES = frozenset("/ :#")
# What only conda's file begins lines with, whatever it is called.
_YML = re.compile(r"^(?:name|channels|dependencies|prefix|variables)\s*:", re.MULTILINE)


def change_of(
    verb: ChangeVerb,
    environment: Environment,
    container_name: str,
    *,
    packages: Sequence[str] = (),
    pip_packages: Sequence[str] = (),
    channels: Sequence[str] = (),
    file: SourceFile | None = None,
    new_prefix: str = "",
) -> EnvironmentChange:
    """A change of an environment that is there; all but CREATE and CLONE."""
    return EnvironmentChange(
        verb,
        environment.container_id,
        container_name,
        environment.prefix,
        environment.kind,
        manager=environment.manager or "",
        root_prefix=environment.root_prefix or "",
        label=environment.label,
        packages=tuple(packages),
        pip_packages=tuple(pip_packages),
        channels=tuple(channels),
        file=file,
        new_prefix=new_prefix,
    )


def clone_of(source: Environment, made: EnvironmentChange) -> EnvironmentChange:
    """A clone of an environment. Args: `made`: a CREATE that says where it will be."""
    kind = EnvironmentKind.CONDA if source.kind is EnvironmentKind.BASE else source.kind
    return replace(
        made,
        verb=ChangeVerb.CLONE,
        kind=kind,
        manager=source.manager or made.manager,
        root_prefix=source.root_prefix or made.root_prefix,
        source_prefix=source.prefix,
    )


def fitting(
    made: EnvironmentChange, record: EnvironmentRecord, environments: Sequence[Environment]
) -> EnvironmentChange:
    """A CREATE of a kind that the packages of another container's environment can be put into.

    Args:
        made: what the container's best manager would make.
        record: of that other environment.
        environments: those of the container.

    Raises:
        NoManager: nothing there makes environments for packages of conda.
    """
    is_conda = made.kind is EnvironmentKind.CONDA
    if record.is_of_conda == is_conda:
        return made
    if record.is_of_conda:
        raise NoManager(
            "No conda there",
            f"{made.container_name} makes no environments for packages of conda",
            "Its files can be carried over as they are, where that path is free",
        )
    uv = next((each.manager for each in environments if each.kind is EnvironmentKind.UV), None)
    kind = EnvironmentKind.UV if uv else EnvironmentKind.VENV
    return replace(made, kind=kind, manager=uv or "", root_prefix="", label=made.prefix, python="")


def renamed_prefix(environment: Environment, name: str) -> str:
    """Where an environment is under a new name, or the absolute path that was given instead."""
    return name if name.startswith("/") else f"{environment.prefix.rpartition('/')[0]}/{name}"


def format_of(name: str, text: str) -> FileFormat:
    """How a file is read, by what is in it and what it is called."""
    if is_explicit(text):
        return FileFormat.EXPLICIT
    is_yml = name.lower().endswith((".yml", ".yaml")) or _YML.search(text) is not None
    return FileFormat.YML if is_yml else FileFormat.REQUIREMENTS


def words_of(text: str) -> tuple[str, ...]:
    """Packages or channels as they were typed, apart by blanks. Raises ValueError for an open quote."""
    return tuple(shlex.split(text))


def name_complaint(name: str, environments: Iterable[Environment] = ()) -> str | None:
    """What is wrong with the name, or absolute path, of a new environment; None for a good one."""
    if not name.strip():
        return "a name, or an absolute path"
    if not name.isprintable():
        return "it has characters that no terminal shows"
    if any(name in (each.name, each.prefix.rstrip("/"), each.prefix) for each in environments):
        return "there is one already"
    if name.startswith("/"):
        return None if name.strip("/") else "that is the root folder"
    if name.startswith(("-", ".")):
        return f"it can't begin with {name[0]}"
    taken = sorted(set(name) & _NOT_IN_NAMES)
    return f"no {' '.join('blank' if each == ' ' else each for each in taken)} in it" if taken else None


def packages_complaint(text: str, needed: bool = False) -> str | None:
    """What is wrong with packages or channels, apart by blanks; None for good ones."""
    try:
        words = words_of(text)
    except ValueError:
        return "a quote is not closed"
    if needed and not words:
        return "one at least"
    option = next((each for each in words if each.startswith("-")), None)
    if option is not None:
        return f"{option} is an option, not a package"
    return None if text.isprintable() else "it has characters that no terminal shows"
