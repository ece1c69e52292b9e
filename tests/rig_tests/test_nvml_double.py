"""The double of NVML is fair: the real pynvml finds in it what a driver of each level has, and no more."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rig.nvml_double import LEVELS, Double, why_unavailable
from tests.rig.nvml_scenario import ProcessLine, Scenario, full_gpu, uuid_of
from tests.rig.waiting import until

# The first level that has each symbol.
SINCE = {
    "nvmlDeviceGetComputeRunningProcesses": 450,
    "nvmlDeviceGetCurrentClocksThrottleReasons": 450,
    "nvmlDeviceGetComputeRunningProcesses_v2": 470,
    "nvmlDeviceGetMPSComputeRunningProcesses_v2": 470,
    "nvmlDeviceGetGraphicsRunningProcesses_v3": 510,
    "nvmlDeviceGetMemoryInfo_v2": 510,
    "nvmlDeviceGetCurrentClocksEventReasons": 534,
    "nvmlDeviceGetTemperatureV": 580,
    "nvmlDeviceGetDriverModel_v2": 580,
    "nvmlDeviceGetMemoryLimits_v1": 615,
    "nvmlEventSetWait_v3": 615,
}

Make = Callable[..., Double]


@pytest.fixture
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    def made(level: int = 550, **values: Any) -> Double:
        return Double(tmp_path_factory.mktemp("double"), Scenario({0: full_gpu(0, **values)}), level)

    return made


def opened(double: Double) -> tuple[Any, Any]:
    nvml: Any = double.nvml()
    nvml.nvmlInit()
    return nvml, nvml.nvmlDeviceGetHandleByIndex(0)


@pytest.mark.parametrize("level", LEVELS)
def test_symbols_are_those_of_the_level(make: Make, level: int) -> None:
    library = ctypes.CDLL(str(make(level).library))
    assert {symbol for symbol in SINCE if hasattr(library, symbol)} == {
        symbol for symbol, first in SINCE.items() if level >= first
    }


def test_an_unversioned_call_on_an_old_driver_is_no_nvml_error(make: Make) -> None:
    nvml, handle = opened(make(470))
    with pytest.raises(nvml.NVMLLibraryMismatchError):
        nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    assert not issubclass(nvml.NVMLLibraryMismatchError, nvml.NVMLError)


def test_versions_of_memory_count_differently(make: Make) -> None:
    nvml, handle = opened(make(memory__used=1000, memory__reserved=30))
    assert nvml.nvmlDeviceGetMemoryInfo(handle).used == 1030
    newer = nvml.nvmlDeviceGetMemoryInfo(handle, version=nvml.nvmlMemory_v2)
    assert (newer.used, newer.reserved) == (1000, 30)


def test_what_is_changed_holds_at_once(make: Make) -> None:
    double = make()
    nvml, handle = opened(double)
    for temperature in range(40, 90):
        double.scenario.gpus[0].values["temperature"] = temperature
        double.write()
        assert nvml.nvmlDeviceGetTemperature(handle, 0) == temperature


def test_a_process_is_listed_while_it_is_there(make: Make) -> None:
    double = make()
    nvml, handle = opened(double)
    with subprocess.Popen(["sleep", "600"]) as process:
        double.scenario.gpus[0].processes = [ProcessLine(process.pid, keep=False)]
        double.write()
        assert [each.pid for each in nvml.nvmlDeviceGetComputeRunningProcesses(handle)] == [process.pid]
        process.kill()
        process.wait()
        assert nvml.nvmlDeviceGetComputeRunningProcesses(handle) == []


def test_errors_and_delays_are_of_one_gpu_before_all(make: Make) -> None:
    double = make()
    double.scenario.gpus[1] = full_gpu(1)
    double.scenario.rules = {"error.*": 4, "gpu1.error.*": 0, "gpu1.error.nvmlDeviceGetFanSpeed": 999}
    double.scenario.rules |= {"error.nvmlInitWithFlags": 0, "error.nvmlDeviceGetHandleByIndex_v2": 0}
    double.write()
    nvml, first = opened(double)
    second = nvml.nvmlDeviceGetHandleByIndex(1)
    with pytest.raises(nvml.NVMLError_NoPermission):
        nvml.nvmlDeviceGetPowerUsage(first)
    assert nvml.nvmlDeviceGetPowerUsage(second) == 250_500
    with pytest.raises(nvml.NVMLError_Unknown):
        nvml.nvmlDeviceGetFanSpeed(second)


def test_a_delayed_call_comes_back_when_it_is_let_go(make: Make) -> None:
    double = make()
    nvml, handle = opened(double)
    double.scenario.rules["delay.nvmlDeviceGetFanSpeed"] = 600_000
    double.write()
    thread = threading.Thread(target=nvml.nvmlDeviceGetFanSpeed, args=(handle,), daemon=True)
    thread.start()
    until(lambda: double.count("nvmlDeviceGetFanSpeed", 0) == 1)
    assert nvml.nvmlDeviceGetTemperature(handle, 0) == 60, "others are not kept waiting by it"
    assert thread.is_alive()
    double.scenario.rules.clear()
    double.write()
    thread.join(30)
    assert not thread.is_alive()


def test_a_growing_counter_grows(make: Make) -> None:
    nvml, handle = opened(make(615, field__138="500 +1000000"))
    (first,) = nvml.nvmlDeviceGetFieldValues(handle, [(138, 0xFFFFFFFF)])
    assert first.value.ullVal >= 500
    until(lambda: nvml.nvmlDeviceGetFieldValues(handle, [138])[0].value.ullVal > first.value.ullVal)


def test_the_newest_driver_tells_limits_and_events_in_its_own_way(make: Make) -> None:
    double = make(615, limits__current=5, limits__hard=10)
    nvml, handle = opened(double)
    limits = nvml.c_nvmlGetMemoryLimits_v1_t()
    nvml.nvmlDeviceGetMemoryLimits_v1(handle, limits)
    assert 5 in {getattr(limits, name) for name, _ in limits._fields_}
    events = nvml.nvmlEventSetCreate()
    nvml.nvmlDeviceRegisterEvents(handle, 8, events)
    waited = nvml.c_nvmlEventSetWait_v3_t()
    with pytest.raises(nvml.NVMLError_Timeout):
        nvml.nvmlEventSetWait_v3(events, waited)
    double.scenario.xids.append((1, 0, 79))
    double.write()
    nvml.nvmlEventSetWait_v3(events, waited)
    assert (waited.uuid, waited.eventData) == (uuid_of(0), 79)


def test_two_libraries_in_one_process_know_nothing_of_each_other(make: Make) -> None:
    (first, one), (second, other) = opened(make(550, temperature=51)), opened(make(470, temperature=52))
    assert first.nvmlDeviceGetTemperature(one, 0) == 51
    assert second.nvmlDeviceGetTemperature(other, 0) == 52
    first.nvmlShutdown()
    assert second.nvmlDeviceGetTemperature(other, 0) == 52


def test_it_is_built_within_a_moment(make: Make, tmp_path: Path) -> None:
    from tests.rig.nvml_double import build

    began = time.monotonic()
    assert build(580, tmp_path).exists()
    print(f"built in {time.monotonic() - began:.1f} s")
