"""Knows what takes room on a host, and has it removed: reads part by part, plans, carries out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from tui.model.disk import DiskPart
from tui.model.disk_items import ItemKey, ReclaimPlan
from tui.model.errors import EnvtuiError
from tui.monitor.questions import Asking

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.losses import ContainerLosses
    from tui.model.reclaim import Protection
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.jobs import CommandRecord
    from tui.monitor.store import Store
    from tui.workstation import Workstation


class DiskKeeper:
    """Owns the threads `disk-PART`, `disk-items`, `disk-question` and `reclaim`; writes DISK and RECLAIM.

    Nothing is read before the screen was shown once, or somebody asks.
    """

    def __init__(
        self,
        workstation: Workstation,
        gate: ExecGate,
        store: Store,
        protection: Protection,
        changed: Callable[[Collection[str]], None] = lambda _: None,
        record: Callable[[CommandRecord], None] = lambda _: None,
        read_only: bool = False,
        allow_base: bool = False,
    ) -> None:
        """Make it.

        Args:
            workstation: the host's backends, of which `disk` is there.
            gate: keeps commands from containers that are being paused.
            store: CONTAINERS and ENVIRONMENTS are read, DISK and RECLAIM written.
            protection: what is never removed.
            changed: called, after something was removed, with the ids of the containers whose environments
                may be others.
            record: the command log.
            read_only: no command is run in any container, and nothing is removed.
            allow_base: packages of base may be changed.
        """
        raise NotImplementedError

    @property
    def is_running(self) -> bool:
        """Whether something is being removed."""
        raise NotImplementedError

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being read, planned or removed, and all that is known stands in DISK."""
        raise NotImplementedError

    def show(self, is_shown: bool) -> None:
        """The disk is on screen, or not any more.

        Shown: what is not known, or old, is read. Hidden: what is being read goes on to its end.
        """
        raise NotImplementedError

    def refresh(self, parts: Collection[DiskPart] | None = None) -> None:
        """Read these anew, or all; one that is being read now is not read twice."""
        raise NotImplementedError

    def cancel_reading(self) -> None:
        """Call off all that is being read; what is known of it stays."""
        raise NotImplementedError

    def plan(
        self,
        keys: Collection[ItemKey],
        planned: Callable[[ReclaimPlan], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """What removing these comes to, from a fresh look at what it rests on.

        One of the callbacks is called, from a thread, unless it is called off.
        """
        raise NotImplementedError

    def losses(
        self,
        containers: Sequence[Container],
        answered: Callable[[Mapping[str, ContainerLosses]], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """What is lost with each of these containers, by id, running or not.

        One of the callbacks is called, from a thread, unless it is called off.
        """
        raise NotImplementedError

    def begin(self, plan: ReclaimPlan) -> None:
        """Begin to carry out a plan; how it goes stands in RECLAIM.

        Raises:
            ReadOnlyRefusal: envtui runs read-only.
            ReclaimError: another is under way, or this host's things can't be removed.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Call off what is being carried out: the item under way is finished, the rest is not begun."""
        raise NotImplementedError

    def stop(self) -> None:
        """End; what the engine has begun it finishes."""
        raise NotImplementedError
