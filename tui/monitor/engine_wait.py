"""Waits for an engine that was lost in the middle of something."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.model.errors import EngineError, EngineRefused, EngineTooOld, EnvtuiError

if TYPE_CHECKING:
    from tui.backends.base import Engine

#: A daemon that is restarted is back within this on most machines.
LOST_SECONDS = 60.0

_LOOK_SECONDS = 0.5


def is_lost(error: EnvtuiError) -> bool:
    """Whether an error leaves open what became of what was asked for."""
    return isinstance(error, EngineError) and not isinstance(error, (EngineRefused, EngineTooOld))


class EngineWait:
    """One engine, which may go and come back."""

    def __init__(self, engine: Engine, seconds: float, is_cancelled: Callable[[], bool]) -> None:
        """Args: the engine; how long it is waited for at a time; whether nobody wants to wait any more."""
        self._engine = engine
        self._seconds = seconds
        self._is_cancelled = is_cancelled
        self._pause = threading.Event()

    def is_back(self, until: float | None = None) -> bool:
        """Whether it answers, or answers again in time (monotonic seconds); blocks until that is known."""
        until = time.monotonic() + self._seconds if until is None else until
        while True:
            try:
                self._engine.ping()
            except EngineError as error:
                if not is_lost(error):
                    return True
            else:
                return True
            if self._is_cancelled() or not self.wait(until):
                return False

    def holds(self, question: Callable[[], bool], seconds: float, is_short: bool = False) -> bool:
        """Whether something comes to hold within so many seconds, or before it is called off.

        A short wait is waited for to its end: what was under way is to be known. Raises what the question
        raises.
        """
        until = time.monotonic() + seconds
        while not question():
            if (self._is_cancelled() and not is_short) or not self.wait(until):
                return False
        return True

    def wait(self, until: float, seconds: float = _LOOK_SECONDS) -> bool:
        """Wait a moment; False where that moment (monotonic seconds) is past."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        self._pause.wait(min(seconds, left))
        return True
