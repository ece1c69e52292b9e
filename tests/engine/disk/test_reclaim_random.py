"""Plan = result: whatever the world is, and whoever meddles, exactly what is reported removed is gone.

Hypothesis builds a world on a real engine. The plan is made from what the app reads of it. Somebody else then
starts containers, tags images and removes things: before the plan is carried out, and between the requests by
which it is.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from tests.rig.disk_actor import DiskActor
from tests.rig.engine import IMAGE, PrivateEngine, RigError
from tests.rig.proxy import EngineProxy
from tui.model.disk import DiskPart
from tui.model.disk_items import ENDED_STATES, OutcomeState, ReclaimPlan, ReclaimReport
from tui.model.reclaim import Protection, disk_items, plan_of
from tui.monitor.disk_reading import read_facts
from tui.monitor.reclaiming import carry_out
from tui.workstation import Workstation, open_local

Key = tuple[str, str]

_READ = (
    DiskPart.IMAGES, DiskPart.CONTAINERS, DiskPart.VOLUMES, DiskPart.NETWORKS, DiskPart.BUILD_CACHE,
    DiskPart.LAYERS,
)  # fmt: skip
_TAGS = ("a:1", "a:2", "b:1", "registry:5000/c:1")
_VOLUMES = ("data", "models")
_NETWORKS = ("lab", "office")


@dataclass(frozen=True)
class ImageMade:
    """An image: on another one of the world, counted from the newest, or on the rig's (None)."""

    tags: frozenset[str]
    base: int | None


@dataclass(frozen=True)
class ContainerMade:
    """A container of an image of the world, of the rig's where there is none of that number."""

    image: int
    life: str
    volume: str | None
    is_anonymous: bool
    network: str | None


@dataclass(frozen=True)
class World:
    """What there is before anybody removes anything."""

    images: tuple[ImageMade, ...]
    containers: tuple[ContainerMade, ...]
    has_build: bool
    keeps_build_tag: bool


@dataclass(frozen=True)
class Deed:
    """What somebody else does: to the thing of that number, modulo how many there are.

    Attributes:
        at: before the plan is carried out (0), or before so many of its requests.
    """

    what: str
    number: int
    at: int


_images = st.builds(
    ImageMade, st.frozensets(st.sampled_from(_TAGS), max_size=3), st.one_of(st.none(), st.integers(0, 2))
)
_containers = st.builds(
    ContainerMade,
    st.integers(0, 4),
    st.sampled_from(["created", "ended", "changed", "running"]),
    st.one_of(st.none(), st.sampled_from(_VOLUMES)),
    st.booleans(),
    st.one_of(st.none(), st.sampled_from(_NETWORKS)),
)
_worlds = st.builds(
    World,
    st.lists(_images, min_size=1, max_size=4).map(tuple),
    st.lists(_containers, min_size=1, max_size=3).map(tuple),
    st.booleans(),
    st.booleans(),
)
_DEEDS = (
    "start", "tag", "move tag", "untag", "use image", "stand on image", "remove container", "write",
    "mount volume", "remove volume", "join network", "remove network", "build",
)  # fmt: skip
_deeds = st.lists(
    st.builds(Deed, st.sampled_from(_DEEDS), st.integers(0, 7), st.sampled_from([0, 0, 3, 8, 14, 25])),
    min_size=2,
    max_size=6,
)


