"""GPUs that come, go, sleep, or fall off the bus, and what the driver reports of it."""

from __future__ import annotations

import pytest

from tests.gpus.conftest import Machine, MakeMachine, gpu_of
from tests.rig.nvml_scenario import InstanceLine, ProcessLine, Scenario, full_gpu, uuid_of
from tui.model.gpus import GpuReport


@pytest.fixture
def two(make_machine: MakeMachine) -> Machine:
    machine = make_machine(Scenario({0: full_gpu(0), 1: full_gpu(1)}))
    machine.gpu_lines(1).processes = [ProcessLine(100)]
    machine.write()
    return machine


def uuids(report: GpuReport) -> list[str]:
    return [gpu.uuid for gpu in report.gpus]


def lose(machine: Machine, number: int, xid: int = 79) -> None:
    machine.gpu_lines(number).values["lost"] = 1
    machine.scenario.xids.append((len(machine.scenario.xids) + 1, number, xid))
    machine.write()


def test_a_gpu_that_falls_off_the_bus_keeps_its_last_values(two: Machine) -> None:
    two.report()
    lose(two, 1)
    report = two.report(after=1)
    assert uuids(report) == [uuid_of(0)]
    (lost,) = report.lost
    assert (lost.gpu.uuid, lost.gpu.index, lost.why) == (uuid_of(1), 1, "GPU is lost")
    assert lost.gpu.temperature_celsius.value == 61 and lost.gpu.temperature_celsius.taken_at == 1000.0
    assert lost.xid is not None and (lost.xid.code, lost.xid.words) == (79, "fell off the bus")
    assert report.xids[0].gpu_uuid == uuid_of(1) and report.xids[0].at > 1.7e9
    assert report.processes == ()


def test_a_lost_gpu_is_asked_again_after_30_seconds_and_comes_back(two: Machine) -> None:
    two.report()
    lose(two, 1)
    two.report(after=1)
    two.double.forget_calls()
    for _ in range(28):
        two.report(after=1)
    assert [call for call in two.double.calls() if call[1] == 1] == []
    del two.gpu_lines(1).values["lost"]
    two.write()
    assert two.report(after=1).lost != ()
    report = two.report(after=10)
    assert uuids(report) == [uuid_of(0), uuid_of(1)] and report.lost == ()
    assert gpu_of(report, 1).temperature_celsius.value == 61


def test_all_gpus_lost_is_not_no_gpu(two: Machine) -> None:
    two.report()
    lose(two, 0)
    lose(two, 1)
    report = two.report(after=1)
    assert (report.gpus, report.absence) == ((), None)
    assert [lost.gpu.uuid for lost in report.lost] == [uuid_of(0), uuid_of(1)]
    assert two.report(after=30).lost != ()


def test_a_gpu_that_was_lost_before_we_came_is_shown_by_its_index(two: Machine) -> None:
    lose(two, 1)
    report = two.report()
    assert uuids(report) == [uuid_of(0)]
    assert [(lost.gpu.uuid, lost.gpu.index) for lost in report.lost] == [("index:1", 1)]
    del two.gpu_lines(1).values["lost"]
    two.write()
    report = two.report(after=30)
    assert uuids(report) == [uuid_of(0), uuid_of(1)] and report.lost == ()


def test_a_gpu_that_must_be_reset_is_lost_too(two: Machine) -> None:
    two.report()
    two.scenario.rules["gpu1.error.nvmlDeviceGetMemoryInfo_v2"] = 16
    two.write()
    assert [lost.why for lost in two.report(after=1).lost] == ["GPU must be reset"]


def test_a_gpu_that_is_lost_when_it_is_asked_who_it_is(two: Machine) -> None:
    two.report()
    two.scenario.rules["gpu1.error.nvmlDeviceGetUUID"] = 16
    two.write()
    report = two.report(after=10)
    assert (uuids(report), [lost.gpu.uuid for lost in report.lost]) == ([uuid_of(0)], [uuid_of(1)])


def test_an_xid_of_a_living_gpu_is_an_event(two: Machine) -> None:
    two.report()
    two.scenario.xids += [(1, 0, 31), (2, 1, 12345)]
    two.write()
    events = two.report(after=1).xids
    assert [(event.code, event.gpu_uuid) for event in events] == [(31, uuid_of(0)), (12345, uuid_of(1))]
    assert events[0].words.startswith("memory page fault") and "not in envtui's table" in events[1].words
    assert len(two.report(after=1).xids) == 2, "told once"


def test_what_happened_before_we_came_is_not_ours(two: Machine) -> None:
    two.scenario.xids.append((1, 0, 31))
    two.write()
    assert two.report().xids == ()


def test_a_driver_without_events_is_no_error(two: Machine) -> None:
    two.scenario.rules["error.nvmlEventSetWait_v2"] = 3
    two.write()
    assert uuids(two.report()) == [uuid_of(0), uuid_of(1)]
    two.double.forget_calls()
    two.report(after=1)
    assert two.double.count("nvmlEventSetWait_v2") == two.double.count("nvmlDeviceGetCount_v2") == 0


