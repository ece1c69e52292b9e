"""The actions that hold in every pane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.model.disk_items import DiskKind
from tui.ui.actions import Action
from tui.ui.panes import PANES
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.ui.screens.action_screen import ActionScreen


def _focus(name: str) -> Any:
    return lambda screen: screen.focus_pane(screen.pane(name))


def _no_columns(screen: ActionScreen) -> str | None:
    return None if screen.focused_pane.SORTS else "there are no columns here"


def _open_help(screen: ActionScreen) -> None:
    from tui.ui.screens.help import HelpScreen

    screen.app.push_screen(HelpScreen(screen.help_scopes(), screen.keymap))


def _open_command_log(screen: ActionScreen) -> None:
    from tui.ui.screens.command_log import CommandLogScreen

    screen.app.push_screen(CommandLogScreen(screen.bridge))


def _open_menu(screen: ActionScreen) -> None:
    from tui.ui.screens.action_menu import ActionMenu

    pane = screen.focused_pane
    entries = [
        (action, next(iter(screen.keymap.keys(action.id)), ""), action.why_not(pane))
        for action in screen.pane_actions()
    ]

    def chosen(action: Action[Any] | None) -> None:
        if action is not None:
            screen.run_action_entry(action)

    targets = pane.targets()
    title = f"{pane.TITLE}: {len(targets)} marked" if len(targets) > 1 else pane.TITLE
    screen.app.push_screen(ActionMenu(title, entries), chosen)


def _copy(screen: ActionScreen) -> None:
    text, told = screen.focused_pane.copy()
    if text:
        screen.app.copy_to_clipboard(text)
        screen.app.notify(printable(told), title="Copied", markup=False)


def _open_disk(screen: ActionScreen, kind: DiskKind | None) -> None:
    from tui.ui.screens.disk import DiskScreen

    if isinstance(screen, DiskScreen):
        screen.show_kind(kind)
    else:
        screen.app.push_screen(DiskScreen(screen.bridge, screen.keymap, screen.envtui.disk_memory, kind))


def _freeze(screen: ActionScreen) -> None:
    screen.bridge.freeze(not screen.bridge.frozen)
    screen.update_status()


EVERYWHERE_ACTIONS: tuple[Action[Any], ...] = (
    *(
        Action(f"app.pane_{pane.NUMBER}", f"Go to {pane.TITLE}", (str(pane.NUMBER),), _focus(pane.NAME))
        for pane in PANES
    ),
    Action("app.next_pane", "Next pane", ("tab",), lambda screen: screen.focus_next_pane(1)),
    Action("app.previous_pane", "Previous pane", ("shift+tab",), lambda screen: screen.focus_next_pane(-1)),
    Action("app.down", "Down", ("j", "down"), lambda screen: screen.focused_pane.move_by(1)),
    Action("app.up", "Up", ("k", "up"), lambda screen: screen.focused_pane.move_by(-1)),
    Action("app.first", "First", ("g", "home"), lambda screen: screen.focused_pane.move_first()),
    Action("app.last", "Last", ("G", "end"), lambda screen: screen.focused_pane.move_last()),
    Action("app.page_up", "Page up", ("pgup",), lambda screen: screen.focused_pane.move_pages(-1)),
    Action("app.page_down", "Page down", ("pgdn",), lambda screen: screen.focused_pane.move_pages(1)),
    Action("app.filter", "Filter rows (regular expression, ! inverts)", ("/",),
           lambda screen: screen.focused_pane.open_filter(), hint="filter"),
    Action("app.mark", "Mark or unmark, and go on", ("space",),
           lambda screen: screen.focused_pane.toggle_mark(), hint="mark"),
    Action("app.range", "Begin or end a range of marks", ("v",),
           lambda screen: screen.focused_pane.toggle_range()),
    Action("app.sort_previous", "Sort by the column before", ("<",),
           lambda screen: screen.focused_pane.sort_next(-1), why_not=_no_columns),
    Action("app.sort_next", "Sort by the next column", (">",),
           lambda screen: screen.focused_pane.sort_next(1), why_not=_no_columns, hint="sort"),
    Action("app.sort_direction", "Sort in the other direction", (".",),
           lambda screen: screen.focused_pane.reverse_sort(), why_not=_no_columns),
    Action("app.enlarge", "Enlarge the pane", ("+",), lambda screen: screen.enlarge(True)),
    Action("app.shrink", "Shrink the pane", ("_",), lambda screen: screen.enlarge(False)),
    Action("app.copy", "Copy the name, or the lines", ("y",), _copy),
    Action("app.disk", "Disk: where it went, and what can go", ("D",),
           lambda screen: _open_disk(screen, None)),
    Action("app.prune_images", "Prune images: the disk screen on images", ("P",),
           lambda screen: _open_disk(screen, DiskKind.IMAGE)),
    Action("app.palette", "Command palette", (":", "ctrl+p"),
           lambda screen: screen.app.action_command_palette()),
    Action("app.freeze", "Freeze the screen, or let it go on", ("!",), _freeze),
    Action("app.command_log", "Command log", ("@",), _open_command_log),
    Action("app.refresh", "Read everything anew", ("R",), lambda screen: screen.refresh_facts()),
    Action("app.menu", "What can be done with the selected item", ("x",), _open_menu, hint="actions"),
    Action("app.help", "Keys", ("?",), _open_help, hint="keys"),
    Action("app.close", "Close the topmost thing", ("esc",), lambda screen: screen.close_top()),
    Action("app.quit", "Quit", ("q", "ctrl+c"), lambda screen: screen.envtui.ask_to_quit(), hint="quit"),
)  # fmt: skip
