"""What the GPUs pane says: the cells of its lines, and the lines about the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tui.model.entitlement import IDLE_MINUTES, Standing
from tui.model.gpu_rows import GpuLine, Holder, LineKind
from tui.model.gpu_words import HARMLESS_THROTTLE_REASONS
from tui.model.gpus import Gpu
from tui.model.reading import Reading
from tui.model.units import format_age, format_bytes, format_rate
from tui.monitor.gpu_past import PAST_SECONDS, Moment
from tui.ui import spark
from tui.ui.text import printable
from tui.ui.widgets.line_bar import Part

UNKNOWN = "–"
#: Cells of the graph in a GPU's line: a minute each.
SPARK_CELLS = 10
# A card slows down at its own point; five degrees before, somebody should look.
_HOT_MARGIN_CELSIUS = 5
_BUSY_PERCENT, _NEARLY_FULL_PERCENT = 50.0, 90.0
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class GpuItem:
    """A line with what changes around it.

    Attributes:
        spark: of a GPU, its use in the last ten minutes.
        age: of a process, since when it runs, as text.
    """

    line: GpuLine
    spark: str = ""
    age: str = ""


def spark_of(moments: tuple[Moment, ...], now: float) -> str:
    """A GPU's use in the last ten minutes."""
    known = [(each.at, each.utilization_percent) for each in moments]
    return spark.line(spark.spread(known, now, PAST_SECONDS, SPARK_CELLS))


def number(reading: Reading[Any], written: Callable[[Any], str], tone: str = "") -> Cell:
    """A figure, or that it is unknown."""
    return (UNKNOWN, "muted") if reading.value is None else (written(reading.value), tone)


# -- cells


def first_cell(item: GpuItem) -> Cell:
    """Which GPU, whose group, or which process."""
    line = item.line
    if line.kind is LineKind.LOST:
        return f"✗ {line.label}", "bad"
    if line.kind in (LineKind.GPU, LineKind.MIG, LineKind.GROUP):
        return line.label, "strong"
    if line.kind is LineKind.REST:
        return "  ?", "muted"
    assert line.holder is not None
    mark = "▸" if line.is_selected else " "
    return f" {mark}{line.holder.process.pid}", "strong" if line.is_selected else ""


def use_cell(item: GpuItem) -> Cell:
    """Share of time with work."""
    line = item.line
    if line.kind is LineKind.REST:
        return "", ""
    if line.kind is LineKind.GPU and line.gpu is not None and line.gpu.is_asleep:
        return "zZ", "muted"
    value = line.percent.value
    tone = "busy" if value is not None and value >= _BUSY_PERCENT else ""
    return number(line.percent, lambda percent: f"{percent:.0f}%", tone)


def memory_cell(item: GpuItem) -> Cell:
    """Used of a GPU, held by a process."""
    line = item.line
    used = line.memory_bytes.value
    if line.kind not in (LineKind.GPU, LineKind.LOST, LineKind.MIG):
        return number(line.memory_bytes, format_bytes)
    owner = line.mig if line.mig is not None else line.gpu
    total = owner.memory_total_bytes.value if owner is not None else None
    if used is None:
        return UNKNOWN, "muted"
    if total is None:
        return format_bytes(used), ""
    tone = "warn" if used * 100 >= total * _NEARLY_FULL_PERCENT else ""
    whole, unit = format_bytes(total).split(" ")
    return f"{used / total * float(whole):.1f}/{whole} {unit}", tone


def user_cell(item: GpuItem) -> Cell:
    """Of a GPU its temperature, of a process its user."""
    line = item.line
    if line.kind in (LineKind.GPU, LineKind.LOST) and line.gpu is not None:
        return temperature(line.gpu)
    if line.holder is None:
        return "", ""
    owner = line.holder.owner
    return (UNKNOWN, "muted") if owner is None else number(owner.user, str)


def container_cell(item: GpuItem) -> Cell:
    """Of a GPU its power, of a process its container."""
    line = item.line
    if line.kind in (LineKind.GPU, LineKind.LOST) and line.gpu is not None:
        return power(line.gpu)
    if line.kind is LineKind.GROUP:
        return f"{line.count} process{'es' * (line.count != 1)}" if line.count else "", "muted"
    if line.holder is None:
        return "", ""
    return container_of(line.holder)


def environment_cell(item: GpuItem) -> Cell:
    """Of a GPU its last ten minutes, of a process its environment."""
    if item.line.kind in (LineKind.GPU, LineKind.LOST):
        return item.spark, "good"
    holder = item.line.holder
    if holder is None:
        return "", ""
    label = holder.environment_label
    if label is None:
        return UNKNOWN, "muted"
    return (label, "") if label else ("(none)", "muted")


