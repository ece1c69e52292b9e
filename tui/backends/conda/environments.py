"""Environments of containers, for whoever asks; what looks for them is loaded when the first one does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, Package

if TYPE_CHECKING:
    from tui.backends.conda.listing import DockerEnvironments


class ContainerEnvironments:
    """The environments inside one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine
        self._lock = threading.Lock()
        self._loaded: DockerEnvironments | None = None

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        """All environments of a container, running or not. Raises an EngineError."""
        return self._backend.environments(container, ask_inside)

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        """The packages of some environments of one container, in their order. Raises an EngineError."""
        return self._backend.packages(container, environments, names_only, ask_inside)

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """What they take, by prefix, of those that could be measured. Raises an EngineError."""
        return self._backend.sizes(container, environments, is_cancelled, only)

    @property
    def _backend(self) -> DockerEnvironments:
        with self._lock:
            if self._loaded is None:
                # patterns, tar and csv are nothing for the start
                from tui.backends.conda.listing import DockerEnvironments

                self._loaded = DockerEnvironments(self._engine)
            return self._loaded


class ContainerRecords:
    """The whole records of environments inside one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine

    def records(
        self, container: Container, environment: Environment, ask_inside: bool = True
    ) -> EnvironmentRecord:
        """All that an export needs, and what of it can't be known. Raises an EngineError."""
        from tui.backends.conda.records import RecordReader

        self._engine.api_version()
        return RecordReader(self._engine.http).records(container, environment, ask_inside)
