"""What the Containers pane can do: the plan, the dialog's words, and the job behind each action."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.model.containers import ALIVE_STATES, Container, ContainerState
from tui.model.errors import EnvtuiError
from tui.model.operations import STOP_GRACE_SECONDS, Operation, Plan, operation_word, plan, rename_plan
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.model.environments import Environment
    from tui.model.services import Service
    from tui.ui.panes.containers import ContainersPane

# What the engine accepts (moby, daemon/names): anything else would only come back as an error.
_VALID_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

_CONSEQUENCES = {
    Operation.STOP: f"Their processes get SIGTERM, and SIGKILL after {STOP_GRACE_SECONDS} s. "
    "What they had in memory is lost.",
    Operation.RESTART: f"Their processes end (SIGTERM, SIGKILL after {STOP_GRACE_SECONDS} s) and start anew. "
    "What they had in memory is lost.",
    Operation.PAUSE: "Their processes stand still where they are and keep their memory, on GPUs too.",
    Operation.UNPAUSE: "Their processes go on where they stood.",
    Operation.KILL: "Their processes get SIGKILL at once and can save nothing.",
}


# -- reasons why not


def nothing_chosen(pane: ContainersPane) -> str | None:
    """There is no container to act on."""
    return None if pane.targets() else "no container is chosen"


def nothing_alive(pane: ContainersPane) -> str | None:
    """None of the chosen has processes."""
    return nothing_chosen(pane) or (None if alive(pane) else "it does not run")


def nothing_pausable(pane: ContainersPane) -> str | None:
    """None of the chosen runs or is paused."""
    pausable = (ContainerState.RUNNING, ContainerState.PAUSED)
    chosen = nothing_chosen(pane)
    return chosen or (None if any(each.state in pausable for each in _chosen(pane)) else "it does not run")


def not_one(pane: ContainersPane) -> str | None:
    """More than one is chosen, or none."""
    return nothing_chosen(pane) or (None if len(pane.targets()) == 1 else "more than one is marked")


def not_running(pane: ContainersPane) -> str | None:
    """The container under the cursor has no processes."""
    if pane.current is None:
        return "no container is chosen"
    return None if pane.current.container.is_alive else "it does not run"


def no_services(pane: ContainersPane) -> str | None:
    """The container under the cursor has no processes, or nobody can look for services here."""
    if pane.bridge.monitor.workstation.services is None:
        return "this host can't be asked for services"
    return not_running(pane)


def under_cursor(pane: ContainersPane) -> tuple[Container, Environment | None] | None:
    """The container that a shell is opened in."""
    return (pane.current.container, None) if pane.current is not None else None


def _chosen(pane: ContainersPane) -> tuple[Container, ...]:
    return tuple(row.container for row in pane.targets())


def alive(pane: ContainersPane) -> tuple[Container, ...]:
    """Those of the chosen that have processes."""
    return tuple(each for each in _chosen(pane) if each.state in ALIVE_STATES)


# -- actions


def restart(pane: ContainersPane) -> None:
    """Restart the chosen, after a dialog."""
    confirm(pane, Operation.RESTART, _chosen(pane))


def kill(pane: ContainersPane) -> None:
    """Kill those that run, after a dialog."""
    confirm(pane, Operation.KILL, alive(pane))


def stop_or_start(pane: ContainersPane) -> None:
    """Stop those that run, after a dialog; where none runs, start them."""
    running = alive(pane)
    if running:
        confirm(pane, Operation.STOP, running)
    else:
        submit(pane, plan(Operation.START, _chosen(pane)))


def pause_or_unpause(pane: ContainersPane) -> None:
    """Pause those that run, after a dialog; where none does, let the paused ones go on."""
    running = tuple(each for each in _chosen(pane) if each.state is ContainerState.RUNNING)
    if running:
        confirm(pane, Operation.PAUSE, running)
    else:
        paused = tuple(each for each in _chosen(pane) if each.state is ContainerState.PAUSED)
        submit(pane, plan(Operation.UNPAUSE, paused))


def confirm(pane: ContainersPane, operation: Operation, containers: tuple[Container, ...]) -> None:
    """Ask, naming every container, then do it."""
    from tui.ui.screens.confirm import Choice, ConfirmScreen, Question

    if not containers:
        return
    question = Question(
        title=f"{_title(operation, containers)}?",
        lines=tuple(_describe(each) for each in containers),
        consequence=_consequence(operation, containers),
        choices=(Choice("go", operation_word(operation)),),
    )

    def answered(choice: str | None) -> None:
        if choice == "go":
            submit(pane, plan(operation, containers))

    pane.app.push_screen(ConfirmScreen(question), answered)


def remove(pane: ContainersPane) -> None:
    """Look up what would be lost with them, ask, then remove."""
    from tui.ui.panes.container_removal import remove as ask_to_remove

    ask_to_remove(
        pane.app,
        pane.bridge,
        _chosen(pane),
        lambda chosen: submit(pane, chosen),
        lambda error: tell(pane, error),
    )


def rename(pane: ContainersPane) -> None:
    """Ask for another name, then rename."""
    from tui.ui.screens.rename import RenameScreen

    container = _chosen(pane)[0]

    def answered(name: str | None) -> None:
        if name:
            submit(pane, rename_plan(container, name))

    pane.app.push_screen(RenameScreen(container.name, name_complaint), answered)


def name_complaint(name: str) -> str | None:
    """What is wrong with a container's new name, None for a good one."""
    if _VALID_NAME.fullmatch(name):
        return None
    return "two or more of a–z, 0–9, _ . - and a letter or digit first"


