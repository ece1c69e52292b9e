"""GPUs, their processes and whose they are, joined into the lines of one table: pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tui.model.containers import Container
from tui.model.entitlement import GpuAddress, GpuEntitlement, Standing, granted, lacks_gpu, standing
from tui.model.environments import KnownEnvironments
from tui.model.gpus import Gpu, GpuProcess, GpuReport, LostGpu, MigInstance
from tui.model.owners import ProcessOwner, placed
from tui.model.reading import Reading, unknown

_LAST = "\uffff"


class Grouping(StrEnum):
    """What processes stand below."""

    GPU = "GPU"
    CONTAINER = "container"
    ENVIRONMENT = "environment"
    USER = "user"


class LineKind(StrEnum):
    """What a line of the table is."""

    GPU = "gpu"
    LOST = "lost"
    MIG = "mig"
    GROUP = "group"
    PROCESS = "process"
    #: memory that no process explains
    REST = "rest"


@dataclass(frozen=True, slots=True)
class GpuOwners:
    """What is known of the processes on GPUs, and of what containers may use.

    Attributes:
        owners: by number on the host.
        entitlements: by container id, of containers that are alive, as far as they were asked.
        idle_seconds: by number and GPU, how long a process has held memory without any work; None where the
            driver does not tell.
    """

    owners: Mapping[int, ProcessOwner] = field(default_factory=dict)
    entitlements: Mapping[str, GpuEntitlement] = field(default_factory=dict)
    idle_seconds: Mapping[tuple[int, str], float | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Holder:
    """A process on a GPU with its owner.

    Attributes:
        gpu: that it is on.
        owner: None where nobody has looked yet.
        container: None outside any, and where it is not known or not this engine's.
        prefix, environment: as the listing of its container knows them; "" for none.
        standing: whether it may be there.
        idle_seconds: how long it has held memory without any work; None where not known.
    """

    process: GpuProcess
    gpu: Gpu
    owner: ProcessOwner | None
    container: Container | None
    prefix: Reading[str]
    environment: Reading[str]
    standing: Standing = Standing.UNKNOWN
    idle_seconds: float | None = None

    @property
    def environment_label(self) -> str | None:
        """Name of its environment, or the prefix where it has none; "" outside any; None where unknown."""
        return None if self.prefix.value is None else self.environment.value or self.prefix.value


@dataclass(frozen=True, slots=True)
class GpuLine:
    """One line of the table.

    Attributes:
        kind: see there.
        key: names it for ever.
        group: key of the line that it stands below; its own for one that others stand below.
        label: of what others stand below.
        gpu: of a GPU, a lost one, an instance, a process and a rest.
        lost, mig, holder: of those kinds.
        memory_bytes: used, held, or left over.
        percent: of the time with work on it; over processes the sum.
        count: of processes below it.
        is_selected: it belongs to the selected container.
    """

    kind: LineKind
    key: str
    group: str
    label: str = ""
    gpu: Gpu | None = None
    lost: LostGpu | None = None
    mig: MigInstance | None = None
    holder: Holder | None = None
    memory_bytes: Reading[int] = field(default_factory=lambda: unknown("not known"))
    percent: Reading[float] = field(default_factory=lambda: unknown("not known"))
    count: int = 0
    is_selected: bool = False


def holders(
    report: GpuReport,
    known: GpuOwners,
    containers: Sequence[Container],
    environments: Mapping[str, KnownEnvironments],
) -> tuple[Holder, ...]:
    """Every process on every GPU with its owner."""
    by_id = {each.id: each for each in containers}
    gpus = {each.uuid: each for each in (*report.gpus, *(lost.gpu for lost in report.lost))}
    may_use = _may_use(report, known)
    found = []
    for process in report.processes:
        gpu = gpus.get(process.gpu_uuid)
        if gpu is None:
            continue
        owner = known.owners.get(process.pid)
        container = by_id.get(owner.container_among(by_id) or "") if owner is not None else None
        about = environments.get(container.id) if container is not None else None
        seen = placed(owner, about.listing if about else None) if owner is not None else None
        waiting: Reading[str] = unknown("not looked yet")
        device = _device_of(process, gpu)
        found.append(
            Holder(
                process,
                gpu,
                owner,
                container,
                seen.prefix if seen else waiting,
                seen.environment if seen else waiting,
                standing(owner, device, may_use) if owner is not None else Standing.UNKNOWN,
                known.idle_seconds.get((process.pid, process.gpu_uuid)),
            )
        )
    return tuple(found)


def addresses(report: GpuReport) -> tuple[GpuAddress, ...]:
    """By what the GPUs can be named in what containers were given."""
    return tuple(
        GpuAddress(gpu.index, gpu.uuid, tuple(each.uuid for each in gpu.mig_instances)) for gpu in report.gpus
    )


def lines(
    report: GpuReport,
    found: Sequence[Holder],
    grouping: Grouping,
    selected_container: str | None = None,
) -> tuple[GpuLine, ...]:
    """The lines in their order: heads, below each its processes by memory, then what nobody explains."""
    if grouping is Grouping.GPU:
        return tuple(_by_gpu(report, found, selected_container))
    return tuple(_by_owner(report, found, grouping, selected_container))


def containers_without_gpu(known: GpuOwners) -> frozenset[str]:
    """Ids of containers whose image is made for a GPU and that were given none."""
    return frozenset(key for key, each in known.entitlements.items() if lacks_gpu(each))


def _may_use(report: GpuReport, known: GpuOwners) -> dict[str, frozenset[str] | None]:
    named = addresses(report)
    return {key: granted(each, named) for key, each in known.entitlements.items()}


def _device_of(process: GpuProcess, gpu: Gpu) -> str:
    """The MIG instance that a process is on, or the GPU."""
    instance = _instance_of(process, gpu)
    return instance.uuid if instance is not None else gpu.uuid


def _instance_of(process: GpuProcess, gpu: Gpu) -> MigInstance | None:
    if process.gpu_instance_id is None:
        return None
    fit = [each for each in gpu.mig_instances if each.gpu_instance_id == process.gpu_instance_id]
    exact = [each for each in fit if each.compute_instance_id == process.compute_instance_id]
    return next(iter(exact or fit), None)


def _by_gpu(report: GpuReport, found: Sequence[Holder], selected: str | None) -> Sequence[GpuLine]:
    told: list[GpuLine] = []
    everything: list[tuple[int, Gpu, LostGpu | None]] = [(gpu.index, gpu, None) for gpu in report.gpus]
    everything += [(lost.gpu.index, lost.gpu, lost) for lost in report.lost]
    for _, gpu, lost in sorted(everything, key=lambda each: (each[0], each[1].uuid)):
        own = [each for each in found if each.gpu.uuid == gpu.uuid]
        kind = LineKind.LOST if lost is not None else LineKind.GPU
        told.append(
            GpuLine(
                kind, gpu.uuid, gpu.uuid, f"GPU {gpu.index}", gpu, lost,
                memory_bytes=gpu.memory_used_bytes, percent=gpu.utilization_percent, count=len(own),
            )
        )  # fmt: skip
        placed_in = {id(each): _instance_of(each.process, gpu) for each in own}
        told += [_process(each, gpu.uuid, selected) for each in own if placed_in[id(each)] is None]
        if lost is None:
            told += _rest(report, gpu, gpu.uuid)
        for mig in gpu.mig_instances:
            inside = [each for each in own if placed_in[id(each)] is mig]
            told.append(
                GpuLine(
                    LineKind.MIG, mig.uuid, mig.uuid, f"MIG {gpu.index}:{mig.index}", gpu, None, mig,
                    memory_bytes=mig.memory_used_bytes, count=len(inside),
                    percent=unknown("the driver tells no use of an instance"),
                )
            )  # fmt: skip
            told += [_process(each, mig.uuid, selected) for each in inside]
    return told


def _rest(report: GpuReport, gpu: Gpu, group: str) -> Sequence[GpuLine]:
    """Memory that no process explains: nothing where all is explained."""
    left = report.unexplained_memory(gpu)
    if left.value == 0:
        return ()
    return (GpuLine(LineKind.REST, f"{group}\0rest\0{gpu.uuid}", group, gpu=gpu, memory_bytes=left),)


def _process(holder: Holder, group: str, selected: str | None) -> GpuLine:
    process = holder.process
    instance = f"{process.gpu_instance_id}:{process.compute_instance_id}"
    return GpuLine(
        LineKind.PROCESS,
        f"{process.gpu_uuid}\0{process.pid}\0{instance}",
        group,
        gpu=holder.gpu,
        holder=holder,
        memory_bytes=process.memory_bytes,
        percent=process.sm_percent,
        is_selected=selected is not None and holder.container is not None and holder.container.id == selected,
    )


def _by_owner(
    report: GpuReport, found: Sequence[Holder], grouping: Grouping, selected: str | None
) -> Sequence[GpuLine]:
    told: list[GpuLine] = []
    groups: dict[tuple[str, str], list[Holder]] = {}
    for each in found:
        groups.setdefault(_GROUPS[grouping](each), []).append(each)
    for (order, label), own in sorted(groups.items(), key=lambda entry: entry[0]):
        key = f"{grouping}\0{order}\0{label}"
        told.append(
            GpuLine(
                LineKind.GROUP, key, key, label,
                memory_bytes=_total([each.process.memory_bytes for each in own]),
                percent=_total([each.process.sm_percent for each in own]), count=len(own),
            )
        )  # fmt: skip
        told += [_process(each, key, selected) for each in own]
    rest_key = f"{grouping}\0rest"
    rest = [line for gpu in report.gpus for line in _rest(report, gpu, rest_key)]
    if rest:
        told.append(
            GpuLine(
                LineKind.GROUP, rest_key, rest_key, "memory that no process explains",
                memory_bytes=_total([line.memory_bytes for line in rest]),
                percent=unknown("nobody knows whose it is"),
            )
        )  # fmt: skip
        told += rest
    return told


def _total(readings: Sequence[Reading[Any]]) -> Reading[Any]:
    """The sum; unknown where any part is."""
    total: float = 0
    for each in readings:
        if each.value is None:
            return each
        total += each.value
    return Reading(total)


def _container_group(holder: Holder) -> tuple[str, str]:
    owner = holder.owner
    if holder.container is not None:
        return holder.container.name.casefold() + holder.container.id, holder.container.name
    if owner is not None and owner.is_outside:
        return _LAST + "1", "outside any container"
    identity = owner.container_id.value if owner is not None else None
    if identity:
        return _LAST + "0" + identity, f"container {identity[:12]}, not of this engine"
    return _LAST + "2", "unknown container"


def _environment_group(holder: Holder) -> tuple[str, str]:
    order, container = _container_group(holder)
    label = holder.environment_label
    if label is None:
        return order + _LAST, f"unknown environment, {container}"
    if not label:
        return order + "\0", f"no environment, {container}"
    return f"{order}\0{label}\0{holder.prefix.value}", f"{label}, {container}"


def _user_group(holder: Holder) -> tuple[str, str]:
    user = holder.owner.user.value if holder.owner is not None else None
    return (_LAST, "unknown user") if user is None else (user, user)


_GROUPS: Mapping[Grouping, Callable[[Holder], tuple[str, str]]] = {
    Grouping.CONTAINER: _container_group,
    Grouping.ENVIRONMENT: _environment_group,
    Grouping.USER: _user_group,
}
