"""One GPU at leisure: graphs of the last ten minutes, every figure with its reason, errors and processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tui.model.gpus import Gpu, GpuReport, LostGpu
from tui.model.reading import Reading
from tui.model.units import format_age, format_bytes, format_rate
from tui.monitor.gpu_past import PAST_SECONDS, Moment
from tui.monitor.topics import GPU_PAST, GPUS, Snapshot
from tui.ui import spark
from tui.ui.bridge import Bridge
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import printable

_GRAPH_LINES = 6
# The name of a figure, and a gap.
_NAME_CELLS = 26
_AXIS = ("100% ┤", " 50% ┤", "  0% ┤")


class GpuDetailsScreen(TextScreen):
    """Follows the GPU as it goes on."""

    def __init__(self, uuid: str, label: str, bridge: Bridge) -> None:
        """Args: the GPU's key, and what it is called; where its figures are."""
        super().__init__(f"{printable(label)}")
        self._uuid = uuid
        self._bridge = bridge

    def fill(self) -> None:
        """Show what is known, and what comes."""
        self._bridge.read(GPUS, self._on_report)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._bridge.forget(GPUS, self._on_report)

    def on_resize(self) -> None:
        """The graph is as wide as the screen."""
        snapshot = self._bridge.monitor.store.get(GPUS)
        if snapshot is not None:
            self._on_report(snapshot)

    def _on_report(self, snapshot: Snapshot[GpuReport]) -> None:
        report = snapshot.value
        if not self.is_attached or report is None:
            return
        past = (self._bridge.monitor.store.value(GPU_PAST) or {}).get(self._uuid, ())
        width = max(20, self.size.width - len(_AXIS[0]) - 3)
        lines = detail_lines(report, self._uuid, past, width, self._bridge.monitor.workstation.now())
        if snapshot.error is not None:
            lines = [[(f" ▲ {printable(snapshot.error.one_line())}", "bad")], [("", "")], *lines]
        self.show_lines(lines)


def detail_lines(report: GpuReport, uuid: str, past: Sequence[Moment], width: int, now: float) -> list[Line]:
    """All of it.

    Args:
        report: the newest.
        uuid: of the GPU.
        past: what it did.
        width: cells of the graphs.
        now: epoch seconds.
    """
    lost = next((each for each in report.lost if each.gpu.uuid == uuid), None)
    gpu = lost.gpu if lost else next((each for each in report.gpus if each.uuid == uuid), None)
    if gpu is None:
        return [[(" It is not there any more.", "warn")]]
    lines: list[Line] = [[(f" {printable(gpu.name)}", "strong"), (f"  {gpu.uuid}  {gpu.bus_id}", "muted")]]
    if lost is not None:
        lines.append([(f" ✗ lost {format_age(max(0.0, now - lost.lost_at))} ago: {_why_lost(lost)}", "bad")])
    lines.append([("", "")])
    use = [(each.at, each.utilization_percent) for each in past]
    memory = [(each.at, each.memory_percent) for each in past]
    for title, moments in (("use", use), ("memory", memory)):
        lines += _graph(title, moments, report.taken_at, width)
    lines += [_figure(name, reading, written) for name, reading, written in _figures(gpu)]
    lines += _instances(gpu)
    lines += _errors(report, uuid, now)
    return lines


def _why_lost(lost: LostGpu) -> str:
    return f"Xid {lost.xid.code}, {lost.xid.words}" if lost.xid is not None else printable(lost.why)


