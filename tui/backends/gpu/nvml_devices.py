"""Which GPUs there are: those that answer, those that sleep, and those that are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tui.backends.gpu.nvml_calls import (
    GPU_IS_LOST,
    GPU_NOT_FOUND,
    NO_PERMISSION,
    RESET_REQUIRED,
    SUCCESS,
    Answer,
    Door,
    DriverTrouble,
    Target,
    words_of,
)
from tui.backends.gpu.nvml_device import ASLEEP, FIGURES, Device
from tui.backends.gpu.nvml_events import XidEvents
from tui.backends.gpu.power_state import PowerStates
from tui.model.gpus import Gpu, LostGpu


@dataclass(frozen=True, slots=True)
class _Found:
    """What came of asking for the handle of one GPU."""

    index: int
    bus_id: str
    answer: Answer


class Devices:
    """The GPUs of one machine. Used by NVML's thread.

    Attributes:
        devices: those that can be asked, by uuid; some may sleep.
        lost: those that do not answer any more, by uuid.
        sleepers: addresses of GPUs that sleep since before we could ask them who they are.
        refused: NVML's codes of all GPUs that would not be asked, the last time we looked.
    """

    def __init__(
        self,
        power: PowerStates,
        xids: XidEvents,
        retry_seconds: float,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Args: retry_seconds until a lost GPU is asked again; clock monotonic, now of the epoch."""
        self.devices: dict[str, Device] = {}
        self.lost: dict[str, LostGpu] = {}
        self.sleepers: list[str] = []
        self.refused: list[int] = []
        self._power, self._xids = power, xids
        self._retry_seconds, self._clock, self._now = retry_seconds, clock, now
        self._retry_at = 0.0
        self._count = 0

    def begin(self) -> None:
        """The driver was initialized anew: handles are of no use any more."""
        self.devices.clear()
        self._retry_at = 0.0

    def look(self, door: Door) -> None:
        """Find out which GPUs there are. Raises DriverTrouble."""
        count = door.system("nvmlDeviceGetCount")
        if count.code != SUCCESS:
            raise DriverTrouble(count.code)
        self.sleepers = self._unknown_sleepers()
        # others may have the indexes of lost ones now
        retries = self._clock() >= self._retry_at or count.value != self._count
        self._count = count.value
        if retries:
            self._retry_at = self._clock() + self._retry_seconds
        found: set[str] = set()
        self.refused = []
        for each in self._handles(door, count.value, retries):
            uuid = self._take(door, each)
            if uuid is None:
                self._refuse(each)
            else:
                found.add(uuid)
        for uuid, device in tuple(self.devices.items()):
            if uuid not in found and not device.is_asleep:
                del self.devices[uuid]

    def update_sleep(self) -> bool:
        """See which GPUs sleep now; whether one woke up that we do not know."""
        for device in self.devices.values():
            device.is_asleep = self._power.is_asleep(device.bus_id)
        return any(not self._power.is_asleep(address) for address in self.sleepers)

    def lose(self, uuid: str, code: int) -> None:
        """A GPU does not answer any more: it is shown with its last figures, or gone if it was taken away."""
        device = self.devices.pop(uuid, None)
        if device is None or code == GPU_NOT_FOUND:
            return
        self.lost[uuid] = self._lost(device.gpu(), code)
        self._retry_at = self._clock() + self._retry_seconds

    def update_lost(self) -> None:
        """The reason may be told only after the loss."""
        for uuid, lost in self.lost.items():
            xid = self._xids.last_of(uuid)
            if xid is not None and xid != lost.xid:
                self.lost[uuid] = replace(lost, xid=xid)

    def sleeping_strangers(self) -> Iterator[Gpu]:
        """GPUs that sleep since before we could ask them anything."""
        order = self._power.addresses()
        for address in self.sleepers:
            index = order.index(address) if address in order else 0
            figures: dict[str, Any] = dict.fromkeys(FIGURES, ASLEEP)
            yield Gpu(f"pci:{address}", index, "", address, is_asleep=True, **figures)

    def _unknown_sleepers(self) -> list[str]:
        known = {device.bus_id for device in self.devices.values()}
        asleep = [address for address in self._power.addresses() if self._power.is_asleep(address)]
        return [address for address in asleep if address not in known]

    def _handles(self, door: Door, count: int, retries: bool) -> Iterator[_Found]:
        """The handles of all GPUs that may be asked: getting a handle wakes a GPU up."""
        not_yet = set() if retries else {lost.gpu.index for lost in self.lost.values()}
        not_yet -= {device.index for device in self.devices.values()}
        if self.sleepers or any(device.is_asleep for device in self.devices.values()):
            yield from self._handles_by_address(door, not_yet)
            return
        for index in range(count):
            if index not in not_yet:
                yield _Found(index, "", door.system("nvmlDeviceGetHandleByIndex", index))

    def _handles_by_address(self, door: Door, not_yet: set[int]) -> Iterator[_Found]:
        """Of those that are awake: an index does not say which GPU it is for, an address does."""
        known = {device.bus_id for device in self.devices.values()}
        for place, address in enumerate(sorted(known.union(self._power.addresses()) - {""})):
            if place in not_yet or self._power.is_asleep(address):
                continue
            answer = door.system("nvmlDeviceGetHandleByPciBusId", address)
            if answer.code != SUCCESS:
                yield _Found(place, address, answer)
                continue
            told = door.system("nvmlDeviceGetIndex", answer.value)
            yield _Found(place if told.value is None else int(told.value), address, answer)

    def _take(self, door: Door, found: _Found) -> str | None:
        """The uuid of a GPU that answers, which is known from now on; None where it does not."""
        if found.answer.code != SUCCESS:
            return None
        handle = found.answer.value
        uuid = door.system("nvmlDeviceGetUUID", handle)
        if uuid.code in (GPU_IS_LOST, RESET_REQUIRED, GPU_NOT_FOUND):
            return None
        key = str(uuid.value) if uuid.value else f"index:{found.index}"
        device = self.devices.get(key)
        if device is None:
            bus_id = found.bus_id or _bus_id(door, handle)
            device = Device(Target(key, handle), found.index, bus_id, self._now())
            self.devices[key] = device
            self.lost.pop(key, None)
            door.forget(key)
        device.target.handle, device.index = handle, found.index
        self._forget_strangers(found.index)
        self._xids.watch(door, device.target)
        return key

    def _refuse(self, found: _Found) -> None:
        code = found.answer.code or GPU_IS_LOST
        self.refused.append(code)
        if code == NO_PERMISSION:
            # hidden from this user, or given to another container: not ours to show
            return
        known = next((each for each in self.devices.values() if each.index == found.index), None)
        if known is not None:
            self.lose(known.uuid, code)
        elif code != GPU_NOT_FOUND and not any(lost.gpu.index == found.index for lost in self.lost.values()):
            gpu = Gpu(f"index:{found.index}", found.index, "", found.bus_id)
            self.lost[gpu.uuid] = self._lost(gpu, code)

    def _forget_strangers(self, index: int) -> None:
        """What was lost before we could ask its name is there after all."""
        self.lost.pop(f"index:{index}", None)

    def _lost(self, gpu: Gpu, code: int) -> LostGpu:
        return LostGpu(gpu, words_of(code), self._now(), self._xids.last_of(gpu.uuid))


def _bus_id(door: Door, handle: Any) -> str:
    """The address as the kernel writes it; "" where the driver does not say."""
    pci = door.system("nvmlDeviceGetPciInfo", handle).value
    return f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0" if pci is not None else ""