def test_a_new_gpu_appears(two: Machine) -> None:
    two.report()
    two.scenario.gpus[2] = full_gpu(2)
    two.write()
    report = two.report(after=10)
    assert uuids(report) == [uuid_of(0), uuid_of(1), uuid_of(2)]
    assert gpu_of(report, 2).compute_capability.value == "8.0"


def test_a_gpu_that_only_the_kernel_knows_is_looked_for_anew_once(two: Machine) -> None:
    for number in (1, 2, 9):
        two.kernel.add_gpu(f"0000:{number:02x}:00.0")
    two.report()
    assert two.double.count("nvmlInitWithFlags") == 2 and two.double.count("nvmlShutdown") == 1
    assert uuids(two.report(after=10)) == [uuid_of(0), uuid_of(1)]
    assert two.double.count("nvmlInitWithFlags") == 2


def test_a_gpu_that_is_taken_away_is_gone(two: Machine) -> None:
    two.report()
    del two.scenario.gpus[0]
    two.write()
    report = two.report(after=1)
    assert (uuids(report), report.lost) == ([uuid_of(1)], ())
    report = two.report(after=10)
    assert [(gpu.uuid, gpu.index) for gpu in report.gpus] == [(uuid_of(1), 0)]


def test_a_gpu_is_itself_wherever_it_stands(two: Machine) -> None:
    two.report()
    lost_uuid = uuid_of(0)
    lose(two, 0)
    assert two.report(after=1).lost[0].gpu.uuid == lost_uuid
    # it goes for good, and the other one moves up to its index
    del two.scenario.gpus[0]
    two.write()
    for _ in range(4):
        report = two.report(after=10)
        assert (uuids(report), [lost.gpu.uuid for lost in report.lost]) == ([uuid_of(1)], [lost_uuid])


def test_a_gpu_that_is_hidden_from_us_is_not_shown(two: Machine) -> None:
    two.scenario.rules["gpu0.error.nvmlDeviceGetHandleByIndex_v2"] = 4
    two.write()
    report = two.report()
    assert (uuids(report), report.lost, report.absence) == ([uuid_of(1)], (), None)


def test_a_sleeping_gpu_is_never_touched(two: Machine) -> None:
    two.kernel.add_gpu("0000:01:00.0", "suspended")
    two.kernel.add_gpu("0000:02:00.0")
    for _ in range(70):
        report = two.report(after=1)
    asleep, awake = report.gpus
    assert (asleep.uuid, asleep.bus_id, asleep.is_asleep) == ("pci:0000:01:00.0", "0000:01:00.0", True)
    assert (asleep.temperature_celsius.value, asleep.temperature_celsius.reason) == (None, "asleep")
    assert (awake.uuid, awake.index, awake.temperature_celsius.value) == (uuid_of(1), 1, 61)
    assert {gpu for _, gpu in two.double.calls()} == {None, 1}


def test_a_gpu_that_falls_asleep_is_left_alone_and_wakes_by_itself(two: Machine) -> None:
    two.kernel.add_gpu("0000:01:00.0")
    two.kernel.add_gpu("0000:02:00.0")
    two.report()
    two.kernel.add_gpu("0000:02:00.0", "suspended")
    two.double.forget_calls()
    for _ in range(70):
        report = two.report(after=1)
    gpu = gpu_of(report, 1)
    assert gpu.is_asleep and gpu.utilization_percent.reason == "asleep"
    assert (gpu.name, gpu.compute_capability.value) == ("NVIDIA A100-SXM4-80GB", "8.0")
    assert report.processes_of(gpu.uuid) == ()
    assert 1 not in {number for _, number in two.double.calls()}
    two.kernel.add_gpu("0000:02:00.0", "active")
    assert gpu_of(two.report(after=1), 1).utilization_percent.value == 71.0


def test_a_stranger_that_wakes_up_tells_its_name(two: Machine) -> None:
    two.kernel.add_gpu("0000:01:00.0", "suspended")
    two.kernel.add_gpu("0000:02:00.0")
    two.report()
    two.kernel.add_gpu("0000:01:00.0", "active")
    report = two.report(after=1)
    assert [(gpu.uuid, gpu.is_asleep) for gpu in report.gpus] == [(uuid_of(0), False), (uuid_of(1), False)]


def test_an_instance_that_is_taken_away_takes_nothing_with_it(two: Machine) -> None:
    lines = two.gpu_lines(0)
    lines.values["mig"] = 1
    lines.instances = [InstanceLine(0, "MIG-aaaa", 3)]
    two.write()
    two.report()
    lines.instances = []
    two.write()
    report = two.report(after=1)
    assert uuids(report) == [uuid_of(0), uuid_of(1)] and report.lost == ()
    assert gpu_of(two.report(after=10)).mig_instances == ()
