"""What is selected on screen, as a topic of its own: panes react to it, and none talks to another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen.

    Attributes:
        container_id: of the chosen container, None before one is chosen.
        marked_ids: of the marked containers that are shown, in their order.
    """

    container_id: str | None = None
    marked_ids: tuple[str, ...] = ()
