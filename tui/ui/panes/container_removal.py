"""Removing containers: what would be lost is looked up first, exported where it can be, and asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from tui.model.containers import Container, ContainerDetails
from tui.model.disk_items import Safety
from tui.model.errors import EnvtuiError
from tui.model.gpu_rows import GpuOwners, holders
from tui.model.losses import ContainerLosses, container_losses
from tui.model.operations import Operation, Plan, counted, plan
from tui.model.units import format_bytes
from tui.monitor.questions import Asking
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS, GPU_OWNERS, GPUS
from tui.ui.bridge import Bridge
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.monitor.environment_exporting import ExportedEnvironment

# What a dialog shows of a container with a hundred environments.
_MOST_LINES = 40


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

    def is_as(self, other: Removal) -> bool:
        """Whether the same would be lost: of containers that run, files come and go all the time."""
        return all(self._lost_with(each) == other._lost_with(each) for each in self.containers)

    def _lost_with(self, container: Container) -> tuple[object, ...]:
        losses, details = self.losses[container.id], self.details[container.id]
        environments = {(each.prefix, how) for each, how in losses.environments}
        told = () if container.is_alive else losses.lines
        return details.state, details.anonymous_volumes, losses.safety, losses.is_known, environments, told


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
        choices.append(Choice("volumes", "Remove with anonymous volumes"))
    question = Question(
        title=f"Remove {printable(counted(removal.containers))}?",
        lines=removal_lines(removal, bridge.monitor.store),
        consequence=_consequence(removal),
        choices=tuple(choices),
    )
    can_export = bridge.monitor.workstation.records is not None and any(
        each.environments for each in removal.losses.values()
    )
    others = (Choice("export", "Export environments first…"),) if can_export else ()

    def answered(choice: str | None) -> None:
        if choice == "export":
            _export(app, bridge, removal, lambda again: _ask(app, bridge, again, submit, tell))
        elif choice is not None:
            _remove_unchanged(app, bridge, removal, choice == "volumes", submit, tell)

    app.push_screen(TypedConfirmScreen(question, removal.typed, others), answered)


def _export(app: App[None], bridge: Bridge, removal: Removal, done: Callable[[Removal], None]) -> None:
    """Ask for a folder, write a file for each environment, then go on with what was written."""
    from tui.monitor.environment_exporting import export_all
    from tui.ui.screens.export_folder import ExportFolderScreen
    from tui.ui.screens.save_log import safe_name
    from tui.ui.screens.waiting import WaitingScreen

    wanted = [
        (container, environment)
        for container in removal.containers
        for environment, _ in removal.losses[container.id].environments
    ]

    def chosen(folder: Path | None) -> None:
        if folder is None:
            done(removal)
            return
        asking = Asking()

        def begin(answered: Callable[[tuple[ExportedEnvironment, ...]], None]) -> Callable[[], None]:
            bridge.ask(
                lambda: export_all(
                    wanted, folder, bridge.monitor.records, safe_name, lambda: asking.is_cancelled
                ),
                answered,
                lambda error: answered(_all_failed(wanted, error)),
            )
            return asking.cancel

        words = f"Writing {len(wanted)} file{'' if len(wanted) == 1 else 's'}"
        app.push_screen(
            WaitingScreen("Export environments", words, begin),
            lambda exported: done(replace(removal, exported=exported or ())),
        )

    proposal = _working_folder() / f"{safe_name(counted(removal.containers))}-environments"
    app.push_screen(ExportFolderScreen(proposal, len(wanted)), chosen)


def _all_failed(
    wanted: Sequence[tuple[Container, object]], error: EnvtuiError
) -> tuple[ExportedEnvironment, ...]:
    from tui.model.environments import Environment
    from tui.monitor.environment_exporting import ExportedEnvironment

    return tuple(
        ExportedEnvironment(container, environment, error=error)
        for container, environment in wanted
        if isinstance(environment, Environment)
    )


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
        lines += [
            f"    anonymous volume {printable(name[:12])}…"
            for name in removal.details[each.id].anonymous_volumes
        ]
    for exported in removal.exported:
        name = printable(exported.environment.label)
        if exported.path is not None:
            lines.append(f"✓ {name} is exported: {printable(str(exported.path))}")
            lines += [f"    not carried: {printable(line)}" for line in exported.cannot_be_carried[:5]]
        elif exported.error is not None:
            lines.append(f"✗ {name} is not exported: {printable(exported.error.one_line())}")
    return tuple(lines)


def _consequence(removal: Removal) -> str:
    one = len(removal.containers) == 1
    words = (
        f"{'Its writable layer goes' if one else 'Their writable layers go'} for good: "
        "files and environments made inside that are not on a volume."
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


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # it was removed under us
        return Path("~").expanduser()
