"""An image goes from a real engine with exactly the references that were listed, or keeps them all."""

from __future__ import annotations

import pytest

from tests.engine.disk_listing import DiskListing
from tests.engine.removals import at_request, by_id, refused, refused_after, taken
from tests.rig.disk_actor import DiskActor
from tests.rig.engine import IMAGE, PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.registry import Registry
from tui.model.errors import EngineLost, ItemChanged, ItemGone, ItemInUse, ItemStays


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


def test_an_image_that_goes_with_a_tag_that_became_its_last_is_removed(
    actor: DiskActor, through: DiskListing, proxy: EngineProxy
) -> None:
    image = actor.image("one:1", "two:1", base=IMAGE)
    item = through.image(image)
    # two:1 is taken first
    at_request(proxy, "DELETE", lambda path: "two" in path, lambda: actor.untag("one:1"))
    assert not through.reclaiming.reclaim(item).also_removed
    assert not through.reclaiming.is_there(item)


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


# -- trouble half way


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
