"""One container of the make-believe workstation and how its state changes, by hand or as time goes by."""

from __future__ import annotations

import hashlib
import math
import posixpath
from collections import deque
from collections.abc import Iterator

from tui.demo.catalogue import Blueprint
from tui.demo.runs import Run
from tui.model.containers import ALIVE_STATES, ContainerState, Health

#: A crash loop as a person meets it: a few seconds of life, then the engine's growing delay.
CRASH_AFTER_SECONDS = 6.0
RESTART_AFTER_SECONDS = 14.0
#: Docker's default interval of a health check.
HEALTH_AFTER_SECONDS = 30.0

# After a longer jump of the clock whole rounds of a crash loop are counted, not played.
_MOST_ROUNDS = 5
# What was written in earlier runs left the log, as it leaves one whose files are rotated: an hour of crashes.
_REMEMBERED_RUNS = 200
# above the kernel's own processes, below the default pid_max of 64-bit machines
_FIRST_PID, _PIDS = 20_000, 3_900_000

#: An event's action and its attributes beyond name, image and labels.
Happening = tuple[str, dict[str, str]]


class DemoContainer:
    """A container with its state. Not thread-safe: its world holds a lock."""

    def __init__(self, blueprint: Blueprint, seed: int, begin: float) -> None:
        """Args: seed makes id and process ids; begin is when the world began, in seconds since the epoch."""
        self.blueprint = blueprint
        self.id = _digest("container", seed, blueprint.name).hex()
        self.phases = _digest("phases", seed, blueprint.name)
        self.name = blueprint.name
        self.state = blueprint.state
        self.health: Health | None = None
        self.created_at = begin - blueprint.created_ago
        self.started_at = _before(begin, blueprint.started_ago)
        self.finished_at = _before(begin, blueprint.finished_ago)
        self.exit_code = blueprint.exit_code
        self.out_of_memory = blueprint.out_of_memory
        self.restart_count = 0
        self.runs = 0
        #: numbers of processes of this run that somebody ended, as the container counts them, and when
        self.ended: dict[int, float] = {}
        #: the last of its runs, oldest first
        self.history: deque[Run] = deque(maxlen=_REMEMBERED_RUNS)
        if self.started_at is not None:
            self.history.append(self._first_run(begin, self.started_at))
        if self.state in (ContainerState.RUNNING, ContainerState.PAUSED) and blueprint.health:
            self.health = blueprint.health if blueprint.settled else Health.STARTING

    @property
    def image_id(self) -> str:
        """The same for the same image name, whatever the seed."""
        return f"sha256:{_digest('image', 0, self.blueprint.image).hex()}"

    @property
    def labels(self) -> dict[str, str]:
        """The owner's and compose's labels."""
        labels = {"owner": self.blueprint.owner}
        if self.blueprint.project:
            labels["com.docker.compose.project"] = self.blueprint.project
            labels["com.docker.compose.service"] = self.blueprint.name
        return labels

    @property
    def is_alive(self) -> bool:
        """The engine counts it as running: a crash loop between two runs, too."""
        return self.state in ALIVE_STATES

    @property
    def has_processes(self) -> bool:
        """It has processes now."""
        return self.state in (ContainerState.RUNNING, ContainerState.PAUSED)

    @property
    def process_id(self) -> int | None:
        """Of its first process, another one in each run; None without processes."""
        return self.process_id_in(self.runs) if self.has_processes else None

    def process_id_in(self, run: int) -> int:
        """Of the first process in the run of that number; the others follow it."""
        return _FIRST_PID + (int.from_bytes(self.phases[:4]) + 7919 * run) % _PIDS

    @property
    def living(self) -> tuple[tuple[int, str, str], ...]:
        """Number as the container counts, user and command of those that nobody ended, while it has some."""
        numbered = enumerate(self.blueprint.processes, start=1)
        return tuple((number, *process) for number, process in numbered if number not in self.ended)

    def start(self, at: float) -> Iterator[Happening]:
        """Begin a run."""
        self.state = ContainerState.RUNNING
        self.health = Health.STARTING if self.blueprint.health else None
        self.started_at = at
        self.exit_code = 0
        self.out_of_memory = False
        self.runs += 1
        self.ended = {}
        self.history.append(Run.begun(self.runs, at))
        yield "start", {}

    def end(
        self, at: float, exit_code: int, becomes: ContainerState = ContainerState.EXITED
    ) -> Iterator[Happening]:
        """End the run, or the wait for the next one."""
        had_processes = self.has_processes
        self.state = becomes
        self.health = None
        if had_processes:
            self.finished_at = at
            self.exit_code = exit_code
            self.history[-1] = self.history[-1].ended(at, exit_code)
            yield "die", {"exitCode": str(exit_code)}
        if becomes is ContainerState.EXITED:
            yield "stop", {}

    def pause(self, at: float) -> Iterator[Happening]:
        """Freeze its processes."""
        self.state = ContainerState.PAUSED
        self.history[-1] = self.history[-1].paused(at)
        yield "pause", {}

    def unpause(self, at: float) -> Iterator[Happening]:
        """Let its processes go on."""
        self.state = ContainerState.RUNNING
        self.history[-1] = self.history[-1].unpaused(at)
        yield "unpause", {}

    def due_at(self) -> float | None:
        """When it changes by itself next, None for never."""
        if self.state is ContainerState.RESTARTING and self.finished_at is not None:
            return self.finished_at + RESTART_AFTER_SECONDS
        if self.state is not ContainerState.RUNNING or self.started_at is None:
            return None
        if self.blueprint.crashes:
            return self.started_at + CRASH_AFTER_SECONDS
        return self.started_at + HEALTH_AFTER_SECONDS if self.health is Health.STARTING else None

    def change(self, now: float) -> Iterator[tuple[float, Happening]]:
        """Do what was due up to `now`, with the times at which it happened."""
        self._skip_rounds(now)
        while (due := self.due_at()) is not None and due <= now:
            for happening in self._next(due):
                yield due, happening

    def _next(self, at: float) -> Iterator[Happening]:
        if self.state is ContainerState.RESTARTING:
            self.restart_count += 1
            return self.start(at)
        if self.blueprint.crashes:
            return self.end(at, 1, ContainerState.RESTARTING)
        return self._check_health()

    def _check_health(self) -> Iterator[Happening]:
        self.health = self.blueprint.health
        yield f"health_status: {self.health}", {}

    def _skip_rounds(self, now: float) -> None:
        """A machine that slept for a night must not play two thousand rounds at once."""
        due = self.due_at()
        if due is None or not self.blueprint.crashes:
            return
        period = CRASH_AFTER_SECONDS + RESTART_AFTER_SECONDS
        rounds = math.floor((now - due) / period) - _MOST_ROUNDS
        if rounds > 0:
            self._remember_rounds(rounds, period)
            self.restart_count += rounds
            self.runs += rounds
            self.ended = {}
            self.started_at = None if self.started_at is None else self.started_at + rounds * period
            self.finished_at = None if self.finished_at is None else self.finished_at + rounds * period

    def _remember_rounds(self, rounds: int, period: float) -> None:
        """Put the rounds that are not played into the history, as many as it holds."""
        started_at, is_open = self.started_at or 0.0, self.has_processes
        if is_open:
            self.history[-1] = self.history[-1].ended(started_at + CRASH_AFTER_SECONDS, 1)
        for skipped in range(max(1, rounds - _REMEMBERED_RUNS), rounds + 1):
            begin = started_at + skipped * period
            run = Run.begun(self.runs + skipped, begin)
            is_last = skipped == rounds
            self.history.append(
                run if is_last and is_open else run.ended(begin + CRASH_AFTER_SECONDS, self.exit_code or 1)
            )

    def _first_run(self, begin: float, started_at: float) -> Run:
        """The run that it is in when the world begins, or that it had."""
        run = Run.begun(0, started_at)
        if self.has_processes:
            paused_ago = self.blueprint.paused_ago
            return run if paused_ago is None else run.paused(begin - paused_ago)
        return run.ended(self.finished_at or begin, self.exit_code, self.out_of_memory)


def mounts_of(container: DemoContainer) -> Iterator[tuple[str, str]]:
    """Source and destination of each of its mounts; a source without a slash is a volume."""
    for mount in container.blueprint.mounts:
        source, destination, *_ = mount.split(":")
        yield source, posixpath.normpath(destination)


def _digest(kind: str, seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{kind}/{seed}/{name}".encode()).digest()


def _before(begin: float, seconds: float | None) -> float | None:
    return None if seconds is None else begin - seconds
