"""What the commands that change environments name: containers and environments, packages, names, files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.commands.finding import check_runs, find_container, find_environment, split_target
from tui.model.change_making import name_complaint
from tui.model.changes import ChangeVerb, why_not_changed
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeRefused, EnvtuiError, UsageError

if TYPE_CHECKING:
    from tui.model.changes import SourceFile
    from tui.model.containers import Container
    from tui.model.environments import Environment, EnvironmentList
    from tui.settings import Settings
    from tui.workstation import Workstation


def container_of(workstation: Workstation, name: str) -> tuple[Container, EnvironmentList]:
    """A running container, and what is in it. Raises an EnvtuiError."""
    listed, _ = workstation.containers.containers()
    container = find_container(listed, name)
    check_runs(container)
    if workstation.environments is None:
        raise EnvtuiError("No environments", "this host can't be asked for them")
    return container, workstation.environments.environments(container)


def environment_of(workstation: Workstation, target: str) -> tuple[Container, EnvironmentList, Environment]:
    """What CONTAINER/ENV names. Raises an EnvtuiError, AmbiguousEnvironment where several are meant."""
    name, wanted = split_target(target)
    if not wanted:
        raise UsageError(
            f"No environment in {target}", "it is named CONTAINER/ENV", "`envtui envs CONTAINER` lists them"
        )
    container, listing = container_of(workstation, name)
    try:
        return container, listing, find_environment(container, listing.environments, wanted)
    except EnvtuiError as error:
        if listing.problem is not None and not hasattr(error, "candidates"):
            # it may be among those that did not come
            raise listing.problem from None
        raise


def check_allowed(environment: Environment, verb: ChangeVerb, settings: Settings) -> None:
    """Raises ChangeRefused where an environment must not be changed so."""
    why_not = why_not_changed(environment, verb, settings.environments.allow_base)
    if why_not is not None:
        raise ChangeRefused(f"{environment.label} is not changed", why_not)


def check_name(name: str) -> str:
    """A name or path for a new environment. Raises UsageError."""
    complaint = name_complaint(name)
    if complaint is not None:
        raise UsageError("No name for an environment", f"{name}: {complaint}" if name else complaint)
    return name


def checked_words(words: Sequence[str], what: str = "package") -> tuple[str, ...]:
    """Packages or channels that are no options and no text that a terminal obeys. Raises UsageError."""
    for each in words:
        if not each.strip() or each.startswith("-") or not each.isprintable():
            raise UsageError(f"No {what}", each or "it is empty")
    return tuple(words)


def root_of(listing: EnvironmentList, container: Container) -> Environment:
    """The installation whose caches are meant where none is named. Raises an EnvtuiError."""
    roots = [each for each in listing.environments if each.kind is EnvironmentKind.BASE]
    if len(roots) == 1:
        return roots[0]
    there = ", ".join(each.prefix for each in roots)
    detail = f"{container.name} has {there}" if roots else f"{container.name} has no installation of conda"
    hint = f"Name one: {container.name}/{roots[0].prefix}" if roots else ""
    raise (
        UsageError("Which installation?", detail, hint) if roots else EnvtuiError("Nothing to clean", detail)
    )


def read_file(path: str) -> SourceFile:
    """A file of packages. Raises FileFault."""
    from pathlib import Path

    from tui.monitor.source_file import read_source_file

    return read_source_file(Path(path))
