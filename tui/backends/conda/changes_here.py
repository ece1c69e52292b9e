"""Changes of environments, for whoever asks; what carries them out is loaded when the first one does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.backends.docker.engine import DockerEngine
from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange, JobNews
from tui.model.containers import Container
from tui.model.environments import Environment

if TYPE_CHECKING:
    from tui.backends.conda.changes import DockerChanges


class ContainerChanges:
    """Makes, changes and removes environments in one engine's containers; errors as the protocol has them."""

    def __init__(self, engine: DockerEngine, allow_base: bool = False) -> None:
        """Args: engine that was or will be identified by somebody; whether base may get packages."""
        self._engine = engine
        self._allow_base = allow_base
        self._lock = threading.Lock()
        self._loaded: DockerChanges | None = None

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """Where an environment of that name would be, and what would make it."""
        return self._backend.new_prefix(container, name, environments, user)

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        """What a change would do."""
        return self._backend.plan(container, change, is_cancelled)

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        """Begin a change."""
        return self._backend.start(container, change)

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        """The jobs that are in the container."""
        return self._backend.jobs(container)

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        """How a job is, and its log from `offset` on."""
        return self._backend.news(container, job, offset)

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        """End a job and undo what it began."""
        return self._backend.cancel(container, job)

    def put_away(self, container: Container, job: ChangeJob) -> None:
        """Remove the traces of a job that is over."""
        self._backend.put_away(container, job)

    @property
    def _backend(self) -> DockerChanges:
        with self._lock:
            if self._loaded is None:
                from tui.backends.conda.changes import DockerChanges

                self._loaded = DockerChanges(self._engine, self._allow_base)
            return self._loaded
