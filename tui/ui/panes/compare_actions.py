"""What the Environments pane can do with environments without changing them: compare, export, carry over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.model.change_making import fitting
from tui.model.changes import EnvironmentChange, SourceFile
from tui.model.containers import Container, ContainerState
from tui.model.environments import EnvironmentKind
from tui.model.joins import EnvironmentRow
from tui.monitor.known_changes import at_work_on
from tui.monitor.topics import CHANGES, CONTAINERS
from tui.ui.actions import Action, Danger
from tui.ui.changes import Wish, ask_for
from tui.ui.panes.change_actions import keeper_of, known_in
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.model.comparison import Comparison, Side
    from tui.ui.panes.environments import EnvironmentsPane


# -- reasons why not


def _no_records(pane: EnvironmentsPane) -> str | None:
    """Nothing can be read, or not of one environment."""
    if pane.bridge.monitor.workstation.records is None:
        return "environments of this host can't be read"
    rows = pane.targets()
    if len(rows) == 1:
        return None
    return "more than one is marked" if rows else "no environment is chosen"


def _no_pair(pane: EnvironmentsPane) -> str | None:
    if pane.bridge.monitor.workstation.records is None:
        return "environments of this host can't be read"
    return None if _pair(pane) is not None else "mark two, or mark one and go to another (E shows all)"


def _pair(pane: EnvironmentsPane) -> tuple[EnvironmentRow, EnvironmentRow] | None:
    """The two that are marked, or the one that is and the one under the cursor."""
    rows = pane.targets() if pane.marked else ()
    if len(rows) == 1 and pane.current is not None:
        rows = (*rows, pane.current)
    if len(rows) != 2 or rows[0].environment.key == rows[1].environment.key:
        return None
    return rows[0], rows[1]


def _not_carried(pane: EnvironmentsPane) -> str | None:
    hindrance = _no_records(pane)
    if hindrance is not None:
        return hindrance
    if pane.bridge.monitor.changes is None and pane.bridge.monitor.carrier is None:
        return "environments of this host can't be changed"
    row = pane.targets()[0]
    if row.environment.kind is EnvironmentKind.SYSTEM:
        return "the system's Python belongs to the image"
    return None if _others(pane, row) else "no other container runs"


def _others(pane: EnvironmentsPane, row: EnvironmentRow) -> tuple[Container, ...]:
    listed = pane.bridge.monitor.store.value(CONTAINERS) or ()
    return tuple(
        each for each in listed if each.id != row.container.id and each.state is ContainerState.RUNNING
    )


# -- comparing


def _named(row: EnvironmentRow) -> str:
    return f"{row.environment.label} in {row.container.name}"


def _side_of(pane: EnvironmentsPane, row: EnvironmentRow) -> Side:
    """One environment; blocks. Raises an EngineError."""
    from tui.model.comparison import of_record

    return of_record(_named(row), pane.bridge.monitor.records(row.container, row.environment))


def _show(pane: EnvironmentsPane, title: str, left: EnvironmentRow, right: Callable[[], Side]) -> None:
    from tui.model.comparison import compare
    from tui.ui.screens.comparison import ComparisonScreen

    def ask() -> Comparison:
        return compare(_side_of(pane, left), right())

    pane.app.push_screen(ComparisonScreen(title, pane.bridge, ask))


def compare_two(pane: EnvironmentsPane) -> None:
    """Two environments, also of different containers."""
    pair = _pair(pane)
    if pair is not None:
        left, right = pair
        title = f"Compare {_named(left)} with {_named(right)}"
        _show(pane, title, left, lambda: _side_of(pane, right))


def compare_with_file(pane: EnvironmentsPane) -> None:
    """An environment and `environment.yml`, a lock, or pip's requirements."""
    from tui.monitor.source_file import read_source_file, side_of
    from tui.ui.screens.change_form import ChangeForm, Field, Values

    row = pane.targets()[0]

    def read(values: Values) -> tuple[SourceFile, Side]:
        file = read_source_file(Path(values["path"].strip()).expanduser())
        # what can't be understood is told on the form
        return file, side_of(file)

    def answered(answer: tuple[SourceFile, Side] | None) -> None:
        if answer is not None:
            file, side = answer
            _show(pane, f"Compare {_named(row)} with {file.name}", row, lambda: side)

    field = Field("path", "File", "", "environment.yml", lambda text: None if text.strip() else "its path")
    note = "environment.yml, a file with @EXPLICIT in it, or lines of pip's requirements"
    title = f"Compare {printable(_named(row))} with a file"
    form: ChangeForm[tuple[SourceFile, Side]] = ChangeForm(title, (field,), read, pane.bridge, note)
    pane.app.push_screen(form, answered)


