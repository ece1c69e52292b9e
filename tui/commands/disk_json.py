"""The disk, a plan and what became of it, as the JSON that `envtui disk` and `envtui prune` print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tui.commands.change_output import error_json
from tui.model.disk_items import SKIPPED_STATES, DiskItem, OutcomeState, ReclaimPlan, ReclaimReport
from tui.model.units import iso_time

if TYPE_CHECKING:
    from tui.model.disk import DiskPart, FileSystem
    from tui.model.errors import EnvtuiError
    from tui.model.reclaim import KindTotal

Problems = Mapping["DiskPart", "EnvtuiError"]


def item_json(item: DiskItem) -> dict[str, Any]:
    """The object that stands for an item; null is for what is not known."""
    return {
        "kind": item.kind.value,
        "id": item.id,
        "name": item.name,
        "size_bytes": item.size_bytes,
        "reclaimable_bytes": item.reclaimable_bytes,
        "created_at": iso_time(item.created_at),
        "last_used_at": iso_time(item.last_used_at),
        "safety": item.safety.value,
        "reason": item.reason,
        "loses": list(item.loses),
        "markable": item.why_not is None,
        "why_not": item.why_not,
    }


def disk_json(
    file_systems: Iterable[FileSystem],
    totals: Iterable[KindTotal],
    items: Iterable[DiskItem],
    problems: Problems,
) -> dict[str, Any]:
    """Everything."""
    return {
        "file_systems": [_file_system(each) for each in file_systems],
        "totals": [
            {
                "kind": each.kind.value,
                "count": each.count,
                "size_bytes": each.size_bytes,
                "reclaimable_bytes": each.reclaimable_bytes,
                "is_exact": each.is_exact,
            }
            for each in totals
        ],
        "items": [item_json(each) for each in items],
        "problems": problems_json(problems),
    }


def _file_system(each: FileSystem) -> dict[str, Any]:
    return {
        "path": each.path,
        "total_bytes": each.total_bytes,
        "used_bytes": each.used_bytes,
        "free_bytes": each.free_bytes,
        "inodes": each.inodes,
        "free_inodes": each.free_inodes,
        "uses": list(each.uses),
    }


def problems_json(problems: Problems) -> list[dict[str, Any]]:
    """Parts that could not be read, or not wholly."""
    return [{"part": part.value, "error": error_json(error)} for part, error in problems.items()]


def plan_json(plan: ReclaimPlan, problems: Problems) -> dict[str, Any]:
    """What would be removed, in its order, and what is left out."""
    return {
        "items": [item_json(each) for each in plan.items],
        "planned_bytes": plan.planned_bytes,
        "is_exact": plan.is_exact,
        "skipped": [_named(item) | {"reason": reason} for item, reason in plan.skipped],
        "problems": problems_json(problems),
    }


def report_json(report: ReclaimReport, problems: Problems) -> dict[str, Any]:
    """What became of each item of a plan; what was left out of it stands with what was left alone."""
    removed, failed = [], []
    skipped = [_named(item) | {"reason": reason} for item, reason in report.plan.skipped]
    for each in report.outcomes:
        named = _named(each.item)
        if each.state is OutcomeState.REMOVED:
            freed = each.reclaimed
            also = list(freed.also_removed)
            removed.append(named | {"freed_bytes": freed.freed_bytes, "also_removed": also})
        elif each.state in SKIPPED_STATES:
            reason = each.reason or each.state.value
            skipped.append(named | {"reason": reason, "state": each.state.value})
        else:
            reason = each.reason or each.state.value
            failed.append(named | {"reason": reason, "state": each.state.value})
    return {
        "removed": removed,
        "failed": failed,
        "skipped": skipped,
        "planned_bytes": report.plan.planned_bytes,
        "is_exact": report.plan.is_exact,
        "freed_bytes": report.freed_bytes,
        "note": report.note,
        "free_before_bytes": report.free_before_bytes,
        "free_after_bytes": report.free_after_bytes,
        "problems": problems_json(problems),
    }


def _named(item: DiskItem) -> dict[str, Any]:
    return {"kind": item.kind.value, "id": item.id, "name": item.name}
