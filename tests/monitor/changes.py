"""Containers in which jobs go as a test says, and that count what they are asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.making import full_id
from tui.model.changes import (
    ChangeJob,
    ChangePlan,
    ChangeState,
    ChangeVerb,
    EnvironmentChange,
    JobNews,
)
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import ChangeCancelled, ChangeLost, EnvtuiError

# More a look would be a stall of the engine's socket.
MOST_AT_ONCE = 64 << 10


def make_change(
    container: str = "box", prefix: str = "/opt/conda/envs/vision", **fields: object
) -> EnvironmentChange:
    told: dict[str, object] = {
        "verb": ChangeVerb.INSTALL, "container_name": container, "kind": EnvironmentKind.CONDA,
        "label": "vision", "packages": ("numpy",), "manager": "/opt/conda/bin/conda",
    }  # fmt: skip
    return EnvironmentChange(container_id=full_id(container), prefix=prefix, **(told | fields))  # type: ignore[arg-type]


class ScriptedChanges:
    """Every job runs until a test says how it ends."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: dict[tuple[str, str], ChangeJob] = {}
        self.logs: dict[tuple[str, str], bytes] = {}
        self.asked: list[str] = []
        self.failure: EnvtuiError | None = None
        self.new_failure: EnvtuiError | None = None
        self.plan_failure: EnvtuiError | None = None
        self.start_failure: EnvtuiError | None = None
        #: what was asked for, and fields of the plans besides
        self.planned: list[EnvironmentChange] = []
        self.plan_fields: dict[str, object] = {}
        self.cancel_failure: EnvtuiError | None = None
        #: cleared, a question for a plan waits
        self.may_plan = threading.Event()
        self.may_plan.set()
        self.was_cancelled = threading.Event()
        #: cleared, a job waits to begin
        self.may_start = threading.Event()
        self.may_start.set()

    # -- what a test does

    def put(self, change: EnvironmentChange, job_id: str = "1", log: bytes = b"") -> ChangeJob:
        """A job that somebody else began."""
        job = ChangeJob(job_id, change, 42, 1000.0, log_bytes=len(log))
        self.held[job.key] = job
        self.logs[job.key] = log
        return job

    def say(self, job: ChangeJob, text: bytes) -> None:
        with self.lock:
            self.logs[job.key] += text
            self.held[job.key] = replace(self.held[job.key], log_bytes=len(self.logs[job.key]))

    def end(self, job: ChangeJob, state: ChangeState, error: EnvtuiError | None = None) -> None:
        with self.lock:
            self.held[job.key] = replace(self.held[job.key], state=state, error=error)

    def count(self, question: str) -> int:
        return self.asked.count(question)

    def _ask(self, question: str) -> None:
        self.asked.append(question)
        if self.failure is not None:
            raise self.failure

    # -- EnvironmentChanges

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        self._ask("new_prefix")
        if self.new_failure is not None:
            raise self.new_failure
        prefix = name if name.startswith("/") else f"/opt/conda/envs/{name}"
        made = make_change(container.name, prefix, verb=ChangeVerb.CREATE, label=name, packages=())
        return replace(made, container_id=container.id)

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        self._ask("plan")
        while not self.may_plan.wait(0.01):
            if is_cancelled():
                self.was_cancelled.set()
                raise ChangeCancelled("Called off")
        self.planned.append(change)
        if self.plan_failure is not None:
            raise self.plan_failure
        commands = (("/opt/conda/bin/conda", change.verb.value, "-p", change.prefix),)
        return replace(ChangePlan(change, commands=commands), **self.plan_fields)  # type: ignore[arg-type]

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        self._ask("start")
        if self.start_failure is not None:
            raise self.start_failure
        self.may_start.wait(30)
        return self.put(change, str(len(self.held) + 1))

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        self._ask(f"jobs {container.name}")
        with self.lock:
            return [job for job in self.held.values() if job.change.container_id == container.id]

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        self._ask("news")
        with self.lock:
            if job.key not in self.held:
                raise ChangeLost("The job is gone", "its process is gone")
            log = self.logs[job.key][offset : offset + MOST_AT_ONCE]
            return JobNews(self.held[job.key], log, offset)

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        self._ask("cancel")
        if self.cancel_failure is not None:
            raise self.cancel_failure
        self.end(job, ChangeState.CANCELLED)
        return self.held[job.key]

    def put_away(self, container: Container, job: ChangeJob) -> None:
        self._ask("put_away")
        del self.held[job.key]
