"""Words, glyphs and tones for what takes room on the disk; pure."""

from __future__ import annotations

from tui.model.disk import DiskPart
from tui.model.disk_items import (
    DiskItem,
    DiskKind,
    ItemOutcome,
    OutcomeState,
    ReclaimPlan,
    ReclaimReport,
    Safety,
)
from tui.model.printable import printable
from tui.model.units import format_age, format_bytes
from tui.ui.widgets.line_bar import Part

#: Kinds in the order of the screen.
KINDS = (
    DiskKind.IMAGE, DiskKind.CONTAINER, DiskKind.VOLUME, DiskKind.BUILD_CACHE, DiskKind.LOG,
    DiskKind.CACHE, DiskKind.ENVIRONMENT, DiskKind.NETWORK,
)  # fmt: skip

#: What lies inside containers: its bytes are part of a container's, a volume's or an image's.
INSIDE_KINDS = frozenset({DiskKind.CACHE, DiskKind.ENVIRONMENT})

KIND_WORDS = {
    DiskKind.IMAGE: "image", DiskKind.CONTAINER: "container", DiskKind.VOLUME: "volume",
    DiskKind.NETWORK: "network", DiskKind.BUILD_CACHE: "build", DiskKind.LOG: "log",
    DiskKind.CACHE: "cache", DiskKind.ENVIRONMENT: "env",
}  # fmt: skip

KIND_TITLES = {
    DiskKind.IMAGE: "images", DiskKind.CONTAINER: "containers", DiskKind.VOLUME: "volumes",
    DiskKind.NETWORK: "networks", DiskKind.BUILD_CACHE: "build cache", DiskKind.LOG: "logs",
    DiskKind.CACHE: "caches", DiskKind.ENVIRONMENT: "environments",
}  # fmt: skip

#: What a kind is read from.
KIND_PARTS = {
    DiskKind.IMAGE: (DiskPart.IMAGES,),
    DiskKind.CONTAINER: (DiskPart.CONTAINERS, DiskPart.LAYERS),
    DiskKind.VOLUME: (DiskPart.VOLUMES,),
    DiskKind.NETWORK: (DiskPart.NETWORKS,),
    DiskKind.BUILD_CACHE: (DiskPart.BUILD_CACHE,),
    DiskKind.LOG: (DiskPart.LOGS,),
    DiskKind.CACHE: (DiskPart.INSIDE,),
    DiskKind.ENVIRONMENT: (DiskPart.INSIDE,),
}

PART_WORDS = {
    DiskPart.IMAGES: "images", DiskPart.CONTAINERS: "containers", DiskPart.VOLUMES: "volumes",
    DiskPart.NETWORKS: "networks", DiskPart.BUILD_CACHE: "build cache", DiskPart.LOGS: "logs",
    DiskPart.FILE_SYSTEMS: "file systems", DiskPart.INSIDE: "inside containers",
    DiskPart.LAYERS: "stopped containers",
}  # fmt: skip

SAFETY_PARTS: dict[Safety, Part] = {
    Safety.SAFE: ("● safe", "good"),
    Safety.CHECK: ("▲ check", "warn"),
    Safety.DANGER: ("■ danger", "bad"),
}

STATE_PARTS: dict[OutcomeState, Part] = {
    OutcomeState.WAITING: ("◌ waiting", "muted"),
    OutcomeState.RUNNING: ("▶ removing", "busy"),
    OutcomeState.REMOVED: ("● removed", "good"),
    OutcomeState.IN_USE: ("○ in use now", "warn"),
    OutcomeState.CHANGED: ("○ changed since", "warn"),
    OutcomeState.GONE: ("○ gone already", "muted"),
    OutcomeState.FAILED: ("▲ failed", "bad"),
    OutcomeState.NOT_BEGUN: ("○ not begun", "muted"),
    OutcomeState.UNKNOWN: ("▲ not known", "bad"),
}


def safety_part(item: DiskItem) -> Part:
    """Glyph and word; what can't be marked stays."""
    return ("○ stays", "muted") if item.why_not else SAFETY_PARTS[item.safety]


def size_words(count: int | None) -> str:
    """Bytes, `–` where nobody knows."""
    return "–" if count is None else format_bytes(count)


def age_words(since: float | None, now: float) -> str:
    """How long ago, `–` where nobody knows."""
    return "–" if since is None else format_age(max(0.0, now - since))


def growth_words(grown_bytes: int) -> str:
    """By how much, with an arrow; "" where nothing changed."""
    if not grown_bytes:
        return ""
    return f"{'▲' if grown_bytes > 0 else '▼'} {format_bytes(abs(grown_bytes))}"


def bar(share: float, cells: int) -> str:
    """A bar of so many cells; anything above nothing fills one, anything below all leaves one."""
    full = round(share * cells)
    if 0 < share < 1:
        full = max(1, min(full, cells - 1))
    full = max(0, min(full, cells))
    return "█" * full + "░" * (cells - full)


def count_words(count: int, one: str) -> str:
    """`1 item`, `2 items`."""
    return f"{count} {one}" if count == 1 else f"{count} {one}s"


def plan_total(plan: ReclaimPlan) -> str:
    """`12 items, 34.2 GiB`."""
    about = "" if plan.is_exact else "about "
    return f"{count_words(len(plan.items), 'item')}, {about}{format_bytes(plan.planned_bytes)}"


def short_id(item: DiskItem) -> str:
    """Enough of its id to find it again; "" where the name is the id."""
    if item.kind in (DiskKind.VOLUME, DiskKind.LOG, DiskKind.CACHE, DiskKind.ENVIRONMENT):
        return ""
    return item.id.removeprefix("sha256:")[:12]


def typed_name(item: DiskItem) -> str:
    """What has to be typed for its removal: its name, its short id where it has none."""
    return item.name.strip() or short_id(item) or item.id


def outcome_words(outcome: ItemOutcome) -> str:
    """What there is to say of an outcome besides its state."""
    told = [outcome.reason] if outcome.reason else []
    freed = outcome.reclaimed.freed_bytes
    if freed is not None and freed != outcome.item.reclaimable_bytes:
        told.append(f"the engine says it freed {format_bytes(freed)}")
    also = outcome.reclaimed.also_removed
    if also:
        shown = ", ".join(each.removeprefix("sha256:")[:12] for each in also[:3])
        more = f" and {len(also) - 3} more" if len(also) > 3 else ""
        told.append(f"with it went {shown}{more}")
    return " · ".join(told)


def outcome_counts(report: ReclaimReport) -> str:
    """`10 removed, 1 in use now, 1 failed`."""
    counts: dict[OutcomeState, int] = {}
    for outcome in report.outcomes:
        counts[outcome.state] = counts.get(outcome.state, 0) + 1
    order = list(OutcomeState)
    parts = [f"{counts[state]} {state.value}" for state in sorted(counts, key=order.index)]
    return ", ".join(parts) or "nothing was done"


def freed_words(report: ReclaimReport) -> str:
    """Planned, freed as the engine counts, and the file system before and after."""
    about = "" if report.plan.is_exact else "about "
    told = [f"planned {about}{format_bytes(report.plan.planned_bytes)}"]
    freed = report.freed_bytes
    told.append("freed: not known" if freed is None else f"freed {format_bytes(freed)}")
    before, after = report.free_before_bytes, report.free_after_bytes
    if before is not None and after is not None:
        told.append(f"free on disk {format_bytes(before)} → {format_bytes(after)}")
    if report.note:
        told.append(printable(report.note))
    return " · ".join(told)
