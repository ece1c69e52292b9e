"""In which order rows stand: sorted by one column, and not more often than a person can follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

# Sorting by a live figure moves rows at most this often, so that they can be read.
_LIVE_SORT_SECONDS = 3.0


class RowOrder(Generic[Item]):
    """The column that rows are sorted by, the direction, and the order that holds until the next sorting."""

    def __init__(self, column: str, descending: bool, clock: Callable[[], float] | None = None) -> None:
        """Args: key of the column to begin with; another clock in monotonic seconds."""
        self.column = column
        self.descending = descending
        self._clock = clock or time.monotonic
        self._keys: tuple[str, ...] = ()
        self._sorted_at = 0.0

    def choose(self, column: str, falls: bool) -> None:
        """Sort by a column, `falls` when it begins with the largest; the same again: the other direction."""
        self.descending = not self.descending if column == self.column else falls
        self.column = column
        self.forget()

    def reverse(self) -> None:
        """Sort in the other direction."""
        self.descending = not self.descending
        self.forget()

    def forget(self) -> None:
        """Sort anew at the next turn, even by a live figure."""
        self._keys = ()

    def keys(
        self, items: Mapping[str, Item], value: Callable[[Item], Any], tie: Callable[[Item], Any], live: bool
    ) -> list[str]:
        """The keys of `items` in order.

        Args:
            items: by key.
            value: what an item is sorted by.
            tie: the order of equal ones, always upwards, so that they do not jump.
            live: `value` changes by itself.
        """
        now = self._clock()
        if live and self._keys and now - self._sorted_at < _LIVE_SORT_SECONDS:
            known = set(self._keys)
            kept = [key for key in self._keys if key in items]
            return [*kept, *(key for key in items if key not in known)]
        # three stable sorts, the last one decides
        keys = sorted(items)
        keys.sort(key=lambda key: tie(items[key]))
        keys.sort(key=lambda key: value(items[key]), reverse=self.descending)
        self._keys, self._sorted_at = tuple(keys), now
        return keys
