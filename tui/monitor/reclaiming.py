"""Carries out a plan that removes things from the disk: one item after the other, each with its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.disk import DiskMeasure
from tui.model.disk_items import (
    DiskItem,
    ItemKey,
    ItemOutcome,
    OutcomeState,
    ReclaimPlan,
    ReclaimReport,
)
from tui.model.errors import (
    EngineTimeout,
    EnvtuiError,
    ItemChanged,
    ItemGone,
    ItemInUse,
    ReadOnlyRefusal,
)
from tui.monitor.engine_wait import LOST_SECONDS, EngineWait, is_lost
from tui.monitor.jobs import CommandRecord
from tui.monitor.poller import unexpected
from tui.monitor.reclaim_inside import INSIDE, InsideReclaiming, removal_line

if TYPE_CHECKING:
    from tui.backends.base import Reclaiming
    from tui.model.containers import Container
    from tui.monitor.exec_gate import ExecGate
    from tui.workstation import Workstation

# The engine counts for minutes on a big host; nobody waits longer for a figure.
_MEASURE_SECONDS = 60.0
# What the engine was at when the way to it was lost may still be on its way out.
_SETTLE_SECONDS = 5.0

_GONE_STATES = frozenset({OutcomeState.REMOVED, OutcomeState.GONE})
_STATES: tuple[tuple[type[EnvtuiError], OutcomeState], ...] = (
    (ItemGone, OutcomeState.GONE),
    (ItemInUse, OutcomeState.IN_USE),
    (ItemChanged, OutcomeState.CHANGED),
)


def carry_out(
    plan: ReclaimPlan,
    workstation: Workstation,
    containers: Sequence[Container],
    told: Callable[[ReclaimReport], None],
    is_cancelled: Callable[[], bool],
    gate: ExecGate | None = None,
    record: Callable[[CommandRecord], None] = lambda _: None,
    lost_seconds: float = LOST_SECONDS,
    measure_seconds: float = _MEASURE_SECONDS,
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
        lost_seconds: how long an engine that is lost in the middle is waited for.
        measure_seconds: how long the engine may count before, and again afterwards.
    """
    carrying = _Carrying(
        plan, workstation, containers, told, is_cancelled, gate, record, lost_seconds, measure_seconds
    )
    return carrying.carry_out()


