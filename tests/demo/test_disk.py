"""The make-believe disk: it fills, it adds up, and what is removed is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from tui.demo.changes import DemoChanges
from tui.demo.disk import DemoCaches, DemoDisk
from tui.demo.environments import DemoEnvironments
from tui.demo.reclaiming import DemoReclaiming
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.disk import DiskFacts, DiskPart, PrefixChange
from tui.model.disk_items import DiskItem, DiskKind, OutcomeState, ReclaimReport, Safety
from tui.model.errors import (
    Conflict,
    EngineLost,
    EngineTimeout,
    ItemChanged,
    ItemGone,
    ItemInUse,
    ReclaimError,
)
from tui.model.operations import Operation, Step
from tui.model.reclaim import Protection, disk_items, plan_of, safe_keys
from tui.monitor.disk_reading import read_facts
from tui.monitor.reclaiming import carry_out
from tui.workstation import open_demo

OURS = Protection(labels=("keep",), owner="ana")


def never() -> bool:
    return False


class Disk:
    """A world, and all that is asked of its disk."""

    def __init__(self, seed: int = 7) -> None:
        self.clock = FrozenClock()
        self.world = DemoWorld(seed, self.clock)
        self.backend = DemoDisk(self.world)
        self.reclaiming = DemoReclaiming(self.world)

    @property
    def containers(self) -> Sequence[Container]:
        return self.world.containers()[0]

    def container(self, name: str) -> Container:
        return next(each for each in self.containers if each.name == name)

    def facts(self) -> DiskFacts:
        return read_facts(open_demo(self.world), self.containers, tuple(DiskPart), never)

    def items(self) -> tuple[DiskItem, ...]:
        return disk_items(self.facts(), self.containers, OURS)

    def item(self, kind: DiskKind, name: str) -> DiskItem:
        return next(each for each in self.items() if each.kind is kind and each.name == name)

    def used(self) -> int:
        return self.backend.file_systems(self.containers, never)[0].used_bytes

    def carry_out(self, items: Collection[DiskItem]) -> ReclaimReport:
        plan = plan_of(self.items(), {each.key for each in items}, self.facts())
        return carry_out(plan, open_demo(self.world), self.containers, lambda _: None, never)


@pytest.fixture
def disk() -> Disk:
    return Disk()


class TestWhatThereIs:
    def test_every_kind_with_one_that_can_go_and_one_that_can_not(self, disk: Disk) -> None:
        items = disk.items()
        for kind in set(DiskKind) - {DiskKind.LOG}:
            of_kind = [each for each in items if each.kind is kind]
            assert any(each.why_not is None for each in of_kind), kind
            assert any(each.why_not is not None for each in of_kind), kind
        assert {each.safety for each in items if each.why_not is None} == set(Safety)

    def test_every_container_has_its_image_and_its_volumes(self, disk: Disk) -> None:
        facts = disk.facts()
        assert {each.image_id for each in disk.containers} <= {each.id for each in facts.images or ()}
        mounted = {
            source
            for each in disk.containers
            for source in (mount.split(":")[0] for mount in each.mounts)
            if not source.startswith("/")
        }
        assert mounted <= {each.name for each in facts.volumes or ()}
        used = {volume.name for volume in facts.volumes or () if volume.used_by}
        assert used == mounted

    def test_images_share_layers(self, disk: Disk) -> None:
        images = disk.facts().images or ()
        for each in images:
            others = {layer.chain_id for other in images if other is not each for layer in other.layers}
            shared = sum(layer.size_bytes or 0 for layer in each.layers if layer.chain_id in others)
            assert each.size_bytes == sum(layer.size_bytes or 0 for layer in each.layers)
            assert each.shared_bytes == shared
        assert any(each.shared_bytes for each in images)

    def test_what_another_owns_and_what_is_protected_can_not_go(self, disk: Disk) -> None:
        assert "chen's" in (disk.item(DiskKind.IMAGE, "chen/sweep-runner:0.9").why_not or "")
        assert "chen's" in (disk.item(DiskKind.VOLUME, "chen-scratch").why_not or "")
        assert "protected" in (disk.item(DiskKind.IMAGE, "lab/golden:2025.11").why_not or "")
        assert "protected" in (disk.item(DiskKind.VOLUME, "thesis-figures").why_not or "")

    def test_environments_made_and_changed_in_a_stopped_layer(self, disk: Disk) -> None:
        changes = disk.facts().layers[disk.container("preprocess-dicom").id]
        assert changes.prefixes == {
            "/opt/conda": PrefixChange.CHANGED,
            "/opt/conda/envs/dicom": PrefixChange.MADE,
        }
        item = disk.item(DiskKind.CONTAINER, "preprocess-dicom")
        assert item.safety is Safety.DANGER and any("dicom" in line for line in item.loses)

    def test_one_that_never_ran_has_nothing_of_its_own(self, disk: Disk) -> None:
        changes = disk.facts().layers[disk.container("eval-suite").id]
        assert (changes.count, changes.prefixes) == (0, {})

    def test_only_the_asked_prefixes_are_told(self, disk: Disk) -> None:
        found = disk.backend.layer_changes(disk.container("preprocess-dicom").id, ["/opt/conda"], never)
        assert found.prefixes == {"/opt/conda": PrefixChange.CHANGED}

    def test_a_log_without_a_limit_is_huge(self, disk: Disk) -> None:
        logs = {each.container_id: each for each in disk.facts().logs or ()}
        huge = logs[disk.container("sweep-agent").id]
        assert (huge.size_bytes or 0) > 100_000_000_000 and huge.limit == ""
        assert logs[disk.container("optuna-db").id].limit == "10m"
        assert logs[disk.container("dcgm-exporter").id].size_bytes is None

    def test_the_same_each_time(self) -> None:
        assert Disk(3).facts() == Disk(3).facts()


class TestItFills:
    def test_by_the_clock(self, disk: Disk) -> None:
        before, accounted = disk.used(), disk.backend.measure(never).accounted_bytes or 0
        disk.clock.advance(60.0)
        grown = disk.used() - before
        assert grown > (disk.backend.measure(never).accounted_bytes or 0) - accounted > 0

    def test_what_is_used_is_what_the_header_says(self, disk: Disk) -> None:
        disk.clock.advance(60.0)
        space = open_demo(disk.world).engine.data_root_space("/var/lib/docker")
        assert space is not None and space.used_bytes == disk.used()

    def test_a_container_that_stopped_writes_no_more(self, disk: Disk) -> None:
        for each in disk.containers:
            if each.is_alive:
                if each.state == "paused":
                    disk.world.perform(Step(Operation.UNPAUSE, each.id, each.name))
                disk.world.perform(Step(Operation.STOP, each.id, each.name))
        before = disk.used()
        disk.clock.advance(600.0)
        assert disk.used() == before

    def test_it_is_never_fuller_than_full(self, disk: Disk) -> None:
        disk.clock.advance(10_000_000.0)
        space = open_demo(disk.world).engine.data_root_space("/var/lib/docker")
        assert space is not None and space.free_bytes == 0


class TestReclaiming:
    def test_everything_safe_goes_and_gives_back_what_was_planned(self, disk: Disk) -> None:
        items = [
            each
            for each in disk.items()
            if each.key in safe_keys(disk.items()) and each.kind is not DiskKind.CACHE
        ]
        planned = plan_of(disk.items(), {each.key for each in items}, disk.facts())
        before = disk.used()
        report = disk.carry_out(items)
        assert items and {each.state for each in report.outcomes} == {OutcomeState.REMOVED}
        assert report.freed_bytes == planned.planned_bytes > 0
        # the log file of the container that went is gone, too
        assert before - disk.used() >= planned.planned_bytes
        assert {each.key for each in disk.items()}.isdisjoint({each.key for each in planned.items})

    def test_a_removed_container_leaves_the_list_by_the_usual_event(self, disk: Disk) -> None:
        stream = disk.world.open_stream(disk.clock.now())
        item = disk.item(DiskKind.CONTAINER, "preprocess-dicom")
        disk.reclaiming.reclaim(item)
        assert "preprocess-dicom" not in {each.name for each in disk.containers}
        event = next(iter(stream))
        assert event is not None and (event.action, event.container_id) == ("destroy", item.id)
        assert not disk.reclaiming.is_there(item)

    def test_two_images_of_the_same_layers_free_them_with_the_last(self, disk: Disk) -> None:
        dangling = [each for each in disk.items() if each.is_dangling and each.why_not is None]
        alone = sum(each.reclaimable_bytes or 0 for each in dangling)
        report = disk.carry_out(dangling)
        assert (report.freed_bytes or 0) > alone

    def test_what_runs_is_left_alone(self, disk: Disk) -> None:
        item = replace(disk.item(DiskKind.CONTAINER, "dl-dev"), why_not=None, seen="")
        with pytest.raises(ItemInUse):
            disk.reclaiming.reclaim(item)

    def test_what_somebody_used_since_is_left_alone(self, disk: Disk) -> None:
        item = disk.item(DiskKind.CONTAINER, "diffusion-train")
        disk.world.perform(Step(Operation.START, item.id, item.name))
        disk.world.perform(Step(Operation.STOP, item.id, item.name))
        disk.clock.advance(5.0)
        with pytest.raises(ItemChanged):
            disk.reclaiming.reclaim(replace(item, seen=f"exited\n{disk.clock.now()}\n"))
        assert disk.reclaiming.is_there(item)

    def test_an_image_that_a_stopped_container_needs_stays(self, disk: Disk) -> None:
        container = disk.container("preprocess-dicom")
        item = next(each for each in disk.items() if each.id == container.image_id)
        with pytest.raises(ItemInUse):
            disk.reclaiming.reclaim(replace(item, why_not=None))

    def test_a_record_that_another_stands_on_goes_after_it(self, disk: Disk) -> None:
        records = [each for each in disk.items() if each.kind is DiskKind.BUILD_CACHE]
        below = next(each for each in records if "requirements.txt" in each.name)
        above = next(each for each in records if "flash-attn" in each.name)
        with pytest.raises(ItemInUse):
            disk.reclaiming.reclaim(below)
        disk.reclaiming.reclaim(above)
        disk.reclaiming.reclaim(below)

    def test_twice_is_gone_already(self, disk: Disk) -> None:
        item = disk.item(DiskKind.VOLUME, "imagenet-resized-2024")
        assert disk.reclaiming.reclaim(item).freed_bytes == item.size_bytes
        with pytest.raises(ItemGone):
            disk.reclaiming.reclaim(item)

    def test_anonymous_volumes_go_with_their_container_when_told(self, disk: Disk) -> None:
        container = disk.container("log-flood")
        (volume,) = disk.world.details(container.id).anonymous_volumes
        disk.world.perform(Step(Operation.REMOVE, container.id, container.name, with_volumes=True))
        assert volume not in {each.name for each in disk.backend.volumes(never)}

    def test_a_cleaned_cache_shrinks_its_container(self, disk: Disk) -> None:
        item = next(each for each in disk.items() if each.kind is DiskKind.CACHE and each.change is not None)
        container = next(each for each in disk.containers if each.id == item.container_id)

        def layer() -> int:
            found = disk.backend.container_layers(never)
            return next(each.size_bytes or 0 for each in found if each.container_id == container.id)

        before = layer()
        assert item.change is not None
        plan = DemoChanges(disk.world).plan(container, item.change, never)
        assert plan.frees_bytes == item.reclaimable_bytes
        DemoChanges(disk.world).start(container, item.change)
        disk.clock.advance(60.0)
        listed = DemoEnvironments(disk.world).environments(container).environments
        caches = DemoCaches(disk.world).caches(container, listed, never)
        again = next(each for each in caches if item.id.endswith(f":{each.path}"))
        assert again.reclaimable_bytes == 0
        assert layer() < before


class TestFaults:
    def test_a_count_that_hangs_can_be_called_off(self, disk: Disk) -> None:
        disk.world.faults.df_hangs = True
        with pytest.raises(ReclaimError):
            disk.backend.images(lambda: True)

    def test_and_ends_by_itself(self, disk: Disk) -> None:
        disk.world.faults.df_hangs = True
        disk.world.faults.df_hang_seconds = 0.0
        with pytest.raises(EngineTimeout):
            disk.backend.volumes(never)

    def test_in_use_now(self, disk: Disk) -> None:
        item = disk.item(DiskKind.NETWORK, "nccl-test")
        disk.world.faults.items_in_use = True
        report = disk.carry_out([item])
        assert [each.state for each in report.outcomes] == [OutcomeState.IN_USE]
        assert disk.reclaiming.is_there(item)

    def test_the_engine_is_lost_in_the_middle(self, disk: Disk) -> None:
        item = disk.item(DiskKind.NETWORK, "nccl-test")
        disk.world.faults.removal_lost = True
        with pytest.raises(EngineLost):
            disk.reclaiming.reclaim(item)
        assert not disk.reclaiming.is_there(item)

    def test_nothing_is_measured_where_nothing_can_run(self, disk: Disk) -> None:
        with pytest.raises(Conflict):
            DemoCaches(disk.world).caches(disk.container("rl-sim"), (), never)
