"""Makes the reports about all GPUs, asking NVML no more often than each kind of figure changes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tui.backends.gpu import absence
from tui.backends.gpu.absence import KernelRoots
from tui.backends.gpu.driver import module_version
from tui.backends.gpu.nvml_calls import (
    GPU_IS_LOST,
    RESET_REQUIRED,
    SUCCESS,
    Door,
    DriverTrouble,
    GpuLost,
)
from tui.backends.gpu.nvml_device import Device
from tui.backends.gpu.nvml_devices import Devices
from tui.backends.gpu.nvml_events import XidEvents
from tui.backends.gpu.nvml_fields import WINDOW_SECONDS
from tui.backends.gpu.nvml_processes import ProcessReader
from tui.backends.gpu.power_state import PowerStates
from tui.model.errors import GpuError
from tui.model.gpus import Gpu, GpuReport

# Whoever asks once a second asks a little earlier or later each time.
_EARLY = 0.1


@dataclass(frozen=True, slots=True)
class Periods:
    """After how many seconds something is read again; all else is read for each report.

    Attributes:
        medium: memory clock, fan, performance state, encoder and decoder, rate of a link that is counted
            with too few digits.
        slow: which GPUs there are, limits, link, ECC, how a GPU is split.
        lost: a lost GPU is asked again.
        absent: a driver that was not there is looked for again.
        refused: what the driver refused is asked again.
    """

    medium: float = 2.0
    slow: float = 10.0
    lost: float = 30.0
    absent: float = 10.0
    refused: float = 60.0


class Due:
    """When something is to be done again."""

    def __init__(self, period: float) -> None:
        """Args: seconds; at once for the first time."""
        self._period = period
        self._next = 0.0

    def is_due(self, clock: float) -> bool:
        """Whether it is time; the next time is one period later."""
        if clock < self._next:
            return False
        self._next = clock + self._period - min(_EARLY, self._period / 4)
        return True

    def now(self) -> None:
        """Be due."""
        self._next = 0.0

    def postpone(self, clock: float) -> None:
        """Be due in one period."""
        self._next = clock + self._period


@dataclass(slots=True)
class _Session:
    """NVML from its initialization to its end."""

    door: Door
    processes: ProcessReader
    driver_version: str | None
    cuda_version: str | None


class NvmlReader:
    """All that NVML's thread does. Used by that thread alone, but for `asking`."""

    def __init__(
        self,
        load: Callable[[], ModuleType],
        roots: KernelRoots,
        periods: Periods,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Args: load gives pynvml; clock monotonic, now of the epoch, both in seconds; pause waits some."""
        self._load, self._roots, self._clock, self._now = load, roots, clock, now
        self._pause = pause or threading.Event().wait
        self._xids = XidEvents(now)
        self._devices = Devices(PowerStates(roots.sys), self._xids, periods.lost, clock, now)
        self._medium, self._slow = Due(periods.medium), Due(periods.slow)
        self._refused, self._absent = Due(periods.refused), Due(periods.absent)
        self._absence: GpuReport | None = None
        self._session: _Session | None = None
        self._door: Door | None = None
        # GPUs that the kernel shows and NVML does not, which it was initialized anew for
        self._strangers: frozenset[str] = frozenset()

    @property
    def asking(self) -> tuple[str, float] | None:
        """The call that runs now and when it began, from any thread."""
        door = self._door
        return door.asking if door is not None else None

    def report(self) -> GpuReport:
        """All that is known now."""
        if self._absence is not None and not self._absent.is_due(self._clock()):
            return self._absence
        try:
            if self._session is None:
                self._session = self._begin()
            report = self._read(self._session)
        except DriverTrouble as trouble:
            error = absence.explain(trouble.code, self._roots, self._door.nvml if self._door else None)
            return self._absent_for(error)
        if report.absence is None:
            self._absence = None
        return report

    def end(self) -> None:
        """Give NVML up."""
        session, self._session = self._session, None
        if session is not None:
            session.door.attempt("nvmlShutdown", session.door.nvml.nvmlShutdown)

    # -- beginning and end

    def _begin(self) -> _Session:
        nvml: Any = self._load()
        door = self._door = Door(nvml, self._clock)
        begun = door.attempt("nvmlInit", nvml.nvmlInit)
        if begun.code != SUCCESS:
            raise DriverTrouble(begun.code)
        self._devices.begin()
        self._xids.begin(door)
        self._medium.now()
        self._slow.now()
        self._refused.postpone(self._clock())
        driver = door.system("nvmlSystemGetDriverVersion").value
        cuda = door.system("nvmlSystemGetCudaDriverVersion_v2").value
        return _Session(
            door,
            ProcessReader(door),
            str(driver) if driver else None,
            f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        )

    def _absent_for(self, error: GpuError) -> GpuReport:
        session = self._session
        self.end()
        self._absent.postpone(self._clock())
        self._absence = GpuReport(
            driver_version=session.driver_version if session else module_version(self._roots.proc),
            cuda_version=session.cuda_version if session else None,
            xids=tuple(self._xids.events),
            taken_at=self._now(),
            absence=error,
        )
        return self._absence

    # -- one report

    def _read(self, session: _Session) -> GpuReport:
        door, devices = session.door, self._devices
        if devices.update_sleep():
            self._slow.now()
        clock = self._clock()
        if self._refused.is_due(clock):
            door.forget()
        is_slow, is_medium = self._slow.is_due(clock), self._medium.is_due(clock)
        if is_slow:
            session = self._look(session)
            door = session.door
        awake = [device for device in devices.devices.values() if not device.is_asleep]
        self._each(awake, lambda device: self._read_device(session, device, is_slow, is_medium))
        self._each(awake, lambda device: device.read_fields(door))
        narrow = [device for device in awake if is_medium and device.needs_window]
        if narrow:
            # for all of them at once, as NVML's own call waits for each
            self._pause(WINDOW_SECONDS)
            self._each(narrow, lambda device: device.read_window(door))
        if self._xids.take(door):
            self._slow.now()
        devices.update_lost()
        if not devices.devices and not devices.sleepers:
            error = self._nobody()
            if error is not None:
                return self._absent_for(error)
        return self._made(session)

    def _look(self, session: _Session) -> _Session:
        """See which GPUs there are; NVML tells only those that were there when it was initialized."""
        self._devices.look(session.door)
        strangers = self._strangers_in_kernel()
        if strangers and strangers != self._strangers:
            self._strangers = strangers
            self.end()
            session = self._session = self._begin()
            self._slow.postpone(self._clock())
            self._devices.look(session.door)
        self._devices.update_sleep()
        return session

    def _strangers_in_kernel(self) -> frozenset[str]:
        if self._devices.refused:
            # one of them is the stranger; initializing anew could take the others with it
            return frozenset()
        try:
            shown = os.listdir(self._roots.proc / "driver" / "nvidia" / "gpus")
        except OSError:
            return frozenset()
        known = {device.bus_id for device in self._devices.devices.values()}
        known |= {lost.gpu.bus_id for lost in self._devices.lost.values()}
        return frozenset(shown) - known - set(self._devices.sleepers)

    def _each(self, devices: Iterable[Device], read: Callable[[Device], None]) -> None:
        """`read` of those that are still there."""
        for device in devices:
            if self._devices.devices.get(device.uuid) is not device:
                continue
            try:
                read(device)
            except GpuLost as lost:
                self._devices.lose(device.uuid, lost.code)
                # it may be there again, or others may have gone with it
                self._slow.now()

    def _read_device(self, session: _Session, device: Device, is_slow: bool, is_medium: bool) -> None:
        door, is_new = session.door, not device.is_known
        if is_new:
            device.read_static(door)
        if is_slow or is_new:
            device.read_slow(door)
        if is_medium or is_new:
            device.read_medium(door)
        device.read_fast(door)
        device.read_processes(session.processes, is_slow or is_new, is_medium or is_new)
        device.is_known = True

    def _nobody(self) -> GpuError | None:
        """Why no GPU answers, where they are not lost."""
        refused = self._devices.refused
        if not refused and not self._devices.lost:
            return absence.no_gpu()
        others = [code for code in refused if code not in (GPU_IS_LOST, RESET_REQUIRED)]
        if others and len(others) == len(refused):
            return absence.explain(others[0], self._roots)
        return None

    def _made(self, session: _Session) -> GpuReport:
        devices = sorted(self._devices.devices.values(), key=lambda device: device.index)
        gpus: list[Gpu] = [device.gpu() for device in devices]
        gpus = sorted([*gpus, *self._devices.sleeping_strangers()], key=lambda gpu: gpu.index)
        return GpuReport(
            driver_version=session.driver_version,
            cuda_version=session.cuda_version,
            gpus=tuple(gpus),
            processes=tuple(process for device in devices for process in device.shown_processes()),
            processes_unknown=tuple(
                (device.uuid, device.why_no_processes()) for device in devices if device.why_no_processes()
            ),
            lost=tuple(sorted(self._devices.lost.values(), key=lambda lost: lost.gpu.index)),
            xids=tuple(self._xids.events),
            taken_at=self._now(),
        )


def load_pynvml() -> ModuleType:
    """NVIDIA's own module, with the library that the system finds."""
    import pynvml  # type: ignore[import-untyped]

    module: ModuleType = pynvml
    return module
