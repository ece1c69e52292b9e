"""What the Environments pane can do to environments: make, change, remove, and watch over jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.model.change_making import (
    change_of,
    clone_of,
    name_complaint,
    packages_complaint,
    renamed_prefix,
    words_of,
)
from tui.model.changes import ChangeVerb, EnvironmentChange, SourceFile, why_not_changed
from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import FileFault
from tui.model.joins import EnvironmentRow
from tui.monitor.known_changes import at_work_on
from tui.monitor.topics import CHANGES, ENVIRONMENTS
from tui.ui.actions import Action, Danger
from tui.ui.changes import Wish, ask_for
from tui.ui.panes.change_losses import losses
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.monitor.change_jobs import ChangeKeeper
    from tui.ui.panes.environments import EnvironmentsPane
    from tui.ui.screens.change_form import Field, Values

_CHANNELS = "of conda, before the configured ones"


# -- reasons why not


def no_place(pane: EnvironmentsPane) -> str | None:
    """There is no container in which something can be made."""
    if pane.bridge.monitor.changes is None:
        return "environments of this host can't be changed"
    container = _container(pane)
    if container is None:
        return "no container is selected"
    if container.state is ContainerState.PAUSED:
        return "its container is paused"
    return None if container.state is ContainerState.RUNNING else "its container does not run"


def why_not(verb: ChangeVerb) -> Callable[[EnvironmentsPane], str | None]:
    """Why the chosen environment can't be changed so."""

    def reason(pane: EnvironmentsPane) -> str | None:
        rows = pane.targets()
        if len(rows) != 1:
            return "more than one is marked" if rows else "no environment is chosen"
        hindrance = no_place(pane)
        if hindrance is not None:
            return hindrance
        environment = rows[0].environment
        refused = why_not_changed(environment, verb, pane.bridge.monitor.allow_base)
        if refused is not None:
            return refused
        known = pane.bridge.monitor.store.value(CHANGES) or {}
        other = at_work_on(known, environment.container_id, environment.prefix)
        return f"another job is at work on it: {other.words}" if other is not None else None

    return reason


def _container(pane: EnvironmentsPane) -> Container | None:
    """The one in which something is made: that of the chosen environment, or the selected one."""
    rows = pane.targets()
    return rows[0].container if rows else pane.container


def _target(pane: EnvironmentsPane) -> EnvironmentRow:
    return pane.targets()[0]


def known_in(pane: EnvironmentsPane, container: Container) -> tuple[Environment, ...]:
    """All environments of a container that are known."""
    about = (pane.bridge.monitor.store.value(ENVIRONMENTS) or {}).get(container.id)
    return about.listing.environments if about is not None and about.listing is not None else ()


# -- forms


def _fill_in(
    pane: EnvironmentsPane,
    title: str,
    fields: Sequence[Field],
    then: Callable[[Values], None],
    note: str = "",
) -> None:
    """Have a form filled in, then go on with its values."""
    from tui.ui.screens.change_form import ChangeForm

    def answered(values: Values | None) -> None:
        if values is not None:
            then(values)

    form: ChangeForm[Values] = ChangeForm(title, fields, lambda values: values, pane.bridge, note)
    pane.app.push_screen(form, answered)


def _name_field(environments: Sequence[Environment], value: str = "") -> Field:
    from tui.ui.screens.change_form import Field

    return Field(
        "name", "Name", value, "or an absolute path", lambda text: name_complaint(text, environments)
    )


def _packages_field(needed: bool, hint: str, id: str = "packages", label: str = "Packages") -> Field:
    from tui.ui.screens.change_form import Field

    return Field(id, label, "", hint, lambda text: packages_complaint(text, needed))


def _channels_field() -> Field:
    from tui.ui.screens.change_form import Field

    return Field("channels", "Channels", "", _CHANNELS, packages_complaint)


def _ask(
    pane: EnvironmentsPane,
    container: Container,
    change: EnvironmentChange | Callable[[], EnvironmentChange],
    title: str,
    typed: str = "",
    lost: Sequence[str] = (),
) -> None:
    pane.set_marks(frozenset())
    ask_for(pane.app, pane.bridge, Wish(container, change, title, typed, lost))


def keeper_of(pane: EnvironmentsPane) -> ChangeKeeper:
    """Who changes environments, where `why_not` has found somebody."""
    keeper = pane.bridge.monitor.changes
    assert keeper is not None, "why_not has looked"
    return keeper


# -- actions


