"""Makes, changes and removes environments of one engine's containers, as jobs inside them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence

from tui.backends.conda.change_guards import guards_of, refused_words
from tui.backends.conda.command import Command, CommandResult, checked_path, shown
from tui.backends.conda.container_jobs import ContainerJobs, ToldJob
from tui.backends.conda.environments import ContainerEnvironments
from tui.backends.conda.facts import NO_HISTORY
from tui.backends.conda.manager_commands import (
    commands_of,
    plan_commands_of,
    read_failure,
    read_plan,
    read_progress,
)
from tui.backends.conda.new_prefixes import best_maker
from tui.backends.conda.venv_commands import removal
from tui.backends.docker.engine import DockerEngine
from tui.model.changes import (
    ChangeJob,
    ChangePlan,
    ChangeState,
    ChangeVerb,
    EnvironmentChange,
    JobNews,
    change_words,
    why_not_changed,
)
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, Origin, Package
from tui.model.errors import (
    ChangeCancelled,
    ChangeError,
    ChangeFailed,
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    EngineError,
)

# A look at a job brings at most so much of its log; progress and failures are read from its end.
_NEWS_BYTES, _TAIL_BYTES = 256 << 10, 512 << 10
# Jobs whose logs are remembered for that.
_MOST_TAILS = 32
# A solve of conda can take an hour; a person calls it off long before.
_PLAN_SECONDS = 3600.0
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.1, 1.0


class DockerChanges:
    """Changes of environments; an `EnvironmentChanges`."""

    def __init__(self, engine: DockerEngine, allow_base: bool = False) -> None:
        """Args: engine that was or will be identified by somebody; whether base may get packages."""
        self._engine = engine
        self._allow_base = allow_base
        self._environments = ContainerEnvironments(engine)
        self._tails: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._lock = threading.Lock()

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """A CREATE of nothing: where an environment of that name would be, and what would make it.

        Raises:
            ChangeRefused: something is there, or the name is none.
            NoManager: nothing in the container makes environments.
            EngineError: the container can't be asked.
        """
        maker = best_maker(environments)
        is_path = name.startswith("/")
        if is_path:
            prefix = checked_path(name).rstrip("/")
        else:
            _check_name(name)
            prefix = self._jobs(container, user).place(maker.root_prefix, name)
        taken = next((each for each in environments if each.prefix == prefix), None)
        if taken is not None:
            raise ChangeRefused("It is there already", f"{shown(prefix)} is an environment")
        return EnvironmentChange(
            ChangeVerb.CREATE,
            container.id,
            container.name,
            prefix,
            maker.kind,
            maker.manager,
            maker.root_prefix,
            label=prefix if is_path else name,
            user=user,
        )

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        """What a change would do, as its manager says. Raises a ChangeError or EngineError."""
        environment = self._known(container, change)
        change = _without_stranger(change, environment)
        self._refuse(change, environment)
        told = plan_commands_of(change)
        installed = self._installed(container, environment)
        results = self._dry_run(container, change, told, is_cancelled) if told else []
        if is_cancelled():
            raise ChangeCancelled("Called off", "nothing was changed")
        plan = read_plan(change, results, installed)
        return dataclasses.replace(
            plan, notes=(*plan.notes, *_notes(change, environment)), commands=_told_commands(plan)
        )

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        """Begin a change. Raises a ChangeError or EngineError."""
        environment = self._known(container, change)
        change = _without_stranger(change, environment)
        self._refuse(change, environment)
        told = _commands(change)
        job_id = secrets.token_hex(8)
        self._begin(container, change, job_id, told, is_plan=False)
        described = dataclasses.replace(
            change, file=dataclasses.replace(change.file, text="") if change.file else None
        )
        job, _ = self._jobs(container, change.user).news(job_id, 0, 0)
        return ChangeJob(job_id, described, job.pid, job.since)

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        """The jobs that are in the container, oldest first. Raises an EngineError."""
        return [
            self._as_job(container, told, told.change, b"")
            for told in self._jobs(container, "").jobs()
            if told.change is not None
        ]

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        """How a job is, and its log from `offset` on. Raises ChangeLost or an EngineError."""
        told, log = self._jobs(container, job.change.user).news(job.id, offset, _NEWS_BYTES)
        tail = self._remember(job, offset, log)
        return JobNews(self._as_job(container, told, job.change, tail), log, offset)

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        """End a job and undo what it began. Raises a ChangeError or EngineError."""
        jobs = self._jobs(container, job.change.user)
        told = jobs.cancel(job.id)
        if told.is_alive:
            raise ChangeError(
                "It can't be ended", f"process {told.pid} in {container.name} is still there", "Try again"
            )
        return self._as_job(container, told, job.change, self._remember(job, 0, b""))

    def put_away(self, container: Container, job: ChangeJob) -> None:
        """Remove the traces of a job that is over. Raises an EngineError."""
        self._jobs(container, job.change.user).put_away(job.id)
        with self._lock:
            self._tails.pop(job.key, None)

    # -- parts

    def _jobs(self, container: Container, user: str) -> ContainerJobs:
        self._engine.api_version()
        return ContainerJobs(self._engine.http, container.id, user)

    def _known(self, container: Container, change: EnvironmentChange) -> Environment | None:
        """The environment that is changed, or cloned, as it is now; None for one that is only to be made."""
        prefix = change.source_prefix if change.verb is ChangeVerb.CLONE else change.prefix
        if change.verb in (ChangeVerb.CREATE, ChangeVerb.CLEAN):
            return None
        listing = self._environments.environments(container)
        found = next((each for each in listing.environments if each.prefix == prefix), None)
        if found is None:
            if listing.problem is not None:
                raise listing.problem
            raise ChangeRefused("It is not there any more", f"{shown(prefix)} is no environment now")
        return found

    def _refuse(self, change: EnvironmentChange, environment: Environment | None) -> None:
        if environment is not None:
            if change.verb is not ChangeVerb.CLONE and environment.kind is not change.kind:
                raise ChangeRefused("It is another one now", f"it is of the kind {environment.kind}")
            why_not = why_not_changed(environment, change.verb, self._allow_base)
            if change.user and environment.writable is False:
                # another account may; the guard in the container tells
                looked = dataclasses.replace(environment, writable=None)
                why_not = why_not_changed(looked, change.verb, self._allow_base)
            if why_not is not None:
                raise ChangeRefused("Not changed", why_not)
        roots = {change.root_prefix.rstrip("/")} - {""}
        for prefix in {change.prefix, change.new_prefix} - {""}:
            is_base = checked_path(prefix).rstrip("/") in roots
            if is_base and change.verb is not ChangeVerb.CLEAN and change.kind is not EnvironmentKind.BASE:
                raise ChangeRefused("Not changed", "base is the installation itself")

    def _installed(self, container: Container, environment: Environment | None) -> Sequence[Package]:
        if environment is None:
            return ()
        return self._environments.packages(container, [environment])[0]

    def _begin(
        self,
        container: Container,
        change: EnvironmentChange,
        job_id: str,
        told: Sequence[Command],
        is_plan: bool,
    ) -> None:
        undo_before = len(told) if change.verb is ChangeVerb.RENAME else 0
        began = self._jobs(container, change.user).start(
            job_id,
            change,
            told,
            guards_of(change),
            [] if is_plan else [_lock_name(each) for each in sorted(set(change.touched))],
            "" if is_plan else change.makes,
            undo_before,
            is_plan,
        )
        match began.answer:
            case "started":
                return
            case "locked":
                raise self._under_way(container, began.details[0])
            case "refused":
                raise ChangeRefused("Not begun", refused_words(*began.details))
            case "cancelled":
                raise ChangeCancelled("Called off", "nothing was done")
            case "nowhere":
                raise ChangeRefused(
                    "Not begun", "neither /tmp nor the home can be written in", "Give it a folder to write in"
                )
        raise ChangeFailed("Not begun", f"the container's shell said: {shown(' '.join(began.details), 300)}")

    def _under_way(self, container: Container, folder: str) -> ChangeUnderWay:
        words = ""
        with contextlib.suppress(EngineError, ChangeError):
            job_id = folder.rpartition("/")[2]
            told = next(each for each in self._jobs(container, "").jobs() if each.id == job_id)
            words = change_words(told.change) if told.change is not None else ""
        return ChangeUnderWay(
            "Another change is under way",
            shown(words or "another account's job is at work on the same environment", 200),
            "Wait for it to end, or cancel it",
        )

    def _dry_run(
        self,
        container: Container,
        change: EnvironmentChange,
        told: Sequence[Command],
        is_cancelled: Callable[[], bool],
    ) -> list[CommandResult]:
        job_id = secrets.token_hex(8)
        jobs = self._jobs(container, change.user)
        self._begin(container, change, job_id, told, is_plan=True)
        try:
            pause, wait, waited = threading.Event(), _FIRST_LOOK_SECONDS, 0.0
            while True:
                pause.wait(wait)
                waited += wait
                wait = min(_LOOK_SECONDS, 1.5 * wait)
                if is_cancelled() or waited > _PLAN_SECONDS:
                    jobs.cancel(job_id)
                    raise ChangeCancelled("Called off", "nothing was changed")
                looked, _ = jobs.news(job_id, 0, 0)
                if looked.result:
                    return jobs.results(job_id)
                if not looked.is_alive:
                    raise ChangeLost("The question was lost", "its process in the container is gone")
        finally:
            with contextlib.suppress(EngineError, ChangeError):
                jobs.put_away(job_id)

    def _remember(self, job: ChangeJob, offset: int, log: bytes) -> bytes:
        """The last of what a job has printed, as far as it was looked at without a gap."""
        with self._lock:
            end, tail = self._tails.pop(job.key, (0, b""))
            if log and offset == end:
                tail = (tail + log)[-_TAIL_BYTES:]
                end += len(log)
            elif log:
                end, tail = offset + len(log), log[-_TAIL_BYTES:]
            self._tails[job.key] = (end, tail)
            while len(self._tails) > _MOST_TAILS:
                del self._tails[next(iter(self._tails))]
            return tail

    def _as_job(
        self, container: Container, told: ToldJob, change: EnvironmentChange, tail: bytes
    ) -> ChangeJob:
        change = dataclasses.replace(change, container_id=container.id, container_name=container.name)
        job = ChangeJob(told.id, change, told.pid, told.since, log_bytes=told.log_bytes)
        if not told.result:
            if told.is_alive:
                return dataclasses.replace(job, progress=read_progress(change, tail))
            lost = ChangeLost(
                "Its end is not known",
                "its process is gone without a word: the container was stopped, or it was killed",
                f"Look at {shown(change.prefix)}: it may be half made",
            )
            return dataclasses.replace(job, state=ChangeState.LOST, error=lost)
        if told.result == "done":
            return dataclasses.replace(job, state=ChangeState.DONE)
        if told.result == "cancelled":
            left = f"{shown(change.makes or change.prefix)} could not be undone" if told.is_kept else ""
            cancelled = ChangeCancelled("Called off", left or "nothing of it is left")
            return dataclasses.replace(job, state=ChangeState.CANCELLED, error=cancelled)
        failure = read_failure(change, told.exit_code, tail)
        if told.is_kept:
            failure = ChangeFailed(
                failure.title,
                f"{failure.detail}. {shown(change.makes)} is half made: its first part stays",
                f"{failure.hint}. Remove it, or complete it" if failure.hint else "Remove it, or complete it",
                failure.kind,
                failure.exit_code,
            )
        return dataclasses.replace(job, state=ChangeState.FAILED, error=failure)


def _without_stranger(change: EnvironmentChange, environment: Environment | None) -> EnvironmentChange:
    """The change, without a manager that would not take a half made environment for one."""
    if environment is None or change.verb is not ChangeVerb.REMOVE:
        return change
    return dataclasses.replace(change, manager="") if NO_HISTORY in environment.problems else change


def _told_commands(plan: ChangePlan) -> tuple[tuple[str, ...], ...]:
    """The commands of a plan as people are told them: without what only looks, with what we add."""
    told = tuple(argv for argv in plan.commands if argv[0] != "test")
    gone = removal(plan.change.prefix).argv
    return (*told, gone) if plan.change.verb is ChangeVerb.REMOVE and gone not in told else told


def _commands(change: EnvironmentChange) -> tuple[Command, ...]:
    """What is run; of an environment that is removed, nothing stays that its manager did not know."""
    told = commands_of(change)
    gone = removal(change.prefix)
    return (*told, gone) if change.verb is ChangeVerb.REMOVE and gone not in told else told


def _lock_name(prefix: str) -> str:
    return hashlib.sha256(prefix.rstrip("/").encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _check_name(name: str) -> None:
    """Raises ChangeRefused for what is no name of an environment."""
    if not name.strip() or "/" in name or name in (".", "..", "base", "root") or not name.isprintable():
        raise ChangeRefused(
            f"“{shown(name)}” is no name for an environment",
            "It must be printable, without a slash, and not base.",
        )


def _notes(change: EnvironmentChange, environment: Environment | None) -> tuple[str, ...]:
    """What the listing tells that is worth a word before."""
    if environment is None or change.verb not in (
        ChangeVerb.REMOVE, ChangeVerb.RENAME, ChangeVerb.UPDATE, ChangeVerb.UNINSTALL, ChangeVerb.INSTALL,
    ):  # fmt: skip
        return ()
    notes = []
    if environment.pids:
        numbers = ", ".join(map(str, environment.pids[:10]))
        more = " …" if len(environment.pids) > 10 else ""
        notes.append(
            f"{len(environment.pids)} processes run out of it (in the container's count: {numbers}{more})"
        )
    if change.verb is ChangeVerb.REMOVE and environment.origin is Origin.IMAGE:
        notes.append("it came with the image: its removal frees nothing")
    return tuple(notes)
