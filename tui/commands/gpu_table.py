"""A report about GPUs as the table that `envtui gpus` prints for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tui.commands.gpu_holders import IN_NONE, OUTSIDE_ANY, Holder
from tui.commands.gpu_json import lost_words
from tui.commands.table import aligned
from tui.model.errors import EnvtuiError
from tui.model.gpu_words import slowing
from tui.model.gpus import Gpu, GpuProcess, GpuReport, LostGpu, MigInstance
from tui.model.printable import printable
from tui.model.reading import Reading
from tui.model.units import format_age, format_bytes

_UNKNOWN = "–"
# a narrow terminal cuts a line at its end: what people look for first stands before that
_GPU_TITLES = ("GPU", "USE", "MEMORY", "TEMP", "POWER", "FAN", "SM CLOCK", "NAME", "REMARKS")
_PROCESS_TITLES = ("PID", "MEMORY", "SM", "USER", "CONTAINER", "ENVIRONMENT", "AGE", "TYPE", "COMMAND")
_INDENT = "  "


def report_lines(
    report: GpuReport, holders: Mapping[int, Holder], engine_error: EnvtuiError | None, now: float
) -> list[str]:
    """Lines that can be printed: one a GPU, what is on it below.

    Args:
        report: with GPUs, or why there are none.
        holders: of its processes, by number.
        engine_error: why containers have no names.
        now: epoch seconds, for ages.
    """
    if report.absence is not None:
        return [printable(report.absence.one_line())]
    numbered = sorted(_blocks(report, holders, now), key=lambda block: block[0])
    heads = aligned([_GPU_TITLES, *(head for _, head, _ in numbered)])
    below = aligned([_PROCESS_TITLES, *(row for _, _, rows in numbered for row in rows)])
    driver, cuda = (each or _UNKNOWN for each in (report.driver_version, report.cuda_version))
    lines = [printable(f"Driver {driver}, CUDA {cuda}"), "", heads.pop(0)]
    title, rest = f"{_INDENT}{below.pop(0)}", iter(below)
    if below:
        lines.append(title)
    for line, (_, _, rows) in zip(heads, numbered, strict=True):
        lines.append(line)
        lines += [f"{_INDENT}{next(rest)}" for _ in rows]
    if engine_error is not None:
        lines += ["", printable(f"Containers have no names: {engine_error.one_line()}")]
    return lines


_Rows = list[tuple[str, ...]]


def _blocks(
    report: GpuReport, holders: Mapping[int, Holder], now: float
) -> Iterator[tuple[int, tuple[str, ...], _Rows]]:
    """Index, cells of the GPU and rows below it."""
    for gpu in report.gpus:
        processes = sorted(
            report.processes_of(gpu.uuid), key=lambda each: (-(each.memory_bytes.value or 0), each.pid)
        )
        rows = [_process_row(each, holders.get(each.pid), now) for each in processes]
        left = report.unexplained_memory(gpu)
        if left.value != 0 and gpu.memory_used_bytes.value is not None:
            rows.append(("unexplained", _cell(left, format_bytes), *[""] * 6, left.reason))
        rows += map(_instance_row, gpu.mig_instances)
        yield gpu.index, _gpu_row(gpu, _remarks(gpu, report)), rows
    for lost in report.lost:
        yield lost.gpu.index, _lost_row(lost), []


def _gpu_row(gpu: Gpu, remarks: str) -> tuple[str, ...]:
    return (
        str(gpu.index),
        _cell(gpu.utilization_percent, _percent),
        _memory(gpu),
        _cell(gpu.temperature_celsius, lambda degrees: f"{degrees}°C"),
        _power(gpu),
        _cell(gpu.fan_percent, _percent),
        _cell(gpu.sm_clock_mhz, lambda megahertz: f"{megahertz} MHz"),
        gpu.name or _UNKNOWN,
        remarks,
    )


def _lost_row(lost: LostGpu) -> tuple[str, ...]:
    return (str(lost.gpu.index), *[_UNKNOWN] * 6, lost.gpu.name or _UNKNOWN, f"lost: {lost_words(lost)}")


def _remarks(gpu: Gpu, report: GpuReport) -> str:
    held = ", ".join(slowing(gpu.throttle_reasons.value or ()))
    told = (
        "asleep" if gpu.is_asleep else "",
        f"slowed by {held}" if held else "",
        report.why_no_processes(gpu.uuid),
    )
    return "; ".join(filter(None, told))


def _process_row(process: GpuProcess, holder: Holder | None, now: float) -> tuple[str, ...]:
    memory, share = _cell(process.memory_bytes, format_bytes), _cell(process.sm_percent, _percent)
    if holder is None:
        return (str(process.pid), memory, share, *[_UNKNOWN] * 4, process.type.value, _UNKNOWN)
    owner = holder.owner
    return (
        str(process.pid),
        memory,
        share,
        _cell(owner.user, str),
        _container(holder),
        _environment(holder),
        _cell(owner.started_at, lambda at: format_age(max(0.0, now - at))),
        process.type.value,
        _cell(owner.command, str),
    )


def _container(holder: Holder) -> str:
    if holder.container.value is not None:
        return holder.container.value
    if holder.container.reason == OUTSIDE_ANY:
        return "(host)"
    return (holder.container_id.value or _UNKNOWN)[:12]


def _environment(holder: Holder) -> str:
    label = holder.environment.value or holder.prefix.value
    return label or ("(none)" if holder.prefix.reason == IN_NONE else _UNKNOWN)


def _instance_row(instance: MigInstance) -> tuple[str, ...]:
    return (f"MIG {instance.index}", _memory(instance), *[""] * 6, instance.name)


def _memory(gpu: Gpu | MigInstance) -> str:
    used, total = (_cell(each, format_bytes) for each in (gpu.memory_used_bytes, gpu.memory_total_bytes))
    # one unit for both where it is the same
    number, _, unit = used.partition(" ")
    return f"{number if total.endswith(f' {unit}') else used}/{total}"


def _power(gpu: Gpu) -> str:
    drawn, limit = (
        _cell(each, lambda watts: f"{watts:.0f}") for each in (gpu.power_watts, gpu.power_limit_watts)
    )
    return _UNKNOWN if drawn == limit == _UNKNOWN else f"{drawn}/{limit} W"


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _cell(reading: Reading[Any], written: Callable[[Any], str]) -> str:
    return _UNKNOWN if reading.value is None else written(reading.value)