def command_cell(item: GpuItem) -> Cell:
    """Of a GPU what it is and what holds it down, of a process what it is."""
    line = item.line
    if line.kind is LineKind.REST:
        where = f"on GPU {line.gpu.index}, " if line.gpu is not None and "\0rest" in line.group else ""
        return f"{where}memory that no process explains", "muted"
    if line.kind is LineKind.LOST and line.lost is not None:
        return lost_words(line), "bad"
    if line.kind is LineKind.MIG and line.mig is not None:
        return line.mig.name, "muted"
    if line.kind is LineKind.GPU and line.gpu is not None:
        held = throttled(line.gpu)
        words = f"{line.gpu.name}  ▲ {', '.join(held)}" if held else line.gpu.name
        return words, "warn" if held else "muted"
    holder = line.holder
    if holder is None:
        return "", ""
    warning = remark(holder)
    command = UNKNOWN if holder.owner is None else holder.owner.command.value or UNKNOWN
    return (f"▲ {warning}: {command}", "warn") if warning else (command, "")


def age_cell(item: GpuItem) -> Cell:
    """Since when a process runs; of a GPU its fan."""
    line = item.line
    if line.kind is LineKind.GPU and line.gpu is not None:
        fan = line.gpu.fan_percent.value
        return ("", "") if fan is None else (f"{fan:.0f}%", "muted")
    if line.holder is None:
        return "", ""
    return (item.age, "") if item.age else (UNKNOWN, "muted")


# -- words


def temperature(gpu: Gpu) -> Cell:
    """Degrees, marked near the card's own point where it slows down."""
    degrees, slowdown = gpu.temperature_celsius.value, gpu.slowdown_celsius.value
    is_hot = degrees is not None and slowdown is not None and degrees >= slowdown - _HOT_MARGIN_CELSIUS
    return number(gpu.temperature_celsius, lambda value: f"{'▲' * is_hot}{value}°C", "bad" if is_hot else "")


def power(gpu: Gpu) -> Cell:
    """Drawn, and the limit."""
    limit = gpu.power_limit_watts.value
    of = "" if limit is None else f"/{limit:.0f}"
    return number(gpu.power_watts, lambda watts: f"{watts:.0f}{of} W")


def throttled(gpu: Gpu) -> list[str]:
    """What holds its clocks down, but for what is as somebody wanted it."""
    return [each for each in gpu.throttle_reasons.value or () if each not in HARMLESS_THROTTLE_REASONS]


def container_of(holder: Holder) -> Cell:
    """The container of a process."""
    if holder.container is not None:
        return holder.container.name, ""
    owner = holder.owner
    if owner is not None and owner.is_outside:
        return "(host)", "warn"
    identity = owner.container_id.value if owner is not None else None
    return (identity[:12], "muted") if identity else (UNKNOWN, "muted")


def remark(holder: Holder) -> str:
    """What is odd about a process; "" for nothing."""
    if holder.standing is Standing.NOT_ENTITLED:
        return "not its GPU"
    return f"idle {format_age(holder.idle_seconds or 0.0)}" if is_idle(holder) else ""


def is_idle(holder: Holder) -> bool:
    """Whether it has held memory for long and done nothing; not where that is unknown."""
    return holder.idle_seconds is not None and holder.idle_seconds >= IDLE_MINUTES * 60


def lost_words(line: GpuLine) -> str:
    """Why a GPU is lost."""
    assert line.lost is not None
    xid = line.lost.xid
    told = f"Xid {xid.code}: {xid.words}" if xid is not None else line.lost.why
    return f"lost: {told}"


# -- lines about it


def detail_lines(item: GpuItem) -> list[tuple[list[Part], list[Part]]]:
    """What the cells have no room for, with the reason of everything that is unknown."""
    line = item.line
    if line.kind is LineKind.PROCESS and line.holder is not None:
        return _of_process(line.holder)
    if line.kind is LineKind.REST:
        return _of_rest(line)
    if line.kind is LineKind.GROUP:
        return [
            ([(f" {printable(line.label)}", "strong")], []),
            ([(f" {_sums(line)}", "muted")], []),
            ([], []),
        ]
    if line.kind is LineKind.MIG and line.mig is not None:
        mig = line.mig
        words = f" {printable(mig.uuid)} · memory {_shown(mig.memory_used_bytes, format_bytes)}"
        return [
            ([(f" {line.label} ", "strong"), (printable(mig.name), "")], []),
            ([(words, "muted")], []),
            ([], []),
        ]
    assert line.gpu is not None
    return _of_gpu(line, line.gpu)


