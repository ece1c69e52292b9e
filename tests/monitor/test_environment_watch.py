"""When environments are asked for, in which order, and what becomes of the answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.making import full_id, make_container
from tests.monitor.environments import ScriptedEnvironments, make_environment
from tests.monitor.hosts import LOST
from tests.rig.waiting import until
from tui.model.compatibility import DriverFacts
from tui.model.containers import ContainerState
from tui.model.environments import EnvironmentKind, EnvironmentSize, KnownEnvironments
from tui.model.errors import EngineTimeout, GpuTimeout, NoSuchContainer
from tui.model.gpus import Gpu, GpuReport
from tui.model.reading import Reading
from tui.monitor.environment_watch import EnvironmentWatch
from tui.monitor.exec_gate import ExecGate, GatedEnvironments
from tui.monitor.size_watch import SizeWatch
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS, GPUS

STOPPED = ContainerState.EXITED
FAILED = EngineTimeout("Not listed", "it took longer than 10 s")


class Place:
    """A watch over containers that a test lists."""

    def __init__(self) -> None:
        self.store = Store()
        self.backend = ScriptedEnvironments()
        self.gate = ExecGate()
        self.made: list[EnvironmentWatch] = []

    def watch(self, **options: Any) -> EnvironmentWatch:
        gated = GatedEnvironments(self.backend, self.gate, options.pop("ask_inside", True))
        watch = EnvironmentWatch(
            gated, options.pop("driver", None), self.store, **({"start_seconds": 0.0} | options)
        )
        watch._sizes._dwell_seconds = 0.0
        self.made.append(watch)
        watch.start()
        return watch

    def list(self, *containers: Any) -> None:
        made = [make_container(each) if isinstance(each, str) else each for each in containers]
        self.store.put(CONTAINERS, tuple(made))

    def known(self, name: str) -> KnownEnvironments | None:
        return (self.store.value(ENVIRONMENTS) or {}).get(full_id(name))

    def settled(self) -> None:
        until(lambda: all(watch.is_at_rest for watch in self.made), message="nothing is asked any more")


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.backend.may_answer.set()
    made.backend.may_measure.set()
    for watch in made.made:
        watch.stop()


def test_all_that_run_are_listed_at_the_start(place: Place) -> None:
    place.list("one", "two", make_container("gone", STOPPED))
    place.watch()
    place.settled()
    assert sorted(place.backend.listed) == ["one", "two"]
    known = place.known("one")
    assert known is not None and known.listing is not None
    assert [each.prefix for each in known.listing.environments] == ["/opt/conda"]
    assert place.known("gone") is None


def test_nothing_is_asked_before_the_start_and_nothing_without_a_cause(place: Place) -> None:
    watch = place.watch(look_seconds=0.02)
    place.list("one")
    place.settled()
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.2)
    # nobody looks at it
    assert place.backend.listed == ["one"]
    watch.stop()


def test_at_most_four_at_a_time(place: Place) -> None:
    place.backend.may_answer.clear()
    place.list(*(f"box-{number:02d}" for number in range(20)))
    place.watch()
    until(lambda: place.backend.under_way == 4)
    place.backend.may_answer.set()
    place.settled()
    assert len(set(place.backend.listed)) == len(place.backend.listed) == 20
    assert place.backend.most_under_way == 4


def test_the_selected_one_goes_first(place: Place) -> None:
    place.backend.may_answer.clear()
    place.list(*(f"box-{number:02d}" for number in range(20)))
    watch = place.watch()
    until(lambda: place.backend.under_way == 4)
    watch.select(full_id("box-17"))
    place.backend.may_answer.set()
    place.settled()
    assert place.backend.listed[4] == "box-17"


def test_a_start_is_a_cause_and_unpausing_is_none(place: Place) -> None:
    place.list("one", make_container("two", STOPPED), make_container("three", ContainerState.PAUSED))
    place.watch()
    place.settled()
    assert place.backend.listed == ["one"]
    place.list("one", "two", "three")
    place.settled()
    assert place.backend.listed == ["one", "two"]
    place.list(make_container("one", started_at=5.0), "two", "three")
    place.list(make_container("one", started_at=9.0), "two", "three")
    place.settled()
    assert place.backend.listed == ["one", "two", "one"]


def test_what_starts_gets_a_moment_to_make_its_environments(place: Place) -> None:
    place.watch(start_seconds=0.3)
    place.list("one")
    place.settled()
    began = time.monotonic()
    place.list("one", "new")
    until(lambda: "new" in place.backend.listed)
    assert time.monotonic() - began >= 0.3


def test_what_is_looked_at_is_listed_again_when_it_is_old(place: Place) -> None:
    place.list("one", "two")
    watch = place.watch(look_seconds=0.05)
    place.settled()
    watch.show([full_id("two")])
    until(lambda: place.backend.listed.count("two") >= 3)
    watch.show([])
    place.settled()
    count = place.backend.listed.count("two")
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 0.3)
    assert place.backend.listed.count("two") <= count + 1
    assert place.backend.listed.count("one") == 1


def test_a_refresh_lists_what_runs_and_what_is_selected(place: Place) -> None:
    place.list("one", make_container("two", STOPPED), make_container("three", STOPPED))
    watch = place.watch()
    watch.select(full_id("two"))
    place.settled()
    place.backend.listed.clear()
    watch.refresh()
    place.settled()
    assert sorted(place.backend.listed) == ["one", "two"]


def test_a_stopped_one_is_read_when_the_cursor_stays_on_it(place: Place) -> None:
    place.list("one", make_container("two", STOPPED), make_container("three", STOPPED))
    watch = place.watch()
    place.settled()
    watch.select(full_id("two"))
    watch.select(full_id("three"))
    until(lambda: "three" in place.backend.listed)
    place.settled()
    assert place.backend.listed == ["one", "three"]


def test_a_stopped_one_keeps_what_was_found_while_it_ran(place: Place) -> None:
    place.backend.tell("one", make_environment("one", pip_packages=7))
    place.list("one")
    watch = place.watch()
    place.settled()
    place.backend.tell("one", make_environment("one"))
    place.list(make_container("one", STOPPED))
    watch.select(full_id("one"))
    watch.refresh()
    place.settled()
    assert place.backend.listed == ["one", "one"]
    known = place.known("one")
    assert known is not None and known.listing is not None
    assert known.listing.environments[0].pip_packages == 7
    place.backend.tell("one", make_environment("one", prefix="/other"))
    watch.refresh()
    place.settled()
    known = place.known("one")
    assert known is not None and known.listing is not None
    assert known.listing.environments[0].prefix == "/other"


def test_a_failure_is_that_containers_alone_and_keeps_what_was_known(place: Place) -> None:
    place.list("one", "two")
    watch = place.watch()
    place.settled()
    place.backend.failures[full_id("one")] = FAILED
    watch.refresh()
    place.settled()
    one, two = place.known("one"), place.known("two")
    assert one is not None and one.error is FAILED and one.listing is not None and not one.is_listing
    assert two is not None and two.error is None
    del place.backend.failures[full_id("one")]
    watch.refresh()
    place.settled()
    one = place.known("one")
    assert one is not None and one.error is None


def test_an_unforeseen_failure_is_told_too(place: Place) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    place.backend.environments = explode  # type: ignore[method-assign,assignment]
    place.list("one")
    place.watch()
    place.settled()
    known = place.known("one")
    assert known is not None and known.error is not None and "nobody thought" in known.error.detail


def test_what_failed_while_the_engine_was_away_is_asked_when_it_is_back(place: Place) -> None:
    place.backend.failures[full_id("one")] = FAILED
    place.list("one", "two")
    place.watch()
    place.settled()
    del place.backend.failures[full_id("one")]
    place.list("one", "two")
    place.settled()
    assert sorted(place.backend.listed) == ["one", "two"]
    place.store.fail(CONTAINERS, LOST)
    place.list("one", "two")
    place.settled()
    assert sorted(place.backend.listed) == ["one", "one", "two"]


def test_what_is_removed_is_forgotten_also_while_it_is_asked(place: Place) -> None:
    place.list("one", "two")
    watch = place.watch()
    place.settled()
    place.list("two")
    until(lambda: place.known("one") is None)
    place.backend.may_answer.clear()
    watch.list_soon(full_id("two"))
    until(lambda: place.backend.under_way == 1)
    place.list()
    place.backend.failures[full_id("two")] = NoSuchContainer("gone", "it was removed")
    place.backend.may_answer.set()
    place.settled()
    assert place.store.value(ENVIRONMENTS) == {}


def test_verdicts_come_with_the_listing(place: Place) -> None:
    class Driver:
        def facts(self) -> DriverFacts:
            return DriverFacts("470.82.01")

    place.backend.tell("one", make_environment("one", torch="2.9.1+cu128", cuda_build="12.8"))
    place.list("one")
    place.watch(driver=Driver())
    place.settled()
    known = place.known("one")
    assert known is not None and known.verdicts["/opt/conda"].status == "cannot run"


def test_verdicts_follow_what_the_driver_reports(place: Place) -> None:
    class Files:
        def facts(self) -> DriverFacts:
            return DriverFacts("470.82.01")

    place.backend.tell("one", make_environment("one", torch="2.9.1+cu128", cuda_build="12.8"))
    place.list("one")
    place.watch(driver=Files())
    place.settled()

    def status() -> str:
        known = place.known("one")
        return known.verdicts["/opt/conda"].status.value if known is not None else ""

    assert status() == "cannot run"
    card = Gpu("GPU-0", 0, "NVIDIA H100 80GB HBM3", compute_capability=Reading("9.0"))
    place.store.put(GPUS, GpuReport("580.95.05", "13.0", (card,)))
    assert status() == "ok"
    # a hang tells nothing new
    place.store.fail(GPUS, GpuTimeout("The GPU driver does not answer"))
    assert status() == "ok"
    assert place.backend.listed == ["one"]


class TestSizes:
    def test_of_the_selected_one_that_is_on_screen(self, place: Place) -> None:
        system = make_environment("one", "/usr", kind=EnvironmentKind.SYSTEM)
        place.backend.tell("one", make_environment("one"), make_environment("one", "/venv"), system)
        place.list("one", "two")
        watch = place.watch()
        place.settled()
        assert place.backend.measured == []
        self.look_at(watch, "one")
        until(lambda: self.sizes(place, "one").keys() == {"/opt/conda", "/venv"})
        assert sorted(place.backend.measured) == ["/opt/conda", "/venv"]
        known = place.known("one")
        assert known is not None and known.measuring == ""

    def test_they_are_kept_until_the_environment_changes(self, place: Place) -> None:
        place.list("one")
        watch = place.watch()
        self.look_at(watch, "one")
        until(lambda: self.sizes(place, "one"))
        watch.refresh()
        place.settled()
        self.look_at(watch, "one")
        assert place.backend.measured == ["/opt/conda"]
        place.backend.tell("one", make_environment("one", fingerprint="2"))
        place.backend.size = EnvironmentSize(5000, None)
        watch.refresh()
        until(lambda: self.sizes(place, "one").get("/opt/conda") == EnvironmentSize(5000, None))
        assert place.backend.measured == ["/opt/conda", "/opt/conda"]

    def test_a_walk_is_given_up_when_nobody_looks(self, place: Place) -> None:
        place.list("one", "two")
        watch = place.watch()
        place.settled()
        place.backend.may_measure.clear()
        self.look_at(watch, "one")
        until(lambda: (known := place.known("one")) is not None and known.measuring == "/opt/conda")
        self.look_at(watch, "two")
        assert place.backend.was_cancelled.wait(30)
        until(lambda: (known := place.known("one")) is not None and known.measuring == "")
        place.backend.may_measure.set()
        self.look_at(watch, "one")
        until(lambda: self.sizes(place, "one"))

    def test_what_can_not_be_measured_is_not_tried_over_and_over(self, place: Place) -> None:
        place.backend.size = None
        place.list("one")
        watch = place.watch(look_seconds=0.05)
        self.look_at(watch, "one")
        until(lambda: place.backend.listed.count("one") >= 4)
        assert place.backend.measured == ["/opt/conda"]

    def test_not_where_nothing_is_to_be_run(self, place: Place) -> None:
        place.list("one")
        watch = place.watch(ask_inside=False, measures=False)
        self.look_at(watch, "one")
        place.settled()
        assert place.backend.measured == []
        assert place.backend.asked_inside == [False]

    def test_a_container_that_the_cursor_passes_is_not_measured(self, place: Place) -> None:
        place.list("one", "two")
        watch = place.watch()
        place.settled()
        watch._sizes = SizeWatch(watch._backend, watch._measuring, watch._measured, dwell_seconds=0.3)
        self.look_at(watch, "one")
        self.look_at(watch, "two")
        until(lambda: self.sizes(place, "two"))
        assert self.sizes(place, "one") == {}

    @staticmethod
    def look_at(watch: EnvironmentWatch, name: str) -> None:
        watch.select(full_id(name))
        watch.show([full_id(name)])

    @staticmethod
    def sizes(place: Place, name: str) -> dict[str, EnvironmentSize]:
        known = place.known(name)
        return dict(known.sizes) if known is not None else {}
