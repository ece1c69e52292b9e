"""From marks to a removal: the plan is made from a fresh look, agreed to, and begun."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from textual.app import App, ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.model.disk_items import DiskKind, ItemKey, ReclaimPlan
from tui.model.errors import EnvtuiError
from tui.model.losses import container_losses
from tui.monitor.topics import CONTAINERS, DISK
from tui.ui.bridge import Bridge
from tui.ui.changes import tell
from tui.ui.exporting import export_first
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environments import Environment
    from tui.monitor.disk_keeper import DiskKeeper
    from tui.monitor.environment_exporting import ExportedEnvironment
    from tui.monitor.questions import Asking
    from tui.monitor.store import Store


def ask_to_reclaim(
    app: App[None], bridge: Bridge, keys: Collection[ItemKey], begun: Callable[[ReclaimPlan], None]
) -> None:
    """Have it planned behind a dialog, show the plan, and begin where somebody agrees.

    Args:
        app: shows it.
        bridge: the way to the keeper.
        keys: what is marked.
        begun: called with what was begun.
    """
    keeper = bridge.monitor.disk
    if keeper is None or not keys:
        return

    def planned(plan: ReclaimPlan | None) -> None:
        if plan is not None:
            ask(plan, ())

    def ask(plan: ReclaimPlan, exported: Sequence[ExportedEnvironment]) -> None:
        from tui.ui.screens.disk_plan import DiskPlanScreen

        losing = lost_environments(plan, bridge.monitor.store)
        can_export = bool(losing) and bridge.monitor.workstation.records is not None
        screen = DiskPlanScreen(plan, exported, can_export)

        def answered(agreed: bool | None) -> None:
            if screen.wants_export:
                export_first(app, bridge, losing, "reclaimed", lambda written: ask(plan, written or exported))
            elif agreed:
                _begin(plan)

        app.push_screen(screen, answered)

    def _begin(plan: ReclaimPlan) -> None:
        from tui.ui.screens.disk_job import DiskJobScreen

        try:
            keeper.begin(plan)
        except EnvtuiError as error:
            tell(app, error)
            return
        begun(plan)
        app.push_screen(DiskJobScreen(bridge, plan))

    app.push_screen(DiskPlanningScreen(keys, keeper, bridge), planned)


def lost_environments(plan: ReclaimPlan, store: Store) -> list[tuple[Container, Environment]]:
    """The environments that a plan takes, with their containers, as far as they are known."""
    known = store.value(DISK)
    if known is None:
        return []
    facts = known.facts
    containers = {each.id: each for each in store.value(CONTAINERS) or ()}
    found: list[tuple[Container, Environment]] = []
    for item in plan.items:
        container = containers.get(item.container_id)
        listing = facts.environments.get(item.container_id)
        if container is None or listing is None:
            continue
        if item.kind is DiskKind.CONTAINER:
            losses = container_losses(container, listing, facts.layers.get(container.id), None)
            found += [(container, each) for each, _ in losses.environments]
        elif item.kind is DiskKind.ENVIRONMENT:
            found += [
                (container, each)
                for each in listing.environments
                if item.id == f"{container.id}:{each.prefix}"
            ]
    return found


class DiskPlanningScreen(ModalScreen[ReclaimPlan | None]):
    """Looks again at what is marked; gives back the plan, None where there is none. esc calls it off."""

    BINDINGS = [("escape,q", "cancel")]  # noqa: RUF012 - Textual's type

    def __init__(self, keys: Collection[ItemKey], keeper: DiskKeeper, bridge: Bridge) -> None:
        """Args: what is wanted; who plans; the way into the event loop."""
        super().__init__(classes="dialog-screen")
        self._keys = frozenset(keys)
        self._keeper = keeper
        self._bridge = bridge
        self._asking: Asking | None = None
        self._began = time.monotonic()
        self._has_failed = False
        self._plan: ReclaimPlan | None = None

    def compose(self) -> ComposeResult:
        """Title, how long it takes, keys."""
        with Vertical(classes="dialog"):
            yield Static("Looking again at what is marked", classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-lines", can_focus=False):
                yield Static(self._words(), id="words", markup=False)
            yield Static("esc calls it off: nothing is removed", classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self._asking = self._keeper.plan(
            self._keys,
            lambda plan: self._bridge.deliver(lambda: self._answered(plan)),
            lambda error: self._bridge.deliver(lambda: self._failed(error)),
        )
        self.set_interval(1.0, self._tick)

    def _words(self) -> str:
        return f"What uses it now, and what is in it … {int(time.monotonic() - self._began)} s"

    def _tick(self) -> None:
        if not self._has_failed:
            self.query_one("#words", Static).update(self._words())

    def _answered(self, plan: ReclaimPlan) -> None:
        self._plan = plan
        self._hand_over()

    def _hand_over(self) -> None:
        """Unless another dialog lies above: that one would be closed instead."""
        if self.is_attached and self.app.screen is self:
            self.dismiss(self._plan)

    def on_screen_resume(self) -> None:
        """What lay above is gone: a plan that came meanwhile can be shown."""
        if self._plan is not None:
            self.call_later(self._hand_over)

    def _failed(self, error: EnvtuiError) -> None:
        if not self.is_attached:
            return
        self._has_failed = True
        parts = [f"▲ {printable(error.title)}", *map(printable, error.detail.splitlines())]
        parts += ["", *map(printable, error.hint.splitlines())] if error.hint else []
        self.query_one("#words", Static).update("\n".join(parts))
        self.query_one(".dialog-consequence", Static).update("nothing was removed · esc closes")

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        if self._asking is not None:
            self._asking.cancel()
        self.dismiss(None)
