"""The columns of a pane's table: its own, and those that other panes contribute."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tui.monitor.topics import Topic
from tui.ui.widgets.columns import Column

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class PaneColumn(Generic[Item]):
    """A column, and how an item fills it.

    Attributes:
        column: title and widths.
        cell: text (foreign text still raw) and tone of an item.
        order: what it is sorted by; None where it can't be sorted by.
        live: its figure changes by itself.
        falls: sorted from the largest down at first.
        why_unknown: why the cell of an item has no figure, for the line about the item; "" where it has one.
    """

    column: Column
    cell: Callable[[Item], tuple[str, str]]
    order: Callable[[Item], Any] | None = None
    live: bool = False
    falls: bool = False
    why_unknown: Callable[[Item], str] | None = None


@dataclass(frozen=True, slots=True)
class ContributedColumn:
    """A column that one pane adds to another one's table: the ability that fills it belongs to the one.

    Attributes:
        pane: NAME of the pane whose table gets it.
        key: the column's.
        after: key of the column that it stands behind.
        topics: what it is made from.
        make: the column, from the newest values of the topics (None before the first).
    """

    pane: str
    key: str
    after: str
    topics: tuple[Topic[Any], ...]
    make: Callable[[Callable[[Topic[Any]], Any]], PaneColumn[Any]]


class PaneColumns:
    """All columns of one table, in order."""

    def __init__(self, own: Sequence[PaneColumn[Any]]) -> None:
        """Args: the pane's own, to begin with."""
        self._own = tuple(own)
        self._contributed: list[ContributedColumn] = []
        self._all = self._own

    def __iter__(self) -> Iterator[PaneColumn[Any]]:
        return iter(self._all)

    def __getitem__(self, key: str) -> PaneColumn[Any]:
        return next(each for each in self._all if each.column.key == key)

    def __contains__(self, key: str) -> bool:
        return any(each.column.key == key for each in self._all)

    @property
    def first(self) -> PaneColumn[Any]:
        """What is sorted by at first."""
        return self._all[0]

    @property
    def titles(self) -> list[Column]:
        """What the table needs to know of them."""
        return [each.column for each in self._all]

    @property
    def sortable(self) -> list[str]:
        """Keys of those that can be sorted by."""
        return [each.column.key for each in self._all if each.order is not None]

    @property
    def topics(self) -> tuple[Topic[Any], ...]:
        """What the contributed ones are made from."""
        return tuple(topic for each in self._contributed for topic in each.topics)

    def own(self, columns: Sequence[PaneColumn[Any]], value: Callable[[Topic[Any]], Any]) -> None:
        """Have others of its own from now on."""
        self._own = tuple(columns)
        self.fill(value)

    def contribute(self, column: ContributedColumn) -> None:
        """Have one more, of another pane."""
        self._contributed.append(column)
        self.fill(lambda _: None)

    def fill(self, value: Callable[[Topic[Any]], Any]) -> None:
        """Make the contributed ones from what is known now."""
        columns = list(self._own)
        for each in self._contributed:
            keys = [column.column.key for column in columns]
            place = keys.index(each.after) + 1 if each.after in keys else len(keys)
            columns.insert(place, each.make(value))
        self._all = tuple(columns)

    def contributed_cells(self, item: Any) -> tuple[tuple[str, str], ...]:
        """What others say of an item; it is no part of the item."""
        return tuple(self[each.key].cell(item) for each in self._contributed)

    def reasons(self, item: Any) -> list[str]:
        """Why cells of an item have no figure, a few words each."""
        return [
            f"{each.column.title.lower()} – ({reason})"
            for each in self._all
            if each.why_unknown is not None and (reason := each.why_unknown(item))
        ]
