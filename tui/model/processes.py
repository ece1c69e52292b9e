"""The processes of a container, as the engine's `ps` lists them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProcessTable:
    """Column titles and one row a process, each row as long as the titles."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
