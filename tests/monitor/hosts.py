"""A host in memory whose list, events and failures a test says, and that counts what it is asked."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.making import full_id, make_details
from tui.model.containers import Container, ContainerDetails, ContainerEvent
from tui.model.errors import EngineLost, EngineTimeout, EnvtuiError, NoSuchContainer
from tui.model.hosts import EngineInfo, FileSystemSpace
from tui.model.operations import Step
from tui.model.processes import ProcessTable
from tui.model.stats import StatsSample

LOST = EngineLost("The engine closed the connection", "its event stream ended")
SILENT = EngineTimeout("The engine does not answer", "not for 2 s")


class ScriptedStream:
    """An event stream that a test feeds."""

    def __init__(self) -> None:
        self._messages: queue.Queue[ContainerEvent | EnvtuiError | None] = queue.Queue()
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[ContainerEvent]:
        while (message := self._messages.get()) is not None:
            if isinstance(message, EnvtuiError):
                raise message
            yield message

    def put(self, message: ContainerEvent | EnvtuiError) -> None:
        self._messages.put(message)

    def close(self) -> None:
        self.closed.set()
        self._messages.put(None)


class ScriptedHost:
    """Engine, containers and statistics in one; each question is noted in `asked`."""

    address = "scripted"

    def __init__(self, *containers: Container) -> None:
        self.listed: list[Container] = list(containers)
        self.clock = 1000.0
        self.identity = EngineInfo("Docker", "29.1.3", "1.52")
        self.failure: EnvtuiError | None = None
        self.ping_failure: EnvtuiError | None = None
        self.details_failures: dict[str, EnvtuiError] = {}
        self.told: dict[str, ContainerDetails] = {}
        self.counters: dict[str, StatsSample] = {}
        self.streams: list[ScriptedStream] = []
        self.since: list[float] = []
        self.asked: list[str] = []
        self.performed: list[Step] = []
        #: cleared, it holds every question of details until it is set
        self.may_tell = threading.Event()
        self.may_tell.set()

    def count(self, question: str) -> int:
        return self.asked.count(question)

    @property
    def stream(self) -> ScriptedStream:
        return self.streams[-1]

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.failure is not None:
            raise self.failure

    # -- Engine

    def identify(self) -> EngineInfo:
        self._ask("identify")
        return self.identity

    def describe(self) -> EngineInfo:
        self._ask("describe")
        return EngineInfo("Docker", "29.1.3", "1.52", data_root="/var/lib/docker")

    def ping(self) -> None:
        self._ask("ping")
        if self.ping_failure is not None:
            raise self.ping_failure

    def data_root_space(self, data_root: str) -> FileSystemSpace | None:
        return FileSystemSpace(data_root, 100, 50, 50)

    # -- Containers

    def containers(self) -> tuple[Sequence[Container], float]:
        self._ask("list")
        return list(self.listed), self.clock

    def events(self, since: float) -> ScriptedStream:
        self._ask("events")
        self.since.append(since)
        self.streams.append(ScriptedStream())
        return self.streams[-1]

    def details(self, container_id: str) -> ContainerDetails:
        self.asked.append(f"details {container_id}")
        self.may_tell.wait()
        if container_id in self.details_failures:
            raise self.details_failures[container_id]
        if container_id not in self.told:
            raise NoSuchContainer("There is no such container", container_id[:12], status=404)
        return self.told[container_id]

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        return {"Id": container_id}

    def processes(self, container_id: str) -> ProcessTable:
        return ProcessTable((), ())

    def perform(self, step: Step) -> None:
        self.performed.append(step)

    # -- Statistics

    def samples(self, containers: Sequence[Container]) -> Mapping[str, StatsSample]:
        self._ask("samples")
        return {each.id: self.counters[each.id] for each in containers if each.id in self.counters}

    # -- for tests

    def tell(self, name: str, **fields: Any) -> None:
        """What an inspect of this container tells from now on."""
        self.told[full_id(name)] = make_details(name, **fields)