def _graph(title: str, moments: Sequence[tuple[float, float | None]], now: float, width: int) -> list[Line]:
    rows = spark.graph(spark.spread(moments, now, PAST_SECONDS, width), _GRAPH_LINES)
    axis = {0: _AXIS[0], _GRAPH_LINES // 2: _AXIS[1], _GRAPH_LINES - 1: _AXIS[2]}
    lines: list[Line] = [[(f" {title}, last ten minutes", "header")]]
    lines += [[(axis.get(number, "     │"), "muted"), (row, "good")] for number, row in enumerate(rows)]
    return [*lines, [("", "")]]


def _figures(gpu: Gpu) -> list[tuple[str, Reading[Any], Callable[[Any], str]]]:
    percent = "{:.0f}%".format
    return [
        ("use", gpu.utilization_percent, percent),
        ("memory bus", gpu.memory_bus_percent, percent),
        ("encoder", gpu.encoder_percent, percent),
        ("decoder", gpu.decoder_percent, percent),
        ("memory used", gpu.memory_used_bytes, format_bytes),
        ("memory reserved by driver", gpu.memory_reserved_bytes, format_bytes),
        ("memory in all", gpu.memory_total_bytes, format_bytes),
        ("temperature", gpu.temperature_celsius, "{} °C".format),
        ("slows down at", gpu.slowdown_celsius, "{} °C".format),
        ("shuts down at", gpu.shutdown_celsius, "{} °C".format),
        ("temperature of memory", gpu.memory_temperature_celsius, "{} °C".format),
        ("power", gpu.power_watts, "{:.0f} W".format),
        ("power limit", gpu.power_limit_watts, "{:.0f} W".format),
        ("fan", gpu.fan_percent, percent),
        ("performance state", gpu.performance_state, "P{}".format),
        ("SM clock", gpu.sm_clock_mhz, "{} MHz".format),
        ("SM clock at most", gpu.sm_clock_max_mhz, "{} MHz".format),
        ("memory clock", gpu.memory_clock_mhz, "{} MHz".format),
        ("memory clock at most", gpu.memory_clock_max_mhz, "{} MHz".format),
        ("clocks are held by", gpu.throttle_reasons, lambda words: ", ".join(words) or "nothing"),
        ("… of the last seconds", gpu.throttle_shares, _shares),
        ("PCIe generation", gpu.pcie_generation, str),
        ("PCIe generation at most", gpu.pcie_generation_max, str),
        ("PCIe lanes", gpu.pcie_width, str),
        ("PCIe lanes at most", gpu.pcie_width_max, str),
        ("PCIe to the GPU", gpu.pcie_rx_bytes_per_second, format_rate),
        ("PCIe from the GPU", gpu.pcie_tx_bytes_per_second, format_rate),
        ("NVLinks", gpu.nvlink_links, str),
        ("NVLink to the GPU", gpu.nvlink_rx_bytes_per_second, format_rate),
        ("NVLink from the GPU", gpu.nvlink_tx_bytes_per_second, format_rate),
        ("ECC errors, corrected", gpu.ecc_corrected_errors, str),
        ("ECC errors, uncorrected", gpu.ecc_uncorrected_errors, str),
        ("memory rows replaced", gpu.remapped_rows, _rows),
        ("persistence mode", gpu.is_persistent, lambda on: "on" if on else "off"),
        ("compute mode", gpu.compute_mode, str),
        ("compute capability", gpu.compute_capability, str),
        ("MIG mode", gpu.is_mig, lambda on: "on" if on else "off"),
    ]


def _figure(name: str, reading: Reading[Any], written: Callable[[Any], str]) -> Line:
    if reading.value is None:
        return [(f" {name:<{_NAME_CELLS}}", "muted"), (f"–  {printable(reading.reason)}", "muted")]
    return [(f" {name:<{_NAME_CELLS}}", "muted"), (printable(written(reading.value)), "")]


def _shares(shares: Sequence[Any]) -> str:
    return ", ".join(f"{each.reason} {each.percent:.0f}%" for each in shares) or "nothing"


def _rows(rows: Any) -> str:
    words = f"{rows.correctable} for corrected, {rows.uncorrectable} for uncorrected errors"
    words += ", one waits for a reset" if rows.is_pending else ""
    return words + (", one could not be replaced" if rows.has_failed else "")


def _instances(gpu: Gpu) -> list[Line]:
    lines: list[Line] = [[("", "")], [(" MIG instances", "header")]] if gpu.mig_instances else []
    for each in gpu.mig_instances:
        used, total = each.memory_used_bytes.value, each.memory_total_bytes.value
        memory = "–" if used is None or total is None else f"{format_bytes(used)} of {format_bytes(total)}"
        lines.append([(f" {each.index}  {printable(each.name):<16} {memory}  {each.uuid}", "")])
    return lines


def _errors(report: GpuReport, uuid: str, now: float) -> list[Line]:
    errors = [each for each in report.xids if each.gpu_uuid == uuid]
    lines: list[Line] = [[("", "")], [(" Errors of the driver (Xid) while envtui watched", "header")]]
    if not errors:
        return [*lines, [(" none", "muted")]]
    for each in reversed(errors):
        age = format_age(max(0.0, now - each.at))
        lines.append([(f" {age} ago  Xid {each.code}: {printable(each.words)}", "bad")])
    return lines
