"""Carries out a plan that removes things from the disk: one item after the other, each with its outcome."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.model.disk_items import ReclaimPlan, ReclaimReport

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.jobs import CommandRecord
    from tui.workstation import Workstation


def carry_out(
    plan: ReclaimPlan,
    workstation: Workstation,
    containers: Sequence[Container],
    told: Callable[[ReclaimReport], None],
    is_cancelled: Callable[[], bool],
    gate: ExecGate | None = None,
    record: Callable[[CommandRecord], None] = lambda record: None,
) -> ReclaimReport:
    """Remove what a plan lists, in its order, and nothing else; blocks until all of it is over.

    Never raises for what becomes of an item: each has its outcome.

    Args:
        plan: what was agreed to.
        workstation: the host's backends.
        containers: all that the engine lists.
        told: called with how it stands, from the same thread, at every step.
        is_cancelled: asked between items and while a job runs in a container; the item under way is finished
            or, inside a container, called off; the rest is not begun.
        gate: keeps commands from containers that are being paused; None where nobody pauses any.
        record: the command log.
    """
    raise NotImplementedError
