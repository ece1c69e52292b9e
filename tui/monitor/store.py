"""The newest snapshot of every topic: written by threads, read by anyone, one wake-up for a burst."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from tui.model.errors import EnvtuiError
from tui.monitor.topics import Snapshot, Topic

T = TypeVar("T")


class Store:
    """Latest value wins; a slow reader misses values, never order. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: clock in monotonic seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshots: dict[Topic[Any], Snapshot[Any]] = {}
        self._changed: set[Topic[Any]] = set()
        self._wake: Callable[[], None] | None = None
        self._listeners: dict[Topic[Any], list[Callable[[Snapshot[Any]], None]]] = {}

    def put(self, topic: Topic[T], value: T, duration: float = 0.0) -> None:
        """A new value; `duration` is what reading it took, in seconds."""
        self._set(topic, lambda _: Snapshot(value, self._clock(), duration))

    def fail(self, topic: Topic[T], error: EnvtuiError) -> None:
        """A read that failed: the old value stays, with its age."""
        self._set(
            topic,
            lambda old: Snapshot(
                old.value if old else None, old.taken_at if old else 0.0, old.duration if old else 0.0, error
            ),
        )

    def get(self, topic: Topic[T]) -> Snapshot[T] | None:
        """The newest snapshot, None before the first."""
        with self._lock:
            return self._snapshots.get(topic)

    def value(self, topic: Topic[T]) -> T | None:
        """The newest value, None where there never was one."""
        snapshot = self.get(topic)
        return snapshot.value if snapshot else None

    def on_change(self, wake: Callable[[], None] | None) -> None:
        """Have `wake` called, by the thread that writes, at the first change after each `take_changes`."""
        with self._lock:
            self._wake = wake
            pending = bool(self._changed)
        if pending and wake is not None:
            wake()

    def listen(self, topic: Topic[T], listener: Callable[[Snapshot[T]], None]) -> None:
        """Have `listener` called with each snapshot of a topic, by the thread that writes it."""
        with self._lock:
            self._listeners.setdefault(topic, []).append(listener)
            snapshot = self._snapshots.get(topic)
        if snapshot is not None:
            listener(snapshot)

    def unlisten(self, topic: Topic[T], listener: Callable[[Snapshot[T]], None]) -> None:
        """No longer call `listener`; nothing happens where it is not called."""
        with self._lock:
            listeners = self._listeners.get(topic, [])
            if listener in listeners:
                listeners.remove(listener)

    def take_changes(self) -> frozenset[Topic[Any]]:
        """The topics that changed since the last call."""
        with self._lock:
            changed, self._changed = frozenset(self._changed), set()
        return changed

    def _set(self, topic: Topic[T], make: Callable[[Snapshot[T] | None], Snapshot[T]]) -> None:
        with self._lock:
            snapshot = self._snapshots[topic] = make(self._snapshots.get(topic))
            listeners = tuple(self._listeners.get(topic, ()))
            first = not self._changed
            self._changed.add(topic)
            wake = self._wake
        for listener in listeners:
            listener(snapshot)
        if first and wake is not None:
            wake()
