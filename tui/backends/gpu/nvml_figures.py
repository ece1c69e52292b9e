"""Which figures NVML is asked for, how often, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tui.backends.gpu.nvml_calls import NOT_SUPPORTED, TOO_OLD, Door, Target, converted, words_of
from tui.model.gpu_words import compute_mode_words, throttle_words
from tui.model.gpus import RemappedRows
from tui.model.reading import Reading, unknown

_SM_CLOCK, _MEMORY_CLOCK = 1, 2
_SHUTDOWN, _SLOWDOWN = 0, 1
_CORRECTED, _UNCORRECTED = 0, 1
_SINCE_LOADING = 0
_CHIP = 0
#: What the driver refuses while a GPU is split.
NOT_WITH_MIG = "not told while MIG is on"
_NO_FAN = "it has no fan of its own"
_RESERVED_IN_USED = "this driver counts it as used"
_NOT_ON_THIS_GPU = words_of(NOT_SUPPORTED)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the attribute of Gpu, who is asked for it, and what the answer becomes.

    Attributes:
        name: of the attribute.
        questions: functions of pynvml with their arguments; the first that the driver has.
        convert: the answer to the figure.
        not_supported: the reason to give instead of "not supported on this GPU".
    """

    name: str
    questions: tuple[tuple[object, ...], ...]
    convert: Callable[[Any], object] = int
    not_supported: str = ""


def _figure(
    name: str, *question: object, convert: Callable[[Any], object] = int, not_supported: str = ""
) -> Figure:
    return Figure(name, (question,), convert, not_supported)


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _first(pair: Any) -> float:
    return float(pair[0])


# every second
FAST = (
    Figure(
        "temperature_celsius",
        (("nvmlDeviceGetTemperature", _CHIP), ("nvmlDeviceGetTemperatureV", _CHIP)),
    ),
    _figure("power_watts", "nvmlDeviceGetPowerUsage", convert=_watts),
    _figure("sm_clock_mhz", "nvmlDeviceGetClockInfo", _SM_CLOCK),
    Figure(
        "throttle_reasons",
        (("nvmlDeviceGetCurrentClocksEventReasons",), ("nvmlDeviceGetCurrentClocksThrottleReasons",)),
        throttle_words,
    ),
)
# every two
MEDIUM = (
    _figure("memory_clock_mhz", "nvmlDeviceGetClockInfo", _MEMORY_CLOCK),
    _figure("fan_percent", "nvmlDeviceGetFanSpeed", convert=float, not_supported=_NO_FAN),
    _figure("performance_state", "nvmlDeviceGetPerformanceState"),
    _figure("encoder_percent", "nvmlDeviceGetEncoderUtilization", convert=_first),
    _figure("decoder_percent", "nvmlDeviceGetDecoderUtilization", convert=_first),
)
# every ten
SLOW = (
    Figure(
        "power_limit_watts",
        (("nvmlDeviceGetEnforcedPowerLimit",), ("nvmlDeviceGetPowerManagementLimit",)),
        _watts,
    ),
    _figure("pcie_generation", "nvmlDeviceGetCurrPcieLinkGeneration"),
    _figure("pcie_width", "nvmlDeviceGetCurrPcieLinkWidth"),
    _figure("ecc_corrected_errors", "nvmlDeviceGetTotalEccErrors", _CORRECTED, _SINCE_LOADING),
    _figure("ecc_uncorrected_errors", "nvmlDeviceGetTotalEccErrors", _UNCORRECTED, _SINCE_LOADING),
    _figure("remapped_rows", "nvmlDeviceGetRemappedRows", convert=lambda told: _remapped(*told)),
    _figure("is_persistent", "nvmlDeviceGetPersistenceMode", convert=bool),
    _figure("compute_mode", "nvmlDeviceGetComputeMode", convert=compute_mode_words),
    _figure("is_mig", "nvmlDeviceGetMigMode", convert=lambda modes: bool(modes[0])),
)
# once
STATIC = (
    _figure(
        "compute_capability",
        "nvmlDeviceGetCudaComputeCapability",
        convert=lambda version: f"{version[0]}.{version[1]}",
    ),
    _figure("sm_clock_max_mhz", "nvmlDeviceGetMaxClockInfo", _SM_CLOCK),
    _figure("memory_clock_max_mhz", "nvmlDeviceGetMaxClockInfo", _MEMORY_CLOCK),
    _figure("slowdown_celsius", "nvmlDeviceGetTemperatureThreshold", _SLOWDOWN),
    _figure("shutdown_celsius", "nvmlDeviceGetTemperatureThreshold", _SHUTDOWN),
    _figure("pcie_generation_max", "nvmlDeviceGetMaxPcieLinkGeneration"),
    _figure("pcie_width_max", "nvmlDeviceGetMaxPcieLinkWidth"),
)
_REFUSED_WITH_MIG = frozenset({"encoder_percent", "decoder_percent"})


def read(door: Door, target: Target, figure: Figure, is_mig: bool) -> Reading[Any]:
    """One figure of a GPU. Raises GpuLost or DriverTrouble, like the others."""
    reading = door.first(target, *figure.questions)
    if reading.value is not None:
        return converted(reading, figure.convert)
    if reading.reason == _NOT_ON_THIS_GPU:
        if is_mig and figure.name in _REFUSED_WITH_MIG:
            return unknown(NOT_WITH_MIG)
        if figure.not_supported:
            return unknown(figure.not_supported)
    return reading


def utilization(door: Door, target: Target, is_mig: bool) -> dict[str, Reading[Any]]:
    """Of the GPU and of its memory."""
    rates = door.ask(target, "nvmlDeviceGetUtilizationRates")
    if rates.value is None and is_mig and rates.reason == _NOT_ON_THIS_GPU:
        rates = unknown(NOT_WITH_MIG)
    return {
        "utilization_percent": converted(rates, lambda both: float(both.gpu)),
        "memory_bus_percent": converted(rates, lambda both: float(both.memory)),
    }


def memory(door: Door, target: Target) -> dict[str, Reading[Any]]:
    """Of a GPU or an instance; drivers before 510 count what they keep for themselves as used."""
    newer = door.ask(target, "nvmlDeviceGetMemoryInfo", door.nvml.nvmlMemory_v2)
    told = newer if newer.reason != TOO_OLD else door.ask(target, "nvmlDeviceGetMemoryInfo")
    if newer.value is not None:
        reserved = converted(newer, lambda sizes: int(sizes.reserved))
    else:
        reserved = unknown(_RESERVED_IN_USED if told.value is not None else told.reason)
    return {
        "memory_total_bytes": converted(told, lambda sizes: int(sizes.total)),
        "memory_used_bytes": converted(told, lambda sizes: int(sizes.used)),
        "memory_reserved_bytes": reserved,
    }


def _remapped(correctable: int, uncorrectable: int, is_pending: int, has_failed: int) -> RemappedRows:
    return RemappedRows(correctable, uncorrectable, bool(is_pending), bool(has_failed))
