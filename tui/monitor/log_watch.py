"""The log that is looked at: one container's or several merged, and what can be fetched into it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.model.log_ring import LogRing
from tui.model.logs import time_of
from tui.monitor import log_history
from tui.monitor.log_merge import LogMerge
from tui.monitor.tail import OPENING_LINES, Tail, TailState, TailStatus
from tui.monitor.topics import CONTAINERS, Snapshot

if TYPE_CHECKING:
    from tui.backends.base import Logs
    from tui.model.containers import Container
    from tui.monitor.store import Store

#: More logs side by side can't be told apart, and each is a connection.
MOST_MERGED = 12
# A stream that delivered within this time is one that is read, not one that has nothing to say.
_READING_SECONDS = 0.5
# Less is the way from the container's write to the screen.
_LEAST_BEHIND_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class OpenLog:
    """What is looked at.

    Attributes:
        container_ids: of whom; more than one when merged. The index is the origin of a line.
        ring: its lines.
        tails: who fill it.
    """

    container_ids: tuple[str, ...] = ()
    ring: LogRing = field(default_factory=LogRing)
    tails: tuple[Tail, ...] = ()
    merge: LogMerge | None = None


class LogWatch:
    """Opens and closes logs: the newest choice wins, and the streams before it are closed first."""

    def __init__(self, logs: Logs, store: Store, now: Callable[[], float] = time.time) -> None:
        """Args: where logs come from; where the list of containers is; seconds since the epoch."""
        self._logs = logs
        self._store = store
        self._now = now
        self._lock = threading.Lock()
        self._open = OpenLog()
        self._news: Callable[[], None] = lambda: None
        store.listen(CONTAINERS, self._tell)

    @property
    def open(self) -> OpenLog:
        """What is looked at now."""
        return self._open

    def on_news(self, news: Callable[[], None]) -> None:
        """Have `news` called, by the threads that read, after each change."""
        self._news = news

    def choose(self, container_ids: Sequence[str]) -> OpenLog:
        """Look at these from now on; at none with an empty sequence. The ring begins anew."""
        chosen = tuple(container_ids)[:MOST_MERGED]
        with self._lock:
            before = self._open
            ring = LogRing()
            merge = LogMerge(ring, self._has_news) if len(chosen) > 1 else None
            tails = tuple(
                Tail(
                    self._logs,
                    container_id,
                    merge.sink(origin) if merge is not None else ring,
                    self._has_news,
                    origin=origin,
                    opening_lines=OPENING_LINES // len(chosen),
                    before=before.tails,
                    now=self._now,
                )
                for origin, container_id in enumerate(chosen)
            )
            self._open = OpenLog(chosen, ring, tails, merge)
        _close(before)
        if merge is not None:
            merge.start()
        snapshot = self._store.get(CONTAINERS)
        if snapshot is not None:
            self._tell(snapshot)
        for tail in tails:
            tail.start()
        return self._open

    def stop(self) -> None:
        """End; streams are closed, nobody is waited for."""
        self._store.unlisten(CONTAINERS, self._tell)
        with self._lock:
            before, self._open = self._open, OpenLog()
        _close(before)

    def status(self) -> TailStatus:
        """How the streams are: of several the worst that something can be done about."""
        states = [tail.status for tail in self._open.tails]
        for state in (TailState.LOST, TailState.OPENING, TailState.LIVE):
            for status in states:
                if status.state is state:
                    return status
        return states[0] if states else TailStatus(TailState.OPENING)

    def seconds_behind(self) -> float:
        """How old the newest line is while the stream is being read; 0.0 when it is up to date."""
        open_log = self._open
        now = time.monotonic()
        # the backlog of an opening is old, and read in a moment
        is_reading = any(
            now - tail.received_at < _READING_SECONDS < tail.received_at - tail.reading_since
            for tail in open_log.tails
        )
        if not is_reading:
            return 0.0
        end = open_log.ring.end
        _, newest = open_log.ring.raws(end - 1, end)
        written_at = time_of(newest[0]) if newest else None
        behind = 0.0 if written_at is None else self._now() - written_at
        return behind if behind >= _LEAST_BEHIND_SECONDS else 0.0

    def fetch_older(self, open_log: OpenLog, lines: int) -> int:
        """Bring lines from before the window into it; blocks. 0 at the log's beginning, or when merged."""
        if len(open_log.tails) != 1:
            return 0
        tail = open_log.tails[0]
        return log_history.fetch_older(
            self._logs, tail.container_id, open_log.ring, tail.received_messages, lines
        )

    def fetch_since(self, open_log: OpenLog, since_ns: int) -> int:
        """Bring the lines since a moment into the window; blocks. 0 when merged."""
        if len(open_log.tails) != 1:
            return 0
        return log_history.fetch_since(self._logs, open_log.container_ids[0], open_log.ring, since_ns)

    def _has_news(self) -> None:
        self._news()

    def _tell(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        if snapshot.value is None or snapshot.error is not None:
            return
        listed = {container.id: container for container in snapshot.value}
        for tail in self._open.tails:
            container = listed.get(tail.container_id)
            if container is None:
                tail.container_is(False, False)
            else:
                run_key = (container.state, container.started_at, container.finished_at)
                tail.container_is(True, container.is_alive, run_key)


def _close(open_log: OpenLog) -> None:
    for tail in open_log.tails:
        tail.stop()
    if open_log.merge is not None:
        open_log.merge.stop()
