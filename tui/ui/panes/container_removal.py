"""Removing containers: what would be lost is looked up first, exported where it can be, and asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from textual.app import App

from tui.model.containers import Container, ContainerDetails
from tui.model.disk_items import Safety
from tui.model.environments import Environment
from tui.model.errors import EnvtuiError
from tui.model.gpu_rows import GpuOwners, holders
from tui.model.losses import ContainerLosses, container_losses, lies_on
from tui.model.operations import Operation, Plan, counted, plan
from tui.model.units import format_bytes
from tui.monitor.questions import Asking
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, DISK, ENVIRONMENTS, GPU_OWNERS, GPUS
from tui.ui.bridge import Bridge
from tui.ui.exporting import export_first, exported_lines
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.monitor.environment_exporting import ExportedEnvironment

# What a dialog shows of a container with a hundred environments.
_MOST_LINES = 40
_WITH_VOLUMES = "Remove with anonymous volumes"


@dataclass(frozen=True, slots=True)
class Removal:
    """What is known before containers are removed, all by container id.

    Attributes:
        details: what only an inspect tells.
        losses: what would be lost.
        owners: that one belongs to somebody else, in words.
        exported: what was written already.
        has_changed: it is not what was asked about before.
    """

    containers: tuple[Container, ...]
    details: Mapping[str, ContainerDetails]
    losses: Mapping[str, ContainerLosses]
    owners: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[ExportedEnvironment, ...] = ()
    has_changed: bool = False

    @property
    def typed(self) -> tuple[str, ...]:
        """Names that have to be typed: something is lost, nobody knows what, or they are somebody else's."""
        return tuple(
            each.name for each in self.containers if self.losses[each.id].is_work or each.id in self.owners
        )

    @property
    def has_volumes(self) -> bool:
        """Whether one has an anonymous volume."""
        return any(each.anonymous_volumes for each in self.details.values())

    @property
    def volume_names(self) -> tuple[str, ...]:
        """Names that have to be typed before volumes go along: nobody knows all that is on them."""
        return tuple(each.name for each in self.containers if self.details[each.id].anonymous_volumes)

    @property
    def on_volumes(self) -> tuple[tuple[Container, Environment], ...]:
        """Environments that are lost when anonymous volumes go along."""
        return tuple(
            (each, environment)
            for each in self.containers
            for environment in self.losses[each.id].mounted
            if any(lies_on(each, name, environment) for name in self.details[each.id].anonymous_volumes)
        )

    @property
    def losing(self) -> tuple[tuple[Container, Environment], ...]:
        """Environments that are lost, with their containers; those on anonymous volumes too."""
        lost = ((each, found) for each in self.containers for found, _ in self.losses[each.id].environments)
        return (*lost, *self.on_volumes)

    def is_as(self, other: Removal) -> bool:
        """Whether the same would be lost: of containers that run, files come and go all the time."""
        return all(self._lost_with(each) == other._lost_with(each) for each in self.containers)

    def _lost_with(self, container: Container) -> tuple[object, ...]:
        losses, details = self.losses[container.id], self.details[container.id]
        environments = {(each.prefix, how) for each, how in losses.environments}
        told = () if container.is_alive else losses.lines
        mounted = {each.prefix for each in losses.mounted} if details.anonymous_volumes else set()
        volumes = details.anonymous_volumes, mounted
        return details.state, volumes, losses.safety, losses.is_known, environments, told


def remove(
    app: App[None],
    bridge: Bridge,
    containers: tuple[Container, ...],
    submit: Callable[[Plan], None],
    tell: Callable[[EnvtuiError], None],
) -> None:
    """Look up what would go with them, ask, then remove.

    Args:
        app: on whose screen.
        bridge: to the monitor.
        containers: which.
        submit: hands the plan to the jobs.
        tell: says why nothing was done.
    """
    from tui.ui.screens.waiting import WaitingScreen

    protection = bridge.monitor.protection
    owners: dict[str, str] = {}
    if protection is not None:
        kept = replace(protection, owner_labels=())
        for each in containers:
            why_not = kept.why_not((each.name,), each.labels)
            if why_not is not None:
                tell(EnvtuiError(f"{each.name} is not removed", why_not, "Change the settings first"))
                return
            foreign = protection.foreign(each.labels)
            if foreign is not None:
                owners[each.id] = foreign
    if not containers:
        return

    def begin(answered: Callable[[Removal | EnvtuiError], None]) -> Callable[[], None]:
        return _look(bridge, containers, owners, answered)

    def looked(found: Removal | EnvtuiError | None) -> None:
        if isinstance(found, EnvtuiError):
            tell(found)
        elif found is not None:
            _ask(app, bridge, found, submit, tell)

    title = f"Remove {printable(counted(containers))}?"
    app.push_screen(WaitingScreen(title, "Looking what would be lost with it", begin), looked)


