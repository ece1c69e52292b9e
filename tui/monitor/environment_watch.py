"""Knows the environments of every container: asked for when there is a cause, a few containers at a time.

Causes are: the container is there when envtui begins, or it starts; somebody asks for it; and, of containers
that somebody looks at, that the last listing is old. Nothing is asked on a fast timer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.containers import ContainerState
from tui.model.environments import (
    Environment,
    EnvironmentKind,
    EnvironmentList,
    EnvironmentSize,
    KnownEnvironments,
    ListedBy,
)
from tui.model.errors import EnvtuiError, NoSuchContainer
from tui.monitor.exec_gate import GatedEnvironments
from tui.monitor.judge import Judge
from tui.monitor.poller import unexpected
from tui.monitor.size_watch import Measured, SizeWatch, SizeWish
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS, GPUS, Snapshot

if TYPE_CHECKING:
    from tui.backends.base import Driver
    from tui.model.compatibility import Verdict
    from tui.model.containers import Container
    from tui.model.gpus import GpuReport
    from tui.monitor.store import Store

# A command costs the engine a process of its own; more at once make each slower.
_WORKERS = 4
# What an entry point makes is not there with its first process; a container that ends at once is not asked.
_START_SECONDS = 1.0
# What is looked at is listed anew after this long; the listing's fingerprint tells whether anything changed.
_LOOK_SECONDS = 60.0
# A listing that took long, as all of a busy machine, is repeated seldom.
_LOOK_PER_DURATION = 20.0
# A stopped container is read in many small questions: not for somebody whose cursor only passes by.
_STOPPED_DWELL_SECONDS = 0.4


class EnvironmentWatch:
    """Owns up to four threads `environments-N`, and the thread `sizes`."""

    def __init__(
        self,
        backend: GatedEnvironments,
        driver: Driver | None,
        store: Store,
        measures: bool = True,
        look_seconds: float = _LOOK_SECONDS,
        start_seconds: float = _START_SECONDS,
    ) -> None:
        """Make it; nothing is asked before `start`.

        Args:
            backend: who lists and measures.
            driver: what verdicts rest on before GPUS tells more; None where nobody knows the host's.
            store: CONTAINERS and GPUS are read, ENVIRONMENTS written.
            measures: whether sizes are measured, which runs a command in the container.
            look_seconds: after this long what is looked at is listed anew.
            start_seconds: a container that starts is asked after this long.
        """
        self._backend = backend
        self._judge = Judge(driver)
        self._store = store
        self._measures = measures
        self._look_seconds = look_seconds
        self._start_seconds = start_seconds
        self._changed = threading.Condition()
        self._containers: dict[str, Container] = {}
        self._known: dict[str, KnownEnvironments] = {}
        # when each is to be listed at the latest, in monotonic seconds
        self._due: dict[str, float] = {}
        self._busy: set[str] = set()
        self._listed_at: dict[str, tuple[float, float]] = {}
        self._shown: frozenset[str] = frozenset()
        self._selected: str | None = None
        self._was_lost = False
        self._unmeasurable: set[Measured] = set()
        self._sizes_of: dict[Measured, EnvironmentSize] = {}
        self._workers = 0
        self._idle = 0
        self._began = False
        self._stopped = False
        self._sizes = SizeWatch(backend, self._measuring, self._measured)

    # -- what others ask for

    def start(self) -> None:
        """Begin with the containers that run now."""
        with self._changed:
            if self._began:
                return
            self._began = True
        self._store.listen(CONTAINERS, self._on_containers)
        self._store.listen(GPUS, self._on_gpus)

    def stop(self) -> None:
        """End; questions in progress are left to their deadlines."""
        self._store.unlisten(CONTAINERS, self._on_containers)
        self._store.unlisten(GPUS, self._on_gpus)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._sizes.stop()

    def select(self, container_id: str | None) -> None:
        """This one goes first."""
        with self._changed:
            now = self._now()
            passed = self._containers.get(self._selected or "")
            if passed is not None and passed.state is not ContainerState.RUNNING:
                # the cursor did not stay on it
                self._due.pop(passed.id, None)
            self._selected = container_id
            container = self._containers.get(container_id or "")
            if container is not None and self._is_open_question(container.id):
                is_running = container.state is ContainerState.RUNNING
                self._due.setdefault(container.id, now if is_running else now + _STOPPED_DWELL_SECONDS)
            self._schedule()

    def show(self, container_ids: Iterable[str]) -> None:
        """The environments of these are on screen: keep them true, and measure those of the selected one."""
        with self._changed:
            self._shown = frozenset(container_ids)
            self._schedule()
        self._wish_sizes()

    def refresh(self) -> None:
        """List all that run anew, and what is selected; what could not be measured is tried again."""
        with self._changed:
            self._unmeasurable.clear()
            now = self._now()
            for container in self._containers.values():
                if container.state is ContainerState.RUNNING or container.id == self._selected:
                    self._due[container.id] = now
            self._schedule()

    def list_soon(self, container_id: str) -> None:
        """Something may have changed in this one."""
        with self._changed:
            if container_id in self._containers:
                self._due[container_id] = self._now()
            self._schedule()

    @property
    def is_at_rest(self) -> bool:
        """Nothing is being asked, and nothing is due."""
        with self._changed:
            now = self._now()
            return self._began and not self._busy and self._next(now) is None and not self._soon(now)

    # -- what is due

    @staticmethod
    def _now() -> float:
        return time.monotonic()

    def _is_open_question(self, container_id: str) -> bool:
        """Nothing is known of it, and nobody is asking."""
        known = self._known.get(container_id)
        is_unknown = known is None or (known.listing is None and known.error is None)
        return is_unknown and container_id not in self._busy

    def _soon(self, now: float) -> bool:
        """Something is due within a few seconds, because of what happened."""
        return any(at - now < 5.0 for at in self._due.values())

    def _due_at(self, container_id: str) -> float | None:
        at = self._due.get(container_id)
        if at is not None or container_id not in self._shown or container_id not in self._listed_at:
            return at
        if self._containers[container_id].state is not ContainerState.RUNNING:
            return None
        listed_at, duration = self._listed_at[container_id]
        return listed_at + max(self._look_seconds, _LOOK_PER_DURATION * duration)

    def _next(self, now: float) -> str | None:
        """Which container to ask now: the selected one, then those on screen, then in the order of causes."""
        candidates = [self._selected, *self._shown, *self._due]
        for each in candidates:
            if each is None or each in self._busy or each not in self._containers:
                continue
            at = self._due_at(each)
            if at is not None and at <= now:
                return each
        return None

    def _wait_seconds(self, now: float) -> float | None:
        moments = [
            at
            for each in {*self._shown, *self._due}
            if each in self._containers and each not in self._busy and (at := self._due_at(each)) is not None
        ]
        return max(0.0, min(moments) - now) if moments else None

    def _schedule(self) -> None:
        """Wake a worker, or add one: called with the lock held."""
        if self._began and not self._stopped and not self._idle and self._workers < _WORKERS:
            is_work = self._next(self._now()) is not None
            if is_work or not self._workers:
                self._workers += 1
                name = f"environments-{self._workers}"
                threading.Thread(target=self._work, name=name, daemon=True).start()
        self._changed.notify_all()

    def _on_containers(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        """By the thread that lists containers: what is new, what started, what is gone."""
        if snapshot.value is None or snapshot.error is not None:
            self._was_lost = True
            return
        listed = {container.id: container for container in snapshot.value}
        with self._changed:
            is_first = not self._containers
            now = self._now()
            if self._was_lost:
                self._was_lost = False
                for container_id, known in self._known.items():
                    if known.error is not None:
                        # it failed because the engine was away
                        self._due[container_id] = now
            for container in listed.values():
                before = self._containers.get(container.id)
                if container.state is ContainerState.RUNNING and has_started(before, container):
                    self._due[container.id] = now if is_first else now + self._start_seconds
            gone = self._containers.keys() - listed.keys()
            self._containers = listed
            for container_id in gone:
                self._due.pop(container_id, None)
                self._listed_at.pop(container_id, None)
            selected = listed.get(self._selected or "")
            if selected is not None and self._is_open_question(selected.id):
                self._due.setdefault(selected.id, now)
            forgotten = [self._known.pop(each) for each in gone if each in self._known]
            self._sizes_of = {key: size for key, size in self._sizes_of.items() if key[0] not in gone}
            self._unmeasurable = {key for key in self._unmeasurable if key[0] not in gone}
            self._schedule()
        if forgotten:
            self._publish()

    # -- listing

    def _work(self) -> None:
        while True:
            with self._changed:
                self._idle += 1
                container_id = None
                while not self._stopped:
                    now = self._now()
                    container_id = self._next(now)
                    if container_id is not None:
                        break
                    self._changed.wait(self._wait_seconds(now))
                self._idle -= 1
                if self._stopped or container_id is None:
                    return
                self._busy.add(container_id)
                self._due.pop(container_id, None)
                container = self._containers[container_id]
                self._known[container_id] = replace(
                    self._known.get(container_id, KnownEnvironments()), is_listing=True
                )
                # whatever else is due has another worker
                self._schedule()
            if container_id in self._shown or container_id == self._selected:
                self._publish()
            began = self._now()
            listing, error = self._list(container)
            verdicts = self._judge.verdicts(listing)
            with self._changed:
                self._busy.discard(container_id)
                self._listed_at[container_id] = (self._now(), self._now() - began)
                self._note(container_id, listing, error, verdicts)
                self._changed.notify_all()
            self._publish()
            self._wish_sizes()

    def _list(self, container: Container) -> tuple[EnvironmentList | None, EnvtuiError | None]:
        try:
            return self._backend.environments(container), None
        except EnvtuiError as error:
            return None, error
        except Exception as error:
            diagnostics.record_exception("environments", error)
            return None, unexpected(error)

    def _on_gpus(self, snapshot: Snapshot[GpuReport]) -> None:
        """By the thread that asks the driver: what it says of itself may change verdicts."""
        if snapshot.value is None or not self._judge.hear(snapshot.value):
            return
        with self._changed:
            listings = {key: each.listing for key, each in self._known.items()}
        verdicts = {key: self._judge.verdicts(listing) for key, listing in listings.items()}
        with self._changed:
            for key, listing in listings.items():
                known = self._known.get(key)
                if known is not None and known.listing is listing:
                    self._known[key] = replace(known, verdicts=verdicts[key])
        self._publish()

    def _note(
        self,
        container_id: str,
        listing: EnvironmentList | None,
        error: EnvtuiError | None,
        verdicts: Mapping[str, Verdict],
    ) -> None:
        """Keep what came; called with the lock held."""
        if container_id not in self._containers or isinstance(error, NoSuchContainer):
            self._known.pop(container_id, None)
            return
        before = self._known.get(container_id, KnownEnvironments())
        if listing is None:
            self._known[container_id] = replace(before, error=error, is_listing=False)
            return
        before_it = before.listing
        if _tells_less(listing, before_it, self._containers[container_id]):
            # what was found while it ran is more than the engine's archive tells of one that is stopped
            self._known[container_id] = replace(before, error=None, is_listing=False)
            return
        self._known[container_id] = replace(
            before,
            listing=listing,
            error=None,
            is_listing=False,
            verdicts=verdicts,
            sizes=self._sizes_known(listing),
        )

    def _publish(self) -> None:
        with self._changed:
            self._store.put(ENVIRONMENTS, dict(self._known))

    # -- sizes

    def _sizes_known(self, listing: EnvironmentList) -> dict[str, EnvironmentSize]:
        keys = {each.prefix: _measured_key(each) for each in listing.environments}
        return {prefix: self._sizes_of[key] for prefix, key in keys.items() if key in self._sizes_of}

    def _wish_sizes(self) -> None:
        with self._changed:
            self._sizes.want(self._size_wish())

    def _size_wish(self) -> SizeWish | None:
        container = self._containers.get(self._selected or "")
        if not self._measures or container is None or container.id not in self._shown:
            return None
        known = self._known.get(container.id)
        listing = known.listing if known else None
        is_askable = container.state is ContainerState.RUNNING
        if listing is None or listing.listed_by is not ListedBy.EXEC or not is_askable:
            return None
        wanted = tuple(
            key
            for each in listing.environments
            if each.kind is not EnvironmentKind.SYSTEM
            and (key := _measured_key(each)) not in self._sizes_of
            and key not in self._unmeasurable
        )
        return SizeWish(container, listing.environments, wanted)

    def _measuring(self, which: Measured) -> None:
        self._change_known(which.container_id, lambda known: replace(known, measuring=which.prefix))

    def _measured(self, which: Measured, size: EnvironmentSize | None, given_up: bool) -> None:
        def take(known: KnownEnvironments) -> KnownEnvironments:
            sizes = self._sizes_known(known.listing) if known.listing else known.sizes
            return replace(known, measuring="", sizes=sizes)

        with self._changed:
            if size is not None:
                self._sizes_of[which] = size
            elif not given_up:
                self._unmeasurable.add(which)
        self._change_known(which.container_id, take)

    def _change_known(
        self, container_id: str, change: Callable[[KnownEnvironments], KnownEnvironments]
    ) -> None:
        with self._changed:
            if container_id not in self._known:
                return
            self._known[container_id] = change(self._known[container_id])
        self._publish()


def _measured_key(environment: Environment) -> Measured:
    return Measured(environment.container_id, environment.prefix, environment.fingerprint)


def has_started(before: Container | None, now: Container) -> bool:
    """Whether its processes are others than before, as far as can be told."""
    if before is None:
        return True
    if before.state is ContainerState.PAUSED:
        return False
    if before.state is not ContainerState.RUNNING:
        return True
    both = before.started_at is not None and now.started_at is not None
    return both and before.started_at != now.started_at


def _tells_less(new: EnvironmentList, old: EnvironmentList | None, container: Container) -> bool:
    """Whether an older listing is worth more than the newest one, of a container that does not run."""
    if old is None or old.listed_by is not ListedBy.EXEC or new.listed_by is not ListedBy.ARCHIVE:
        return False
    is_same = {each.prefix for each in old.environments} == {each.prefix for each in new.environments}
    return container.state is not ContainerState.RUNNING and is_same
