"""Follows the jobs that change environments: how each is, what it prints, and those of an earlier run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.changes import ChangeJob, ChangeState
from tui.model.containers import Container, ContainerState
from tui.model.errors import ChangeLost, Conflict, EnvtuiError, NoSuchContainer
from tui.monitor.environment_watch import has_started
from tui.monitor.jobs import CommandRecord
from tui.monitor.known_changes import JobKey, KnownChange, command_lines, found, lost, with_news
from tui.monitor.poller import unexpected
from tui.monitor.topics import CHANGES, CONTAINERS, Snapshot
from tui.monitor.turns import Turns

if TYPE_CHECKING:
    from tui.backends.base import EnvironmentChanges
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.job_record import MarkedContainers
    from tui.monitor.store import Store

# At first somebody looks at it; a job that takes minutes need not be asked twice a second.
FIRST_SECONDS = 0.5
_FIRST_LOOKS, _LATER_SECONDS = 20, 1.0
_LONGEST_SECONDS = 30.0
# A look is a command in the container: the jobs of a busy engine are asked seldom.
_PAUSE_PER_DURATION = 4.0
# Of jobs that are over; each keeps its log.
_MOST_KNOWN = 100


@dataclass(slots=True)
class _Followed:
    """What belongs to a job besides what everybody may see."""

    container: Container
    looks: int = 0
    failures: int = 0
    #: seconds since the epoch and monotonic, when it was begun or found
    at: float = 0.0
    began: float = 0.0


class ChangeFollower:
    """Owns the threads `changes-N`. What it knows stands in CHANGES."""

    def __init__(
        self,
        backend: EnvironmentChanges,
        gate: ExecGate,
        store: Store,
        marked: MarkedContainers,
        changed: Callable[[str], None],
        record: Callable[[CommandRecord], None],
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        """Make it; nothing is asked before `start`.

        Args:
            backend: who changes environments.
            gate: keeps commands from containers that are being paused.
            store: CONTAINERS is read, CHANGES written.
            marked: which containers have jobs.
            changed: called with a container's id when its environments may be others.
            record: the command log.
            first_seconds: between looks at a job that has just begun.
        """
        self._backend = backend
        self._gate = gate
        self._store = store
        self._marked = marked
        self._changed = changed
        self._record = record
        self._first_seconds = first_seconds
        self._lock = threading.Lock()
        self._known: dict[JobKey, KnownChange] = {}
        self._followed: dict[JobKey, _Followed] = {}
        self._containers: dict[str, Container] = {}
        self._has_list = False
        self._was_lost = False
        self._turns = Turns("changes")

    def start(self) -> None:
        """Begin to look for jobs that were begun before, in the marked containers."""
        self._store.listen(CONTAINERS, self._on_containers)

    def stop(self) -> None:
        """End; jobs go on in their containers."""
        self._store.unlisten(CONTAINERS, self._on_containers)
        self._turns.stop()

    @property
    def is_at_rest(self) -> bool:
        """Nothing is asked, and nothing is due."""
        return self._turns.is_at_rest

    # -- what is known

    def known(self) -> dict[JobKey, KnownChange]:
        """All jobs, oldest first."""
        with self._lock:
            return dict(self._known)

    def has_known(self, container_id: str) -> bool:
        """Whether a job in this container is known."""
        return any(key[0] == container_id for key in self.known())

    def of(self, key: JobKey) -> tuple[KnownChange, Container]:
        """One job and its container as it was last. Raises ChangeLost where it is not known."""
        with self._lock:
            if key not in self._known:
                raise ChangeLost("The job is gone", "it was put away")
            return self._known[key], self._followed[key].container

    def is_listed(self, container_id: str) -> bool:
        """Whether the container is there, as far as is known."""
        with self._lock:
            return container_id in self._containers or not self._has_list

    def running(self) -> tuple[Container, ...]:
        """The containers in which something can be asked."""
        with self._lock:
            return tuple(each for each in self._containers.values() if each.state is ContainerState.RUNNING)

    def follow(self, known: KnownChange, container: Container) -> None:
        """Take up a job."""
        key = known.job.key
        with self._lock:
            if key in self._known:
                return
            self._known[key] = known
            self._followed[key] = _Followed(container, at=time.time(), began=time.monotonic())
            over = [each for each, told in self._known.items() if told.job.is_over]
            for each in over[: max(0, len(self._known) - _MOST_KNOWN)]:
                del self._known[each], self._followed[each]
        self._publish()
        if not known.job.is_over:
            self._turns.due(key, self._first_seconds, partial(self._look, key))

    def drop(self, key: JobKey) -> None:
        """Follow a job no more."""
        self._turns.forget(key)
        with self._lock:
            self._known.pop(key, None)
            self._followed.pop(key, None)
        self._publish()

    def set_state(self, key: JobKey, state: ChangeState, only: ChangeState) -> None:
        """It is in another state, where it is in this one now."""

        def changed(known: KnownChange) -> KnownChange:
            is_so = known.job.state is only
            return replace(known, job=replace(known.job, state=state)) if is_so else known

        self._tell(key, changed)

    def take(self, job: ChangeJob) -> None:
        """Somebody else has learnt how a job is."""
        self._tell(job.key, lambda known: known if known.job.is_over else replace(known, job=job))

    def look_at(self, key: JobKey) -> None:
        """Look at a job now, over or not: somebody wants to see its log."""
        self._turns.due(key, 0.0, partial(self._look, key))

    # -- finding

    def _on_containers(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        """By the thread that lists them: what runs now may have jobs, what ended took its jobs along."""
        if snapshot.value is None or snapshot.error is not None:
            self._was_lost = True
            return
        with self._lock:
            before, self._containers = self._containers, {each.id: each for each in snapshot.value}
            self._has_list = True
            was_lost, self._was_lost = self._was_lost, False
            changed = [
                key
                for key, known in self._known.items()
                if not known.job.is_over and (was_lost or before.get(key[0]) != self._containers.get(key[0]))
            ]
        for each in snapshot.value:
            if each.state is ContainerState.RUNNING and has_started(before.get(each.id), each):
                # the record is a file, which this thread must not wait for
                self._turns.due(("find", each.id), 0.0, partial(self._find_where_marked, each))
        for key in changed:
            self.look_at(key)

    def _find_where_marked(self, container: Container) -> None:
        if self.has_known(container.id) or container.id in self._marked:
            try:
                self.find(container)
            except EnvtuiError as error:
                diagnostics.logger("changes").warning("no jobs were looked for: %s", error.one_line())

    def find(self, container: Container) -> None:
        """Take up the jobs that are in a container; blocks. Raises an EngineError."""
        with self._gate.command(container.id):
            jobs = self._backend.jobs(container)
        for job in jobs:
            known = self.known().get(job.key)
            if known is None:
                self.follow(found(job), container)
            elif known.job.is_over:
                # its container was stopped meanwhile: what it left in there is the truth
                self._tell(job.key, lambda old, new=job: replace(old, job=new, error=None))  # type: ignore[misc]
        if jobs:
            # somebody else began them, or they were found by hand: from now on they are found by themselves
            if container.id not in self._marked:
                self._marked.note(container.id, container.name)
        else:
            self._marked.forget(container.id, lambda: not self.has_known(container.id))

    def find_all(self, found_all: Callable[[dict[str, EnvtuiError]], None]) -> None:
        """Look for jobs in every container that runs; then tell, by name, which could not be asked."""
        running = self.running()
        errors: dict[str, EnvtuiError] = {}
        left = {each.id for each in running}

        def find(container: Container) -> None:
            try:
                self.find(container)
            except EnvtuiError as error:
                errors[container.name] = error
            finally:
                with self._lock:
                    left.discard(container.id)
                    is_last = not left
                if is_last:
                    found_all(errors)

        if not running:
            found_all({})
        for each in running:
            self._turns.due(("find by hand", each.id), 0.0, partial(find, each))

    # -- following

    def _look(self, key: JobKey) -> None:
        """Ask for news of a job, and see to the next look."""
        with self._lock:
            known, followed = self._known.get(key), self._followed.get(key)
            container = self._containers.get(key[0])
            if known is None or followed is None:
                return
            is_gone = container is None and self._has_list
            followed.container = container = container or followed.container
        if is_gone or container.state not in (ContainerState.RUNNING, ContainerState.PAUSED):
            self._lose(key, f"its container was {'removed' if is_gone else 'stopped'}")
            return
        if container.state is ContainerState.PAUSED:
            standing = Conflict("It stands still", "its container is paused", status=409)
            self._tell(key, lambda old: replace(old, error=standing))
            self._look_again(key, _LATER_SECONDS)
            return
        began = time.monotonic()
        try:
            with self._gate.command(key[0]):
                news = self._backend.news(container, known.job, known.log_end)
        except (ChangeLost, NoSuchContainer) as error:
            self._lose(key, (error.detail or error.title).rstrip("."))
            return
        except Exception as error:
            failure = error if isinstance(error, EnvtuiError) else unexpected(error)
            if failure is not error:
                diagnostics.record_exception("changes", error)
            followed.failures += 1
            self._tell(key, lambda old: replace(old, error=failure))
            self._look_again(key, min(self._first_seconds * 2.0**followed.failures, _LONGEST_SECONDS))
            return
        followed.looks += 1
        followed.failures = 0
        now = self._tell(key, lambda old: with_news(old, news))
        if news.log and now is not None and now.log_end < news.job.log_bytes:
            # there is more of it than one answer holds
            self.look_at(key)
            return
        pause = self._first_seconds if followed.looks < _FIRST_LOOKS else _LATER_SECONDS
        self._look_again(key, max(pause, _PAUSE_PER_DURATION * (time.monotonic() - began)))

    def _look_again(self, key: JobKey, seconds: float) -> None:
        known = self.known().get(key)
        if known is not None and not known.job.is_over:
            self._turns.due(key, seconds, partial(self._look, key))

    def _lose(self, key: JobKey, why: str) -> None:
        self._tell(key, lambda old: old if old.job.is_over else lost(old, why))

    def _tell(self, key: JobKey, change: Callable[[KnownChange], KnownChange]) -> KnownChange | None:
        """Publish how a job is; where it has just ended, see to what follows from that."""
        with self._lock:
            before = self._known.get(key)
            if before is None:
                # it was put away meanwhile
                return None
            known = self._known[key] = change(before)
            followed = self._followed[key]
            has_ended = known.job.is_over and not before.job.is_over
        if known != before:
            self._publish()
        if has_ended:
            self._write_down(known, followed)
            self._changed(key[0])
        return known

    def _write_down(self, known: KnownChange, followed: _Followed) -> None:
        job, seconds = known.job, time.monotonic() - followed.began
        outcome = str(job.state) if job.error is None else job.error.one_line()
        for line in command_lines(job.change, known.commands):
            is_bad = job.state is not ChangeState.DONE
            self._record(CommandRecord(followed.at, line, outcome, seconds, failed=is_bad))

    def _publish(self) -> None:
        with self._lock:
            self._store.put(CHANGES, dict(self._known))
