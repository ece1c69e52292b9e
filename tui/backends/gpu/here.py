"""The GPUs of this machine and whose they are; what finds it out is loaded when the first one asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Generic, TypeVar

from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container

if TYPE_CHECKING:
    from tui.backends.docker.entitlement import DockerEntitlements
    from tui.backends.gpu.ending import LocalProcessEnding
    from tui.backends.gpu.nvml import NvmlGpus
    from tui.backends.gpu.ownership import LocalOwnership
    from tui.model.entitlement import GpuEntitlement
    from tui.model.gpus import GpuReport
    from tui.model.owners import Ending, EndSignal, ProcessIdentity, ProcessOwner

T = TypeVar("T")


class _Loaded(Generic[T]):
    """Something that is made when it is first wanted."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: T | None = None

    @property
    def if_there(self) -> T | None:
        """It, where somebody wanted it."""
        return self._made

    def get(self) -> T:
        """It."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class LocalGpus:
    """The GPUs of this machine by NVIDIA's library."""

    def __init__(self) -> None:
        """Nothing is loaded."""

        def make() -> NvmlGpus:
            from tui.backends.gpu.nvml import NvmlGpus

            return NvmlGpus()

        self._gpus = _Loaded(make)

    def report(self) -> GpuReport:
        """All figures, within some seconds. Raises GpuTimeout or GpuDriverError."""
        return self._gpus.get().report()

    def past(self, seconds: float, step: float) -> tuple[GpuReport, ...]:
        """Nobody remembers what the GPUs did before they were watched."""
        return ()

    def close(self) -> None:
        """No more reports are wanted. Never waits."""
        if self._gpus.if_there is not None:
            self._gpus.if_there.close()


class LocalProcesses:
    """The processes of this machine: whose they are, and their end."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine of the containers that they run in."""

        def make_ownership() -> LocalOwnership:
            from tui.backends.gpu.ownership import LocalOwnership

            return LocalOwnership(engine)

        def make_ending() -> LocalProcessEnding:
            from tui.backends.gpu.ending import LocalProcessEnding

            return LocalProcessEnding(engine)

        self._ownership = _Loaded(make_ownership)
        self._ending = _Loaded(make_ending)

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        """An owner for each number, with whatever could be found out; never raises."""
        return self._ownership.get().owners(pids, containers, ask_inside, while_asking)

    def end(
        self,
        process: ProcessIdentity,
        signal: EndSignal,
        seconds: float,
        container: Container | None = None,
    ) -> Ending:
        """Send a signal to exactly this process and wait until it is gone. Raises a ProcessError."""
        return self._ending.get().end(process, signal, seconds, container)


class ContainerEntitlements:
    """Which GPUs an engine's containers may use."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine of the containers."""

        def make() -> DockerEntitlements:
            from tui.backends.docker.entitlement import DockerEntitlements

            return DockerEntitlements(engine)

        self._entitlements = _Loaded(make)

    def entitlement(self, container_id: str) -> GpuEntitlement:
        """What one container may use. Raises an EngineError."""
        return self._entitlements.get().entitlement(container_id)
