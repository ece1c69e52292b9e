"""Brings what the monitor's threads find into the event loop: one wake-up a burst, each reader guarded."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, TypeVar

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.monitor.monitor import Monitor
from tui.monitor.topics import CHANGES, COMMANDS, JOBS, RECLAIM, SAVING, SELECTION, Snapshot, Topic

T = TypeVar("T")

# What the user did is shown even while the screen is frozen.
_NEVER_FROZEN = frozenset({JOBS, CHANGES, RECLAIM, COMMANDS, SELECTION, SAVING})


class Bridge:
    """Between the monitor (threads) and the widgets (event loop). Its methods belong to the event loop."""

    def __init__(self, monitor: Monitor, complain: Callable[[str, BaseException], None]) -> None:
        """Args: complain shows the user that a part of the screen failed; it must not raise."""
        self.monitor = monitor
        self._complain = complain
        self._readers: dict[Topic[Any], list[Callable[[Snapshot[Any]], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._context = contextvars.Context()
        self._held: set[Topic[Any]] = set()
        self._frozen = False
        # what is called after the readers of a burst; None while there is no burst
        self._afterwards: dict[Callable[[], None], None] | None = None

    def open(self) -> None:
        """Begin to listen; must be called in the running event loop."""
        self._loop = asyncio.get_running_loop()
        # Textual knows the running app by a context variable, which threads do not have
        self._context = contextvars.copy_context()
        self.monitor.store.on_change(self._wake)

    def close(self) -> None:
        """Stop to listen."""
        self.monitor.store.on_change(None)
        self._loop = None

    def read(self, topic: Topic[T], reader: Callable[[Snapshot[T]], None]) -> None:
        """Call `reader` with each new snapshot of a topic, beginning with the one that is there."""
        self._readers.setdefault(topic, []).append(reader)
        snapshot = self.monitor.store.get(topic)
        if snapshot is not None:
            self._guarded(reader, snapshot)

    def forget(self, topic: Topic[T], reader: Callable[[Snapshot[T]], None]) -> None:
        """No longer call `reader`."""
        self._readers[topic].remove(reader)

    def when_told(self, call: Callable[[], None]) -> None:
        """From a reader: have something called once, when every reader has the news of this burst."""
        if self._afterwards is None:
            call()
        else:
            self._afterwards[call] = None

    @property
    def frozen(self) -> bool:
        """Whether the screen stands still."""
        return self._frozen

    def freeze(self, frozen: bool) -> None:
        """Let the screen stand still, or catch up."""
        self._frozen = frozen
        if not frozen:
            held, self._held = frozenset(self._held), set()
            self._tell(held)

    def ask(
        self,
        question: Callable[[], T],
        answered: Callable[[T], None],
        failed: Callable[[EnvtuiError], None],
    ) -> None:
        """Have a blocking question asked on a thread; the answer comes back in the event loop."""
        self.monitor.ask(
            question,
            lambda answer: self.deliver(lambda: answered(answer)),
            lambda error: self.deliver(lambda: failed(error)),
        )

    def drain(self) -> None:
        """Hand every changed topic to its readers."""
        changed = self.monitor.store.take_changes()
        if self._frozen:
            self._held |= changed - _NEVER_FROZEN
            changed &= _NEVER_FROZEN
        self._tell(changed)

    def _wake(self) -> None:
        self.deliver(self.drain)

    def deliver(self, call: Callable[[], None]) -> None:
        """Have something called in the event loop, from any thread; one that ended needs no more news."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._protected, call, context=self._context)
        except RuntimeError:
            diagnostics.logger("bridge").info("news came after the screen was closed")

    def _tell(self, topics: frozenset[Topic[Any]]) -> None:
        self._afterwards = {}
        for topic in topics:
            snapshot = self.monitor.store.get(topic)
            if snapshot is not None:
                for reader in tuple(self._readers.get(topic, ())):
                    self._guarded(reader, snapshot)
        afterwards, self._afterwards = self._afterwards, None
        for call in afterwards:
            self._protected(call)

    def _guarded(self, reader: Callable[[Snapshot[Any]], None], snapshot: Snapshot[Any]) -> None:
        self._protected(lambda: reader(snapshot))

    def _protected(self, call: Callable[[], None]) -> None:
        """An exception in one reader must neither end the app nor keep the others from their news."""
        if self._loop is None:
            return
        try:
            call()
        except Exception as error:
            diagnostics.record_exception("bridge", error)
            self._complain("A part of the screen failed", error)
