"""What is known of the disk by now, part by part, each with its own age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.model.disk import DiskFacts, DiskPart
from tui.model.disk_items import DiskItem
from tui.model.errors import EnvtuiError


@dataclass(frozen=True, slots=True)
class PartState:
    """How the reading of one part stands.

    Attributes:
        taken_at: monotonic seconds of the newest answer, 0.0 before the first.
        duration: seconds that it took.
        reading_since: monotonic seconds since when it is being read, None where it is not.
        error: why the newest reading failed; None where it did not. An answer before it stays.
        was_cancelled: somebody called the newest reading off.
    """

    taken_at: float = 0.0
    duration: float = 0.0
    reading_since: float | None = None
    error: EnvtuiError | None = None
    was_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class KnownDisk:
    """All that is known.

    Attributes:
        facts: the newest of each part.
        parts: how each stands.
        items: what the facts come to, as `tui.model.reclaim.disk_items` says.
    """

    facts: DiskFacts = field(default_factory=DiskFacts)
    parts: Mapping[DiskPart, PartState] = field(default_factory=dict)
    items: tuple[DiskItem, ...] = ()

    @property
    def is_reading(self) -> bool:
        """Whether anything is being read."""
        return any(each.reading_since is not None for each in self.parts.values())
