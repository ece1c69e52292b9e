"""Containers whose environments a test says, and that count and hold what they are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence

from tests.making import full_id
from tui.model.containers import Container
from tui.model.environments import (
    Environment,
    EnvironmentKind,
    EnvironmentList,
    EnvironmentSize,
    ListedBy,
    Package,
)
from tui.model.errors import EnvtuiError


def make_environment(container: str = "box", prefix: str = "/opt/conda", **fields: object) -> Environment:
    told: dict[str, object] = {"name": "base", "kind": EnvironmentKind.BASE, "fingerprint": "1"}
    return Environment(full_id(container), prefix, **(told | fields))  # type: ignore[arg-type]


class ScriptedEnvironments:
    """Each container has what `tell` gives it, one base environment at first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.told: dict[str, Sequence[Environment]] = {}
        self.failures: dict[str, EnvtuiError] = {}
        self.problems: dict[str, EnvtuiError] = {}
        #: names in the order of the questions
        self.listed: list[str] = []
        self.asked_inside: list[bool] = []
        self.measured: list[str] = []
        self.size: EnvironmentSize | None = EnvironmentSize(3000, 1000)
        self.under_way = 0
        self.most_under_way = 0
        #: cleared, questions wait for it
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.may_measure = threading.Event()
        self.may_measure.set()
        self.was_cancelled = threading.Event()

    def tell(self, name: str, *environments: Environment) -> None:
        self.told[full_id(name)] = environments

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        with self._lock:
            self.listed.append(container.name)
            self.asked_inside.append(ask_inside)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            assert self.may_answer.wait(30)
            failure = self.failures.get(container.id)
            if failure is not None:
                raise failure
            told = self.told.get(container.id, (make_environment(container.name),))
            by = ListedBy.EXEC if container.state == "running" and ask_inside else ListedBy.ARCHIVE
            problem = self.problems.get(container.id)
            return EnvironmentList(container.id, tuple(told), by, 1000.0, problem=problem)
        finally:
            with self._lock:
                self.under_way -= 1

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        failure = self.failures.get(container.id)
        if failure is not None:
            raise failure
        return [(Package("numpy", "2.1.0", "pip"), Package("torch", "2.9.1", "pip")) for _ in environments]

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        prefixes = [each.prefix for each in environments if only is None or each.prefix in only]
        self.measured += prefixes
        while not self.may_measure.wait(0.01):
            if is_cancelled():
                self.was_cancelled.set()
                return {}
        return {} if self.size is None else dict.fromkeys(prefixes, self.size)
