"""Field values of NVML, many with one call, and the rates that counters among them give."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.gpu.nvml_calls import FUNCTION_NOT_FOUND, SUCCESS, Door, Target, converted, words_of
from tui.model.gpus import ThrottleShare
from tui.model.reading import Reading, unknown

#: A field's number and the scope that it is asked for.
Field = tuple[int, int]

# "All links" where the scope of a field is a link (nvml.h, NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX).
_ALL = 0xFFFFFFFF
_MEMORY_TEMPERATURE: Field = (82, 0)
_NVLINK_COUNT: Field = (91, 0)
# KiB over all links; GPUs with the fifth NVLink count bytes of each link instead
_NVLINK_TX: Field = (138, _ALL)
_NVLINK_RX: Field = (139, _ALL)
_LINK_TX, _LINK_RX = 202, 204
# bytes; they need a driver from 555 on, and begin anew at 32 bits, which a busy link fills several times a
# second ("Value can be wrapped", nvml.h)
_PCIE_TX: Field = (197, 0)
_PCIE_RX: Field = (198, 0)
# nanoseconds in which something held the clocks down
_HELD = {(74, 0): "power limit", (75, 0): "heat", (77, 0): "board limit", (79, 0): "reliability"}

_COUNTERS = frozenset({_NVLINK_TX, _NVLINK_RX, _PCIE_TX, _PCIE_RX, *_HELD})
_EVERY_TIME = (_MEMORY_TEMPERATURE, _NVLINK_COUNT, *sorted(_COUNTERS))

# `nvmlValueType_t`, to the member of the union that holds the value
_MEMBERS = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}
_UNSIGNED_INT = 1
_FULL = 1 << 32
# Far less than the 67 ms in which the fastest link (PCIe 5, 16 lanes) fills 32 bits.
WINDOW_SECONDS = 0.04
# a lane of the first generation; each further one doubles it
_LANE_BYTES_PER_SECOND = 250e6
_FASTEST_LINK = (5, 16)


@dataclass(frozen=True, slots=True)
class Counted:
    """A field's value; one of 32 bits begins anew when it is full."""

    value: float
    is_narrow: bool


class FieldReader:
    """The fields of one GPU, and what their counters were before."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._before: dict[Field, Reading[Counted]] = {}
        self._window: dict[Field, Reading[Counted]] = {}
        self._links = 0
        self._is_wide = False

    def read(self, door: Door, target: Target) -> dict[str, Reading[Any]]:
        """The figures that come from fields, by the attribute of Gpu. Raises GpuLost or DriverTrouble."""
        told = _values(door, target, [*_EVERY_TIME, *self._per_link(door, target)])
        links = converted(told[_NVLINK_COUNT], _whole)
        self._links = links.value or 0
        rates = {field: self._rate(field, told[field]) for field in told if _is_counter(field)}
        self._window = {field: told[field] for field in (_PCIE_TX, _PCIE_RX)}
        values = [reading.value.value for reading in self._window.values() if reading.value is not None]
        self._is_wide = self._is_wide or any(value >= _FULL for value in values)
        figures: dict[str, Reading[Any]] = {
            "memory_temperature_celsius": converted(told[_MEMORY_TEMPERATURE], _whole),
            "nvlink_links": links,
            "nvlink_tx_bytes_per_second": _over_links(rates, _NVLINK_TX, _LINK_TX),
            "nvlink_rx_bytes_per_second": _over_links(rates, _NVLINK_RX, _LINK_RX),
            "throttle_shares": _shares(rates),
        }
        if self._is_wide or not values:
            figures |= _of_pcie(rates)
        return figures

    @property
    def needs_window(self) -> bool:
        """Whether the link's counters are too narrow for the time between two reports."""
        return not self._is_wide and any(reading.value is not None for reading in self._window.values())

    def read_window(
        self, door: Door, target: Target, generation: int | None, width: int | None
    ) -> dict[str, Reading[Any]]:
        """The link's rates since `read`, a moment ago; generation and width of the link at its best."""
        told = _values(door, target, [_PCIE_TX, _PCIE_RX])
        generation, width = (generation, width) if generation and width else _FASTEST_LINK
        most = _FULL / (_LANE_BYTES_PER_SECOND * 2 ** (generation - 1) * width)
        rates = {}
        for field, now in told.items():
            elapsed = now.taken_at - self._window[field].taken_at
            rate = _grown(self._window[field], now, is_narrow=True)
            # once around would look like nothing
            rates[field] = (
                rate if elapsed < most else unknown("the driver answers too slowly for its counter")
            )
        return _of_pcie(rates)

    def _per_link(self, door: Door, target: Target) -> list[Field]:
        """The fields of each link, where the driver has none over all of them."""
        if not self._links or door.refusal(target, ("field", *_NVLINK_TX)) is None:
            return []
        return [(number, link) for number in (_LINK_TX, _LINK_RX) for link in range(self._links)]

    def _rate(self, field: Field, now: Reading[Counted]) -> Reading[float]:
        """A counter's growth a second since the sample before."""
        before = self._before.pop(field, None)
        if now.value is None:
            return unknown(now.reason)
        self._before[field] = now
        return _grown(before, now, now.value.is_narrow)


