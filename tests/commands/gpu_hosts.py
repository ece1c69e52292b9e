"""Hosts out of facts, for tests of `envtui gpus`: GPUs, processes on them, owners, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from tests.making import make_container
from tui.demo.backends import DemoEngine, DemoStatistics
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.errors import EnvtuiError
from tui.model.gpus import Gpu, GpuProcess, GpuReport, ProcessType
from tui.model.owners import Clues, ProcessOwner, not_seen
from tui.model.reading import Reading, unknown
from tui.workstation import Workstation

MIB, GIB = 1 << 20, 1 << 30
NOW = 1_772_443_800.0
# Generous: it only matters when something is broken.
PATIENCE_SECONDS = 30.0
HOSTILE = "\x1b[31mred\x1b]0;OWNED\x07\n\udcff\u202e 분할"
FIELDS = ["driver_version", "cuda_version", "gpus", "reason", "unknown"]
GPU_FIELDS = [
    "index", "uuid", "name", "utilization_percent", "memory_total_bytes", "memory_used_bytes",
    "memory_reserved_bytes", "temperature_celsius", "power_watts", "power_limit_watts", "fan_percent",
    "sm_clock_mhz", "throttle_reasons", "processes", "mig_instances", "unknown",
]  # fmt: skip
PROCESS_FIELDS = [
    "pid", "type", "memory_bytes", "sm_percent", "user", "command", "started_at", "container",
    "container_id", "environment", "prefix", "unknown",
]  # fmt: skip
#: The figures of a GPU.
FIGURES = GPU_FIELDS[3:13]


class FakeContainers:
    """A list of containers, or an engine that does not answer."""

    def __init__(self, listed: Sequence[Container], error: EnvtuiError | None = None) -> None:
        self.listed, self.error = listed, error
        self.times = 0

    def containers(self) -> tuple[Sequence[Container], float]:
        self.times += 1
        if self.error is not None:
            raise self.error
        return self.listed, 0.0

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should need {name}")


class FakeGpus:
    """Reports in their order, the last one again and again; an error is raised."""

    def __init__(self, *answers: GpuReport | BaseException) -> None:
        self.answers = list(answers)
        self.is_closed = False
        self.times = 0

    def report(self) -> GpuReport:
        self.times += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def past(self, seconds: float, step: float) -> Iterable[GpuReport]:
        raise AssertionError("nobody should need it")

    def close(self) -> None:
        self.is_closed = True


class FakeOwnership:
    def __init__(self, *owners: ProcessOwner) -> None:
        self.known = {each.pid: each for each in owners}
        self.asked: list[tuple[set[int], list[str], bool]] = []

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        self.asked.append((set(pids), [each.name for each in containers], ask_inside))
        return {pid: self.known.get(pid) or not_seen(pid, "its process has ended") for pid in pids}


class FakeEnvironments:
    def __init__(self, tell: Callable[[Container], EnvironmentList]) -> None:
        self.tell = tell
        self.asked: list[tuple[str, bool]] = []

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        self.asked.append((container.name, ask_inside))
        return self.tell(container)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should need {name}")


def conda_base(container: Container) -> EnvironmentList:
    base = Environment(container.id, "/opt/conda", "base", EnvironmentKind.BASE)
    return EnvironmentList(container.id, (base,))


def make_gpu(index: int = 0, **figures: Any) -> Gpu:
    told: dict[str, Any] = {
        "utilization_percent": 71.0, "memory_total_bytes": 80 * GIB, "memory_used_bytes": 20 * GIB,
        "memory_reserved_bytes": 512 * MIB, "temperature_celsius": 66, "power_watts": 250.5,
        "power_limit_watts": 400.0, "fan_percent": 55.0, "sm_clock_mhz": 1410,
        "throttle_reasons": ("power limit", "heat (hardware)"),
    } | figures  # fmt: skip
    readings: dict[str, Any] = {
        name: Reading(value) if value is not None else unknown(f"no {name}") for name, value in told.items()
    }
    return Gpu(f"GPU-{index}", index, f"Card {index}", **readings)


def make_process(
    pid: int, gpu: int = 0, memory: int | None = GIB, sm: float | None = 40.0, **more: Any
) -> GpuProcess:
    return GpuProcess(
        pid,
        f"GPU-{gpu}",
        more.pop("type", ProcessType.COMPUTE),
        unknown("no memory") if memory is None else Reading(memory),
        unknown("no share") if sm is None else Reading(sm),
        **more,
    )


def make_owner(pid: int, container_id: str = "", prefix: str | None = "", **fields: Any) -> ProcessOwner:
    """One whose program tells its prefix, "" for none; nothing tells where it is None."""
    program = "" if prefix is None else f"{prefix}/bin/python" if prefix else "/usr/lib/tool"
    hidden: Reading[str] = unknown("it may not be looked at")
    told: dict[str, Any] = {
        "start_ticks": pid, "started_at": Reading(NOW - 7200), "uid": Reading(1000), "user": Reading("ana"),
        "command": Reading(f"python job-{pid}.py"), "container_id": Reading(container_id),
        "pid_inside": Reading(1), "prefix": hidden if prefix is None else Reading(prefix),
        "environment": hidden if prefix is None else Reading(""), "clues": Clues(program),
    }  # fmt: skip
    return ProcessOwner(pid, **(told | fields))


def make_report(*processes: GpuProcess, gpus: Sequence[Gpu] | None = None, **fields: Any) -> GpuReport:
    found = (make_gpu(),) if gpus is None else tuple(gpus)
    return GpuReport("550.54.15", "12.4", found, processes, taken_at=NOW, **fields)


@dataclass
class Fake:
    """A workstation out of fakes, which can be looked at."""

    gpus: FakeGpus
    ownership: FakeOwnership = field(default_factory=FakeOwnership)
    containers: FakeContainers = field(default_factory=lambda: FakeContainers(()))
    environments: FakeEnvironments = field(default_factory=lambda: FakeEnvironments(conda_base))

    def station(self) -> Workstation:
        world = DemoWorld(clock=FrozenClock(NOW))
        return Workstation(
            "fake",
            DemoEngine(world),
            self.containers,
            DemoStatistics(world),
            environments=self.environments,
            gpus=self.gpus,
            ownership=self.ownership,
            now=lambda: NOW,
        )


def fake(
    *answers: GpuReport | BaseException,
    owners: Sequence[ProcessOwner] = (),
    containers: Sequence[str | Container] = (),
    tell: Callable[[Container], EnvironmentList] = conda_base,
    engine_error: EnvtuiError | None = None,
) -> Fake:
    listed = [each if isinstance(each, Container) else make_container(each) for each in containers]
    return Fake(
        FakeGpus(*answers),
        FakeOwnership(*owners),
        FakeContainers(listed, engine_error),
        FakeEnvironments(tell),
    )


def boxed(owner: ProcessOwner) -> Fake:
    """A host with one process, and a container `box`."""
    return fake(make_report(make_process(owner.pid)), owners=[owner], containers=["box"])


def hostile_host() -> Fake:
    container = replace(make_container("box"), name=HOSTILE)
    owner = make_owner(
        41, container.id, f"/{HOSTILE}", user=Reading(HOSTILE), command=Reading(HOSTILE)
    )  # fmt: skip

    def tell(container: Container) -> EnvironmentList:
        named = Environment(container.id, f"/{HOSTILE}", HOSTILE, EnvironmentKind.CONDA)
        return EnvironmentList(container.id, (named,))

    gpu = replace(make_gpu(throttle_reasons=(HOSTILE,)), name=HOSTILE)
    report = make_report(make_process(41), gpus=[gpu])
    return fake(report, owners=[owner], containers=[container], tell=tell)


# -- what the command said

Run = Callable[..., tuple[int, str, str]]


def told(run: Run, host: Fake | Workstation | None, *arguments: str) -> dict[str, Any]:
    """What a well-ended command printed; each value that is null has a reason."""
    code, out, err = run(host, "--json", *arguments)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    for each in objects(found):
        nulls = {name for name, value in each.items() if value is None} - {"reason"}
        assert nulls == set(each["unknown"]) - {"processes"}
        assert all(isinstance(reason, str) and reason for reason in each["unknown"].values())
    return found


def objects(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield found
    for gpu in found["gpus"]:
        yield gpu
        yield from gpu["processes"]
        yield from gpu["mig_instances"]


def first_process(run: Run, host: Fake, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = told(run, host, *arguments)["gpus"][0]["processes"][0]
    return found
