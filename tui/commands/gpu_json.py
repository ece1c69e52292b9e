"""A report about GPUs as the JSON that `envtui gpus` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.commands.gpu_holders import Holder
from tui.model.gpus import Gpu, GpuProcess, GpuReport, LostGpu, MigInstance
from tui.model.reading import Reading, unknown
from tui.model.units import iso_time

#: Figures of a GPU that are printed, by the names that they have in the model.
FIGURES = (
    "utilization_percent", "memory_total_bytes", "memory_used_bytes", "memory_reserved_bytes",
    "temperature_celsius", "power_watts", "power_limit_watts", "fan_percent", "sm_clock_mhz",
    "throttle_reasons",
)  # fmt: skip
_MEMORY = ("memory_total_bytes", "memory_used_bytes", "memory_reserved_bytes")
_NOT_TOLD = "the driver does not tell it"


def report_as_json(report: GpuReport, holders: Mapping[int, Holder]) -> dict[str, Any]:
    """Everything; in each object `unknown` says why a value is null."""
    absence = report.absence
    why = absence.one_line() if absence is not None else _NOT_TOLD
    gpus = [_gpu(each, report, holders) for each in report.gpus] + [_lost(each) for each in report.lost]
    told = {
        "driver_version": _or(report.driver_version, why),
        "cuda_version": _or(report.cuda_version, why),
        "gpus": sorted(gpus, key=lambda each: each["index"]),
    }
    made = _object(told)
    unknown_fields = made.pop("unknown")
    # no figure that could be unknown: there is one to give, or there is none
    reason = absence.one_line() if absence is not None else None
    return {**made, "reason": reason, "unknown": unknown_fields}


def lost_words(lost: LostGpu) -> str:
    """Why a GPU is lost."""
    return f"Xid {lost.xid.code}: {lost.xid.words}" if lost.xid is not None else lost.why


def _gpu(gpu: Gpu, report: GpuReport, holders: Mapping[int, Holder]) -> dict[str, Any]:
    told = _identity(gpu) | {name: getattr(gpu, name) for name in FIGURES}
    processes = report.processes_of(gpu.uuid)
    told["processes"] = [_process(each, holders.get(each.pid)) for each in processes]
    told["mig_instances"] = [_instance(each, processes) for each in gpu.mig_instances]
    made = _object(told)
    why = report.why_no_processes(gpu.uuid)
    if why:
        # a list all the same, so that whoever goes through it needs no exception
        made["unknown"]["processes"] = why
    return made


def _lost(lost: LostGpu) -> dict[str, Any]:
    reason = f"lost: {lost_words(lost)}"
    told = _identity(lost.gpu) | dict.fromkeys(FIGURES, unknown(reason))
    made = _object({**told, "processes": [], "mig_instances": [], "lost": lost_words(lost)})
    made["unknown"]["processes"] = reason
    return made


def _identity(gpu: Gpu) -> dict[str, Any]:
    why = "asleep" if gpu.is_asleep else _NOT_TOLD
    return {"index": gpu.index, "uuid": _or(_own_uuid(gpu.uuid), why), "name": _or(gpu.name or None, why)}


def _own_uuid(key: str) -> str | None:
    """None for a key that stands for a GPU or instance which does not tell its own: no UUID holds these."""
    return None if ":" in key or "/" in key else key


def _instance(instance: MigInstance, processes: tuple[GpuProcess, ...]) -> dict[str, Any]:
    numbers = instance.gpu_instance_id, instance.compute_instance_id
    on_it = [each for each in processes if (each.gpu_instance_id, each.compute_instance_id) == numbers]
    told: dict[str, Any] = {
        "index": instance.index,
        "uuid": _or(_own_uuid(instance.uuid), _NOT_TOLD),
        "name": _or(instance.name or None, _NOT_TOLD),
        **{name: getattr(instance, name) for name in _MEMORY},
        "pids": sorted({each.pid for each in on_it if each.gpu_instance_id is not None}),
    }
    return _object(told)


def _process(process: GpuProcess, holder: Holder | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "pid": process.pid,
        "type": process.type.value,
        "memory_bytes": process.memory_bytes,
        "sm_percent": process.sm_percent,
    }
    names = ("user", "command", "started_at", "container", "container_id", "environment", "prefix")
    if holder is None:
        return _object(told | dict.fromkeys(names, unknown("its owner was not looked for")))
    started_at = holder.owner.started_at
    told |= {
        "user": holder.owner.user,
        "command": holder.owner.command,
        "started_at": _or(iso_time(started_at.value), started_at.reason),
        "container": holder.container,
        "container_id": holder.container_id,
        "environment": holder.environment,
        "prefix": holder.prefix,
    }
    return _object(told)


def _or(value: str | None, reason: str) -> Reading[str]:
    return unknown(reason) if value is None else Reading(value)


def _object(told: Mapping[str, Any]) -> dict[str, Any]:
    """Readings as their values, with the reasons of those that have none in `unknown`."""
    made: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for name, value in told.items():
        if not isinstance(value, Reading):
            made[name] = value
            continue
        made[name] = list(value.value) if isinstance(value.value, tuple) else value.value
        if value.value is None:
            reasons[name] = value.reason or "not told"
    return {**made, "unknown": reasons}
