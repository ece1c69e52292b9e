"""The make-believe workstation: its containers, what is done to them, and what happens by itself."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tui.demo import figures, inspection
from tui.demo.catalogue import CATALOGUE
from tui.demo.clock import DemoClock, FrozenClock
from tui.demo.events import DemoEventStream
from tui.demo.faults import Faults
from tui.demo.life import DemoContainer, Happening
from tui.demo.prefixes import DemoPrefix
from tui.demo.runs import Run
from tui.demo.stock import DemoStock
from tui.demo.works import DemoWorks
from tui.model.containers import Container, ContainerDetails, ContainerEvent, ContainerState
from tui.model.errors import Conflict, EngineRefused, NoSuchContainer
from tui.model.hosts import EngineInfo, FileSystemSpace
from tui.model.operations import Operation, Step
from tui.model.processes import ProcessTable
from tui.model.stats import StatsSample

__all__ = ["DemoClock", "DemoWorld", "FrozenClock"]

IDENTITY = EngineInfo("Docker", "29.1.3", "1.52")
DESCRIPTION = EngineInfo("Docker", "29.1.3", "1.52", "/var/lib/docker", figures.MEMORY_BYTES, figures.CPUS)
# a 3.5 TB disk at 88 %, where a person begins to look for what can go
DATA_ROOT_SPACE = FileSystemSpace(
    "/var/lib/docker", 3_500_000_000_000, used_bytes=3_080_000_000_000, free_bytes=420_000_000_000
)

# The engine keeps its last 256 events for those who ask for the past (moby, daemon/events).
_REMEMBERED_EVENTS = 256
# Events get times of their own, this far apart at least: what happened after a list was made must
# be later than it, also on a clock that stands still. Epoch seconds as a float resolve 2.4e-7.
_EVENT_STEP_SECONDS = 1e-5
T = TypeVar("T")

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


class Watcher(Protocol):
    """Somebody who waits for something to happen in the world."""

    def look_again(self) -> None:
        """Something is different now."""

    def break_off(self) -> None:
        """The engine went away."""


@dataclass(frozen=True, slots=True)
class Life:
    """What a container's log is made of, at one moment.

    Attributes:
        runs: those that are remembered, oldest first.
        has_processes: the last run goes on, or is paused.
        now: the world's clock.
        due_at: when the container changes by itself next.
    """

    runs: tuple[Run, ...]
    has_processes: bool
    now: float
    due_at: float | None


class DemoWorld:
    """A workstation in memory. Thread-safe.

    Attributes:
        seed: what makes it different from others.
        clock: its time.
        begin: when it began, in seconds since the epoch.
        faults: what is broken.
    """

    def __init__(self, seed: int = 7, clock: DemoClock | None = None) -> None:
        """Args: the same seed with a frozen clock gives the same world to the last digit."""
        self.seed = seed
        self.clock = clock or DemoClock()
        self.faults = Faults(self._on_fault)
        self.begin = self.clock.now()
        #: processes outside all containers that somebody ended, by number on the host, and when
        self.ended_outside: dict[int, float] = {}
        #: whether envtui's key may be put into a container, by its id, where somebody was asked
        self.key_consents: dict[str, bool] = {}
        self._works = DemoWorks(seed)
        self._changed = threading.Condition(threading.RLock())
        made = [DemoContainer(blueprint, seed, self.begin) for blueprint in CATALOGUE]
        self._containers = {container.id: container for container in made}
        self._stock = DemoStock(self.begin, self._containers, self._works, DATA_ROOT_SPACE)
        self._meters: dict[str, figures.Meter] = {}
        self._streams: list[DemoEventStream] = []
        self._watchers: list[Watcher] = []
        self._history: deque[ContainerEvent] = deque(maxlen=_REMEMBERED_EVENTS)
        self._last_event_at = 0.0
        self._ticker: threading.Thread | None = None
        self.clock.on_advance(self._on_advance)

    def containers(self) -> tuple[list[Container], float]:
        """All containers, newest first as the engine lists them, and the time by which that was true."""
        with self._changed:
            self._settle()
            newest_first = sorted(self._containers.values(), key=lambda made: -made.created_at)
            now = max(self.clock.now(), self._last_event_at + _EVENT_STEP_SECONDS / 2)
            return [inspection.listed(container) for container in newest_first], now

    def details(self, container_id: str) -> ContainerDetails:
        """What an inspect adds to the list. Raises NoSuchContainer."""
        with self._changed:
            self._settle()
            return inspection.details(self._find(container_id))

    def inspect(self, container_id: str) -> dict[str, Any]:
        """Everything of one container. Raises NoSuchContainer."""
        with self._changed:
            self._settle()
            return inspection.document(self._find(container_id))

    def processes(self, container_id: str) -> ProcessTable:
        """Its processes.

        Raises:
            NoSuchContainer: it is gone.
            Conflict: it has none.
        """
        with self._changed:
            self._settle()
            container = self._find(container_id)
            if container.state is ContainerState.RESTARTING:
                raise _restarting(container)
            if not container.has_processes:
                raise _not_running(container)
            return inspection.processes(container, self.clock.now())

    def samples(self, container_ids: Iterable[str]) -> Mapping[str, StatsSample]:
        """Counters of those that have processes."""
        with self._changed:
            self._settle()
            now, taken_at = self.clock.now(), self.clock.sample_time()
            taken: dict[str, StatsSample] = {}
            for container_id in container_ids:
                container = self._containers.get(container_id)
                if container is not None and container.has_processes:
                    taken[container_id], self._meters[container_id] = figures.sample(
                        container, self._meters.get(container_id), now, taken_at
                    )
            return taken

    def open_stream(self, since: float) -> DemoEventStream:
        """A stream of what happens from `since` on, remembered events first."""
        stream = DemoEventStream(lambda: self.faults.frozen_engine, self._forget)
        with self._changed:
            self._settle()
            for event in self._history:
                if event.at >= since:
                    stream.put(event)
            self._streams.append(stream)
            if self.faults.engine_gone:
                # it went between the question and here; nobody else would tell this stream
                stream.break_off()
            if self._ticker is None and self.clock.runs_by_itself:
                self._ticker = threading.Thread(target=self._tick, name="demo-world", daemon=True)
                self._ticker.start()
        return stream

    def find(self, container_id: str) -> DemoContainer:
        """The container of that id or name. Raises NoSuchContainer."""
        with self._changed:
            self._settle()
            return self._find(container_id)

    def life(self, container: DemoContainer) -> Life:
        """How a container lived until now; also one that was removed meanwhile."""
        with self._changed:
            self._settle()
            runs = tuple(container.history)
            return Life(runs, container.has_processes, self.clock.now(), container.due_at())

    @contextmanager
    def works(self) -> Iterator[DemoWorks]:
        """The environments and what is at work on them, by now; nobody else has them meanwhile."""
        with self._changed:
            self._settle()
            yield self._works

    @contextmanager
    def stock(self) -> Iterator[DemoStock]:
        """What lies on the disk by now; nobody else has it meanwhile."""
        with self._changed:
            self._settle()
            yield self._stock

    def prefixes(self, container: DemoContainer) -> Mapping[str, DemoPrefix]:
        """The environments of a container, by prefix."""
        with self.works() as works:
            return works.prefixes.of(container)

    def look(self, read: Callable[[Iterable[DemoContainer]], T]) -> T:
        """What `read` makes of all containers at one moment; it must not keep them."""
        with self._changed:
            self._settle()
            return read(self._containers.values())

    def end_process(self, container_id: str, number: int, exit_code: int) -> None:
        """End one process, by its number in the container; with the first one the container ends.

        Raises NoSuchContainer.
        """
        with self._changed:
            self._settle()
            container, now = self._find(container_id), self.clock.now()
            if number != 1:
                container.ended[number] = now
            elif container.has_processes:
                for happening in container.end(now, exit_code):
                    self._emit(container, happening, now)

    def watch(self, watcher: Watcher) -> None:
        """Tell `watcher` what happens, until `unwatch`."""
        with self._changed:
            self._watchers.append(watcher)
            if self.faults.engine_gone:
                watcher.break_off()

    def unwatch(self, watcher: Watcher) -> None:
        """Tell it nothing more."""
        with self._changed:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

    def perform(self, step: Step) -> None:
        """Do one step, as the engine would.

        Raises:
            NoSuchContainer: it is gone.
            Conflict: its state forbids it, or the new name is taken.
            EngineRefused: the new name is none.
        """
        with self._changed:
            self._settle()
            container = self._find(step.container_id)
            if step.operation is Operation.RENAME:
                self._rename(container, step.new_name)
            elif step.operation is Operation.REMOVE:
                self._remove(container, step.with_volumes)
            else:
                now = self.clock.now()
                for happening in _operate(container, step.operation, now):
                    self._emit(container, happening, now)

    def _rename(self, container: DemoContainer, new_name: str) -> None:
        holder = next((other for other in self._containers.values() if other.name == new_name), None)
        if not _NAME.fullmatch(new_name):
            raise _error(
                f"Invalid container name ({new_name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
                if new_name
                else "Neither old nor new names may be empty",
                400,
            )
        if holder is container:
            raise _error("Renaming a container with the same name as its current name", 400)
        if holder is not None:
            raise _conflict(
                f'Conflict. The container name "/{new_name}" is already in use by container "{holder.id}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )
        old_name, container.name = container.name, new_name
        self._emit(container, ("rename", {"oldName": f"/{old_name}"}), self.clock.now())

    def _remove(self, container: DemoContainer, with_volumes: bool) -> None:
        if container.is_alive:
            what_to_do = (
                "container is paused and must be unpaused first"
                if container.state is ContainerState.PAUSED
                else f"container is {container.state}: stop the container before removing or force remove"
            )
            raise _conflict(f'cannot remove container "/{container.name}": {what_to_do}')
        del self._containers[container.id]
        self._meters.pop(container.id, None)
        if with_volumes:
            self._stock.take_volumes_of(container)
        self._emit(container, ("destroy", {}), self.clock.now())

    def _find(self, container_id: str) -> DemoContainer:
        """By full id, by name, or by a beginning of the id that only one has, as the engine looks."""
        if container_id in self._containers:
            return self._containers[container_id]
        made = self._containers.values()
        named = [container for container in made if container.name == container_id.lstrip("/")]
        begun = [container for container in made if container_id and container.id.startswith(container_id)]
        found = named or begun
        if len(found) != 1:
            raise NoSuchContainer(
                "No such container",
                f"No such container: {container_id}",
                "It was removed meanwhile; the list follows by itself",
                404,
            )
        return found[0]

    def _settle(self) -> None:
        """Let happen what was due by now, in the order of time."""
        with self._changed:
            now = self.clock.now()
            happened = [
                (at, container, happening)
                for container in self._containers.values()
                for at, happening in container.change(now)
            ]
            for at, container, happening in sorted(happened, key=lambda entry: entry[0]):
                self._emit(container, happening, at)
            self._works.settle(now, self._containers)
            self._stock.settle(now)

    def _emit(self, container: DemoContainer, happening: Happening, at: float) -> None:
        action, more = happening
        self._last_event_at = max(at, self._last_event_at + _EVENT_STEP_SECONDS)
        attributes = {**container.labels, "image": container.blueprint.image, "name": container.name, **more}
        event = ContainerEvent(action, container.id, self._last_event_at, attributes)
        self._history.append(event)
        for stream in self._streams:
            stream.put(event)
        for watcher in self._watchers:
            watcher.look_again()
        self._changed.notify_all()

    def _forget(self, stream: DemoEventStream) -> None:
        with self._changed:
            if stream in self._streams:
                self._streams.remove(stream)
                self._changed.notify_all()

    def _on_fault(self) -> None:
        gone = self.faults.engine_gone
        with self._changed:
            for watcher in (*self._streams, *self._watchers):
                if gone:
                    watcher.break_off()
                watcher.look_again()

    def _on_advance(self) -> None:
        with self._changed:
            self._settle()
            for watcher in self._watchers:
                watcher.look_again()

    def _tick(self) -> None:
        """The ticker's thread: alive while somebody listens to events."""
        with self._changed:
            while self._streams:
                self._settle()
                dues = [due for made in self._containers.values() if (due := made.due_at()) is not None]
                self._changed.wait(max(0.0, min(dues) - self.clock.now()) if dues else None)
            self._ticker = None