@dataclass
class Meddler:
    """Somebody else at the same engine, who writes down what went by their own hand.

    Attributes:
        removed: what they removed.
        used: what they put to use, and saw succeed.
        told: what they did, and what they could not do.
    """

    actor: DiskActor
    plan: ReclaimPlan
    removed: set[Key] = field(default_factory=set)
    used: set[Key] = field(default_factory=set)
    count: int = 0
    told: list[str] = field(default_factory=list)

    def do(self, deed: Deed) -> None:
        """Do it to a thing of the plan; one that is gone, or can't be done, is left."""
        self.count += 1
        try:
            getattr(self, "_" + deed.what.replace(" ", "_"))(deed.number)
        except RigError as error:
            self.told.append(f"{deed}: {error}")
        else:
            self.told.append(f"{deed}")

    def _pick(self, kind: str, number: int) -> str:
        ids = [each.id for each in self.plan.items if each.kind.value == kind]
        if not ids:
            raise RigError(f"no {kind} in the plan")
        return ids[number % len(ids)]

    def _name(self, kind: str) -> str:
        return f"{kind}-{self.count}"

    def _take(self, kind: str, identity: str, act: Callable[[], object]) -> None:
        before = self.actor.is_there(kind, identity)
        act()
        if before and not self.actor.is_there(kind, identity):
            self.removed.add((kind, identity))

    def _start(self, number: int) -> None:
        container = self._pick("container", number)
        self.actor.start(container)
        self.used.add(("container", container))

    def _write(self, number: int) -> None:
        self.actor.write(self._pick("container", number), "result.pt")

    def _tag(self, number: int) -> None:
        self.actor.tag(self._pick("image", number), f"keep:{self.count}")

    def _move_tag(self, number: int) -> None:
        tags = [tag for each in self.plan.items for tag in each.references if "@" not in tag]
        if not tags:
            raise RigError("no tag in the plan")
        self.actor.tag(IMAGE, tags[number % len(tags)])

    def _untag(self, number: int) -> None:
        image = self._pick("image", number)
        references = sorted(self.actor.references(image))
        if not references:
            raise RigError("it has no tag")
        self._take("image", image, lambda: self.actor.untag(references[0]))

    def _use_image(self, number: int) -> None:
        image = self._pick("image", number)
        made = self.actor.container(image, self._name("user"))
        self.used |= {("image", image), ("container", made)}

    def _stand_on_image(self, number: int) -> None:
        image = self._pick("image", number)
        made = self.actor.image(f"child:{self.count}", base=image)
        self.used |= {("image", image), ("image", made)}

    def _remove_container(self, number: int) -> None:
        container = self._pick("container", number)
        self._take("container", container, lambda: self.actor.ask("DELETE", f"/containers/{container}"))

    def _mount_volume(self, number: int) -> None:
        volume = self._pick("volume", number)
        # an engine makes a volume that is missing: then it is another one
        was_there = self.actor.is_there("volume", volume)
        self.actor.container(IMAGE, self._name("mounts"), Binds=[f"{volume}:/data"])
        if was_there:
            self.used.add(("volume", volume))

    def _remove_volume(self, number: int) -> None:
        volume = self._pick("volume", number)
        self._take("volume", volume, lambda: self.actor.ask("DELETE", f"/volumes/{volume}"))

    def _join_network(self, number: int) -> None:
        network = self._pick("network", number)
        self.actor.container(IMAGE, self._name("joins"), NetworkMode=network)
        if self.actor.is_there("network", network):
            self.used.add(("network", network))

    def _remove_network(self, number: int) -> None:
        network = self._pick("network", number)
        self._take("network", network, lambda: self.actor.ask("DELETE", f"/networks/{network}"))

    def _build(self, number: int) -> None:
        self.actor.build(f"built:{self.count}", steps=number % 2 + 1)


@pytest.fixture(scope="module")
def actor(engine: PrivateEngine) -> Iterator[DiskActor]:
    engine.recover()
    somebody = DiskActor(engine)
    yield somebody
    somebody.clear()


_thorough = pytest.mark.slow
# Each example takes seconds, so that a failing one is told as it is, not made smaller.
_SETTINGS: dict[str, Any] = {
    "deadline": None, "suppress_health_check": list(HealthCheck), "phases": (Phase.explicit, Phase.generate),
}  # fmt: skip


@settings(max_examples=8, **_SETTINGS)
@given(_worlds, _deeds, st.data())
def test_what_is_reported_removed_is_what_is_gone(
    actor: DiskActor, world: World, deeds: list[Deed], data: st.DataObject
) -> None:
    plan_is_result(actor, world, deeds, data)


@_thorough
@settings(max_examples=int(os.environ.get("ENVTUI_EXAMPLES", "150")), **_SETTINGS)
@given(_worlds, _deeds, st.data())
def test_what_is_reported_removed_is_what_is_gone_in_many_worlds(
    actor: DiskActor, world: World, deeds: list[Deed], data: st.DataObject
) -> None:
    plan_is_result(actor, world, deeds, data)


def plan_is_result(actor: DiskActor, world: World, deeds: list[Deed], data: st.DataObject) -> None:
    """The whole of it, in one world."""
    actor.clear()
    make(actor, world)
    with EngineProxy(actor.engine.socket_path) as proxy:
        workstation = open_local(proxy.host, {})
        plan = planned(workstation, data)
        meddler = Meddler(actor, plan)
        for deed in deeds:
            if not deed.at:
                meddler.do(deed)
        before = actor.everything()
        removed_before = set(meddler.removed)
        meddle_between(proxy, meddler, [deed for deed in deeds if deed.at])
        report = carried_out(plan, workstation)
        proxy.before = None
    after = actor.everything()
    note("\n".join(meddler.told))
    note("\n".join(f"{each.item.key} {each.state} {each.reason}" for each in report.outcomes))
    for each in report.outcomes:
        event(f"{each.item.kind.value} {each.state.value}")
    check(report, before, after, meddler, removed_before)


