"""Which containers have jobs that change environments, from run to run."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from tui import diagnostics
from tui.model.errors import EnvtuiError


class JobRecord(Protocol):
    """What is kept of it. Every method blocks, and may raise an EnvtuiError."""

    def containers(self) -> frozenset[str]:
        """Full ids of the containers that have jobs."""

    def note(self, container_id: str, container_name: str) -> None:
        """A job is begun in this one."""

    def forget(self, container_id: str) -> None:
        """No job is left in this one."""


class MarkedContainers:
    """The containers with jobs: what is kept, read once, and what came to it since.

    A record that can't be read or written is no reason not to work: jobs can be looked for by hand.
    """

    def __init__(self, record: JobRecord | None) -> None:
        """Args: what is kept from run to run, None where nothing is."""
        self._record = record
        self._lock = threading.Lock()
        self._is_read = record is None
        self._marked: set[str] = set()
        self._beginning: Counter[str] = Counter()

    def __contains__(self, container_id: str) -> bool:
        """Whether this one has jobs; blocks the first time."""
        with self._lock:
            if not self._is_read and self._record is not None:
                self._is_read = True
                record = self._record
                _guarded(lambda: self._marked.update(record.containers()))
            return container_id in self._marked

    def note(self, container_id: str, container_name: str) -> None:
        """This one has a job."""
        with self._lock:
            self._marked.add(container_id)
            if self._record is not None:
                record = self._record
                _guarded(lambda: record.note(container_id, container_name))

    @contextmanager
    def beginning(self, container_id: str, container_name: str) -> Iterator[None]:
        """Note that a job is begun in this one, before anybody else can find it there."""
        with self._lock:
            self._beginning[container_id] += 1
        try:
            self.note(container_id, container_name)
            yield
        finally:
            with self._lock:
                self._beginning[container_id] -= 1

    def forget(self, container_id: str, is_without: Callable[[], bool]) -> None:
        """No job is left in this one, unless one is just being begun. Args: the id; whether none is known."""
        with self._lock:
            if self._beginning[container_id] or not is_without():
                return
            self._marked.discard(container_id)
            if self._record is not None:
                record = self._record
                _guarded(lambda: record.forget(container_id))


def _guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except EnvtuiError as error:
        diagnostics.logger("changes").warning("jobs may not be found again: %s", error.one_line())
