"""Snapshots joined into the rows that panes show: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.model.containers import Container
from tui.model.stats import ContainerStats


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """A container with its figures; None where none were read yet, or where it does not run."""

    container: Container
    stats: ContainerStats | None = None


def container_rows(
    containers: Sequence[Container], stats: Mapping[str, ContainerStats]
) -> tuple[ContainerRow, ...]:
    """One row a container. Figures of one that stopped since they were read are left out."""
    return tuple(
        ContainerRow(container, stats.get(container.id) if container.is_alive else None)
        for container in containers
    )
