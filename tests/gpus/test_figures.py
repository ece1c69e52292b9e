"""Each figure is what the driver says, at every level of driver; what it refuses is unknown, and why."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from tests.gpus.conftest import Machine, MakeMachine, gpu_of
from tests.rig.nvml_double import LEVELS
from tests.rig.nvml_scenario import GIB, Scenario, full_gpu, uuid_of
from tui.backends.gpu.nvml import NvmlGpus
from tui.backends.gpu.nvml_fields import WINDOW_SECONDS
from tui.model.gpus import Gpu, RemappedRows, ThrottleShare
from tui.model.reading import Reading

# What full_gpu(1) says, in our units.
FULL = {
    "compute_capability": "8.0",
    "utilization_percent": 71.0,
    "memory_bus_percent": 41.0,
    "encoder_percent": 3.0,
    "decoder_percent": 4.0,
    "memory_total_bytes": 80 * GIB,
    "memory_used_bytes": 21 * GIB,
    "memory_reserved_bytes": GIB // 2,
    "temperature_celsius": 61,
    "slowdown_celsius": 92,
    "shutdown_celsius": 95,
    "memory_temperature_celsius": 71,
    "power_watts": 250.5,
    "power_limit_watts": 400.0,
    "fan_percent": 56.0,
    "performance_state": 0,
    "sm_clock_mhz": 1410,
    "sm_clock_max_mhz": 1412,
    "memory_clock_mhz": 1593,
    "memory_clock_max_mhz": 1594,
    "throttle_reasons": ("power limit",),
    "throttle_shares": (ThrottleShare("power limit", 25.0), ThrottleShare("heat", 50.0)),
    "pcie_generation": 4,
    "pcie_generation_max": 5,
    "pcie_width": 16,
    "pcie_width_max": 16,
    "pcie_tx_bytes_per_second": pytest.approx(3e6),
    "pcie_rx_bytes_per_second": pytest.approx(5e6),
    "nvlink_links": 12,
    "nvlink_tx_bytes_per_second": 1024 * 7e3,
    "nvlink_rx_bytes_per_second": 1024 * 9e3,
    "ecc_corrected_errors": 2,
    "ecc_uncorrected_errors": 1,
    "remapped_rows": RemappedRows(1, 2, False, False),
    "is_persistent": True,
    "compute_mode": "default",
    "is_mig": False,
}
# growth of counters in the two seconds between the reports, by field
GROWN = {74: 500_000_000, 75: 1_000_000_000, 138: 14_000, 139: 18_000}

_NO_COUNTERS = {"pcie_tx_bytes_per_second", "pcie_rx_bytes_per_second"}
# The figures that drivers of a level can't tell; before 510 what is reserved counts as used.
MISSING = {
    level: (_NO_COUNTERS if level < 555 else set()) | ({"memory_reserved_bytes"} if level < 510 else set())
    for level in LEVELS
}


REFUSED = ("TotalEccErrors", "PowerUsage", "CurrentClocksEventReasons", "CurrentClocksThrottleReasons")


def figures(gpu: Gpu) -> dict[str, Reading[object]]:
    readings = ((each.name, getattr(gpu, each.name)) for each in fields(Gpu))
    return {name: reading for name, reading in readings if isinstance(reading, Reading)}


@pytest.mark.parametrize("level", LEVELS)
def test_every_figure_is_the_drivers(make_machine: MakeMachine, level: int) -> None:
    machine = make_machine(Scenario({0: full_gpu(0), 1: full_gpu(1)}), level)
    machine.report()
    for field, grown in GROWN.items():
        machine.gpu_lines(1).values[f"field.{field}"] = 1_000_000 + grown
    machine.write()
    machine.meanwhile = lambda: add_to_link(machine, tx=120_000, rx=200_000)
    report = machine.report(after=2 - WINDOW_SECONDS if level >= 555 else 2)
    assert (report.driver_version, report.cuda_version) == ("550.54.15", "12.4")
    assert [gpu.uuid for gpu in report.gpus] == [uuid_of(0), uuid_of(1)]
    gpu = report.gpus[1]
    assert (gpu.index, gpu.name, gpu.bus_id) == (1, "NVIDIA A100-SXM4-80GB", "0000:02:00.0")
    told = figures(gpu)
    expected = {name: value for name, value in FULL.items() if name not in MISSING[level]}
    if "memory_reserved_bytes" in MISSING[level]:
        expected["memory_used_bytes"] = 21 * GIB + GIB // 2
    assert {name: told[name].value for name in expected} == expected
    assert told.keys() == FULL.keys()
    for name in MISSING[level]:
        assert told[name].value is None and told[name].reason not in ("", "not read yet")


def test_a_gpu_that_tells_nothing_is_there_with_reasons(make_machine: MakeMachine) -> None:
    scenario = Scenario({0: full_gpu()})
    scenario.gpus[0].values = {"uuid": uuid_of(0)}
    gpu = make_machine(scenario).gpu()
    told = figures(gpu)
    assert gpu.name == ""
    assert {name for name, reading in told.items() if reading.value is not None} == set()
    assert told["temperature_celsius"].reason == "not supported on this GPU"
    assert told["fan_percent"].reason == "it has no fan of its own"
    assert {reading.reason for reading in told.values()} & {"", "not read yet"} == set()


def test_no_permission_is_said(machine: Machine) -> None:
    machine.scenario.rules["error.nvmlDeviceGetClockInfo"] = 4
    machine.write()
    assert machine.gpu().sm_clock_mhz.reason == "no permission"


@pytest.mark.parametrize(("code", "reason"), [(999, "unknown driver error"), (27, "driver error 27")])
def test_an_error_that_passes_is_asked_again(machine: Machine, code: int, reason: str) -> None:
    machine.scenario.rules["error.nvmlDeviceGetPowerUsage"] = code
    machine.write()
    assert machine.gpu().power_watts.reason == reason
    del machine.scenario.rules["error.nvmlDeviceGetPowerUsage"]
    machine.write()
    assert machine.gpu(after=1).power_watts.value == 250.5


def test_what_is_not_supported_is_not_asked_again(machine: Machine) -> None:
    for key in ("ecc.corrected", "ecc.uncorrected", "power", "field.82", "throttle"):
        del machine.gpu_lines().values[key]
    machine.write()
    machine.report()
    machine.double.forget_calls()
    for _ in range(30):
        gpu = machine.gpu(after=1)
    assert machine.double.count("nvmlDeviceGetTemperature") == 30
    for figure in REFUSED:
        assert machine.double.count(f"nvmlDeviceGet{figure}") == 0
    assert gpu.power_watts.reason == gpu.memory_temperature_celsius.reason == "not supported on this GPU"
    # it may be told by now
    machine.gpu_lines().values["power"] = 99_000
    machine.write()
    assert machine.gpu(after=60).power_watts.value == 99.0


def test_a_call_that_new_drivers_give_up_has_another_behind_it(make_machine: MakeMachine) -> None:
    for level, temperature in ((550, None), (615, 60)):
        machine = make_machine(level=level)
        machine.scenario.rules["error.nvmlDeviceGetTemperature"] = 26
        machine.scenario.rules["error.nvmlDeviceGetEnforcedPowerLimit"] = 3
        machine.write()
        gpu = machine.gpu()
        assert gpu.temperature_celsius.value == temperature
        assert gpu.power_limit_watts.value == 400.0


def test_one_gpus_refusal_is_not_anothers(make_machine: MakeMachine) -> None:
    machine = make_machine(Scenario({0: full_gpu(0), 1: full_gpu(1)}))
    del machine.gpu_lines(0).values["fan"]
    machine.write()
    report = machine.report()
    assert (report.gpus[0].fan_percent.value, report.gpus[1].fan_percent.value) == (None, 56.0)


def test_a_missing_symbol_is_looked_for_once(make_machine: MakeMachine) -> None:
    machine = make_machine(Scenario({0: full_gpu(0), 1: full_gpu(1)}), level=470)
    nvml: Any = machine.double.nvml()
    looked_for: list[str] = []
    find = nvml._nvmlGetFunctionPointer

    def noted(symbol: str) -> Any:
        looked_for.append(symbol)
        return find(symbol)

    nvml._nvmlGetFunctionPointer = noted
    gpus = NvmlGpus(lambda: nvml, machine.roots, clock=machine.clock)
    for _ in range(70):
        gpus.report()
        machine.clock.seconds += 1
    gpus.close()
    missing = ("nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetCurrentClocksEventReasons")
    assert [looked_for.count(symbol) for symbol in missing] == [1, 1]
    assert looked_for.count("nvmlDeviceGetCurrentClocksThrottleReasons") == 140


def test_figures_are_asked_as_often_as_they_change(machine: Machine) -> None:
    machine.report()
    machine.double.forget_calls()
    for _ in range(20):
        machine.report(after=1)
    asked = {symbol: machine.double.count(symbol) for symbol, _ in machine.double.calls()}
    assert asked["nvmlDeviceGetUtilizationRates"] == asked["nvmlDeviceGetComputeRunningProcesses_v3"] == 20
    assert asked["nvmlDeviceGetFanSpeed"] == asked["nvmlDeviceGetEncoderUtilization"] == 10
    assert asked["nvmlDeviceGetRemappedRows"] == asked["nvmlDeviceGetCount_v2"] == 2
    assert "nvmlDeviceGetName" not in asked and "nvmlDeviceGetPcieThroughput" not in asked


def add_to_link(machine: Machine, tx: int, rx: int) -> None:
    """Bytes that go over the links of all GPUs, counted with 32 bits."""
    for lines in machine.scenario.gpus.values():
        for field, grown in (("field.197", tx), ("field.198", rx)):
            before = lines.values[field]
            assert isinstance(before, int)
            lines.values[field] = (before + grown) % (1 << 32)
    machine.write()


def test_rates_need_two_samples(machine: Machine) -> None:
    first = machine.gpu()
    assert first.throttle_shares.reason == first.nvlink_tx_bytes_per_second.reason == "needs a second sample"
    machine.gpu_lines().values["field.138"] = 5
    machine.write()
    assert machine.gpu(after=1).nvlink_tx_bytes_per_second.reason == "the driver's counter began anew"
    assert machine.gpu(after=1).nvlink_tx_bytes_per_second.value == 0.0


def test_a_fast_link_is_not_shown_slow_when_its_counter_is_full(make_machine: MakeMachine) -> None:
    machine = make_machine(level=615)
    # 50 GB a second fill 32 bits twelve times between two reports
    machine.meanwhile = lambda: add_to_link(machine, tx=2_000_000_000, rx=1000)
    for _ in range(6):
        gpu = machine.gpu(after=2)
        assert gpu.pcie_tx_bytes_per_second.value == pytest.approx(50e9)
        assert gpu.pcie_rx_bytes_per_second.value == pytest.approx(25e3)


def test_a_link_that_could_have_gone_around_is_unknown(make_machine: MakeMachine) -> None:
    machine = make_machine(level=615)

    def dawdle() -> None:
        machine.clock.seconds += 0.1

    machine.meanwhile = dawdle
    assert "too slowly" in machine.gpu().pcie_tx_bytes_per_second.reason
    # half as many lanes of an older generation take longer to fill it
    machine = make_machine(Scenario({0: full_gpu(0, pcie__max_generation=3, pcie__max_width=8)}), 615)
    machine.meanwhile = dawdle
    assert machine.gpu().pcie_tx_bytes_per_second.value == 0.0


def test_a_driver_that_counts_with_64_bits_needs_no_window(make_machine: MakeMachine) -> None:
    machine = make_machine(level=616)
    machine.gpu_lines().values |= {"field.197": 1 << 33, "field.198": 1 << 34}
    machine.write()
    assert machine.gpu().pcie_tx_bytes_per_second.reason == "needs a second sample"
    machine.gpu_lines().values["field.197"] = (1 << 33) + (1 << 35)
    machine.write()
    gpu = machine.gpu(after=1)
    assert gpu.pcie_tx_bytes_per_second.value == float(1 << 35)
    assert gpu.pcie_rx_bytes_per_second.value == 0.0


def test_links_are_added_up_where_the_driver_counts_each(make_machine: MakeMachine) -> None:
    machine = make_machine(level=615)
    values = machine.gpu_lines().values
    del values["field.138"], values["field.139"]
    values["field.91"] = 3
    for link in range(3):
        values[f"field.202.{link}"] = values[f"field.204.{link}"] = 100
    machine.write()
    machine.report()
    machine.report(after=1)
    for link in range(3):
        values[f"field.202.{link}"] = 100 + 1000 * (link + 1)
    machine.write()
    gpu = machine.gpu(after=1)
    assert (gpu.nvlink_tx_bytes_per_second.value, gpu.nvlink_rx_bytes_per_second.value) == (6000.0, 0.0)


def test_memory_over_the_total_is_shown_as_told(machine: Machine) -> None:
    machine.gpu_lines().values |= {"memory.used": 90 * GIB, "utilization": 101}
    machine.write()
    gpu = machine.gpu()
    assert (gpu.memory_used_bytes.value, gpu.memory_total_bytes.value) == (90 * GIB, 80 * GIB)


def test_a_name_that_is_no_utf_8_is_a_name(machine: Machine) -> None:
    machine.gpu_lines().values["name"] = b"NVIDIA GeForce RTX\xae 4090"
    machine.write()
    assert machine.gpu().name == "NVIDIA GeForce RTX\ufffd 4090"


def test_throttle_reasons_in_words(machine: Machine) -> None:
    machine.gpu_lines().values["throttle"] = 0x48
    machine.write()
    assert machine.gpu().throttle_reasons.value == ("hardware slowdown", "heat (hardware)")
    machine.gpu_lines().values["throttle"] = 0
    machine.write()
    assert machine.gpu(after=1).throttle_reasons.value == ()


def test_readings_say_when_they_were_taken(machine: Machine) -> None:
    machine.report()
    gpu = gpu_of(machine.report(after=1))
    assert gpu.utilization_percent.taken_at == 1001.0
    assert gpu.fan_percent.taken_at == 1000.0
