"""A machine with GPUs that are not there, read by our own reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.rig.nvml_double import Double, KernelFiles, why_unavailable
from tests.rig.nvml_scenario import GpuLines, Scenario, full_gpu, uuid_of
from tui.backends.gpu.absence import KernelRoots
from tui.backends.gpu.nvml import NvmlGpus
from tui.backends.gpu.nvml_reader import Periods
from tui.model.gpus import Gpu, GpuReport

# Longer than any machine takes for what works, so that only a hung call runs into it.
_PATIENCE_SECONDS = 20.0


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Machine:
    """A driver's library, the kernel's files, and a reader of both with a clock of its own."""

    def __init__(
        self, folder: Path, scenario: Scenario, level: int = 550, deadline_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self.kernel = KernelFiles(folder / "kernel")
        (folder / "library").mkdir()
        self.double = Double(folder / "library", scenario, level)
        self.clock = Clock()
        self.roots = KernelRoots(self.kernel.proc, self.kernel.sys)
        self.gpus = NvmlGpus(
            self.double.nvml, self.roots, Periods(), deadline_seconds, self.clock, pause=self._pause
        )
        #: What happens in each pause of the reader.
        self.meanwhile: Callable[[], None] = lambda: None

    def _pause(self, seconds: float) -> None:
        self.meanwhile()
        self.clock.seconds += seconds

    @property
    def scenario(self) -> Scenario:
        """What the driver answers; `write` makes it hold."""
        return self.double.scenario

    def gpu_lines(self, number: int = 0) -> GpuLines:
        """The lines of one GPU."""
        return self.scenario.gpus[number]

    def write(self) -> None:
        """Let the driver answer as the scenario says now."""
        self.double.write()

    def report(self, after: float = 0.0) -> GpuReport:
        """The report after so many seconds."""
        self.clock.seconds += after
        return self.gpus.report()

    def gpu(self, number: int = 0, after: float = 0.0) -> Gpu:
        """One GPU of such a report."""
        return gpu_of(self.report(after), number)


def gpu_of(report: GpuReport, number: int = 0) -> Gpu:
    """The GPU of a report that has this number in the scenario."""
    return next(gpu for gpu in report.gpus if gpu.uuid == uuid_of(number))


class MakeMachine(Protocol):
    def __call__(
        self, scenario: Scenario | None = None, level: int = 550, deadline_seconds: float = 20.0
    ) -> Machine:
        """A machine; with one full GPU where no scenario is given."""


@pytest.fixture(scope="session")
def compiler() -> None:
    """Skips where the double can't be built; with ENVTUI_REQUIRE_ENGINE=1 it fails there."""
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def make_machine(compiler: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeMachine]:
    machines: list[Machine] = []

    def make(
        scenario: Scenario | None = None, level: int = 550, deadline_seconds: float = _PATIENCE_SECONDS
    ) -> Machine:
        folder = tmp_path_factory.mktemp("machine")
        machines.append(Machine(folder, scenario or Scenario({0: full_gpu()}), level, deadline_seconds))
        return machines[-1]

    yield make
    for machine in machines:
        machine.gpus.close()


@pytest.fixture
def machine(make_machine: MakeMachine) -> Machine:
    """One with a full GPU."""
    return make_machine()


#: Gives a double of a level with a scenario, for programs of their own.
MakeDouble = Callable[[Scenario, int], Double]


@pytest.fixture
def make_double(compiler: None, tmp_path_factory: pytest.TempPathFactory) -> MakeDouble:
    return lambda scenario, level: Double(tmp_path_factory.mktemp("double"), scenario, level)
