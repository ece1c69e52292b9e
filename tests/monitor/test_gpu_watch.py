"""GPUs are asked on a thread of their own, and whose their processes are on another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest

from tests.making import full_id, make_container
from tests.rig.waiting import until
from tui.model.containers import Container, ContainerState
from tui.model.entitlement import GpuEntitlement, Grant
from tui.model.errors import EngineTimeout, GpuTimeout, NoGpuDriver
from tui.model.gpus import Gpu, GpuProcess, GpuReport, ProcessType
from tui.model.owners import ProcessOwner, not_seen
from tui.model.reading import Reading, unknown
from tui.monitor.exec_gate import ExecGate
from tui.monitor.gpu_past import PAST_SECONDS, GpuPast, Holds
from tui.monitor.gpu_watch import GpuWatch
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, GPU_OWNERS, GPU_PAST, GPUS


def report(*pids: int, at: float = 1000.0, use: float | None = 50.0, sm: float | None = 0.0) -> GpuReport:
    card = Gpu(
        "GPU-0",
        0,
        utilization_percent=unknown("no") if use is None else Reading(use),
        memory_total_bytes=Reading(100),
        memory_used_bytes=Reading(25),
    )
    share: Reading[float] = unknown("no") if sm is None else Reading(sm)
    processes = tuple(GpuProcess(pid, "GPU-0", ProcessType.COMPUTE, Reading(5), share) for pid in pids)
    return GpuReport("550.54.15", "12.4", (card,), processes, taken_at=at)


class ScriptedGpus:
    def __init__(self) -> None:
        self.told: GpuReport | Exception = report()
        self.before: list[GpuReport] = []
        self.asked = 0
        self.is_closed = False

    def report(self) -> GpuReport:
        self.asked += 1
        if isinstance(self.told, Exception):
            raise self.told
        return replace(self.told)

    def past(self, seconds: float, step: float) -> Sequence[GpuReport]:
        return self.before

    def close(self) -> None:
        self.is_closed = True


class ScriptedOwnership:
    """Knows everything at once, but for processes of `hidden`, whose containers have to be asked."""

    def __init__(self) -> None:
        self.containers: dict[int, str] = {}
        self.hidden: set[int] = set()
        self.asked_inside: list[tuple[int, ...]] = []
        self.gated: list[str] = []

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        if ask_inside:
            self.asked_inside.append(tuple(sorted(pids)))
            for container_id in {full_id(self.containers[pid]) for pid in self.hidden & set(pids)}:
                with while_asking(container_id):
                    self.gated.append(container_id)
        return {
            pid: replace(
                not_seen(pid, "unknown"),
                start_ticks=1,
                container_id=Reading(full_id(self.containers[pid]) if pid in self.containers else ""),
                prefix=unknown("refused") if pid in self.hidden and not ask_inside else Reading("/opt/conda"),
            )
            for pid in pids
        }


class ScriptedEntitlements:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failure: Exception | None = None

    def entitlement(self, container_id: str) -> GpuEntitlement:
        self.asked.append(container_id)
        if self.failure is not None:
            raise self.failure
        return GpuEntitlement(Grant.ALL)


class Place:
    def __init__(self) -> None:
        self.store = Store()
        self.gpus = ScriptedGpus()
        self.ownership = ScriptedOwnership()
        self.entitlements = ScriptedEntitlements()
        self.gate = ExecGate()
        self.made: list[GpuWatch] = []

    def watch(self, **options: Any) -> GpuWatch:
        options = {"interval": 0.01} | options
        watch = GpuWatch(self.gpus, self.ownership, self.entitlements, self.store, self.gate, **options)
        self.made.append(watch)
        watch.start()
        return watch

    def owner(self, pid: int) -> ProcessOwner | None:
        known = self.store.value(GPU_OWNERS)
        return known.owners.get(pid) if known is not None else None


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    made.store.put(CONTAINERS, (make_container("train"), make_container("old", ContainerState.EXITED)))
    yield made
    for watch in made.made:
        watch.stop()


def test_reports_come_and_the_past_grows(place: Place) -> None:
    place.watch()
    until(lambda: len((place.store.value(GPU_PAST) or {}).get("GPU-0", ())) >= 3)
    moment = (place.store.value(GPU_PAST) or {})["GPU-0"][0]
    assert (moment.utilization_percent, moment.memory_percent) == (50.0, 25.0)


def test_nothing_is_asked_before_the_start_and_all_is_closed_at_the_end(place: Place) -> None:
    watch = GpuWatch(place.gpus, None, None, place.store, place.gate)
    assert place.gpus.asked == 0
    watch.start()
    until(lambda: place.store.value(GPUS))
    watch.stop()
    assert place.gpus.is_closed


def test_a_driver_that_hangs_keeps_the_last_figures_and_recovers(place: Place) -> None:
    place.watch()
    until(lambda: place.store.value(GPUS))
    place.gpus.told = GpuTimeout("The GPU driver does not answer")
    until(lambda: (snapshot := place.store.get(GPUS)) is not None and snapshot.error is not None)
    assert place.store.value(GPUS) is not None
    place.gpus.told = report()
    until(lambda: (snapshot := place.store.get(GPUS)) is not None and snapshot.error is None)


def test_an_unforeseen_failure_is_told(place: Place) -> None:
    place.gpus.told = RuntimeError("nobody thought of this")
    place.watch()
    snapshot = until(lambda: place.store.get(GPUS))
    assert snapshot.error is not None and "nobody thought" in snapshot.error.detail


def test_a_machine_without_a_gpu_is_asked_seldom_and_told_once(place: Place) -> None:
    place.gpus.told = GpuReport(absence=NoGpuDriver("No driver"))
    puts: list[object] = []
    place.store.listen(GPUS, puts.append)
    watch = place.watch()
    until(lambda: puts)
    asked = place.gpus.asked
    watch.refresh()
    until(lambda: place.gpus.asked > asked)
    assert len(puts) == 1


def test_owners_of_all_processes(place: Place) -> None:
    place.gpus.told = report(1, 2)
    place.ownership.containers = {1: "train"}
    place.watch()
    until(lambda: place.owner(1) and place.owner(2))
    owner = place.owner(1)
    assert owner is not None and owner.container_id.value == full_id("train")
    assert place.ownership.asked_inside == []


def test_containers_are_asked_through_the_gate_where_the_kernel_refuses(place: Place) -> None:
    place.gpus.told = report(1, 2)
    place.ownership.containers, place.ownership.hidden = {1: "train"}, {1}
    place.watch()
    until(lambda: (owner := place.owner(1)) is not None and owner.prefix.value == "/opt/conda")
    assert set(place.ownership.gated) == {full_id("train")}


@pytest.mark.parametrize("state", [ContainerState.PAUSED, ContainerState.EXITED])
def test_only_what_runs_is_asked(place: Place, state: ContainerState) -> None:
    place.store.put(CONTAINERS, (make_container("train", state),))
    place.gpus.told = report(1)
    place.ownership.containers, place.ownership.hidden = {1: "train"}, {1}
    place.watch()
    until(lambda: place.owner(1))
    until(lambda: place.gpus.asked > 5)
    assert place.ownership.asked_inside == []
    owner = place.owner(1)
    assert owner is not None and owner.prefix.reason == "refused"


def test_where_nothing_is_to_be_run_nothing_is(place: Place) -> None:
    place.gpus.told = report(1)
    place.ownership.containers, place.ownership.hidden = {1: "train"}, {1}
    place.watch(ask_inside=False)
    until(lambda: place.owner(1))
    until(lambda: place.gpus.asked > 5)
    assert place.ownership.asked_inside == []


def test_what_containers_may_use_is_asked_once_each(place: Place) -> None:
    place.gpus.told = report(1)
    place.watch()
    until(lambda: (known := place.store.value(GPU_OWNERS)) is not None and known.entitlements)
    until(lambda: place.gpus.asked > 5)
    assert place.entitlements.asked == [full_id("train")]


def test_and_again_after_the_engine_was_away(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.monitor.gpu_watch._ASK_AGAIN_SECONDS", 0.05)
    place.entitlements.failure = EngineTimeout("away")
    place.watch()
    until(lambda: len(place.entitlements.asked) >= 2)
    place.entitlements.failure = None
    until(lambda: (known := place.store.value(GPU_OWNERS)) is not None and known.entitlements)


def test_nothing_is_asked_of_an_engine_on_a_machine_without_gpus(place: Place) -> None:
    place.gpus.told = GpuReport(absence=NoGpuDriver("No driver"))
    place.watch()
    until(lambda: place.store.value(GPUS))
    assert place.entitlements.asked == []


def test_a_process_that_holds_memory_and_rests_is_counted(place: Place) -> None:
    place.gpus.told = report(1, at=2000.0)
    place.gpus.before = [report(1, at=1000.0 + step) for step in range(0, 1000, 15)]
    place.watch()
    until(
        lambda: (
            (known := place.store.value(GPU_OWNERS)) is not None
            and (known.idle_seconds.get((1, "GPU-0")) or 0.0) >= 960.0
        )
    )


def test_threads_end(place: Place) -> None:
    watch = place.watch()
    until(lambda: place.store.value(GPUS))
    watch.stop()
    until(lambda: not {"gpus", "gpu-owners"} & {thread.name for thread in threading.enumerate()})


class TestPast:
    def test_it_is_bounded_and_forgets_what_is_old_and_gone(self) -> None:
        past = GpuPast()
        for second in range(2000):
            past.add(report(at=float(second)))
        moments = past.snapshot(1999.0)["GPU-0"]
        assert moments[-1].at == 1999.0 and moments[0].at > 1999.0 - PAST_SECONDS
        past.add(GpuReport(taken_at=2000.0))
        assert past.snapshot(2000.0) == {}

    def test_what_is_unknown_stays_unknown(self) -> None:
        past = GpuPast()
        past.add(report(use=None))
        assert past.snapshot(1000.0)["GPU-0"][0].utilization_percent is None


class TestHolds:
    def test_a_busy_moment_between_two_samples_is_not_lost(self) -> None:
        holds = Holds()
        for second in range(60):
            holds.add(report(1, sm=99.0 if second == 37 else 0.0), float(second))
        samples = holds.of(1, "GPU-0")
        assert len(samples) <= 6
        assert any(each.sm_percent == 99.0 for each in samples)

    def test_unknown_is_never_idle(self) -> None:
        holds = Holds()
        for second in range(60):
            holds.add(report(1, sm=None if second == 37 else 0.0), float(second))
        assert any(each.sm_percent is None for each in holds.of(1, "GPU-0"))

    def test_what_is_gone_is_forgotten(self) -> None:
        holds = Holds()
        holds.add(report(1), 0.0)
        holds.add(report(), 1.0)
        assert holds.of(1, "GPU-0") == ()
