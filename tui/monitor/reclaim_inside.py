"""Removes what lies inside running containers, by the jobs that change environments."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from tui.model.changes import ChangeJob, ChangeState, ChangeVerb, EnvironmentChange, change_words
from tui.model.containers import ContainerState
from tui.model.disk_items import DiskItem, DiskKind, ItemOutcome, OutcomeState
from tui.model.errors import (
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    EngineError,
    EnvtuiError,
    NoSuchContainer,
)
from tui.monitor.engine_wait import EngineWait, is_lost

if TYPE_CHECKING:
    from tui.backends.base import EnvironmentChanges
    from tui.model.containers import Container
    from tui.monitor.exec_gate import ExecGate

#: What is removed by a job in a container.
INSIDE = frozenset({DiskKind.CACHE, DiskKind.ENVIRONMENT})

# A removal of a hundred gigabytes on a slow disk; after that it goes on by itself, and is not waited for.
_JOB_SECONDS = 3600.0
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.1, 1.0


class InsideReclaiming:
    """Has caches cleaned and environments removed, one after the other."""

    def __init__(
        self,
        changes: EnvironmentChanges | None,
        containers: Sequence[Container],
        gate: ExecGate | None,
        engine: EngineWait,
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Args: who changes environments; all containers; the gate; the engine; whether it is called off."""
        self._changes = changes
        self._containers = {each.id: each for each in containers}
        self._gate = gate
        self._engine = engine
        self._is_cancelled = is_cancelled

    def removed(self, item: DiskItem) -> ItemOutcome:
        """Have one removed, and tell what became of it. Raises an EngineError where the engine is lost."""
        container = self._containers.get(item.container_id)
        if container is None:
            return ItemOutcome(item, OutcomeState.GONE, "its container is gone")
        if container.state is not ContainerState.RUNNING:
            return ItemOutcome(item, OutcomeState.CHANGED, f"its container is {container.state} now")
        change = item.change
        if self._changes is None or change is None:
            return ItemOutcome(item, OutcomeState.FAILED, "nothing in the container can remove it")
        if item.kind is DiskKind.ENVIRONMENT:
            if not item.seen:
                return ItemOutcome(
                    item, OutcomeState.FAILED, "nobody can tell whether it is as it was listed"
                )
            # none ran out of it when it was listed, or it could not have been marked
            change = replace(change, seen=item.seen, seen_pids=())
        try:
            job = self._begun(self._changes, container, change)
            if job is None:
                return ItemOutcome(item, OutcomeState.FAILED, "the engine was lost before it began")
            job = self._followed(self._changes, container, job)
        except NoSuchContainer:
            return ItemOutcome(item, OutcomeState.GONE, "its container is gone")
        except ChangeUnderWay as error:
            return ItemOutcome(item, OutcomeState.IN_USE, error.one_line())
        except ChangeRefused as error:
            return ItemOutcome(item, OutcomeState.CHANGED, error.one_line())
        except ChangeLost as error:
            return ItemOutcome(item, OutcomeState.UNKNOWN, error.one_line())
        return _outcome(item, job)

    def _command(self, container: Container) -> AbstractContextManager[None]:
        return nullcontext() if self._gate is None else self._gate.command(container.id)

    def _begun(
        self, changes: EnvironmentChanges, container: Container, change: EnvironmentChange
    ) -> ChangeJob | None:
        """Its job; None where the engine was lost, and none was begun."""
        with self._command(container):
            before = {each.id for each in changes.jobs(container)}
            try:
                return changes.start(container, change)
            except EnvtuiError as error:
                if not is_lost(error) or not self._engine.is_back():
                    raise
            # its answer was lost, which says nothing of the job
            return next(
                (
                    each
                    for each in changes.jobs(container)
                    if each.id not in before and _is_same(each.change, change)
                ),
                None,
            )

    def _followed(self, changes: EnvironmentChanges, container: Container, job: ChangeJob) -> ChangeJob:
        """The job when it is over, or when nobody waits for it any more; what is over leaves no traces."""
        until, pause = time.monotonic() + _JOB_SECONDS, _FIRST_LOOK_SECONDS
        is_ended = False
        while not job.is_over and self._engine.wait(until, pause):
            pause = min(_LOOK_SECONDS, 1.5 * pause)
            try:
                with self._command(container):
                    if self._is_cancelled() and not is_ended:
                        is_ended = True
                        job = changes.cancel(container, job)
                    else:
                        job = changes.news(container, job, job.log_bytes).job
            except EnvtuiError as error:
                if is_ended and not isinstance(error, EngineError):
                    # it can't be ended: it is followed to its end
                    continue
                if not is_lost(error) or not self._engine.is_back():
                    raise
        if job.is_over and job.state is not ChangeState.LOST:
            with contextlib.suppress(EnvtuiError), self._command(container):
                changes.put_away(container, job)
        return job


def _is_same(one: EnvironmentChange, other: EnvironmentChange) -> bool:
    return (one.verb, one.prefix, one.cache) == (other.verb, other.prefix, other.cache)


def _outcome(item: DiskItem, job: ChangeJob) -> ItemOutcome:
    why = job.error.one_line() if job.error is not None else ""
    match job.state:
        case ChangeState.DONE:
            return ItemOutcome(item, OutcomeState.REMOVED)
        case ChangeState.FAILED:
            return ItemOutcome(item, OutcomeState.FAILED, why or "its manager failed without a word")
        case ChangeState.CANCELLED:
            return ItemOutcome(
                item, OutcomeState.FAILED, "called off in the middle: a part of it may be gone"
            )
        case ChangeState.LOST:
            return ItemOutcome(item, OutcomeState.UNKNOWN, why or "its job in the container is lost")
        case _:
            return ItemOutcome(item, OutcomeState.UNKNOWN, "its job in the container is still at work")


def removal_line(item: DiskItem, container_name: str) -> str:
    """The engine's own client's line that does the same."""
    match item.kind:
        case DiskKind.IMAGE:
            words = ["docker", "rmi", "--no-prune", *(item.references or (item.id,))]
        case DiskKind.CONTAINER:
            words = ["docker", "rm", item.name or item.id]
        case DiskKind.VOLUME:
            words = ["docker", "volume", "rm", item.id]
        case DiskKind.NETWORK:
            words = ["docker", "network", "rm", item.name or item.id]
        case DiskKind.BUILD_CACHE:
            words = ["docker", "builder", "prune", "--force", "--filter", f"id={item.id}"]
        case _:
            return _inside_line(item, container_name)
    return shlex.join(words)


def _inside_line(item: DiskItem, container_name: str) -> str:
    change = item.change
    if change is None:
        return f"remove {item.name} in {container_name}"
    words = _manager_words(change)
    if not words:
        return change_words(change)
    as_user = ["--user", change.user] if change.user else []
    return shlex.join(["docker", "exec", *as_user, container_name, *words])


def _manager_words(change: EnvironmentChange) -> list[str]:
    """What the container's own program is told, as far as it can be said in a line."""
    name = change.manager.rpartition("/")[2]
    if change.verb is ChangeVerb.CLEAN:
        if name == "uv":
            return [change.manager, "cache", "clean", "--cache-dir", change.cache]
        if not name:
            python = change.python or f"{change.prefix.rstrip('/')}/bin/python"
            return [python, "-m", "pip", "cache", "purge", "--cache-dir", change.cache]
        return [change.manager, "clean", "--packages", "--tarballs", "--index-cache", "-y"]
    if change.verb is ChangeVerb.REMOVE and not name:
        return ["rm", "-rf", "--", change.prefix]
    return []
