"""What people name on a command line: a container by name or id, an environment by name or prefix."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment
from tui.model.errors import EnvtuiError, NoSuchContainer, SessionError, UsageError
from tui.model.printable import printable

if TYPE_CHECKING:
    from tui.workstation import Workstation


class AmbiguousEnvironment(EnvtuiError):
    """Several environments of one container have the name.

    Attributes:
        candidates: those.
    """

    def __init__(self, title: str, detail: str, hint: str, candidates: Sequence[Environment]) -> None:
        """Args: as for EnvtuiError, plus the environments."""
        super().__init__(title, detail, hint)
        self.candidates = candidates


def find_container(listed: Sequence[Container], wanted: str) -> Container:
    """The one of that name, of that id, or whose id alone begins so. Raises NoSuchContainer."""
    name = wanted.removeprefix("/")
    found = [each for each in listed if name in (each.id, each.name)]
    found = found or [each for each in listed if name and each.id.startswith(name)]
    if not found:
        raise NoSuchContainer("No such container", wanted, "`envtui ps --all` lists them")
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise NoSuchContainer(
            "No such container", f"the ids of {names} begin with {wanted}", "Write more of it"
        )
    return found[0]


def check_runs(container: Container) -> None:
    """Nothing can be started in one that does not run. Raises a SessionError."""
    if container.state is ContainerState.RUNNING:
        return
    if container.state is ContainerState.PAUSED:
        raise SessionError(
            "The container is paused", container.name, "Nothing in it answers before it goes on"
        )
    raise SessionError(
        "The container does not run", f"{container.name} is {container.state}", "Start it first"
    )


def find_environment(container: Container, found: Sequence[Environment], wanted: str) -> Environment:
    """The environment of that name, or of that prefix where it begins with a slash.

    Raises:
        AmbiguousEnvironment: several have the name.
        EnvtuiError: none has.
    """
    if wanted.startswith("/"):
        prefix = wanted.rstrip("/") or "/"
        named = [each for each in found if each.prefix == prefix]
    else:
        named = [each for each in found if each.name == wanted]
    if len(named) == 1:
        return named[0]
    if named:
        raise AmbiguousEnvironment(
            "Ambiguous environment",
            f"{len(named)} in {container.name} are called {wanted}",
            "Name one by its prefix",
            named,
        )
    there = ", ".join(each.label for each in found)
    raise EnvtuiError(
        "No such environment",
        f"there is no {wanted} in {container.name}, but {there}"
        if there
        else f"none was found in {container.name}",
    )


def split_target(target: str) -> tuple[str, str]:
    """Container and environment of CONTAINER[/ENV]; "" for no environment. ENV may be a prefix, with its "/".

    Raises:
        UsageError: nothing stands behind the slash.
    """
    name, slash, wanted = target.removeprefix("/").partition("/")
    if slash and not wanted:
        raise UsageError(
            "No environment", f"nothing stands behind the / of {target}", "Leave it out for none"
        )
    return name, wanted


def environment_in(
    workstation: Workstation, container: Container, wanted: str, ask_inside: bool = True
) -> Environment:
    """The environment of a container that a name or prefix means.

    Args:
        workstation: whose container it is.
        container: as it is listed now.
        wanted: name or prefix.
        ask_inside: whether a command may be run in it.

    Raises:
        AmbiguousEnvironment: several have the name.
        EnvtuiError: none has, or they can't be listed.
    """
    if workstation.environments is None:
        raise EnvtuiError("No environments", "this host can't be asked for them")
    listing = workstation.environments.environments(container, ask_inside)
    try:
        return find_environment(container, listing.environments, wanted)
    except AmbiguousEnvironment:
        raise
    except EnvtuiError:
        if listing.problem is not None:
            # it may be among those that did not come
            raise listing.problem from None
        raise


def list_candidates(ambiguous: AmbiguousEnvironment, target: str) -> None:
    """One line on stderr that says so, and one for each that may be meant, to be copied."""
    name = target.removeprefix("/").partition("/")[0]
    print(f"envtui: {printable(ambiguous.one_line())}", file=sys.stderr)
    for each in ambiguous.candidates:
        print(f"  {printable(shlex.quote(f'{name}/{each.prefix}'))}", file=sys.stderr)
