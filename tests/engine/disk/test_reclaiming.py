"""One item goes from a real engine exactly as it was listed, or is left alone with the reason."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.engine.disk_listing import DiskListing
from tests.engine.removals import at_request, refused, refused_after, taken
from tests.rig.disk_actor import DiskActor
from tests.rig.engine import IMAGE
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.model.disk_items import DiskItem, DiskKind, container_seen, volume_seen
from tui.model.errors import ItemChanged, ItemGone, ItemInUse, ItemStays, ReclaimError

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
    # nobody can say that the one which is there is not the one that was
    assert listing.reclaiming.is_there(older) and listing.reclaiming.is_there(item)


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


def test_what_is_inside_containers_is_not_removed_from_here(listing: DiskListing) -> None:
    item = DiskItem(DiskKind.LOG, "c" * 64, "log")
    with pytest.raises(ItemStays, match="was not removed"):
        listing.reclaiming.reclaim(item)
