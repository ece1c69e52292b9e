"""Snapshots joined into the rows that panes show: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, KnownEnvironments
from tui.model.stats import ContainerStats
from tui.model.units import format_age

if TYPE_CHECKING:
    from tui.model.compatibility import Verdict


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A container with its figures.

    Attributes:
        stats: None where none were read yet, or where it does not run.
        age: how long it has been what it is, as text that changes once a minute at most; "" if unknown.
    """

    container: Container
    stats: ContainerStats | None = None
    age: str = ""


def container_rows(
    containers: Sequence[Container], stats: Mapping[str, ContainerStats], now: float
) -> tuple[ContainerRow, ...]:
    """One row a container at `now` (epoch seconds). Figures of one that stopped meanwhile are left out."""
    return tuple(
        ContainerRow(
            container, stats.get(container.id) if container.is_alive else None, age_of(container, now)
        )
        for container in containers
    )


def age_of(container: Container, now: float) -> str:
    """For how long it runs, or how long ago it ended or was made; "" where that is not known."""
    since = container.started_at if container.is_alive else container.finished_at or container.created_at
    return "" if since is None else format_age(max(0.0, now - since))


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """An environment with what is known around it.

    Attributes:
        container: whose it is.
        verdict: None where it was not judged.
        size: None where it was not measured.
        is_measuring: it is being measured.
        is_old: its container does not run, or could not be asked again: it is as it was last.
        age: how long ago it was changed, as text; "" if unknown.
        taken_age: how long ago it was listed, as text, where it is old.
        at_work: what a job does to it now, and how far it is; "" for none. Foreign text.
    """

    environment: Environment
    container: Container
    verdict: Verdict | None = None
    size: EnvironmentSize | None = None
    is_measuring: bool = False
    is_old: bool = False
    age: str = ""
    taken_age: str = ""
    at_work: str = ""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is broken in it, by its listing and by the walk through its files."""
        return self.environment.problems + (self.size.problems if self.size else ())


def environment_rows(
    containers: Sequence[Container], known: Mapping[str, KnownEnvironments], now: float
) -> tuple[EnvironmentRow, ...]:
    """One row an environment of these containers, at `now` (epoch seconds)."""
    return tuple(
        _environment_row(each, container, about, about.listing, now)
        for container in containers
        if (about := known.get(container.id)) is not None and about.listing is not None
        for each in about.listing.environments
    )


def _environment_row(
    environment: Environment,
    container: Container,
    about: KnownEnvironments,
    listing: EnvironmentList,
    now: float,
) -> EnvironmentRow:
    modified_at = environment.modified_at
    is_old = not container.is_alive or about.error is not None
    return EnvironmentRow(
        environment,
        container,
        about.verdicts.get(environment.prefix),
        about.sizes.get(environment.prefix),
        about.measuring == environment.prefix,
        is_old,
        "" if modified_at is None else format_age(max(0.0, now - modified_at)),
        format_age(max(0.0, now - listing.taken_at)) if is_old else "",
    )
