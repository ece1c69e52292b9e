"""Reads what lists do not tell of the containers on screen: once each, one after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.errors import EngineRefused, EnvtuiError

if TYPE_CHECKING:
    from tui.backends.base import Containers
    from tui.model.containers import ContainerDetails

# Ids of containers that are long gone must not add up; more than any screen shows.
_READ_LIMIT = 5000
# A page of fifty inspects takes about this long.
_POST_SECONDS = 0.25
# An engine that could not be asked is asked again after this long.
_RETRY_SECONDS = 1.0


class DetailsReader:
    """Reads details of wanted containers once, one after the other, on the thread `details`."""

    def __init__(self, containers: Containers, post: Callable[[tuple[ContainerDetails, ...]], None]) -> None:
        """Args: backend; what to do with the answers, called from the thread."""
        self._containers = containers
        self._post = post
        self._condition = threading.Condition()
        self._wanted: tuple[str, ...] = ()
        self._read: set[str] = set()
        # asked in vain, longest ago first
        self._failed: dict[str, None] = {}
        self._found: list[ContainerDetails] = []
        self._posted_at = 0.0
        self._stopped = False
        self._thread: threading.Thread | None = None

    def want(self, container_ids: Iterable[str]) -> None:
        """Read these, unless they were read; the newest wish replaces the one before."""
        with self._condition:
            self._wanted = tuple(container_ids)
            if self._thread is None and self._wanted:
                self._thread = threading.Thread(target=self._run, name="details", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def forget(self, container_id: str | None = None) -> None:
        """What was read of one container, or of all, is no longer true."""
        with self._condition:
            if container_id is None:
                self._read.clear()
                self._failed.clear()
            else:
                self._read.discard(container_id)
                self._failed.pop(container_id, None)
            self._condition.notify_all()

    def stop(self) -> None:
        """End; a question in progress is left to its deadline."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def _unread(self) -> str | None:
        return next((wanted for wanted in self._wanted if wanted not in self._read), None)

    def _next(self) -> str | None:
        # an engine may hang over one container for hours: the others go first
        return self._unread() or next((failed for failed in self._failed if failed in self._wanted), None)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._next() is not None)
                wanted = self._next()
                if self._stopped or wanted is None:
                    return
                if len(self._read) > _READ_LIMIT:
                    self._read.intersection_update(self._wanted)
                self._read.add(wanted)
                self._failed.pop(wanted, None)
                is_last = self._unread() is None
            try:
                self._found.append(self._containers.details(wanted))
            except EngineRefused:
                # it is gone, or the engine would only say the same again
                pass
            except EnvtuiError:
                # the watch shows why the engine can't be asked
                self._ask_again(wanted)
            except Exception as error:
                diagnostics.record_exception("details", error)
                self._ask_again(wanted)
            self._hand_over(is_last)

    def _hand_over(self, is_last: bool) -> None:
        """Post what was found: all of it at the end, or now and then; each post makes the pane look anew."""
        now = time.monotonic()
        if self._found and (is_last or now - self._posted_at >= _POST_SECONDS):
            self._post(tuple(self._found))
            self._found.clear()
            self._posted_at = now

    def _ask_again(self, container_id: str) -> None:
        with self._condition:
            self._failed[container_id] = None
            self._condition.wait_for(lambda: self._stopped, _RETRY_SECONDS)
