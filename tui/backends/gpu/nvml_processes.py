"""The processes on a GPU and what share of it each uses, with the fallbacks that old drivers need."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.gpu.nvml_calls import (
    FUNCTION_NOT_FOUND,
    INSUFFICIENT_SIZE,
    NOT_FOUND,
    SUCCESS,
    Door,
    Target,
)
from tui.model.gpus import GpuProcess, ProcessType
from tui.model.reading import Reading, unknown

_COMPUTE, _GRAPHICS, _MPS = "Compute", "Graphics", "MPSCompute"
# all ones: the driver does not know, as under Windows' model of drivers, also in WSL
_NO_MEMORY = 0xFFFFFFFFFFFFFFFF
_NO_INSTANCE = 0xFFFFFFFF
# Room for the first call; more is made when there are more.
_FIRST_ROOM = 32
# As they are listed.
_TYPES = (ProcessType.COMPUTE, ProcessType.GRAPHICS, ProcessType.MPS)
# Processes come between two calls, but not faster than room is made for them.
_TRIES = 4
# A share holds until the next sample, which drivers take at least once a second.
_SHARE_SECONDS = 2.0


class _V1(ctypes.Structure):
    """Before driver 470 (nvml.h of 450, nvmlProcessInfo_t)."""

    _fields_ = (("pid", ctypes.c_uint), ("usedGpuMemory", ctypes.c_ulonglong))


class _V2(ctypes.Structure):
    """Since driver 470; version 3 has the same layout."""

    _fields_ = (*_V1._fields_, ("gpuInstanceId", ctypes.c_uint), ("computeInstanceId", ctypes.c_uint))


class _LongV3(ctypes.Structure):
    """Version 3 in drivers 535.43 to 535.86 only."""

    _fields_ = (*_V2._fields_, ("usedGpuCcProtectedMemory", ctypes.c_ulonglong))


# number, GPU instance and compute instance
_Place = tuple[int, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Listed:
    """A process in one of the driver's lists."""

    pid: int
    memory_bytes: int | None
    gpu_instance: int | None
    compute_instance: int | None

    @property
    def place(self) -> _Place:
        """What tells it from others on the same GPU."""
        return self.pid, self.gpu_instance, self.compute_instance


class ProcessReader:
    """The lists of processes of one driver, whichever version it has."""

    def __init__(self, door: Door) -> None:
        """Args: the driver."""
        self._door = door
        self._functions = {kind: self._newest(kind) for kind in (_COMPUTE, _GRAPHICS, _MPS)}
        self._room: dict[type[ctypes.Structure], Any] = {}
        self._samples = (door.nvml.c_nvmlProcessUtilizationSample_t * _FIRST_ROOM)()

    def compute(self, target: Target) -> Reading[list[Listed]]:
        """Those that compute. Raises GpuLost or DriverTrouble, like the others."""
        return self._list(target, _COMPUTE)

    def graphics(self, target: Target) -> Reading[list[Listed]]:
        """Those that draw."""
        return self._list(target, _GRAPHICS)

    def mps(self, target: Target) -> Reading[list[Listed]]:
        """Clients of the multi-process service."""
        return self._list(target, _MPS)

    def samples(self, target: Target, since: int) -> Reading[list[Any]]:
        """What processes used after `since` (the driver's microseconds); none is an empty list."""
        return self._door.run(target, ("nvmlDeviceGetProcessUtilization",), lambda: self._used(target, since))

    def _newest(self, kind: str) -> tuple[str, type[ctypes.Structure]] | None:
        library = self._door.nvml.nvmlLib
        # told apart as NVIDIA's own tools can: the long structure was there before the list of details was
        is_long = hasattr(library, "nvmlDeviceGetConfComputeMemSizeInfo") and not hasattr(
            library, "nvmlDeviceGetRunningProcessDetailList"
        )
        versions: tuple[tuple[str, type[ctypes.Structure]], ...] = (
            ("_v3", _LongV3 if is_long else _V2),
            ("_v2", _V2),
            ("", _V1),
        )
        for suffix, structure in versions:
            symbol = f"nvmlDeviceGet{kind}RunningProcesses{suffix}"
            if hasattr(library, symbol):
                return symbol, structure
        return None

    def _list(self, target: Target, kind: str) -> Reading[list[Listed]]:
        known = self._functions[kind]
        if known is None:
            return unknown("the driver does not list them")
        symbol, structure = known
        return self._door.run(target, (symbol,), lambda: self._listed(target, symbol, structure))

    def _listed(self, target: Target, symbol: str, structure: type[ctypes.Structure]) -> list[Listed]:
        nvml = self._door.nvml
        function = getattr(nvml.nvmlLib, symbol)
        room = self._room.get(structure)
        if room is None:
            room = (structure * _FIRST_ROOM)()
        code = INSUFFICIENT_SIZE
        count = ctypes.c_uint()
        for _ in range(_TRIES):
            count.value = len(room)
            code = function(target.handle, ctypes.byref(count), room)
            if code != INSUFFICIENT_SIZE:
                break
            room = (structure * (count.value * 2))()
        self._room[structure] = room
        if code != SUCCESS:
            raise nvml.NVMLError(code)
        return [_listed(room[place]) for place in range(count.value)]

    def _used(self, target: Target, since: int) -> list[Any]:
        nvml = self._door.nvml
        try:
            function = nvml.nvmlLib.nvmlDeviceGetProcessUtilization
        except AttributeError:
            raise nvml.NVMLError(FUNCTION_NOT_FOUND) from None
        code = INSUFFICIENT_SIZE
        count = ctypes.c_uint()
        for _ in range(_TRIES):
            count.value = len(self._samples)
            code = function(target.handle, self._samples, ctypes.byref(count), ctypes.c_ulonglong(since))
            if code != INSUFFICIENT_SIZE:
                break
            self._samples = (nvml.c_nvmlProcessUtilizationSample_t * (count.value * 2 or 1))()
        if code == NOT_FOUND:
            # nothing is newer, which is no error
            return []
        if code != SUCCESS:
            raise nvml.NVMLError(code)
        return [self._samples[place] for place in range(count.value)]


