"""Snapshots joined into the rows that panes show: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.model.containers import Container
from tui.model.stats import ContainerStats
from tui.model.units import format_age


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
