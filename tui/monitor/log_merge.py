"""Puts the logs of several containers in the order of their times, in one ring."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from tui.model.log_ring import LogRing
from tui.model.logs import TIME_BYTES, Batch, RawLine

# Engines deliver lines of one moment within this time of each other; what comes later is out of order.
_HOLD_SECONDS = 0.25
# A flood is not held: beyond so many lines the older half is let through.
_MOST_HELD = 20_000


class LogMerge:
    """Holds lines back for a moment, sorts them, hands them to the ring. Has the thread `log-merge`."""

    def __init__(self, ring: LogRing, news: Callable[[], None]) -> None:
        """Args: where lines go; called after each change, from the thread."""
        self._ring = ring
        self._news = news
        self._condition = threading.Condition()
        self._held: list[tuple[bytes, float, bytes, int]] = []
        self._pending: dict[int, tuple[RawLine, ...]] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="log-merge", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; lines that are held are given up."""
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def sink(self, origin: int) -> MergeSink:
        """Where the tail of one container puts its lines."""
        return MergeSink(self, origin)

    def take(self, origin: int, batch: Batch, pending: Sequence[RawLine]) -> None:
        """Lines of one container; any thread."""
        now = time.monotonic()
        with self._condition:
            self._held += [
                (raw[:TIME_BYTES], now, raw, tag) for raw, tag in zip(batch.raws, batch.tags, strict=True)
            ]
            self._pending[origin] = tuple(pending)
            self._condition.notify_all()
            # who writes faster than the ring is filled waits, as it would on a ring of its own
            self._condition.wait_for(lambda: self._stopped or len(self._held) < 2 * _MOST_HELD, 1.0)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._ring.append(batch, [line for lines in tuple(self._pending.values()) for line in lines])
            self._news()

    def _next(self) -> Batch | None:
        """Wait for the next lines to let through; None at the end."""
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or bool(self._held))
            if not self._stopped:
                self._condition.wait_for(
                    lambda: self._stopped or len(self._held) >= _MOST_HELD,
                    # the first is the one that has waited longest
                    max(0.0, self._held[0][1] + _HOLD_SECONDS - time.monotonic()),
                )
            batch = None if self._stopped else self._ready()
            self._condition.notify_all()
            return batch

    def _ready(self) -> Batch:
        """Take what has been held long enough, and everything that is older than that."""
        self._held.sort(key=lambda line: line[0])
        limit = time.monotonic() - _HOLD_SECONDS
        count = len(self._held)
        ready = max((index + 1 for index in range(count) if self._held[index][1] <= limit), default=0)
        if count >= _MOST_HELD:
            ready = max(ready, count // 2)
        batch = Batch()
        for _, _, raw, tag in self._held[:ready]:
            batch.add((raw, tag))
        # the order of arrival again, for the one that has waited longest
        self._held = sorted(self._held[ready:], key=lambda line: line[1])
        return batch


class MergeSink:
    """The sink of one container's tail."""

    def __init__(self, merge: LogMerge, origin: int) -> None:
        """Args: whom it belongs to; which container."""
        self._merge = merge
        self._origin = origin

    def append(self, batch: Batch, pending: Sequence[RawLine] = ()) -> None:
        """More of this container's lines."""
        self._merge.take(self._origin, batch, pending)
