"""Has environments changed by jobs inside containers: plans, begins, ends and puts away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.model.changes import ChangeJob, ChangePlan, ChangeState, ChangeVerb, EnvironmentChange
from tui.model.environments import EnvironmentKind
from tui.model.errors import (
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    Conflict,
    EnvtuiError,
    NoSuchContainer,
    ReadOnlyRefusal,
)
from tui.monitor.change_following import FIRST_SECONDS, ChangeFollower
from tui.monitor.job_record import JobRecord, MarkedContainers
from tui.monitor.jobs import CommandRecord
from tui.monitor.known_changes import JobKey, KnownChange, at_work_on, command_lines
from tui.monitor.questions import Asking, Questions

if TYPE_CHECKING:
    from tui.backends.base import EnvironmentChanges
    from tui.model.containers import Container
    from tui.model.environments import Environment
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.store import Store

# They leave the environment that they are about as it is.
_HARMLESS = frozenset({ChangeVerb.CREATE, ChangeVerb.CLONE, ChangeVerb.CLEAN})
_OF_PACKAGES = frozenset({ChangeVerb.INSTALL, ChangeVerb.UPDATE, ChangeVerb.UNINSTALL})
# A question to a manager that is called off has to end in the container, too.
_STOP_SECONDS = 3.0


class ChangeKeeper:
    """Owns the threads `change-question`, and those of its follower. What is known stands in CHANGES."""

    def __init__(
        self,
        backend: EnvironmentChanges,
        gate: ExecGate,
        store: Store,
        changed: Callable[[str], None],
        record: Callable[[CommandRecord], None],
        read_only: bool = False,
        kept: JobRecord | None = None,
        allow_base: bool = False,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        """Make it; nothing is asked before `start` or a question.

        Args:
            backend: who changes environments.
            gate: keeps commands from containers that are being paused.
            store: CONTAINERS is read, CHANGES written.
            changed: called with a container's id when its environments may be others.
            record: the command log.
            read_only: nothing is run in any container.
            kept: where jobs were begun, from run to run; None remembers nothing.
            allow_base: packages of base may be changed.
            first_seconds: between looks at a job that has just begun.
        """
        self._backend = backend
        self._gate = gate
        self._record = record
        self._read_only = read_only
        self._allow_base = allow_base
        self._marked = MarkedContainers(kept)
        self._follower = ChangeFollower(backend, gate, store, self._marked, changed, record, first_seconds)
        self._questions = Questions("change-question")

    def start(self) -> None:
        """Begin to look for jobs that were begun before, as far as a record names their containers."""
        if not self._read_only:
            self._follower.start()

    def stop(self) -> None:
        """End; jobs go on in their containers. Waits a moment for questions that are called off."""
        self._follower.stop()
        self._questions.stop(_STOP_SECONDS)

    @property
    def is_at_rest(self) -> bool:
        """Nothing is asked of any job, and nothing is due."""
        return self._follower.is_at_rest

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """What would make an environment of that name; blocks. Raises as the backend does."""
        self._check_writable()
        with self._gate.command(container.id):
            return self._backend.new_prefix(container, name, environments, user)

    def plan(
        self,
        container: Container,
        change: EnvironmentChange | Callable[[], EnvironmentChange],
        answered: Callable[[ChangePlan], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """Ask what a change would do. One of the callbacks is called, from a thread, unless it is called off.

        Args:
            container: a running one.
            change: what is asked for, or a blocking question that tells.
            answered: gets the plan.
            failed: gets why there is none.
        """
        asking = Asking()

        def question() -> ChangePlan:
            self._check_writable()
            wanted = change() if callable(change) else change
            self._check_base(wanted)
            self._check_free(wanted)
            with self._gate.command(container.id):
                return self._plan(container, wanted, asking)

        self._questions.ask(question, answered, failed, asking)
        return asking

    def begin(
        self,
        container: Container,
        change: EnvironmentChange,
        answered: Callable[[ChangeJob], None],
        failed: Callable[[EnvtuiError], None],
        commands: Sequence[Sequence[str]] = (),
    ) -> None:
        """Begin a change, and follow its job. One of the callbacks is called, from a thread.

        Args:
            container: a running one.
            change: what is done.
            answered: gets the job.
            failed: gets why there is none.
            commands: as the plan names them, for the command log.
        """

        def question() -> ChangeJob:
            self._check_writable()
            self._check_base(change)
            self._check_free(change)
            at, began = time.time(), time.monotonic()
            try:
                # before it runs: envtui may be killed in between
                with self._marked.beginning(container.id, container.name):
                    with self._gate.command(container.id):
                        job = self._backend.start(container, change)
                    told = tuple(tuple(each) for each in commands)
                    self._follower.follow(KnownChange(job, was_seen_running=True, commands=told), container)
            except EnvtuiError as error:
                seconds = time.monotonic() - began
                for line in command_lines(change, commands):
                    self._record(CommandRecord(at, line, error.one_line(), seconds, failed=True))
                self._forget_where_none_is(container.id)
                raise
            return job

        self._questions.ask(question, answered, failed)

    def cancel(
        self, key: JobKey, answered: Callable[[ChangeJob], None], failed: Callable[[EnvtuiError], None]
    ) -> None:
        """End a job and undo what it began; takes up to a minute."""

        def question() -> ChangeJob:
            self._check_writable()
            known, container = self._follower.of(key)
            if known.job.is_over:
                return known.job
            self._follower.set_state(key, ChangeState.CANCELLING, only=ChangeState.RUNNING)
            try:
                with self._gate.command(key[0]):
                    job = self._backend.cancel(container, known.job)
            except EnvtuiError:
                # it goes on
                self._follower.set_state(key, ChangeState.RUNNING, only=ChangeState.CANCELLING)
                raise
            self._follower.take(job)
            # the rest of its log
            self._follower.look_at(key)
            return job

        self._questions.ask(question, answered, failed)

    def put_away(
        self, key: JobKey, answered: Callable[[None], None], failed: Callable[[EnvtuiError], None]
    ) -> None:
        """Remove the traces of a job that is over."""

        def question() -> None:
            self._check_writable()
            known, container = self._follower.of(key)
            if not known.job.is_over:
                raise ChangeUnderWay("Not put away", "the job still runs", "Cancel it first")
            if self._follower.is_listed(key[0]):
                try:
                    with self._gate.command(key[0]):
                        self._backend.put_away(container, known.job)
                except (NoSuchContainer, ChangeLost):
                    # nothing of it is left
                    pass
            self._follower.drop(key)
            self._forget_where_none_is(key[0])

        self._questions.ask(question, answered, failed)

    def look_at(self, key: JobKey) -> None:
        """Look at a job now, over or not: somebody wants to see its log."""
        if not self._read_only:
            self._follower.look_at(key)

    def find_all(self, found_all: Callable[[dict[str, EnvtuiError]], None]) -> None:
        """Look for jobs in every container that runs; then tell, by name, which could not be asked."""
        if self._read_only:
            found_all({})
        else:
            self._follower.find_all(found_all)

    def _plan(self, container: Container, change: EnvironmentChange, asking: Asking) -> ChangePlan:
        """A manager may think for minutes: it ends for somebody who wants to pause the container."""

        def has_to_end() -> bool:
            return asking.is_cancelled or self._gate.is_held(container.id)

        try:
            return self._backend.plan(container, change, has_to_end)
        except EnvtuiError as error:
            if not asking.is_cancelled and self._gate.is_held(container.id):
                raise Conflict("No plan", "the container is being paused", status=409) from error
            raise

    def _forget_where_none_is(self, container_id: str) -> None:
        self._marked.forget(container_id, lambda: not self._follower.has_known(container_id))

    def _check_writable(self) -> None:
        if self._read_only:
            raise ReadOnlyRefusal("Read-only", "envtui was started with --read-only", "Start it without")

    def _check_base(self, change: EnvironmentChange) -> None:
        """Whoever asks, base stays as it is, unless the settings allow it. Raises ChangeRefused."""
        is_other = change.kind is not EnvironmentKind.BASE or change.verb in _HARMLESS
        if is_other or (self._allow_base and change.verb in _OF_PACKAGES):
            return
        raise ChangeRefused("base is never changed", "it is the installation itself")

    def _check_free(self, change: EnvironmentChange) -> None:
        """Refuse a second job on one environment before its manager is asked. Raises ChangeUnderWay."""
        for prefix in change.touched:
            other = at_work_on(self._follower.known(), change.container_id, prefix)
            if other is not None:
                raise ChangeUnderWay("Another job is at work on it", other.words, "Wait for its end")
