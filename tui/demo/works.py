"""The jobs that are at work on make-believe environments: they go on by the world's clock alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tui.demo.change_scripts import Script
from tui.demo.life import DemoContainer
from tui.demo.prefixes import DemoPrefixes
from tui.model.changes import ChangeJob, ChangeState, EnvironmentChange, Progress, change_words
from tui.model.containers import ContainerState
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeLost, ChangeUnderWay

# Numbers in a container whose own processes have low ones.
_FIRST_PID, _PIDS = 4200, 28_000
_ROLLED_BACK = b"\nRolling back transaction: done\n"


@dataclass(slots=True)
class _Work:
    """One job with all that belongs to it.

    Attributes:
        run: of its container; another one means that it died with the one before.
        worked: seconds that it had; none while its container is paused.
        looked_at: epoch seconds when that was counted.
        finish: does what it is for, at its end.
    """

    container: DemoContainer
    job: ChangeJob
    script: Script
    run: int
    looked_at: float
    finish: Callable[[float], None]
    worked: float = 0.0
    log: bytes = b""

    def tell(self) -> None:
        """Its log and progress as they are by now."""
        acts = [each for each in self.script.acts if each.at <= self.worked]
        self.log = "".join(each.text for each in acts).encode("utf-8", "surrogateescape")
        progress = acts[-1].progress if acts else Progress()
        self.job = replace(self.job, progress=progress, log_bytes=len(self.log))

    @property
    def can_roll_back(self) -> bool:
        """A transaction has begun."""
        return any(each.can_roll_back for each in self.script.acts if each.at <= self.worked)


class DemoWorks:
    """All jobs of a world, and the environments that they change. Not thread-safe: its world holds a lock.

    Attributes:
        prefixes: the environments.
        cleaned: caches, by container and `cache_key`, that somebody cleaned.
    """

    def __init__(self, seed: int) -> None:
        """Args: seed of the world."""
        self.prefixes = DemoPrefixes()
        self.cleaned: set[tuple[str, str]] = set()
        self._seed = seed
        self._count = 0
        self._works: dict[tuple[str, str], _Work] = {}

    def begin(
        self,
        container: DemoContainer,
        change: EnvironmentChange,
        script: Script,
        finish: Callable[[float], None],
        now: float,
    ) -> ChangeJob:
        """Begin a job. Raises ChangeUnderWay where another one has one of its prefixes."""
        self.check_free(container, change)
        self._count += 1
        figures = hashlib.sha256(f"job/{self._seed}/{container.id}/{self._count}".encode()).digest()
        file = None if change.file is None else replace(change.file, text="")
        pid = _FIRST_PID + int.from_bytes(figures[:4]) % _PIDS
        job = ChangeJob(figures.hex()[:12], replace(change, file=file), pid, now)
        work = _Work(container, job, script, container.runs, now, finish)
        work.tell()
        self._works[job.key] = work
        return work.job

    def cache_bytes(self, container: DemoContainer, key: str) -> int:
        """What lies in a cache, by its `cache_key`; nothing once it was cleaned."""
        if (container.id, key) in self.cleaned:
            return 0
        figures = hashlib.sha256(f"cache/{container.blueprint.name}/{key}".encode()).digest()
        return (200 + int.from_bytes(figures[:2]) % 3800) << 20

    def check_free(self, container: DemoContainer, change: EnvironmentChange) -> None:
        """Make sure that nobody is at work on its prefixes. Raises ChangeUnderWay."""
        for each in self._works.values():
            shared = set(change.touched) & set(each.job.change.touched)
            if each.container is container and not each.job.is_over and shared:
                raise ChangeUnderWay(
                    "Another job is at work on it",
                    f"{change_words(each.job.change)} (job {each.job.id}) is not over",
                    "Wait for its end, or cancel it",
                )

    def jobs(self, container: DemoContainer) -> tuple[ChangeJob, ...]:
        """Those of a container, oldest first."""
        return tuple(each.job for each in self._works.values() if each.container is container)

    def find(self, job: ChangeJob) -> tuple[ChangeJob, bytes]:
        """A job as it is by now, and its log. Raises ChangeLost."""
        work = self._works.get(job.key)
        if work is None:
            raise ChangeLost("The job is gone", f"{job.change.container_name} knows nothing of job {job.id}")
        return work.job, work.log

    def cancel(self, job: ChangeJob) -> ChangeJob:
        """End a job, nothing of it is left; one that is over stays as it is. Raises ChangeLost."""
        self.find(job)
        work = self._works[job.key]
        if not work.job.is_over:
            if work.can_roll_back:
                work.log += _ROLLED_BACK
            work.job = replace(work.job, state=ChangeState.CANCELLED, log_bytes=len(work.log))
        return work.job

    def put_away(self, job: ChangeJob) -> None:
        """Forget a job that is over."""
        work = self._works.get(job.key)
        if work is not None and work.job.is_over:
            del self._works[job.key]

    def settle(self, now: float, containers: Mapping[str, DemoContainer]) -> None:
        """Let go on what runs, up to `now`; what ends does what it is for."""
        self._works = {key: each for key, each in self._works.items() if key[0] in containers}
        for each in self._works.values():
            if not each.job.is_over:
                self._go_on(each, now)

    def _go_on(self, work: _Work, now: float) -> None:
        container = work.container
        if container.runs != work.run or not container.has_processes:
            lost = ChangeLost(
                "Nobody knows how it ended",
                f"{container.name} was stopped while it ran",
                "Look at the environment before it is used",
            )
            work.job = replace(work.job, state=ChangeState.LOST, error=lost)
            return
        if container.state is not ContainerState.PAUSED:
            work.worked += max(0.0, now - work.looked_at)
        work.looked_at = now
        work.tell()
        if work.worked >= work.script.seconds:
            failure = work.script.failure
            if failure is None or work.script.keeps_first_part:
                work.finish(now)
            state = ChangeState.DONE if failure is None else ChangeState.FAILED
            work.job = replace(work.job, state=state, error=failure)


def cache_key(change: EnvironmentChange) -> str:
    """What a CLEAN cleans: an installation's cache by its root prefix, another one by its path."""
    is_of_conda = change.kind not in (EnvironmentKind.VENV, EnvironmentKind.UV)
    return (change.root_prefix or change.prefix) if is_of_conda else change.cache or change.prefix
