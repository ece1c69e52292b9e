"""What becomes of a plan when the engine is lost, killed, or has no room left to work in."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.disk_listing import DiskListing
from tests.rig.disk_actor import DiskActor
from tests.rig.engine import IMAGE, PrivateEngine
from tests.rig.proxy import EngineProxy
from tui.model.disk_items import DiskItem, OutcomeState, ReclaimPlan, ReclaimReport
from tui.model.errors import EngineError, ItemStays
from tui.monitor.reclaiming import carry_out
from tui.workstation import open_local


class SmallEngine(PrivateEngine):
    """An engine whose data root is a file system of its own, and small."""

    def _lay_out(self) -> None:
        super()._lay_out()
        self.data = self.folder / "data"
        options = ["-t", "tmpfs", "-o", "size=96m,mode=711", "tmpfs"]
        subprocess.run(["mount", *options, str(self.data)], check=True, capture_output=True)

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written where containers, images and volumes are kept."""
        with contextlib.ExitStack() as undo:
            for name in ("containers", "image", "overlay2", "volumes"):
                folder = str(self.data / name)
                subprocess.run(["mount", "--bind", folder, folder], check=True, capture_output=True)
                undo.callback(subprocess.run, ["umount", folder], check=True, capture_output=True)
                options = ["-o", "remount,bind,ro", folder]
                subprocess.run(["mount", *options], check=True, capture_output=True)
            yield


@pytest.fixture(scope="module")
def small(engine: PrivateEngine) -> Iterator[SmallEngine]:
    # the session's engine says whether one can run here
    assert engine.pid
    with SmallEngine() as private:
        private.build_image()
        yield private


@pytest.fixture
def actor(small: SmallEngine) -> Iterator[DiskActor]:
    somebody = DiskActor(small)
    yield somebody
    small.recover()
    somebody.clear()


def test_a_full_disk_is_told_or_emptied(small: SmallEngine, actor: DiskActor) -> None:
    image, container = actor.image("one:1", "two:1", base=IMAGE, size=100_000), actor.ended()
    listing = DiskListing(small.host)
    items = [listing.image(image), listing.container(container), listing.volume(actor.volume("data"))]
    filler = small.data / "filler"
    fill(filler)
    try:
        outcomes = [outcome(listing, item) for item in items]
    finally:
        filler.unlink()
    there = actor.everything()
    for item, failure in zip(items, outcomes, strict=True):
        # with no byte to spare an engine can't remove everything: what stays is there, and it says why
        assert ((item.kind.value, item.id) in there) == (failure is not None), failure
        assert failure is None or "no space left" in failure.detail
    if outcomes[0] is not None:
        assert actor.references(image) == {"one:1", "two:1"}


def test_a_disk_that_is_read_only_loses_nothing_and_says_so(small: SmallEngine, actor: DiskActor) -> None:
    image, container = actor.image("one:1", "two:1", base=IMAGE), actor.ended()
    listing = DiskListing(small.host)
    items = [listing.image(image), listing.container(container), listing.volume(actor.volume("data"))]
    with small.read_only():
        outcomes = [outcome(listing, item) for item in items]
    for item, failure in zip(items, outcomes, strict=True):
        assert isinstance(failure, ItemStays), (item, failure)
        assert "read-only file system" in failure.detail
    small.restart()
    assert {(each.kind.value, each.id) for each in items} <= actor.everything()
    assert actor.references(image) == {"one:1", "two:1"}


def test_each_item_is_known_after_the_engine_was_killed_in_the_middle(
    small: SmallEngine, actor: DiskActor
) -> None:
    images = [actor.image(f"a{number}:1", f"b{number}:1", f"c{number}:1", base=IMAGE) for number in range(4)]
    items = [DiskListing(small.host).image(image) for image in images]
    with EngineProxy(small.socket_path) as proxy:
        # the second image has lost a tag by then
        kill_at(proxy, small, 4)
        report = carried_out(items, proxy)
        proxy.before = None
    there = {identity for kind, identity in actor.everything() if kind == "image"}
    for each in report.outcomes:
        assert (each.item.id in there) == (each.state is not OutcomeState.REMOVED), each
    assert report.outcomes[0].state is OutcomeState.REMOVED
    assert report.outcomes[1].state is OutcomeState.FAILED
    # what was taken is back
    assert actor.references(images[1]) == {"a1:1", "b1:1", "c1:1"}
    assert [each.state for each in report.outcomes[2:]] == [OutcomeState.REMOVED] * 2


def test_an_engine_that_comes_never_back_leaves_the_rest_not_begun(
    small: SmallEngine, actor: DiskActor
) -> None:
    images = [actor.image(f"a{number}:1", f"b{number}:1", base=IMAGE) for number in range(3)]
    items = [DiskListing(small.host).image(image) for image in images]
    with EngineProxy(small.socket_path) as proxy:
        kill_at(proxy, small, 3, comes_back=False)
        report = carried_out(items, proxy, lost_seconds=2.0)
    states = [each.state for each in report.outcomes]
    assert states == [OutcomeState.REMOVED, OutcomeState.UNKNOWN, OutcomeState.NOT_BEGUN]
    assert "taken from it by then" not in report.outcomes[1].reason
    small.start()
    there = {identity for kind, identity in actor.everything() if kind == "image"}
    assert images[0] not in there
    assert set(images[1:]) <= there


def outcome(listing: DiskListing, item: DiskItem) -> EngineError | ItemStays | None:
    """Why an item was not removed; None where it was."""
    try:
        listing.reclaiming.reclaim(item)
    except (EngineError, ItemStays) as error:
        return error
    return None


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                continue


def kill_at(proxy: EngineProxy, engine: PrivateEngine, number: int, comes_back: bool = True) -> None:
    """Kill the engine just before its nth DELETE; it is started again, or not."""
    lock = threading.Lock()
    count = 0

    def look(method: str, path: str) -> None:
        nonlocal count
        with lock:
            count += method == "DELETE"
            is_now = method == "DELETE" and count == number
        if is_now:
            engine.kill()
            if comes_back:
                threading.Thread(target=engine.start, daemon=True).start()

    proxy.before = look


def carried_out(items: list[DiskItem], proxy: EngineProxy, lost_seconds: float = 60.0) -> ReclaimReport:
    """A plan of these, carried out through a proxy."""
    workstation = open_local(proxy.host, {})
    return carry_out(
        ReclaimPlan(tuple(items)), workstation, (), lambda _: None, lambda: False, lost_seconds=lost_seconds
    )
