"""Keeps commands from being started in a container while it is being paused.

Docker 20.10 hangs over a container whose pause meets a command that is just being started in it: neither
inspect nor unpause answer from then on (seen with `docker exec` and `docker pause` alone).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui.model.errors import Conflict

if TYPE_CHECKING:
    from tui.backends.base import Environments
    from tui.model.containers import Container
    from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, Package

# A listing has 10 s and a list of packages 30; a walk for sizes is cancelled.
_PATIENCE_SECONDS = 45.0


class ExecGate:
    """Either commands are under way in a container, or it is being paused. Thread-safe."""

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        """Args: how long each side waits for the other."""
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._commands: Counter[str] = Counter()
        self._holders: Counter[str] = Counter()

    def is_held(self, container_id: str) -> bool:
        """Whether somebody waits to pause the container, or pauses it: long commands end for that."""
        with self._changed:
            return self._holders[container_id] > 0

    @contextmanager
    def command(self, container_id: str) -> Iterator[None]:
        """While a command is under way. Raises Conflict where the container is being paused for long."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: not self._holders[container_id], self._patience_seconds)
            if not is_free:
                raise Conflict("No command can be run", "the container is being paused", status=409)
            self._commands[container_id] += 1
        try:
            yield
        finally:
            self._leave(self._commands, container_id)

    @contextmanager
    def held(self, container_id: str) -> Iterator[None]:
        """While no command is under way. Raises Conflict where one does not end."""
        with self._changed:
            self._holders[container_id] += 1
            is_free = self._changed.wait_for(lambda: not self._commands[container_id], self._patience_seconds)
        try:
            if not is_free:
                raise Conflict(
                    "The container can't be paused now",
                    "a command of envtui in it does not end",
                    "Try again in a while",
                    409,
                )
            yield
        finally:
            self._leave(self._holders, container_id)

    def _leave(self, counter: Counter[str], container_id: str) -> None:
        with self._changed:
            counter[container_id] -= 1
            if not counter[container_id]:
                del counter[container_id]
            self._changed.notify_all()


class GatedEnvironments:
    """Environments whose commands go through a gate, and are not run at all where that is not wanted."""

    def __init__(self, backend: Environments, gate: ExecGate, ask_inside: bool) -> None:
        """Args: who finds out; the gate; whether a command may be run in a container."""
        self._backend = backend
        self._gate = gate
        self._ask_inside = ask_inside

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        """All environments of a container. Raises an EngineError."""
        with self._gate.command(container.id):
            return self._backend.environments(container, ask_inside and self._ask_inside)

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        """The packages of some of them, in their order. Raises an EngineError."""
        with self._gate.command(container.id):
            return self._backend.packages(
                container, environments, names_only, ask_inside and self._ask_inside
            )

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """What they take; given up for somebody who pauses the container. Raises an EngineError."""
        if not self._ask_inside:
            raise Conflict("Sizes can't be measured", "no command is run in containers here", status=409)

        def has_to_end() -> bool:
            return is_cancelled() or self._gate.is_held(container.id)

        with self._gate.command(container.id):
            sizes = self._backend.sizes(container, environments, has_to_end, only)
            if self._gate.is_held(container.id) and not is_cancelled():
                raise Conflict("Sizes were not measured", "the container is being paused", status=409)
            return sizes
