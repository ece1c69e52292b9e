"""A driver that does not come back: whoever asks is told in time, and nothing else stops."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from tests.gpus.conftest import Machine, MakeDouble, MakeMachine
from tests.rig.nvml_scenario import Scenario, full_gpu
from tests.rig.waiting import until
from tui.backends import deadline
from tui.backends.gpu.nvml import NvmlGpus
from tui.model.errors import GpuDriverError, GpuTimeout
from tui.model.gpus import GpuReport

HANG = "delay.nvmlDeviceGetPowerUsage"


def hang(machine: Machine) -> None:
    machine.scenario.rules[HANG] = 30_000
    machine.write()


def release(machine: Machine) -> None:
    del machine.scenario.rules[HANG]
    machine.write()


def nvml_threads() -> int:
    return sum(1 for thread in threading.enumerate() if thread.name == "nvml")


@pytest.fixture
def impatient(make_machine: MakeMachine) -> Machine:
    """Gives up after the real deadline."""
    return make_machine(deadline_seconds=deadline.GPU_SECONDS)


def test_the_deadline_leaves_time_to_tell_within_3_seconds() -> None:
    assert deadline.GPU_SECONDS <= 2.5


def test_a_hung_call_is_told_in_time_and_recovers(impatient: Machine) -> None:
    impatient.report()
    hang(impatient)
    began = time.monotonic()
    with pytest.raises(GpuTimeout, match="does not answer") as told:
        impatient.report(after=1)
    # not a matter of speed: the call itself would take 30 seconds
    assert time.monotonic() - began < 10
    assert told.value.detail.startswith("nvmlDeviceGetPowerUsage has not come back for ")
    release(impatient)
    assert until(lambda: _report(impatient)).gpus[0].power_watts.value == 250.5


def test_no_second_call_enters_a_hung_driver(make_machine: MakeMachine) -> None:
    machine = make_machine(deadline_seconds=0.2)
    until(lambda: _report(machine))
    threads = nvml_threads()
    hang(machine)
    machine.double.forget_calls()
    for _ in range(3):
        with pytest.raises(GpuTimeout):
            machine.report(after=1)
    assert machine.double.calls()[-1] == ("nvmlDeviceGetPowerUsage", 0)
    assert machine.double.count("nvmlDeviceGetPowerUsage") == 1
    assert nvml_threads() == threads
    release(machine)
    until(lambda: _report(machine))


def test_closing_does_not_wait_and_does_not_pull_the_library_away(make_machine: MakeMachine) -> None:
    machine = make_machine(deadline_seconds=0.2)
    until(lambda: _report(machine))
    hang(machine)
    with pytest.raises(GpuTimeout):
        machine.report(after=1)
    machine.gpus.close()
    assert machine.double.count("nvmlShutdown") == 0
    with pytest.raises(GpuDriverError, match="no longer"):
        machine.report()
    release(machine)
    # given up as soon as the call is back, by the thread that made it
    until(lambda: machine.double.count("nvmlShutdown") == 1)


def test_a_program_ends_although_a_call_hangs(make_double: MakeDouble) -> None:
    double = make_double(Scenario({0: full_gpu()}, rules={HANG: 600_000}), 550)
    program = (
        "from tui.backends.gpu.nvml import NvmlGpus\nfrom tui.model.errors import GpuTimeout\n"
        "gpus = NvmlGpus(deadline_seconds=0.5)\ntry:\n    gpus.report()\n"
        "except GpuTimeout as error:\n    print(error)\ngpus.close()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **double.environment()},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The GPU driver does not answer\n"


def test_an_initialization_that_hangs(make_machine: MakeMachine) -> None:
    machine = make_machine(deadline_seconds=0.2)
    machine.scenario.rules["delay.nvmlInitWithFlags"] = 30_000
    machine.write()
    with pytest.raises(GpuTimeout):
        until(lambda: machine.report())
    del machine.scenario.rules["delay.nvmlInitWithFlags"]
    machine.write()
    assert until(lambda: _report(machine)).absence is None


def test_a_slow_driver_is_not_a_hung_one(make_machine: MakeMachine) -> None:
    machine = make_machine(Scenario({number: full_gpu(number) for number in range(8)}))
    machine.scenario.rules["delay.*"] = 5
    machine.write()
    assert len(machine.report().gpus) == 8


def test_a_driver_too_slow_for_the_deadline_is_shown_late_not_never(
    make_machine: MakeMachine,
) -> None:
    machine = make_machine(deadline_seconds=0.1)
    machine.scenario.rules["delay.*"] = 20
    machine.write()
    for temperature in (71, 72):
        machine.gpu_lines().values["temperature"] = temperature
        machine.write()
        until(lambda: shown_temperature(machine) == temperature)  # noqa: B023


def test_all_who_ask_at_once_get_an_answer_that_is_new(machine: Machine) -> None:
    machine.report()
    answers: list[GpuReport] = []
    machine.gpu_lines().values["temperature"] = 77
    machine.write()
    threads = [threading.Thread(target=lambda: answers.append(machine.report())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.gpus[0].temperature_celsius.value for report in answers] == [77] * 8
    assert nvml_threads() >= 1


def test_nothing_is_loaded_before_somebody_asks() -> None:
    def load() -> None:
        raise AssertionError("nobody asked")

    gpus = NvmlGpus(load)  # type: ignore[arg-type]
    threads = nvml_threads()
    gpus.close()
    assert nvml_threads() == threads


def test_what_nobody_foresaw_is_told_and_the_thread_lives_on(machine: Machine) -> None:
    loads = [lambda: 1 / 0, machine.double.nvml]
    gpus = NvmlGpus(lambda: loads.pop(0)(), machine.roots)  # type: ignore[arg-type, return-value]
    with pytest.raises(ZeroDivisionError):
        gpus.report()
    assert gpus.report().absence is None
    gpus.close()


def shown_temperature(machine: Machine) -> int | None:
    report = _report(machine)
    return report.gpus[0].temperature_celsius.value if report else None


def _report(machine: Machine) -> GpuReport | None:
    try:
        return machine.report()
    except GpuTimeout:
        return None
