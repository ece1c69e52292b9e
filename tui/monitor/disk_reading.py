"""Reads what takes room on a host, part by part; blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui import diagnostics
from tui.model.containers import ContainerState, with_details
from tui.model.disk import DiskFacts, DiskPart
from tui.model.environments import EnvironmentKind, EnvironmentSize, ListedBy
from tui.model.errors import Conflict, EnvtuiError, NoSuchContainer, ReadOnlyRefusal, ReclaimError
from tui.monitor.poller import unexpected

if TYPE_CHECKING:
    from tui.backends.base import Disk
    from tui.model.containers import Container
    from tui.model.disk import InsideCache, LayerChanges
    from tui.model.environments import EnvironmentList
    from tui.monitor.exec_gate import ExecGate
    from tui.workstation import Workstation

#: How the facts differ once something was read.
FactsChange = Callable[[DiskFacts], DiskFacts]

#: Read first what is quick and tells most; what walks volumes comes last.
READING_ORDER = (
    DiskPart.FILE_SYSTEMS, DiskPart.IMAGES, DiskPart.NETWORKS, DiskPart.CONTAINERS, DiskPart.LOGS,
    DiskPart.BUILD_CACHE, DiskPart.LAYERS, DiskPart.INSIDE, DiskPart.VOLUMES,
)  # fmt: skip

#: An engine answers a few questions at once; of these some hang for minutes on a big host.
AT_ONCE = 4

# A look reads a container's layer, which keeps a disk busy; one after the other, a hundred take a minute.
_LOOKS_AT_ONCE = 3
# Once called off, readers end soon; whoever asked does not wait for one that hangs.
_CANCEL_SECONDS = 3.0
_LOOK_SECONDS = 0.2
_MOST_NAMED = 3


def read_facts(
    workstation: Workstation,
    containers: Sequence[Container],
    parts: Collection[DiskPart],
    is_cancelled: Callable[[], bool],
    told: Callable[[DiskPart, EnvtuiError | None], None] = lambda *_: None,
    gate: ExecGate | None = None,
    ask_inside: bool = True,
) -> DiskFacts:
    """All of these parts, a few at a time; one that fails is told, and left unknown.

    Args:
        workstation: the host's backends.
        containers: all that the engine lists.
        parts: what is wanted.
        is_cancelled: asked often; what is known by then is returned soon.
        told: called with each part when it has been read, and why it was not, or not wholly; from threads,
            one call at a time.
        gate: keeps commands from containers that are being paused; None where nobody pauses any.
        ask_inside: whether a command may be run in a container.
    """
    reader = PartReader(workstation, gate, ask_inside)
    changed = threading.Condition()
    waiting = [part for part in READING_ORDER if part in parts]
    open_parts = set(waiting)
    facts = DiskFacts()

    def take(change: FactsChange) -> None:
        nonlocal facts
        with changed:
            facts = change(facts)

    def work() -> None:
        while True:
            with changed:
                if not waiting or is_cancelled():
                    return
                part = waiting.pop(0)
            error = reader.read(part, containers, DiskFacts(), is_cancelled, take)
            with changed:
                open_parts.discard(part)
                if not is_cancelled():
                    told(part, error)
                changed.notify_all()

    for number in range(min(AT_ONCE, len(waiting))):
        threading.Thread(target=work, name=f"disk-{number + 1}", daemon=True).start()
    with changed:
        while open_parts and not is_cancelled():
            changed.wait(_LOOK_SECONDS)
        if is_cancelled():
            changed.wait_for(lambda: not open_parts - set(waiting), _CANCEL_SECONDS)
        return facts


def with_ends(
    workstation: Workstation, containers: Sequence[Container], ids: Collection[str] | None = None
) -> list[Container]:
    """The containers, those that stopped with when they did, which the engine's list does not tell.

    Args:
        workstation: the host's backends.
        containers: all that the engine lists.
        ids: of those that matter, None for all.
    """
    from tui.backends.parallel import in_parallel

    def detailed(container: Container) -> Container:
        matters = ids is None or container.id in ids
        if not matters or container.is_alive or container.finished_at is not None:
            return container
        try:
            return with_details(container, workstation.containers.details(container.id))
        except EnvtuiError as error:
            diagnostics.logger("disk").info("%s: no details: %s", container.id[:12], error.one_line())
            return container

    return in_parallel(detailed, containers, _LOOKS_AT_ONCE, "disk-ends")


def look_into(
    workstation: Workstation,
    container: Container,
    is_cancelled: Callable[[], bool],
    gate: ExecGate | None = None,
    ask_inside: bool = False,
) -> tuple[EnvironmentList | None, LayerChanges | None]:
    """What a container holds that is nowhere else: its environments, and the changes of its layer.

    None where it can't be asked. Without `ask_inside` by the engine alone. Raises ReclaimError once called
    off.
    """
    listing: EnvironmentList | None = None
    changes: LayerChanges | None = None
    if workstation.environments is not None:
        try:
            with _command(gate, container.id):
                listing = workstation.environments.environments(container, ask_inside)
        except EnvtuiError as error:
            diagnostics.logger("disk").info("%s: no environments: %s", container.id[:12], error.one_line())
    _check(is_cancelled)
    if workstation.disk is not None:
        prefixes = [each.prefix for each in listing.environments] if listing is not None else []
        try:
            changes = workstation.disk.layer_changes(container.id, prefixes, is_cancelled)
        except EnvtuiError as error:
            _check(is_cancelled)
            diagnostics.logger("disk").info("%s: no changes: %s", container.id[:12], error.one_line())
    return listing, changes


class PartReader:
    """Reads one part at a time for each thread that asks."""

    def __init__(self, workstation: Workstation, gate: ExecGate | None, ask_inside: bool) -> None:
        """Args: the host's backends; the gate; whether a command may be run in a container."""
        self._workstation = workstation
        self._gate = gate
        self._ask_inside = ask_inside

    def read(
        self,
        part: DiskPart,
        containers: Sequence[Container],
        known: DiskFacts,
        is_cancelled: Callable[[], bool],
        taken: Callable[[FactsChange], None],
    ) -> EnvtuiError | None:
        """Read a part; never raises.

        Args:
            part: which.
            containers: all that the engine lists.
            known: so far, which spares what is measured already.
            is_cancelled: asked often; a ReclaimError is returned soon then.
            taken: called with what came, once or many times, from threads, one call at a time.

        Returns:
            Why it was not read, or not wholly; None where it was.
        """
        disk = self._workstation.disk
        if disk is None:
            return ReclaimError("Not read", "nobody can tell what takes room on this host")
        try:
            if part is DiskPart.INSIDE:
                return self._read_inside(containers, known, is_cancelled, taken)
            if part is DiskPart.LAYERS:
                return self._read_layers(containers, is_cancelled, taken)
            name, answer = _asked(disk, part, containers, is_cancelled)
            _check(is_cancelled)
            values: dict[str, Any] = {name: tuple(answer)}
            taken(lambda facts: replace(facts, **values))
        except EnvtuiError as error:
            return error
        except Exception as error:
            diagnostics.record_exception("disk", error)
            return unexpected(error)
        return None

    def _read_layers(
        self,
        containers: Sequence[Container],
        is_cancelled: Callable[[], bool],
        taken: Callable[[FactsChange], None],
    ) -> EnvtuiError | None:
        # the make-believe machine asks for nothing that is a backend's before the disk is looked at
        from tui.backends.parallel import in_parallel

        stopped = [each for each in containers if not each.is_alive]
        one_at_a_time = threading.Lock()

        def look(container: Container) -> bool:
            _check(is_cancelled)
            listing, changes = look_into(self._workstation, container, is_cancelled, self._gate)
            with one_at_a_time:
                taken(with_look(container.id, listing, changes))
            return listing is not None and changes is not None

        were_seen = in_parallel(look, stopped, _LOOKS_AT_ONCE, "disk-layers")
        failures = [each.name for each, was_seen in zip(stopped, were_seen, strict=True) if not was_seen]
        return _not_all(failures, len(stopped), "stopped containers could not be looked into")

    def _read_inside(
        self,
        containers: Sequence[Container],
        known: DiskFacts,
        is_cancelled: Callable[[], bool],
        taken: Callable[[FactsChange], None],
    ) -> EnvtuiError | None:
        failures: list[str] = []
        running = [each for each in containers if each.state is ContainerState.RUNNING]
        listings: list[tuple[Container, EnvironmentList]] = []
        for container in running:
            _check(is_cancelled)
            try:
                listing = self._listed(container)
                if listing is None:
                    continue
                taken(with_look(container.id, listing, None))
                if listing.listed_by is ListedBy.EXEC and self._ask_inside:
                    listings.append((container, listing))
                    caches = self._caches(container, listing, is_cancelled)
                    taken(_with_caches(container.id, caches))
            except NoSuchContainer:
                # it ended between the list and the question
                continue
            except EnvtuiError as error:
                _check(is_cancelled)
                failures.append(f"{container.name}: {error.one_line()}")
        # walks take longest, and are least waited for
        for container, listing in listings:
            _check(is_cancelled)
            try:
                sizes = self._sizes(container, listing, known, is_cancelled)
            except NoSuchContainer:
                continue
            except EnvtuiError as error:
                failures.append(f"{container.name}: {error.one_line()}")
            else:
                taken(_with_sizes(container.id, listing, sizes))
        _check(is_cancelled)
        if not self._ask_inside:
            return ReadOnlyRefusal(
                "Caches are not looked for", "no command is run in containers while envtui is read-only"
            )
        return _not_all(failures, len(running), "running containers could not be looked into wholly")

    def _listed(self, container: Container) -> EnvironmentList | None:
        backend = self._workstation.environments
        if backend is None:
            return None
        with _command(self._gate, container.id):
            return backend.environments(container, self._ask_inside)

    def _caches(
        self, container: Container, listing: EnvironmentList, is_cancelled: Callable[[], bool]
    ) -> Sequence[InsideCache]:
        backend = self._workstation.caches
        if backend is None:
            return ()
        with _command(self._gate, container.id):
            ends = self._ends(container, is_cancelled)
            try:
                return backend.caches(container, listing.environments, ends)
            except EnvtuiError as error:
                raise self._explained(container, error, is_cancelled) from error

    def _sizes(
        self,
        container: Container,
        listing: EnvironmentList,
        known: DiskFacts,
        is_cancelled: Callable[[], bool],
    ) -> Mapping[str, EnvironmentSize]:
        """Of those that were not measured, or have changed since."""
        backend = self._workstation.environments
        before = known.environments.get(container.id)
        prints = {each.prefix: each.fingerprint for each in before.environments} if before else {}
        wanted = {
            each.prefix
            for each in listing.environments
            if each.kind is not EnvironmentKind.SYSTEM
            and not (each.key in known.sizes and prints.get(each.prefix) == each.fingerprint)
        }
        if backend is None or not wanted:
            return {}
        with _command(self._gate, container.id):
            return backend.sizes(container, listing.environments, self._ends(container, is_cancelled), wanted)

    def _ends(self, container: Container, is_cancelled: Callable[[], bool]) -> Callable[[], bool]:
        """Long commands end for somebody who pauses the container, too."""
        gate = self._gate
        if gate is None:
            return is_cancelled
        return lambda: is_cancelled() or gate.is_held(container.id)

    def _explained(
        self, container: Container, error: EnvtuiError, is_cancelled: Callable[[], bool]
    ) -> EnvtuiError:
        if self._gate is not None and self._gate.is_held(container.id) and not is_cancelled():
            return Conflict("Caches were not measured", "the container is being paused", status=409)
        return error


