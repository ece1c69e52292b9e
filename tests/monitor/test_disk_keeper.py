"""What the disk is made of is read while somebody looks, part by part, and planned from a fresh look."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.making import full_id, make_container
from tests.monitor.changes import ScriptedChanges
from tests.monitor.disk import ScriptedDisk, ScriptedReclaiming
from tests.monitor.environments import ScriptedEnvironments, make_environment
from tests.monitor.hosts import SILENT, ScriptedHost
from tests.rig.waiting import until
from tui.model.containers import Container, ContainerState
from tui.model.disk import (
    ContainerLayer,
    DiskImage,
    DiskNetwork,
    DiskPart,
    InsideCache,
    LayerChanges,
    PrefixChange,
)
from tui.model.disk_items import DiskKind, OutcomeState, ReclaimPlan
from tui.model.environments import Origin
from tui.model.errors import EnvtuiError, ReadOnlyRefusal, ReclaimError
from tui.model.losses import ContainerLosses
from tui.model.reclaim import Protection
from tui.monitor.disk_keeper import DiskKeeper
from tui.monitor.disk_reading import AT_ONCE, read_facts
from tui.monitor.exec_gate import ExecGate
from tui.monitor.known_disk import KnownDisk, PartState
from tui.monitor.monitor import Monitor
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, DISK, RECLAIM
from tui.workstation import Workstation

_NET = DiskNetwork(full_id("net"), "net")


class Desk:
    """A host with one running container, box, and a stopped one, old; and the keeper of its disk."""

    def __init__(self, read_only: bool = False) -> None:
        self.host = ScriptedHost(
            make_container("box"), make_container("old", ContainerState.EXITED, image_id="sha256:old")
        )
        self.disk = ScriptedDisk(answers={"networks": (_NET,)})
        self.environments = ScriptedEnvironments()
        self.reclaiming = ScriptedReclaiming()
        self.workstation = Workstation(
            "scripted", self.host, self.host, self.host, environments=self.environments,
            changes=ScriptedChanges(), disk=self.disk, caches=self.disk, reclaiming=self.reclaiming,
        )  # fmt: skip
        self.store = Store()
        self.gate = ExecGate()
        self.changed: list[frozenset[str]] = []
        self.keeper = DiskKeeper(
            self.workstation, self.gate, self.store, Protection(),
            lambda ids: self.changed.append(frozenset(ids)), read_only=read_only,
        )  # fmt: skip
        self.list(*self.host.listed)

    def list(self, *containers: Container) -> None:
        self.host.listed = [*containers]
        self.store.put(CONTAINERS, containers)

    @property
    def known(self) -> KnownDisk:
        return self.store.value(DISK) or KnownDisk()

    def state(self, part: DiskPart) -> PartState:
        return self.known.parts.get(part, PartState())

    def read(self) -> None:
        """Show it, and wait until all of it was read."""
        self.keeper.show(True)
        until(lambda: self.keeper.is_at_rest and self.known.parts, message="all was read")

    def plan(self, *keys: tuple[DiskKind, str]) -> ReclaimPlan:
        plans: list[ReclaimPlan] = []
        errors: list[EnvtuiError] = []
        self.keeper.plan(keys, plans.append, errors.append)
        until(lambda: plans or errors)
        assert plans, errors
        return plans[0]


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.keeper.stop()


def test_nothing_is_read_before_it_is_shown(desk: Desk) -> None:
    desk.keeper.refresh()
    assert desk.disk.asked == [] and desk.keeper.is_at_rest and desk.store.value(DISK) is None


def test_shown_all_is_read_each_part_once(desk: Desk) -> None:
    desk.read()
    assert sorted(each.partition(" ")[0] for each in desk.disk.asked) == sorted(
        ("build", "caches", "changes", "containers", "file", "images", "logs", "networks", "volumes")
    )
    assert all(state.taken_at and state.error is None for state in desk.known.parts.values())
    assert not desk.known.is_reading
    assert desk.known.facts.networks == (_NET,)
    assert any(each.kind is DiskKind.NETWORK for each in desk.known.items)


def test_what_is_fresh_is_not_read_again(desk: Desk) -> None:
    desk.read()
    asked = len(desk.disk.asked)
    desk.keeper.show(False)
    desk.read()
    assert len(desk.disk.asked) == asked


def test_one_that_takes_long_leaves_the_others_shown(desk: Desk) -> None:
    desk.disk.hold("volumes")
    desk.keeper.show(True)
    until(lambda: all(desk.state(each).taken_at for each in DiskPart if each is not DiskPart.VOLUMES))
    volumes = desk.state(DiskPart.VOLUMES)
    assert volumes.reading_since is not None and not volumes.taken_at and desk.known.is_reading
    assert desk.known.facts.volumes is None
    desk.disk.let_go("volumes")
    until(lambda: desk.state(DiskPart.VOLUMES).taken_at)
    assert desk.known.facts.volumes == ()


def test_only_a_few_are_asked_at_once(desk: Desk) -> None:
    slow = ("images", "containers", "networks", "build cache", "logs", "file systems", "volumes")
    desk.disk.hold(*slow)
    desk.keeper.show(True)
    until(lambda: len(desk.disk.asked) == AT_ONCE)
    desk.disk.let_go(*slow)
    until(lambda: desk.keeper.is_at_rest)
    assert desk.disk.most_at_once <= AT_ONCE


def test_a_part_that_fails_keeps_what_it_had_and_says_why(desk: Desk) -> None:
    desk.read()
    desk.disk.failures["networks"] = SILENT
    desk.keeper.refresh([DiskPart.NETWORKS])
    until(lambda: desk.state(DiskPart.NETWORKS).error)
    assert desk.known.facts.networks == (_NET,) and desk.state(DiskPart.NETWORKS).taken_at
    assert desk.state(DiskPart.IMAGES).error is None


def test_called_off_what_is_read_ends_and_what_waits_is_not_begun(desk: Desk) -> None:
    desk.disk.hold("images", "containers", "volumes", "build cache", "logs")
    desk.keeper.show(True)
    until(lambda: desk.disk.count("build cache") and desk.disk.count("images"))
    desk.keeper.cancel_reading()
    until(lambda: desk.keeper.is_at_rest, message="it ends")
    images = desk.state(DiskPart.IMAGES)
    assert images.was_cancelled and images.reading_since is None and images.error is None
    assert desk.disk.count("volumes") == 0
    desk.disk.let_go("images", "containers", "volumes", "build cache", "logs")
    desk.keeper.refresh()
    until(lambda: desk.state(DiskPart.IMAGES).taken_at)
    assert not desk.state(DiskPart.IMAGES).was_cancelled


def test_hidden_what_is_read_goes_on_and_nothing_new_begins(desk: Desk) -> None:
    slow = ("images", "file systems", "containers", "networks", "volumes")
    desk.disk.hold(*slow)
    desk.keeper.show(True)
    until(lambda: len(desk.disk.asked) == AT_ONCE)
    desk.keeper.show(False)
    desk.disk.let_go(*slow)
    until(lambda: desk.keeper.is_at_rest)
    assert len(desk.disk.asked) == AT_ONCE
    assert desk.state(DiskPart.IMAGES).taken_at


def test_a_refresh_while_hidden_is_done_when_it_is_shown(desk: Desk) -> None:
    desk.read()
    desk.keeper.show(False)
    desk.keeper.refresh([DiskPart.IMAGES])
    assert desk.disk.count("images") == 1
    desk.keeper.show(True)
    until(lambda: desk.disk.count("images") == 2)


def test_a_container_that_stops_is_looked_into(desk: Desk) -> None:
    desk.read()
    assert set(desk.known.facts.layers) == {full_id("old")}
    box = replace(desk.host.listed[0], state=ContainerState.EXITED)
    desk.list(box, desk.host.listed[1])
    until(lambda: full_id("box") in desk.known.facts.layers, message="it was looked into")
    assert sum(each == f"changes {full_id('old')[:12]}" for each in desk.disk.asked) == 1


def test_a_container_that_starts_has_another_layer_from_then_on(desk: Desk) -> None:
    desk.read()
    old = replace(desk.host.listed[1], state=ContainerState.RUNNING)
    desk.list(desk.host.listed[0], old)
    until(lambda: not desk.known.facts.layers)
    until(lambda: full_id("old") in desk.known.facts.caches, message="its caches are looked for")
    desk.list(desk.host.listed[0], replace(old, state=ContainerState.EXITED))
    until(lambda: full_id("old") in desk.known.facts.layers, message="it is looked into again")


def test_what_belonged_to_a_container_that_is_gone_is_forgotten(desk: Desk) -> None:
    cache = InsideCache(full_id("box"), "/root/.cache/pip", "pip", 10, 10, None, Origin.LAYER)
    desk.disk.inside[full_id("box")] = (cache,)
    desk.read()
    assert desk.known.facts.caches[full_id("box")] == (cache,)
    desk.list()
    until(lambda: not desk.known.facts.caches and not desk.known.facts.environments)


def test_an_image_is_used_by_a_container_that_was_made_meanwhile(desk: Desk) -> None:
    desk.disk.answers["images"] = (DiskImage("sha256:new", ("new:1",), size_bytes=10),)
    desk.read()
    assert desk.known.facts.images and desk.known.facts.images[0].used_by == ()
    made = make_container("made", image_id="sha256:new")
    desk.list(*desk.host.listed, made)
    until(lambda: desk.known.facts.images and desk.known.facts.images[0].used_by == (made.id,))


def test_a_container_that_does_not_answer_is_named_and_the_others_are_known(desk: Desk) -> None:
    desk.disk.failures["caches"] = SILENT
    desk.read()
    error = desk.state(DiskPart.INSIDE).error
    assert error is not None and "box" in error.one_line()
    assert full_id("box") in desk.known.facts.environments


def test_a_walk_ends_for_somebody_who_pauses_the_container(desk: Desk) -> None:
    desk.disk.hold("caches")
    desk.keeper.show(True)
    until(lambda: desk.disk.count("caches box"))
    paused = threading.Event()

    def pause() -> None:
        with desk.gate.held(full_id("box")):
            paused.set()

    threading.Thread(target=pause, daemon=True).start()
    assert paused.wait(20)
    until(lambda: desk.keeper.is_at_rest)
    error = desk.state(DiskPart.INSIDE).error
    assert error is not None and "paused" in error.one_line()


class TestPlans:
    def test_a_plan_rests_on_a_fresh_list_and_a_look_into_what_is_stopped(self, desk: Desk) -> None:
        desk.read()
        lists, looks = desk.host.count("list"), desk.disk.count(f"changes {full_id('old')[:12]}")
        plan = desk.plan((DiskKind.CONTAINER, full_id("old")), (DiskKind.NETWORK, _NET.id))
        assert {each.id for each in plan.items} == {full_id("old"), _NET.id}
        assert desk.host.count("list") == lists + 1
        assert desk.disk.count(f"changes {full_id('old')[:12]}") == looks + 1

    def test_a_container_that_was_started_meanwhile_is_left_out(self, desk: Desk) -> None:
        desk.read()
        desk.host.listed[1] = replace(desk.host.listed[1], state=ContainerState.RUNNING)
        plan = desk.plan((DiskKind.CONTAINER, full_id("old")))
        assert plan.items == () and [each.id for each, _ in plan.skipped] == [full_id("old")]

    def test_an_engine_that_is_lost_is_told(self, desk: Desk) -> None:
        desk.host.failure = SILENT
        failures: list[EnvtuiError] = []
        desk.keeper.plan([(DiskKind.NETWORK, _NET.id)], lambda _: None, failures.append)
        until(lambda: failures)
        assert failures == [SILENT]

    def test_called_off_nobody_is_told(self, desk: Desk) -> None:
        desk.disk.hold("changes")
        told: list[object] = []
        asking = desk.keeper.plan([(DiskKind.CONTAINER, full_id("old"))], told.append, told.append)
        until(lambda: any(each.startswith("changes") for each in desk.disk.asked))
        asking.cancel()
        until(lambda: not any(t.name == "disk-question" for t in threading.enumerate()))
        assert told == []

    def test_losses_are_told_without_the_screen_ever_shown(self, desk: Desk) -> None:
        made = make_environment("old", "/opt/conda/envs/work", name="work", origin=Origin.LAYER)
        desk.environments.tell("old", made)
        desk.disk.changes[full_id("old")] = LayerChanges(
            full_id("old"), added=5, prefixes={made.prefix: PrefixChange.MADE}, fingerprint="f"
        )
        answers: list[dict[str, ContainerLosses]] = []
        desk.keeper.losses(desk.host.listed, lambda told: answers.append(dict(told)), lambda _: None)
        until(lambda: answers)
        assert set(answers[0]) == {full_id("box"), full_id("old")}
        assert all(each.is_known for each in answers[0].values())
        assert dict(zip(desk.environments.listed, desk.environments.asked_inside, strict=True)) == {
            "box": True, "old": True,
        }  # fmt: skip


class TestRemoving:
    def test_a_plan_is_carried_out_and_what_it_touched_is_read_again(self, desk: Desk) -> None:
        desk.read()
        networks, images = desk.disk.count("networks"), desk.disk.count("images")
        desk.keeper.begin(desk.plan((DiskKind.NETWORK, _NET.id)))
        until(lambda: not desk.keeper.is_running)
        until(lambda: (told := desk.store.value(RECLAIM)) is not None and told.is_over)
        assert desk.reclaiming.removed == ["net"]
        until(lambda: desk.disk.count("networks") == networks + 1)
        until(lambda: desk.changed)
        assert desk.disk.count("images") == images

    def test_one_at_a_time(self, desk: Desk) -> None:
        desk.read()
        plan = desk.plan((DiskKind.NETWORK, _NET.id))
        goes_on = threading.Event()
        desk.reclaiming.before_each = lambda _: self._wait(goes_on)
        desk.keeper.begin(plan)
        with pytest.raises(ReclaimError):
            desk.keeper.begin(plan)
        assert desk.keeper.is_running
        goes_on.set()
        until(lambda: not desk.keeper.is_running)

    def _wait(self, event: threading.Event) -> None:
        assert event.wait(30)

    def test_called_off_the_rest_stays(self, desk: Desk) -> None:
        nets = tuple(DiskNetwork(full_id(f"net{each}"), f"net{each}") for each in range(3))
        desk.disk.answers["networks"] = nets
        desk.read()
        plan = desk.plan(*((DiskKind.NETWORK, each.id) for each in nets))
        desk.reclaiming.before_each = lambda _: desk.keeper.cancel()
        desk.keeper.begin(plan)
        until(lambda: (told := desk.store.value(RECLAIM)) is not None and told.is_over)
        report = desk.store.value(RECLAIM)
        assert report is not None
        states = [each.state for each in report.outcomes]
        assert states == [OutcomeState.REMOVED, OutcomeState.NOT_BEGUN, OutcomeState.NOT_BEGUN]
        assert len(desk.reclaiming.removed) == 1

    def test_stopping_begins_nothing_more(self, desk: Desk) -> None:
        nets = tuple(DiskNetwork(full_id(f"net{each}"), f"net{each}") for each in range(3))
        desk.disk.answers["networks"] = nets
        desk.read()
        plan = desk.plan(*((DiskKind.NETWORK, each.id) for each in nets))
        desk.reclaiming.before_each = lambda _: desk.keeper.stop()
        desk.keeper.begin(plan)
        until(lambda: not desk.keeper.is_running)
        assert len(desk.reclaiming.removed) == 1


class TestReadOnly:
    @pytest.fixture
    def desk(self) -> Iterator[Desk]:
        made = Desk(read_only=True)
        yield made
        made.keeper.stop()

    def test_no_command_is_run_in_any_container(self, desk: Desk) -> None:
        desk.read()
        assert not any(each.startswith("caches") for each in desk.disk.asked)
        assert desk.environments.asked_inside and not any(desk.environments.asked_inside)
        assert desk.environments.measured == []
        assert isinstance(desk.state(DiskPart.INSIDE).error, ReadOnlyRefusal)
        answers: list[object] = []
        desk.keeper.losses(desk.host.listed, answers.append, answers.append)
        until(lambda: answers)
        assert not any(desk.environments.asked_inside)

    def test_plans_are_made_and_not_begun(self, desk: Desk) -> None:
        desk.read()
        plan = desk.plan((DiskKind.NETWORK, _NET.id))
        assert plan.items
        with pytest.raises(ReadOnlyRefusal):
            desk.keeper.begin(plan)
        assert desk.reclaiming.removed == []


class TestReadFacts:
    def test_all_parts_are_read_and_failures_told(self, desk: Desk) -> None:
        layer = ContainerLayer(full_id("old"), 5)
        desk.disk.answers["containers"] = (layer,)
        desk.disk.failures["volumes"] = SILENT
        told: dict[DiskPart, EnvtuiError | None] = {}
        facts = read_facts(
            desk.workstation, desk.host.listed, tuple(DiskPart), lambda: False, told.__setitem__
        )
        assert set(told) == set(DiskPart) and told[DiskPart.VOLUMES] == SILENT
        assert facts.volumes is None and facts.containers == (layer,)
        assert set(facts.layers) == {full_id("old")} and set(facts.caches) == {full_id("box")}
        assert facts.sizes

    def test_called_off_what_is_known_is_returned_soon(self, desk: Desk) -> None:
        desk.disk.hold("volumes")
        told: dict[DiskPart, EnvtuiError | None] = {}
        parts = (DiskPart.NETWORKS, DiskPart.VOLUMES)
        facts = read_facts(
            desk.workstation, desk.host.listed, parts,
            lambda: DiskPart.NETWORKS in told, told.__setitem__,
        )  # fmt: skip
        assert facts.networks == (_NET,) and facts.volumes is None

    def test_only_what_is_wanted_is_asked(self, desk: Desk) -> None:
        read_facts(desk.workstation, desk.host.listed, {DiskPart.IMAGES}, lambda: False)
        assert desk.disk.asked == ["images"] and desk.environments.listed == []


def test_the_monitor_has_a_keeper_where_the_host_tells_of_its_disk(desk: Desk) -> None:
    able, bare = Monitor(desk.workstation), Monitor(replace(desk.workstation, disk=None))
    try:
        assert able.disk is not None and bare.disk is None
        assert desk.disk.asked == []
    finally:
        able.stop()
        bare.stop()


def test_threads_end(desk: Desk) -> None:
    def threads() -> set[str]:
        return {each.name for each in threading.enumerate() if each.name.startswith(("disk", "reclaim"))}

    desk.disk.hold("images")
    desk.keeper.show(True)
    until(lambda: desk.disk.count("images"))
    desk.keeper.stop()
    until(lambda: not threads(), message=lambda: str(threads()))
