"""The backend contract over a real engine, with figures from control groups and from the engine itself."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from tests.backends.contract import (
    ContainersContract,
    EngineContract,
    Harness,
    StatisticsContract,
    get,
)
from tests.backends.contract_logs import LogsContract
from tests.engine.app import PATIENCE_SECONDS
from tests.rig.engine import IDLE, PrivateEngine
from tests.rig.waiting import until
from tui.backends.base import Containers, Engine, Logs, Statistics
from tui.backends.docker.cgroups import CgroupReader
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.stats import DockerStatistics
from tui.model.containers import ContainerState
from tui.workstation import open_local

_serial = itertools.count()
# Apart, so that the order of two lines is that of their times on both streams.
_PAIR = "echo out $i; usleep 3000; echo err $i >&2; usleep 3000; i=$((i+1))"
_WRITE_TWELVE = ("sh", "-c", f"i=0; while [ $i -lt 12 ]; do {_PAIR}; done")
_WRITE_ON = ("sh", "-c", f"i=0; while :; do {_PAIR}; done")


class DockerHost:
    """The backends of a private engine, as the app gets them."""

    engine: Engine
    containers: Containers
    statistics: Statistics
    logs: Logs

    def __init__(self, private: PrivateEngine) -> None:
        workstation = open_local(private.host, {})
        self._private = private
        self.engine = workstation.engine
        self.containers = workstation.containers
        self.statistics = workstation.statistics
        assert workstation.logs is not None
        self.logs = workstation.logs

    def running(self) -> str:
        return self._private.create_many(1, f"contract-{next(_serial)}", IDLE)[0]

    def created(self) -> str:
        return self._private.create_many(1, f"contract-{next(_serial)}", IDLE, start=False)[0]

    def wrote(self) -> str:
        container_id = self._private.create_many(1, f"contract-{next(_serial)}", _WRITE_TWELVE)[0]
        until(lambda: self.containers.details(container_id).state is ContainerState.EXITED, PATIENCE_SECONDS)
        return container_id

    def writes(self) -> str:
        return self._private.create_many(1, f"contract-{next(_serial)}", _WRITE_ON)[0]

    def unreadable(self) -> str:
        extra = {"HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "none"}}}
        return self._private.create_many(1, f"contract-{next(_serial)}", IDLE, extra=extra)[0]

    def let_time_pass(self) -> None:
        end = time.monotonic() + 0.1
        until(lambda: time.monotonic() >= end, PATIENCE_SECONDS)


class AskingHost(DockerHost):
    """The same where no control group can be read: the engine is asked for figures."""

    def __init__(self, private: PrivateEngine) -> None:
        super().__init__(private)
        self.statistics = DockerStatistics(DockerEngine(find(private.host, {})), None)


@pytest.fixture(scope="module")
def docker_host(engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """The engine for the whole file: cases use containers of their own."""
    engine.recover()
    engine.remove_all()
    yield engine
    engine.remove_all()


@pytest.fixture
def host(docker_host: PrivateEngine) -> Harness:
    return DockerHost(docker_host)


class TestDockerEngine(EngineContract):
    pass


class TestDockerContainers(ContainersContract):
    pass


class TestStatisticsFromControlGroups(StatisticsContract):
    def test_the_engine_is_not_asked(self, host: Harness, docker_host: PrivateEngine) -> None:
        container = get(host, host.running())
        nobody = DockerEngine(find("unix:///nonexistent/docker.sock", {}))
        assert set(DockerStatistics(nobody, CgroupReader()).samples([container])) == {container.id}


class TestStatisticsFromTheEngine(StatisticsContract):
    @pytest.fixture
    def host(self, docker_host: PrivateEngine) -> Harness:
        return AskingHost(docker_host)


class TestDockerLogs(LogsContract):
    pass