def export(pane: EnvironmentsPane) -> None:
    """As a file that somebody else can make it from."""
    from tui.ui.screens.export import ExportScreen

    row = pane.targets()[0]
    monitor = pane.bridge.monitor
    pane.app.push_screen(
        ExportScreen(
            row.environment.label, pane.bridge, lambda: monitor.records(row.container, row.environment)
        )
    )


# -- carrying over


def copy_over(pane: EnvironmentsPane) -> None:
    """Make it in another container, too: ask in which, and how."""
    from tui.ui.screens.choose import ChooseScreen, Way

    row = pane.targets()[0]
    others = _others(pane, row)
    ways = [Way(each.id, printable(f"{each.name}  {each.image}")) for each in others]

    def chosen(container_id: str | None) -> None:
        target = next((each for each in others if each.id == container_id), None)
        if target is not None:
            _choose_way(pane, row, target)

    pane.app.push_screen(ChooseScreen(f"Copy {printable(_named(row))} to which container?", ways), chosen)


def _choose_way(pane: EnvironmentsPane, row: EnvironmentRow, target: Container) -> None:
    from tui.ui.screens.choose import ChooseScreen, Way

    there = {each.prefix for each in known_in(pane, target)}
    monitor = pane.bridge.monitor
    no_carrying = "this host can't do that" if monitor.carrier is None else None
    if row.environment.kind is EnvironmentKind.BASE:
        no_carrying = "base is the installation itself"
    elif row.environment.prefix in there:
        no_carrying = "something is at its path there"
    changes = monitor.store.value(CHANGES) or {}
    if any(at_work_on(changes, each.id, row.environment.prefix) for each in (row.container, target)):
        no_carrying = "a job is at work on it"
    ways = (
        Way(
            "anew",
            "Make it there from its packages (needs a network)",
            None if monitor.changes is not None else "this host can't do that",
        ),
        Way("files", f"Carry its files to {printable(row.environment.prefix)} (no network)", no_carrying),
    )

    def chosen(way: str | None) -> None:
        if way == "anew":
            _make_anew(pane, row, target)
        elif way == "files":
            _carry(pane, row, target)

    pane.app.push_screen(ChooseScreen(f"Copy it to {printable(target.name)} how?", ways), chosen)


def _make_anew(pane: EnvironmentsPane, row: EnvironmentRow, target: Container) -> None:
    keeper, monitor, known = keeper_of(pane), pane.bridge.monitor, known_in(pane, target)
    name = row.environment.name or row.environment.prefix
    # filled before there is a plan
    lost: list[str] = []

    def change() -> EnvironmentChange:
        from tui.model import exports

        record = monitor.records(row.container, row.environment)
        made = exports.export(record, exports.ExportFormat.YML)
        lost[:] = [f"not carried: {each}" for each in made.cannot_be_carried]
        file = SourceFile(made.file_format, made.text, f"{name} of {row.container.name}")
        wanted = keeper.new_prefix(target, name if name != "base" else f"{row.container.name}-base", known)
        fitted = fitting(wanted, record, known)
        if fitted.kind is not EnvironmentKind.CONDA and record.python:
            lost.append(f"its Python will be the one of {target.name}; here it is {record.python}")
        return replace(fitted, file=file)

    title = f"Copy {_named(row)} to {target.name}"
    pane.set_marks(frozenset())
    ask_for(pane.app, pane.bridge, Wish(target, change, title, losses=lost))


def _carry(pane: EnvironmentsPane, row: EnvironmentRow, target: Container) -> None:
    from tui.ui.screens.carrying import CarryingScreen

    carrier = pane.bridge.monitor.carrier
    if carrier is not None:
        size = row.size.size_bytes if row.size else None
        pane.app.push_screen(
            CarryingScreen(row.container, row.environment.prefix, target, carrier, pane.bridge, size)
        )


ACTIONS: tuple[Action[Any], ...] = (
    Action("environments.compare", "Compare two environments", ("=",),
           compare_two, why_not=_no_pair, hint="compare"),
    Action("environments.compare_file", "Compare with a file", (), compare_with_file, why_not=_no_records),
    Action("environments.export", "Export as a file", (), export, why_not=_no_records),
    Action("environments.copy_over", "Copy to another container…", (), copy_over, Danger.CONFIRM,
           _not_carried),
)  # fmt: skip
