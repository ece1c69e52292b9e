"""Lines of the GPUs pane: what stands below what, and that the numbers add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.making import full_id, make_container
from tui.model.entitlement import GpuEntitlement, Grant, Standing
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList, KnownEnvironments
from tui.model.gpu_rows import (
    GpuLine,
    GpuOwners,
    Grouping,
    LineKind,
    containers_without_gpu,
    holders,
    lines,
)
from tui.model.gpus import Gpu, GpuProcess, GpuReport, LostGpu, MigInstance, ProcessType
from tui.model.owners import OUTSIDE, Clues, ProcessOwner, not_seen
from tui.model.reading import Reading, unknown

GIB = 1 << 30


def gpu(index: int, used: int | None = 10, **fields: Any) -> Gpu:
    memory: Reading[int] = unknown("no") if used is None else Reading(used * GIB)
    return Gpu(f"GPU-{index}", index, f"Card {index}", memory_used_bytes=memory, **fields)


def process(pid: int, index: int = 0, held: int | None = 1, **fields: Any) -> GpuProcess:
    memory: Reading[int] = unknown("the driver does not say") if held is None else Reading(held * GIB)
    return GpuProcess(pid, f"GPU-{index}", ProcessType.COMPUTE, memory, Reading(5.0), **fields)


def owner(pid: int, container: str = "", user: str = "ana", prefix: str = "", **fields: Any) -> ProcessOwner:
    return replace(
        not_seen(pid, "nothing"),
        start_ticks=pid,
        user=Reading(user),
        container_id=Reading(full_id(container) if container else OUTSIDE),
        prefix=Reading(prefix),
        environment=Reading(prefix.rpartition("/")[2]),
        clues=Clues(program=f"{prefix}/bin/python" if prefix else ""),
        **fields,
    )


REPORT = GpuReport(
    gpus=(gpu(0), gpu(1, 4)),
    processes=(process(1, 0, 6), process(2, 0, 3), process(2, 1, 4), process(3, 0, 0)),
)
OWNERS = GpuOwners(
    {
        1: owner(1, "train", prefix="/opt/conda/envs/vision"),
        2: owner(2, "serve", "ben"),
        3: owner(3),
    }
)
CONTAINERS = (make_container("train"), make_container("serve"))


def made(
    report: GpuReport = REPORT,
    owners: GpuOwners = OWNERS,
    grouping: Grouping = Grouping.GPU,
    environments: dict[str, KnownEnvironments] | None = None,
    **options: Any,
) -> tuple[GpuLine, ...]:
    found = holders(report, owners, CONTAINERS, environments or {})
    return lines(report, found, grouping, **options)


def told(found: tuple[GpuLine, ...]) -> list[str]:
    return [line.label or (str(line.holder.process.pid) if line.holder else "rest") for line in found]


def test_each_gpu_with_its_processes_and_what_nobody_explains() -> None:
    found = made()
    assert told(found) == ["GPU 0", "1", "2", "3", "rest", "GPU 1", "2"]
    rest = next(line for line in found if line.kind is LineKind.REST)
    assert rest.memory_bytes.value == 1 * GIB


@pytest.mark.parametrize("grouping", Grouping)
def test_heads_add_up_to_what_is_used(grouping: Grouping) -> None:
    found = made(grouping=grouping)
    heads = [line for line in found if line.key == line.group]
    assert sum(line.memory_bytes.value or 0 for line in heads) == 14 * GIB
    for head in heads:
        below = [line for line in found if line.group == head.key and line is not head]
        assert sum(line.memory_bytes.value or 0 for line in below) == head.memory_bytes.value
    assert len({line.key for line in found}) == len(found)


def test_groups_by_container_name_the_outside_and_the_unknown() -> None:
    owners = replace(OWNERS, owners={**OWNERS.owners, 3: not_seen(3, "hidden")})
    found = made(owners=owners, grouping=Grouping.CONTAINER)
    assert told(found) == ["serve", "2", "2", "train", "1", "unknown container", "3",
                           "memory that no process explains", "rest"]  # fmt: skip
    assert told(made(grouping=Grouping.CONTAINER))[5] == "outside any container"


def test_groups_by_environment_and_user() -> None:
    assert [each for each in told(made(grouping=Grouping.ENVIRONMENT)) if not each.isdecimal()] == [
        "no environment, serve",
        "vision, train",
        "no environment, outside any container",
        "memory that no process explains",
        "rest",
    ]
    assert [each for each in told(made(grouping=Grouping.USER)) if not each.isdecimal()][:2] == ["ana", "ben"]


def test_memory_that_is_unknown_makes_sums_unknown() -> None:
    report = replace(REPORT, processes=(process(1, 0, None),))
    rest = next(line for line in made(report) if line.kind is LineKind.REST)
    assert rest.memory_bytes.value is None and "process 1" in rest.memory_bytes.reason
    head = made(report, grouping=Grouping.USER)[0]
    assert head.memory_bytes.value is None and head.memory_bytes.reason == "the driver does not say"


def test_a_container_of_another_engine_is_named_by_its_id() -> None:
    found = made(owners=GpuOwners({1: owner(1, "elsewhere")}), grouping=Grouping.CONTAINER)
    assert f"container {full_id('elsewhere')[:12]}, not of this engine" in told(found)


def test_an_environment_has_the_name_of_its_listing() -> None:
    listed = Environment(full_id("train"), "/opt/conda/envs/vision", "the name", EnvironmentKind.CONDA)
    known = {full_id("train"): KnownEnvironments(EnvironmentList(full_id("train"), (listed,)))}
    holder = next(line.holder for line in made(environments=known) if line.holder)
    assert holder.environment_label == "the name"


def test_processes_stand_below_their_mig_instance() -> None:
    instances = tuple(
        MigInstance(f"MIG-{n}", "GPU-0", n, gpu_instance_id=n, compute_instance_id=0) for n in (1, 2)
    )
    report = GpuReport(
        gpus=(gpu(0, 3, mig_instances=instances),),
        processes=(process(1, gpu_instance_id=2, compute_instance_id=0), process(2)),
    )
    assert told(made(report)) == ["GPU 0", "2", "rest", "MIG 0:1", "MIG 0:2", "1"]


def test_a_lost_gpu_stands_at_its_place() -> None:
    report = GpuReport(gpus=(gpu(0, 0), gpu(2, 0)), lost=(LostGpu(gpu(1), "fell off", 5.0),))
    assert told(made(report)) == ["GPU 0", "GPU 1", "GPU 2"]
    assert [line.kind for line in made(report)] == [LineKind.GPU, LineKind.LOST, LineKind.GPU]


def test_before_owners_are_known_nothing_is_claimed() -> None:
    holder = next(line.holder for line in made(owners=GpuOwners()) if line.holder)
    assert (holder.container, holder.environment_label, holder.standing) == (None, None, Standing.UNKNOWN)
    assert holder.prefix.reason == "not looked yet"


def test_who_may_be_there() -> None:
    entitlements = {
        full_id("train"): GpuEntitlement(Grant.SOME, ("1",)),
        full_id("serve"): GpuEntitlement(Grant.ALL),
    }
    found = holders(REPORT, replace(OWNERS, entitlements=entitlements), CONTAINERS, {})
    assert [(each.process.pid, each.standing) for each in found] == [
        (1, Standing.NOT_ENTITLED), (2, Standing.ENTITLED), (2, Standing.ENTITLED), (3, Standing.OUTSIDE),
    ]  # fmt: skip
    lacking = GpuOwners(
        entitlements={"a": GpuEntitlement(Grant.NONE, is_cuda_image=True), "b": GpuEntitlement(Grant.NONE)}
    )
    assert containers_without_gpu(lacking) == {"a"}


def test_the_chosen_containers_processes_are_marked() -> None:
    marked = [line for line in made(selected_container=full_id("serve")) if line.is_selected]
    assert told(tuple(marked)) == ["2", "2"]
