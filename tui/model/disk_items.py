"""Things that may go from the disk: what one is, why it may or may not, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tui.model.changes import EnvironmentChange


class DiskKind(StrEnum):
    """What an item is."""

    IMAGE = "image"
    CONTAINER = "container"
    VOLUME = "volume"
    NETWORK = "network"
    BUILD_CACHE = "build-cache"
    #: a container's log file
    LOG = "log"
    #: of a package manager inside a container
    CACHE = "cache"
    #: inside a running container
    ENVIRONMENT = "environment"


#: Kind and id: what tells an item from every other.
ItemKey = tuple[DiskKind, str]


class Safety(StrEnum):
    """What its removal can cost."""

    #: nothing that anybody made is in it
    SAFE = "safe"
    #: it can be made or fetched again, or nobody knows what is in it: look first
    CHECK = "check"
    #: work is in it that is nowhere else; its name has to be typed
    DANGER = "danger"


@dataclass(frozen=True, slots=True)
class DiskItem:
    """One thing that takes room.

    Attributes:
        kind: see there.
        id: the engine's own full form (`sha256:…`, a container's 64 digits, a volume's name, a build record's
            id); inside a container `CONTAINER_ID:PATH`; of a log `CONTAINER_ID`.
        name: what people call it; foreign text.
        size_bytes: what it takes, what it shares included; None where not known.
        reclaimable_bytes: what its removal alone gives back; 0 where it can't go, None where not known.
        created_at, last_used_at: epoch seconds, None where not known.
        safety: see there.
        reason: why it is so, in a few words.
        loses: what is lost with it, one thing a line; foreign text.
        why_not: why it can't be marked: in use, protected, another's; None where it can.
        container_id: of the container that it belongs to or is, "" for none.
        seen: how it was; it is not removed when it is different by then. What it holds is its backend's.
        references: of an image, each tag and digest that points at it.
        change: of what is done by a job inside a container.
        follows: items that have to be gone before it can go.
        is_dangling: an image that has no tag.
        is_alive: a container that has processes.
        has_run: a container that was started at least once.
    """

    kind: DiskKind
    id: str
    name: str
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    created_at: float | None = None
    last_used_at: float | None = None
    safety: Safety = Safety.CHECK
    reason: str = ""
    loses: tuple[str, ...] = ()
    why_not: str | None = None
    container_id: str = ""
    seen: str = ""
    references: tuple[str, ...] = ()
    change: EnvironmentChange | None = None
    follows: tuple[ItemKey, ...] = ()
    is_dangling: bool = False
    is_alive: bool = False
    has_run: bool = False

    @property
    def key(self) -> ItemKey:
        """Its identity."""
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class ReclaimPlan:
    """What will be removed, by id, in this order; nothing else is.

    Attributes:
        items: all of it.
        planned_bytes: what is given back once all are gone: layers that only they share are counted too.
        is_exact: False where a part of it is not known, and it may be more or less.
        skipped: what was asked for and is left out, with the reason.
    """

    items: tuple[DiskItem, ...] = ()
    planned_bytes: int = 0
    is_exact: bool = True
    skipped: tuple[tuple[DiskItem, str], ...] = ()


class OutcomeState(StrEnum):
    """What became of one item of a plan."""

    WAITING = "waiting"
    RUNNING = "running"
    REMOVED = "removed"
    #: something uses it now: it was left alone
    IN_USE = "in use now"
    #: it is not as it was when the plan was made: it was left alone
    CHANGED = "changed since"
    #: somebody else removed it
    GONE = "gone already"
    FAILED = "failed"
    #: called off before its turn
    NOT_BEGUN = "not begun"
    #: the engine was lost, and can't be asked whether it is gone
    UNKNOWN = "not known"


#: An item in one of these states has had its turn, or never will.
ENDED_STATES = frozenset(OutcomeState) - {OutcomeState.WAITING, OutcomeState.RUNNING}
#: Left alone for a good reason: no failure.
SKIPPED_STATES = frozenset(
    {OutcomeState.IN_USE, OutcomeState.CHANGED, OutcomeState.GONE, OutcomeState.NOT_BEGUN}
)


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """What a removal came to, as the engine says.

    Attributes:
        freed_bytes: None where it does not say.
        also_removed: ids that went along without being named, as reported; each is told to the user.
        parts: ids of what it consisted of: layers, and with an engine that keeps no nameless steps without
            an image (Podman, whose `noprune` does nothing) those, too; told where they were to go anyway.
    """

    freed_bytes: int | None = None
    also_removed: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one item.

    Attributes:
        item: as it was planned.
        state: see there.
        reason: in words, "" where there is nothing to say.
        reclaimed: what the engine says, of one that was removed.
    """

    item: DiskItem
    state: OutcomeState = OutcomeState.WAITING
    reason: str = ""
    reclaimed: Reclaimed = Reclaimed()


@dataclass(frozen=True, slots=True)
class ReclaimReport:
    """A plan on its way, or carried out.

    Attributes:
        plan: what was agreed to.
        outcomes: of each item, in the plan's order.
        began_at: epoch seconds.
        is_over: nothing of it is under way any more.
        is_cancelling: somebody called it off; the item under way is finished.
        freed_bytes: by the engine's account before and after; None before that is known, or where it is not.
        free_before_bytes, free_after_bytes: of the file system behind the data root, where it is here.
        note: what is worth saying of the figures, "" for nothing.
    """

    plan: ReclaimPlan
    outcomes: tuple[ItemOutcome, ...]
    began_at: float = 0.0
    is_over: bool = False
    is_cancelling: bool = False
    freed_bytes: int | None = None
    free_before_bytes: int | None = None
    free_after_bytes: int | None = None
    note: str = ""


def container_seen(state: str, finished_at: float | None, fingerprint: str) -> str:
    """How a container was, for `DiskItem.seen`.

    Args:
        state: the engine's word.
        finished_at: epoch seconds, None where it is not known or it never ran.
        fingerprint: of the changes in its layer, "" where nobody has looked.
    """
    return f"{state}\n{finished_at or ''}\n{fingerprint}"


def image_seen(tags: Iterable[str], digests: Iterable[str]) -> str:
    """How an image was, for `DiskItem.seen`: everything that points at it."""
    return "\n".join(sorted((*tags, *digests)))


def volume_seen(created_at: float | None) -> str:
    """How a volume was, for `DiskItem.seen`: what tells it from another of the same name."""
    return "" if created_at is None else str(created_at)
