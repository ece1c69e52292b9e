"""What the make-believe GPUs do at a moment: smooth, seeded functions of the time, like their containers'."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

from tui.demo.gpu_catalogue import (
    CARDS,
    COMPUTE_CAPABILITY,
    IDLE_WATTS,
    MIB,
    NAME,
    POWER_LIMIT_WATTS,
    RESERVED_BYTES,
    SHUTDOWN_CELSIUS,
    SLOWDOWN_CELSIUS,
    TOTAL_BYTES,
    Use,
)
from tui.demo.host_processes import HostProcess
from tui.model.gpu_words import compute_mode_words, throttle_words
from tui.model.gpus import Gpu, GpuProcess, ProcessType, RemappedRows, ThrottleShare
from tui.model.reading import Reading, unknown

T = TypeVar("T")

# A program has read its model after this long, and computes nothing before.
_LOADING_SECONDS = 25.0
_LOADING_PART = 0.04
# two periods without a common multiple nearby, as for the containers
_LONG_PERIOD_SECONDS, _SHORT_PERIOD_SECONDS = 47.0, 11.0
# Several programs at once never get more than this out of a GPU.
_MOST_PERCENT = 98.0
# A heat sink follows its chip slowly: the mean of what it did so many seconds ago.
_HEAT_AGES = tuple(range(0, 60, 10))
_COOL_CELSIUS = 33
# So close to its limit, and so close below the slowdown, clocks are held down.
_CAPPED_PART, _HOT_MARGIN_CELSIUS = 0.94, 7
_IDLE, _POWER_CAP, _HARDWARE_HEAT = 0x1, 0x4, 0x40
_MOST_SM_MHZ, _IDLE_SM_MHZ, _MEMORY_MHZ = 1980, 345, 2619
_LINKS, _GENERATION, _WIDTH = 18, 5, 16
# What is read from and written to the host's memory a second, for each per cent.
_RX_BYTES, _TX_BYTES = 22_000_000, 3_100_000
_NO_FAN = "it has no fan of its own"


@dataclass(frozen=True, slots=True)
class Share:
    """What one process does on one GPU at one moment."""

    process: HostProcess
    use: Use
    memory_bytes: int
    percent: int


class _Pace(NamedTuple):
    """What holds the clocks down (the driver's bits), how far, and for how much of the time."""

    bits: int
    clock_mhz: int
    watts: float
    held_percent: float = 0.0


@cache
def gpu_uuid(seed: int, index: int) -> str:
    """The same for the same seed."""
    digits = hashlib.sha256(f"gpu/{seed}/{index}".encode()).hexdigest()
    return f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


class Loads:
    """Who does how much on which GPU at any moment, each worked out once. Not thread-safe."""

    def __init__(self, processes: Sequence[HostProcess], seed: int) -> None:
        """Args: processes that were there at any of the moments; seed of their world."""
        self.seed = seed
        self._processes = processes
        self._known: dict[tuple[int, float], list[Share]] = {}

    def shares(self, index: int, at: float) -> list[Share]:
        """What all processes do on one GPU."""
        key = index, round(at, 3)
        if key not in self._known:
            self._known[key] = self._worked_out(index, at)
        return self._known[key]

    def busy(self, index: int, at: float) -> int:
        """How much of a GPU is used, in per cent."""
        return sum(each.percent for each in self.shares(index, at))

    def _worked_out(self, index: int, at: float) -> list[Share]:
        wanted = [
            (process, use, _wanted_percent(process, use, at, self.seed))
            for process in self._processes
            for use in process.uses
            if use.gpu == index and process.is_there(at)
        ]
        fits = min(1.0, _MOST_PERCENT / max(1.0, sum(percent for _, _, percent in wanted)))
        return [
            Share(process, use, _memory_bytes(process, use, at), int(percent * fits))
            for process, use, percent in wanted
        ]


def gpu_processes(found: Sequence[Share], uuid: str, taken_at: float) -> Iterator[GpuProcess]:
    """The same as the driver lists it."""
    for each in found:
        yield GpuProcess(
            each.process.pid,
            uuid,
            ProcessType.COMPUTE,
            Reading(each.memory_bytes, "", taken_at),
            Reading(float(each.percent), "", taken_at),
        )


def gpu(loads: Loads, index: int, at: float, taken_at: float) -> Gpu:
    """All figures of one GPU; `taken_at` is the same moment by the clock that readings go by."""

    def taken(value: T) -> Reading[T]:
        return Reading(value, "", taken_at)

    card, seed = CARDS[index], loads.seed
    found, busy = loads.shares(index, at), loads.busy(index, at)
    used_bytes = sum(each.memory_bytes for each in found) + card.unexplained_mib * MIB
    celsius = _celsius(loads, index, at)
    pace = _pace(busy, celsius)
    reasons = throttle_words(pace.bits)
    held = tuple(ThrottleShare(each, pace.held_percent) for each in reasons if pace.held_percent)
    sent = float(sum(each.percent * each.use.pattern.link_bytes for each in found))
    remapped = RemappedRows(card.corrected_errors, 0, is_pending=False, has_failed=False)
    figures: dict[str, Any] = {
        "compute_capability": taken(COMPUTE_CAPABILITY),
        "utilization_percent": taken(float(busy)),
        "memory_bus_percent": taken(float(round(busy * 0.55))),
        "encoder_percent": taken(0.0),
        "decoder_percent": taken(0.0),
        "memory_total_bytes": taken(TOTAL_BYTES),
        "memory_used_bytes": taken(used_bytes),
        "memory_reserved_bytes": taken(RESERVED_BYTES),
        "temperature_celsius": taken(celsius),
        "slowdown_celsius": taken(SLOWDOWN_CELSIUS),
        "shutdown_celsius": taken(SHUTDOWN_CELSIUS),
        "memory_temperature_celsius": taken(celsius + 9),
        "power_watts": taken(round(pace.watts + 4 * _wave(at, seed, f"watts {index}"), 2)),
        "power_limit_watts": taken(POWER_LIMIT_WATTS),
        "fan_percent": unknown(_NO_FAN),
        "performance_state": taken(0),
        "sm_clock_mhz": taken(pace.clock_mhz),
        "sm_clock_max_mhz": taken(_MOST_SM_MHZ),
        "memory_clock_mhz": taken(_MEMORY_MHZ),
        "memory_clock_max_mhz": taken(_MEMORY_MHZ),
        "throttle_reasons": taken(reasons),
        "throttle_shares": taken(held),
        "pcie_generation": taken(_GENERATION),
        "pcie_generation_max": taken(_GENERATION),
        "pcie_width": taken(_WIDTH),
        "pcie_width_max": taken(_WIDTH),
        "pcie_tx_bytes_per_second": taken(float(busy * _TX_BYTES)),
        "pcie_rx_bytes_per_second": taken(float(busy * _RX_BYTES)),
        "nvlink_links": taken(_LINKS),
        "nvlink_tx_bytes_per_second": taken(sent),
        "nvlink_rx_bytes_per_second": taken(sent),
        "ecc_corrected_errors": taken(card.corrected_errors),
        "ecc_uncorrected_errors": taken(0),
        "remapped_rows": taken(remapped),
        "is_persistent": taken(True),
        "compute_mode": taken(compute_mode_words(0)),
        "is_mig": taken(False),
    }
    return Gpu(gpu_uuid(seed, index), index, NAME, card.bus_id, **figures)


def _wanted_percent(process: HostProcess, use: Use, at: float, seed: int) -> float:
    """What share of the GPU a process would take if it were alone."""
    pattern = use.pattern
    if not pattern.percent or at - process.started_at < _LOADING_SECONDS or not process.goes_on(at):
        return 0.0
    key = f"{use.container} {use.number}"
    place = (at / pattern.period_seconds + _phase(seed, key)) % 1.0
    if place >= 1.0 - pattern.rest_share:
        return pattern.rest_percent
    return min(100.0, max(0.0, pattern.percent + pattern.swing * _wave(at, seed, key)))


def _pace(busy: int, celsius: int) -> _Pace:
    watts = IDLE_WATTS + (POWER_LIMIT_WATTS - IDLE_WATTS) * busy / 100
    if not busy:
        return _Pace(_IDLE, _IDLE_SM_MHZ, watts)
    above = celsius - (SLOWDOWN_CELSIUS - _HOT_MARGIN_CELSIUS)
    if above >= 0:
        clock_mhz = 1_410 - 50 * above
        return _Pace(_HARDWARE_HEAT, clock_mhz, watts * clock_mhz / _MOST_SM_MHZ, 34.0 + 9.0 * above)
    if watts >= _CAPPED_PART * POWER_LIMIT_WATTS:
        return _Pace(_POWER_CAP, 1_755, watts, 11.0)
    return _Pace(0, _MOST_SM_MHZ, watts)


def _memory_bytes(process: HostProcess, use: Use, at: float) -> int:
    part = min(1.0, _LOADING_PART + max(0.0, at - process.started_at) / _LOADING_SECONDS)
    return int(use.memory_mib * part) * MIB


def _celsius(loads: Loads, index: int, at: float) -> int:
    mean = sum(loads.busy(index, at - age) for age in _HEAT_AGES) / len(_HEAT_AGES) / 100
    return round(_COOL_CELSIUS + (CARDS[index].hot_celsius - _COOL_CELSIUS) * mean)


def _wave(at: float, seed: int, key: str) -> float:
    """Smooth noise between -1 and 1, another one for each key."""
    phase = _phase(seed, key)
    long = math.sin(2 * math.pi * (at / _LONG_PERIOD_SECONDS + phase))
    short = math.sin(2 * math.pi * (at / _SHORT_PERIOD_SECONDS + 7 * phase))
    return 0.6 * long + 0.4 * short


@cache
def _phase(seed: int, key: str) -> float:
    return hashlib.sha256(f"gpu phase/{seed}/{key}".encode()).digest()[0] / 256
