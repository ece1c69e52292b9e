"""The processes of the make-believe workstation as its host counts them, now and a while ago."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tui.demo.environment_catalogue import PROGRAMS
from tui.demo.gpu_catalogue import OUTSIDE_PROCESSES, USES, Outside, Use
from tui.demo.life import DemoContainer
from tui.demo.runs import Run, nanoseconds
from tui.demo.world import DemoWorld
from tui.model.containers import ContainerState
from tui.model.owners import OUTSIDE

# The machine was started so long before the world began: before all that runs on it.
_UP_SECONDS = 43 * 86400.0
_TICKS_PER_SECOND = 100
# the shell of the engine's that a container's first process comes from has a number a little lower
_SHIM_OFFSET = 24


@dataclass(frozen=True, slots=True)
class HostProcess:
    """A process of the host.

    Attributes:
        pid, parent_pid: on the host.
        number: as its container counts, its pid where there is none.
        container_id: OUTSIDE for none.
        container: the name that the container was made with, "" for none.
        state: of the container, None for none.
        program: its executable, where its command line does not begin with that; else "".
        run: when it went on; a pause interrupts it.
        started_at: seconds since the epoch.
        start_ticks: the same since the host's start.
        ended_at: when somebody ended it; None for nobody.
        uses: what it does on GPUs.
    """

    pid: int
    parent_pid: int
    number: int
    container_id: str
    container: str
    state: ContainerState | None
    user: str
    command: str
    program: str
    run: Run
    started_at: float
    start_ticks: int
    ended_at: float | None
    uses: tuple[Use, ...]

    def is_there(self, at: float) -> bool:
        """Whether it was there at that moment."""
        at_ns, run = nanoseconds(at), self.run
        if run.started_ns > at_ns or (run.ended_ns is not None and run.ended_ns <= at_ns):
            return False
        return self.ended_at is None or at < self.ended_at

    def goes_on(self, at: float) -> bool:
        """Whether it was there and not frozen."""
        at_ns = nanoseconds(at)
        spans = self.run.spans
        return self.is_there(at) and any(b <= at_ns and (e is None or at_ns < e) for b, e in spans)


def host_processes(world: DemoWorld, since: float | None = None) -> list[HostProcess]:
    """All that are there now, or were there after `since`, by number."""
    now = world.clock.now()
    since = now if since is None else since
    inside = world.look(lambda containers: list(_inside(containers, since, world.begin)))
    outside = (_outside(each, world) for each in OUTSIDE_PROCESSES)
    found = (each for each in (*inside, *outside) if each.is_there(now) or since < now)
    return sorted(found, key=lambda each: each.pid)


def _inside(containers: Iterable[DemoContainer], since: float, begin: float) -> Iterator[HostProcess]:
    since_ns = nanoseconds(since)
    for container in containers:
        for run in container.history:
            if run.ended_ns is None or run.ended_ns > since_ns:
                is_last = run is container.history[-1]
                yield from _of_run(container, run, container.ended if is_last else {}, begin)


def _of_run(
    container: DemoContainer, run: Run, ended: dict[int, float], begin: float
) -> Iterator[HostProcess]:
    first, name = container.process_id_in(run.number), container.blueprint.name
    started_at = run.started_ns / 1e9
    for number, (user, command) in enumerate(container.blueprint.processes, start=1):
        yield HostProcess(
            pid=first + number - 1,
            parent_pid=first - _SHIM_OFFSET if number == 1 else first,
            number=number,
            container_id=container.id,
            container=name,
            state=container.state,
            user=user,
            command=command,
            program=PROGRAMS.get((name, number), ""),
            run=run,
            started_at=started_at,
            start_ticks=_ticks(started_at, number, begin),
            ended_at=ended.get(number),
            uses=_uses(name, number),
        )


def _outside(made: Outside, world: DemoWorld) -> HostProcess:
    started_at = world.begin - made.started_ago
    return HostProcess(
        pid=made.pid,
        parent_pid=made.parent_pid,
        number=made.pid,
        container_id=OUTSIDE,
        container="",
        state=None,
        user=made.user,
        command=made.command,
        program=made.program,
        run=Run.begun(0, started_at),
        started_at=started_at,
        start_ticks=_ticks(started_at, 0, world.begin),
        ended_at=world.ended_outside.get(made.pid),
        uses=_uses("", made.pid),
    )


def _ticks(started_at: float, number: int, begin: float) -> int:
    """Those of one container begin one after the other, within one tick each."""
    return round((started_at - begin + _UP_SECONDS) * _TICKS_PER_SECOND) + number


def _uses(container: str, number: int) -> tuple[Use, ...]:
    return tuple(use for use in USES if (use.container, use.number) == (container, number))
