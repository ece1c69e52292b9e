"""Keeps the figures of the containers that are on screen fresh, from two samples each."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from tui.model.stats import ContainerStats, StatsSample, figures
from tui.monitor.poller import Poller
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, STATISTICS

if TYPE_CHECKING:
    from tui.backends.base import Statistics
    from tui.model.containers import Container


class StatisticsWatch:
    """A poller over the wanted containers that keeps the sample before the newest."""

    def __init__(self, statistics: Statistics, store: Store, interval: float) -> None:
        """Args: backend, the store with CONTAINERS in it, seconds between samples."""
        self._backend = statistics
        self._store = store
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._before: dict[str, StatsSample] = {}
        self._poller: Poller[Mapping[str, ContainerStats]] = Poller(
            store, STATISTICS, self._read, interval, longest_wait=3.0
        )

    def start(self) -> None:
        """Begin; nothing is sampled before something is wanted."""
        self._poller.start()

    def stop(self) -> None:
        """End; no thread is waited for."""
        self._poller.stop()

    def want(self, container_ids: Iterable[str]) -> None:
        """The containers whose figures are shown; those that are new are sampled at once."""
        wanted = frozenset(container_ids)
        with self._lock:
            fresh = wanted - self._wanted
            self._wanted = wanted
        self._poller.want(bool(wanted))
        if fresh:
            self._poller.poke()

    def _read(self) -> Mapping[str, ContainerStats]:
        with self._lock:
            wanted = self._wanted
        known: tuple[Container, ...] = self._store.value(CONTAINERS) or ()
        now = self._backend.samples([each for each in known if each.id in wanted])
        shown = {}
        kept = {}
        for container_id, sample in now.items():
            before = self._before.get(container_id)
            shown[container_id] = figures(before, sample)
            # a poke soon after a sample would make a rate over a blink: keep the older one until then
            worth = before is None or sample.taken_at - before.taken_at >= _SHORTEST_SPAN_SECONDS
            kept[container_id] = sample if worth or before is None else before
        self._before = kept
        return shown


# The kernel accounts processor time in ticks of up to 10 ms: half a second keeps the error below 2 %.
_SHORTEST_SPAN_SECONDS = 0.5