def create(pane: EnvironmentsPane) -> None:
    """A new environment from packages."""
    from tui.ui.screens.change_form import Field

    container = _container(pane)
    if container is None:
        return
    keeper, known = keeper_of(pane), known_in(pane, container)
    fields = (
        _name_field(known),
        Field("python", "Python", "", "3.12; empty leaves it to the packages", packages_complaint),
        _packages_field(False, "numpy pandas>=2 …"),
        _channels_field(),
    )

    def then(values: Values) -> None:
        def change() -> EnvironmentChange:
            made = keeper.new_prefix(container, values["name"], known)
            return replace(
                made,
                python=values["python"].strip(),
                packages=words_of(values["packages"]),
                channels=words_of(values["channels"]),
            )

        _ask(pane, container, change, f"Create {values['name']} in {container.name}")

    _fill_in(pane, f"New environment in {printable(container.name)}", fields, then)


def create_from_file(pane: EnvironmentsPane) -> None:
    """A new environment from `environment.yml`, a lock, or pip's requirements, which is checked before."""
    from tui.monitor.source_file import CheckedFile, checked, read_source_file
    from tui.ui.screens.change_form import ChangeForm, Field

    container = _container(pane)
    if container is None:
        return
    known = known_in(pane, container)
    driver = pane.bridge.monitor.workstation.driver
    fields = (
        Field("path", "File", "", "environment.yml", lambda text: None if text.strip() else "its path"),
        Field("name", "Name", "", "empty: as the file says",
              lambda text: name_complaint(text, known) if text else None),
    )  # fmt: skip

    def read(values: Values) -> tuple[str, CheckedFile]:
        file = read_source_file(Path(values["path"].strip()).expanduser())
        found = checked(file, driver.facts() if driver is not None else None)
        name = values["name"] or found.environment
        complaint = name_complaint(name, known)
        if complaint is not None:
            raise FileFault("Name", f"“{name}”: {complaint}" if name else "the file gives none")
        return name, found

    def answered(answer: tuple[str, CheckedFile] | None) -> None:
        if answer is None:
            return
        name, found = answer
        if not found.problems:
            _create_from(pane, container, name, found.file)
            return
        from tui.ui.screens.file_problems import FileProblemsScreen

        def chosen(file: SourceFile | None) -> None:
            if file is not None:
                _create_from(pane, container, name, file)

        pane.app.push_screen(FileProblemsScreen(found), chosen)

    note = "environment.yml, a file with @EXPLICIT in it, or lines of pip's requirements"
    title = f"New environment in {printable(container.name)} from a file"
    form: ChangeForm[tuple[str, CheckedFile]] = ChangeForm(title, fields, read, pane.bridge, note)
    pane.app.push_screen(form, answered)


def _create_from(pane: EnvironmentsPane, container: Container, name: str, file: SourceFile) -> None:
    keeper, known = keeper_of(pane), known_in(pane, container)

    def change() -> EnvironmentChange:
        return replace(keeper.new_prefix(container, name, known), file=file)

    _ask(pane, container, change, f"Create {name} in {container.name} from {file.name}")


def clone(pane: EnvironmentsPane) -> None:
    """A new environment with the packages of the chosen one."""
    row = _target(pane)
    container, source = row.container, row.environment
    keeper, known = keeper_of(pane), known_in(pane, container)
    monitor = pane.bridge.monitor

    def then(values: Values) -> None:
        # filled before there is a plan
        lost: list[str] = []

        def change() -> EnvironmentChange:
            from tui.model.exports import ExportFormat, export

            made = clone_of(source, keeper.new_prefix(container, values["name"], known))
            if made.kind not in (EnvironmentKind.VENV, EnvironmentKind.UV):
                return made
            # nothing copies such a one: it is made anew from what is in it
            told = export(monitor.records(container, source), ExportFormat.YML)
            lost[:] = [f"not cloned: {each}" for each in told.cannot_be_carried]
            file = SourceFile(told.file_format, told.text, f"packages of {source.label}")
            return replace(made, file=file, python="")

        title = f"Clone {source.label} to {values['name']} in {container.name}"
        _ask(pane, container, change, title, lost=lost)

    _fill_in(pane, f"Clone {printable(source.label)}", (_name_field(known),), then)


