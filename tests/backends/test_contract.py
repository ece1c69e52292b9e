"""The backend contract over the make-believe workstation."""

from __future__ import annotations

import pytest

from tests.backends.contract import (
    ContainersContract,
    EngineContract,
    Harness,
    StatisticsContract,
)
from tests.backends.contract_logs import LogsContract
from tui.backends.base import Containers, Engine, Logs, Statistics
from tui.demo.backends import DemoContainers, DemoEngine, DemoStatistics
from tui.demo.logs import DemoLogs
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import ContainerState


class DemoHost:
    """A fresh world for each case, so that any of its containers may be used up."""

    engine: Engine
    containers: Containers
    statistics: Statistics
    logs: Logs

    def __init__(self, clock: FrozenClock) -> None:
        world = DemoWorld(clock=clock)
        self._clock = clock
        self.engine = DemoEngine(world)
        self.containers = DemoContainers(world)
        self.statistics = DemoStatistics(world)
        self.logs = DemoLogs(world)
        self._unused = list(world.containers()[0])

    def running(self) -> str:
        return self._take(ContainerState.RUNNING)

    def created(self) -> str:
        return self._take(ContainerState.CREATED)

    def wrote(self) -> str:
        return self._named("preprocess-dicom")

    def writes(self) -> str:
        return self._named("vision-train")

    def unreadable(self) -> str:
        return self._named("dcgm-exporter")

    def let_time_pass(self) -> None:
        self._clock.advance(1.0)

    def _named(self, name: str) -> str:
        container = next(container for container in self._unused if container.name == name)
        self._unused.remove(container)
        return container.id

    def _take(self, state: ContainerState) -> str:
        container = next(container for container in self._unused if container.state is state)
        self._unused.remove(container)
        return container.id


@pytest.fixture
def host() -> Harness:
    return DemoHost(FrozenClock())


class TestDemoEngine(EngineContract):
    pass


class TestDemoContainers(ContainersContract):
    pass


class TestDemoStatistics(StatisticsContract):
    pass


class TestDemoLogs(LogsContract):
    pass
