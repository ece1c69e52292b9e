"""One item goes from a real engine exactly as it was listed, or is left alone with the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.engine.disk_listing import DiskListing
from tests.rig.disk_actor import DiskActor
from tests.rig.engine import IMAGE, PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.registry import Registry
from tests.rig.waiting import until
from tui.model.disk_items import DiskItem, DiskKind, container_seen, volume_seen
from tui.model.errors import (
    EngineLost,
    ItemChanged,
    ItemGone,
    ItemInUse,
    ItemStays,
    ReclaimError,
)


@pytest.fixture
def actor(clean_engine: PrivateEngine) -> Iterator[DiskActor]:
    somebody = DiskActor(clean_engine)
    yield somebody
    clean_engine.recover()
    somebody.clear()


@pytest.fixture
def listing(clean_engine: PrivateEngine) -> DiskListing:
    return DiskListing(clean_engine.host)


@pytest.fixture
def through(proxy: EngineProxy, listing: DiskListing) -> DiskListing:
    """The same engine, asked through a proxy that can be told to fail."""
    assert listing
    return DiskListing(proxy.host)


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


# -- images


def test_an_image_goes_with_all_its_tags_and_nothing_else(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image("one:1", "one:2", "registry:5000/two/of:1", base=IMAGE)
    assert taken(actor, listing, listing.image(image)) == {("image", image)}


def test_an_untagged_image_goes(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image(base=IMAGE)
    assert taken(actor, listing, listing.image(image)) == {("image", image)}


def test_a_parent_without_a_name_stays_when_its_child_goes(actor: DiskActor, listing: DiskListing) -> None:
    parent = actor.image(base=IMAGE)
    child = actor.image("child:1", base=parent)
    assert taken(actor, listing, listing.image(child)) == {("image", child)}
    assert taken(actor, listing, listing.image(parent)) == {("image", parent)}


def test_an_image_that_others_stand_on_keeps_its_tags(actor: DiskActor, listing: DiskListing) -> None:
    parent = actor.image("parent:1", "other:1", base=IMAGE)
    actor.image("child:1", base=parent)
    refused(actor, listing, listing.image(parent), ItemInUse, "image child:1 stands on it")
    assert actor.references(parent) == {"parent:1", "other:1"}


def test_an_image_of_a_stopped_container_keeps_its_tags(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = listing.image(image)
    actor.ended(image, "training")
    refused(actor, listing, item, ItemInUse, "stopped container training needs it")
    assert actor.references(image) == {"one:1", "two:1"}


def test_an_image_that_is_used_between_its_tags_gets_them_back(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    image = actor.image("one:1", "two:1", "three:1", base=IMAGE)
    item = through.image(image)
    at_request(proxy, "DELETE", by_id, lambda: actor.container(image, "training"))
    refused_after(actor, through, item, ItemInUse, "container training needs it; put back: ")
    assert actor.references(image) == {"one:1", "two:1", "three:1"}


def test_an_image_that_is_tagged_between_its_tags_keeps_them_all(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = through.image(image)
    at_request(proxy, "DELETE", by_id, lambda: actor.tag(image, "keep:1"))
    refused_after(actor, through, item, ItemChanged, "keep:1 points at it now")
    assert actor.references(image) == {"one:1", "two:1", "keep:1"}


def test_an_image_with_another_tag_is_left_alone(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image("one:1", base=IMAGE)
    item = listing.image(image)
    actor.tag(image, "keep:1")
    refused(actor, listing, item, ItemChanged, "keep:1 points at it now")


def test_a_tag_that_moved_is_not_taken_from_where_it_is(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = listing.image(image)
    other = actor.image("two:1", base=IMAGE)
    refused(actor, listing, item, ItemChanged, "two:1 does not point at it any more")
    assert actor.references(other) == {"two:1"}


def test_a_tag_that_moves_between_two_is_not_taken(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    image, other = actor.image("one:1", "three:1", "two:1", base=IMAGE), actor.image(base=IMAGE)
    item = through.image(image)
    # one:1 is left to the end, three:1 is taken, then two:1 is looked at
    at_request(proxy, "GET", lambda path: "two" in path, lambda: actor.tag(other, "two:1"))
    refused_after(actor, through, item, ItemChanged, "two:1 does not point at it any more; put back: three:1")
    assert actor.references(image) == {"one:1", "three:1"}
    assert actor.references(other) == {"two:1"}


def test_an_image_that_is_gone_is_said_to_be(actor: DiskActor, listing: DiskListing) -> None:
    image = actor.image("one:1", base=IMAGE)
    item = listing.image(image)
    actor.untag("one:1")
    refused(actor, listing, item, ItemGone, "somebody else removed it")


def test_an_image_that_a_registry_knows_goes_with_its_digest(
    actor: DiskActor, listing: DiskListing, clean_engine: PrivateEngine
) -> None:
    with Registry() as registry:
        image = actor.image("local:1", f"{registry.address}/a:1", f"{registry.address}/b:1", base=IMAGE)
        clean_engine.docker("push", f"{registry.address}/a:1")
        assert len(listing.image(image).references) == 4
        assert taken(actor, listing, listing.image(image)) == {("image", image)}


def test_an_image_of_two_repositories_with_digests_goes(
    actor: DiskActor, listing: DiskListing, clean_engine: PrivateEngine
) -> None:
    with Registry() as registry:
        a, b = (f"{registry.address}/{name}" for name in "ab")
        image = actor.image(f"{a}:1", f"{b}:1", f"{b}:2", base=IMAGE)
        for tag in (f"{a}:1", f"{b}:1"):
            clean_engine.docker("push", tag)
        # a:1 goes to another image, so that a digest is left without a tag
        actor.image(f"{a}:1", base=IMAGE)
        assert sum("@" in each for each in listing.image(image).references) == 2
        assert taken(actor, listing, listing.image(image)) == {("image", image)}


def test_a_digest_that_can_not_be_put_back_is_told(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    with Registry() as registry:
        a, b = (f"{registry.address}/{name}" for name in "ab")
        image = actor.image(f"{a}:1", f"{b}:1", base=IMAGE)
        for tag in (f"{a}:1", f"{b}:1"):
            clean_engine.docker("push", tag)
        item = through.image(image)
        at_request(proxy, "DELETE", by_id, lambda: actor.container(image, "user"))
        error = refused_after(actor, through, item, ItemInUse, "container user needs it; put back: ")
    assert "taken and not put back: " in error.detail and "only its registry gives it again" in error.detail
    assert {f"{a}:1", f"{b}:1"} < actor.references(image)


# -- containers


def test_a_stopped_container_goes_and_its_volumes_stay(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.ended(name="training", volumes={"/anonymous": {}})
    assert taken(actor, listing, listing.container(container)) == {("container", container)}


def test_a_created_container_goes(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.container(name="training")
    assert taken(actor, listing, listing.container(container)) == {("container", container)}


def test_a_container_that_was_started_stays(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.container(name="training")
    item = listing.container(container)
    actor.start(container)
    refused(actor, listing, item, ItemInUse, "it runs")
    actor.ask("POST", f"/containers/{container}/pause")
    refused(actor, listing, item, ItemInUse, "it is paused")


def test_a_container_that_starts_at_the_last_moment_stays(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    container = actor.container(name="training")
    item = through.container(container)
    at_request(proxy, "DELETE", lambda path: True, lambda: actor.start(container))
    refused_after(actor, through, item, ItemInUse, "it runs")
    assert actor.state(container) == "running"


def test_a_container_that_ran_again_stays(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.ended(name="training", script="true")
    item = listing.container(container)
    finished = actor.ask("GET", f"/containers/{container}/json")["State"]["FinishedAt"]
    actor.start(container)
    until(lambda: actor.ask("GET", f"/containers/{container}/json")["State"]["FinishedAt"] > finished)
    actor.wait_ended(container)
    refused(actor, listing, item, ItemChanged, "it ran meanwhile")


def test_a_container_that_ran_for_the_first_time_stays(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.container(name="training", command=("true",))
    item = replace(listing.container(container), seen=container_seen("created", None, ""))
    actor.start(container)
    actor.wait_ended(container)
    refused(actor, listing, item, ItemChanged, "it was created and is exited")


def test_a_container_whose_files_were_changed_stays(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.ended(name="training")
    item = listing.container(container)
    actor.write(container, "result.pt")
    refused(actor, listing, item, ItemChanged, "its files were changed meanwhile")


def test_a_removal_of_somebody_else_is_waited_for(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    container = actor.ended(name="training")
    item = through.container(container)
    told = actor.ask("GET", f"/containers/{container}/json")
    removing = {**told, "State": {**told["State"], "Status": "removing"}}
    proxy.override("GET", f"/containers/{container}/json", 200, removing)
    error: list[BaseException] = []

    def reclaim() -> None:
        try:
            through.reclaiming.reclaim(item)
        except ReclaimError as raised:
            error.append(raised)

    thread = threading.Thread(target=reclaim)
    thread.start()
    until(lambda: proxy.count(lambda each: each.path.endswith(f"{container}/json")) >= 3)
    assert thread.is_alive()
    actor.ask("DELETE", f"/containers/{container}")
    proxy.override("GET", f"/containers/{container}/json", 404, {"message": "No such container"})
    thread.join(30)
    assert [type(each) for each in error] == [ItemGone]


def test_a_container_that_is_gone_is_said_to_be(actor: DiskActor, listing: DiskListing) -> None:
    container = actor.ended(name="training")
    item = listing.container(container)
    actor.ask("DELETE", f"/containers/{container}")
    # another one that is called by the first one's id
    actor.container(name=container)
    refused(actor, listing, item, ItemGone, "somebody else removed it")
    assert not listing.reclaiming.is_there(item)


# -- volumes and networks


def test_a_volume_goes(actor: DiskActor, listing: DiskListing) -> None:
    for volume in (actor.volume("data"), actor.volume()):
        assert taken(actor, listing, listing.volume(volume)) == {("volume", volume)}


def test_a_volume_of_a_stopped_container_stays(actor: DiskActor, listing: DiskListing) -> None:
    item = listing.volume(actor.volume("data"))
    actor.container(name="training", Binds=["data:/data"])
    refused(actor, listing, item, ItemInUse, "stopped container training needs it")


def test_a_volume_that_is_mounted_at_the_last_moment_stays(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    item = through.volume(actor.volume("data"))
    at_request(proxy, "DELETE", lambda path: True, lambda: actor.container(Binds=["data:/data"]))
    refused_after(actor, through, item, ItemInUse, "volume is in use")


def test_another_volume_of_the_same_name_stays(actor: DiskActor, listing: DiskListing) -> None:
    item = listing.volume(actor.volume("data"))
    # engines tell it by whole seconds
    older = replace(item, seen=volume_seen(float(item.seen) - 60))
    refused(actor, listing, older, ItemChanged, "it was made anew")
    assert not listing.reclaiming.is_there(older)
    assert listing.reclaiming.is_there(item)


def test_a_volume_that_is_gone_is_said_to_be(actor: DiskActor, listing: DiskListing) -> None:
    item = listing.volume(actor.volume("data"))
    actor.ask("DELETE", "/volumes/data")
    refused(actor, listing, item, ItemGone, "somebody else removed it")


def test_a_network_goes(actor: DiskActor, listing: DiskListing) -> None:
    network = actor.network("lab")
    assert taken(actor, listing, listing.network(network)) == {("network", network)}


@pytest.mark.parametrize("by_id", [False, True])
def test_a_network_of_a_container_that_never_ran_stays(
    actor: DiskActor, listing: DiskListing, by_id: bool
) -> None:
    network = actor.network("lab")
    item = listing.network(network)
    actor.container(name="training", NetworkMode=network if by_id else "lab")
    refused(actor, listing, item, ItemInUse, "stopped container training needs it")


def test_a_network_with_a_running_container_stays(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    item = through.network(actor.network("lab"))
    container = actor.container(name="training", NetworkMode="lab")
    proxy.override("GET", "/containers/json", 200, [])
    at_request(proxy, "DELETE", lambda path: True, lambda: actor.start(container))
    refused_after(actor, through, item, ItemInUse, "has active endpoints")


def test_another_network_of_the_same_name_stays(actor: DiskActor, listing: DiskListing) -> None:
    item = listing.network(actor.network("lab"))
    actor.ask("DELETE", f"/networks/{item.id}")
    actor.network("lab")
    refused(actor, listing, item, ItemGone, "somebody else removed it")


# -- build cache


def test_records_go_one_by_one(actor: DiskActor, listing: DiskListing) -> None:
    actor.build()
    actor.clear_images()
    items = listing.build_records()
    assert len(items) >= 4
    gone: set[tuple[str, str]] = set()
    for item in items[:3]:
        before = actor.everything()
        reclaimed = listing.reclaiming.reclaim(item)
        gone = before - actor.everything()
        assert gone == {("build-cache", each) for each in (item.id, *reclaimed.also_removed)}
        assert not reclaimed.also_removed
        assert reclaimed.freed_bytes == item.size_bytes


def test_a_record_that_others_stand_on_stays(actor: DiskActor, listing: DiskListing) -> None:
    actor.build()
    actor.clear_images()
    records = {each.id: each for each in listing.disk.build_cache(lambda: False)}
    parent = next(p for each in records.values() for p in each.parents)
    refused(actor, listing, DiskItem(DiskKind.BUILD_CACHE, parent, "step"), ItemInUse, "stands on it")


def test_an_id_is_no_pattern(actor: DiskActor, listing: DiskListing) -> None:
    actor.build()
    some = listing.build_records()[0]
    for pattern in (".*", "", "^", f"{some.id}|.*"):
        refused(actor, listing, replace(some, id=pattern), ItemStays, "can't be asked for by itself")
    refused(actor, listing, replace(some, id=some.id[:6]), ItemGone, "somebody else removed it")


# -- what engines and their surroundings say


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (403, "authorization denied by plugin", "can allow it"),
        (500, "write /var/lib/docker/x: no space left on device", "needs a little room"),
        (500, "unlinkat /var/lib/docker/x: read-only file system", "mounted read-only"),
    ],
)
def test_what_the_engine_says_is_told(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy, status: int, message: str, hint: str
) -> None:
    image, container = actor.image("one:1", "two:1", base=IMAGE), actor.ended()
    items = [
        through.image(image), through.container(container), through.volume(actor.volume("data")),
        through.network(actor.network("lab")),
    ]  # fmt: skip
    proxy.refuse, proxy.refuse_message, proxy.faults_match = status, message, "^DELETE"
    for item in items:
        refused(actor, through, item, ItemStays, message)
        with pytest.raises(ItemStays, match="was not removed") as caught:
            through.reclaiming.reclaim(item)
        assert hint in caught.value.hint
    assert actor.references(image) == {"one:1", "two:1"}


def test_tags_come_back_when_the_engine_refuses_half_way(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = through.image(image)
    proxy.refuse, proxy.faults_match = 500, "^DELETE .*sha256"
    refused(actor, through, item, ItemStays, "put back: two:1")
    assert actor.references(image) == {"one:1", "two:1"}


def test_tags_come_back_when_the_engine_is_lost_half_way(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.backends.docker.image_removal._SETTLED_SECONDS", 0.0)
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = through.image(image)
    proxy.cut_requests, proxy.faults_match = True, "^DELETE .*sha256"
    with pytest.raises(EngineLost, match="closed the connection") as caught:
        through.reclaiming.reclaim(item)
    assert "taken from it by then: two:1" in caught.value.detail
    proxy.cut_requests = False
    assert through.reclaiming.is_there(item)
    assert actor.references(image) == {"one:1", "two:1"}
    through.reclaiming.reclaim(item)
    assert not through.reclaiming.is_there(item)


def test_what_is_inside_containers_is_not_removed_from_here(listing: DiskListing) -> None:
    item = DiskItem(DiskKind.LOG, "c" * 64, "log")
    with pytest.raises(ItemStays, match="was not removed"):
        listing.reclaiming.reclaim(item)


# -- meddling


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
