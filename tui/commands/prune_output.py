"""How a prune goes, and how it went, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator

from tui.commands.disk_table import short_name
from tui.model.disk_items import ENDED_STATES, ItemOutcome, OutcomeState, ReclaimReport
from tui.model.printable import printable
from tui.model.units import format_bytes

# as on the screen: never by colour alone
_MARKS = {
    OutcomeState.REMOVED: "✓",
    OutcomeState.FAILED: "✗",
    OutcomeState.UNKNOWN: "?",
}
_LEFT = "–"


def progress_line(report: ReclaimReport) -> str:
    """How far it is, and what is under way."""
    ended = sum(each.state in ENDED_STATES for each in report.outcomes)
    now = next((each.item for each in report.outcomes if each.state is OutcomeState.RUNNING), None)
    words = f"{ended}/{len(report.outcomes)}"
    return words if now is None else f"{words} removing {now.kind} {short_name(now)}"


def outcome_line(each: ItemOutcome) -> str:
    """What became of one item; can be printed."""
    words = f"{_MARKS.get(each.state, _LEFT)} {each.state}: {each.item.kind} {short_name(each.item)}"
    freed = each.reclaimed.freed_bytes
    if each.state is OutcomeState.REMOVED and freed is not None:
        words += f", {format_bytes(freed)}"
    if each.reclaimed.also_removed:
        words += f"; went along: {', '.join(each.reclaimed.also_removed)}"
    reason = " ".join(each.reason.split())
    return printable(f"{words}: {reason}" if reason else words)


def sum_lines(report: ReclaimReport) -> Iterator[str]:
    """What was planned and what was measured; can be printed."""
    if not report.outcomes:
        yield "nothing was to be removed" if report.plan.is_exact else "what could be removed is not known"
        return
    removed = sum(each.state is OutcomeState.REMOVED for each in report.outcomes)
    freed = "not known" if report.freed_bytes is None else format_bytes(report.freed_bytes)
    about = "" if report.plan.is_exact else "about "
    planned = format_bytes(report.plan.planned_bytes)
    yield f"{removed} of {len(report.outcomes)} removed; planned {about}{planned}, freed {freed}"
    if report.note:
        yield printable(report.note)
    before, after = report.free_before_bytes, report.free_after_bytes
    if before is not None and after is not None:
        yield f"free on the disk: {format_bytes(before)} before, {format_bytes(after)} after"
