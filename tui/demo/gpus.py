"""The GPUs of the make-believe workstation, behind the protocol of real ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from tui.demo import gpu_figures
from tui.demo.environment_catalogue import DRIVER
from tui.demo.gpu_catalogue import CARDS, LOST_GPU
from tui.demo.host_processes import host_processes
from tui.demo.world import DemoWorld
from tui.model.errors import GpuDriverError, NoGpuDriver
from tui.model.gpu_words import xid_words
from tui.model.gpus import Gpu, GpuProcess, GpuReport, LostGpu, XidEvent

_FELL_OFF_THE_BUS = 79
_REMEMBERED_XIDS = 100


class DemoGpus:
    """The GPUs of a DemoWorld. Thread-safe."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world
        self._lock = threading.Lock()
        self._lost: LostGpu | None = None
        self._xids: deque[XidEvent] = deque(maxlen=_REMEMBERED_XIDS)
        self._is_closed = False

    def report(self) -> GpuReport:
        """All figures at this moment.

        Raises:
            GpuTimeout: the driver hangs.
            GpuDriverError: no more reports are wanted.
        """
        if self._is_closed:
            raise GpuDriverError("The GPUs are no longer watched")
        self._world.faults.pass_gpu_question()
        if self._world.faults.no_gpu_driver:
            return GpuReport(taken_at=self._world.clock.now(), absence=_no_driver())
        now = self._world.clock.now()
        loads = gpu_figures.Loads(host_processes(self._world), self._world.seed)
        return self._made(loads, now, *self._lost_at(loads, now))

    def past(self, seconds: float, step: float = 1.0) -> Iterator[GpuReport]:
        """What the reports of the last `seconds` would have been, oldest first, without faults.

        A history need not begin empty in a world that is older than whoever looks at it.
        """
        now = self._world.clock.now()
        loads = gpu_figures.Loads(host_processes(self._world, now - seconds), self._world.seed)
        for back in range(int(seconds / step), 0, -1):
            yield self._made(loads, now - back * step)

    def close(self) -> None:
        """No more reports are wanted."""
        self._is_closed = True

    def _made(
        self,
        loads: gpu_figures.Loads,
        at: float,
        lost: LostGpu | None = None,
        xids: tuple[XidEvent, ...] = (),
    ) -> GpuReport:
        gpus: list[Gpu] = []
        listed: list[GpuProcess] = []
        for index in range(len(CARDS)):
            if lost is None or lost.gpu.index != index:
                gpus.append(self._gpu(loads, index, at))
                found = loads.shares(index, at)
                listed += gpu_figures.gpu_processes(found, gpus[-1].uuid, self._monotonic(at))
        return GpuReport(
            DRIVER.driver_version, DRIVER.cuda_version, tuple(gpus), tuple(listed),
            lost=() if lost is None else (lost,), xids=xids, taken_at=at,
        )  # fmt: skip

    def _gpu(self, loads: gpu_figures.Loads, index: int, at: float) -> Gpu:
        return gpu_figures.gpu(loads, index, at, self._monotonic(at))

    def _monotonic(self, at: float) -> float:
        clock = self._world.clock
        return clock.monotonic() - max(0.0, clock.now() - at)

    def _lost_at(self, loads: gpu_figures.Loads, now: float) -> tuple[LostGpu | None, tuple[XidEvent, ...]]:
        """The GPU that is lost, as it was when that was noticed, and all errors so far."""
        with self._lock:
            if not self._world.faults.gpu_lost:
                self._lost = None
            elif self._lost is None:
                last = self._gpu(loads, LOST_GPU, now)
                code = _FELL_OFF_THE_BUS
                self._xids.append(XidEvent(code, xid_words(code), now, last.uuid))
                self._lost = LostGpu(last, "GPU is lost", now, self._xids[-1])
            return self._lost, tuple(self._xids)


def _no_driver() -> NoGpuDriver:
    return NoGpuDriver(
        "No NVIDIA driver on this machine",
        "Its library libnvidia-ml.so.1 is not here",
        "Everything else works without it",
    )
