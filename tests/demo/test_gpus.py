"""The make-believe GPUs: consistent with the containers around them, alive, and broken on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pytest

from tests.backends.contract_gpus import check_closing, check_owners, check_past, check_report
from tests.making import make_container
from tests.rig.waiting import until
from tui.backends.docker.entitlement import from_inspect
from tui.demo.environments import DemoHostPids
from tui.demo.gpu_catalogue import OUTSIDE_PROCESSES, RESERVED_BYTES, TOTAL_BYTES, USES
from tui.demo.gpus import DemoGpus
from tui.demo.owners import DemoEntitlements, DemoOwnership, DemoProcessEnding
from tui.demo.world import DemoClock, DemoWorld, FrozenClock
from tui.model.containers import Container, ContainerState
from tui.model.entitlement import (
    GpuAddress,
    Grant,
    HoldSample,
    Standing,
    granted,
    is_idle_holder,
    lacks_gpu,
    standing,
)
from tui.model.environments import ListedBy
from tui.model.errors import (
    EngineError,
    EngineNotFound,
    EngineRefused,
    GpuTimeout,
    NoGpuDriver,
    NoSuchContainer,
    ProcessChanged,
    ProcessPermission,
    ProcessStays,
)
from tui.model.gpus import GpuProcess, GpuReport
from tui.model.operations import Operation, Step
from tui.model.owners import Ending, EndSignal, ProcessIdentity, ProcessOwner, environment_of, placed
from tui.model.reading import Reading
from tui.workstation import Workstation, open_demo

GIB = 1 << 30


class Host:
    """A world with what a screen would ask it for."""

    def __init__(self, clock: DemoClock | None = None, seed: int = 7) -> None:
        self.clock = clock or FrozenClock()
        self.world = DemoWorld(seed, self.clock)
        self.station: Workstation = open_demo(self.world)
        self.gpus = DemoGpus(self.world)
        self.ownership = DemoOwnership(self.world)
        self.ending = DemoProcessEnding(self.world)

    def containers(self) -> Sequence[Container]:
        return self.world.containers()[0]

    def container(self, name: str) -> Container:
        return next(each for each in self.containers() if each.name == name)

    def perform(self, operation: Operation, name: str) -> None:
        target = self.container(name)
        self.world.perform(Step(operation, target.id, target.name))

    def owners(self, report: GpuReport | None = None, ask_inside: bool = True) -> Mapping[int, ProcessOwner]:
        report = report or self.gpus.report()
        pids = {each.pid for each in report.processes}
        return self.ownership.owners(pids, self.containers(), ask_inside)

    def on_gpus(self, name: str) -> list[GpuProcess]:
        """The processes of a container, "" for those of none."""
        report = self.gpus.report()
        owners = self.owners(report)
        wanted = self.container(name).id if name else ""
        return [each for each in report.processes if owners[each.pid].container_id.value == wanted]

    def end(self, process: GpuProcess, signal: EndSignal = EndSignal.TERM, seconds: float = 5.0) -> Ending:
        identity = self.owners()[process.pid].identity
        assert identity is not None
        found = (each for each in self.containers() if each.id == identity.container_id)
        return self.ending.end(identity, signal, seconds, next(found, None))

    def advance(self, seconds: float) -> None:
        assert isinstance(self.clock, FrozenClock)
        self.clock.advance(seconds)


@pytest.fixture
def host() -> Host:
    return Host()


def by_container(host: Host) -> dict[str, list[GpuProcess]]:
    names = {each.id: each.name for each in host.containers()} | {"": ""}
    report = host.gpus.report()
    owners = host.owners(report)
    found: dict[str, list[GpuProcess]] = {}
    for process in report.processes:
        found.setdefault(names[owners[process.pid].container_id.value or ""], []).append(process)
    return found


class TestWhatItShows:
    def test_the_contract_of_every_host(self, host: Host) -> None:
        for _ in range(40):
            report = host.gpus.report()
            check_report(report)
            check_owners(host.ownership, {each.pid for each in report.processes}, host.containers())
            host.advance(7.3)
        check_past(host.gpus)
        check_closing(host.gpus)

    def test_four_gpus_as_the_verdicts_on_environments_know_them(self, host: Host) -> None:
        report = host.gpus.report()
        driver = host.station.driver
        facts = driver.facts() if driver is not None else None
        assert facts is not None and facts.gpus is not None and len(report.gpus) == 4
        assert (report.driver_version, report.cuda_version) == (facts.driver_version, facts.cuda_version)
        assert [(each.name, each.compute_capability.value) for each in report.gpus] == [
            (each.name, each.compute_capability) for each in facts.gpus
        ]

    def test_training_serving_a_notebook_and_processes_outside_containers(self, host: Host) -> None:
        assert set(by_container(host)) == {
            "dl-dev", "vision-train", "llm-finetune", "notebook-ana", "serve-qwen", "serve-embed", "rl-sim",
            "",
        }  # fmt: skip
        users = {each.user.value for each in host.owners().values() if each.is_outside}
        assert users == {"ana", "dora"}

    def test_a_hot_one_is_near_its_slowdown_and_held_down(self, host: Host) -> None:
        hot = host.gpus.report().gpus[1]
        assert hot.slowdown_celsius.value is not None
        for report in [host.gpus.report(), *host.gpus.past(600, 20)]:
            hot = report.gpus[1]
            assert hot.slowdown_celsius.value is not None and hot.temperature_celsius.value is not None
            if hot.utilization_percent.value and hot.utilization_percent.value > 50:
                assert hot.slowdown_celsius.value - 8 <= hot.temperature_celsius.value
        assert host.gpus.report().gpus[1].throttle_reasons.value == ("heat (hardware)",)
        others = [report.gpus[index] for report in host.gpus.past(600, 20) for index in (0, 2, 3)]
        assert all("heat (hardware)" not in (each.throttle_reasons.value or ()) for each in others)

    def test_a_notebook_has_held_20_gib_idly_for_long(self, host: Host) -> None:
        (process,) = host.on_gpus("notebook-ana")
        assert process.memory_bytes.value == 20 * GIB
        owner = host.owners()[process.pid]
        assert owner.started_at.value is not None and host.clock.now() - owner.started_at.value > 3600
        past = [each for report in host.gpus.past(660, 10) for each in report.processes]
        samples = [
            HoldSample(each.memory_bytes.taken_at, each.memory_bytes.value, each.sm_percent.value)
            for each in past
            if each.pid == process.pid
        ]
        assert is_idle_holder(samples) is True

    def test_a_little_memory_on_one_gpu_is_unexplained(self, host: Host) -> None:
        report = host.gpus.report()
        left = [report.unexplained_memory(gpu).value for gpu in report.gpus]
        assert [bool(each) for each in left] == [False, False, True, False]
        assert 0 < (left[2] or 0) < 2 * GIB

    def test_everything_that_could_run_at_once_fits(self) -> None:
        for index in range(4):
            held = sum(use.memory_mib << 20 for use in USES if use.gpu == index)
            assert held + (1433 << 20) <= TOTAL_BYTES - RESERVED_BYTES

    def test_uses_are_of_processes_that_the_engine_lists(self, host: Host) -> None:
        report = host.gpus.report()
        owners = host.owners(report)
        for process in report.processes:
            owner = owners[process.pid]
            if owner.container_id.value:
                rows = {row[1]: row for row in host.world.processes(owner.container_id.value).rows}
                row = rows[str(process.pid)]
                assert (row[0], row[-1]) == (owner.user.value, owner.command.value)
                assert row[2] == str(owner.parent_pid)

    def test_numbers_inside_and_outside_belong_together(self, host: Host) -> None:
        numbers = DemoHostPids(host.world)
        for pid, owner in host.owners().items():
            inside = owner.pid_inside.value
            if inside is not None:
                container = next(each for each in host.containers() if each.id == owner.container_id.value)
                assert numbers.host_pids(container, [inside]) == {inside: pid}

    def test_environments_count_the_same_processes(self, host: Host) -> None:
        backend = host.station.environments
        assert backend is not None
        found = {}
        for pid, owner in host.owners().items():
            if not owner.container_id.value:
                continue
            container = next(each for each in host.containers() if each.id == owner.container_id.value)
            listing = backend.environments(container)
            environment = environment_of(owner, listing)
            if environment is None:
                assert listing.listed_by is ListedBy.ARCHIVE and owner.prefix.value is None
            else:
                found[container.name] = placed(owner, listing).environment.value
                assert owner.pid_inside.value in environment.pids, (pid, environment)
        assert found == {
            "dl-dev": "vision", "vision-train": "", "llm-finetune": "base", "notebook-ana": "base",
            "serve-qwen": "",
        }  # fmt: skip

    def test_unknown_environments_say_why(self, host: Host) -> None:
        def why(name: str, user: str = "", ask_inside: bool = True) -> str:
            owners = host.owners(ask_inside=ask_inside)
            wanted = self.chosen(owners, host.container(name).id if name else "", user)
            return wanted.prefix.reason

        assert "no shell" in why("serve-embed")
        assert "paused" in why("rl-sim")
        assert "another user's" in why("", "dora")
        assert "read-only" in why("serve-qwen", ask_inside=False)
        assert why("serve-qwen") == why("", "ana") == ""

    @staticmethod
    def chosen(owners: Mapping[int, ProcessOwner], container_id: str, user: str) -> ProcessOwner:
        return next(
            each
            for each in owners.values()
            if each.container_id.value == container_id and user in ("", each.user.value)
        )

    def test_the_callers_gate_is_passed_for_each_command(self, host: Host) -> None:
        asked: list[str] = []

        @contextmanager
        def gate(container_id: str) -> Iterator[None]:
            asked.append(container_id)
            yield

        @contextmanager
        def closed(container_id: str) -> Iterator[None]:
            if container_id:
                raise EngineRefused("It is being paused")
            yield

        pids = [each.pid for each in host.on_gpus("serve-qwen")]
        assert host.ownership.owners(pids, host.containers(), True, gate)[pids[0]].prefix.value == "/usr"
        assert asked == [host.container("serve-qwen").id]
        found = host.ownership.owners(pids, host.containers(), True, closed)[pids[0]].prefix
        assert found.value is None and "It is being paused" in found.reason


class TestAsTimeGoesBy:
    def test_the_same_each_time(self) -> None:
        one, other = Host(), Host()
        assert one.gpus.report() == other.gpus.report() == one.gpus.report()
        one.advance(100)
        other.advance(60)
        other.advance(40)
        assert one.gpus.report() == other.gpus.report()
        assert Host(seed=8).gpus.report() != Host().gpus.report()

    def test_figures_move(self, host: Host) -> None:
        use = [
            [report.gpus[index].utilization_percent.value or 0 for report in host.gpus.past(600, 5)]
            for index in range(4)
        ]
        assert all(max(each) - min(each) > 15 and len(set(each)) > 5 for each in use)

    def test_the_past_leads_to_the_present(self, host: Host) -> None:
        past = list(host.gpus.past(600))
        assert len(past) == 600
        times = [report.taken_at for report in past]
        assert times == sorted(times) and times[-1] < host.clock.now() and times[0] == host.clock.now() - 600
        before = host.gpus.report()
        host.advance(1)
        (last,) = host.gpus.past(1)
        assert [each.utilization_percent.value for each in last.gpus] == [
            each.utilization_percent.value for each in before.gpus
        ]
        for report in past[::60]:
            check_report(report)

    def test_programs_load_before_they_compute(self, host: Host) -> None:
        host.perform(Operation.START, "diffusion-train")
        host.advance(3)
        (loading,) = host.on_gpus("diffusion-train")
        host.advance(60)
        (loaded,) = host.on_gpus("diffusion-train")
        assert loading.sm_percent.value == 0 and (loaded.sm_percent.value or 0) > 0
        assert (loading.memory_bytes.value or 0) < (loaded.memory_bytes.value or 0)

    def test_a_crash_loop_comes_and_goes(self, host: Host) -> None:
        seen = set()
        for _ in range(20):
            found = host.on_gpus("sweep-agent")
            assert bool(found) == (host.container("sweep-agent").state is ContainerState.RUNNING)
            seen |= {each.pid for each in found}
            host.advance(2)
        assert len(seen) == 2

    def test_a_clock_that_runs_by_itself(self) -> None:
        check_report(Host(DemoClock()).gpus.report())


class TestContainers:
    @pytest.mark.parametrize("operation", [Operation.STOP, Operation.KILL])
    def test_one_that_ends_leaves_its_gpus(self, host: Host, operation: Operation) -> None:
        assert len(host.on_gpus("vision-train")) == 2
        host.perform(operation, "vision-train")
        assert host.on_gpus("vision-train") == []
        assert host.gpus.report().gpus[1].throttle_reasons.value == ("idle",)
        host.perform(Operation.REMOVE, "vision-train")
        check_report(host.gpus.report())

    def test_a_paused_one_stays_and_does_nothing(self, host: Host) -> None:
        before = host.on_gpus("vision-train")
        host.perform(Operation.PAUSE, "vision-train")
        after = host.on_gpus("vision-train")
        assert [(each.pid, each.memory_bytes) for each in after] == [
            (each.pid, each.memory_bytes) for each in before
        ]
        assert {each.sm_percent.value for each in after} == {0.0}
        host.perform(Operation.UNPAUSE, "vision-train")
        assert all(each.sm_percent.value for each in host.on_gpus("vision-train"))

    def test_another_run_has_other_numbers(self, host: Host) -> None:
        before = {each.pid for each in host.on_gpus("serve-qwen")}
        host.perform(Operation.RESTART, "serve-qwen")
        after = {each.pid for each in host.on_gpus("serve-qwen")}
        assert after and not before & after

    def test_an_engine_that_is_gone_takes_no_gpu_away(self, host: Host) -> None:
        before = host.gpus.report()
        host.world.faults.engine_gone = True
        assert host.gpus.report() == before


class TestFaults:
    def test_one_falls_off_the_bus_and_comes_back(self, host: Host) -> None:
        before = host.gpus.report()
        host.advance(5)
        host.world.faults.gpu_lost = True
        report = host.gpus.report()
        check_report(report)
        (lost,) = report.lost
        assert [gpu.index for gpu in report.gpus] == [0, 1, 2] and lost.gpu.index == 3
        assert lost.gpu.uuid == before.gpus[3].uuid and lost.lost_at == host.clock.now()
        assert lost.xid is not None and (lost.xid.code, lost.xid.words) == (79, "fell off the bus")
        assert lost.gpu.memory_used_bytes.value and not report.processes_of(lost.gpu.uuid)
        host.advance(30)
        assert host.gpus.report().lost == report.lost, "as it was then"
        host.world.faults.gpu_lost = False
        after = host.gpus.report()
        assert (len(after.gpus), after.lost) == (4, ()) and after.xids == report.xids

    def test_a_driver_that_hangs_and_comes_back(self, host: Host) -> None:
        host.world.faults.gpu_hang_seconds = 0.01
        host.world.faults.gpu_hangs = True
        with pytest.raises(GpuTimeout, match="does not answer"):
            host.gpus.report()
        host.world.faults.gpu_hang_seconds = 60
        reports: list[GpuReport] = []
        reader = threading.Thread(target=lambda: reports.append(host.gpus.report()))
        reader.start()
        host.world.faults.gpu_hangs = False
        until(lambda: reports)
        reader.join()
        check_report(reports[0])

    def test_no_driver(self, host: Host) -> None:
        host.world.faults.no_gpu_driver = True
        report = host.gpus.report()
        assert isinstance(report.absence, NoGpuDriver) and report.absence.hint
        assert (report.gpus, report.processes, report.driver_version) == ((), (), None)
        assert host.station.driver is not None and host.station.driver.facts() is None
        host.world.faults.no_gpu_driver = False
        check_report(host.gpus.report())


class TestEnding:
    def test_most_end_when_they_are_asked_to(self, host: Host) -> None:
        (process,) = host.on_gpus("notebook-ana")
        used = host.gpus.report().gpus[0].memory_used_bytes.value or 0
        assert host.end(process) is Ending.ENDED
        assert host.on_gpus("notebook-ana") == []
        assert host.gpus.report().gpus[0].memory_used_bytes.value == used - 20 * GIB
        assert host.container("notebook-ana").state is ContainerState.RUNNING
        rows = host.world.processes(host.container("notebook-ana").id).rows
        assert str(process.pid) not in {row[1] for row in rows} and len(rows) == 2

    def test_it_was_there_before(self, host: Host) -> None:
        (process,) = host.on_gpus("notebook-ana")
        host.end(process)
        host.advance(10)
        there = [process.pid in {each.pid for each in report.processes} for report in host.gpus.past(20)]
        assert there == [True] * 10 + [False] * 10

    def test_a_new_run_has_it_again(self, host: Host) -> None:
        (process,) = host.on_gpus("notebook-ana")
        host.end(process)
        host.perform(Operation.RESTART, "notebook-ana")
        assert len(host.on_gpus("notebook-ana")) == 1

    def test_one_needs_to_be_killed(self, host: Host) -> None:
        _, stubborn = sorted(host.on_gpus("llm-finetune"), key=lambda each: each.pid)
        with pytest.raises(ProcessStays, match="still there"):
            host.end(stubborn)
        assert host.end(stubborn, EndSignal.KILL) is Ending.ENDED
        assert stubborn.pid not in {each.pid for each in host.on_gpus("llm-finetune")}

    def test_the_first_process_takes_its_container_along(self, host: Host) -> None:
        (process,) = host.on_gpus("serve-embed")
        assert host.end(process, EndSignal.KILL) is Ending.ENDED
        ended = host.container("serve-embed")
        assert (ended.state, ended.exit_code) == (ContainerState.EXITED, 137)

    def test_outside_containers_only_ones_own(self, host: Host) -> None:
        own, others = sorted(host.on_gpus(""), key=lambda each: each.pid)
        assert host.end(own) is Ending.ENDED
        with pytest.raises(ProcessPermission, match="No permission") as refused:
            host.end(others, EndSignal.KILL)
        assert "another user's" in refused.value.detail
        assert [each.pid for each in host.on_gpus("")] == [others.pid]
        assert own.pid == OUTSIDE_PROCESSES[0].pid

    def test_one_that_is_gone_and_one_that_is_another(self, host: Host) -> None:
        (process,) = host.on_gpus("notebook-ana")
        identity = host.owners()[process.pid].identity
        assert identity is not None
        other = ProcessIdentity(identity.pid, identity.start_ticks + 1, identity.container_id)
        with pytest.raises(ProcessChanged):
            host.ending.end(other, EndSignal.KILL, 5)
        host.end(process)
        assert host.ending.end(identity, EndSignal.TERM, 5) is Ending.WAS_GONE
        assert host.ownership.owners([process.pid], ())[process.pid].user == Reading(
            None, "its process has ended"
        )

    def test_what_the_engine_refuses(self, host: Host) -> None:
        (frozen,) = host.on_gpus("rl-sim")
        with pytest.raises(ProcessPermission) as refused:
            host.end(frozen)
        assert "is paused" in refused.value.detail and "unpause" in refused.value.hint
        (process,) = host.on_gpus("serve-qwen")
        identity = host.owners()[process.pid].identity
        assert identity is not None
        with pytest.raises(ProcessPermission):
            host.ending.end(identity, EndSignal.TERM, 5)
        host.world.faults.refuse_actions = True
        with pytest.raises(EngineError):
            host.end(process)
        assert len(host.on_gpus("serve-qwen")) == 1


class TestEntitlements:
    def test_as_the_engines_own_inspect_tells_them(self, host: Host) -> None:
        backend = DemoEntitlements(host.world)
        told = {each.name: backend.entitlement(each.id) for each in host.containers()}
        assert told == {each.name: from_inspect(host.world.inspect(each.id)) for each in host.containers()}
        assert told["dcgm-exporter"].grant is Grant.ALL
        assert (told["vision-train"].grant, told["vision-train"].devices) == (Grant.SOME, ("1", "2"))

    def test_one_image_for_gpus_runs_without_one(self, host: Host) -> None:
        backend = DemoEntitlements(host.world)
        lacking = [each.name for each in host.containers() if lacks_gpu(backend.entitlement(each.id))]
        assert lacking == ["notebook-chen"]

    def test_one_process_is_where_it_should_not_be(self, host: Host) -> None:
        backend = DemoEntitlements(host.world)
        report = host.gpus.report()
        addresses = [GpuAddress(gpu.index, gpu.uuid) for gpu in report.gpus]
        may_use = {each.id: granted(backend.entitlement(each.id), addresses) for each in host.containers()}
        owners = host.owners(report)
        found: dict[Standing, list[str]] = {}
        for each in report.processes:
            kind = standing(owners[each.pid], each.gpu_uuid, may_use)
            found.setdefault(kind, []).append(owners[each.pid].command.value or "")
        (intruder,) = found[Standing.NOT_ENTITLED]
        assert "ipykernel_launcher -f kernel-1.json" in intruder
        assert len(found[Standing.OUTSIDE]) == 2 and Standing.UNKNOWN not in found

    def test_what_the_engine_refuses(self, host: Host) -> None:
        backend = DemoEntitlements(host.world)
        with pytest.raises(NoSuchContainer):
            backend.entitlement(make_container("gone").id)
        host.world.faults.engine_gone = True
        with pytest.raises(EngineNotFound):
            backend.entitlement(host.containers()[0].id)


def test_the_workstation_has_all_of_it() -> None:
    station = open_demo(DemoWorld(clock=FrozenClock()))
    assert isinstance(station.gpus, DemoGpus) and isinstance(station.ownership, DemoOwnership)
    assert isinstance(station.ending, DemoProcessEnding)
    assert isinstance(station.entitlements, DemoEntitlements)
