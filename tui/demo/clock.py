"""The time in the make-believe workstation: the machine's own, or one that only moves when it is told to."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

# 2026-03-02T09:30:00Z: a Monday morning, when a shared machine is busy
FROZEN_START = 1_772_443_800.0
# any value but 0, so that a monotonic time is never mistaken for "not taken"
_FROZEN_MONOTONIC_START = 1000.0


class DemoClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        return time.monotonic()

    def sample_time(self) -> float:
        """Monotonic seconds to stamp a sample of counters with."""
        return self.monotonic()

    @property
    def runs_by_itself(self) -> bool:
        """Whether waiting brings the time forward."""
        return True

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each advance; a clock that runs by itself never does."""


class FrozenClock(DemoClock):
    """A clock that stands still until `advance`. Thread-safe."""

    def __init__(self, start: float = FROZEN_START) -> None:
        """Args: start in seconds since the epoch."""
        self._lock = threading.Lock()
        self._now = start
        self._monotonic = _FROZEN_MONOTONIC_START
        self._last_sample = 0.0
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds since the epoch, always the same between two advances."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Monotonic seconds, always the same between two advances."""
        with self._lock:
            return self._monotonic

    def sample_time(self) -> float:
        """A whole second later at each call: two samples at one moment would give no rate.

        Whole seconds, so that counters made from whole rates give these rates back exactly, whatever
        the number of calls.
        """
        with self._lock:
            self._last_sample = max(self._last_sample + 1.0, float(math.ceil(self._monotonic)))
            return self._last_sample

    @property
    def runs_by_itself(self) -> bool:
        """It does not."""
        return False

    def on_advance(self, listener: Callable[[], None]) -> None:
        """Call `listener` in the advancing thread after each advance."""
        with self._lock:
            self._listeners.append(listener)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass; what was due in them has happened when this returns.

        Raises:
            ValueError: the time would go backwards.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock can't be advanced by {seconds} seconds")
        with self._lock:
            self._now += seconds
            self._monotonic += seconds
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener()
