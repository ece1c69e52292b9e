"""What may go from the disk, why, what is lost with it, and how many bytes that is: pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tui.model.containers import Container
from tui.model.disk import DiskFacts
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, ReclaimPlan, Safety
from tui.model.image_sharing import ImageSharing
from tui.model.inside_making import InsideMaking
from tui.model.item_making import STANDS, Making
from tui.model.protection import Protection, image_names

__all__ = [
    "KindTotal",
    "Protection",
    "PruneRequest",
    "disk_items",
    "plan_of",
    "prune_plan",
    "safe_keys",
    "totals",
]

# Containers hold images, volumes and networks; jobs in containers come while these are there.
_ORDER = (
    DiskKind.CACHE, DiskKind.ENVIRONMENT, DiskKind.CONTAINER, DiskKind.IMAGE, DiskKind.BUILD_CACHE,
    DiskKind.VOLUME, DiskKind.NETWORK, DiskKind.LOG,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KindTotal:
    """What all items of a kind come to.

    Attributes:
        kind: see there.
        count: of items.
        size_bytes: of all, each layer of images once; what is not known counts nothing.
        reclaimable_bytes: of those that can go, all at once.
        is_exact: False where something is not known.
    """

    kind: DiskKind
    count: int
    size_bytes: int
    reclaimable_bytes: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class PruneRequest:
    """What somebody wants to be rid of, by its kind.

    Attributes:
        kinds: of items.
        all_images: those with a tag that nothing uses, too, not only those without.
        older_than_seconds: since their last use, or their making where that is not told; None for any age.
        keep: shell patterns of names, for images of `repository:tag`, that are left alone.
    """

    kinds: frozenset[DiskKind]
    all_images: bool = False
    older_than_seconds: float | None = None
    keep: tuple[str, ...] = ()


def disk_items(
    facts: DiskFacts,
    containers: Sequence[Container],
    protection: Protection,
    allow_base: bool = False,
) -> tuple[DiskItem, ...]:
    """Everything that takes room, also what can't go, by kind, in the order in which it would go.

    Args:
        facts: what is known.
        containers: all that the engine lists.
        protection: what is never removed.
        allow_base: packages of base may be changed; base itself never goes.
    """
    making = Making(facts, containers, protection)
    inside = InsideMaking(facts, containers, protection, allow_base)
    return (
        *inside.caches(),
        *inside.environments(),
        *making.containers(),
        *making.images(),
        *making.build_records(),
        *making.volumes(),
        *making.networks(),
        *making.logs(),
    )


def safe_keys(items: Sequence[DiskItem]) -> frozenset[ItemKey]:
    """Those that can go and cost nobody anything."""
    return frozenset(each.key for each in items if each.safety is Safety.SAFE and each.why_not is None)


def plan_of(items: Sequence[DiskItem], keys: Collection[ItemKey], facts: DiskFacts) -> ReclaimPlan:
    """The plan of removing these.

    What can't go, and what can't go because something else stays, is in `skipped`. A nameless step of a build
    whose last image goes would be left behind without a use: it goes too, as an item of its own.

    Args:
        items: all, as `disk_items` gave them.
        keys: of what is wanted; one that is no item any more is left out without a word.
        facts: the items rest on.
    """
    return _planned(items, keys, facts)


def _planned(
    items: Sequence[DiskItem],
    keys: Collection[ItemKey],
    facts: DiskFacts,
    stays: Collection[ItemKey] = (),
) -> ReclaimPlan:
    """The plan of `plan_of`, in which none of `stays` goes along."""
    by_key = {each.key: each for each in items}
    wanted = [by_key[key] for key in dict.fromkeys(keys) if key in by_key]
    skipped: list[tuple[DiskItem, str]] = []
    chosen: dict[ItemKey, DiskItem] = {}
    for item in wanted:
        if item.why_not is None or _waits_for_children(item):
            chosen[item.key] = item
        else:
            skipped.append((item, item.why_not))
    _add_parents(chosen, by_key, facts, stays)
    _drop_held(chosen, by_key, skipped)
    ordered = _ordered(chosen, items)
    planned, is_exact = _bytes_of(ordered, facts)
    return ReclaimPlan(
        tuple(replace(each, why_not=None) for each in ordered), planned, is_exact, tuple(skipped)
    )


def prune_plan(
    items: Sequence[DiskItem],
    request: PruneRequest,
    facts: DiskFacts,
    now: float,
    agreed: Collection[ItemKey] = (),
) -> ReclaimPlan:
    """The plan of what somebody asked for by kind; what is left out for a reason is in `skipped`.

    Args:
        items: all, as `disk_items` gave them.
        request: what is wanted.
        facts: the items rest on.
        now: epoch seconds.
        agreed: of the dangerous ones, those whose name was typed; the others are left out.
    """
    keys: list[ItemKey] = []
    skipped: list[tuple[DiskItem, str]] = []
    for item in items:
        if not _is_meant(item, request):
            continue
        why = (
            (None if _waits_for_children(item) else item.why_not)
            or _kept(item, request.keep)
            or _too_young(item, request.older_than_seconds, now)
            or _not_agreed(item, agreed)
        )
        if why is None:
            keys.append(item.key)
        else:
            skipped.append((item, why))
    plan = _planned(items, keys, facts, {each.key for each, _ in skipped})
    return replace(plan, skipped=(*skipped, *plan.skipped))


def totals(items: Sequence[DiskItem], facts: DiskFacts) -> tuple[KindTotal, ...]:
    """What each kind comes to, of those kinds that there are."""
    found = []
    sharing = ImageSharing(facts.images or (), facts.build_cache)
    for kind in _ORDER:
        of_kind = [each for each in items if each.kind is kind]
        if not of_kind:
            continue
        size = sum(each.size_bytes or 0 for each in of_kind)
        is_exact = all(each.size_bytes is not None for each in of_kind)
        if kind is DiskKind.IMAGE:
            once = sharing.all_bytes()
            size, is_exact = (size, False) if once is None else (once, True)
        free = [each for each in of_kind if each.why_not is None]
        reclaimable, is_freed_exact = _bytes_of(free, facts, sharing)
        found.append(KindTotal(kind, len(of_kind), size, reclaimable, is_exact and is_freed_exact))
    return tuple(found)


# -- what a plan is made of


def _waits_for_children(item: DiskItem) -> bool:
    """It can go as soon as what stands on it is gone, and nothing else is in its way."""
    return bool(item.follows) and item.why_not == STANDS


def _add_parents(
    chosen: dict[ItemKey, DiskItem],
    by_key: Mapping[ItemKey, DiskItem],
    facts: DiskFacts,
    stays: Collection[ItemKey],
) -> None:
    """The nameless steps that only what goes stands on, but for what is asked to stay."""
    images = {each.id: each for each in facts.images or ()}
    children: dict[str, set[str]] = {}
    for each in images.values():
        if each.parent_id:
            children.setdefault(each.parent_id, set()).add(each.id)
    waiting = [item.id for item in chosen.values() if item.kind is DiskKind.IMAGE]
    gone = set(waiting)
    while waiting:
        image = images.get(waiting.pop())
        parent = images.get(image.parent_id) if image is not None else None
        if parent is None or not parent.is_intermediate:
            continue
        key = (DiskKind.IMAGE, parent.id)
        item = by_key.get(key)
        if item is None or key in chosen or key in stays or not children[parent.id] <= gone:
            continue
        if item.why_not is None or _waits_for_children(item):
            chosen[key] = item
            gone.add(parent.id)
            waiting.append(parent.id)


def _drop_held(
    chosen: dict[ItemKey, DiskItem],
    by_key: Mapping[ItemKey, DiskItem],
    skipped: list[tuple[DiskItem, str]],
) -> None:
    """Leave out what follows something that stays; until nothing more has to be."""
    while True:
        held = [
            (item, by_key[key])
            for item in chosen.values()
            for key in item.follows
            if key not in chosen and key in by_key
        ]
        if not held:
            return
        for item, other in held:
            if chosen.pop(item.key, None) is not None:
                skipped.append((item, f"{other.name} stands on it, and stays"))


def _ordered(chosen: Mapping[ItemKey, DiskItem], items: Sequence[DiskItem]) -> list[DiskItem]:
    """By kind, and what is followed first; else as listed."""
    place = {each.key: number for number, each in enumerate(items)}
    pending = sorted(chosen.values(), key=lambda each: (_ORDER.index(each.kind), place[each.key]))
    ordered: list[DiskItem] = []
    done: set[ItemKey] = set()
    open_: set[ItemKey] = set()
    for first in pending:
        stack = [first]
        while stack:
            item = stack[-1]
            rest = [
                chosen[key] for key in item.follows if key in chosen and key not in done and key not in open_
            ]
            open_.add(item.key)
            if rest:
                stack.extend(rest)
                continue
            stack.pop()
            if item.key not in done:
                done.add(item.key)
                ordered.append(item)
    return ordered


def _bytes_of(
    items: Sequence[DiskItem], facts: DiskFacts, sharing: ImageSharing | None = None
) -> tuple[int, bool]:
    """What is free once all of these are gone, and whether that is exact."""
    sharing = sharing or ImageSharing(facts.images or (), facts.build_cache)
    images = [each.id for each in items if each.kind is DiskKind.IMAGE]
    records = [each.id for each in items if each.kind is DiskKind.BUILD_CACHE]
    total, is_exact = sharing.freed(images, records)
    containers = {each.id for each in items if each.kind is DiskKind.CONTAINER}
    for each in items:
        if each.kind in (DiskKind.IMAGE, DiskKind.BUILD_CACHE):
            continue
        if each.kind is not DiskKind.CONTAINER and each.container_id in containers:
            # it lies in the layer that goes as a whole
            continue
        is_exact = is_exact and each.reclaimable_bytes is not None
        total += each.reclaimable_bytes or 0
    return total, is_exact


# -- what a request means


def _is_meant(item: DiskItem, request: PruneRequest) -> bool:
    if item.kind not in request.kinds:
        return False
    if item.kind is DiskKind.CONTAINER:
        return item.why_not is None or not item.is_alive
    if item.kind is DiskKind.IMAGE:
        return item.is_dangling or request.all_images
    return True


def _kept(item: DiskItem, patterns: Sequence[str]) -> str | None:
    names = (*image_names(item.references), item.name) if item.kind is DiskKind.IMAGE else (item.name,)
    for pattern in patterns:
        if any(fnmatchcase(name, pattern) for name in names):
            return f"kept: its name is like {pattern}"
    return None


def _too_young(item: DiskItem, seconds: float | None, now: float) -> str | None:
    if seconds is None:
        return None
    since = item.last_used_at if item.last_used_at is not None else item.created_at
    if item.kind is DiskKind.CONTAINER and item.last_used_at is None and item.has_run:
        # it was made long ago, and may have ended a minute ago
        since = None
    if since is None:
        return "its age is not known"
    return None if now - since > seconds else "it is not that old"


def _not_agreed(item: DiskItem, agreed: Collection[ItemKey]) -> str | None:
    if item.safety is not Safety.DANGER or item.key in agreed:
        return None
    return f"its name has to be typed: {item.reason}"
