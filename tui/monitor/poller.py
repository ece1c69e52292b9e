"""Reads one thing again and again on a daemon thread of its own, never overlapping itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.monitor.store import Store
from tui.monitor.topics import Topic

T = TypeVar("T")

# A read that takes long is repeated seldom: it must not use more than a fifth of anything.
_PAUSE_PER_DURATION = 4.0


class Poller(Generic[T]):
    """Read, put, wait. Backs off while reads fail; reads only while wanted."""

    def __init__(
        self,
        store: Store,
        topic: Topic[T],
        read: Callable[[], T],
        interval: float,
        longest_wait: float = 30.0,
    ) -> None:
        """Args: read blocks and has deadlines; interval and longest_wait (while failing) in seconds."""
        self._store = store
        self._topic = topic
        self._read = read
        self._interval = interval
        self._longest_wait = longest_wait
        self._condition = threading.Condition()
        self._wanted = False
        self._poked = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name=f"poll-{topic.name}", daemon=True)

    def start(self) -> None:
        """Begin; nothing is read before `want(True)`."""
        self._thread.start()

    def stop(self) -> None:
        """End after the read in progress; does not wait for it."""
        self._change(stopped=True)

    def want(self, wanted: bool) -> None:
        """Whether anybody looks."""
        self._change(wanted=wanted)

    def poke(self) -> None:
        """Read now rather than at the next turn."""
        self._change(poked=True)

    def _change(self, *, stopped: bool = False, wanted: bool | None = None, poked: bool = False) -> None:
        with self._condition:
            self._stopped = self._stopped or stopped
            self._wanted = self._wanted if wanted is None else wanted
            self._poked = self._poked or poked
            self._condition.notify_all()

    def _run(self) -> None:
        wait = self._interval
        while self._wait_for_turn():
            began = time.monotonic()
            try:
                value = self._read()
            except EnvtuiError as error:
                self._store.fail(self._topic, error)
                wait = min(wait * 2, self._longest_wait)
            except Exception as error:
                diagnostics.record_exception(f"poll-{self._topic.name}", error)
                self._store.fail(self._topic, unexpected(error))
                wait = self._longest_wait
            else:
                duration = time.monotonic() - began
                self._store.put(self._topic, value, duration)
                wait = max(self._interval, _PAUSE_PER_DURATION * duration)
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._poked, wait)

    def _wait_for_turn(self) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or self._wanted)
            self._poked = False
            return not self._stopped


def unexpected(error: BaseException) -> EnvtuiError:
    """An exception that nobody foresaw, as a state that can be shown."""
    return EnvtuiError(
        "Something unexpected happened",
        f"{type(error).__name__}: {error}",
        "The log file has the details; its path is in envtui --help",
    )
