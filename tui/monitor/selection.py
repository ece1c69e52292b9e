"""What is selected on screen, as a topic of its own: panes react to it, and none talks to another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What is chosen.

    Attributes:
        container_id: of the chosen container, None before one is chosen.
        marked_ids: of the marked containers that are shown, in their order.
        prefix: of an environment of that container that somebody wished to see, None for none.
        wish: counts up when somebody wished to see a container from elsewhere than the list of containers,
            which then moves its cursor there.
    """

    container_id: str | None = None
    marked_ids: tuple[str, ...] = ()
    prefix: str | None = None
    wish: int = 0
