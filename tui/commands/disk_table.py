"""The disk, and plans to remove things from it, as the tables that people read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from tui.commands.table import aligned
from tui.model.printable import printable
from tui.model.units import format_age, format_bytes

if TYPE_CHECKING:
    from tui.model.disk import FileSystem
    from tui.model.disk_items import DiskItem, ReclaimPlan
    from tui.model.reclaim import KindTotal

_UNKNOWN = "–"
_BAR_CELLS = 10
_STAYS = "stays"
_HEX_DIGITS, _SHORT_DIGITS = 64, 12
# what makes the reader decide stands before a narrow terminal cuts the line
_FILE_SYSTEM_TITLES = ("FILE SYSTEM", "SIZE", "FREE", "USED", "INODES", "HOLDS")
_TOTAL_TITLES = ("KIND", "COUNT", "SIZE", "", "CAN GO")
_ITEM_TITLES = ("FREES", "SIZE", "KIND", "SAFETY", "AGE", "USED", "NAME", "REASON")


def biggest_first(items: Iterable[DiskItem]) -> list[DiskItem]:
    """Those that can go first, each group by what its removal gives back, then by what it takes."""
    return sorted(
        items,
        key=lambda each: (
            each.why_not is not None, -(each.reclaimable_bytes or 0), -(each.size_bytes or 0),
            each.kind, each.name, each.id,
        ),
    )  # fmt: skip


def disk_lines(
    file_systems: Sequence[FileSystem], totals: Sequence[KindTotal], items: Iterable[DiskItem], now: float
) -> list[str]:
    """Everything, in lines that can be printed.

    Args:
        file_systems: of the host.
        totals: of each kind.
        items: in the order that they are shown in.
        now: epoch seconds, for ages.
    """
    blocks = []
    if file_systems:
        rows = [_FILE_SYSTEM_TITLES, *map(_file_system_cells, file_systems)]
        blocks.append(aligned(rows))
    if totals:
        most = max(each.size_bytes for each in totals)
        blocks.append(aligned([_TOTAL_TITLES, *(_total_cells(each, most) for each in totals)]))
    found = [_item_cells(each, now) for each in items]
    if found:
        blocks.append(aligned([_ITEM_TITLES, *found]))
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines else block
    return lines


def plan_lines(plan: ReclaimPlan, now: float) -> Iterator[str]:
    """What would be removed, with what is lost with it, and what is left out; lines that can be printed."""
    if plan.items:
        title, *lines = aligned([_ITEM_TITLES, *(_item_cells(each, now) for each in plan.items)])
        yield title
        for line, item in zip(lines, plan.items, strict=True):
            yield line
            yield from loss_lines(item)
    for item, reason in plan.skipped:
        yield printable(f"left out: {item.kind} {short_name(item)}: {reason}")
    yield plan_words(plan)


def plan_words(plan: ReclaimPlan) -> str:
    """The sum of a plan in one line."""
    if not plan.items:
        return "nothing would be removed" if plan.is_exact else "what would be removed is not known"
    things = "thing" if len(plan.items) == 1 else "things"
    about = "" if plan.is_exact else "about "
    return f"{len(plan.items)} {things} to be removed, which frees {about}{format_bytes(plan.planned_bytes)}"


def short_name(item: DiskItem) -> str:
    """A name that a line has room for: one that the engine made up is as short as it shows ids."""
    name = item.name or item.id
    is_made_up = len(name) == _HEX_DIGITS and not name.strip("0123456789abcdef")
    return f"{name[:_SHORT_DIGITS]}…" if is_made_up else name


def loss_lines(item: DiskItem) -> Iterator[str]:
    """What is lost with an item, one thing a line."""
    for each in item.loses:
        yield printable(f"    loses: {each}")


def bar(share: float) -> str:
    """A share of one as blocks: none is filled only by nothing, all only by all."""
    filled = round(min(1.0, max(0.0, share)) * _BAR_CELLS)
    if 0 < share < 1:
        filled = min(_BAR_CELLS - 1, max(1, filled))
    return "█" * filled + "░" * (_BAR_CELLS - filled)


def _file_system_cells(each: FileSystem) -> Sequence[str]:
    # as df counts: what only root can have is neither used nor free
    room = each.used_bytes + each.free_bytes
    share = each.used_bytes / room if room else 0.0
    inodes = _UNKNOWN
    if each.inodes and each.free_inodes is not None:
        inodes = f"{100 * (1 - each.free_inodes / each.inodes):.0f}%"
    return (
        each.path,
        format_bytes(each.total_bytes),
        format_bytes(each.free_bytes),
        f"{bar(share)} {100 * share:.0f}%",
        inodes,
        ", ".join(each.uses),
    )


def _total_cells(each: KindTotal, most: int) -> Sequence[str]:
    share = each.size_bytes / most if most else 0.0
    # what is not known counts nothing
    about = "" if each.is_exact else "≥ "
    return (
        each.kind.value,
        str(each.count),
        f"{about}{format_bytes(each.size_bytes)}",
        bar(share),
        f"{about}{format_bytes(each.reclaimable_bytes)}",
    )


def _item_cells(item: DiskItem, now: float) -> Sequence[str]:
    return (
        _bytes(item.reclaimable_bytes),
        _bytes(item.size_bytes),
        item.kind.value,
        item.safety.value if item.why_not is None else _STAYS,
        _age(item.created_at, now),
        _age(item.last_used_at, now),
        short_name(item),
        item.reason if item.why_not is None else item.why_not,
    )


def _bytes(count: int | None) -> str:
    return _UNKNOWN if count is None else format_bytes(count)


def _age(at: float | None, now: float) -> str:
    return _UNKNOWN if at is None else format_age(max(0.0, now - at))
