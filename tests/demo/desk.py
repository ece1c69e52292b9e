"""A make-believe world, and all that a test of changes asks it."""

from __future__ import annotations

from dataclasses import replace

from tui.demo.changes import DemoChanges
from tui.demo.environments import DemoEnvironments
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.change_making import change_of
from tui.model.changes import (
    ChangeJob,
    ChangePlan,
    ChangeVerb,
    EnvironmentChange,
    JobNews,
)
from tui.model.containers import Container
from tui.model.environments import Environment

# Longer than any job here.
LONG_ENOUGH = 60.0


class Desk:
    """A world with everything that a test asks it."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.world = DemoWorld(clock=self.clock)
        self.changes = DemoChanges(self.world)
        self.backend = DemoEnvironments(self.world)

    def container(self, name: str = "dl-dev") -> Container:
        return next(each for each in self.world.containers()[0] if each.name == name)

    def all(self, name: str = "dl-dev") -> tuple[Environment, ...]:
        return self.backend.environments(self.container(name)).environments

    def labels(self, name: str = "dl-dev") -> list[str]:
        return [each.label for each in self.all(name)]

    def find(self, label: str, name: str = "dl-dev") -> Environment:
        return next(each for each in self.all(name) if each.label == label)

    def versions(self, label: str, name: str = "dl-dev") -> dict[str, str]:
        (found,) = self.backend.packages(self.container(name), [self.find(label, name)])
        return {each.name: each.version for each in found}

    def change(
        self, verb: ChangeVerb, label: str, *packages: str, name: str = "dl-dev", new_prefix: str = ""
    ) -> EnvironmentChange:
        return change_of(verb, self.find(label, name), name, packages=packages, new_prefix=new_prefix)

    def new(self, label: str, *packages: str, name: str = "dl-dev") -> EnvironmentChange:
        made = self.changes.new_prefix(self.container(name), label, self.all(name))
        return replace(made, packages=packages)

    def plan(self, change: EnvironmentChange) -> ChangePlan:
        return self.changes.plan(self.container(change.container_name), change, lambda: False)

    def start(self, change: EnvironmentChange) -> ChangeJob:
        return self.changes.start(self.container(change.container_name), change)

    def news(self, job: ChangeJob, offset: int = 0) -> JobNews:
        return self.changes.news(self.container(job.change.container_name), job, offset)

    def do(self, change: EnvironmentChange) -> ChangeJob:
        job = self.start(change)
        self.clock.advance(LONG_ENOUGH)
        return self.news(job).job
