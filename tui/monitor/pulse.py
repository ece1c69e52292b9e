"""Asks the engine for a sign of life now and then: a frozen one keeps its connections and says nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tui import diagnostics
from tui.model.errors import EngineTimeout, EnvtuiError

# With the ping's own deadline of two seconds, a frozen engine is noticed within four.
_INTERVAL_SECONDS = 2.0
# While it is silent: a ping waits by itself, but one to a full queue comes back at once.
_SILENT_SECONDS = 0.25


class Pulse:
    """The thread `pulse`. Pings only while somebody is connected."""

    def __init__(
        self, ping: Callable[[], None], lost: Callable[[EnvtuiError], None], back: Callable[[], None]
    ) -> None:
        """Args: ping raises an EngineError; lost and back are called from the thread when it changes."""
        self._ping = ping
        self._lost = lost
        self._back = back
        self._condition = threading.Condition()
        self._connected = False
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        """Begin; nothing is asked before `connect(True)`."""
        self._thread.start()

    def stop(self) -> None:
        """End; a ping in progress is left to its deadline."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def connect(self, connected: bool) -> None:
        """Whether there is a connection whose silence would mean something."""
        with self._condition:
            self._connected = connected
            self._condition.notify_all()

    def _run(self) -> None:
        silent = False
        while self._wait(_SILENT_SECONDS if silent else _INTERVAL_SECONDS):
            try:
                self._ping()
            except EngineTimeout as error:
                silent = True
                self._lost(error)
            except EnvtuiError:
                # it is gone rather than silent: whoever reads its events hears that, too
                silent = False
            except Exception as error:
                diagnostics.record_exception("pulse", error)
                silent = False
            else:
                if silent:
                    self._back()
                silent = False

    def _wait(self, seconds: float) -> bool:
        """Until it is time to ask again; False at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped, seconds)
            self._condition.wait_for(lambda: self._stopped or self._connected)
            return not self._stopped