def _sums(line: GpuLine) -> str:
    return (
        f"{line.count} processes · memory {_shown(line.memory_bytes, format_bytes)} · "
        f"SM {_shown(line.percent, lambda value: f'{value:.0f}%')} over all GPUs"
    )


def _of_rest(line: GpuLine) -> list[tuple[list[Part], list[Part]]]:
    told = _shown(line.memory_bytes, format_bytes)
    why = (
        "Processes that envtui can't see, such as those of another PID namespace, of a driver client that "
        "hangs, or the driver's own contexts"
    )
    return [([(f" {told} that no process explains", "strong")], []), ([(f" {why}", "muted")], []), ([], [])]


def _of_gpu(line: GpuLine, gpu: Gpu) -> list[tuple[list[Part], list[Part]]]:
    head = " · ".join(filter(None, (gpu.name, gpu.uuid, gpu.bus_id)))
    first: list[Part] = [(f" {line.label}  ", "strong"), (printable(head), "muted")]
    if line.lost is not None:
        first = [(f" {line.label}  ", "strong"), (printable(lost_words(line)), "bad")]
    if gpu.is_asleep:
        first.append(("  asleep: it is not asked, which would wake it", "warn"))
    held = gpu.throttle_reasons
    second = [
        f"use {_shown(gpu.utilization_percent, _percent)}",
        f"memory bus {_shown(gpu.memory_bus_percent, _percent)}",
        f"reserved {_shown(gpu.memory_reserved_bytes, format_bytes)}",
        f"SM {_shown(gpu.sm_clock_mhz, str)} of {_shown(gpu.sm_clock_max_mhz, str)} MHz",
        f"clocks held by {_shown(held, lambda reasons: ', '.join(reasons) or 'nothing')}",
    ]
    third = [
        f"temperature {_shown(gpu.temperature_celsius, _celsius)}, slows at "
        f"{_shown(gpu.slowdown_celsius, _celsius)}",
        f"power {_shown(gpu.power_watts, _watts)}",
        f"fan {_shown(gpu.fan_percent, _percent)}",
        f"PCIe {_link(gpu)}",
    ]
    return [
        (first, []),
        ([(f" {printable(' · '.join(second))}", "muted")], []),
        ([(f" {printable(' · '.join(third))}", "muted")], []),
    ]


def _link(gpu: Gpu) -> str:
    generation, width = gpu.pcie_generation, gpu.pcie_width
    rates = (gpu.pcie_rx_bytes_per_second, gpu.pcie_tx_bytes_per_second)
    link = (
        UNKNOWN if generation.value is None or width.value is None else f"{generation.value}.0 x{width.value}"
    )
    if any(each.value is None for each in rates):
        return link
    return f"{link} ↓ {format_rate(rates[0].value or 0.0)} ↑ {format_rate(rates[1].value or 0.0)}"


def _of_process(holder: Holder) -> list[tuple[list[Part], list[Part]]]:
    owner, process = holder.owner, holder.process
    command = "not looked at yet" if owner is None else _shown(owner.command, str)
    first: list[Part] = [(f" {process.pid} ", "strong"), (printable(command), "")]
    words = [
        f"GPU {holder.gpu.index}",
        str(process.type),
        f"memory {_shown(process.memory_bytes, format_bytes)}",
        f"SM {_shown(process.sm_percent, _percent)}",
        remark(holder),
        "outside any container" if holder.standing is Standing.OUTSIDE else "",
    ]
    second = [(f" {printable(' · '.join(filter(None, words)))}", "muted")]
    return [(first, []), (second, []), ([(f" {printable(_chain(holder))}", "muted")], [])]


def _chain(holder: Holder) -> str:
    """The links from the process to its environment, each known or with the reason why not."""
    owner = holder.owner
    if owner is None:
        return "its owner has not been looked for yet"
    links = [f"user {_shown(owner.user, str)}"]
    if owner.is_outside:
        links.append("in no container")
    elif holder.container is not None:
        links.append(f"container {holder.container.name}, PID {_shown(owner.pid_inside, str)} in it")
    else:
        links.append(f"container {_shown(owner.container_id, lambda value: value[:12])}")
    if holder.prefix.value == "":
        links.append("in no environment")
    else:
        name = f"{holder.environment.value} " if holder.environment.value else ""
        links.append(f"environment {name}{_shown(holder.prefix, str)}")
    return " → ".join(links)


def _shown(reading: Reading[Any], written: Callable[[Any], str]) -> str:
    return f"{UNKNOWN} ({reading.reason})" if reading.value is None else written(reading.value)


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _celsius(value: float) -> str:
    return f"{value}°C"


def _watts(value: float) -> str:
    return f"{value:.0f} W"