def _look(
    bridge: Bridge,
    containers: tuple[Container, ...],
    owners: Mapping[str, str],
    answered: Callable[[Removal | EnvtuiError], None],
) -> Callable[[], None]:
    """Ask for all that is to be known; gives back what calls it off."""
    backend, keeper = bridge.monitor.workstation.containers, bridge.monitor.disk
    asking: list[Asking] = []

    def detailed(details: Mapping[str, ContainerDetails]) -> None:
        def told(losses: Mapping[str, ContainerLosses]) -> None:
            known = {each.id: losses.get(each.id) or _unknown(each) for each in containers}
            answered(Removal(containers, details, known, owners))

        if keeper is None:
            told({})
            return
        asking.append(
            keeper.losses(
                containers,
                lambda losses: bridge.deliver(lambda: told(losses)),
                # what can't be known is said in the dialog
                lambda _: bridge.deliver(lambda: told({})),
            )
        )
        if is_off:
            asking[-1].cancel()

    is_off: list[bool] = []

    def call_off() -> None:
        is_off.append(True)
        for each in asking:
            each.cancel()

    bridge.ask(lambda: {each.id: backend.details(each.id) for each in containers}, detailed, answered)
    return call_off


def _unknown(container: Container) -> ContainerLosses:
    return container_losses(container, None, None, None)


def _remove_unchanged(
    app: App[None],
    bridge: Bridge,
    removal: Removal,
    with_volumes: bool,
    submit: Callable[[Plan], None],
    tell: Callable[[EnvtuiError], None],
) -> None:
    """Look once more: a dialog may stay open for hours, and what was made since goes unasked otherwise."""
    from tui.ui.screens.waiting import WaitingScreen

    listed = {each.id: each for each in bridge.monitor.store.value(CONTAINERS) or ()}
    # one that was started meanwhile has to be stopped first
    containers = tuple(listed.get(each.id, each) for each in removal.containers)

    def begin(answered: Callable[[Removal | EnvtuiError], None]) -> Callable[[], None]:
        return _look(bridge, containers, removal.owners, answered)

    def looked(found: Removal | EnvtuiError | None) -> None:
        if isinstance(found, EnvtuiError):
            tell(found)
        elif found is not None and found.is_as(removal):
            submit(plan(Operation.REMOVE, containers, with_volumes=with_volumes))
        elif found is not None:
            again = replace(found, exported=removal.exported, has_changed=True)
            _ask(app, bridge, again, submit, tell)

    title = f"Remove {printable(counted(removal.containers))}"
    app.push_screen(WaitingScreen(title, "Looking whether it is as it was", begin), looked)


def _ask(
    app: App[None],
    bridge: Bridge,
    removal: Removal,
    submit: Callable[[Plan], None],
    tell: Callable[[EnvtuiError], None],
) -> None:
    """The dialog; comes again once environments were exported."""
    from tui.ui.screens.confirm import Choice, Question
    from tui.ui.screens.typed_confirm import TypedConfirmScreen

    choices = [Choice("keep", "Remove")]
    if removal.has_volumes:
        choices.append(Choice("volumes", _WITH_VOLUMES))
    question = Question(
        title=f"Remove {printable(counted(removal.containers))}?",
        lines=removal_lines(removal, bridge.monitor.store),
        consequence=_consequence(removal),
        choices=tuple(choices),
    )
    can_export = bridge.monitor.workstation.records is not None and bool(removal.losing)
    others = (Choice("export", "Export environments first…"),) if can_export else ()

    def exported(made: tuple[ExportedEnvironment, ...] | None) -> None:
        again = removal if made is None else replace(removal, exported=made)
        _ask(app, bridge, again, submit, tell)

    def answered(choice: str | None) -> None:
        if choice == "export":
            export_first(app, bridge, removal.losing, counted(removal.containers), exported)
        elif choice is not None:
            _remove_unchanged(app, bridge, removal, choice == "volumes", submit, tell)

    further = {"volumes": removal.volume_names}
    app.push_screen(TypedConfirmScreen(question, removal.typed, others, further), answered)


