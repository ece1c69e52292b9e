"""The main screen: status bar, panes, key bar; finds the action of a key and runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult
from textual.containers import Container as Area
from textual.screen import Screen

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.ui import status
from tui.ui.actions import Action, allowed
from tui.ui.bridge import Bridge
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import EVERYWHERE, Keymap
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.panes import PANES
from tui.ui.panes.base import Pane
from tui.ui.text import printable, width_of
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_table import LineTable
from tui.ui.widgets.tones import TONE_CLASSES

if TYPE_CHECKING:
    from tui.ui.app import EnvtuiApp

# The last of what holds everywhere: menu, keys, quit. Who knows these finds the rest.
_ALWAYS_HINTED = 4
# From this size on all panes are shown at once; below, the focused one fills the screen.
_WIDE_COLUMNS, _WIDE_ROWS = 120, 30
# From here on two beside each other have room for what matters in each.
_GRID_COLUMNS = 160


class MainScreen(Screen[None], OrderedKeys):
    """Lays the panes out. Knows actions only as registry entries."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type

    def __init__(self, bridge: Bridge, keymap: Keymap) -> None:
        """Args: the panes' source of facts; what keys mean."""
        super().__init__()
        self.bridge = bridge
        self.keymap = keymap
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
        pane = self._focused_pane
        is_replaced = any(each.replaces == action.id for each in pane.ACTIONS)
        return is_replaced or (action.id.startswith("app.sort") and not pane.SORTS)

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

    def pane_actions(self) -> tuple[Action[Any], ...]:
        """Those of the focused pane."""
        return self._actions(self.focused_pane.NAME)

    def take_key(self, event: events.Key) -> bool:
        """Run the key's action; while a filter is typed keys are its text."""
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
        owner: MainScreen | Pane = self
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
