"""Signs of life of an engine while something long goes on over another connection to it."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable

from tui.backends.deadline import Deadline
from tui.backends.docker import hijack
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineError

#: How often the engine is asked, and how long its answer may take.
EVERY_SECONDS, GRACE_SECONDS = 5.0, 15.0
# A connection that is refused at once is tried again so soon, until the grace is over.
_AGAIN_SECONDS = 1.0


class Pulse:
    """Asks the engine for a sign of life, in a thread of its own and on connections of its own."""

    def __init__(
        self,
        engine_http: EngineHttp,
        when_lost: Callable[[str], None],
        every_seconds: float = EVERY_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Args: the engine's; what is called, once and with words, when it gives none; how often and long."""
        self._http = engine_http
        self._when_lost = when_lost
        self._every_seconds, self._grace_seconds = every_seconds, grace_seconds
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._stream: HijackedSocket | None = None
        self._asked_at: float | None = None
        #: between the last question and its answer
        self.round_trip_seconds: float | None = None
        threading.Thread(target=self._beat, name="engine pulse", daemon=True).start()

    @property
    def silent_seconds(self) -> float:
        """Since when an answer is waited for; 0.0 where none is."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def close(self) -> None:
        """No more questions, from any thread, without waiting. Harmless twice."""
        self._closed.set()
        with self._lock:
            if self._stream is not None:
                self._stream.close()

    def _beat(self) -> None:
        # the first at once: whoever asks for the round trip has a figure to see
        while True:
            if not self._is_alive():
                if not self._closed.is_set():
                    self._when_lost(f"the engine does not answer for {self._grace_seconds:.0f} s")
                return
            if self._closed.wait(self._every_seconds):
                return

    def _is_alive(self) -> bool:
        self._asked_at = time.monotonic()
        deadline = Deadline(self._grace_seconds)
        while not self._closed.is_set():
            began_at = time.monotonic()
            with contextlib.suppress(EngineError, OSError, http.client.HTTPException):
                self._ask(deadline)
                self.round_trip_seconds = time.monotonic() - began_at
                self._asked_at = None
                return True
            if deadline.passed:
                return False
            self._closed.wait(min(_AGAIN_SECONDS, deadline.remaining()))
        return False

    def _ask(self, deadline: Deadline) -> None:
        """One question. Raises an EngineError, OSError or HTTPException where no answer comes."""
        stream = self._http.connect(deadline)
        try:
            with self._lock:
                self._stream = stream
            if not self._closed.is_set():
                # whatever it answers, it lives
                hijack.ask(stream, "GET", "/_ping", {"Connection": "close"}, b"", deadline).close()
        finally:
            with self._lock:
                self._stream = None
            stream.close()
