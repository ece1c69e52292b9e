"""Remembers in which containers changes were begun, so that they are found again in the next run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tui.backends.shells.kept_files import KeptEntries

# Nobody has more with unfinished changes; beyond, the oldest are looked for by hand.
_MOST_CONTAINERS = 200
_FULL_ID = 64


class KeptJobs:
    """A file of container ids; what stands in it besides is for people who look into it."""

    def __init__(self, folder: Path, wall_clock: Callable[[], float] = time.time) -> None:
        """Args: where the file is, nothing is opened yet; the time in epoch seconds."""
        self._entries = KeptEntries(folder / "containers.json")
        self._wall_clock = wall_clock

    def containers(self) -> frozenset[str]:
        """Full ids of the containers that have jobs. Raises SessionError where the file can't be read."""
        return frozenset(filter(_is_id, self._entries.read()))

    def note(self, container_id: str, container_name: str) -> None:
        """A job is begun in this one. Raises SessionError where that can't be written."""
        with self._entries.changing() as entries:
            entries[container_id] = {"name": container_name, "at": round(self._wall_clock())}
            oldest_first = sorted(entries, key=lambda each: _noted_at(entries[each]))
            for each in oldest_first[: max(0, len(entries) - _MOST_CONTAINERS)]:
                del entries[each]

    def forget(self, container_id: str) -> None:
        """No job is left in this one. Raises SessionError where that can't be written."""
        if container_id in self._entries.read():
            with self._entries.changing() as entries:
                entries.pop(container_id, None)


def _is_id(text: str) -> bool:
    return len(text) == _FULL_ID and set(text) <= set("0123456789abcdef")


def _noted_at(entry: Any) -> float:
    at = entry.get("at") if isinstance(entry, dict) else None
    return float(at) if isinstance(at, int | float) else 0.0
