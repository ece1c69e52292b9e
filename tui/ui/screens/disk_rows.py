"""What is listed on the disk screen: pure item to cells, in what groups, sorted by what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tui.model.disk_items import DiskItem, DiskKind
from tui.ui.panes.pane_columns import PaneColumn
from tui.ui.screens.disk_words import KIND_WORDS, age_words, safety_part, short_id, size_words
from tui.ui.widgets.columns import Column

# Parts of the images, apart.
_DANGLING, _UNUSED, _KEPT = (
    "dangling",
    "unused",
    "in use, or kept",
)
IMAGE_GROUPS = (_DANGLING, _UNUSED, _KEPT)
_HEADING = "heading:"
_GROUP_WORDS = {_DANGLING: ": no tag points at them", _UNUSED: ": no container needs them", _KEPT: ""}


@dataclass(frozen=True, slots=True)
class DiskRow:
    """An item, or the heading of a group of them.

    Attributes:
        key: names it for ever.
        name: foreign text.
        item: None for a heading.
        age, used: in words.
        size_bytes, reclaimable_bytes: of the item; of a group nobody knows before it is a plan.
        why_unknown: why it has no size; "" where it has one.
    """

    key: str
    name: str
    item: DiskItem | None = None
    age: str = ""
    used: str = ""
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    why_unknown: str = ""

    @property
    def is_markable(self) -> bool:
        """Whether it may be part of a plan."""
        return self.item is not None and not self.item.why_not


def row_key(item: DiskItem) -> str:
    """What names an item for ever."""
    return f"{item.kind.value}:{item.id}"


def heading_key(item: DiskItem) -> str:
    """Key of the heading that an image stands under."""
    if item.why_not:
        return _HEADING + _KEPT
    return _HEADING + (_DANGLING if item.is_dangling else _UNUSED)


def rows(
    items: Sequence[DiskItem], now: float, containers: Mapping[str, str], logs: Mapping[str, str]
) -> tuple[DiskRow, ...]:
    """A row each, and the headings of the images.

    Args:
        items: all of them.
        now: epoch seconds.
        containers: names by id.
        logs: why a log has no size, by container id.
    """
    found = [_row(each, now, containers, logs) for each in items]
    images = [each for each in items if each.kind is DiskKind.IMAGE]
    for group in IMAGE_GROUPS:
        inside = [each for each in images if heading_key(each) == _HEADING + group]
        if inside:
            found.append(DiskRow(_HEADING + group, f"{group} ({len(inside)}){_GROUP_WORDS[group]}"))
    return tuple(found)


def _row(item: DiskItem, now: float, containers: Mapping[str, str], logs: Mapping[str, str]) -> DiskRow:
    name = item.name or short_id(item) or item.id
    inside = item.kind in (DiskKind.CACHE, DiskKind.ENVIRONMENT)
    owner = containers.get(item.container_id, "") if inside else ""
    if owner and owner not in name:
        name = f"{owner}: {name}"
    why = ""
    if item.size_bytes is None:
        why = logs.get(item.container_id, "") if item.kind is DiskKind.LOG else "nobody tells it"
    return DiskRow(
        row_key(item),
        name,
        item,
        age_words(item.created_at, now),
        age_words(item.last_used_at, now),
        item.size_bytes,
        item.reclaimable_bytes,
        why,
    )


def _kind(row: DiskRow) -> tuple[str, str]:
    return (KIND_WORDS[row.item.kind], "muted") if row.item is not None else ("", "")


def _name(row: DiskRow) -> tuple[str, str]:
    return row.name, "" if row.item is not None else "strong"


def _size(row: DiskRow) -> tuple[str, str]:
    return (size_words(row.size_bytes) if row.item is not None else ""), "muted"


def _frees(row: DiskRow) -> tuple[str, str]:
    return (size_words(row.reclaimable_bytes) if row.item is not None else ""), "strong"


def _safety(row: DiskRow) -> tuple[str, str]:
    return safety_part(row.item) if row.item is not None else ("", "")


def _why(row: DiskRow) -> tuple[str, str]:
    if row.item is None:
        return "", ""
    return row.item.why_not or row.item.reason, "muted"


def _safety_rank(row: DiskRow) -> int:
    if row.item is None or row.item.why_not:
        return 3
    return list(type(row.item.safety)).index(row.item.safety)


def _since(moment: float | None) -> float:
    # what nobody knows the age of comes last
    return -moment if moment is not None else float("-inf")


_COLUMNS: tuple[PaneColumn[DiskRow], ...] = (
    PaneColumn(Column("kind", "KIND", 9), _kind, lambda row: KIND_WORDS[row.item.kind] if row.item else ""),
    PaneColumn(Column("name", "NAME", 22, widest=64, cut_middle=True), _name, lambda row: row.name.lower()),
    PaneColumn(Column("size", "SIZE", 8, align_right=True), _size, lambda row: row.size_bytes or -1,
               falls=True, why_unknown=lambda row: row.why_unknown),
    PaneColumn(Column("frees", "FREES", 8, align_right=True), _frees,
               lambda row: (row.is_markable, row.reclaimable_bytes or 0, row.size_bytes or 0),
               falls=True),
    PaneColumn(Column("safety", "SAFETY", 8), _safety, _safety_rank),
    PaneColumn(Column("age", "AGE", 4, align_right=True), lambda row: (row.age, "muted"),
               lambda row: _since(row.item.created_at if row.item else None), falls=True),
    PaneColumn(Column("used", "USED", 4, align_right=True), lambda row: (row.used, "muted"),
               lambda row: _since(row.item.last_used_at if row.item else None), falls=True),
    PaneColumn(Column("why", "WHY", 24, widest=120), _why),
)  # fmt: skip

#: Of the list of everything.
ALL_COLUMNS = _COLUMNS
#: Of the list of one kind.
KIND_COLUMNS = _COLUMNS[1:]
