"""Who is on a GPU, with how much memory and what share, by every form of the driver's lists."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.gpus.conftest import Machine, MakeMachine, gpu_of
from tests.rig.nvml_double import LEVELS
from tests.rig.nvml_scenario import GIB, InstanceLine, ProcessLine, Scenario, full_gpu, uuid_of
from tests.rig.waiting import until
from tui.model.gpus import GpuProcess, ProcessType

NOBODY = "the driver does not say which process uses the GPU"


def add(machine: Machine, *processes: ProcessLine, number: int = 0) -> None:
    machine.gpu_lines(number).processes += processes
    machine.write()


def by_pid(machine: Machine, after: float = 0.0) -> dict[int, GpuProcess]:
    return {process.pid: process for process in machine.report(after).processes}


@pytest.mark.parametrize("level", LEVELS)
def test_processes_are_the_drivers_at_every_level(make_machine: MakeMachine, level: int) -> None:
    machine = make_machine(Scenario({0: full_gpu(0), 1: full_gpu(1)}), level)
    add(machine, ProcessLine(100, 5 * GIB, "C", sm=60), ProcessLine(101, 2 * GIB, "G", sm=5))
    add(machine, ProcessLine(102, 3 * GIB, "CG", sm=7), ProcessLine(103, 4 * GIB, "CM", sm=8))
    add(machine, ProcessLine(100, GIB, "C", sm=11), number=1)
    report = machine.report()
    rows = [
        (p.pid, p.type, p.memory_bytes.value, p.sm_percent.value) for p in report.processes_of(uuid_of(0))
    ]
    assert rows == [
        (100, ProcessType.COMPUTE, 5 * GIB, 60.0),
        (101, ProcessType.GRAPHICS, 2 * GIB, 5.0),
        (102, ProcessType.BOTH, 3 * GIB, 7.0),
        (103, ProcessType.MPS, 4 * GIB, 8.0),
    ]
    other = report.processes_of(uuid_of(1))
    assert [(p.pid, p.memory_bytes.value, p.sm_percent.value) for p in other] == [(100, GIB, 11.0)]


def test_memory_that_no_process_explains_adds_up(machine: Machine) -> None:
    add(machine, ProcessLine(100, 5 * GIB), ProcessLine(101, 2 * GIB))
    report = machine.report()
    assert report.unexplained_memory(gpu_of(report)).value == 13 * GIB


def test_memory_that_the_driver_does_not_tell_is_unknown(machine: Machine) -> None:
    add(machine, ProcessLine(100, None, sm=30))
    report = machine.report()
    (process,) = report.processes
    assert process.memory_bytes.value is None and "does not tell" in process.memory_bytes.reason
    assert process.sm_percent.value == 30.0
    assert report.unexplained_memory(gpu_of(report)).reason.startswith("memory of process 100 is unknown")


def test_a_process_that_does_nothing_has_0_and_not_unknown(machine: Machine) -> None:
    add(machine, ProcessLine(100, sm=80), ProcessLine(101, sm=0))
    assert {pid: each.sm_percent.value for pid, each in by_pid(machine).items()} == {100: 80.0, 101: 0.0}


def test_all_idle_on_an_idle_gpu_is_0(machine: Machine) -> None:
    machine.gpu_lines().values["utilization"] = 0
    add(machine, ProcessLine(100, sm=0))
    assert by_pid(machine)[100].sm_percent.value == 0.0


def test_nobody_named_on_a_busy_gpu_is_unknown(machine: Machine) -> None:
    add(machine, ProcessLine(100, sm=None))
    share = by_pid(machine)[100].sm_percent
    assert (share.value, share.reason) == (None, NOBODY)


def test_shares_beyond_100_are_unknown(machine: Machine) -> None:
    add(machine, ProcessLine(100, sm=4_000_000), ProcessLine(101, sm=20))
    found = by_pid(machine)
    assert (found[100].sm_percent.value, found[101].sm_percent.value) == (None, 20.0)


@pytest.mark.parametrize(
    ("code", "reason"),
    [(4, "no permission"), (3, "not supported on this GPU"), (999, "unknown driver error")],
)
def test_refused_shares_are_unknown_not_0(machine: Machine, code: int, reason: str) -> None:
    machine.scenario.rules["error.nvmlDeviceGetProcessUtilization"] = code
    add(machine, ProcessLine(100, sm=20))
    assert (by_pid(machine)[100].sm_percent.value, by_pid(machine)[100].sm_percent.reason) == (None, reason)


def test_a_share_follows_the_process(machine: Machine) -> None:
    add(machine, ProcessLine(100, sm=80))
    assert by_pid(machine)[100].sm_percent.value == 80.0
    machine.gpu_lines().processes = [ProcessLine(100, sm=15)]
    machine.write()
    # the driver's samples come with the real clock
    until(lambda: by_pid(machine, after=0.1)[100].sm_percent.value == 15.0)
    machine.gpu_lines().processes = [ProcessLine(100, sm=0)]
    machine.write()
    assert by_pid(machine, after=3)[100].sm_percent.reason == NOBODY


def test_refused_lists_are_told(machine: Machine) -> None:
    machine.scenario.rules["error.nvmlDeviceGetComputeRunningProcesses_v3"] = 4
    machine.write()
    report = machine.report()
    assert report.processes == ()
    assert report.why_no_processes(uuid_of(0)) == "processes are unknown: no permission"
    assert report.unexplained_memory(gpu_of(report)).reason == "processes are unknown: no permission"


def test_more_processes_than_there_was_room_for(make_machine: MakeMachine) -> None:
    machine = make_machine(Scenario({number: full_gpu(number) for number in range(8)}))
    for number in range(8):
        machine.gpu_lines(number).processes = [ProcessLine(1000 * number + each, sm=1) for each in range(200)]
    machine.write()
    report = machine.report()
    assert len(report.processes) == 1600
    assert {process.sm_percent.value for process in report.processes} == {1.0}
    machine.double.forget_calls()
    machine.report(after=1)
    assert machine.double.count("nvmlDeviceGetComputeRunningProcesses_v3") == 8, "room was kept"


def test_a_process_that_ends_is_gone(machine: Machine) -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        add(machine, ProcessLine(process.pid, keep=False), ProcessLine(os.getpid(), keep=False))
        assert sorted(by_pid(machine)) == sorted([process.pid, os.getpid()])
        process.terminate()
        process.wait()
        assert list(by_pid(machine, after=1)) == [os.getpid()]


def test_a_split_gpu_shows_its_instances_and_whose_they_are(machine: Machine) -> None:
    lines = machine.gpu_lines()
    lines.values["mig"] = 1
    lines.instances = [
        InstanceLine(0, "MIG-aaaa", 3, 0, used_bytes=2 * GIB),
        InstanceLine(2, "MIG-bbbb", 5, 1, used_bytes=4 * GIB),
    ]
    add(
        machine,
        ProcessLine(100, 2 * GIB, sm=50, gpu_instance=3, compute_instance=0),
        ProcessLine(100, GIB, sm=50, gpu_instance=5, compute_instance=1),
    )
    report = machine.report()
    gpu = gpu_of(report)
    assert gpu.is_mig.value is True
    assert gpu.utilization_percent.reason == gpu.encoder_percent.reason == "not told while MIG is on"
    first, second = gpu.mig_instances
    assert (first.uuid, first.index, first.gpu_instance_id, first.compute_instance_id) == (
        "MIG-aaaa",
        0,
        3,
        0,
    )
    assert (second.uuid, second.index, second.memory_used_bytes.value) == ("MIG-bbbb", 1, 4 * GIB)
    assert second.name.endswith("MIG 1g.10gb") and second.memory_total_bytes.value == 10 * GIB
    places = [
        (p.pid, p.gpu_instance_id, p.compute_instance_id, p.memory_bytes.value) for p in report.processes
    ]
    assert places == [(100, 3, 0, 2 * GIB), (100, 5, 1, GIB)]
    assert {process.sm_percent.reason for process in report.processes} == {"not told while MIG is on"}


def test_instances_come_and_go(machine: Machine) -> None:
    lines = machine.gpu_lines()
    assert machine.gpu().utilization_percent.value == 70.0
    lines.values["mig"] = 1
    lines.instances = [InstanceLine(0, "MIG-aaaa", 3)]
    machine.write()
    assert [each.uuid for each in machine.gpu(after=10).mig_instances] == ["MIG-aaaa"]
    lines.instances = [InstanceLine(1, "MIG-bbbb", 4)]
    machine.write()
    assert [each.uuid for each in machine.gpu(after=10).mig_instances] == ["MIG-bbbb"]
    lines.values["mig"] = 0
    machine.write()
    after = machine.gpu(after=10)
    assert (after.mig_instances, after.utilization_percent.value) == ((), 70.0)
