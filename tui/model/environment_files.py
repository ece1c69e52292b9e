"""What an `environment.yml` says, line by line, before anything is made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line of dependencies.

    Attributes:
        text: as it stands in the file, without its dash and quotes.
        name: of the package, in lower case; pip's with "-" for "_" and "."; "" where it has none (an
            option or an address of pip, or what conda can't take for a package).
        version: what follows the name, as it stands ("=2.9", ">=1.26,<3", "==2.0.1"); "" for any.
        build: of conda, "" for any.
        channel: in front of it ("conda-forge::numpy"), "" for none.
        line: in the file, from 1.
    """

    text: str
    name: str
    version: str = ""
    build: str = ""
    channel: str = ""
    line: int = 0


def is_conditional(requirement: Requirement) -> bool:
    """Whether a line of pip holds only somewhere (PEP 508, "; sys_platform == …")."""
    return ";" in requirement.text


@dataclass(frozen=True, slots=True)
class EnvironmentFile:
    """An `environment.yml`.

    Attributes:
        name, prefix: "" where it has none.
        channels: in their order, each with its line.
        dependencies: of conda.
        pip: what stands under `pip:`; None where it has no such section.
        pip_line: of that section, 0 for none.
        variables: to be set in it.
        lines: the file's own lines, each with its line end.
        prefix_line: 0 for none.
        dependencies_line: of that section, 0 for none.
    """

    name: str = ""
    prefix: str = ""
    channels: tuple[tuple[str, int], ...] = ()
    dependencies: tuple[Requirement, ...] = ()
    pip: tuple[Requirement, ...] | None = None
    pip_line: int = 0
    variables: tuple[tuple[str, str], ...] = ()
    lines: tuple[str, ...] = ()
    prefix_line: int = 0
    dependencies_line: int = 0