def with_look(
    container_id: str, listing: EnvironmentList | None, changes: LayerChanges | None
) -> FactsChange:
    """The facts with what a look into a container told; what it did not tell stays."""

    def change(facts: DiskFacts) -> DiskFacts:
        environments = (
            facts.environments if listing is None else {**facts.environments, container_id: listing}
        )
        layers = facts.layers if changes is None else {**facts.layers, container_id: changes}
        return replace(facts, environments=environments, layers=layers)

    return change


def _with_caches(container_id: str, caches: Sequence[InsideCache]) -> FactsChange:
    return lambda facts: replace(facts, caches={**facts.caches, container_id: tuple(caches)})


def _with_sizes(
    container_id: str, listing: EnvironmentList, sizes: Mapping[str, EnvironmentSize]
) -> FactsChange:
    there = {each.key for each in listing.environments}

    def change(facts: DiskFacts) -> DiskFacts:
        kept = {key: size for key, size in facts.sizes.items() if key[0] != container_id or key in there}
        return replace(
            facts, sizes={**kept, **{(container_id, prefix): size for prefix, size in sizes.items()}}
        )

    return change


def _asked(
    disk: Disk, part: DiskPart, containers: Sequence[Container], is_cancelled: Callable[[], bool]
) -> tuple[str, Sequence[object]]:
    """The field of the facts that a part fills, and what it is filled with."""
    match part:
        case DiskPart.IMAGES:
            return "images", disk.images(is_cancelled)
        case DiskPart.CONTAINERS:
            return "containers", disk.container_layers(is_cancelled)
        case DiskPart.VOLUMES:
            return "volumes", disk.volumes(is_cancelled)
        case DiskPart.NETWORKS:
            return "networks", disk.networks(is_cancelled)
        case DiskPart.BUILD_CACHE:
            return "build_cache", disk.build_cache(is_cancelled)
        case DiskPart.LOGS:
            return "logs", disk.logs(containers, is_cancelled)
        case DiskPart.FILE_SYSTEMS:
            return "file_systems", disk.file_systems(containers, is_cancelled)
        case DiskPart.INSIDE | DiskPart.LAYERS:
            raise ValueError(part)


def _command(gate: ExecGate | None, container_id: str) -> AbstractContextManager[None]:
    return nullcontext() if gate is None else gate.command(container_id)


def _check(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise ReclaimError("Called off", "it was not read to its end")


def _not_all(failures: Sequence[str], count: int, what: str) -> EnvtuiError | None:
    if not failures:
        return None
    more = len(failures) - _MOST_NAMED
    named = ", ".join(failures[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return EnvtuiError(f"{len(failures)} of {count} {what}", named)