def rename(pane: EnvironmentsPane) -> None:
    """Another name, in the same folder."""
    row = _target(pane)
    known = known_in(pane, row.container)

    def then(values: Values) -> None:
        change = change_of(
            ChangeVerb.RENAME,
            row.environment,
            row.container.name,
            new_prefix=renamed_prefix(row.environment, values["name"]),
        )
        _ask(pane, row.container, change, f"Rename {row.environment.label} to {values['name']}")

    title = f"Rename {printable(row.environment.label)}"
    _fill_in(pane, title, (_name_field(known, row.environment.name),), then)


def _of_packages(verb: ChangeVerb, title: str, needed: bool, hint: str) -> Callable[[EnvironmentsPane], None]:
    """The action of a verb that takes packages."""

    def run(pane: EnvironmentsPane) -> None:
        row = _target(pane)
        is_conda = row.environment.kind.value in ("base", "conda")
        fields = [_packages_field(needed, hint)]
        if verb is ChangeVerb.INSTALL and is_conda:
            fields = [
                _packages_field(False, hint),
                _packages_field(False, "from PyPI, after those", "pip", "By pip"),
                _channels_field(),
            ]

        def then(values: Values) -> None:
            change = change_of(
                verb,
                row.environment,
                row.container.name,
                packages=words_of(values["packages"]),
                pip_packages=words_of(values.get("pip", "")),
                channels=words_of(values.get("channels", "")),
            )
            if verb is ChangeVerb.INSTALL and not (change.packages or change.pip_packages):
                pane.app.notify("no package was named", title="Nothing to install", severity="warning")
                return
            _ask(pane, row.container, change, f"{title} {row.environment.label} in {row.container.name}")

        words = f"{title} {printable(row.environment.label)} in {printable(row.container.name)}"
        _fill_in(pane, words, fields, then)

    return run


def remove(pane: EnvironmentsPane) -> None:
    """The environment goes, after its name was typed."""
    row = _target(pane)
    change = change_of(ChangeVerb.REMOVE, row.environment, row.container.name)
    # what a terminal can't show, nobody can type
    typed = printable(row.environment.name or row.environment.prefix)
    lost = losses(row, pane.bridge.monitor.store)
    _ask(pane, row.container, change, f"Remove {row.environment.label} in {row.container.name}", typed, lost)


def clean(pane: EnvironmentsPane) -> None:
    """What its manager keeps for the next time goes."""
    row = _target(pane)
    change = change_of(ChangeVerb.CLEAN, row.environment, row.container.name)
    _ask(pane, row.container, change, f"Clean the caches of {row.environment.label} in {row.container.name}")


def jobs(pane: EnvironmentsPane) -> None:
    """The jobs of all containers."""
    from tui.ui.screens.change_jobs import ChangeJobsScreen

    pane.app.push_screen(ChangeJobsScreen(pane.bridge))


def _no_jobs(pane: EnvironmentsPane) -> str | None:
    return None if pane.bridge.monitor.changes is not None else "environments of this host can't be changed"


def _action(
    name: str, label: str, verb: ChangeVerb, run: Callable[[Any], None], danger: Danger = Danger.CONFIRM
) -> Action[Any]:
    return Action(f"environments.{name}", label, (), run, danger, why_not(verb))


_INSTALL = _of_packages(ChangeVerb.INSTALL, "Install into", True, "numpy pandas>=2 conda-forge::pytorch …")
_UPDATE = _of_packages(ChangeVerb.UPDATE, "Update", False, "empty: all of them")
_UNINSTALL = _of_packages(ChangeVerb.UNINSTALL, "Uninstall from", True, "names, the environment stays")

ACTIONS: tuple[Action[Any], ...] = (
    Action("environments.create", "Create an environment…", (), create, Danger.CONFIRM, no_place),
    Action("environments.create_from_file", "Create an environment from a file…", (), create_from_file,
           Danger.CONFIRM, no_place),
    _action("clone", "Clone…", ChangeVerb.CLONE, clone),
    _action("rename", "Rename…", ChangeVerb.RENAME, rename),
    _action("install", "Install packages…", ChangeVerb.INSTALL, _INSTALL),
    _action("update", "Update packages…", ChangeVerb.UPDATE, _UPDATE),
    _action("uninstall", "Uninstall packages…", ChangeVerb.UNINSTALL, _UNINSTALL),
    _action("remove", "Remove the environment…", ChangeVerb.REMOVE, remove, Danger.TYPED),
    _action("clean", "Clean its manager's caches…", ChangeVerb.CLEAN, clean),
    Action("environments.jobs", "Jobs that change environments, of all containers", ("J",), jobs,
           why_not=_no_jobs, hint="jobs"),
)  # fmt: skip