class _Carrying:
    """One plan on its way."""

    def __init__(
        self,
        plan: ReclaimPlan,
        workstation: Workstation,
        containers: Sequence[Container],
        told: Callable[[ReclaimReport], None],
        is_cancelled: Callable[[], bool],
        gate: ExecGate | None,
        record: Callable[[CommandRecord], None],
        lost_seconds: float,
        measure_seconds: float,
    ) -> None:
        self._workstation = workstation
        self._told = told
        self._is_cancelled = is_cancelled
        self._record = record
        self._lost_seconds = lost_seconds
        self._measure_seconds = measure_seconds
        self._engine = EngineWait(workstation.engine, lost_seconds, is_cancelled)
        self._inside = InsideReclaiming(workstation.changes, containers, gate, self._engine, is_cancelled)
        self._names = {each.id: each.name for each in containers}
        self._report = ReclaimReport(plan, tuple(ItemOutcome(each) for each in plan.items), workstation.now())
        self._went_along: dict[ItemKey, str] = {}
        self._why_ended = ""

    def carry_out(self) -> ReclaimReport:
        """See `carry_out`."""
        self._tell()
        before = self._measure(self._is_cancelled) if self._report.plan.items else DiskMeasure()
        self._tell(free_before_bytes=before.free_bytes)
        for at, item in enumerate(self._report.plan.items):
            if (why := self._why_not_begun(item)) is not None:
                self._set(at, ItemOutcome(item, OutcomeState.NOT_BEGUN, why))
                continue
            self._set(at, ItemOutcome(item, OutcomeState.RUNNING))
            self._set(at, self._done(item))
        after = self._measure(lambda: False) if self._has_begun() else before
        self._tell(is_over=True, free_after_bytes=after.free_bytes, **_freed(before, after))
        return self._report

    # -- what is told

    def _tell(self, **changes: object) -> None:
        cancelling = self._is_cancelled() and not changes.get("is_over")
        self._report = replace(self._report, is_cancelling=cancelling, **changes)  # type: ignore[arg-type]
        self._told(self._report)

    def _set(self, at: int, outcome: ItemOutcome) -> None:
        outcomes = list(self._report.outcomes)
        outcomes[at] = outcome
        self._tell(outcomes=tuple(outcomes))

    def _has_begun(self) -> bool:
        """Whether anything was tried, so that there may be a difference."""
        return any(each.state is not OutcomeState.NOT_BEGUN for each in self._report.outcomes)

    def _measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        """How much there is; nothing known where it can't be told in time."""
        disk = self._workstation.disk
        if disk is None or self._why_ended:
            return DiskMeasure()
        until = time.monotonic() + self._measure_seconds
        try:
            return disk.measure(lambda: is_cancelled() or time.monotonic() > until)
        except EnvtuiError as error:
            diagnostics.logger("reclaim").info("not measured: %s", error.one_line())
        except Exception as error:
            diagnostics.record_exception("reclaim", error)
        return DiskMeasure()

    # -- one item

    def _why_not_begun(self, item: DiskItem) -> str | None:
        """Why an item is left alone without asking anybody; None where it is its turn."""
        if self._why_ended:
            return self._why_ended
        if self._is_cancelled():
            return "called off before its turn"
        if item.why_not is not None:
            return item.why_not
        states = {each.item.key: each for each in self._report.outcomes}
        for key in item.follows:
            other = states.get(key)
            if other is not None and other.state not in _GONE_STATES:
                return f"{other.item.name} is still there"
        return None

    def _done(self, item: DiskItem) -> ItemOutcome:
        """Have one item removed, and write it down."""
        at, began = time.time(), time.monotonic()
        try:
            outcome = self._removed(item)
        except Exception as error:
            diagnostics.record_exception("reclaim", error)
            outcome = ItemOutcome(item, OutcomeState.UNKNOWN, unexpected(error).one_line())
        for each in (*outcome.reclaimed.also_removed, *outcome.reclaimed.parts):
            self._went_along[item.kind, each] = item.name
        done = outcome.state is OutcomeState.REMOVED
        words = "done" if done and not outcome.reason else outcome.reason or outcome.state.value
        line = removal_line(item, self._names.get(item.container_id, item.container_id))
        self._record(CommandRecord(at, line, words, time.monotonic() - began, not done))
        return outcome

    def _removed(self, item: DiskItem) -> ItemOutcome:
        try:
            if item.kind in INSIDE:
                return self._inside.removed(item)
            reclaiming = self._workstation.reclaiming
            if reclaiming is None:
                raise ReadOnlyRefusal("Not removed", "nothing of this host can be removed from here")
            return ItemOutcome(item, OutcomeState.REMOVED, reclaimed=reclaiming.reclaim(item))
        except EnvtuiError as error:
            return self._settled(item, error) if is_lost(error) else self._refused(item, error)

    def _refused(self, item: DiskItem, error: EnvtuiError) -> ItemOutcome:
        state = next((state for kind, state in _STATES if isinstance(error, kind)), OutcomeState.FAILED)
        if state is OutcomeState.GONE and item.key in self._went_along:
            return ItemOutcome(item, OutcomeState.REMOVED, f"it went along with {self._went_along[item.key]}")
        return ItemOutcome(item, state, error.one_line())

    def _settled(self, item: DiskItem, lost: EnvtuiError) -> ItemOutcome:
        """What became of an item during which the engine was lost, once it answers again."""
        why = lost.one_line()
        until = time.monotonic() + self._lost_seconds
        reclaiming = self._workstation.reclaiming
        while self._engine.is_back(until):
            if item.kind in INSIDE or reclaiming is None:
                return ItemOutcome(item, OutcomeState.UNKNOWN, why)
            # an engine that only did not answer in time may still be at it
            is_slow = isinstance(lost, EngineTimeout)
            seconds = until - time.monotonic() if is_slow else _SETTLE_SECONDS
            try:
                is_gone = self._engine.holds(partial(_is_gone, reclaiming, item), seconds, not is_slow)
            except EnvtuiError as error:
                if is_lost(error):
                    continue
                return ItemOutcome(item, OutcomeState.UNKNOWN, f"{why}; then: {error.one_line()}")
            if is_gone:
                return ItemOutcome(item, OutcomeState.REMOVED, f"it is gone; {why}")
            state = OutcomeState.UNKNOWN if is_slow else OutcomeState.FAILED
            return ItemOutcome(item, state, f"it is still there; {why}")
        if not self._is_cancelled():
            self._why_ended = "the engine was lost before its turn"
        return ItemOutcome(item, OutcomeState.UNKNOWN, why)


def _is_gone(reclaiming: Reclaiming, item: DiskItem) -> bool:
    return not reclaiming.is_there(item)


def _freed(before: DiskMeasure, after: DiskMeasure) -> dict[str, object]:
    """The difference, as far as it is one: others may have written meanwhile."""
    if before.accounted_bytes is None or after.accounted_bytes is None:
        return {"freed_bytes": None}
    freed = before.accounted_bytes - after.accounted_bytes
    if freed >= 0:
        return {"freed_bytes": freed}
    return {
        "freed_bytes": None,
        "note": "the engine counts more than before: others wrote meanwhile",
    }
