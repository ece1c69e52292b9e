"""How tests of removals ask what went, what was left alone, and meddle in between."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.engine.disk_listing import DiskListing
from tests.rig.disk_actor import DiskActor
from tests.rig.proxy import EngineProxy
from tui.model.disk_items import DiskItem
from tui.model.errors import ReclaimError


def taken(actor: DiskActor, listing: DiskListing, item: DiskItem) -> set[tuple[str, str]]:
    """What is gone after the removal of an item."""
    before = actor.everything()
    listing.reclaiming.reclaim(item)
    assert not listing.reclaiming.is_there(item)
    return before - actor.everything()


def refused(
    actor: DiskActor, listing: DiskListing, item: DiskItem, kind: type[ReclaimError], words: str
) -> None:
    """Nothing goes, for a reason of this kind."""
    before = actor.everything()
    with pytest.raises(kind) as caught:
        listing.reclaiming.reclaim(item)
    assert words in caught.value.one_line()
    assert actor.everything() == before


def by_id(path: str) -> bool:
    """Whether an image is asked for by its id."""
    return path.startswith("/images/sha256")


def at_request(
    proxy: EngineProxy, method: str, is_meant: Callable[[str], bool], act: Callable[[], object]
) -> None:
    """Do something just before the first such request goes on to the engine."""
    done = threading.Event()

    def look(asked: str, path: str) -> None:
        if asked == method and is_meant(path) and not done.is_set():
            done.set()
            act()

    proxy.before = look


def refused_after(
    actor: DiskActor, listing: DiskListing, item: DiskItem, kind: type[ReclaimError], words: str
) -> ReclaimError:
    """The item is left alone for a reason of this kind."""
    with pytest.raises(kind) as caught:
        listing.reclaiming.reclaim(item)
    assert words in caught.value.one_line()
    assert (item.kind.value, item.id) in actor.everything()
    return caught.value