def _operate(container: DemoContainer, operation: Operation, now: float) -> Iterator[Happening]:
    """What the operation makes happen; nothing where the state is the wanted one already."""
    paused = container.state is ContainerState.PAUSED
    match operation:
        case Operation.START:
            if paused:
                raise _conflict("cannot start a paused container, try unpause instead")
            if not container.is_alive:
                yield from container.start(now)
        case Operation.STOP:
            if container.is_alive:
                yield from container.end(now, container.blueprint.stop_exit_code)
        case Operation.RESTART:
            if container.is_alive:
                yield from container.end(now, container.blueprint.stop_exit_code)
            yield from container.start(now)
            yield "restart", {}
        case Operation.KILL:
            if not container.is_alive:
                raise _not_running(container, "cannot kill container: ")
            yield from container.end(now, 137)
        case Operation.PAUSE:
            if container.state is ContainerState.RESTARTING:
                raise _restarting(container)
            if paused:
                raise _conflict(f"Container {container.id} is already paused")
            if not container.is_alive:
                raise _not_running(container)
            yield from container.pause(now)
        case Operation.UNPAUSE:
            if not paused:
                # moby answers with a plain error here, which its router makes a 500
                raise _error(f"Container {container.id} is not paused", 500)
            yield from container.unpause(now)


def _conflict(message: str) -> Conflict:
    return Conflict("The engine refuses", message, "Change what it names, then try again", 409)


def _not_running(container: DemoContainer, doing: str = "") -> Conflict:
    return _conflict(f"{doing}container {container.id} is not running")


def _restarting(container: DemoContainer) -> Conflict:
    return _conflict(f"Container {container.id} is restarting, wait until the container is running")


def _error(message: str, status: int) -> EngineRefused:
    return EngineRefused("The engine reports an error", message, "Its own log says more", status)
