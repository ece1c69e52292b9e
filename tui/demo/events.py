"""An open stream of the make-believe engine's events: bounded, and closed from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from tui.model.containers import ContainerEvent
from tui.model.errors import EngineLost

# A reader this far behind is gone; the engine, too, breaks off with clients that do not read.
_MOST_PENDING = 1000


class DemoEventStream:
    """Events as they happen. One thread reads, any thread puts and closes."""

    def __init__(self, is_silent: Callable[[], bool], forget: Callable[[DemoEventStream], None]) -> None:
        """Args: is_silent holds events back while true; forget is told once that nobody reads any more."""
        self._is_silent = is_silent
        self._forget = forget
        self._pending: deque[ContainerEvent] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._lost_because = ""

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Ends quietly after `close`.

        Raises:
            EngineLost: the engine broke it off.
        """
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(self._has_news)
                    if self._closed:
                        return
                    if not self._pending or self._is_silent():
                        raise EngineLost(
                            "The engine closed the connection",
                            self._lost_because,
                            "It may be restarting; envtui tries again by itself",
                        )
                    event = self._pending.popleft()
                yield event
        finally:
            self._forget(self)

    def put(self, event: ContainerEvent) -> None:
        """Hand an event to the reader."""
        with self._changed:
            if self._lost_because or self._closed:
                return
            if len(self._pending) >= _MOST_PENDING:
                self._lost_because = f"its event stream ended: {_MOST_PENDING} events were not read"
            else:
                self._pending.append(event)
            self._changed.notify_all()

    def break_off(self) -> None:
        """End it as an engine that goes away does."""
        with self._changed:
            self._lost_because = self._lost_because or "its event stream ended"
            self._changed.notify_all()

    def look_again(self) -> None:
        """Wake the reader, because `is_silent` may say something else now."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        """End the iteration at once, from any thread."""
        with self._changed:
            self._closed = True
            self._pending.clear()
            self._changed.notify_all()
        self._forget(self)

    def _has_news(self) -> bool:
        return self._closed or bool(self._lost_because) or (bool(self._pending) and not self._is_silent())
