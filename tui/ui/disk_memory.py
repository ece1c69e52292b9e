"""What the disk screen keeps from one look to the next, as long as the app runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tui.model.disk import FileSystem
from tui.model.disk_items import DiskKind, ItemKey


@dataclass(slots=True)
class DiskMemory:
    """Belongs to the event loop.

    Attributes:
        first_sizes: bytes of each kind when it was known for the first time.
        first_used: bytes used on each file system, by path, when it was known for the first time.
        marked: what was marked when the screen was left.
    """

    first_sizes: dict[DiskKind, int] = field(default_factory=dict)
    first_used: dict[str, int] = field(default_factory=dict)
    marked: frozenset[ItemKey] = frozenset()

    def size_growth(self, kind: DiskKind, size_bytes: int) -> int:
        """By how much a kind grew since it was known for the first time, in bytes; negative: it shrank."""
        return size_bytes - self.first_sizes.setdefault(kind, size_bytes)

    def used_growth(self, systems: Iterable[FileSystem]) -> dict[str, int]:
        """By how much each file system was filled since it was known for the first time, in bytes."""
        return {
            each.path: each.used_bytes - self.first_used.setdefault(each.path, each.used_bytes)
            for each in systems
        }
