"""Carries out plans on a small pool of daemon threads, step by step, and keeps the command log."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tui import diagnostics
from tui.model.errors import EnvtuiError, ReadOnlyRefusal
from tui.model.operations import AnyStep, Plan, command_line
from tui.monitor.poller import unexpected
from tui.monitor.store import Store
from tui.monitor.topics import COMMANDS, JOBS

# Stopping ten containers takes ten times ten seconds in a row; four at once is what a disk stands.
_WORKERS = 4
# A person can't ask for more than this by hand; a bulk action is one job.
_WAITING_LIMIT = 100
_JOBS_KEPT = 50
_COMMANDS_KEPT = 500


class JobState(StrEnum):
    """How far a job is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One plan on its way.

    Attributes:
        number: counts up from 1.
        failures: container name and what went wrong, for each step that failed.
        steps_done: steps that ended, well or not.
    """

    number: int
    plan: Plan
    state: JobState = JobState.WAITING
    steps_done: int = 0
    failures: tuple[tuple[str, EnvtuiError], ...] = field(default=())

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state in (JobState.DONE, JobState.FAILED)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """One line of the command log.

    Attributes:
        at: seconds since the epoch when it began.
        command: the engine's own client's line that does the same.
        outcome: "done", or the error in one line.
        duration: seconds.
    """

    at: float
    command: str
    outcome: str
    duration: float
    failed: bool


class JobRefused(EnvtuiError):
    """The job was not taken on: the same one is still running, or too many wait."""


class JobRunner:
    """Runs jobs. A step on an object waits for no other object; the same step twice at once is refused."""

    def __init__(
        self,
        perform: Callable[[AnyStep], None],
        store: Store,
        after: Callable[[], None],
        read_only: bool,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Args: perform does one step and raises an EnvtuiError; after is called when a job is over."""
        self._perform = perform
        self._store = store
        self._after = after
        self._read_only = read_only
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._queue: queue.Queue[int] = queue.Queue(_WAITING_LIMIT)
        self._jobs: dict[int, Job] = {}
        self._commands: tuple[CommandRecord, ...] = ()
        self._numbers = 0
        self._workers = 0

    def submit(self, plan: Plan) -> Job:
        """Take a plan on.

        Raises:
            ReadOnlyRefusal: envtui runs read-only.
            JobRefused: a step of it is under way already, or too many jobs wait.
        """
        if self._read_only:
            raise ReadOnlyRefusal("Read-only", "envtui was started with --read-only", "Start it without")
        with self._lock:
            under_way = {step for job in self._jobs.values() if not job.is_over for step in job.plan.steps}
            twice = next((step for step in plan.steps if step in under_way), None)
            if twice is not None:
                raise JobRefused("Already under way", command_line(twice), "Wait for it to end")
            self._numbers += 1
            job = Job(self._numbers, plan)
            try:
                self._queue.put_nowait(job.number)
            except queue.Full as error:
                raise JobRefused("Too many jobs", f"{_WAITING_LIMIT} are waiting", "Wait for some") from error
            self._jobs[job.number] = job
            self._publish_jobs()
            if self._workers < _WORKERS:
                self._workers += 1
                threading.Thread(target=self._work, name=f"job-{self._workers}", daemon=True).start()
        return job

    def running(self) -> tuple[Job, ...]:
        """Jobs that are not over."""
        with self._lock:
            return tuple(job for job in self._jobs.values() if not job.is_over)

    def _work(self) -> None:
        while True:
            number = self._queue.get()
            try:
                self._carry_out(number)
            except Exception as error:
                diagnostics.record_exception("job", error)

    def _carry_out(self, number: int) -> None:
        job = self._update(number, state=JobState.RUNNING)
        given_up: set[str] = set()
        for step in job.plan.steps:
            error = None if step.target in given_up else self._do(step)
            if error is not None:
                # the steps after it count on it: a container that can't be stopped is not removed
                given_up.add(step.target)
                job = self._update(number, failures=(*job.failures, (step.target_name, error)))
            job = self._update(number, steps_done=job.steps_done + 1)
        self._update(number, state=JobState.FAILED if job.failures else JobState.DONE)
        self._after()

    def _do(self, step: AnyStep) -> EnvtuiError | None:
        at = self._wall_clock()
        began = time.monotonic()
        failure: EnvtuiError | None = None
        try:
            self._perform(step)
        except EnvtuiError as error:
            failure = error
        except Exception as error:
            diagnostics.record_exception("job", error)
            failure = unexpected(error)
        record = CommandRecord(
            at,
            command_line(step),
            "done" if failure is None else failure.one_line(),
            time.monotonic() - began,
            failure is not None,
        )
        self.record(record)
        return failure

    def record(self, record: CommandRecord) -> None:
        """Add a line to the command log."""
        with self._lock:
            self._commands = (*self._commands, record)[-_COMMANDS_KEPT:]
            self._store.put(COMMANDS, self._commands)

    def _update(self, number: int, **changes: object) -> Job:
        with self._lock:
            job = self._jobs[number] = replace(self._jobs[number], **changes)  # type: ignore[arg-type]
            self._publish_jobs()
            return job

    def _publish_jobs(self) -> None:
        over = [number for number, job in self._jobs.items() if job.is_over]
        for number in over[: max(0, len(self._jobs) - _JOBS_KEPT)]:
            del self._jobs[number]
        self._store.put(JOBS, tuple(self._jobs.values()))
