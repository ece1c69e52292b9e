"""Does what is due on a few daemon threads: one thing a key, never overlapping itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

from tui import diagnostics

# A command in a container costs the engine a process of its own; more at once make each slower.
_WORKERS = 4


class Turns:
    """Owns up to four threads `NAME-N`, which end when nothing is due any more."""

    def __init__(self, name: str, workers: int = _WORKERS) -> None:
        """Args: name of the threads; how many at most."""
        self._name = name
        self._most_workers = workers
        self._changed = threading.Condition()
        self._due: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._busy: set[Hashable] = set()
        self._workers = 0
        self._stopped = False

    def due(self, key: Hashable, seconds: float, task: Callable[[], None]) -> None:
        """Do it in so many seconds, in the place of what was due under this key."""
        with self._changed:
            if self._stopped:
                return
            self._due[key] = (time.monotonic() + seconds, task)
            if self._workers < min(self._most_workers, len(self._due) + len(self._busy)):
                self._workers += 1
                name = f"{self._name}-{self._workers}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
            self._changed.notify_all()

    def forget(self, key: Hashable) -> None:
        """Do it no more; what is being done goes on."""
        with self._changed:
            self._due.pop(key, None)
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing is done any more; what is being done is left to its deadlines."""
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._changed.notify_all()

    @property
    def is_at_rest(self) -> bool:
        """Nothing is being done, and nothing is due."""
        with self._changed:
            return not self._busy and not self._due

    def _work(self) -> None:
        while True:
            with self._changed:
                key = self._wait()
                if key is None:
                    self._workers -= 1
                    return
                _, task = self._due.pop(key)
                self._busy.add(key)
            try:
                task()
            except Exception as error:
                diagnostics.record_exception(self._name, error)
            with self._changed:
                self._busy.discard(key)
                self._changed.notify_all()

    def _wait(self) -> Hashable | None:
        """The key of what is due now, None where nothing will be; called with the lock held."""
        while self._due:
            now = time.monotonic()
            free = [(at, key) for key, (at, _) in self._due.items() if key not in self._busy]
            at, key = min(free, key=lambda each: each[0], default=(None, None))
            if at is not None and at <= now:
                return key
            self._changed.wait(None if at is None else at - now)
        return None
