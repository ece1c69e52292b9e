"""A host whose environments and records are what a test says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.making import full_id, make_container
from tui.demo.backends import DemoEngine, DemoStatistics
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container, ContainerState
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.errors import EnvtuiError
from tui.workstation import Workstation

#: Exit code, stdout and stderr of `envtui env …` on a host.
RunEnv = Callable[..., tuple[int, str, str]]


@dataclass
class Recorded:
    """Containers by name, with the records of their environments.

    Attributes:
        asked: of each question, whether a command may be run in the container.
        problem: of every listing.
    """

    told: dict[str, Sequence[EnvironmentRecord]]
    problem: EnvtuiError | None = None
    stopped: tuple[str, ...] = ()
    asked: list[bool] = field(default_factory=list)

    def containers(self) -> tuple[Sequence[Container], float]:
        states = dict.fromkeys(self.stopped, ContainerState.EXITED)
        return [make_container(name, states.get(name, ContainerState.RUNNING)) for name in self.told], 0.0

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        self.asked.append(ask_inside)
        found = tuple(
            Environment(full_id(container.name), each.prefix, each.name, each.kind or EnvironmentKind.CONDA)
            for each in self.told[container.name]
        )
        return EnvironmentList(container.id, found, problem=self.problem)

    def records(
        self, container: Container, environment: Environment, ask_inside: bool = True
    ) -> EnvironmentRecord:
        self.asked.append(ask_inside)
        return next(each for each in self.told[container.name] if each.prefix == environment.prefix)

    def station(self) -> Workstation:
        world = DemoWorld(clock=FrozenClock())
        this: Any = self
        return Workstation(
            "fake", DemoEngine(world), this, DemoStatistics(world), environments=this, records=this
        )