def _is_counter(field: Field) -> bool:
    return field in _COUNTERS or field[0] in (_LINK_TX, _LINK_RX)


def _grown(before: Reading[Counted] | None, now: Reading[Counted], is_narrow: bool) -> Reading[float]:
    if now.value is None:
        return unknown(now.reason)
    if before is None or before.value is None or now.taken_at <= before.taken_at:
        return unknown("needs a second sample")
    grown = now.value.value - before.value.value
    if grown < 0 and is_narrow:
        grown += _FULL
    if grown < 0:
        return unknown("the driver's counter began anew")
    return Reading(grown / (now.taken_at - before.taken_at), "", now.taken_at)


def _of_pcie(rates: Mapping[Field, Reading[float]]) -> dict[str, Reading[Any]]:
    return {
        "pcie_tx_bytes_per_second": rates[_PCIE_TX],
        "pcie_rx_bytes_per_second": rates[_PCIE_RX],
    }


def _values(door: Door, target: Target, fields: Sequence[Field]) -> dict[Field, Reading[Counted]]:
    """One call for all fields but those that are known to be refused."""
    told: dict[Field, Reading[Counted]] = {}
    asked = []
    for field in fields:
        refusal = door.refusal(target, ("field", *field))
        if refusal is None:
            asked.append(field)
        else:
            told[field] = unknown(refusal)
    if not asked:
        return told
    answer = door.run(target, ("nvmlDeviceGetFieldValues",), lambda: _call(door, target, asked))
    for place, field in enumerate(asked):
        if answer.value is None:
            told[field] = unknown(answer.reason)
            continue
        value = answer.value[place]
        if value.nvmlReturn != SUCCESS:
            door.refuse(target, ("field", *field), value.nvmlReturn)
            told[field] = unknown(words_of(value.nvmlReturn))
            continue
        number = getattr(value.value, _MEMBERS.get(value.valueType, "ullVal"))
        told[field] = Reading(Counted(number, value.valueType == _UNSIGNED_INT), "", answer.taken_at)
    return told


def _call(door: Door, target: Target, fields: Sequence[Field]) -> Any:
    nvml = door.nvml
    # one more than is asked for: some drivers write behind the last one of NVLink's fields
    values = (nvml.c_nvmlFieldValue_t * (len(fields) + 1))()
    for place, (number, scope) in enumerate(fields):
        values[place].fieldId, values[place].scopeId = number, scope
    try:
        function = nvml.nvmlLib.nvmlDeviceGetFieldValues
    except AttributeError:
        raise nvml.NVMLError(FUNCTION_NOT_FOUND) from None
    code = function(target.handle, ctypes.c_int(len(fields)), ctypes.byref(values))
    if code != SUCCESS:
        raise nvml.NVMLError(code)
    return values


def _whole(counted: Counted) -> int:
    return int(counted.value)


def _over_links(rates: Mapping[Field, Reading[float]], over_all: Field, of_one: int) -> Reading[float]:
    single = [rate for field, rate in rates.items() if field[0] == of_one]
    known = [rate for rate in single if rate.value is not None]
    if known:
        return Reading(sum(rate.value or 0.0 for rate in known), "", known[0].taken_at)
    if single:
        return single[0]
    return converted(rates[over_all], lambda kibibytes: kibibytes * 1024)


def _shares(rates: Mapping[Field, Reading[float]]) -> Reading[tuple[ThrottleShare, ...]]:
    known = [(words, rates[field]) for field, words in _HELD.items() if rates[field].value is not None]
    if not known:
        return unknown(rates[next(iter(_HELD))].reason)
    # nanoseconds a second; the driver's clock and ours need not agree to the last percent
    shares = [ThrottleShare(words, min(100.0, (rate.value or 0.0) / 1e7)) for words, rate in known]
    return Reading(tuple(share for share in shares if share.percent > 0), "", known[0][1].taken_at)
