"""The GPU columns of the tables of containers and environments: which GPUs each holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tui.model.errors import NoGpu, NoGpuDriver
from tui.model.gpu_rows import GpuOwners, containers_without_gpu, holders
from tui.model.gpus import GpuReport
from tui.model.joins import ContainerRow, EnvironmentRow
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS, GPU_OWNERS, GPUS, Topic
from tui.ui.panes import gpu_words as words
from tui.ui.panes.pane_columns import ContributedColumn, PaneColumn
from tui.ui.widgets.columns import Column


@dataclass(frozen=True, slots=True)
class _Held:
    """Which GPUs are held by whom, and why that is not known."""

    by_container: dict[str, set[int]]
    by_environment: dict[tuple[str, str], set[int]]
    lacking: frozenset[str]
    why_unknown: str = ""


def _held(value: Callable[[Topic[Any]], Any]) -> _Held:
    report: GpuReport | None = value(GPUS)
    owners: GpuOwners | None = value(GPU_OWNERS)
    if report is None:
        return _Held({}, {}, frozenset(), "the driver has not answered yet")
    if isinstance(report.absence, NoGpu | NoGpuDriver):
        # it is known that nobody holds one
        return _Held({}, {}, frozenset())
    if report.absence is not None:
        return _Held({}, {}, frozenset(), report.absence.title)
    known = owners or GpuOwners()
    by_container: dict[str, set[int]] = {}
    by_environment: dict[tuple[str, str], set[int]] = {}
    for each in holders(report, known, value(CONTAINERS) or (), value(ENVIRONMENTS) or {}):
        if each.container is not None:
            by_container.setdefault(each.container.id, set()).add(each.gpu.index)
            if each.prefix.value:
                by_environment.setdefault((each.container.id, each.prefix.value), set()).add(each.gpu.index)
    return _Held(by_container, by_environment, containers_without_gpu(known))


def _indices(found: set[int] | None) -> str:
    """Numbers as ranges: 0-3,6."""
    shown: list[str] = []
    for number in sorted(found or ()):
        if shown and number == int(shown[-1].rpartition("-")[2]) + 1:
            shown[-1] = f"{shown[-1].partition('-')[0]}-{number}"
        else:
            shown.append(str(number))
    return ",".join(shown)


def _container_column(value: Callable[[Topic[Any]], Any]) -> PaneColumn[ContainerRow]:
    held = _held(value)

    def cell(row: ContainerRow) -> tuple[str, str]:
        if held.why_unknown:
            return words.UNKNOWN if row.container.is_alive else "", "muted"
        if row.container.id in held.lacking and row.container.is_alive:
            return "none▲", "warn"
        return _indices(held.by_container.get(row.container.id)), ""

    def why_unknown(row: ContainerRow) -> str:
        if row.container.id in held.lacking and row.container.is_alive:
            return "its image is made for a GPU, and it was given none"
        return held.why_unknown if row.container.is_alive else ""

    return PaneColumn(
        Column("gpu", "GPU", 5, widest=9),
        cell,
        lambda row: len(held.by_container.get(row.container.id, ())),
        falls=True,
        live=True,
        why_unknown=why_unknown,
    )


def _environment_column(value: Callable[[Topic[Any]], Any]) -> PaneColumn[EnvironmentRow]:
    held = _held(value)

    def cell(row: EnvironmentRow) -> tuple[str, str]:
        if held.why_unknown:
            return words.UNKNOWN, "muted"
        return _indices(held.by_environment.get(row.environment.key)), ""

    return PaneColumn(
        Column("gpu", "GPU", 4, widest=9),
        cell,
        lambda row: len(held.by_environment.get(row.environment.key, ())),
        falls=True,
        live=True,
        why_unknown=lambda _: held.why_unknown,
    )


_TOPICS: tuple[Topic[Any], ...] = (GPUS, GPU_OWNERS, ENVIRONMENTS, CONTAINERS)
#: Which GPUs a container, and an environment, holds.
CONTRIBUTED = (
    ContributedColumn("containers", "gpu", "memory", _TOPICS, _container_column),
    ContributedColumn("environments", "gpu", "verdict", _TOPICS, _environment_column),
)
