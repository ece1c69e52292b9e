"""Environments of the make-believe workstation: of every sort, consistent, and broken on demand."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.backends.contract_environments import check_environments, check_no_such_container
from tui.data import cuda_table
from tui.demo.environment_catalogue import ENVIRONMENTS
from tui.demo.environments import DemoDriver, DemoEnvironments, DemoHostPids
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.compatibility import DriverFacts, GpuFacts, Status, judge
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList, ListedBy, Origin, Package
from tui.model.errors import Conflict, EngineNotFound, NoSuchContainer
from tui.model.operations import Operation, Step
from tui.workstation import open_demo

VOLTA = DriverFacts("580.95.05", "13.0", (GpuFacts("Tesla V100-SXM2-16GB", "7.0"),) * 8)


def container(world: DemoWorld, name: str) -> Container:
    return next(each for each in world.containers()[0] if each.name == name)


def listed(world: DemoWorld, name: str) -> EnvironmentList:
    return DemoEnvironments(world).environments(container(world, name))


def find(world: DemoWorld, name: str, label: str) -> Environment:
    return next(each for each in listed(world, name).environments if each.label == label)


def everything(world: DemoWorld) -> list[Environment]:
    backend = DemoEnvironments(world)
    return [found for each in world.containers()[0] for found in backend.environments(each).environments]


def packages(world: DemoWorld, environment: Environment) -> list[Package]:
    owner = next(each for each in world.containers()[0] if each.id == environment.container_id)
    (found,) = DemoEnvironments(world).packages(owner, [environment])
    return list(found)


def statuses(world: DemoWorld, driver: DriverFacts | None) -> set[Status]:
    return {judge(each, driver, cuda_table()).status for each in everything(world)}


@pytest.fixture
def world() -> DemoWorld:
    return DemoWorld(clock=FrozenClock())


class TestOfEverySort:
    def test_every_kind_and_origin(self, world: DemoWorld) -> None:
        found = everything(world)
        assert {each.kind for each in found} == set(EnvironmentKind)
        assert {each.origin for each in found} == set(Origin)

    def test_every_verdict_but_one_on_its_own_gpus(self, world: DemoWorld) -> None:
        # nothing is too new for an H100 so far
        assert statuses(world, DemoDriver().facts()) == set(Status) - {Status.GPU_TOO_OLD}

    def test_the_missing_one_on_older_gpus(self, world: DemoWorld) -> None:
        assert Status.GPU_TOO_OLD in statuses(world, DemoDriver(VOLTA).facts())

    def test_without_a_driver_what_can_be_said_is_said(self, world: DemoWorld) -> None:
        assert statuses(world, DemoDriver(None).facts()) == {
            Status.UNKNOWN, Status.NO_GPU_BUILD, Status.MIXED,
        }  # fmt: skip

    def test_broken_and_frozen_ones(self, world: DemoWorld) -> None:
        told = " / ".join(problem for each in everything(world) for problem in each.problems)
        assert "two records" in told and "half made" in told and "missing" in told
        assert {each.frozen for each in everything(world)} == {True, False}

    def test_names_that_need_more_than_ascii_and_none(self, world: DemoWorld) -> None:
        found = everything(world)
        assert any(not each.name.isascii() for each in found)
        assert any(not each.name for each in found)

    def test_all_containers_of_the_catalogue_exist(self, world: DemoWorld) -> None:
        assert set(ENVIRONMENTS) <= {each.name for each in world.containers()[0]}


class TestHowTheyAreFound:
    def test_by_a_command_where_one_can_run(self, world: DemoWorld) -> None:
        found = listed(world, "dl-dev")
        assert found.listed_by is ListedBy.EXEC and found.note == "" and found.problem is None
        assert found.taken_at == world.clock.now()

    def test_none_in_a_container_is_told(self, world: DemoWorld) -> None:
        found = listed(world, "optuna-db")
        assert (found.environments, found.note) == ((), "There is no environment in it")

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("serve-embed", "no shell"),
            ("rl-sim", "paused"),
            ("diffusion-train", "does not run"),
            ("eval-suite", "does not run"),
        ],
    )
    def test_through_the_engine_where_nothing_can_run(self, world: DemoWorld, name: str, why: str) -> None:
        found = listed(world, name)
        assert found.listed_by is ListedBy.ARCHIVE and why in found.note
        assert found.environments
        assert all(each.writable is None and not each.pids for each in found.environments)

    def test_another_way_once_the_container_stops(self, world: DemoWorld) -> None:
        before = listed(world, "dl-dev")
        target = container(world, "dl-dev")
        world.perform(Step(Operation.STOP, target.id, target.name))
        after = listed(world, "dl-dev")
        assert after.listed_by is ListedBy.ARCHIVE
        assert after.fingerprint == before.fingerprint

    def test_the_same_each_time(self) -> None:
        assert everything(DemoWorld(3, FrozenClock())) == everything(DemoWorld(3, FrozenClock()))

    def test_base_first_then_by_name(self, world: DemoWorld) -> None:
        for name in ENVIRONMENTS:
            found = listed(world, name).environments
            kinds = [each.kind is not EnvironmentKind.BASE for each in found]
            assert kinds == sorted(kinds)
            prefixes = [each.prefix for each in found if each.kind is not EnvironmentKind.BASE]
            assert prefixes == sorted(prefixes) and len({each.key for each in found}) == len(found)

    def test_a_removed_container(self, world: DemoWorld) -> None:
        target = container(world, "log-flood")
        world.perform(Step(Operation.REMOVE, target.id, target.name))
        with pytest.raises(NoSuchContainer):
            DemoEnvironments(world).environments(target)

    def test_an_engine_that_is_gone(self, world: DemoWorld) -> None:
        target = container(world, "dl-dev")
        world.faults.engine_gone = True
        with pytest.raises(EngineNotFound):
            DemoEnvironments(world).environments(target)


def test_the_contract_of_every_host(world: DemoWorld) -> None:
    check_environments(DemoEnvironments(world), container(world, "dl-dev"))
    check_no_such_container(DemoEnvironments(world))


class TestPackages:
    def test_as_many_as_the_listing_says(self, world: DemoWorld) -> None:
        for each in everything(world):
            owners = Counter(package.owner for package in packages(world, each))
            assert (owners["conda"], owners["pip"]) == (each.conda_packages, each.pip_packages)

    def test_torch_and_cuda_are_those_of_the_listing(self, world: DemoWorld) -> None:
        for each in everything(world):
            found = {package.name: package.version for package in packages(world, each)}
            assert each.torch == found.get("torch", found.get("pytorch"))
            assert {library.name for library in each.libraries} <= set(found)
            assert set(each.highlights) <= set(found.items())

    def test_the_python_is_the_one_in_its_list(self, world: DemoWorld) -> None:
        for each in everything(world):
            if each.conda_packages:
                versions = [p.version for p in packages(world, each) if p.name == "python"]
                assert versions == [(each.python or "").removesuffix("t")]

    def test_what_is_told_of_one(self, world: DemoWorld) -> None:
        found = {each.name: each for each in packages(world, find(world, "dl-dev", "vision"))}
        python, torch = found["python"], found["torch"]
        assert (python.owner, python.channel, python.is_requested) == ("conda", "conda-forge", True)
        assert python.build == "h9e4cc4f_1_cpython" and python.size_bytes == 29881 << 10
        assert (torch.owner, torch.channel, torch.size_bytes) == ("pip", "", None)

    def test_two_records_only_where_that_is_the_problem(self, world: DemoWorld) -> None:
        for each in everything(world):
            names = Counter(package.name for package in packages(world, each))
            twice = [name for name, count in names.items() if count > 1]
            assert [f"two records of {name}" for name in twice] == [
                problem.partition(":")[0] for problem in each.problems if problem.startswith("two")
            ]

    def test_an_address_and_an_editable_one(self, world: DemoWorld) -> None:
        audio = {each.name: each.build for each in packages(world, find(world, "dl-dev", "audio"))}
        assert audio["whisper-timestamped"].startswith("https://")
        (served,) = listed(world, "serve-embed").environments
        assert "editable" in {each.build for each in packages(world, served)}

    def test_of_several_in_their_order_and_nothing_of_a_stranger(self, world: DemoWorld) -> None:
        base, *_, vision, _ = listed(world, "dl-dev").environments
        stranger = Environment(base.container_id, "/nowhere", "", EnvironmentKind.VENV)
        asked = DemoEnvironments(world).packages(container(world, "dl-dev"), [vision, stranger, base])
        assert [len(each) for each in asked] == [
            len(packages(world, vision)), 0, len(packages(world, base)),
        ]  # fmt: skip


class TestSizes:
    def test_own_is_never_more_than_all(self, world: DemoWorld) -> None:
        target = container(world, "dl-dev")
        found = listed(world, "dl-dev").environments
        measured = DemoEnvironments(world).sizes(target, found, lambda: False)
        assert set(measured) == {each.prefix for each in found}
        assert all(0 < (size.own_bytes or 0) <= size.size_bytes for size in measured.values())

    def test_cancelling_ends_it(self, world: DemoWorld) -> None:
        target = container(world, "dl-dev")
        answers = iter([False, False, True])
        measured = DemoEnvironments(world).sizes(
            target, listed(world, "dl-dev").environments, lambda: next(answers)
        )
        assert len(measured) == 2

    def test_nothing_can_be_measured_in_a_stopped_one(self, world: DemoWorld) -> None:
        target = container(world, "preprocess-dicom")
        with pytest.raises(Conflict, match="can't be measured"):
            DemoEnvironments(world).sizes(
                target, listed(world, "preprocess-dicom").environments, lambda: False
            )


class TestProcesses:
    def test_those_of_an_environment_are_in_the_engines_list_with_their_host_numbers(
        self, world: DemoWorld
    ) -> None:
        vision = find(world, "dl-dev", "vision")
        target = container(world, "dl-dev")
        numbers = DemoHostPids(world).host_pids(target, vision.pids)
        assert numbers is not None and set(numbers) == set(vision.pids) != set()
        rows = {row[1]: row[-1] for row in world.processes(target.id).rows}
        assert all(rows[str(number)].startswith(vision.prefix) for number in numbers.values())

    def test_numbers_that_no_process_has_are_left_out(self, world: DemoWorld) -> None:
        assert DemoHostPids(world).host_pids(container(world, "dl-dev"), [99]) == {}
        assert DemoHostPids(world).host_pids(container(world, "diffusion-train"), [1]) == {}


def test_the_workstation_has_all_of_it() -> None:
    workstation = open_demo(DemoWorld(clock=FrozenClock()))
    assert workstation.environments is not None and workstation.host_pids is not None
    assert workstation.driver is not None and workstation.driver.facts() == DemoDriver().facts()
