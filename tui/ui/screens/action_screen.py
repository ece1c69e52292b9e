"""A screen whose keys are registry entries: finds the action of a key, runs it, and shows the hints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual.screen import Screen

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.ui import status
from tui.ui.actions import Action
from tui.ui.bridge import Bridge
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import EVERYWHERE, Keymap
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.panes.base import Pane
from tui.ui.text import printable, width_of
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_table import LineTable
from tui.ui.widgets.tones import TONE_CLASSES

if TYPE_CHECKING:
    from tui.ui.app import EnvtuiApp

# The last of what holds everywhere: menu, keys, quit. Who knows these finds the rest.
_ALWAYS_HINTED = 4


class ActionScreen(Screen[None], OrderedKeys):
    """Has a status bar, panes of which one has the keys, and a key bar. Knows actions only as entries."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type

    def __init__(self, bridge: Bridge, keymap: Keymap) -> None:
        """Args: the panes' source of facts; what keys mean."""
        super().__init__()
        self.bridge = bridge
        self.keymap = keymap

    # -- what a subclass says

    @property
    def focused_pane(self) -> Pane:
        """The pane that keys go to."""
        raise NotImplementedError

    def pane(self, name: str) -> Pane:
        """The pane of that name."""
        raise NotImplementedError

    def focus_pane(self, pane: Pane) -> None:
        """Bring a pane to the front and give it the keys."""
        raise NotImplementedError

    def focus_next_pane(self, step: int) -> None:
        """The pane after or before the focused one."""
        raise NotImplementedError

    def enlarge(self, enlarged: bool) -> None:
        """Let the focused pane take the whole screen, or not."""

    def close_top(self) -> None:
        """Close the topmost thing of the screen."""
        raise NotImplementedError

    def refresh_facts(self) -> None:
        """Have everything that it shows read anew."""
        self.bridge.monitor.refresh()

    def scopes(self) -> dict[str, tuple[Action[Any], ...]]:
        """Every action that can be done here by the title of where it holds, for the palette."""
        raise NotImplementedError

    def help_scopes(self) -> dict[str, tuple[Action[Any], ...]]:
        """Every action that the help tells of."""
        return self.scopes()

    def pane_actions(self) -> tuple[Action[Any], ...]:
        """Those of the focused pane."""
        raise NotImplementedError

    # -- bars

    def update_status(self) -> None:
        """The status bar, from what is known now."""
        left, right = status.parts(self.bridge, self.focused_pane)
        self.query_one("#status-bar", LineBar).show(left, right)

    def update_keys(self) -> None:
        """The key bar: hints of the focused pane and of what holds everywhere, as many as fit."""
        right = [part for action in EVERYWHERE_ACTIONS[-_ALWAYS_HINTED:] for part in self._hint(action)]
        room = self.size.width - sum(width_of(text) for text, _ in right)
        left: list[Part] = []
        for action in (*self.pane_actions(), *EVERYWHERE_ACTIONS[:-_ALWAYS_HINTED]):
            hint = self._hint(action)
            room -= sum(width_of(text) for text, _ in hint)
            if room < 0:
                break
            left += hint
        self.query_one("#key-bar", LineBar).show(left, right)

    def _hint(self, action: Action[Any]) -> list[Part]:
        keys = self.keymap.keys(action.id)
        if not action.hint or not keys or self._is_replaced(action):
            return []
        return [(f" {keys[0]}", "key"), (f" {action.hint} ", "muted")]

    def _is_replaced(self, action: Action[Any]) -> bool:
        """Whether the focused pane has the action's key for something of its own, or can't do it."""
        pane = self.focused_pane
        is_replaced = any(each.replaces == action.id for each in pane.ACTIONS)
        return is_replaced or (action.id.startswith("app.sort") and not pane.SORTS)

    # -- actions

    def take_key(self, event: events.Key) -> bool:
        """Run the key's action; while a filter is typed keys are its text."""
        if not self.focused_pane.children or not self.query("#key-bar"):
            # keys can be faster than the screen is built
            return False
        taken = self.focused_pane.take_text(event)
        if taken is not None:
            return taken
        action = self.keymap.action(self.focused_pane.NAME, event.key)
        if action is not None:
            self.run_action_entry(action)
        return action is not None

    def run_action_entry(self, action: Action[Any]) -> None:
        """Run an action, or say why not. An exception in one is shown and does not end the app."""
        scope = action.id.partition(".")[0]
        owner: ActionScreen | Pane = self
        if scope != EVERYWHERE:
            owner = self.pane(scope)
            if owner is not self.focused_pane:
                # from the palette, which has those of every pane
                self.focus_pane(owner)
        try:
            reason = action.why_not(owner)
            if reason is None:
                action.run(owner)
            else:
                self.app.notify(printable(reason), title=action.label, severity="warning", markup=False)
        except EnvtuiError as error:
            self.app.notify(printable(error.one_line()), severity="error", markup=False)
        except Exception as error:
            diagnostics.record_exception(f"action {action.id}", error)
            self.app.notify(
                printable(f"{type(error).__name__}: {error}"),
                title=f"{action.label} failed",
                severity="error",
                markup=False,
            )

    def on_line_table_activated(self, event: LineTable.Activated) -> None:
        """A double click does what enter would; panes without such an action inspect."""
        event.stop()
        for key in ("enter", "i"):
            action = self.keymap.action(self.focused_pane.NAME, key)
            if action is not None:
                self.run_action_entry(action)
                return

    @property
    def envtui(self) -> EnvtuiApp:
        """The app, with its own type."""
        from tui.ui.app import EnvtuiApp

        assert isinstance(self.app, EnvtuiApp)
        return self.app
