"""The make-believe workstation behind the protocols of a real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.demo.events import DemoEventStream
from tui.demo.world import DESCRIPTION, IDENTITY, DemoWorld
from tui.model.containers import Container, ContainerDetails
from tui.model.hosts import EngineInfo, FileSystemSpace
from tui.model.operations import Step
from tui.model.processes import ProcessTable
from tui.model.stats import StatsSample


class DemoEngine:
    """The engine of a DemoWorld. Every method raises what the world's faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that it belongs to."""
        self._world = world

    @property
    def address(self) -> str:
        """A word instead of an address."""
        return "demo"

    def identify(self) -> EngineInfo:
        """Product, version and API version."""
        self._world.faults.pass_question()
        return IDENTITY

    def describe(self) -> EngineInfo:
        """The same with data root, memory and processors."""
        self._world.faults.pass_question()
        return DESCRIPTION

    def ping(self) -> None:
        """A sign of life."""
        self._world.faults.pass_question()

    def data_root_space(self, data_root: str) -> FileSystemSpace | None:
        """Room behind the data root; None for any other folder."""
        with self._world.stock() as stock:
            space = stock.space()
        return space if data_root == space.path else None


class DemoContainers:
    """The containers of a DemoWorld. Every method raises what the world's faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def containers(self) -> tuple[Sequence[Container], float]:
        """All containers and the world's clock."""
        self._world.faults.pass_question()
        return self._world.containers()

    def events(self, since: float) -> DemoEventStream:
        """What happens from `since` on."""
        self._world.faults.pass_question()
        return self._world.open_stream(since)

    def details(self, container_id: str) -> ContainerDetails:
        """What the list does not tell. Raises NoSuchContainer."""
        self._world.faults.pass_question()
        return self._world.details(container_id)

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        """Everything of one container. Raises NoSuchContainer."""
        self._world.faults.pass_question()
        return self._world.inspect(container_id)

    def processes(self, container_id: str) -> ProcessTable:
        """Its processes. Raises NoSuchContainer, or Conflict where it has none."""
        self._world.faults.pass_question()
        return self._world.processes(container_id)

    def perform(self, step: Step) -> None:
        """Do one step. Raises an EngineRefused of the kind that the engine would answer."""
        self._world.faults.pass_action()
        self._world.perform(step)


class DemoStatistics:
    """What the containers of a DemoWorld use."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def samples(self, containers: Sequence[Container]) -> Mapping[str, StatsSample]:
        """Counters by container id, of those that have processes."""
        self._world.faults.pass_question()
        return self._world.samples(container.id for container in containers)
