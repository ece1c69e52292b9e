"""What the Logs pane says in words: its title, and why it shows no line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.model.units import format_age, format_bytes
from tui.monitor.tail import TailState
from tui.monitor.topics import SAVING
from tui.ui.log_scan import LogScan
from tui.ui.text import printable
from tui.ui.widgets.line_bar import Part

if TYPE_CHECKING:
    from tui.ui.panes.logs import LogsPane

_STATES: dict[TailState, tuple[str, str]] = {
    TailState.OPENING: ("opening …", "muted"),
    TailState.LIVE: ("● live", "good"),
    TailState.ENDED: ("○ ended", "muted"),
    TailState.LOST: ("▲ lost", "bad"),
    TailState.GONE: ("✗ container removed", "bad"),
    TailState.UNREADABLE: ("✗ can't be read", "bad"),
}


def title_left(pane: LogsPane) -> list[Part]:
    """Whose log it is, how the stream is, and what is not in the window."""
    left: list[Part] = [(f" {pane.NUMBER} {pane.TITLE} ", "strong")]
    ids = pane.open_log.container_ids
    if not ids:
        return left
    if len(ids) > 1:
        left.append((f" {len(ids)} containers merged ", ""))
    else:
        left.append((f" {printable(pane.name_of(ids[0]))} ", ""))
    assert pane.log_watch is not None
    status = pane.log_watch.status()
    behind = pane.log_watch.seconds_behind() if status.state is TailState.LIVE else 0.0
    if behind:
        words = f"{behind:.0f} s" if behind < 100 else format_age(behind)
        left.append((f" ▲ {words} behind ", "warn"))
    else:
        words, tone = _STATES[status.state]
        left.append((f" {words} ", tone))
    if status.error is not None and not pane.view.is_empty:
        left.append((f" {printable(status.error.detail or status.error.title)} ", "muted"))
    if pane.open_log.ring.left_lines > 0:
        left.append((f" {pane.open_log.ring.left_lines:,} older lines left the window ", "muted"))
    elif pane.begins_here:
        left.append((" from its beginning ", "muted"))
    return left


def title_right(pane: LogsPane) -> list[Part]:
    """What the view is narrowed to, and what is under way."""
    right: list[Part] = []
    progress = pane.bridge.monitor.store.value(SAVING)
    if progress is not None and not progress.is_over:
        right.append((f" saving {format_bytes(progress.written_bytes)} ", "badge"))
    if pane.is_fetching:
        right.append((" loading older lines … ", "muted"))
    if pane.range is not None:
        right.append((" range: move, then v ", "badge"))
    if pane.view.marked:
        right.append((f" {len(pane.view.marked)} marked ", "badge"))
    if pane.window is not None:
        right.append((f" last {format_age(pane.window)} ", "warn"))
    elif pane.lines.floor is not None:
        right.append((" cleared: esc brings it back ", "warn"))
    for sign, scan in (("&", pane.lines.filter), ("/", pane.search)):
        if scan is not None:
            right.append((_scan_words(pane, sign, scan), "bad" if scan.is_too_slow else "warn"))
    if not pane.view.following:
        below = pane.lines.share(pane.view.cursor)
        right.append((f" ‖ {max(0, below[1] - below[0] - 1):,} lines below: f follows ", "badge"))
    return right


def _scan_words(pane: LogsPane, sign: str, scan: LogScan) -> str:
    text = printable(scan.filter.text)
    if scan.is_too_slow:
        return f" {sign}{text} takes too long "
    end = "" if scan.is_done else " …"
    if sign == "/":
        place = scan.place(pane.view.cursor + 1)
        return f" /{text} {place:,} of {scan.count:,}{end} "
    return f" &{text} {scan.count:,} of {pane.open_log.ring.count:,} lines{end} "


def notice(pane: LogsPane) -> str:
    """Why there is no line, and what to do; "" where there are some."""
    if pane.log_watch is None:
        return "This host offers no logs."
    if not pane.open_log.container_ids:
        return "No container is chosen." if pane.selection.container_id is None else ""
    if not pane.view.is_empty:
        return ""
    status = pane.log_watch.status()
    if status.error is not None:
        error = status.error
        return "\n\n".join(printable(part) for part in (error.title, error.detail, error.hint) if part)
    if pane.lines.filter is not None and pane.open_log.ring.count:
        return "No line matches the filter.\n\nesc clears it"
    if pane.window is not None and pane.open_log.ring.count:
        return f"Nothing was written in the last {format_age(pane.window)}.\n\n] shows more"
    if pane.lines.floor is not None:
        return "The view was cleared; new lines appear here.\n\nesc brings the others back"
    return "" if status.state is TailState.OPENING else "Nothing has been written yet."
