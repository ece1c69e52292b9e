"""What the GPUs pane can do: go to an owner, end a process, look closer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.model.errors import EnvtuiError
from tui.model.gpu_rows import GpuLine, Grouping, Holder, LineKind
from tui.model.operations import end_plan
from tui.model.owners import EndSignal
from tui.model.units import format_age, format_bytes
from tui.ui.actions import Action, Danger
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.ui.panes.gpus import GpusPane

_GROUPINGS = tuple(Grouping)


# -- reasons why not


def _nothing_chosen(pane: GpusPane) -> str | None:
    return None if pane.current is not None else "no GPU and no process is chosen"


def _no_owner(pane: GpusPane) -> str | None:
    line = _line(pane)
    if line is None or line.holder is None:
        return "no process is chosen"
    holder = line.holder
    if holder.container is not None:
        return None
    if holder.owner is None:
        return "its owner has not been looked for yet"
    if holder.owner.is_outside:
        return "it runs outside any container"
    return holder.owner.container_id.reason or "its container is not one of this engine"


def _can_not_end(pane: GpusPane) -> str | None:
    if pane.bridge.monitor.workstation.ending is None:
        return "the processes of this host can't be ended from here"
    chosen = chosen_holders(pane)
    if not chosen:
        return "no process is chosen"
    unseen = next((each for each in chosen if each.owner is None or each.owner.identity is None), None)
    if unseen is None:
        return None
    why = unseen.owner.command.reason if unseen.owner is not None else "it has not been looked at yet"
    return f"process {unseen.process.pid}: {why}"


def _line(pane: GpusPane) -> GpuLine | None:
    return pane.current.line if pane.current is not None else None


def chosen_holders(pane: GpusPane) -> list[Holder]:
    """The marked processes that are shown, or the one under the cursor; each once, on however many GPUs."""
    found: dict[int, Holder] = {}
    for item in pane.targets():
        if item.line.holder is not None:
            found.setdefault(item.line.holder.process.pid, item.line.holder)
    return list(found.values())


# -- actions


def go_to_owner(pane: GpusPane) -> None:
    """Select the process's container and environment, and show the environments."""
    line = _line(pane)
    if line is not None and line.holder is not None and line.holder.container is not None:
        holder = line.holder
        assert holder.container is not None
        pane.bridge.monitor.choose(holder.container.id, holder.prefix.value or None)
        pane.shell.show_pane("environments", enlarged=False)


def next_grouping(pane: GpusPane) -> None:
    """By GPU, container, environment, user, and round again."""
    pane.group_by(_GROUPINGS[(_GROUPINGS.index(pane.grouping) + 1) % len(_GROUPINGS)])


def details(pane: GpusPane) -> None:
    """Everything about the GPU, or the process, with graphs."""
    from tui.ui.screens.gpu_details import GpuDetailsScreen

    line = _line(pane)
    if line is not None and line.gpu is not None:
        pane.app.push_screen(
            GpuDetailsScreen(line.gpu.uuid, line.label or f"GPU {line.gpu.index}", pane.bridge)
        )


def end(pane: GpusPane, signal: EndSignal = EndSignal.TERM) -> None:
    """Ask, naming what dies; then end the chosen processes."""
    ask_to_end(pane, chosen_holders(pane), signal)


def ask_to_end(pane: GpusPane, chosen: list[Holder], signal: EndSignal) -> None:
    """The dialog: what dies, whose it is, and what is lost with it."""
    from tui.ui.screens.confirm import Choice, ConfirmScreen, Question

    if not chosen:
        return
    word = "Kill" if signal is EndSignal.KILL else "End"
    what = f"process {chosen[0].process.pid}" if len(chosen) == 1 else f"{len(chosen)} processes"
    question = Question(
        title=f"{word} {what}?",
        lines=tuple(line for each in chosen for line in described(pane, each)),
        consequence=_consequence(signal),
        choices=(Choice("go", word),),
    )

    def answered(choice: str | None) -> None:
        if choice == "go":
            for each in chosen:
                submit(pane, each, signal)

    pane.app.push_screen(ConfirmScreen(question), answered)


def described(pane: GpusPane, holder: Holder) -> list[str]:
    """What dies with a process, in a few lines."""
    owner = holder.owner
    assert owner is not None
    held = [
        f"GPU {line.gpu.index}: "
        + (format_bytes(line.memory_bytes.value) if line.memory_bytes.value is not None else "memory unknown")
        for line in pane.all_lines
        if line.kind is LineKind.PROCESS and line.gpu is not None and line.holder is not None
        and line.holder.process.pid == holder.process.pid
    ]  # fmt: skip
    started_at = owner.started_at.value
    age = "" if started_at is None else f", runs for {format_age(max(0.0, pane.now() - started_at))}"
    if holder.container is not None:
        where = f"container {holder.container.name}"
    elif owner.is_outside:
        where = "outside any container"
    else:
        where = f"container unknown ({owner.container_id.reason})"
    label = holder.environment_label
    environment = f"unknown ({holder.prefix.reason})" if label is None else label or "none"
    user = owner.user.value or f"unknown ({owner.user.reason})"
    # in its own numbering: what began the container takes everything else in it along
    is_first = holder.container is not None and owner.pid_inside.value == 1
    return [
        printable(f"{holder.process.pid}  {owner.command.value or ''}"),
        printable(f"    holds {', '.join(held)}{age}"),
        printable(f"    {where}, environment {environment}, user {user}"),
        *(["    the container's first process: the whole container ends with it"] if is_first else []),
    ]


def _consequence(signal: EndSignal) -> str:
    if signal is EndSignal.KILL:
        return "It is ended by the kernel at once (SIGKILL) and can save nothing."
    return "It gets SIGTERM, may save what it has, and loses the rest. One that stays can then be killed."


def submit(pane: GpusPane, holder: Holder, signal: EndSignal) -> None:
    """Hand it to the jobs; say so where it is refused."""
    assert holder.owner is not None and holder.owner.identity is not None
    container_id = holder.container.id if holder.container is not None else None
    plan = end_plan(holder.owner.identity, signal, container_id, f"process {holder.process.pid}")
    try:
        job = pane.bridge.monitor.submit(plan)
    except EnvtuiError as error:
        pane.app.notify(printable(error.one_line()), severity="error", markup=False)
        return
    pane.is_being_ended(job, holder, signal)


ACTIONS: tuple[Action[Any], ...] = (
    Action("gpus.owner", "Go to its container and environment", ("enter",), go_to_owner, why_not=_no_owner,
           hint="owner"),
    Action("gpus.end", "End the process …", ("K",), end, Danger.CONFIRM, _can_not_end, hint="end"),
    Action("gpus.details", "All figures and graphs of the GPU", ("i",), details, why_not=_nothing_chosen,
           hint="details"),
    Action("gpus.group", "Group by GPU, container, environment or user", ("u",), next_grouping, hint="group"),
)  # fmt: skip
