"""What the Logs pane can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.ui.actions import Action

if TYPE_CHECKING:
    from tui.ui.panes.logs import LogsPane


def _nothing_open(pane: LogsPane) -> str | None:
    return None if pane.open_log.container_ids else "no log is open"


def _no_search(pane: LogsPane) -> str | None:
    return None if pane.search is not None else "nothing is searched for: / begins"


def _nothing_to_merge(pane: LogsPane) -> str | None:
    enough = pane.is_merged or len(pane.marked_ids) > 1
    return None if enough else "mark two or more containers first"


def _no_line(pane: LogsPane) -> str | None:
    return "there is no line" if pane.view.is_empty else None


def show_line(pane: LogsPane) -> None:
    """The line under the cursor, all of it, on a screen of its own."""
    from tui.ui.screens.log_line import LogLineScreen

    number = pane.view.cursor
    line = pane.open_log.ring.line(number)
    if line is not None:
        pane.app.push_screen(LogLineScreen(line, pane.bridge))


def save(pane: LogsPane) -> None:
    """Ask where to, then save the whole log or what the filter leaves; while one is saved: cancel it."""
    from tui.ui.screens.save_log import SaveChoice, SaveLogScreen

    saver = pane.bridge.monitor.saver
    if saver is None:
        return
    if saver.is_running:
        saver.cancel()
        return
    ids, lines = pane.open_log.container_ids, pane.lines
    matching = lines.filter.count if lines.filter is not None else None

    def chosen(choice: SaveChoice | None) -> None:
        if choice is None:
            return
        if choice.whole and len(ids) == 1:
            saver.save(ids[0], pane.name_of(ids[0]), choice.path, choice.replace)
        else:
            saver.save_lines(pane.title_words(), pane.shown_lines(), choice.path, choice.replace)

    pane.app.push_screen(SaveLogScreen(pane.title_words(), pane.bridge.ask, matching), chosen)


ACTIONS: tuple[Action[Any], ...] = (
    Action("logs.follow", "Follow the newest line", ("f",), lambda pane: pane.follow(), hint="follow"),
    Action("logs.search", "Search (regular expression)", ("/",), lambda pane: pane.open_bar("/"),
           hint="search", replaces="app.filter"),
    Action("logs.next_match", "Next match", ("n",), lambda pane: pane.go_to_match(1), why_not=_no_search),
    Action("logs.previous_match", "Previous match", ("N",), lambda pane: pane.go_to_match(-1),
           why_not=_no_search),
    Action("logs.filter", "Show only lines that match (! inverts)", ("&",), lambda pane: pane.open_bar("&"),
           hint="filter"),
    Action("logs.times", "Timestamps on or off", ("t",), lambda pane: pane.toggle_times(), hint="times"),
    Action("logs.wrap", "Wrap long lines, or not", ("w",), lambda pane: pane.toggle_wrap(), hint="wrap"),
    Action("logs.line", "The whole line", ("enter",), show_line, why_not=_no_line, hint="line"),
    Action("logs.mark", "Mark or unmark the line", ("m",), lambda pane: pane.mark_line(), why_not=_no_line),
    Action("logs.shorter", "Shorter time window", ("[",), lambda pane: pane.change_window(-1), hint="window"),
    Action("logs.longer", "Longer time window", ("]",), lambda pane: pane.change_window(1)),
    Action("logs.left", "Show what is further left", ("left",), lambda pane: pane.view.move_sideways(-1)),
    Action("logs.right", "Show what is further right", ("right",), lambda pane: pane.view.move_sideways(1)),
    Action("logs.save", "Save the log", ("ctrl+s",), save, why_not=_nothing_open, hint="save"),
    Action("logs.clear", "Clear the view", ("c",), lambda pane: pane.clear(), hint="clear"),
    Action("logs.merge", "Merge the marked containers' logs, or no longer", ("L",),
           lambda pane: pane.toggle_merge(), why_not=_nothing_to_merge, hint="merge"),
)  # fmt: skip
