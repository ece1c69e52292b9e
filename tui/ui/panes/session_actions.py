"""The actions that open a session, for every pane whose items are, or lie in, a container."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment
from tui.model.sessions import RouteChoice, SessionRequest
from tui.ui.actions import Action, Danger

#: Of a pane: the container under its cursor, and the environment, as far as there is one.
Chosen = Callable[[Any], tuple[Container, Environment | None] | None]


def session_actions(
    scope: str, name: str, label: str, keys: tuple[str, ...], chosen: Chosen
) -> tuple[Action[Any], ...]:
    """The actions of one pane.

    Args:
        scope: the pane's name.
        name: of the action with the keys.
        label: of that.
        keys: its default keys.
        chosen: what is under the pane's cursor.
    """

    def why_not(pane: Any) -> str | None:
        if pane.bridge.monitor.sessions is None:
            return "this host offers no way into its containers"
        found = chosen(pane)
        if found is None:
            return "nothing is chosen"
        container = found[0]
        if container.state is ContainerState.PAUSED:
            return "it is paused"
        return None if container.state is ContainerState.RUNNING else "it does not run"

    def action(
        ending: str, words: str, shown: tuple[str, ...] = (), user: str = "",
        route: RouteChoice = RouteChoice.BEST, hint: str = "",
    ) -> Action[Any]:  # fmt: skip
        def run(pane: Any) -> None:
            from tui.ui.sessions import open_session

            found = chosen(pane)
            if found is not None:
                container, environment = found
                request = SessionRequest(container, environment, user, route)
                open_session(pane.app, pane.bridge, request)

        return Action(f"{scope}.{ending}", words, shown, run, Danger.CHANGE, why_not, hint)

    own = f"{os.getuid()}:{os.getgid()}"
    return (
        action(name, label, keys, hint=name),
        action(f"{name}_root", f"{label} as root", user="root"),
        action(f"{name}_own", f"{label} with your own uid and gid", user=own),
        action(f"{name}_ssh", f"{label} by SSH alone", route=RouteChoice.SSH),
        action(f"{name}_exec", f"{label} by the engine's exec", route=RouteChoice.EXEC),
    )
