"""What is selected on screen, as a topic of its own: panes react to it, and none talks to another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen container by its id, None before one is chosen."""

    container_id: str | None = None