def removal_lines(removal: Removal, store: Store) -> tuple[str, ...]:
    """What goes with each container, one thing a line, printable."""
    lines: list[str] = []
    for each in removal.containers:
        words = f"{each.name}  {each.short_id}  {each.image}  {each.state}"
        lines.append(printable(words) + (", is stopped first" if each.is_alive else ""))
        losses = removal.losses[each.id]
        if each.id in removal.owners:
            lines.append(f"    ▲ {printable(removal.owners[each.id])}")
        is_work = losses.safety is not Safety.SAFE
        lost = [f"    {'▲' if is_work else '·'} {printable(line)}" for line in losses.lines[:_MOST_LINES]]
        lines += lost
        if len(losses.lines) > _MOST_LINES:
            lines.append(f"    ▲ and {len(losses.lines) - _MOST_LINES} more")
        lines += [f"    ▲ {line}" for line in _held_memory(each, store)]
        for name in removal.details[each.id].anonymous_volumes:
            lines += _volume_lines(each, name, losses, store)
    lines += exported_lines(removal.exported)
    return tuple(lines)


def _volume_lines(container: Container, name: str, losses: ContainerLosses, store: Store) -> list[str]:
    """An anonymous volume, and what is known to lie on it."""
    known = store.value(DISK)
    volumes = known.facts.volumes or () if known is not None else ()
    size = next((each.size_bytes for each in volumes if each.name == name), None)
    on_it = [each for each in losses.mounted if lies_on(container, name, each)]
    lines = [f"    anonymous volume {printable(name[:12])}…" + (f"  {format_bytes(size)}" if size else "")]
    for each in on_it[:_MOST_LINES]:
        where = f"{each.name} ({each.prefix})" if each.name else each.prefix
        lines.append(f"      ▲ environment {printable(where)} lies on it")
    if len(on_it) > _MOST_LINES:
        lines.append(f"      ▲ and {len(on_it) - _MOST_LINES} more")
    return lines


def _consequence(removal: Removal) -> str:
    one = len(removal.containers) == 1
    words = (
        f"{'Its writable layer goes' if one else 'Their writable layers go'} for good: "
        "files and environments made inside that are not on a volume."
    )
    if removal.has_volumes:
        count = len(removal.on_volumes)
        also = f", {count} environment{'' if count == 1 else 's'} that lie{'s' * (count == 1)} there too"
        words += (
            f" “{_WITH_VOLUMES}” takes all that is on these volumes as well{also if count else ''}: "
            "it asks for the name."
        )
    if any(not each.is_known for each in removal.losses.values()):
        words += " What would be lost is not wholly known."
    if removal.has_changed:
        words = f"▲ It has changed since you were asked: look again. {words}"
    if any(each.error is not None for each in removal.exported):
        words += " Not everything was exported: nothing was removed so far."
    return words


def _held_memory(container: Container, store: Store) -> list[str]:
    """GPU jobs that die with it."""
    report = store.value(GPUS)
    if report is None or not container.is_alive:
        return []
    owners, containers = store.value(GPU_OWNERS) or GpuOwners(), store.value(CONTAINERS)
    found = holders(report, owners, containers or (), store.value(ENVIRONMENTS) or {})
    own = [each for each in found if each.container is not None and each.container.id == container.id]
    if not own:
        return []
    held = format_bytes(sum(each.process.memory_bytes.value or 0 for each in own))
    gpus = ", ".join(sorted({str(each.gpu.index) for each in own}))
    return [f"its processes hold {held} on GPU {gpus}: they die"]