def inspect(pane: ContainersPane) -> None:
    """Show everything that the engine knows of the container, secrets masked."""
    from tui.ui.screens.inspect import InspectScreen

    row = pane.current
    if row is not None:
        backend = pane.bridge.monitor.workstation.containers
        container_id = row.container.id
        pane.app.push_screen(
            InspectScreen(row.container.name, pane.bridge, lambda: backend.inspect(container_id))
        )


def processes(pane: ContainersPane) -> None:
    """Show the container's processes."""
    from tui.ui.screens.processes import ProcessesScreen

    row = pane.current
    if row is not None:
        backend = pane.bridge.monitor.workstation.containers
        container_id = row.container.id
        pane.app.push_screen(
            ProcessesScreen(row.container.name, pane.bridge, lambda: backend.processes(container_id))
        )


def services(pane: ContainersPane) -> None:
    """Show where the container's services are."""
    from tui.model.services import why_none
    from tui.ui.screens.services import ServicesScreen

    monitor, row = pane.bridge.monitor, pane.current
    backend = monitor.workstation.services
    if row is not None and backend is not None:
        container = row.container

        def ask() -> Sequence[Service]:
            # a command run inside changes the container a little, and must not meet its pause
            with monitor.exec_gate.command(container.id):
                return backend.services(container, ask_inside=not monitor.read_only)

        pane.app.push_screen(ServicesScreen(container.name, pane.bridge, ask, lambda: why_none(container)))


def copy(pane: ContainersPane, read: Callable[[Container], str], what: str) -> None:
    """Put something of each chosen container on the clipboard, one a line."""
    text = "\n".join(read(each) for each in _chosen(pane))
    if text:
        pane.app.copy_to_clipboard(text)
        pane.app.notify(f"{what}: {printable(text)}", title="Copied", markup=False)


def submit(pane: ContainersPane, chosen: Plan) -> None:
    """Hand a plan to the jobs; say so where it is refused."""
    try:
        pane.bridge.monitor.submit(chosen)
    except EnvtuiError as error:
        tell(pane, error)
    else:
        pane.set_marks(frozenset())


def tell(pane: ContainersPane, error: EnvtuiError) -> None:
    """Say what went wrong."""
    pane.app.notify(
        printable(". ".join(part for part in (error.detail, error.hint) if part)),
        title=printable(error.title),
        severity="error",
        markup=False,
    )


def _title(operation: Operation, containers: tuple[Container, ...]) -> str:
    return printable(plan(operation, containers).title)


def _consequence(operation: Operation, containers: tuple[Container, ...]) -> str:
    words = _CONSEQUENCES[operation]
    if len(containers) > 1:
        return words
    return words.replace("Their", "Its")


def _describe(container: Container) -> str:
    return printable(f"{container.name}  {container.short_id}  {container.image}  {container.state}")
