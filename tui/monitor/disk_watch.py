"""Reads the disk while somebody looks at it: a few parts at a time, each with its own age and end."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui import diagnostics
from tui.model.containers import ContainerState
from tui.model.disk import DiskFacts, DiskPart
from tui.model.errors import EnvtuiError
from tui.monitor.disk_facts import current_facts
from tui.monitor.disk_reading import AT_ONCE, READING_ORDER, FactsChange, PartReader
from tui.monitor.known_disk import KnownDisk, PartState
from tui.monitor.poller import unexpected
from tui.monitor.topics import CONTAINERS, DISK, ENVIRONMENTS, Snapshot

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.disk_items import DiskItem
    from tui.model.reclaim import Protection
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.store import Store
    from tui.workstation import Workstation

# What is older is read again when somebody comes to look.
_OLD_SECONDS = 60.0
# What took minutes is not asked for again each time.
_OLD_PER_DURATION = 20.0
# A command or look into each container; one that comes or stops later is looked into by itself.
_BY_CONTAINER = (DiskPart.INSIDE, DiskPart.LAYERS)


class DiskWatch:
    """Owns the threads `disk-PART`, one for each part that is being read, and `disk-items`; writes DISK."""

    def __init__(
        self,
        workstation: Workstation,
        gate: ExecGate,
        store: Store,
        protection: Protection,
        read_only: bool = False,
        allow_base: bool = False,
        old_seconds: float = _OLD_SECONDS,
    ) -> None:
        """Make it; nothing is read before it is shown.

        Args:
            workstation: the host's backends.
            gate: keeps commands from containers that are being paused.
            store: CONTAINERS and ENVIRONMENTS are read, DISK written.
            protection: what is never removed.
            read_only: no command is run in any container.
            allow_base: packages of base may be changed.
            old_seconds: what is older is read again when it is shown.
        """
        self._workstation = workstation
        self._store = store
        self._protection = protection
        self._allow_base = allow_base
        self._old_seconds = old_seconds
        self._reader = PartReader(workstation, gate, not read_only)
        self._changed = threading.Condition()
        self._facts = DiskFacts()
        self._states = {part: PartState() for part in READING_ORDER}
        # of those by container, which; None for all
        self._wanted: dict[DiskPart, frozenset[str] | None] = {}
        self._reading: dict[DiskPart, threading.Event] = {}
        self._stale: set[DiskPart] = set()
        self._tried: dict[DiskPart, set[str]] = {part: set() for part in _BY_CONTAINER}
        self._is_shown = False
        self._is_begun = False
        self._is_stopped = False
        self._is_dirty = False
        self._is_judging = False

    # -- what others ask for

    @property
    def facts(self) -> DiskFacts:
        """All that is known by now, for the containers that are listed."""
        return self._current(self._containers())

    @property
    def is_at_rest(self) -> bool:
        """Nothing is being read, nothing is due, and all that is known stands in DISK."""
        with self._changed:
            is_busy = self._reading or self._wanted or self._is_dirty or self._is_judging
            return not is_busy

    def show(self, is_shown: bool) -> None:
        """It is on screen, or not any more."""
        with self._changed:
            if self._is_stopped or is_shown == self._is_shown:
                return
            self._is_shown = is_shown
            if not is_shown:
                self._wanted.clear()
                return
            is_first, self._is_begun = not self._is_begun, True
            now = time.monotonic()
            self._want({part: None for part in READING_ORDER if self._is_old(part, now)})
            self._mark_dirty()
        if is_first:
            threading.Thread(target=self._judge, name="disk-items", daemon=True).start()
            self._store.listen(CONTAINERS, self._on_containers)
            self._store.listen(ENVIRONMENTS, self._on_environments)

    def refresh(self, parts: Collection[DiskPart] | None = None) -> None:
        """Read these anew, or all, but for those that are being read; hidden: when it is shown next."""
        with self._changed:
            asked = [each for each in READING_ORDER if parts is None or each in parts]
            self._read_soon([each for each in asked if each not in self._reading])

    def read_again(self, parts: Collection[DiskPart]) -> None:
        """These are others now, also where they are being read; hidden: when it is shown next."""
        with self._changed:
            self._read_soon(parts)

    def cancel_reading(self) -> None:
        """Call off all that is being read."""
        with self._changed:
            self._wanted.clear()
            for part, cancelled in self._reading.items():
                cancelled.set()
                self._states[part] = replace(self._states[part], was_cancelled=True)
            self._mark_dirty()

    def take(self, change: FactsChange) -> None:
        """Something was found out."""
        with self._changed:
            self._facts = change(self._facts)
            self._mark_dirty()

    def items_of(self, containers: Sequence[Container]) -> tuple[DiskFacts, tuple[DiskItem, ...]]:
        """What is known comes to this, with these containers; may take a moment."""
        from tui.model.reclaim import disk_items

        facts = self._current(containers)
        return facts, disk_items(facts, containers, self._protection, self._allow_base)

    def stop(self) -> None:
        """End; questions in progress are called off."""
        self._store.unlisten(CONTAINERS, self._on_containers)
        self._store.unlisten(ENVIRONMENTS, self._on_environments)
        with self._changed:
            self._is_stopped = True
            self._wanted.clear()
            for cancelled in self._reading.values():
                cancelled.set()
            self._changed.notify_all()

    # -- reading; what begins with _ and no other word is called with the lock held

    def _is_old(self, part: DiskPart, now: float) -> bool:
        state = self._states[part]
        oldest = max(self._old_seconds, _OLD_PER_DURATION * state.duration)
        return part in self._stale or not state.taken_at or now - state.taken_at > oldest

    def _read_soon(self, parts: Collection[DiskPart]) -> None:
        if self._is_shown and not self._is_stopped:
            self._want(dict.fromkeys(parts))
        else:
            self._stale.update(parts)

    def _want(self, parts: Mapping[DiskPart, frozenset[str] | None]) -> None:
        """Have parts read, of some only what these containers hold."""
        for part, only in parts.items():
            before = self._wanted.get(part, frozenset())
            self._wanted[part] = None if only is None or before is None else before | only
        self._begin_next()

    def _begin_next(self) -> None:
        for part in READING_ORDER:
            if self._is_stopped or len(self._reading) >= AT_ONCE:
                return
            if part in self._wanted and part not in self._reading:
                only = self._wanted.pop(part)
                self._stale.discard(part)
                self._reading[part] = cancelled = threading.Event()
                now = time.monotonic()
                self._states[part] = replace(self._states[part], reading_since=now, was_cancelled=False)
                self._mark_dirty()
                threading.Thread(
                    target=self._read, args=(part, only, cancelled), name=f"disk-{part}", daemon=True
                ).start()

    def _read(self, part: DiskPart, only: frozenset[str] | None, cancelled: threading.Event) -> None:
        """The thread of one part."""
        began = time.monotonic()
        has_come = False

        def taken(change: FactsChange) -> None:
            nonlocal has_come
            has_come = True
            if not self._is_stopped:
                self.take(change)

        error: EnvtuiError | None
        try:
            containers = self._listed()
        except EnvtuiError as failure:
            error = failure
        except Exception as failure:
            diagnostics.record_exception("disk", failure)
            error = unexpected(failure)
        else:
            if only is not None:
                containers = [each for each in containers if each.id in only]
            with self._changed:
                known = self._facts
                if part is DiskPart.LAYERS:
                    self._tried[part] |= {each.id for each in containers if not each.is_alive}
                elif part is DiskPart.INSIDE:
                    self._tried[part] |= {
                        each.id for each in containers if each.state is ContainerState.RUNNING
                    }
            error = self._reader.read(part, containers, known, cancelled.is_set, taken)
        with self._changed:
            del self._reading[part]
            state = replace(self._states[part], reading_since=None)
            if cancelled.is_set():
                state = replace(state, was_cancelled=True)
            else:
                state = replace(state, error=error)
                if error is None or has_come:
                    now = time.monotonic()
                    # a look into one container more says nothing of how long all of them take
                    took = now - began if only is None else state.duration
                    state = replace(state, taken_at=now, duration=took)
            self._states[part] = state
            self._mark_dirty()
            self._begin_next()

    def _containers(self) -> tuple[Container, ...]:
        return self._store.value(CONTAINERS) or ()

    def _listed(self) -> Sequence[Container]:
        """All containers. Raises an EngineError."""
        listed = self._store.value(CONTAINERS)
        return listed if listed is not None else self._workstation.containers.containers()[0]

    def _on_containers(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        """By the thread that lists containers: what has just stopped or started is looked into."""
        if snapshot.value is None or snapshot.error is not None:
            return
        alive = {each.id for each in snapshot.value if each.is_alive}
        running = {each.id for each in snapshot.value if each.state is ContainerState.RUNNING}
        stopped = {each.id for each in snapshot.value} - alive
        with self._changed:
            facts = self._facts
            layers = {key: each for key, each in facts.layers.items() if key in stopped}
            caches = {key: each for key, each in facts.caches.items() if key in running}
            if len(layers) != len(facts.layers) or len(caches) != len(facts.caches):
                self._facts = replace(facts, layers=layers, caches=caches)
            self._tried[DiskPart.LAYERS] &= stopped
            self._tried[DiskPart.INSIDE] &= running
            if not self._is_shown or self._is_stopped:
                return
            new = {
                DiskPart.LAYERS: frozenset(stopped - self._tried[DiskPart.LAYERS]),
                DiskPart.INSIDE: frozenset(running - self._tried[DiskPart.INSIDE]),
            }
            # the first time all of them are read anyway
            self._want({part: ids for part, ids in new.items() if ids and self._states[part].taken_at})
            self._mark_dirty()

    def _on_environments(self, snapshot: Snapshot[Any]) -> None:
        with self._changed:
            if self._is_shown:
                self._mark_dirty()

    # -- what it comes to

    def _current(self, containers: Sequence[Container]) -> DiskFacts:
        with self._changed:
            facts = self._facts
        return current_facts(facts, containers, self._store.value(ENVIRONMENTS) or {})

    def _mark_dirty(self) -> None:
        self._is_dirty = True
        self._changed.notify_all()

    def _judge(self) -> None:
        """The thread `disk-items`: publishes, and works out what the facts come to when they are others."""
        before: tuple[DiskFacts, Sequence[Container]] | None = None
        items: tuple[DiskItem, ...] = ()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_dirty or self._is_stopped)
                if self._is_stopped:
                    return
                self._is_dirty, self._is_judging = False, True
                states = dict(self._states)
            containers = self._containers()
            facts = self._current(containers)
            if before != (facts, containers):
                try:
                    facts, items = self.items_of(containers)
                    before = facts, containers
                except Exception as error:
                    # what was known before stays on screen
                    diagnostics.record_exception("disk-items", error)
            self._store.put(DISK, KnownDisk(facts, states, items))
            with self._changed:
                self._is_judging = False
