"""Makes, changes and removes environments of one engine's containers, as jobs inside them."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from tui.backends.conda.change_guards import guards_of, refused_words
from tui.backends.conda.command import Command, CommandResult, checked_path, shown
from tui.backends.conda.container_jobs import (
    PATIENCE_SECONDS,
    ContainerJobs,
    JobOrder,
    NoShell,
    Place,
)
from tui.backends.conda.environments import ContainerEnvironments
from tui.backends.conda.job_answers import ToldJob
from tui.backends.conda.job_ends import ended
from tui.backends.conda.manager_commands import plan_commands_of, read_plan, read_progress
from tui.backends.conda.new_prefixes import best_maker, check_name
from tui.backends.conda.removals import all_commands, told_commands, without_stranger
from tui.backends.deadline import Deadline
from tui.backends.docker.engine import DockerEngine
from tui.model.changes import (
    ChangeJob,
    ChangePlan,
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
# Command lines that are told of what runs out of an environment.
_MOST_LINES = 10


class DockerChanges:
    """Changes of environments; an `EnvironmentChanges`."""

    def __init__(
        self, engine: DockerEngine, allow_base: bool = False, patience_seconds: int = PATIENCE_SECONDS
    ) -> None:
        """Begins nothing yet.

        Args:
            engine: that was or will be identified by somebody.
            allow_base: base may get packages.
            patience_seconds: how long a job that is called off is only told to end.
        """
        self._engine = engine
        self._patience_seconds = patience_seconds
        self._allow_base = allow_base
        self._environments = ContainerEnvironments(engine)
        self._tails: dict[tuple[str, str], tuple[int, bytes]] = {}
        self._lock = threading.Lock()

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """A CREATE of nothing: where an environment of that name would be, and what would make it.

        Raises:
            ChangeRefused: something is there, nothing may be put there, or the name is none.
            NoManager: nothing in the container makes environments.
            EngineError: the container can't be asked.
        """
        maker = best_maker(environments)
        if is_path := name.startswith("/"):
            folder, _, last = checked_path(name).rstrip("/").rpartition("/")
            folders: tuple[str, ...] = (folder,)
        else:
            check_name(name)
            folders, last = maker.folders, name
        place = _place(self._jobs(container, user).places([(folder, last) for folder in folders]))
        made = {f"{(each.root_prefix or '').rstrip('/')}/envs" for each in environments}
        if is_path and not place.has_parent and folders[0] not in made:
            raise ChangeRefused("There is no such folder", shown(folders[0] or "/", 200))
        if any(each.prefix == place.path for each in environments):
            raise _taken(place.path)
        return EnvironmentChange(
            ChangeVerb.CREATE,
            container.id,
            container.name,
            place.path,
            maker.kind,
            maker.manager,
            maker.root_prefix,
            label=place.path if is_path else name,
            user=user,
        )

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        """What a change would do, as its manager says. Raises a ChangeError or EngineError."""
        change = _plain(change)
        environment = self._checked(container, change)
        change = without_stranger(change, environment)
        if environment is not None:
            # what is agreed to is this, and what runs out of it now
            seen = tuple(str(each) for each in sorted(environment.pids))
            change = dataclasses.replace(change, seen=environment.fingerprint, seen_pids=seen)
        told = plan_commands_of(change)
        installed = self._installed(container, environment)
        results = self._dry_run(container, change, told, is_cancelled) if told else []
        if is_cancelled():
            raise ChangeCancelled("Called off", "nothing was changed")
        plan = read_plan(change, results, installed)
        notes = (*plan.notes, *self._notes(container, change, environment))
        return dataclasses.replace(plan, notes=notes, commands=told_commands(plan))

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        """Begin a change. Raises a ChangeError or EngineError."""
        change = _plain(change)
        environment = self._checked(container, change)
        _check_seen(change, environment)
        change = without_stranger(change, environment)
        told = all_commands(change)
        order = JobOrder(
            change,
            told,
            (*guards_of(change), *_locks_of_others(container.id, change)),
            [_lock_name(container.id, each) for each in sorted(set(change.touched))],
            change.makes,
            change.verb is ChangeVerb.CREATE,
            len(told) if change.verb is ChangeVerb.RENAME else 0,
        )
        job_id = secrets.token_hex(8)
        pid, since = self._begin(container, order, job_id)
        file = dataclasses.replace(change.file, text="") if change.file else None
        return ChangeJob(job_id, dataclasses.replace(change, file=file), pid, since)

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        """The jobs that are in the container, oldest first. Raises a ChangeError or EngineError."""
        jobs = self._jobs(container, "")
        try:
            found = jobs.jobs()
        except NoShell:
            return []
        return [
            self._as_job(container, told, told.change, self._end_of_log(jobs, told))
            for told in found
            if told.change is not None
        ]

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        """How a job is, and its log from `offset` on. Raises ChangeLost or an EngineError."""
        jobs = self._jobs(container, job.change.user)
        told, log = jobs.news(job.id, offset, _NEWS_BYTES)
        tail, end = self._remember(job, offset, log)
        if end < told.log_bytes and (whole := self._end_of_log(jobs, told)):
            tail = whole
            if offset > end:
                # whoever asks has seen what was before, and will not ask for it
                with self._lock:
                    self._tails[job.key] = (told.log_bytes, tail)
        return JobNews(self._as_job(container, told, job.change, tail), log, offset)

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        """End a job and undo what it began. Raises a ChangeError or EngineError."""
        jobs = self._jobs(container, job.change.user)
        told = jobs.cancel(job.id)
        if told.is_alive:
            raise ChangeError(
                "It can't be ended", f"process {told.pid} in {container.name} is still there", "Try again"
            )
        return self._as_job(container, told, job.change, self._end_of_log(jobs, told))

    def put_away(self, container: Container, job: ChangeJob) -> None:
        """Remove the traces of a job that is over. Raises a ChangeError or EngineError."""
        self._jobs(container, job.change.user).put_away(job.id)
        with self._lock:
            self._tails.pop(job.key, None)

    # -- parts

    def _jobs(self, container: Container, user: str) -> ContainerJobs:
        self._engine.api_version()
        return ContainerJobs(self._engine.http, container.id, user, self._patience_seconds)

    def _checked(self, container: Container, change: EnvironmentChange) -> Environment | None:
        """The environment that is changed, or cloned, as it is now; None for one that is only to be made.

        Raises:
            ChangeRefused: it must not be changed so.
        """
        for prefix in {change.prefix, change.new_prefix} - {""}:
            is_base = checked_path(prefix).rstrip("/") == change.root_prefix.rstrip("/")
            if is_base and change.verb is not ChangeVerb.CLEAN and change.kind is not EnvironmentKind.BASE:
                raise ChangeRefused("Not changed", "base is the installation itself")
        if change.verb in (ChangeVerb.CREATE, ChangeVerb.CLEAN):
            return None
        prefix = change.source_prefix if change.verb is ChangeVerb.CLONE else change.prefix
        listing = self._environments.environments(container)
        found = next((each for each in listing.environments if each.prefix == prefix), None)
        is_going = change.verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME)
        if listing.problem is not None and (found is None or is_going):
            # what is in it may not have been told
            raise listing.problem
        if found is None:
            raise ChangeRefused("It is not there any more", f"{shown(prefix, 200)} is no environment now")
        if change.verb is not ChangeVerb.CLONE and found.kind is not change.kind:
            raise ChangeRefused("It is another one now", f"it is of the kind {found.kind}")
        # another account may write there; the guard in the container tells
        looked = dataclasses.replace(found, writable=None) if change.user else found
        if (why_not := why_not_changed(looked, change.verb, self._allow_base)) is not None:
            raise ChangeRefused("Not changed", why_not)
        if is_going:
            inside = [each.prefix for each in listing.environments if each.prefix.startswith(f"{prefix}/")]
            if inside:
                raise ChangeRefused(
                    "Another environment is in it", shown(inside[0], 200), "Remove that one first"
                )
        return found

    def _installed(self, container: Container, environment: Environment | None) -> Sequence[Package]:
        if environment is None:
            return ()
        return self._environments.packages(container, [environment])[0]

    def _begin(self, container: Container, order: JobOrder, job_id: str) -> tuple[int, float]:
        """Begin a job: its process, and since when it runs."""
        began = self._jobs(container, order.change.user).start(job_id, order)
        match began.answer:
            case "started":
                pid, since, _ = began.details
                return int(pid), float(since or 0)
            case "locked":
                raise self._under_way(container, began.details[0])
            case "refused":
                raise ChangeRefused("Not begun", refused_words(*began.details))
            case "cancelled":
                raise ChangeCancelled("Called off", "nothing was done")
            case "nowhere":
                raise ChangeRefused(
                    "Not begun",
                    "neither /tmp nor the home can be written in, or what is there belongs to somebody else",
                    "Give it a folder to write in",
                )
        raise ChangeError("Not begun", f"the container's shell said: {shown(' '.join(began.details), 300)}")

    def _under_way(self, container: Container, folder: str) -> ChangeUnderWay:
        words = "another account's job is at work on the same environment"
        with contextlib.suppress(EngineError, ChangeError, StopIteration):
            job_id = folder.rpartition("/")[2]
            told = next(each for each in self._jobs(container, "").jobs() if each.id == job_id)
            if told.change is not None:
                change = dataclasses.replace(told.change, container_name=container.name)
                since = time.strftime("%H:%M", time.localtime(told.since))
                words = f"{shown(change_words(change), 200)}, since {since}"
        return ChangeUnderWay("Another change is under way", words, "Wait for it to end, or cancel it")

    def _dry_run(
        self,
        container: Container,
        change: EnvironmentChange,
        told: Sequence[Command],
        is_cancelled: Callable[[], bool],
    ) -> list[CommandResult]:
        job_id = secrets.token_hex(8)
        jobs = self._jobs(container, change.user)
        self._begin(container, JobOrder(change, told, guards_of(change), is_plan=True), job_id)
        pause, deadline, wait = threading.Event(), Deadline(_PLAN_SECONDS), _FIRST_LOOK_SECONDS
        try:
            while True:
                look = Deadline(wait)
                while not look.passed and not is_cancelled():
                    pause.wait(min(_FIRST_LOOK_SECONDS, look.remaining()))
                if is_cancelled():
                    self._end_question(jobs, job_id)
                    raise ChangeCancelled("Called off", "nothing was changed")
                if deadline.passed:
                    self._end_question(jobs, job_id)
                    raise ChangeFailed(
                        "No plan", f"its manager took longer than {_PLAN_SECONDS / 60:.0f} min"
                    )
                looked, _ = jobs.news(job_id, 0, 0)
                if looked.result:
                    return jobs.results(job_id)
                if not looked.is_alive:
                    raise ChangeLost("The question was lost", "its process in the container is gone")
                wait = min(_LOOK_SECONDS, 1.5 * wait)
        finally:
            with contextlib.suppress(EngineError, ChangeError):
                jobs.put_away(job_id)

    def _end_question(self, jobs: ContainerJobs, job_id: str) -> None:
        told = jobs.cancel(job_id)
        if told.is_alive:
            raise ChangeError("It can't be ended", f"process {told.pid} of the question is still there")

    def _remember(self, job: ChangeJob, offset: int, log: bytes) -> tuple[bytes, int]:
        """The last of what a job has printed, as far as it was looked at without a gap, and its end."""
        with self._lock:
            end, tail = self._tails.pop(job.key, (0, b""))
            if log and offset <= end < offset + len(log):
                tail = (tail + log[end - offset :])[-_TAIL_BYTES:]
                end = offset + len(log)
            self._tails[job.key] = (end, tail)
            while len(self._tails) > _MOST_TAILS:
                del self._tails[next(iter(self._tails))]
            return tail, end

    def _end_of_log(self, jobs: ContainerJobs, told: ToldJob) -> bytes:
        """The end of a log, from which progress and failures are read."""
        if told.result in ("done", "cancelled") or not told.log_bytes:
            return b""
        try:
            return jobs.news(told.id, max(0, told.log_bytes - _NEWS_BYTES), _NEWS_BYTES)[1]
        except ChangeLost:
            return b""

    def _as_job(
        self, container: Container, told: ToldJob, change: EnvironmentChange, tail: bytes
    ) -> ChangeJob:
        change = dataclasses.replace(change, container_id=container.id, container_name=container.name)
        job = ChangeJob(told.id, change, told.pid, told.since, log_bytes=told.log_bytes)
        state, error = ended(told, change, tail)
        job = dataclasses.replace(job, state=state, error=error)
        return job if job.is_over else dataclasses.replace(job, progress=read_progress(change, tail))

    def _notes(
        self, container: Container, change: EnvironmentChange, environment: Environment | None
    ) -> tuple[str, ...]:
        """What only the container and the listing tell, and is worth a word before."""
        if environment is None or change.verb is ChangeVerb.CLONE:
            return ()
        notes = []
        if environment.pids:
            lines: dict[int, str] = {}
            with contextlib.suppress(EngineError, ChangeError):
                lines = self._jobs(container, "").command_lines(environment.pids[:_MOST_LINES])
            count = len(environment.pids)
            notes.append("1 process runs out of it" if count == 1 else f"{count} processes run out of it")
            notes += [f"{pid}: {shown(line, 200)}" for pid, line in lines.items()]
        if change.verb is ChangeVerb.REMOVE and environment.origin is Origin.IMAGE:
            notes.append("it came with the image: its removal frees nothing")
        return tuple(notes)


def _place(places: Sequence[Place]) -> Place:
    """The first that may be written in, with none of that name before it. Raises ChangeRefused."""
    for each in places:
        if each.is_taken:
            raise _taken(each.path)
        if each.is_writable:
            return each
    raise ChangeRefused(
        "Nothing may be made there", f"the account may not write {shown(places[-1].path, 200)}"
    )


def _taken(path: str) -> ChangeRefused:
    return ChangeRefused("It is there already", shown(path, 200))


def _locks_of_others(container_id: str, change: EnvironmentChange) -> tuple[tuple[str, str], ...]:
    """What no other job may be at: caches are not cleaned under an installation, nor base changed."""
    if change.verb is ChangeVerb.CLEAN:
        return (("idle", "*"),)
    root = change.root_prefix
    return (("unlocked", _lock_name(container_id, root)),) if root and root not in change.touched else ()


def _plain(change: EnvironmentChange) -> EnvironmentChange:
    """The change with one spelling of each path. Raises ChangeRefused for what is no path."""
    return dataclasses.replace(
        change,
        prefix=checked_path(change.prefix),
        source_prefix=checked_path(change.source_prefix) if change.source_prefix else "",
        new_prefix=checked_path(change.new_prefix) if change.new_prefix else "",
        root_prefix=change.root_prefix.rstrip("/"),
    )


def _check_seen(change: EnvironmentChange, environment: Environment | None) -> None:
    """Raises ChangeRefused where what is to go is not what was agreed to."""
    if environment is None or not change.seen or change.verb not in (ChangeVerb.REMOVE, ChangeVerb.RENAME):
        return
    if environment.fingerprint != change.seen:
        raise ChangeRefused("It has changed since the plan", shown(environment.prefix, 200), "Look again")
    new = [each for each in environment.pids if str(each) not in change.seen_pids]
    if new:
        raise ChangeRefused(
            "A process runs out of it since the plan", f"number {new[0]} in the container", "Look again"
        )


def _lock_name(container_id: str, prefix: str) -> str:
    """The container is part of it: a folder for temporary files may be shared by several."""
    name = f"{container_id}\0{prefix.rstrip('/')}"
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