def planned(workstation: Workstation, data: st.DataObject) -> ReclaimPlan:
    """A plan of some of what may go, as the app makes one; nearly always of all of it."""
    containers = workstation.containers.containers()[0]
    facts = read_facts(workstation, containers, _READ, lambda: False)
    items = disk_items(facts, containers, Protection())
    keys = [each.key for each in items]
    left_out = data.draw(st.sets(st.integers(0, 20), max_size=4), label="left out")
    plan = plan_of(items, [key for at, key in enumerate(keys) if at not in left_out], facts)
    for item, why in plan.skipped:
        assert why, item
    return plan


def carried_out(plan: ReclaimPlan, workstation: Workstation) -> ReclaimReport:
    """The plan, carried out as the app does it."""
    containers = workstation.containers.containers()[0]
    return carry_out(plan, workstation, containers, lambda _: None, lambda: False)


def check(
    report: ReclaimReport, before: set[Key], after: set[Key], meddler: Meddler, removed_before: set[Key]
) -> None:
    """Plan = result."""
    assert [each.item for each in report.outcomes] == list(report.plan.items)
    assert all(each.state in ENDED_STATES for each in report.outcomes)
    assert report.is_over
    removed = {key(each.item.key) for each in report.outcomes if each.state is OutcomeState.REMOVED}
    # a tag that a nameless image got in the very moment of its removal is told, too
    along = {
        (each.item.kind.value, other)
        for each in report.outcomes
        for other in each.reclaimed.also_removed
        if not other.startswith("keep:")
    }
    # exactly what is reported is gone, and what somebody else took
    assert before - after - meddler.removed == (removed | along) - meddler.removed
    # nobody's removal is claimed
    assert not (removed & meddler.removed)
    # nothing outside of the plan went
    assert removed <= {key(each.key) for each in report.plan.items}
    # what somebody put to use is there and told so
    outcomes = {key(each.item.key): each for each in report.outcomes}
    for used in meddler.used & after & set(outcomes):
        assert outcomes[used].state in (OutcomeState.IN_USE, OutcomeState.CHANGED, OutcomeState.NOT_BEGUN), (
            outcomes[used]
        )
    assert meddler.used - meddler.removed - removed <= after
    for each in report.outcomes:
        if key(each.item.key) in after:
            assert each.state is not OutcomeState.REMOVED
            assert each.reason, each
        if key(each.item.key) in removed_before - before:
            assert each.state in (OutcomeState.GONE, OutcomeState.NOT_BEGUN), each
        assert each.state not in (OutcomeState.FAILED, OutcomeState.UNKNOWN), each


def key(item: tuple[object, str]) -> Key:
    """An item's key in plain words."""
    return str(item[0]), item[1]


# -- the world


def make(actor: DiskActor, world: World) -> None:
    """Build it."""
    images: list[str] = []
    for each in world.images:
        base = IMAGE if each.base is None or not images else images[-1 - each.base % len(images)]
        images.append(actor.image(*sorted(each.tags), base=base))
    for volume in _VOLUMES:
        actor.volume(volume)
    actor.volume()
    networks = {name: actor.network(name) for name in _NETWORKS}
    for number, container in enumerate(world.containers):
        image = images[container.image] if container.image < len(images) else IMAGE
        body: dict[str, Any] = {"Binds": [f"{container.volume}:/data"] if container.volume else []}
        if container.network:
            body["NetworkMode"] = networks[container.network]
        name = f"box-{number}"
        volumes: dict[str, object] = {"/anonymous": {}} if container.is_anonymous else {}
        match container.life:
            case "created":
                actor.container(image, name, volumes=volumes, **body)
            case "running":
                actor.start(actor.container(image, name, volumes=volumes, **body))
            case "ended":
                actor.ended(image, name, "true", volumes=volumes, **body)
            case _:
                actor.ended(image, name, volumes=volumes, **body)
    if world.has_build:
        actor.build("build:1", steps=2)
        if not world.keeps_build_tag:
            actor.untag("build:1")


def meddle_between(proxy: EngineProxy, meddler: Meddler, deeds: list[Deed]) -> None:
    """Have the deeds done while the plan is carried out, each before a request of that number."""
    lock, waiting = threading.Lock(), sorted(deeds, key=lambda each: each.at)
    seen = 0

    def look(_method: str, _path: str) -> None:
        nonlocal seen
        with lock:
            seen += 1
            while waiting and waiting[0].at <= seen:
                meddler.do(waiting.pop(0))

    proxy.before = look
