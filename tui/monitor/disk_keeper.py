"""Knows what takes room on a host, and has it removed: reads part by part, plans, carries out."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.disk import DiskPart
from tui.model.disk_items import DiskKind, ItemKey, ReclaimPlan, ReclaimReport
from tui.model.errors import EnvtuiError, ReadOnlyRefusal, ReclaimError
from tui.monitor.disk_reading import look_into, with_ends, with_look
from tui.monitor.disk_watch import DiskWatch
from tui.monitor.questions import Asking, Questions
from tui.monitor.reclaiming import carry_out
from tui.monitor.topics import CONTAINERS, RECLAIM

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.losses import ContainerLosses
    from tui.model.reclaim import Protection
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.jobs import CommandRecord
    from tui.monitor.store import Store
    from tui.workstation import Workstation

# A look into a container that is called off has to end there, too.
_STOP_SECONDS = 3.0
# Removing an image takes a second or two; a layer of a terabyte goes on in the engine by itself.
_FINISH_SECONDS = 10.0

#: What has to be read anew when something of a kind was removed, besides what the file systems say.
_TOUCHED: Mapping[DiskKind, tuple[DiskPart, ...]] = {
    DiskKind.IMAGE: (DiskPart.IMAGES,),
    DiskKind.CONTAINER: (
        DiskPart.CONTAINERS, DiskPart.IMAGES, DiskPart.NETWORKS, DiskPart.LOGS, DiskPart.VOLUMES,
    ),
    DiskKind.VOLUME: (DiskPart.VOLUMES,),
    DiskKind.NETWORK: (DiskPart.NETWORKS,),
    DiskKind.BUILD_CACHE: (DiskPart.BUILD_CACHE, DiskPart.IMAGES),
    DiskKind.LOG: (DiskPart.LOGS,),
    DiskKind.CACHE: (DiskPart.INSIDE, DiskPart.CONTAINERS),
    DiskKind.ENVIRONMENT: (DiskPart.INSIDE, DiskPart.CONTAINERS),
}  # fmt: skip


class DiskKeeper:
    """Owns the threads `disk-question` and `reclaim`, and those of its watch; writes DISK and RECLAIM.

    Nothing is read before the screen was shown once, or somebody asks.
    """

    def __init__(
        self,
        workstation: Workstation,
        gate: ExecGate,
        store: Store,
        protection: Protection,
        changed: Callable[[Collection[str]], None] = lambda _: None,
        record: Callable[[CommandRecord], None] = lambda _: None,
        read_only: bool = False,
        allow_base: bool = False,
    ) -> None:
        """Make it.

        Args:
            workstation: the host's backends, of which `disk` is there.
            gate: keeps commands from containers that are being paused.
            store: CONTAINERS and ENVIRONMENTS are read, DISK and RECLAIM written.
            protection: what is never removed.
            changed: called, after something was removed, with the ids of the containers whose environments
                may be others.
            record: the command log.
            read_only: no command is run in any container, and nothing is removed.
            allow_base: packages of base may be changed.
        """
        self._workstation = workstation
        self._gate = gate
        self._store = store
        self._changed = changed
        self._record = record
        self._read_only = read_only
        self._watch = DiskWatch(workstation, gate, store, protection, read_only, allow_base)
        self._questions = Questions("disk-question")
        self._lock = threading.Lock()
        self._reclaim: threading.Thread | None = None
        self._cancelled = threading.Event()

    @property
    def is_running(self) -> bool:
        """Whether something is being removed."""
        with self._lock:
            return self._reclaim is not None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being read or removed, and all that is known stands in DISK."""
        return not self.is_running and self._watch.is_at_rest

    def show(self, is_shown: bool) -> None:
        """The disk is on screen, or not any more.

        Shown: what is not known, or old, is read. Hidden: what is being read goes on to its end.
        """
        self._watch.show(is_shown)

    def refresh(self, parts: Collection[DiskPart] | None = None) -> None:
        """Read these anew, or all; one that is being read now is not read twice."""
        self._watch.refresh(parts)

    def cancel_reading(self) -> None:
        """Call off all that is being read; what is known of it stays."""
        self._watch.cancel_reading()

    def plan(
        self,
        keys: Collection[ItemKey],
        planned: Callable[[ReclaimPlan], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """What removing these comes to, from a fresh look at what it rests on.

        One of the callbacks is called, from a thread, unless it is called off.
        """
        asking = Asking()
        wanted = frozenset(keys)
        self._questions.ask(lambda: self._planned(wanted, asking), planned, failed, asking)
        return asking

    def losses(
        self,
        containers: Sequence[Container],
        answered: Callable[[Mapping[str, ContainerLosses]], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """What is lost with each of these containers, by id, running or not.

        One of the callbacks is called, from a thread, unless it is called off.
        """
        asking = Asking()
        self._questions.ask(lambda: self._lost_with(containers, asking), answered, failed, asking)
        return asking

    def begin(self, plan: ReclaimPlan) -> None:
        """Begin to carry out a plan; how it goes stands in RECLAIM.

        Raises:
            ReadOnlyRefusal: envtui runs read-only.
            ReclaimError: another is under way, or this host's things can't be removed.
        """
        if self._read_only:
            raise ReadOnlyRefusal("Read-only", "envtui was started with --read-only", "Start it without")
        if self._workstation.reclaiming is None:
            raise ReclaimError("Not begun", "nothing of this host can be removed from here")
        with self._lock:
            if self._reclaim is not None:
                raise ReclaimError("Not begun", "another removal is under way", "Wait for it, or cancel it")
            self._cancelled = cancelled = threading.Event()
            self._reclaim = threading.Thread(
                target=self._carry_out, args=(plan, cancelled), name="reclaim", daemon=True
            )
            self._reclaim.start()

    def cancel(self) -> None:
        """Call off what is being carried out: the item under way is finished, the rest is not begun."""
        with self._lock:
            self._cancelled.set()

    def stop(self) -> None:
        """End; the item under way is waited for: an image is not left between tags and layers."""
        self.cancel()
        self._watch.stop()
        with self._lock:
            under_way = self._reclaim
        if under_way is not None and under_way is not threading.current_thread():
            under_way.join(_FINISH_SECONDS)
        self._questions.stop(_STOP_SECONDS)

    # -- questions

    def _planned(self, keys: Collection[ItemKey], asking: Asking) -> ReclaimPlan:
        """The plan, once the stopped containers in it were looked into, and the list of all is fresh."""
        from tui.model.reclaim import plan_of

        containers, _ = self._workstation.containers.containers()
        ids = {each_id for kind, each_id in keys if kind is DiskKind.CONTAINER}
        containers = with_ends(self._workstation, containers, ids)
        for container in containers:
            if container.id in ids and not container.is_alive:
                listing, changes = look_into(
                    self._workstation, container, lambda: asking.is_cancelled, self._gate
                )
                self._watch.take(with_look(container.id, listing, changes))
        facts, items = self._watch.items_of(containers)
        plan: ReclaimPlan = plan_of(items, keys, facts)
        return plan

    def _lost_with(self, containers: Sequence[Container], asking: Asking) -> Mapping[str, ContainerLosses]:
        from tui.model.losses import container_losses

        facts = self._watch.facts
        layer_bytes = {each.container_id: each.size_bytes for each in facts.containers or ()}
        log_bytes = {each.container_id: each.size_bytes for each in facts.logs or ()}
        found: dict[str, ContainerLosses] = {}
        for container in containers:
            listing, changes = look_into(
                self._workstation,
                container,
                lambda: asking.is_cancelled,
                self._gate,
                ask_inside=not self._read_only,
            )
            found[container.id] = container_losses(
                container,
                listing,
                changes,
                layer_bytes.get(container.id),
                facts.sizes,
                log_bytes.get(container.id),
            )
        return found

    # -- removing

    def _carry_out(self, plan: ReclaimPlan, cancelled: threading.Event) -> None:
        try:
            last = carry_out(
                plan,
                self._workstation,
                self._containers(plan),
                self._tell,
                cancelled.is_set,
                self._gate,
                self._record,
            )
        except Exception as error:
            # what it had come to stays on screen, as something that is over
            diagnostics.record_exception("reclaim", error)
            told = self._store.value(RECLAIM)
            last = told if told is not None and told.plan is plan else ReclaimReport(plan, ())
        with self._lock:
            self._reclaim = None
        # once more: whoever hears it sees that nothing is under way
        self._tell(replace(last, is_over=True))
        self._changed({each.container_id for each in plan.items if each.change is not None})
        parts = {part for each in plan.items for part in _TOUCHED[each.kind]}
        self._watch.read_again(parts | {DiskPart.FILE_SYSTEMS})

    def _containers(self, plan: ReclaimPlan) -> Sequence[Container]:
        """All that are listed now: jobs are begun in those that run."""
        if any(each.change is not None for each in plan.items):
            with contextlib.suppress(EnvtuiError):
                return self._workstation.containers.containers()[0]
        return self._store.value(CONTAINERS) or ()

    def _tell(self, report: ReclaimReport) -> None:
        self._store.put(RECLAIM, report)
