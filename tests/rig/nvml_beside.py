"""Prints as JSON what our reader and nvitop's API say of the same driver, in one process.

LD_LIBRARY_PATH=… ENVTUI_NVML_SCENARIO=… python -m tests.rig.nvml_beside
"""

from __future__ import annotations

import json
import time
from dataclasses import fields
from typing import Any

from tui.backends.gpu.nvml import NvmlGpus
from tui.model.gpus import Gpu
from tui.model.reading import Reading


def ours() -> dict[str, Any]:
    """Each figure as its value, or null; reasons apart."""
    gpus = NvmlGpus()
    report = gpus.report()
    gpus.close()
    told: dict[str, Any] = {"driver_version": report.driver_version, "cuda_version": report.cuda_version}
    for gpu in report.gpus:
        readings = {each.name: getattr(gpu, each.name) for each in fields(Gpu)}
        told[gpu.uuid] = {
            "name": gpu.name,
            **{name: each.value for name, each in readings.items() if isinstance(each, Reading)},
            "why": {name: each.reason for name, each in readings.items() if isinstance(each, Reading)},
            "why_not": {process.pid: process.sm_percent.reason for process in report.processes_of(gpu.uuid)},
            "processes": {
                process.pid: [process.memory_bytes.value, process.sm_percent.value, process.type]
                for process in report.processes_of(gpu.uuid)
            },
        }
    return told


def theirs() -> dict[str, Any]:
    """The same by nvitop; what it has no value for is null."""
    from nvitop import Device, GpuProcess  # type: ignore[import-untyped]

    told: dict[str, Any] = {
        "driver_version": Device.driver_version(),
        "cuda_version": _no_na(Device.cuda_driver_version()),
    }
    for device in Device.all():
        power, limit = _no_na(device.power_usage()), _no_na(device.power_limit())
        processes: dict[int, GpuProcess] = device.processes()
        told[device.uuid()] = {
            "name": device.name(),
            "utilization_percent": _no_na(device.gpu_utilization()),
            "memory_bus_percent": _no_na(device.memory_utilization()),
            "encoder_percent": _no_na(device.encoder_utilization()),
            "decoder_percent": _no_na(device.decoder_utilization()),
            "memory_total_bytes": _no_na(device.memory_total()),
            "memory_used_bytes": _no_na(device.memory_used()),
            "temperature_celsius": _no_na(device.temperature()),
            "fan_percent": _no_na(device.fan_speed()),
            "power_watts": None if power is None else power / 1000,
            "power_limit_watts": None if limit is None else limit / 1000,
            "sm_clock_mhz": _no_na(device.sm_clock()),
            "sm_clock_max_mhz": _no_na(device.max_sm_clock()),
            "memory_clock_mhz": _no_na(device.memory_clock()),
            "memory_clock_max_mhz": _no_na(device.max_memory_clock()),
            "performance_state": _no_na(device.performance_state()),
            "is_persistent": _no_na(device.persistence_mode()),
            "compute_mode": _no_na(device.compute_mode()),
            "is_mig": _no_na(device.mig_mode()),
            "ecc_uncorrected_errors": _no_na(device.total_volatile_uncorrected_ecc_errors()),
            "compute_capability": _no_na(device.cuda_compute_capability()),
            "processes": {
                pid: [_no_na(process.gpu_memory()), _no_na(process.gpu_sm_utilization()), str(process.type)]
                for pid, process in processes.items()
            },
        }
    return told


def _no_na(value: Any) -> Any:
    from nvitop import NA

    return None if value == NA else value


def main() -> None:
    """Print both, and how long each took."""
    began = time.perf_counter()
    first = ours()
    between = time.perf_counter()
    second = theirs()
    took = [between - began, time.perf_counter() - between]
    print(json.dumps({"ours": first, "theirs": second, "seconds": took}, default=str))


if __name__ == "__main__":
    main()
