"""The main screen: status bar, panes, key bar; finds the action of a key and runs it."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container as Area

from tui.ui import status
from tui.ui.actions import Action, allowed
from tui.ui.bridge import Bridge
from tui.ui.disk_actions import DISK_ACTIONS
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import EVERYWHERE, Keymap
from tui.ui.panes import PANES
from tui.ui.panes.base import Pane
from tui.ui.screens.action_screen import ActionScreen
from tui.ui.widgets.line_bar import LineBar

# From this size on all panes are shown at once; below, the focused one fills the screen.
_WIDE_COLUMNS, _WIDE_ROWS = 120, 30
# From here on two beside each other have room for what matters in each.
_GRID_COLUMNS = 160


class MainScreen(ActionScreen):
    """Lays the panes out. Knows actions only as registry entries."""

    def __init__(self, bridge: Bridge, keymap: Keymap) -> None:
        """Args: the panes' source of facts; what keys mean."""
        super().__init__(bridge, keymap)
        self.panes: tuple[Pane, ...] = tuple(pane(bridge) for pane in PANES)
        for pane in self.panes:
            for column in pane.contributed():
                self.pane(column.pane).contribute(column)
        self._focused_pane = self.panes[0]
        # where esc leads back to after a pane was shown for another
        self._came_from: Pane | None = None
        self._focused_pane.add_class("-focused")

    def compose(self) -> ComposeResult:
        """Bars around the panes."""
        yield LineBar(id="status-bar")
        with Area(id="panes"):
            yield from self.panes
        yield LineBar(id="key-bar", classes="key-bar")

    def on_mount(self) -> None:
        """The first pane has the focus; a tick shows ages and the clock."""
        self.focus_pane(self.panes[0])
        for topic in status.TOPICS:
            self.bridge.read(topic, lambda _: self.update_status())
        self.set_interval(1.0, self._tick)
        self.call_after_refresh(self.bridge.monitor.begin_the_rest)

    # -- panes

    @property
    def focused_pane(self) -> Pane:
        """The pane that keys go to."""
        return self._focused_pane

    def pane(self, name: str) -> Pane:
        """The pane of that name."""
        return next(pane for pane in self.panes if name == pane.NAME)

    def focus_pane(self, pane: Pane) -> None:
        """Bring a pane to the front and give it the keys."""
        self._focused_pane = pane
        self._came_from = None
        for each in self.panes:
            each.set_class(each is pane, "-focused")
        self._tell_shown()
        pane.take_focus()
        self.update_keys()
        self.update_status()

    def show_pane(self, name: str, enlarged: bool) -> None:
        """Bring a pane to the front for the focused one; esc leads back."""
        came_from = self._focused_pane
        self.focus_pane(self.pane(name))
        self._came_from = came_from
        self.enlarge(enlarged)

    def _tell_shown(self) -> None:
        """Panes that nobody sees need not read anything."""
        all_shown = self.has_class("-wide") and not self.has_class("-enlarged")
        for each in self.panes:
            each.on_screen_change(all_shown or each is self._focused_pane)

    def focus_next_pane(self, step: int) -> None:
        """The pane after or before the focused one."""
        self.focus_pane(self.panes[(self.panes.index(self._focused_pane) + step) % len(self.panes)])

    def enlarge(self, enlarged: bool) -> None:
        """Let the focused pane take the whole screen, or not."""
        self.set_class(enlarged, "-enlarged")
        self._tell_shown()

    def _tick(self) -> None:
        self.update_status()
        for pane in self.panes:
            if pane.stale_error is not None or not self.bridge.frozen:
                pane.tick()

    # -- actions

    def _actions(self, scope: str) -> tuple[Action[Any], ...]:
        if scope == EVERYWHERE:
            return EVERYWHERE_ACTIONS
        pane = next(pane for pane in self.panes if scope == pane.NAME)
        return allowed(pane.ACTIONS, self.bridge.monitor.read_only)

    def scopes(self) -> dict[str, tuple[Action[Any], ...]]:
        """Every action by the title of where it holds, for help and palette."""
        own = {f"{pane.NUMBER} {pane.TITLE}": self._actions(pane.NAME) for pane in self.panes}
        return {**own, "Everywhere": EVERYWHERE_ACTIONS}

    def help_scopes(self) -> dict[str, tuple[Action[Any], ...]]:
        """The help tells of the disk's keys, too."""
        own = self.scopes()
        everywhere = own.pop("Everywhere")
        disk = allowed(DISK_ACTIONS, self.bridge.monitor.read_only)
        return {**own, "Disk": disk, "Everywhere": everywhere}

    def pane_actions(self) -> tuple[Action[Any], ...]:
        """Those of the focused pane."""
        return self._actions(self.focused_pane.NAME)

    def close_top(self) -> None:
        """Close the topmost thing of the screen."""
        if self.focused_pane.close_top():
            return
        self.enlarge(False)
        if self._came_from is not None:
            self.focus_pane(self._came_from)

    # -- events

    def on_resize(self, event: events.Resize) -> None:
        """Wide terminals show all panes."""
        is_wide = event.size.width >= _WIDE_COLUMNS and event.size.height >= _WIDE_ROWS
        self.set_class(is_wide, "-wide")
        self.set_class(is_wide and event.size.width >= _GRID_COLUMNS, "-grid")
        self._tell_shown()
        self.update_keys()
        self.update_status()
