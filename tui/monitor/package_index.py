"""Which environment of which container has which packages, asked a few containers at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.backends.parallel import in_parallel
from tui.model.errors import EnvtuiError

if TYPE_CHECKING:
    from tui.backends.base import Environments
    from tui.model.containers import Container
    from tui.model.environments import Environment, KnownEnvironments, Package

_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A package in an environment of a container."""

    package: Package
    environment: Environment
    container: Container


@dataclass(frozen=True, slots=True)
class ContainerPackages:
    """What one container told.

    Attributes:
        environments: how many were looked into.
        error: why nothing came of it, None where it did.
    """

    container: Container
    environments: int
    found: tuple[Found, ...] = ()
    error: EnvtuiError | None = None


def index_packages(
    backend: Environments,
    containers: Sequence[Container],
    known: Mapping[str, KnownEnvironments],
    tell: Callable[[ContainerPackages], None],
) -> None:
    """Ask every container with known environments for the names of its packages; blocks.

    Args:
        backend: whom to ask.
        containers: of the host.
        known: their environments.
        tell: called with each answer as it comes, from threads.
    """

    def ask(container: Container) -> None:
        listing = known[container.id].listing
        environments = listing.environments if listing else ()
        try:
            packages = backend.packages(container, environments, names_only=True)
        except EnvtuiError as error:
            tell(ContainerPackages(container, len(environments), error=error))
            return
        found = tuple(
            Found(package, environment, container)
            for environment, held in zip(environments, packages, strict=True)
            for package in held
        )
        tell(ContainerPackages(container, len(environments), found))

    with_environments = [
        each
        for each in containers
        if each.id in known and (listing := known[each.id].listing) is not None and listing.environments
    ]
    in_parallel(ask, with_environments, _AT_ONCE, "packages")
