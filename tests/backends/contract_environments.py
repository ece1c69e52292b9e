"""What holds for the environments of every host, be it a real engine or the make-believe one."""

from __future__ import annotations

import pytest

from tests.making import make_container
from tui.backends.base import Environments
from tui.backends.conda.names import plain
from tui.model.containers import Container
from tui.model.environments import EnvironmentKind, ListedBy, Origin
from tui.model.errors import NoSuchContainer


def check_environments(backend: Environments, container: Container) -> None:
    """A running container with a shell, an installation of conda, and several environments."""
    listing = backend.environments(container)
    environments = listing.environments
    assert (listing.container_id, listing.listed_by, listing.problem) == (container.id, ListedBy.EXEC, None)
    assert len(environments) >= 3
    prefixes = [each.prefix for each in environments]
    assert len(set(prefixes)) == len(prefixes)
    assert environments[0].kind is EnvironmentKind.BASE
    for each in environments:
        assert each.key == (container.id, each.prefix) and each.prefix.startswith("/") and each.label
        assert each.fingerprint and each.origin is not None
        assert each.ephemeral is (each.origin is Origin.LAYER)
        assert all(count is None or count >= 0 for count in (each.conda_packages, each.pip_packages))
    assert backend.environments(container).fingerprint == listing.fingerprint
    _check_not_asked_inside(backend, container, prefixes)
    _check_packages(backend, container)
    _check_sizes(backend, container)


def _check_not_asked_inside(backend: Environments, container: Container, prefixes: list[str]) -> None:
    listing = backend.environments(container, ask_inside=False)
    assert listing.listed_by is ListedBy.ARCHIVE and listing.note
    assert {each.prefix for each in listing.environments} <= set(prefixes)
    assert listing.environments and all(each.pids == () for each in listing.environments)


def _check_packages(backend: Environments, container: Container) -> None:
    environments = backend.environments(container).environments[:2]
    named = backend.packages(container, environments, names_only=True)
    full = backend.packages(container, environments)
    assert len(named) == len(full) == len(environments)
    for environment, some, held in zip(environments, named, full, strict=True):
        assert [(each.name, each.version) for each in some] == [(each.name, each.version) for each in held]
        assert sum(each.owner == "conda" for each in held) == environment.conda_packages
        assert [plain(each.name) for each in held] == sorted(plain(each.name) for each in held)
    assert backend.packages(container, ()) in ([], ())


def _check_sizes(backend: Environments, container: Container) -> None:
    environments = backend.environments(container).environments
    wanted = environments[1].prefix
    sizes = backend.sizes(container, environments, lambda: False, {wanted})
    assert set(sizes) == {wanted}
    assert sizes[wanted].size_bytes >= (sizes[wanted].own_bytes or 0) >= 0
    assert backend.sizes(container, environments, lambda: True) == {}
    assert backend.sizes(container, environments, lambda: False, ()) == {}


def check_no_such_container(backend: Environments) -> None:
    """One that was removed meanwhile."""
    with pytest.raises(NoSuchContainer):
        backend.environments(make_container("gone"))