class Shares:
    """What share of one GPU each process used lately.

    Attributes:
        since: the newest sample that is known, in the driver's microseconds since the epoch.
    """

    def __init__(self, epoch_seconds: float) -> None:
        """Args: now; samples that are older than a moment say nothing of now."""
        self.since = int((epoch_seconds - _SHARE_SECONDS) * 1e6)
        self._newest: dict[int, tuple[int, float]] = {}
        self._refused: str | None = None
        self._heard_at = 0.0

    def update(self, samples: Reading[list[Any]]) -> None:
        """Take in what came since the last time."""
        self._refused = samples.reason if samples.value is None else None
        if samples.value is None:
            return
        self._heard_at = samples.taken_at
        known = self.since
        for sample in sorted(samples.value, key=lambda each: int(each.timeStamp)):
            if sample.timeStamp > known:
                self._newest[sample.pid] = (int(sample.smUtil), samples.taken_at)
                self.since = int(sample.timeStamp)
        oldest = samples.taken_at - _SHARE_SECONDS
        self._newest = {pid: newest for pid, newest in self._newest.items() if newest[1] >= oldest}

    def of(self, pid: int, gpu_percent: float | None) -> Reading[float]:
        """The share of a process, on a GPU that is used to `gpu_percent`."""
        if self._refused is not None:
            return unknown(self._refused)
        found = self._newest.get(pid)
        if found is not None:
            # some drivers tell numbers far beyond, from memory that they never wrote
            share, at = found
            return Reading(float(share), "", at) if share <= 100 else unknown("the driver told nonsense")
        if not self._newest and gpu_percent:
            return unknown("the driver does not say which process uses the GPU")
        # the driver names only those that did something
        return Reading(0.0, "", self._heard_at)


def processes_of(
    gpu_uuid: str,
    lists: tuple[Sequence[Listed], Sequence[Listed], Sequence[Listed]],
    shares: Shares,
    gpu_percent: float | None,
    taken_at: float,
) -> list[GpuProcess]:
    """The processes of a GPU out of its lists (compute, graphics, MPS), each once, by number."""
    types: dict[_Place, ProcessType] = {}
    memory: dict[_Place, int | None] = {}
    for listed, its_type in zip(lists, _TYPES, strict=True):
        for each in listed:
            is_both = its_type is ProcessType.GRAPHICS and each.place in types
            types[each.place] = ProcessType.BOTH if is_both else its_type
            if memory.get(each.place) is None:
                memory[each.place] = each.memory_bytes
    return [
        GpuProcess(
            pid=place[0],
            gpu_uuid=gpu_uuid,
            type=its_type,
            memory_bytes=_memory(memory[place], taken_at),
            sm_percent=shares.of(place[0], gpu_percent),
            gpu_instance_id=place[1],
            compute_instance_id=place[2],
        )
        for place, its_type in sorted(types.items(), key=lambda item: item[0][0])
    ]


def _listed(entry: Any) -> Listed:
    gpu_instance = getattr(entry, "gpuInstanceId", _NO_INSTANCE)
    compute_instance = getattr(entry, "computeInstanceId", _NO_INSTANCE)
    return Listed(
        pid=int(entry.pid),
        memory_bytes=None if entry.usedGpuMemory == _NO_MEMORY else int(entry.usedGpuMemory),
        gpu_instance=None if gpu_instance == _NO_INSTANCE else int(gpu_instance),
        compute_instance=None if compute_instance == _NO_INSTANCE else int(compute_instance),
    )


def _memory(memory_bytes: int | None, taken_at: float) -> Reading[int]:
    if memory_bytes is None:
        return unknown("the driver does not tell it of processes here")
    return Reading(memory_bytes, "", taken_at)
