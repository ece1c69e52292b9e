"""What the Environments pane can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.model.activation import activation_line
from tui.ui.actions import Action
from tui.ui.panes import change_actions, compare_actions
from tui.ui.panes.session_actions import session_actions
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environments import Environment
    from tui.ui.panes.environments import EnvironmentsPane


def _nothing_chosen(pane: EnvironmentsPane) -> str | None:
    return None if pane.current is not None else "no environment is chosen"


def _not_offered(pane: EnvironmentsPane) -> str | None:
    return (
        None if pane.bridge.monitor.environments is not None else "this host can't be asked for environments"
    )


def _no_activation(pane: EnvironmentsPane) -> str | None:
    row = pane.current
    if row is None:
        return "no environment is chosen"
    return None if activation_line(row.environment) else "the system's Python needs no activation"


def packages(pane: EnvironmentsPane) -> None:
    """The packages of the environment under the cursor."""
    from tui.ui.screens.packages import PackagesScreen

    row, backend = pane.current, pane.bridge.monitor.environments
    if row is not None and backend is not None:
        container, environment = row.container, row.environment
        pane.app.push_screen(
            PackagesScreen(
                f"{environment.label} in {container.name}",
                pane.facts(row),
                pane.bridge,
                lambda: backend.packages(container, [environment])[0],
            )
        )


def find_package(pane: EnvironmentsPane) -> None:
    """Which environments have a package, over all containers."""
    from tui.ui.screens.package_search import PackageSearchScreen

    backend = pane.bridge.monitor.environments
    if backend is not None:
        pane.app.push_screen(PackageSearchScreen(pane.bridge, backend))


def copy_activation(pane: EnvironmentsPane) -> None:
    """The line that activates it in a shell inside its container."""
    row = pane.current
    if row is not None:
        line = activation_line(row.environment)
        pane.app.copy_to_clipboard(line)
        pane.app.notify(printable(line), title="Copied", markup=False)


def _chosen(pane: EnvironmentsPane) -> tuple[Container, Environment | None] | None:
    row = pane.current
    return (row.container, row.environment) if row is not None else None


ACTIONS: tuple[Action[Any], ...] = (
    *session_actions("environments", "session", "Session", ("enter", "e"), _chosen),
    Action("environments.packages", "Packages", ("i",), packages, why_not=_nothing_chosen, hint="packages"),
    Action("environments.copy_activation", "Copy the line that activates it", ("Y",), copy_activation,
           why_not=_no_activation, hint="activation"),
    Action("environments.all", "All containers' environments in one list, or the selected one's", ("E",),
           lambda pane: pane.toggle_all(), hint="all"),
    Action("environments.find_package", "Where is a package? Search all containers", ("W",), find_package,
           why_not=_not_offered, hint="where"),
    *compare_actions.ACTIONS,
    *change_actions.ACTIONS,
)  # fmt: skip
